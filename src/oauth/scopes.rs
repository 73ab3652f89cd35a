//! What a client may ask for: scopes (RFC 6749 §3.3), and the services that they are for (RFC 8707).
//! Scopes of services that are not XMPP are known by the configuration, and each is one service's alone:
//! so what was granted says for which of them tokens may be made.

use jid::BareJid;

use super::claims::Wanted;
use super::{ErrorCode, OauthError, Params, Provider};
use crate::config::Resource;
use crate::model::{Client, Scope, ScopeSet};

/// Whom a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience<'a> {
    /// Us and the account's server, as where nobody is named.
    Ours,
    /// Ourselves alone: userinfo.
    Issuer,
    /// A served host alone, by its name.
    Host(&'a str),
    /// A service that is not XMPP.
    Resource(&'a Resource),
}

impl Audience<'_> {
    /// Whether this scope means anything to it.
    fn knows(self, scope: &Scope) -> bool {
        match self {
            Self::Ours => !scope.is_of_resource(),
            Self::Issuer => is_general(scope),
            Self::Host(_) => scope.is_xmpp(),
            Self::Resource(resource) => resource.scopes.contains_key(scope),
        }
    }

    /// Of the scopes that a token is asked for, those that mean something to whom it is for.
    pub(super) fn of(self, scopes: &ScopeSet) -> ScopeSet {
        scopes.filtered(|scope| self.knows(scope))
    }
}

/// Whether a scope is about the person or the grant, whoever the token is for.
fn is_general(scope: &Scope) -> bool {
    scope.is_known() && !scope.is_xmpp()
}

impl Provider {
    /// The services that are named by a request, each once however often it stands there.
    ///
    /// # Errors
    /// `invalid_target`: one of them is none that tokens are given for (RFC 8707 §2).
    pub(super) fn audiences<'a>(
        &'a self,
        params: &'a Params,
    ) -> Result<Vec<Audience<'a>>, OauthError> {
        let mut audiences = Vec::new();
        for uri in params.resources() {
            let audience = self.audience(uri)?;
            if !audiences.contains(&audience) {
                audiences.push(audience);
            }
        }
        Ok(audiences)
    }

    fn audience<'a>(&'a self, uri: &'a str) -> Result<Audience<'a>, OauthError> {
        if let Some(resource) = self.config.resources.iter().find(|one| one.uri == uri) {
            return Ok(Audience::Resource(resource));
        }
        if uri.trim_end_matches('/') == self.config.http.issuer() {
            return Ok(Audience::Issuer);
        }
        uri.strip_prefix("xmpp:")
            .filter(|host| self.config.xmpp.hosts.iter().any(|it| it.as_str() == *host))
            .map(Audience::Host)
            .ok_or_else(|| {
                invalid_target(
                    "resource names nothing that tokens are given for here: it may be the issuer, \
                     xmpp: and a host that is served, or a service of the configuration, to the letter",
                )
            })
    }

    /// What is asked for, less what is unknown, what the client did not register for, and what is for
    /// none of the services that the request names. Where nothing is asked for: what it registered for, or
    /// all that those services know; else a chat client's scopes (RFC 6749 §3.3).
    pub(super) fn check_scopes(
        &self,
        params: &Params,
        client: &Client,
        wanted: &Wanted,
    ) -> Result<ScopeSet, OauthError> {
        let audiences = self.audiences(params)?;
        let asked = match params.get("scope").or(client.metadata.scope.as_deref()) {
            Some(asked) => asked.parse().map_err(|error| {
                OauthError::new(ErrorCode::InvalidScope, format!("scope: {error}"))
            })?,
            None => usual(&audiences),
        };
        // The person decides about what is asked for by its name, too.
        let asked: ScopeSet = match (wanted.profile, Scope::PROFILE.parse()) {
            (true, Ok(profile)) => asked.with(profile),
            _ => asked,
        };
        let is_meant = |scope: &Scope| {
            audiences.is_empty()
                || is_general(scope)
                || audiences.iter().any(|audience| audience.knows(scope))
        };
        let scopes = asked.filtered(|scope| {
            self.knows(scope) && client.metadata.may_ask_for(scope.as_str()) && is_meant(scope)
        });
        for audience in &audiences {
            if let Audience::Resource(resource) = audience
                && !scopes.iter().any(|scope| audience.knows(scope))
            {
                return Err(OauthError::new(
                    ErrorCode::InvalidScope,
                    format!(
                        "resource names {}, but scope none of its own that this client may ask for",
                        resource.uri
                    ),
                ));
            }
        }
        if !scopes.iter().any(Scope::opens_something) {
            return Err(OauthError::new(
                ErrorCode::InvalidScope,
                format!(
                    "none of the scopes is one that this client may ask for; known are {}",
                    self.known_scopes().collect::<Vec<_>>().join(" ")
                ),
            ));
        }
        Ok(scopes)
    }

    /// The hosts that a request is for, where it names any: at others it gets no XMPP scope.
    ///
    /// # Errors
    /// As [`Self::audiences`].
    pub(super) fn hosts_named(&self, params: &Params) -> Result<Vec<String>, OauthError> {
        let audiences = self.audiences(params)?.into_iter();
        let hosts = audiences.filter_map(|audience| match audience {
            Audience::Host(host) => Some(host.to_owned()),
            _ => None,
        });
        Ok(hosts.collect())
    }

    fn knows(&self, scope: &Scope) -> bool {
        scope.is_known() || self.sentence_of(scope).is_some()
    }

    /// The name of the service that a scope belongs to, and what it allows there, in the operator's words;
    /// `None` for one of ours.
    pub fn sentence_of(&self, scope: &Scope) -> Option<(&str, &str)> {
        let resources = self.config.resources.iter();
        let mut named =
            resources.filter_map(|one| Some((one.name.as_str(), one.scopes.get(scope)?)));
        named
            .next()
            .map(|(name, sentence)| (name, sentence.as_str()))
    }

    /// The scopes in a list for people, those of other services with what they allow there.
    pub fn listed(&self, scopes: &ScopeSet) -> String {
        let word = |scope: &Scope| match self.sentence_of(scope) {
            None => scope.to_string(),
            Some((service, sentence)) => format!("{scope} ({service}: {sentence})"),
        };
        let words: Vec<_> = scopes.iter().map(word).collect();
        match words.iter().any(|word| word.contains(' ')) {
            true => words.join(", "),
            false => words.join(" "),
        }
    }

    /// Every scope that there is here.
    pub(super) fn known_scopes(&self) -> impl Iterator<Item = &str> {
        let resources = self.config.resources.iter();
        let of_resources = resources.flat_map(|it| it.scopes.keys().map(Scope::as_str));
        Scope::KNOWN.into_iter().chain(of_resources)
    }

    /// Whom a token is for that gets these scopes of an account's grant: the service that is named, or the
    /// only one that can be meant.
    ///
    /// # Errors
    /// `invalid_target`: the grant is not for what is named, or several services are meant (RFC 8707 §2.2).
    pub(super) fn audience_of_token<'a>(
        &'a self,
        named: &[Audience<'a>],
        scopes: &ScopeSet,
        account: &BareJid,
    ) -> Result<Audience<'a>, OauthError> {
        let audience = match named {
            [] => return self.only_audience(scopes),
            [one] => *one,
            _ => {
                return Err(invalid_target(
                    "a token is for one service: name one resource",
                ));
            }
        };
        if matches!(audience, Audience::Host(host) if account.domain().as_str() != host) {
            return Err(invalid_target(
                "the account is at another host than resource names",
            ));
        }
        match audience.of(scopes).iter().any(Scope::opens_something) {
            true => Ok(audience),
            false => Err(invalid_target(
                "nothing was granted for what resource names",
            )),
        }
    }

    /// Where no service is named: ours, if anything was granted that is; else the only one.
    fn only_audience(&self, scopes: &ScopeSet) -> Result<Audience<'_>, OauthError> {
        let ours = |scope: &Scope| scope.opens_something() && !scope.is_of_resource();
        let is_ours = scopes.iter().any(ours) || !scopes.iter().any(Scope::is_of_resource);
        if is_ours {
            return Ok(Audience::Ours);
        }
        let resources = self.config.resources.iter().map(Audience::Resource);
        let mut meant = resources.filter(|resource| !resource.of(scopes).is_empty());
        match (meant.next(), meant.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(invalid_target(
                "what was granted is for a service that is not known here any more",
            )),
            _ => Err(invalid_target(
                "a token is for one service: say in resource for which",
            )),
        }
    }
}

fn usual(audiences: &[Audience<'_>]) -> ScopeSet {
    let of_resources: ScopeSet = audiences
        .iter()
        .filter_map(|audience| match audience {
            Audience::Resource(resource) => Some(resource.scopes.keys().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    if !of_resources.is_empty() {
        return of_resources;
    }
    let chat = [Scope::OPENID, Scope::CLIENT_NORMAL];
    chat.into_iter()
        .filter_map(|scope| scope.parse().ok())
        .collect()
}

fn invalid_target(why: &str) -> OauthError {
    OauthError::new(ErrorCode::InvalidTarget, why)
}
