//! SASL OAUTHBEARER messages (RFC 7628): parse what clients really send, look the token up, decide.

use std::net::IpAddr;

use jid::{BareJid, DomainRef};

use super::Provider;
use super::access::Access;
use crate::clock::Timestamp;
use crate::model::{ClientId, GrantId, Scope, ScopeSet};

/// The longest message that is looked at.
const MAX_MESSAGE: usize = 64 * 1024;

/// What became of an OAUTHBEARER message.
#[derive(Debug)]
pub enum BearerAnswer {
    /// The token opens this account's sessions.
    Success(BearerSuccess),
    /// It does not: the JSON of RFC 7628 §3.2.2, for the client.
    Challenge(String),
    /// That was no OAUTHBEARER message.
    Malformed,
    /// It could not be looked up; the client may try again.
    Unavailable,
}

/// A session that may be opened.
#[derive(Debug)]
pub struct BearerSuccess {
    /// Whose.
    pub account: BareJid,
    /// The grant that it hangs on.
    pub grant_id: GrantId,
    /// The client that the grant was given to.
    pub client_id: ClientId,
    /// Its name, for people.
    pub client_name: String,
    /// What the session may do.
    pub scopes: ScopeSet,
    /// When the access token expires.
    pub expires_at: Timestamp,
}

/// What a client's message says (RFC 7628 §3.1).
#[derive(Debug, PartialEq, Eq)]
pub struct BearerMessage {
    /// Whom it wants to be, unescaped; `None` for whoever the token is for.
    pub authzid: Option<String>,
    /// `None` where the client shows no token, to learn where one can be had (XEP-0493 §4.1).
    pub token: Option<String>,
}

impl Provider {
    /// Decides about a client's message (already base64-decoded) to `host`; `from` is the client's
    /// address, where the host tells it.
    pub async fn check_bearer(
        &self,
        host: &DomainRef,
        message: &[u8],
        from: Option<IpAddr>,
    ) -> BearerAnswer {
        let answer = self.judge(host, message, from).await;
        self.counts.bearer_logins.count(&answer);
        answer
    }

    async fn judge(&self, host: &DomainRef, message: &[u8], from: Option<IpAddr>) -> BearerAnswer {
        let Some(BearerMessage { authzid, token }) = BearerMessage::parse(message) else {
            return BearerAnswer::Malformed;
        };
        let Some(token) = token else {
            return self.challenge("invalid_token");
        };
        let access = match self.access(&token).await {
            Ok(access) => access,
            Err(error) => {
                tracing::error!(%error, "a token could not be looked up");
                return BearerAnswer::Unavailable;
            }
        };
        let Some(access) = access.filter(|access| opens(access, host, authzid.as_deref())) else {
            return self.challenge("invalid_token");
        };
        if !access.scopes.allows_xmpp() {
            return self.challenge("insufficient_scope");
        }
        self.used(&access, from);
        BearerAnswer::Success(BearerSuccess {
            account: access.grant.account.clone(),
            grant_id: access.grant.id.clone(),
            client_id: access.grant.client_id.clone(),
            client_name: access.grant.client_name.clone(),
            scopes: access.scopes.clone(),
            expires_at: access.expires_at,
        })
    }

    /// RFC 7628 §3.2.2; XEP-0493 §4.1: `openid-configuration` is the URL of an RFC 8414 document.
    fn challenge(&self, status: &str) -> BearerAnswer {
        let json = serde_json::json!({
            "status": status,
            "scope": Scope::CLIENT_NORMAL,
            "openid-configuration": self.config.http.url_of(super::discovery::METADATA_PATH),
        });
        BearerAnswer::Challenge(json.to_string())
    }
}

/// Whether the token is for this host, and for whom the client says it wants to be.
fn opens(access: &Access, host: &DomainRef, authzid: Option<&str>) -> bool {
    let account = &access.grant.account;
    let same_host = account.domain().as_str() == host.as_str();
    let same_user =
        authzid.is_none_or(|authzid| BareJid::new(authzid).is_ok_and(|jid| jid == *account));
    // RFC 9449 §7.2: nobody can show a proof here, and without one a bound token opens nothing
    same_host && same_user && access.jkt.is_none()
}

impl BearerMessage {
    /// RFC 7628 §3.1: `gs2-header kvsep *kvpair kvsep`; `None` where it is no such thing. Taken as clients
    /// send it: keys in any order and unknown ones passed over, the last separator may be missing.
    pub fn parse(message: &[u8]) -> Option<Self> {
        if message.len() > MAX_MESSAGE {
            return None;
        }
        let message = std::str::from_utf8(message).ok()?;
        if message.is_empty() {
            return Some(Self {
                authzid: None,
                token: None,
            });
        }
        let (header, rest) = message.split_once('\x01')?;
        let authzid = parse_gs2_header(header)?;
        let mut credentials = None;
        for pair in rest.split('\x01').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=')?;
            // RFC 7628 §3.1: key = 1*(ALPHA)
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphabetic()) {
                return None;
            }
            if key == "auth" && credentials.replace(value).is_some() {
                return None;
            }
        }
        let token = credentials
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .and_then(|value| {
                let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
                // RFC 6750 §2.1, RFC 9110 §11.1: the scheme's case does not matter
                let token = token.trim();
                (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
                    .then(|| token.to_owned())
            });
        Some(Self { authzid, token })
    }
}

/// RFC 5801 §4: `("n" / "y") "," ["a=" saslname] ","`. Channel binding (`p=`) is none of
/// OAUTHBEARER's.
fn parse_gs2_header(header: &str) -> Option<Option<String>> {
    let rest = header
        .strip_prefix("n,")
        .or_else(|| header.strip_prefix("y,"))?;
    let authzid = rest.strip_suffix(',')?;
    if authzid.is_empty() {
        return Some(None);
    }
    unescape_saslname(authzid.strip_prefix("a=")?).map(Some)
}

/// RFC 5801 §4: `=2C` is a comma, `=3D` an equals sign; neither stands for itself.
fn unescape_saslname(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        out.push(character);
        out.push_str(rest);
    }
    (!out.is_empty() && !out.contains('\0') && !name.contains(',')).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(authzid: Option<&str>, token: Option<&str>) -> Option<BearerMessage> {
        Some(BearerMessage {
            authzid: authzid.map(Into::into),
            token: token.map(Into::into),
        })
    }

    #[test]
    fn messages_are_taken_as_clients_really_send_them() {
        for (sent, expected) in [
            ("n,,\x01auth=Bearer t\x01\x01", message(None, Some("t"))),
            (
                "n,a=alice@example.com,\x01auth=Bearer t\x01\x01",
                message(Some("alice@example.com"), Some("t")),
            ),
            (
                "n,a=a=2Cb=3Dc@h,\x01auth=Bearer t\x01\x01",
                message(Some("a,b=c@h"), Some("t")),
            ),
            (
                "y,,\x01host=h\x01port=5222\x01auth=bearer  t \x01\x01",
                message(None, Some("t")),
            ),
            (
                "n,,\x01auth=Bearer t\x01port=1\x01\x01",
                message(None, Some("t")),
            ),
            ("n,,\x01auth=Bearer t\x01", message(None, Some("t"))),
        ] {
            assert_eq!(BearerMessage::parse(sent.as_bytes()), expected, "{sent:?}");
        }
    }

    #[test]
    fn an_empty_token_asks_where_one_can_be_had() {
        for sent in [
            "",
            "n,,\x01auth=\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01\x01",
            "n,,\x01auth=Basic eA==\x01\x01",
        ] {
            assert_eq!(
                BearerMessage::parse(sent.as_bytes()),
                message(None, None),
                "{sent:?}"
            );
        }
    }

    #[test]
    fn what_is_no_oauthbearer_message_is_malformed() {
        for sent in [
            "x",
            "\x01",
            "n,,auth=Bearer t",
            "p=tls-unique,,\x01auth=Bearer t\x01\x01",
            "n,b=x,\x01\x01",
            "n,a=x\x01auth=Bearer t\x01\x01",
            "n,a==41,\x01\x01",
            "n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
            "n,,\x01nokey\x01\x01",
            "n,,\x01=x\x01\x01",
            "\0alice\0secret",
            "n,a=a,b,\x01\x01",
        ] {
            assert_eq!(BearerMessage::parse(sent.as_bytes()), None, "{sent:?}");
        }
        assert_eq!(
            BearerMessage::parse(b"n,,\x01auth=Bearer \xff\x01\x01"),
            None
        );
        assert_eq!(BearerMessage::parse(&vec![b'n'; MAX_MESSAGE + 1]), None);
    }
}
