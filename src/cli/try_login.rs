//! `try`: does what an XEP-0493 client does, and says at which step it fails.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jid::{BareJid, FullJid};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::web::{Answer, Web, form_with};
use super::{output, try_device};
use crate::config::{C2s, C2sTls};
use crate::secrets::{OsRandom, Secret, random_text, same, sha256_text};
use crate::xmpp::c2s::{Bearer, Client, Connector};

/// Where the answer comes back to.
const CALLBACK: &str = "/callback";

/// Log in as a chat client would that never sees the password, step by step.
#[derive(Args, Debug)]
pub(super) struct TryArguments {
    /// The account, such as alice@example.com.
    pub(super) jid: BareJid,
    /// The server's address, HOST:PORT; by default the account's domain.
    #[arg(long, value_name = "HOST:PORT")]
    c2s: Option<String>,
    /// How the connection is encrypted.
    #[arg(long, value_enum, default_value = "starttls")]
    tls: Tls,
    /// Certificates to trust beside the system's (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// What to ask for.
    #[arg(long, default_value = "openid xmpp:client:normal")]
    pub(super) scope: String,
    /// By the device flow (RFC 8628): the browser may be on another machine.
    #[arg(long)]
    device: bool,
    /// A command to open the address with, such as xdg-open.
    #[arg(long, value_name = "COMMAND")]
    open_with: Option<String>,
    /// Log in and consent without a person, with the password in this file.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// End once logged in, instead of staying until the session ends or Ctrl-C.
    #[arg(long)]
    once: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tls {
    Starttls,
    Direct,
    None,
}

/// A step that did not work: which, and why.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub(super) struct Failed {
    step: &'static str,
    why: String,
}

pub(super) trait Step<T> {
    fn at(self, step: &'static str) -> Result<T, Failed>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn at(self, step: &'static str) -> Result<T, Failed> {
        self.map_err(|error| Failed {
            step,
            why: error.to_string(),
        })
    }
}

pub(super) fn fail<T>(step: &'static str, why: impl Into<String>) -> Result<T, Failed> {
    Err(Failed {
        step,
        why: why.into(),
    })
}

pub(super) async fn run(arguments: TryArguments) -> ExitCode {
    match log_in(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn log_in(arguments: &TryArguments) -> Result<(), Failed> {
    let connector = Connector::new(&arguments.c2s_settings()).at("certificates")?;
    let mut web = Web::new(arguments.ca_file.as_deref()).at("certificates")?;

    let metadata_url = discover(&connector, &arguments.jid).await?;
    output::line(format_args!("discovered    {metadata_url}"));
    let provider = Provider::fetch(&mut web, &metadata_url).await?;

    let tokens = match arguments.device {
        true => try_device::tokens(arguments, &provider, &mut web).await?,
        false => tokens_by_redirect(arguments, &provider, &mut web).await?,
    };
    let scope = tokens["scope"].as_str().unwrap_or("?");
    output::line(format_args!("got tokens    for {scope}"));

    let token = tokens["access_token"].as_str().unwrap_or_default();
    let (session, jid) = open_session(&connector, &arguments.jid, token).await?;
    output::line(format_args!("logged in as {jid}"));
    if arguments.once {
        session.close().await;
        return Ok(());
    }
    stay(session).await
}

/// The authorization code flow, with the browser on this machine.
async fn tokens_by_redirect(
    arguments: &TryArguments,
    provider: &Provider,
    web: &mut Web,
) -> Result<Value, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .at("listening for the answer")?;
    let port = listener.local_addr().at("listening for the answer")?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}{CALLBACK}");
    let wanted = json!({
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let client_id = provider.register(web, wanted).await?;

    let request = Request::new(provider, client_id, redirect_uri, arguments)?;
    let answer = request.ask(arguments, web, listener).await?;
    let code = request.check(&answer)?;
    output::line(format_args!("allowed       by the person in the browser"));
    request.exchange(web, &code).await
}

impl TryArguments {
    /// The password, where no person is to be asked.
    pub(super) async fn password(&self) -> Result<Option<Secret>, Failed> {
        let Some(file) = &self.password_file else {
            return Ok(None);
        };
        let text = tokio::fs::read_to_string(file).await.at("password file")?;
        Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
    }

    /// Shows the address that a person is to open.
    pub(super) fn show(&self, url: &Url) -> Result<(), Failed> {
        output::line(format_args!(
            "\nOpen this address in a browser:\n\n    {url}\n"
        ));
        if let Some(command) = &self.open_with {
            tokio::process::Command::new(command)
                .arg(url.as_str())
                .spawn()
                .at("opening the address")?;
        }
        Ok(())
    }

    fn c2s_settings(&self) -> C2s {
        C2s {
            address: self.c2s.clone(),
            tls: match self.tls {
                Tls::Starttls => C2sTls::Starttls,
                Tls::Direct => C2sTls::Direct,
                Tls::None => C2sTls::None,
            },
            ca_file: self.ca_file.clone(),
            mechanisms: Vec::new(),
        }
    }
}

/// XEP-0493 §4.1: an empty token, to be told where tokens can be had.
async fn discover(connector: &Connector, jid: &BareJid) -> Result<String, Failed> {
    const STEP: &str = "discovery";
    let mut client = connector.connect(jid.domain()).await.at(STEP)?;
    let mechanisms = client.mechanisms();
    if !mechanisms.iter().any(|name| name == "OAUTHBEARER") {
        let offered = mechanisms.join(", ");
        return fail(
            STEP,
            format!(
                "the server offers no OAUTHBEARER, only {offered}: is the module enabled for this host?"
            ),
        );
    }
    let Bearer::Challenge(challenge) = client.oauthbearer(None, None).await.at(STEP)? else {
        return fail(STEP, "the server accepted an empty token");
    };
    client.close().await;
    let challenge: Value = serde_json::from_str(&challenge).at(STEP)?;
    match challenge["openid-configuration"].as_str() {
        Some(url) => Ok(url.to_owned()),
        None => fail(STEP, "the server does not say where tokens can be had"),
    }
}

pub(super) struct Provider {
    issuer: String,
    authorization_endpoint: String,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: String,
    registration_endpoint: String,
}

impl Provider {
    /// RFC 8414 §3.
    async fn fetch(web: &mut Web, url: &str) -> Result<Self, Failed> {
        const STEP: &str = "metadata";
        let answer = web.get(url).await.at(STEP)?;
        if !answer.status.is_success() {
            return fail(STEP, format!("{url} answers {}", answer.status));
        }
        let metadata: Value = serde_json::from_slice(&answer.body).at(STEP)?;
        let field = |name: &'static str| match metadata[name].as_str() {
            Some(value) => Ok(value.to_owned()),
            None => fail(STEP, format!("{url} has no {name}")),
        };
        let issuer = field("issuer")?;
        // RFC 8414 §3.3: the issuer must be the one that the document was found under
        if !is_metadata_of(url, &issuer) {
            return fail(STEP, format!("{url} speaks for another issuer, {issuer}"));
        }
        Ok(Self {
            authorization_endpoint: field("authorization_endpoint")?,
            device_authorization_endpoint: field("device_authorization_endpoint").ok(),
            token_endpoint: field("token_endpoint")?,
            registration_endpoint: field("registration_endpoint").map_err(|error| Failed {
                why: format!("{}: registration is off", error.why),
                ..error
            })?,
            issuer,
        })
    }

    /// RFC 7591 §3. `wanted` is what the flow needs.
    pub(super) async fn register(&self, web: &mut Web, wanted: Value) -> Result<String, Failed> {
        const STEP: &str = "registration";
        let mut metadata = json!({
            "client_name": "xmpp-oauth try",
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "software_id": "xmpp-oauth-try",
            "software_version": env!("CARGO_PKG_VERSION"),
        });
        if let (Some(metadata), Value::Object(wanted)) = (metadata.as_object_mut(), wanted) {
            metadata.extend(wanted);
        }
        let answer = web
            .post_json(&self.registration_endpoint, &metadata)
            .await
            .at(STEP)?;
        let registered: Value = serde_json::from_slice(&answer.body).at(STEP)?;
        let Some(id) = registered["client_id"].as_str() else {
            return fail(STEP, refusal(&registered));
        };
        output::line(format_args!(
            "registered    as a native app, without a secret"
        ));
        Ok(id.to_owned())
    }
}

/// OpenID Connect Discovery §4; RFC 8414 §3.1 has it before the issuer's path.
fn is_metadata_of(url: &str, issuer: &str) -> bool {
    let Ok(issuer_url) = Url::parse(issuer) else {
        return false;
    };
    let origin = issuer_url.origin().ascii_serialization();
    let path = issuer_url.path().trim_end_matches('/');
    let openid = "/.well-known/openid-configuration";
    let oauth = "/.well-known/oauth-authorization-server";
    [
        format!("{origin}{path}{openid}"),
        format!("{origin}{path}{oauth}"),
        format!("{origin}{oauth}{path}"),
    ]
    .iter()
    .any(|place| place == url)
}

pub(super) fn refusal(answer: &Value) -> String {
    let part = |name: &str| answer[name].as_str().unwrap_or("?").to_owned();
    format!("{}: {}", part("error"), part("error_description"))
}

/// An authorization request, and what is kept to check its answer.
struct Request<'a> {
    provider: &'a Provider,
    client_id: String,
    redirect_uri: String,
    state: String,
    code_verifier: String,
    url: Url,
}

impl<'a> Request<'a> {
    fn new(
        provider: &'a Provider,
        client_id: String,
        redirect_uri: String,
        arguments: &TryArguments,
    ) -> Result<Self, Failed> {
        let state = random_text::<16>(&OsRandom);
        let code_verifier = random_text::<32>(&OsRandom);
        let jid = arguments.jid.to_string();
        let fields = [
            ("response_type", "code"),
            ("client_id", &client_id),
            ("redirect_uri", &redirect_uri),
            ("scope", &arguments.scope),
            ("state", &state),
            ("code_challenge", &sha256_text(&code_verifier)),
            ("code_challenge_method", "S256"),
            ("login_hint", &jid),
        ];
        let url =
            Url::parse_with_params(&provider.authorization_endpoint, fields).at("authorization")?;
        Ok(Self {
            provider,
            client_id,
            redirect_uri,
            state,
            code_verifier,
            url,
        })
    }

    /// Puts the request before a person (or plays one), and waits for the answer's address.
    async fn ask(
        &self,
        arguments: &TryArguments,
        web: &mut Web,
        listener: TcpListener,
    ) -> Result<Url, Failed> {
        if let Some(password) = arguments.password().await? {
            let answer = play_person(web, &self.url, &arguments.jid, &password).await?;
            return match answer.location().map(Url::parse) {
                Some(Ok(url)) => Ok(url),
                _ => fail(
                    "consent page",
                    format!("no redirect came back ({})", answer.status),
                ),
            };
        }
        arguments.show(&self.url)?;
        wait_for_answer(&listener, &self.redirect_uri).await
    }

    /// The code, if this is the answer to our request (RFC 6749 §10.12, RFC 9207 §2.4).
    fn check(&self, answer: &Url) -> Result<String, Failed> {
        const STEP: &str = "authorization";
        let parameter = |name: &str| {
            answer
                .query_pairs()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.into_owned())
        };
        if !parameter("state").is_some_and(|state| same(&state, &self.state)) {
            return fail(STEP, "the answer is not to this request (state)");
        }
        if parameter("iss").as_deref() != Some(self.provider.issuer.as_str()) {
            return fail(STEP, "the answer is from another issuer (iss)");
        }
        if let Some(error) = parameter("error") {
            let why = parameter("error_description").unwrap_or_default();
            return fail(STEP, format!("{error}: {why}"));
        }
        match parameter("code") {
            Some(code) => Ok(code),
            None => fail(STEP, "the answer has no code"),
        }
    }

    /// RFC 6749 §4.1.3.
    async fn exchange(&self, web: &mut Web, code: &str) -> Result<Value, Failed> {
        const STEP: &str = "token request";
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("client_id", &self.client_id),
            ("code_verifier", &self.code_verifier),
        ];
        let answer = web
            .post_form(&self.provider.token_endpoint, &fields)
            .await
            .at(STEP)?;
        let tokens: Value = serde_json::from_slice(&answer.body).at(STEP)?;
        match tokens["access_token"].is_string() {
            true => Ok(tokens),
            false => fail(STEP, refusal(&tokens)),
        }
    }
}

/// Does what a person does: fills in the login form, and allows. Gives what comes then.
pub(super) async fn play_person(
    web: &mut Web,
    start: &Url,
    jid: &BareJid,
    password: &Secret,
) -> Result<Answer, Failed> {
    const LOGIN: &str = "login page";
    const CONSENT: &str = "consent page";
    let page = web.get(start.as_str()).await.at(LOGIN)?;
    let Some((action, hidden)) = form_with(&page.text(), "password", start) else {
        return fail(LOGIN, format!("there is no login form ({})", page.status));
    };
    let jid = jid.to_string();
    let mut fields = borrowed(&hidden);
    fields.extend([("username", jid.as_str()), ("password", password.expose())]);
    let answer = web.post_form(action.as_str(), &fields).await.at(LOGIN)?;
    let Some(on) = answer.location().and_then(|to| action.join(to).ok()) else {
        return fail(
            LOGIN,
            format!("the password was not accepted ({})", answer.status),
        );
    };
    let page = web.get(on.as_str()).await.at(CONSENT)?;
    let Some((action, hidden)) = form_with(&page.text(), "decision", &on) else {
        let why = page.location().unwrap_or("there is no consent form");
        return fail(CONSENT, why);
    };
    let mut fields = borrowed(&hidden);
    fields.push(("decision", "allow"));
    web.post_form(action.as_str(), &fields).await.at(CONSENT)
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// Takes requests on the loopback listener until one is the answer.
async fn wait_for_answer(listener: &TcpListener, redirect_uri: &str) -> Result<Url, Failed> {
    const STEP: &str = "waiting for the answer";
    loop {
        let (mut stream, _) = listener.accept().await.at(STEP)?;
        let target = request_target(&mut stream).await;
        let answer = target
            .filter(|target| target.starts_with(&format!("{CALLBACK}?")))
            .and_then(|target| Url::parse(redirect_uri).ok()?.join(&target).ok());
        let (status, text) = match answer {
            Some(_) => (
                "200 OK",
                "Done. You can close this page and go back to the app.",
            ),
            None => ("404 Not Found", "Nothing is here."),
        };
        let page = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        // the browser may have gone; what it brought is what counts
        let _ = stream.write_all(page.as_bytes()).await;
        if let Some(answer) = answer {
            return Ok(answer);
        }
    }
}

/// The target of a GET request's first line.
async fn request_target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 64 * 1024 {
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => head.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
    let text = String::from_utf8(head).ok()?;
    let mut words = text.lines().next()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

async fn open_session(
    connector: &Connector,
    jid: &BareJid,
    token: &str,
) -> Result<(Client, FullJid), Failed> {
    const STEP: &str = "login";
    let mut client = connector.connect(jid.domain()).await.at(STEP)?;
    match client
        .oauthbearer(Some(jid.as_str()), Some(token))
        .await
        .at(STEP)?
    {
        Bearer::Success => client.bind(None).await.at(STEP),
        Bearer::Challenge(why) => {
            fail(STEP, format!("the token was not accepted for {jid}: {why}"))
        }
    }
}

/// Stays logged in until the server ends the session, or Ctrl-C.
async fn stay(mut session: Client) -> Result<(), Failed> {
    output::line(format_args!(
        "The session stays open until it is ended. Ctrl-C ends it."
    ));
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => {
                stopped.at("waiting")?;
                session.close().await;
                return Ok(());
            }
            stanza = session.next() => {
                if let Err(error) = stanza {
                    output::line(format_args!("the session was ended: {error}"));
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_speaks_for_the_issuer_under_which_it_was_found_and_for_no_other() {
        let (plain, below) = ("https://a.example", "https://a.example/chat");
        for (url, issuer) in [
            ("https://a.example/.well-known/openid-configuration", plain),
            (
                "https://a.example/.well-known/oauth-authorization-server",
                plain,
            ),
            (
                "https://a.example/chat/.well-known/openid-configuration",
                below,
            ),
            (
                "https://a.example/.well-known/oauth-authorization-server/chat",
                below,
            ),
        ] {
            assert!(is_metadata_of(url, issuer), "{url}");
        }
        for (url, issuer) in [
            (
                "https://a.example.evil/.well-known/openid-configuration",
                plain,
            ),
            ("https://a.example/.well-known/openid-configuration", below),
            (
                "https://a.example/.well-known/openid-configuration",
                "https:",
            ),
            ("https://a.example/.well-known/openid-configuration", ""),
        ] {
            assert!(!is_metadata_of(url, issuer), "{url} {issuer}");
        }
    }
}
