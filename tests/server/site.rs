//! A server with our module, our program joined to it, and what apps and chat clients do with them.

use std::time::{Duration, Instant};

use jid::{DomainPart, FullJid};
use minidom::Element;
use serde_json::{Value, json};
use url::Url;
use xmpp_oauth::config::{C2s, C2sTls};
use xmpp_oauth::secrets::{Secret, sha256_text};
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError, Client, Connector};

use crate::answers::{hidden, parameter, redirect};
use crate::support::http::{Answer, Http};
use crate::support::process::Program;
use crate::support::prosody::{ALICE, COMPONENT, HOST, SECRET, User};
use crate::support::release::Release;
use crate::support::server::{Server, Wish};
use crate::support::wait::until;

/// How long anything but a promise may take, on a slow machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// What an app's redirect URI is.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) program: Program,
}

/// An app's tokens.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) client_id: String,
}

impl Site {
    pub(crate) async fn start(release: Release) -> Self {
        Self::with(Wish::of(release), "").await
    }

    /// With other settings of the server, and more lines for component.toml.
    pub(crate) async fn with(wish: Wish, more: &str) -> Self {
        Self::on(wish.start().await, more).await
    }

    /// On a server that runs.
    pub(crate) async fn on(server: Server, more: &str) -> Self {
        Self::run(server, more, "debug").await
    }

    /// With all that the program can log.
    pub(crate) async fn logging(server: Server, level: &str) -> Self {
        Self::run(server, "", level).await
    }

    async fn run(server: Server, more: &str, level: &str) -> Self {
        Self::prepared(server, more, |program| program.env("RUST_LOG", level)).await
    }

    /// With a program that something is done to before it starts.
    pub(crate) async fn prepared(
        server: Server,
        more: &str,
        prepare: impl FnOnce(Program) -> Program,
    ) -> Self {
        let link = server.component();
        let program = Program::new(|http, ops| settings(http, ops, &link.to_string(), more));
        let mut program = prepare(program);
        program.start().await;
        let site = Self { server, program };
        site.program.wait_log("the host's module is there", 0).await;
        site
    }

    pub(crate) fn is_prosody(&self) -> bool {
        matches!(self.server, Server::Prosody(_))
    }

    /// Waits until a session waits to be resumed, by what the server logs after its first `from` bytes.
    pub(crate) async fn hibernation(&self, from: usize) {
        let line = self.server.says_hibernating();
        until("a session to wait for resumption", LIMIT, async || {
            self.server
                .log()
                .get(from..)
                .is_some_and(|log| log.contains(line))
                .then_some(())
        })
        .await;
    }

    /// How a chat client connects.
    pub(crate) fn connector(&self, tls: C2sTls) -> Connector {
        let address = match tls {
            C2sTls::Direct => self.server.c2s_tls(),
            C2sTls::Starttls | C2sTls::None => self.server.c2s(),
        };
        Connector::new(&C2s {
            address: Some(address.to_string()),
            tls,
            ca_file: Some(self.server.ca_file()),
            mechanisms: Vec::new(),
        })
        .unwrap()
    }

    /// A stream to the host, before login.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_to(HOST).await
    }

    pub(crate) async fn connect_to(&self, host: &str) -> Client {
        let domain = DomainPart::new(host).unwrap().into_owned();
        self.connector(C2sTls::None).connect(&domain).await.unwrap()
    }

    /// What the server says to a token.
    pub(crate) async fn show(&self, token: &str) -> Result<Bearer, C2sError> {
        self.connect().await.oauthbearer(None, Some(token)).await
    }

    /// Whether the token logs in.
    pub(crate) async fn logs_in(&self, token: &str) -> bool {
        self.show(token).await.unwrap() == Bearer::Success
    }

    /// A session that was opened with a token.
    pub(crate) async fn session(&self, token: &str) -> (Client, FullJid) {
        let mut client = self.connect().await;
        let said = client.oauthbearer(None, Some(token)).await.unwrap();
        assert_eq!(said, Bearer::Success);
        client.bind(None).await.unwrap()
    }

    /// Whether the password logs in.
    pub(crate) async fn knows(&self, user: User<'_>) -> bool {
        let mut client = self.connect_to(user.host).await;
        let password = Secret::new(user.password);
        client
            .password(user.name, &password, &["PLAIN".to_owned()])
            .await
            .is_ok()
    }

    /// A session that was opened with a password.
    pub(crate) async fn password_session(
        &self,
        user: User<'_>,
        resource: Option<&str>,
    ) -> (Client, FullJid) {
        let mut client = self.connect_to(user.host).await;
        let password = Secret::new(user.password);
        client
            .password(user.name, &password, &["PLAIN".to_owned()])
            .await
            .unwrap();
        client.bind(resource).await.unwrap()
    }

    /// Registers a public native app.
    pub(crate) async fn register(&self) -> String {
        let metadata = json!({
            "client_name": "Chat",
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": [CALLBACK],
        });
        let url = self.program.url("/oauth2/register");
        let answer = Http::new().post_json(&url, &metadata).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// The address of an app's authorization request.
    pub(crate) fn authorize_url(&self, client_id: &str, scope: &str) -> String {
        let fields = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "some state"),
            ("code_challenge", &sha256_text(VERIFIER)),
            ("code_challenge_method", "S256"),
        ];
        Url::parse_with_params(&self.program.url("/oauth2/authorize"), fields)
            .unwrap()
            .into()
    }

    /// Gives a password on the login page; what comes then, redirects followed.
    pub(crate) async fn log_in(&self, browser: &mut Http, url: &str, user: User<'_>) -> Answer {
        let page = browser.get(url).await;
        let (continue_to, csrf) = (hidden(&page, "continue"), hidden(&page, "csrf"));
        let fields = [
            ("username", user.name),
            ("password", user.password),
            ("continue", &continue_to),
            ("csrf", &csrf),
        ];
        let answer = browser
            .post_form(&self.program.url("/login"), &fields)
            .await;
        match answer.status {
            303 => browser.get(&self.program.url(answer.location())).await,
            _ => answer,
        }
    }

    /// Allows what the consent page asks.
    pub(crate) async fn allow(&self, browser: &mut Http, page: &Answer) -> Url {
        let (request, ticket) = (hidden(page, "request"), hidden(page, "ticket"));
        let fields = [
            ("decision", "allow"),
            ("request", &request),
            ("ticket", &ticket),
        ];
        redirect(
            &browser
                .post_form(&self.program.url("/consent"), &fields)
                .await,
        )
    }

    /// Posts to an endpoint that clients call themselves.
    pub(crate) async fn call(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        Http::new().post_form(&self.program.url(path), fields).await
    }

    /// Redeems a code.
    pub(crate) async fn redeem(&self, client_id: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.call("/oauth2/token", &fields).await
    }

    pub(crate) async fn refresh(&self, client_id: &str, refresh_token: &str) -> Answer {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", refresh_token),
        ];
        self.call("/oauth2/token", &fields).await
    }

    pub(crate) async fn revoke(&self, tokens: &Tokens) {
        let fields = [
            ("client_id", tokens.client_id.as_str()),
            ("token", &tokens.refresh),
        ];
        let answer = self.call("/oauth2/revoke", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Alice's tokens for a new app, by a whole flow.
    pub(crate) async fn tokens(&self, scope: &str) -> Tokens {
        self.tokens_of(ALICE, scope).await
    }

    pub(crate) async fn tokens_of(&self, user: User<'_>, scope: &str) -> Tokens {
        let client_id = self.register().await;
        let mut browser = Http::new();
        let page = self
            .log_in(&mut browser, &self.authorize_url(&client_id, scope), user)
            .await;
        let code = parameter(&self.allow(&mut browser, &page).await, "code").unwrap();
        let answer = self.redeem(&client_id, &code).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Tokens::of(&answer.json(), client_id)
    }
}

impl Tokens {
    pub(crate) fn of(answer: &Value, client_id: String) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            client_id,
        }
    }
}

/// A component.toml for the link at `link`.
pub(crate) fn settings(http: u16, ops: u16, link: &str, more: &str) -> String {
    let hosts = format!("hosts = [\"{HOST}\"]");
    let more = match more.contains("[xmpp]") {
        true => more.replace("[xmpp]", &format!("[xmpp]\n{hosts}")),
        false => format!("[xmpp]\n{hosts}\n{more}"),
    };
    let limits = match more.contains("[limits]") {
        true => "",
        false => "[limits]\nregistrations_per_address = 1000",
    };
    format!(
        r#"
        [component]
        jid = "{COMPONENT}"
        secret = "{SECRET}"
        server = "{link}"
        [http]
        listen = "127.0.0.1:{http}"
        public_url = "http://127.0.0.1:{http}"
        ops_listen = "127.0.0.1:{ops}"
        [registration]
        registration_key = "a key that is only used in these tests"
        {limits}
        {more}
        "#
    )
}

/// An element from its text, in `jabber:client`.
pub(crate) fn stanza(text: &str) -> Element {
    let (name, rest) = text.split_once([' ', '>', '/']).unwrap();
    let cut = &text[name.len()..text.len() - rest.len()];
    format!("{name} xmlns='jabber:client'{cut}{rest}")
        .parse()
        .unwrap()
}

/// Sends an IQ and waits for its answer, passing over whatever else comes.
pub(crate) async fn ask(client: &mut Client, iq: &str) -> Element {
    let iq = stanza(iq);
    let id = iq.attr("id").unwrap().to_owned();
    client.send(&iq).await.unwrap();
    wait_for(client, |element| {
        element.is("iq", "jabber:client") && element.attr("id") == Some(&id)
    })
    .await
}

/// The first element that `wanted` is true for.
pub(crate) async fn wait_for(client: &mut Client, wanted: impl Fn(&Element) -> bool) -> Element {
    let coming = async {
        loop {
            let element = client.next().await.unwrap();
            if wanted(&element) {
                return element;
            }
        }
    };
    tokio::time::timeout(LIMIT, coming)
        .await
        .expect("it should have come by now")
}

/// The defined condition of an error stanza.
pub(crate) fn condition(answer: &Element) -> String {
    let error = answer.get_child("error", "jabber:client");
    let error = error.unwrap_or_else(|| panic!("no error: {}", String::from(answer)));
    let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
    let mut conditions = error
        .children()
        .filter(|c| c.ns() == stanzas && c.name() != "text");
    conditions.next().unwrap().name().to_owned()
}

/// How long it takes until the server ends this session, and what it says.
pub(crate) async fn ended(client: &mut Client) -> (Duration, String) {
    let since = Instant::now();
    let ending = async {
        loop {
            if let Err(error) = client.next().await {
                return error.to_string();
            }
        }
    };
    let why = tokio::time::timeout(LIMIT, ending)
        .await
        .expect("the session should have ended");
    (since.elapsed(), why)
}
