//! Strophe.js, on which Converse.js and other web clients stand, logs in from a real browser over Prosody's
//! WebSocket with a token of ours.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::site::{LIMIT, Site};
use crate::support::browser::{Browser, Look};
use crate::support::npm;
use crate::support::prosody::Prosody;
use crate::support::release::servers;
use crate::support::server::Server;
use crate::support::wait::until;

/// Opens a connection, and notes what becomes of it.
const CONNECT: &str = r#"
    const [url, jid, token] = arguments;
    window.seen = { ended: [] };
    const names = Object.entries(Strophe.Status);
    const connection = new Strophe.Connection(url, { mechanisms: [Strophe.SASLOAuthBearer] });
    connection.connect(jid, token, (status, condition) => {
        const [name] = names.find(([, value]) => value === status);
        if (name === "CONNECTED") {
            const roster = $iq({ type: "get" }).c("query", { xmlns: "jabber:iq:roster" });
            const answered = (type) => () => { window.seen.roster = type; };
            connection.sendIQ(roster, answered("result"), answered("error"));
            window.seen.jid = connection.jid;
        } else if (["AUTHFAIL", "CONNFAIL", "DISCONNECTED", "ERROR"].includes(name)) {
            window.seen.ended.push(condition ? `${name} ${condition}` : name);
        }
    });
"#;

/// A page with Strophe.js in it, as a web client's own server gives it out.
async fn serve_page(tasks: &mut JoinSet<()>) -> String {
    let script = npm::folder().join("node_modules/strophe.js/dist/strophe.umd.min.js");
    let script = std::fs::read_to_string(script).expect("strophe.js");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let (kind, body) = match request[..length].starts_with(b"GET /strophe.js ") {
                true => ("text/javascript", script.as_str()),
                false => (
                    "text/html",
                    "<!doctype html><script src=/strophe.js></script>",
                ),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            // a browser that opens a connection ahead of need may close it unused
            let _ = stream.write_all((head + body).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

/// A browser with the page open, and the server's WebSocket.
struct Web {
    browser: Browser,
    websocket: String,
    _page: JoinSet<()>,
}

impl Web {
    async fn open(server: &Server) -> Self {
        let Server::Prosody(server) = server else {
            panic!("started as a Prosody");
        };
        let websocket = format!("ws://localhost:{}/xmpp-websocket", server.ports.http);
        let mut page = JoinSet::new();
        let url = serve_page(&mut page).await;
        let browser = Browser::start(Look::DESKTOP).await;
        browser.goto(&url).await;
        Self {
            browser,
            websocket,
            _page: page,
        }
    }

    async fn connect(&self, jid: &str, token: &str) {
        let arguments = vec![json!(self.websocket), json!(jid), json!(token)];
        let started = self.browser.client.execute(CONNECT, arguments).await;
        started.expect("Strophe to start");
    }

    /// Waits until the page has seen something of this name.
    async fn sees(&self, what: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        until(what, LIMIT, async || {
            let seen = self.browser.client.execute("return seen", Vec::new()).await;
            let seen = seen.expect("what was seen");
            is_there(&seen).then_some(seen)
        })
        .await
    }

    async fn is_refused(&self) -> Value {
        let failed = |seen: &Value| seen["ended"].to_string().contains("AUTHFAIL");
        self.sees("the login to fail", failed).await
    }
}

#[tokio::test]
async fn strophe_logs_in_over_websocket_and_is_ended_with_its_grant() {
    for release in servers().into_iter().filter(|release| release.is_prosody()) {
        let server = Prosody::builder(release).global_modules(&["websocket"]);
        let site = Site::on(Server::Prosody(server.start().await), "").await;
        let web = Web::open(&site.server).await;

        let tokens = site.tokens("xmpp:client:normal").await;
        web.connect("alice@localhost", &tokens.access).await;
        let seen = web
            .sees("the roster", |seen| seen["roster"] != Value::Null)
            .await;
        assert_eq!(seen["roster"], "result", "{release}: {seen}");
        let jid = seen["jid"].as_str().unwrap();
        assert!(jid.starts_with("alice@localhost/"), "{release}: {jid}");
        assert_eq!(seen["ended"], json!([]), "{release}: {seen}");
        site.revoke(&tokens).await;
        web.sees("the session to end", |seen| seen["ended"] != json!([]))
            .await;

        // Nobody's token any more, no token for XMPP, and somebody else's.
        let identity = site.tokens("openid").await;
        let alices = site.tokens("xmpp").await;
        for (jid, token) in [
            ("alice@localhost", &tokens.access),
            ("alice@localhost", &identity.access),
            ("bob@localhost", &alices.access),
        ] {
            web.connect(jid, token).await;
            let seen = web.is_refused().await;
            assert_eq!(seen["jid"], Value::Null, "{release}: {seen}");
        }
        web.connect("alice@localhost", &alices.access).await;
        web.sees("the roster", |seen| seen["roster"] == "result")
            .await;
    }
}
