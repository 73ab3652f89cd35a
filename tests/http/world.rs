//! A provider on a free port, with people and apps to play with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jid::{BareJid, DomainPart};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;
use xmpp_oauth::accounts::{AccountStatus, Accounts, PasswordCheck, Unavailable};
use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::config;
use xmpp_oauth::http::{Web, router, server};
use xmpp_oauth::keys::Keyring;
use xmpp_oauth::model::{Generation, GrantId, ScopeSet};
use xmpp_oauth::oauth::{Foundation, Provider};
use xmpp_oauth::secrets::{OsRandom, Secret, sha256_text};
use xmpp_oauth::storage::Store;
use xmpp_oauth::storage::sqlite::SqliteStore;

use crate::client::{Answer, Http};

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const PASSWORD: &str = "wonderland";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The XMPP server, as far as the provider can see.
#[derive(Default)]
pub(crate) struct Server {
    /// Passwords, by account.
    pub(crate) passwords: Mutex<BTreeMap<String, String>>,
    /// What accounts are that are not simply there.
    pub(crate) statuses: Mutex<BTreeMap<String, AccountStatus>>,
    /// Which grants' sessions it was told to end.
    pub(crate) ended: Mutex<Vec<GrantId>>,
    /// Whether it can be asked at all.
    pub(crate) is_away: AtomicBool,
    /// How many passwords it was asked about.
    pub(crate) asked: AtomicU32,
    /// What its module enforces.
    pub(crate) enforces: Mutex<String>,
}

#[async_trait]
impl Accounts for Server {
    async fn check_password(
        &self,
        account: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        let passwords = self.passwords.lock().unwrap();
        Ok(match passwords.get(account.as_str()) {
            Some(right) if right == password.expose() => PasswordCheck::Valid {
                generation: Some(Generation::new(right.as_str())),
            },
            _ => PasswordCheck::Invalid,
        })
    }

    async fn statuses(
        &self,
        _: &DomainPart,
        accounts: &[BareJid],
    ) -> Result<Vec<AccountStatus>, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        let (statuses, passwords) = (
            self.statuses.lock().unwrap(),
            self.passwords.lock().unwrap(),
        );
        let status = |account: &BareJid| {
            let special = statuses.get(account.as_str()).cloned();
            special.unwrap_or_else(|| match passwords.get(account.as_str()) {
                None => AccountStatus::Missing,
                Some(password) => AccountStatus::Enabled {
                    generation: Some(Generation::new(password.as_str())),
                },
            })
        };
        Ok(accounts.iter().map(status).collect())
    }

    async fn end_sessions(&self, _: &BareJid, grant: &GrantId) -> Result<u32, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        self.ended.lock().unwrap().push(grant.clone());
        Ok(1)
    }

    fn enforced_scopes(&self, _: &DomainPart) -> ScopeSet {
        self.enforces.lock().unwrap().parse().unwrap()
    }
}

/// The provider and all that it stands on.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: Arc<Server>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) issuer: String,
    stop: watch::Sender<bool>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With more settings: TOML tables, or dotted keys of `[http]`, `[registration]` and so on.
    pub(crate) async fn with(more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let folder = TempDir::new().unwrap();
        let text = settings(&issuer, more);
        let config = Arc::new(config::parse(&text, folder.path()).unwrap());
        let store = Arc::new(SqliteStore::open(folder.path().join("test.db")).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let server = Arc::new(Server::default());
        server
            .passwords
            .lock()
            .unwrap()
            .insert(ALICE.to_owned(), PASSWORD.to_owned());
        server
            .passwords
            .lock()
            .unwrap()
            .insert("bob@example.com".to_owned(), "builder".to_owned());
        "xmpp xmpp:client:normal".clone_into(&mut server.enforces.lock().unwrap());
        let keys = Keyring::open(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&clock) as _,
        );
        let provider = Provider::new(Foundation {
            config: Arc::clone(&config),
            store: Arc::clone(&store) as _,
            accounts: Arc::clone(&server) as _,
            keys: keys.await.unwrap(),
            clock: Arc::clone(&clock) as _,
            random: Arc::new(OsRandom),
        });
        let provider = Arc::new(provider.await.unwrap());
        let web = Web::new(&config, Arc::clone(&provider), Arc::new(OsRandom)).unwrap();
        let (stop, stopped) = watch::channel(false);
        let limits = server::Limits {
            max_connections: config.limits.max_connections,
            head_timeout: config.limits.request_timeout,
        };
        tokio::spawn(server::serve(listener, router(web), limits, stopped));
        Self {
            clock,
            server,
            store,
            provider,
            issuer,
            stop,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Registers an app with this much said over a native, confidential one.
    pub(crate) async fn register(&self, more: Value) -> App {
        let mut metadata = json!({
            "client_name": "Test",
            "client_uri": "https://app.example/",
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/cb"],
        });
        for (name, value) in more.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let answer = Http::new()
            .post_json(&self.url("/oauth2/register"), &metadata)
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let registered = answer.json();
        App {
            id: registered["client_id"].as_str().unwrap().to_owned(),
            secret: registered["client_secret"].as_str().map(str::to_owned),
            redirect_uri: registered["redirect_uris"][0].as_str().unwrap().to_owned(),
        }
    }

    /// The URL of an authorization request of this app.
    pub(crate) fn authorize_url(&self, app: &App, more: &[(&str, &str)]) -> String {
        let challenge = sha256_text(VERIFIER);
        let mut fields = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", &app.id),
            ("redirect_uri", &app.redirect_uri),
            ("scope", "openid xmpp:client:normal"),
            ("state", "some state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        fields.extend(more.iter().copied());
        fields.retain(|_, value| !value.is_empty());
        Url::parse_with_params(&self.url("/oauth2/authorize"), fields)
            .unwrap()
            .into()
    }

    /// A browser in which alice has logged in and consented to a request; gives the redirect.
    pub(crate) async fn consent(&self, browser: &mut Http, url: &str) -> Url {
        let page = self.log_in(browser, url).await;
        let answer = self.decide(browser, &page, "allow").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        Url::parse(answer.location()).unwrap()
    }

    /// Goes to a request's URL, logs in where asked, and gives the page that comes then.
    pub(crate) async fn log_in(&self, browser: &mut Http, url: &str) -> Answer {
        let page = browser.get(url).await;
        if !page.text().contains(r#"name="password""#) {
            return page;
        }
        let answer = self.give_password(browser, &page, ALICE, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let on = self.url(answer.location());
        browser.get(&on).await
    }

    /// Fills in the login form of this page.
    pub(crate) async fn give_password(
        &self,
        browser: &mut Http,
        page: &Answer,
        username: &str,
        password: &str,
    ) -> Answer {
        let (continue_to, csrf) = (hidden(page, "continue"), hidden(page, "csrf"));
        let fields = [
            ("username", username),
            ("password", password),
            ("continue", &continue_to),
            ("csrf", &csrf),
        ];
        browser.post_form(&self.url("/login"), &fields).await
    }

    /// Answers a consent page.
    pub(crate) async fn decide(&self, browser: &mut Http, page: &Answer, decision: &str) -> Answer {
        let (request, ticket) = (hidden(page, "request"), hidden(page, "ticket"));
        let fields = [
            ("decision", decision),
            ("request", request.as_str()),
            ("ticket", ticket.as_str()),
        ];
        browser.post_form(&self.url("/consent"), &fields).await
    }

    /// A code for this app, by a new browser.
    pub(crate) async fn code(&self, app: &App, more: &[(&str, &str)]) -> String {
        let url = self.authorize_url(app, more);
        parameter(&self.consent(&mut Http::new(), &url).await, "code").expect("a code")
    }

    /// Posts to the token endpoint as this app, with its secret in the form.
    pub(crate) async fn token(&self, app: &App, fields: &[(&str, &str)]) -> Answer {
        self.call(app, "/oauth2/token", fields).await
    }

    /// Redeems a code as the app should.
    pub(crate) async fn redeem(&self, app: &App, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
        ];
        self.token(app, &fields).await
    }

    /// Tokens for this app by a whole flow.
    pub(crate) async fn tokens(&self, app: &App, more: &[(&str, &str)]) -> Value {
        let code = self.code(app, more).await;
        let answer = self.redeem(app, &code).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn refresh(&self, app: &App, refresh_token: &str) -> Answer {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.token(app, &fields).await
    }

    pub(crate) async fn introspect(&self, app: &App, token: &str) -> Value {
        let answer = self
            .call(app, "/oauth2/introspect", &[("token", token)])
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn revoke(&self, app: &App, token: &str) -> Answer {
        self.call(app, "/oauth2/revoke", &[("token", token)]).await
    }

    async fn call(&self, app: &App, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        fields.push(("client_id", &app.id));
        if let Some(secret) = &app.secret {
            fields.push(("client_secret", secret));
        }
        Http::new().post_form(&self.url(path), &fields).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        Http::new()
            .with("authorization", &bearer)
            .get(&self.url("/oauth2/userinfo"))
            .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A registered app.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect_uri: String,
}

fn settings(issuer: &str, more: &str) -> String {
    format!(
        r#"
        [component]
        jid = "oauth.example.com"
        secret = "0123456789abcdef0123456789abcdef"
        [xmpp]
        hosts = ["example.com"]
        [http]
        public_url = "{issuer}"
        [registration]
        registration_key = "a key that is only used in these tests"
        {more}
        "#
    )
}

/// The value of a hidden form field.
pub(crate) fn hidden(page: &Answer, name: &str) -> String {
    let text = page.text();
    let start = format!(r#"name="{name}" value=""#);
    let from = text
        .find(&start)
        .unwrap_or_else(|| panic!("no field {name} in {text}"))
        + start.len();
    let value = &text[from..from + text[from..].find('"').unwrap()];
    unescape(value)
}

fn unescape(html: &str) -> String {
    let mut text = html.to_owned();
    for (entity, character) in [
        ("&#x2f;", "/"),
        ("&#47;", "/"),
        ("&#x3d;", "="),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}

/// A parameter of a redirect's query.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}
