//! Clients that others wrote go through the flows.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::answers::{hidden, redirect};
use crate::site::{LIMIT, Site};
use crate::support::http::Http;
use crate::support::npm;
use crate::support::prosody::ALICE;
use crate::support::release::servers;
use crate::support::server::Wish;

/// Alice, as clients know her.
const WHO: &str = "xmpp:alice@localhost";

/// Takes `oauth4webapi` through a flow of tests/npm/flows.mjs; `person` does what a line asks for. Gives what
/// the client saw in the end.
async fn oauth4webapi(site: &Site, flow: &str, person: impl AsyncFn(&Value) -> String) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/flows.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(npm::folder())
        .arg(site.program.url(""))
        .arg(flow)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node: run tools/install clients");
    let mut input = node.stdin.take().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    loop {
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await;
        let line = line.expect("a step in time").unwrap();
        let step: Value = serde_json::from_str(&line.expect("a last word")).unwrap();
        if let Some(seen) = step.get("done") {
            return seen.clone();
        }
        assert!(step.get("failed").is_none(), "{flow}: {}", step["failed"]);
        let told = format!("{}\n", person(&step).await);
        input.write_all(told.as_bytes()).await.unwrap();
    }
}

/// Does what a step asks for in alice's browser, and gives where it is sent.
async fn alice(site: &Site, browser: &mut Http, step: &Value) -> String {
    let at = |act: &str| step[act].as_str();
    if let Some(url) = at("allow") {
        let page = site.log_in(browser, url, ALICE).await;
        return site.allow(browser, &page).await.into();
    }
    if let Some(url) = at("connect") {
        let page = site.log_in(browser, url, ALICE).await;
        let (request, ticket) = (hidden(&page, "request"), hidden(&page, "ticket"));
        let fields = [
            ("decision", "allow"),
            ("request", &request),
            ("ticket", &ticket),
        ];
        let url = site.program.url("/device");
        let done = browser.post_form(&url, &fields).await;
        assert_eq!(done.status, 200, "{}", done.text());
        return url;
    }
    let url = at("log_out").expect("something to do");
    let page = browser.get(url).await;
    let (request, csrf) = (hidden(&page, "request"), hidden(&page, "csrf"));
    let fields = [("request", request.as_str()), ("csrf", &csrf)];
    let url = site.program.url("/logout");
    redirect(&browser.post_form(&url, &fields).await).into()
}

/// The same with another browser for each step.
async fn alice_anew(site: &Site, step: &Value) -> String {
    alice(site, &mut Http::new(), step).await
}

#[tokio::test]
async fn oauth4webapi_goes_from_discovery_to_revocation() {
    for release in servers() {
        let site = Site::start(release).await;
        let seen = oauth4webapi(&site, "code", async |step| alice_anew(&site, step).await).await;
        let expected =
            json!({ "client_secret_basic": WHO, "client_secret_post": WHO, "none": WHO });
        assert_eq!(seen, expected, "{release}");
    }
}

/// A chat client on StanzaJS (tests/npm/chat.mjs), at one of a server's addresses for browsers.
struct StanzaJs {
    lines: Lines<BufReader<ChildStdout>>,
    _node: Child,
}

impl StanzaJs {
    fn start(address: &str, jid: &str, token: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/chat.mjs");
        let mut node = Command::new("node")
            .arg(script)
            .arg(npm::folder())
            .args([address, jid, token])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node: run tools/install clients");
        Self {
            lines: BufReader::new(node.stdout.take().unwrap()).lines(),
            _node: node,
        }
    }

    /// What it sees next.
    async fn sees(&mut self) -> Value {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        let line = line.expect("a line in time").unwrap();
        serde_json::from_str(&line.expect("a last word")).unwrap()
    }
}

#[tokio::test]
async fn stanza_js_logs_in_by_websocket_and_by_bosh_until_its_access_is_taken_back() {
    for release in servers() {
        let site = Site::with(Wish::of(release).with_web(), "").await;
        let identity = site.tokens("openid").await;
        for address in site.server.web() {
            let tokens = site.tokens("xmpp:client:normal").await;
            let alice = "alice@localhost";
            let mut chat = StanzaJs::start(&address, alice, &tokens.access);
            let seen = chat.sees().await;
            let jid = seen["jid"].as_str().unwrap_or_else(|| panic!("{seen}"));
            assert!(jid.starts_with("alice@localhost/"), "{release}: {seen}");
            assert_eq!(seen["contacts"], 0, "{release}: {seen}");

            site.revoke(&tokens).await;
            let seen = chat.sees().await;
            assert_eq!(
                seen,
                json!({ "disconnected": true }),
                "{release}, {address}"
            );
            for token in [&identity.access, &tokens.access] {
                let seen = StanzaJs::start(&address, alice, token).sees().await;
                assert_eq!(seen, json!({ "failed": true }), "{release}, {address}");
            }
        }
    }
}

#[tokio::test]
async fn oauth4webapi_pushes_its_request() {
    for release in servers() {
        let site = Site::start(release).await;
        let seen = oauth4webapi(&site, "par", async |step| alice_anew(&site, step).await).await;
        assert_eq!(seen, WHO, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_proves_itself_with_keys_of_each_kind() {
    for release in servers() {
        let site = Site::start(release).await;
        let flow = "private_key_jwt";
        let seen = oauth4webapi(&site, flow, async |step| alice_anew(&site, step).await).await;
        let who = "alice@localhost";
        let expected = json!({ "ES256": who, "Ed25519": who, "RS256": who, "PS256": who });
        assert_eq!(seen, expected, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_connects_a_device() {
    for release in servers() {
        let site = Site::start(release).await;
        let seen = oauth4webapi(&site, "device", async |step| alice_anew(&site, step).await).await;
        assert_eq!(seen, WHO, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_binds_its_tokens_to_a_key() {
    for release in servers() {
        let site = Site::start(release).await;
        let seen = oauth4webapi(&site, "dpop", async |step| alice_anew(&site, step).await).await;
        let expected = json!({
            "ES256 client_secret_basic": WHO,
            "ES256 none": WHO,
            "RS256 client_secret_basic": WHO,
            "RS256 none": WHO,
        });
        assert_eq!(seen, expected, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_verifies_tokens_for_other_services() {
    let services = r#"
        [[resources]]
        uri = "https://files.example.com"
        name = "Files"
        scopes = { "files:read" = "Read your files" }
        [[resources]]
        uri = "https://mail.example.com"
        name = "Mail"
        scopes = { "mail" = "Read your mail" }
    "#;
    for release in servers() {
        let site = Site::with(Wish::of(release), services).await;
        let flow = "resources";
        let seen = oauth4webapi(&site, flow, async |step| alice_anew(&site, step).await).await;
        let expected = json!({
            "https://files.example.com": format!("{WHO} files:read"),
            "https://mail.example.com": format!("{WHO} mail"),
        });
        assert_eq!(seen, expected, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_is_told_what_is_wrong() {
    for release in servers() {
        let site = Site::start(release).await;
        let flow = "refusals";
        let seen = oauth4webapi(&site, flow, async |step| alice_anew(&site, step).await).await;
        let expected = json!({
            "wrong_secret": "401 invalid_client",
            "replay": "400 invalid_grant",
            // who shows a code twice loses what it gave
            "after_replay": "400 invalid_grant",
        });
        assert_eq!(seen, expected, "{release}");
    }
}

#[tokio::test]
async fn oauth4webapi_logs_a_person_out() {
    for release in servers() {
        let site = Site::start(release).await;
        let browser = Mutex::new(Http::new());
        let seen = oauth4webapi(&site, "logout", async |step| {
            alice(&site, &mut *browser.lock().await, step).await
        })
        .await;
        let client_id = seen.as_str().unwrap();
        let url = site.authorize_url(client_id, "openid");
        let page = browser.into_inner().get(&url).await;
        assert!(page.text().contains(r#"name="password""#), "{release}");
    }
}
