//! mod_rest takes our tokens through our module: a request is a stanza of whoever the token is for, and
//! may do what its scope allows. Debian 12 has no mod_rest.

use serde_json::{Value, json};

use crate::site::{Site, wait_for};
use crate::support::http::{Answer, Http};
use crate::support::prosody::{ALICE, ALICE_ELSEWHERE, BOB, HOST, Prosody, User};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};

/// A site whose server has mod_rest, for each release that can.
async fn sites() -> Vec<Site> {
    let mut sites = Vec::new();
    for release in servers() {
        if Wish::of(release).has_rest() {
            let server = Prosody::builder(release).host_modules(&["rest"]);
            sites.push(Site::on(Server::Prosody(server.start().await), "").await);
        }
    }
    sites
}

/// A stanza as JSON, sent by HTTP.
async fn send(site: &Site, authorization: &str, stanza: &Value) -> Answer {
    let stanza = stanza.to_string();
    post(site, authorization, "application/json", stanza).await
}

async fn post(site: &Site, authorization: &str, kind: &str, stanza: String) -> Answer {
    let mut http = Http::new()
        .with("host", HOST)
        .with("authorization", authorization);
    let url = format!("http://127.0.0.1:{}/rest", prosody(site).ports.http);
    http.post(&url, kind, stanza).await
}

fn prosody(site: &Site) -> &Prosody {
    match &site.server {
        Server::Prosody(server) => server,
        Server::Ejabberd(_) => panic!("mod_rest is Prosody's"),
    }
}

async fn send_with(site: &Site, token: &str, stanza: &Value) -> Answer {
    send(site, &format!("Bearer {token}"), stanza).await
}

async fn send_xml(site: &Site, token: &str, stanza: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    post(
        site,
        &authorization,
        "application/xmpp+xml",
        stanza.to_owned(),
    )
    .await
}

fn message(body: &str) -> Value {
    json!({ "kind": "message", "type": "chat", "to": "bob@localhost", "body": body })
}

/// What asks the server for something, and shows who asked.
fn ping() -> Value {
    json!({ "kind": "iq", "type": "get", "to": HOST, "ping": true })
}

#[tokio::test]
async fn a_request_with_a_token_sends_a_stanza_as_its_owner() {
    for site in sites().await {
        let (mut bob, _) = site.password_session(BOB, None).await;
        bob.send(&"<presence xmlns='jabber:client'/>".parse().unwrap())
            .await
            .unwrap();
        for scope in ["xmpp", "xmpp:client:normal"] {
            let tokens = site.tokens(scope).await;
            let answer = send_with(&site, &tokens.access, &message(scope)).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
            let came = wait_for(&mut bob, |stanza| stanza.is("message", "jabber:client")).await;
            let from = came.attr("from").unwrap();
            assert!(from.starts_with("alice@localhost/"), "{from}");
            let body = came.get_child("body", "jabber:client").unwrap().text();
            assert_eq!(body, scope);

            let answer = send_with(&site, &tokens.access, &ping()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["type"], "result", "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_request_cannot_speak_for_somebody_else() {
    for site in sites().await {
        let tokens = site.tokens("xmpp").await;
        let mut stanza = message("hello");
        stanza["from"] = "bob@localhost/phone".into();
        let answer = send_with(&site, &tokens.access, &stanza).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_token_that_opens_no_session_sends_nothing() {
    for site in sites().await {
        let revoked = site.tokens("xmpp").await;
        assert_eq!(send_with(&site, &revoked.access, &ping()).await.status, 200);
        site.revoke(&revoked).await;
        let identity = site.tokens("openid").await;
        let refresh = site.tokens("xmpp").await.refresh;
        let unknown = format!("xoa_{}", "A".repeat(32));
        for (what, token) in [
            ("revoked", revoked.access.as_str()),
            ("openid only", &identity.access),
            ("a refresh token", &refresh),
            ("unknown", &unknown),
            ("not ours", "secret-token:MjthYmM7"),
            ("no token at all", "x, y"),
        ] {
            let answer = send_with(&site, token, &ping()).await;
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_token_of_another_host_s_account_sends_nothing() {
    for release in servers() {
        if !Wish::of(release).has_rest() {
            continue;
        }
        // Both hosts have both modules; each knows its own accounts only.
        let server = Prosody::builder(release)
            .host_modules(&["rest"])
            .other_host_line("modules_enabled = { \"oauth_component\", \"rest\" }")
            .other_host_line("oauth_component = \"oauth.localhost\"")
            .start()
            .await;
        let port = server.ports.http;
        let hosts = "[xmpp]\nhosts = [\"localhost\", \"other.localhost\"]";
        let site = Site::on(Server::Prosody(server), hosts).await;
        site.program
            .wait_log("the host's module is there host=other.localhost", 0)
            .await;
        let elsewhere = User {
            name: "alice@other.localhost",
            ..ALICE_ELSEWHERE
        };
        let tokens = site.tokens_of(elsewhere, "xmpp").await;
        let authorization = format!("Bearer {}", tokens.access);
        let url = format!("http://127.0.0.1:{port}/rest");
        for (host, status) in [("localhost", 403), ("other.localhost", 200)] {
            let stanza = json!({ "kind": "iq", "type": "get", "to": host, "ping": true });
            let mut http = Http::new()
                .with("host", host)
                .with("authorization", &authorization);
            let answer = http.post_json(&url, &stanza).await;
            assert_eq!(answer.status, status, "{host}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_scope_holds_over_http_too() {
    const PRIVATE: &str = "jabber:iq:private";
    for site in sites().await {
        let (mut bob, _) = site.password_session(BOB, None).await;
        bob.send(&"<presence xmlns='jabber:client'/>".parse().unwrap())
            .await
            .unwrap();
        let reader = site.tokens("xmpp:account:read").await.access;
        let chat = site.tokens("xmpp:client:normal").await.access;
        let whole = site.tokens("xmpp").await.access;
        let iq = |kind: &str, payload: &str| format!("<iq type='{kind}' id='t'>{payload}</iq>");

        // Reading is allowed, writing and chatting are not.
        let read = iq(
            "get",
            &format!("<query xmlns='{PRIVATE}'><s xmlns='urn:test'/></query>"),
        );
        let answer = send_xml(&site, &reader, &read).await;
        assert!(answer.text().contains("type='result'"), "{}", answer.text());
        let write = iq(
            "set",
            &format!("<query xmlns='{PRIVATE}'><s xmlns='urn:test'>x</s></query>"),
        );
        let answer = send_xml(&site, &reader, &write).await;
        assert!(
            !answer.text().contains("type='result'"),
            "{}",
            answer.text()
        );
        let answer = send_xml(&site, &reader, &read).await;
        assert!(
            !answer.text().contains(">x<"),
            "it was written: {}",
            answer.text()
        );
        send_with(&site, &reader, &message("from a reader")).await;
        send_with(&site, &chat, &message("from a chat client")).await;
        let came = wait_for(&mut bob, |stanza| stanza.is("message", "jabber:client")).await;
        let body = came.get_child("body", "jabber:client").unwrap().text();
        assert_eq!(body, "from a chat client", "messages keep their order");

        for (token, status) in [(&reader, 202), (&chat, 422)] {
            let answer = send_xml(&site, token, "<iq type='get' id='t'/>").await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }

        // A chat client does not change the password; with the whole account it is changed.
        let change = iq(
            "set",
            "<query xmlns='jabber:iq:register'><username>alice</username><password>new</password></query>",
        );
        let answer = send_xml(&site, &chat, &change).await;
        assert!(
            !answer.text().contains("type='result'"),
            "{}",
            answer.text()
        );
        assert!(site.knows(ALICE).await, "the password was changed");
        let answer = send_xml(&site, &whole, &change).await;
        assert!(answer.text().contains("type='result'"), "{}", answer.text());
        assert!(!site.knows(ALICE).await, "the password was not changed");
    }
}

#[tokio::test]
async fn passwords_and_prosody_s_own_tokens_go_on_working() {
    use base64::Engine as _;
    for site in sites().await {
        let server = prosody(&site);
        let line = "> (function () local t = require \"core.modulemanager\".get_module(\"localhost\", \"tokenauth\"); \
                    local g = t.create_grant(\"alice@localhost\", \"alice@localhost\", 3600); \
                    return (t.create_token(\"alice@localhost\", g, \"prosody:registered\", 3600)); end)()";
        let said = server.shell(line).await;
        let from = said
            .find("secret-token:")
            .unwrap_or_else(|| panic!("{said}"));
        let token: String = said[from..]
            .chars()
            .take_while(|c| !c.is_whitespace() && *c != '"')
            .collect();
        let password = base64::engine::general_purpose::STANDARD
            .encode(format!("{}:{}", ALICE.name, ALICE.password));
        for authorization in [format!("Bearer {token}"), format!("Basic {password}")] {
            let answer = send(&site, &authorization, &ping()).await;
            assert_eq!(answer.status, 200, "{authorization}: {}", answer.text());
        }
        // Without our module ours are nobody's.
        let tokens = site.tokens("xmpp").await;
        assert_eq!(send_with(&site, &tokens.access, &ping()).await.status, 200);
        server
            .shell("module:unload(\"oauth_component\", \"localhost\")")
            .await;
        assert_eq!(send_with(&site, &tokens.access, &ping()).await.status, 403);
        let authorization = format!("Bearer {token}");
        assert_eq!(send(&site, &authorization, &ping()).await.status, 200);
    }
}
