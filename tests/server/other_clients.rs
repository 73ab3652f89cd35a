//! Clients that others wrote go through the flows.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::site::{LIMIT, Site};
use crate::support::http::Http;
use crate::support::npm;
use crate::support::prosody::{ALICE, Prosody};
use crate::support::release::servers;
use crate::support::server::Server;

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

/// Logs alice in at the address of an authorization request, allows it, and gives where the browser is sent.
async fn alice_allows(site: &Site, step: &Value) -> String {
    let url = step["open"].as_str().expect("an address to open");
    let mut browser = Http::new();
    let page = site.log_in(&mut browser, url, ALICE).await;
    site.allow(&mut browser, &page).await.into()
}

#[tokio::test]
async fn oauth4webapi_goes_from_discovery_to_revocation() {
    for release in servers() {
        let site = Site::start(release).await;
        let seen = oauth4webapi(&site, "code", async |step| alice_allows(&site, step).await).await;
        let alice = "xmpp:alice@localhost";
        let expected =
            json!({ "client_secret_basic": alice, "client_secret_post": alice, "none": alice });
        assert_eq!(seen, expected, "{release}");
    }
}

/// What a chat client on StanzaJS sees (tests/npm/chat.mjs).
async fn stanza_js(site: &Site, jid: &str, token: &str) -> Value {
    let Server::Prosody(server) = &site.server else {
        panic!("started as a Prosody");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/chat.mjs");
    let node = Command::new("node")
        .arg(script)
        .arg(npm::folder())
        .arg(format!(
            "ws://localhost:{}/xmpp-websocket",
            server.ports.http
        ))
        .args([jid, token])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, node).await;
    let output = output.expect("an end in time").expect("node");
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn stanza_js_logs_in_with_a_token_and_with_no_other() {
    for release in servers().into_iter().filter(|release| release.is_prosody()) {
        let server = Prosody::builder(release).global_modules(&["websocket"]);
        let site = Site::on(Server::Prosody(server.start().await), "").await;
        let tokens = site.tokens("xmpp:client:normal").await;
        let seen = stanza_js(&site, "alice@localhost", &tokens.access).await;
        let jid = seen["jid"].as_str().unwrap_or_else(|| panic!("{seen}"));
        assert!(jid.starts_with("alice@localhost/"), "{release}: {seen}");
        assert_eq!(seen["contacts"], 0, "{release}: {seen}");

        let identity = site.tokens("openid").await;
        site.revoke(&tokens).await;
        for token in [&identity.access, &tokens.access] {
            let seen = stanza_js(&site, "alice@localhost", token).await;
            assert_eq!(seen, json!({ "failed": true }), "{release}");
        }
    }
}
