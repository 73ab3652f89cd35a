//! Records to put into a store.

use std::sync::Arc;
use std::time::Duration;

use jid::{BareJid, DomainPart};
use tempfile::TempDir;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{
    ApplicationType, AuthMethod, AuthorizationCode, BrowserSession, Client, ClientId,
    ClientMetadata, ClientOrigin, CodeChallenge, CodeChallengeMethod, Generation, Grant, GrantId,
    GrantType, Pair, ResponseType, SubjectType, Thumbprint,
};
use xmpp_oauth::secrets::TokenHash;
use xmpp_oauth::storage::postgres::PostgresStore;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{Redeemed, Rotation, Store};

use crate::server::Server;

pub(crate) type Shared = Arc<dyn Store>;

/// When the tests begin.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn sqlite() -> (Shared, TempDir) {
    let files = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(files.path().join("store.db")).unwrap();
    (Arc::new(store), files)
}

pub(crate) async fn postgres() -> (Shared, ()) {
    let settings = Server::shared().database().await;
    let store = PostgresStore::open(&settings).await.unwrap();
    (Arc::new(store), ())
}

pub(crate) fn jid(text: &str) -> BareJid {
    text.parse().unwrap()
}

pub(crate) fn host(text: &str) -> DomainPart {
    text.parse().unwrap()
}

pub(crate) fn hash(text: &str) -> TokenHash {
    TokenHash::of(text)
}

pub(crate) fn client(name: &str) -> Client {
    Client {
        id: ClientId::new(format!("client-{name}")),
        metadata: ClientMetadata {
            client_name: name.to_owned(),
            client_uri: Some("https://client.example/".parse().unwrap()),
            redirect_uris: vec!["https://client.example/cb".to_owned()],
            post_logout_redirect_uris: Vec::new(),
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            token_endpoint_auth_method: AuthMethod::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec![ResponseType::Code],
            application_type: ApplicationType::Native,
            ..ClientMetadata::default()
        },
        issued_at: NOW,
        expires_at: Some(NOW + 90 * DAY),
        origin: ClientOrigin::Registered,
    }
}

/// A grant `g-NAME` of alice's, with a generation, to the client `Gajim`.
pub(crate) fn grant(name: &str) -> Grant {
    Grant {
        id: GrantId::new(format!("g-{name}")),
        account: jid("alice@example.com"),
        client_id: client("Gajim").id,
        client_name: "Gajim".to_owned(),
        scopes: "openid xmpp:client:normal".parse().unwrap(),
        created_at: NOW,
        auth_time: Some(NOW),
        nonce: Some("n-1".to_owned()),
        id_token_claims: "name picture".parse().unwrap(),
        generation: Some(Generation::new("1")),
        ended: None,
        granted_from: None,
        last_used_at: NOW,
        last_used_from: None,
    }
}

/// The code `c-NAME` for a grant.
pub(crate) fn code(grant: &Grant) -> AuthorizationCode {
    AuthorizationCode {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        account: grant.account.clone(),
        scopes: grant.scopes.clone(),
        redirect_uri: Some("https://client.example/cb".to_owned()),
        code_challenge: Some(CodeChallenge {
            method: CodeChallengeMethod::S256,
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        }),
        dpop_jkt: Some(Thumbprint::new("key")),
        nonce: grant.nonce.clone(),
        id_token_claims: grant.id_token_claims.clone(),
        auth_time: grant.auth_time.unwrap(),
        generation: grant.generation.clone(),
        issued_at: NOW,
        expires_at: NOW + MINUTE,
        granted_from: None,
    }
}

/// The access token `a-NAME` for an hour and the refresh token `r-NAME` for ever.
pub(crate) fn pair(name: &str) -> Pair {
    Pair {
        access: hash(&format!("a-{name}")),
        scopes: "openid xmpp:client:normal".parse().unwrap(),
        access_expires_at: NOW + HOUR,
        refresh: Some(hash(&format!("r-{name}"))),
        refresh_expires_at: None,
        issued_at: NOW,
        issued_to: None,
        access_jkt: None,
        refresh_jkt: None,
    }
}

/// The browser session of alice, for a day.
pub(crate) fn session() -> BrowserSession {
    BrowserSession {
        account: jid("alice@example.com"),
        auth_time: NOW,
        generation: Some(Generation::new("1")),
        expires_at: NOW + DAY,
        last_seen_at: NOW,
        from: None,
        user_agent: None,
    }
}

/// Stores a code, by a browser session that is gone again afterwards.
pub(crate) async fn save_code(store: &Shared, name: &TokenHash, code: &AuthorizationCode) {
    let session = BrowserSession {
        account: code.account.clone(),
        auth_time: code.auth_time,
        generation: code.generation.clone(),
        expires_at: code.expires_at,
        last_seen_at: NOW,
        from: None,
        user_agent: None,
    };
    let cookie = hash("a cookie");
    store.save_session(&cookie, &session).await.unwrap();
    assert!(store.save_code(name, code, &cookie).await.unwrap());
    store.end_session(&cookie).await.unwrap();
}

/// A stored grant with the pair of its name.
pub(crate) async fn give(store: &Shared, grant: &Grant, pair: &Pair) {
    let name = hash(&format!("c-{}", grant.id));
    let mut client = client("Gajim");
    client.id = grant.client_id.clone();
    save_code(store, &name, &code(grant)).await;
    let redeemed = store.redeem_code(&name, &client, grant, pair, NOW).await;
    assert_eq!(redeemed.unwrap(), Redeemed::Done);
}

/// A store in which alice's grant `g-1` lives with the pair `0`.
pub(crate) async fn with_grant(store: &Shared) -> Grant {
    let grant = grant("1");
    give(store, &grant, &pair("0")).await;
    grant
}

/// Shows `r-OLD`, for the pair `new`.
pub(crate) async fn rotate(store: &Shared, old: &str, new: &str, at: Timestamp) -> Rotation {
    let old = hash(&format!("r-{old}"));
    store
        .rotate_refresh_token(&old, &pair(new), at)
        .await
        .unwrap()
}

pub(crate) async fn has_access(store: &Shared, name: &str) -> bool {
    let token = store.access_token(&hash(&format!("a-{name}"))).await;
    token.unwrap().is_some()
}

pub(crate) async fn is_live(store: &Shared, grant: &Grant) -> bool {
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    stored.is_live()
}
