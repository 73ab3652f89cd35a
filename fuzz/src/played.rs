//! A provider that listens, stands on a real database and a clock that stands still, and knows some clients;
//! its XMPP server is played.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use jid::{BareJid, DomainPart};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use xmpp_oauth::accounts::{AccountStatus, Accounts, PasswordCheck, Unavailable};
use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::config;
use xmpp_oauth::config::RegistrationAlgorithm::HS256;
use xmpp_oauth::http::{NoticeTexts, Web, router, server};
use xmpp_oauth::keys::{Keyring, registration};
use xmpp_oauth::model::{BrowserSession, GrantId, Profile, ScopeSet};
use xmpp_oauth::oauth::{Foundation, Provider};
use xmpp_oauth::secrets::{OsRandom, Secret, TokenHash};
use xmpp_oauth::storage::Store;
use xmpp_oauth::storage::sqlite::SqliteStore;

use crate::key;

/// The only password that is right; everybody's.
pub const PASSWORD: &str = "wonderland";
/// Where answers to the clients may go.
pub const REDIRECT_URIS: [&str; 4] = [
    "http://127.0.0.1",
    "com.example.app:/cb",
    "https://web.example/cb",
    "https://signer.example/cb",
];
const SECRET: &str = "a secret of 32 characters or more";
/// The cookie of the form.
const FORM: &str = "0123456789abcdefghijkl";
/// The cookie of alice's browser session.
const SESSION: &str = "xos_0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

const SETTINGS: &str = r#"
component.jid = "oauth.example.com"
component.secret = "0123456789abcdef0123456789abcdef"
xmpp.hosts = ["example.com"]
http.public_url = "https://auth.example"
http.trusted_proxies = ["127.0.0.1"]
registration.registration_key = "a key that is only used by this fuzzer"
tokens.id_token_algorithms = ["RS256", "HS256"]

[[clients]]
client_id = "app"
client_name = "App"
application_type = "native"
token_endpoint_auth_method = "none"
redirect_uris = ["http://127.0.0.1/cb", "com.example.app:/cb"]
grant_types = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]

[[clients]]
client_id = "web"
client_secret = "a secret of 32 characters or more"
client_name = "Web"
redirect_uris = ["https://web.example/cb"]
id_token_signed_response_alg = "HS256"
"#;

struct Server;

#[async_trait]
impl Accounts for Server {
    async fn check_password(
        &self,
        _: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable> {
        Ok(match password.expose() == PASSWORD {
            true => PasswordCheck::Valid { generation: None },
            false => PasswordCheck::Invalid,
        })
    }

    async fn statuses(
        &self,
        _: &DomainPart,
        accounts: &[BareJid],
    ) -> Result<Vec<AccountStatus>, Unavailable> {
        let enabled = AccountStatus::Enabled { generation: None };
        Ok(accounts.iter().map(|_| enabled.clone()).collect())
    }

    async fn end_sessions(&self, _: &BareJid, _: &GrantId) -> Result<u32, Unavailable> {
        Ok(0)
    }

    async fn tell(&self, _: &BareJid, _: &str) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn profile(&self, _: &BareJid) -> Result<Profile, Unavailable> {
        Ok(Profile::default())
    }

    fn enforced_scopes(&self, _: &DomainPart) -> ScopeSet {
        "xmpp xmpp:client:normal".parse().expect("scopes")
    }
}

/// See the module.
pub struct Played {
    runtime: Runtime,
    port: u16,
    provider: Arc<Provider>,
    store: Arc<SqliteStore>,
    /// The `client_id`s of a client that registered itself, and of one that signs.
    registered: [String; 2],
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// The one of this process.
pub static PLAYED: LazyLock<Played> = LazyLock::new(Played::new);

impl Played {
    fn new() -> Self {
        // one thread: what a request does is done when it has been answered
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let folder = TempDir::new().expect("a folder");
        let config = Arc::new(config::parse(SETTINGS, folder.path()).expect("settings"));
        let store = SqliteStore::open(folder.path().join("fuzz.db")).expect("a store");
        let store = Arc::new(store);
        let clock = Arc::new(ManualClock::at(NOW));
        let (stop, stopped) = watch::channel(false);
        let (port, provider) = runtime.block_on(async {
            let keys = Keyring::open(
                Arc::clone(&store) as Arc<dyn Store>,
                Arc::clone(&clock) as _,
                (&config.tokens).into(),
            );
            let provider = Provider::new(Foundation {
                config: Arc::clone(&config),
                store: Arc::clone(&store) as _,
                accounts: Arc::new(Server),
                words: Arc::new(NoticeTexts::new(&config).expect("texts")),
                keys: keys.await.expect("keys"),
                clock,
                random: Arc::new(OsRandom),
            });
            let provider = Arc::new(provider.await.expect("a provider"));
            let web = Web::new(&config, Arc::clone(&provider), Arc::new(OsRandom));
            let web = web.expect("pages");
            let limits = server::Limits {
                max_connections: config.limits.max_connections,
                head_timeout: config.limits.request_timeout,
                counts: web.door_counts(),
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            let router = router(web);
            tokio::spawn(server::serve(listener, router, limits, stopped));
            (port, provider)
        });
        let played = Self {
            runtime,
            port,
            provider,
            store,
            registered: Default::default(),
            _stop: stop,
            _folder: folder,
        };
        played.log_in();
        let native = json!({
            "client_name": "Registered",
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/cb"],
        });
        let signer = json!({
            "client_name": "Signer",
            "redirect_uris": ["https://signer.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": key::jwks(),
        });
        let registered = [native, signer].map(|metadata| played.register(&metadata));
        Self {
            registered,
            ..played
        }
    }

    fn register(&self, metadata: &Value) -> String {
        let answer = self.send(&format!(
            "POST /oauth2/register HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{metadata}",
            metadata.to_string().len()
        ));
        let body = answer.split_once("\r\n\r\n").expect("an answer").1;
        let answer: Value = serde_json::from_str(body).expect("JSON");
        let id = answer["client_id"].as_str();
        id.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Alice's browser session is there, whatever was logged out.
    pub fn log_in(&self) {
        let session = BrowserSession {
            account: "alice@example.com".parse().expect("an account"),
            auth_time: NOW,
            generation: None,
            expires_at: Timestamp::from_unix(NOW.as_unix() * 2),
            last_seen_at: NOW,
            from: None,
            user_agent: None,
        };
        let hash = TokenHash::of(SESSION);
        let is_there = self.runtime.block_on(self.store.session(&hash));
        if is_there.expect("the store").is_none() {
            let saved = self
                .runtime
                .block_on(self.store.save_session(&hash, &session));
            saved.expect("the store");
        }
    }

    /// A text with the clients' names in it.
    pub fn name(&self, text: &str) -> String {
        let [registered, signer] = &self.registered;
        text.replace("$client", registered)
            .replace("$signer", signer)
    }

    /// What the words of a request stand for that nobody can guess. `jwt` is the one that it comes with, and
    /// `claims` what is in it.
    pub fn fill(&self, text: &str, jwt: &str, claims: &str) -> String {
        let claims: Value = serde_json::from_str(claims).unwrap_or(Value::Null);
        let hint = registration::sign(&Secret::new(SECRET), HS256, &claims).expect("JSON");
        self.name(text)
            .replace("$jwt", jwt)
            .replace("$hint", &hint)
            .replace("$csrf", &self.provider.form_token(FORM))
            .replace("$form", &format!("__Host-xmpp-oauth-form={FORM}"))
            .replace("$session", &format!("__Host-xmpp-oauth-session={SESSION}"))
            // web, with its secret
            .replace(
                "$basic",
                "d2ViOmErc2VjcmV0K29mKzMyK2NoYXJhY3RlcnMrb3IrbW9yZQ==",
            )
    }

    /// The whole answer to a request that ends its connection.
    pub fn send(&self, request: &str) -> String {
        self.runtime.block_on(async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await;
            let stream = stream.as_mut().expect("it listens");
            let mut answer = Vec::new();
            // it may answer before it has read all, and hang up
            let _ = stream.write_all(request.as_bytes()).await;
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8(answer).expect("answers are text")
        })
    }
}
