//! Clients that others wrote go through the flows.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::site::{LIMIT, Site};
use crate::support::http::Http;
use crate::support::npm;
use crate::support::prosody::ALICE;
use crate::support::release::servers;

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
        .expect("node: run tools/install node");
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
