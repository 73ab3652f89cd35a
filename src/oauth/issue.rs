//! Making tokens: the pair, and the id_token (OIDC Core §2).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::claims::{ACR, AMR};
use super::scopes::Audience;
use super::token::Caller;
use super::userinfo::claims_open_to;
use super::{OauthError, Provider};
use crate::clock::Timestamp;
use crate::config::RegistrationAlgorithm;
use crate::keys::registration;
use crate::model::{Client, Grant, GrantType, Pair, Scope, ScopeSet, SigningAlgorithm};
use crate::secrets::{Secret, TokenHash, TokenKind, half_sha256_text, half_sha512_text, new_token};

/// An id_token says who logged in just now; it is no credential to keep.
const ID_TOKEN_TTL: Duration = Duration::from_secs(3600);

/// A new pair: what the client gets, and what is stored of it.
pub(super) struct NewPair {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    pub(super) stored: Pair,
    /// What the answer is for; the access token has what of it means something to whom it is for.
    asked: ScopeSet,
}

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: Timestamp,
    exp: Timestamp,
    /// OIDC Core §2: left out where it is not known when the person gave their password.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    /// Back-Channel Logout §2.1: for clients that want to hear of the end of the browser session.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// These two, too, where they have not.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<[&'a str; 1]>,
    /// What the `claims` parameter asked for.
    #[serde(flatten)]
    about: Map<String, Value>,
}

impl Provider {
    /// A new pair of a grant for `scopes`, to be handed to the caller; a refresh token comes with it where
    /// `with_refresh`. A caller that proved to hold a key gets it bound to that key, and has spent the
    /// proof: so this comes when all else has been checked.
    ///
    /// # Errors
    /// The caller named a service that the grant is not for; or the proof had been shown before.
    pub(super) async fn new_pair(
        &self,
        client: &Client,
        grant: &Grant,
        scopes: ScopeSet,
        with_refresh: bool,
        caller: &Caller<'_>,
    ) -> Result<NewPair, OauthError> {
        let now = self.now();
        let audience = self.audience_of_token(&caller.named, &scopes, &grant.account)?;
        let told = audience.of(&scopes);
        let jkt = match &caller.proved {
            Some(proved) => Some(self.spend_proof(proved).await?),
            None => None,
        };
        // RFC 9449 §5: a confidential client's refresh token hangs on its own proof of who it is
        let refresh_jkt = jkt.clone().filter(|_| !client.metadata.is_confidential());
        let ttl = &self.config.tokens;
        let (access, lasts) = match audience {
            Audience::Ours | Audience::Issuer | Audience::Host(_) => {
                let token = new_token(self.random.as_ref(), TokenKind::Access);
                (token, ttl.access_token_ttl)
            }
            Audience::Resource(resource) => {
                let token = self.resource_token(resource, client, grant, &told, jkt.as_ref());
                (token.await?, resource.access_token_ttl)
            }
        };
        let refresh = with_refresh.then(|| new_token(self.random.as_ref(), TokenKind::Refresh));
        Ok(NewPair {
            stored: Pair {
                access: TokenHash::of(&access),
                scopes: told,
                access_expires_at: now + lasts,
                refresh: refresh.as_deref().map(TokenHash::of),
                refresh_expires_at: ttl.refresh_token_ttl.map(|ttl| now + ttl),
                issued_at: now,
                issued_to: self.kept(caller.from),
                access_jkt: jkt,
                refresh_jkt: refresh_jkt.filter(|_| with_refresh),
            },
            access_token: Secret::new(access),
            refresh_token: refresh.map(Secret::new),
            asked: scopes,
        })
    }

    /// Whether a refresh token comes with a grant: it was asked for, or the grant opens XMPP sessions;
    /// and neither the client nor the operator has left refreshing out.
    pub(super) fn gives_refresh_token(&self, client: &Client, scopes: &ScopeSet) -> bool {
        (scopes.contains(Scope::OFFLINE_ACCESS) || scopes.allows_xmpp())
            && client.metadata.may_use(GrantType::RefreshToken)
            && self
                .config
                .flows
                .allowed_grant_types
                .contains(&GrantType::RefreshToken)
    }

    /// The id_token that goes with an access token, where `openid` was granted. A client that relies on
    /// `auth_time` gets none that could not say it.
    pub(super) async fn id_token(
        &self,
        client: &Client,
        grant: &Grant,
        pair: &NewPair,
    ) -> Result<Option<String>, OauthError> {
        let says_enough = grant.auth_time.is_some() || !client.metadata.needs_auth_time();
        if !pair.asked.contains(Scope::OPENID) || !says_enough {
            return Ok(None);
        }
        let issued_at = pair.stored.issued_at;
        self.sign_id_token(
            client,
            grant,
            &pair.asked,
            issued_at,
            Some(&pair.access_token),
        )
        .await
        .map(Some)
    }

    /// An id_token about a grant; `access_token` is the one that it goes with.
    pub(super) async fn sign_id_token(
        &self,
        client: &Client,
        grant: &Grant,
        scopes: &ScopeSet,
        issued_at: Timestamp,
        access_token: Option<&Secret>,
    ) -> Result<String, OauthError> {
        let open = claims_open_to(&client.metadata, scopes);
        let told = open.intersection(&grant.id_token_claims);
        let claims = IdTokenClaims {
            iss: self.config.http.issuer(),
            sub: self.subject_for(&client.metadata, &grant.account),
            aud: grant.client_id.as_str(),
            iat: issued_at,
            exp: issued_at + ID_TOKEN_TTL,
            auth_time: grant.auth_time,
            nonce: grant.nonce.as_deref(),
            at_hash: access_token.map(|token| at_hash(self.algorithm_for(client), token)),
            sid: self.sid(client, &grant.id).await?,
            acr: grant.auth_time.map(|_| ACR),
            amr: grant.auth_time.map(|_| AMR),
            about: self.claims_of(&grant.account, &told).await,
        };
        self.sign_for(client, "JWT", &claims).await
    }

    /// How something for a client is signed: as it registered for; with RS256 where the operator has
    /// switched that off since.
    fn algorithm_for(&self, client: &Client) -> SigningAlgorithm {
        let registered = client.metadata.id_token_signed_response_alg;
        registered
            .filter(|algorithm| self.config.tokens.id_token_algorithms.contains(algorithm))
            .unwrap_or_default()
    }

    /// Signs something of the type `typ` for a client.
    pub(super) async fn sign_for<T: Serialize + Sync>(
        &self,
        client: &Client,
        typ: &str,
        claims: &T,
    ) -> Result<String, OauthError> {
        let algorithm = self.algorithm_for(client);
        let signed = match (algorithm, self.client_secret(&client.id)) {
            // OIDC Core §10.1: the key is the octets of the client_secret
            (SigningAlgorithm::HS256, Some(secret)) if client.metadata.has_secret() => {
                registration::sign_typed(typ, &secret, RegistrationAlgorithm::HS256, claims)
            }
            (SigningAlgorithm::HS256, _) => {
                let algorithm = SigningAlgorithm::RS256;
                self.keys.sign_typed(typ, algorithm, claims).await
            }
            (algorithm, _) => self.keys.sign_typed(typ, algorithm, claims).await,
        };
        Ok(signed?)
    }
}

/// OIDC Core §3.1.3.6: by the hash function of the signature; Ed25519 has SHA-512 in it (RFC 8032 §5.1).
fn at_hash(algorithm: SigningAlgorithm, token: &Secret) -> String {
    match algorithm {
        SigningAlgorithm::EdDSA => half_sha512_text(token.expose()),
        SigningAlgorithm::RS256 | SigningAlgorithm::ES256 | SigningAlgorithm::HS256 => {
            half_sha256_text(token.expose())
        }
    }
}
