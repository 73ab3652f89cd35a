//! What apps and browsers do while it storms: each step may be refused, or cut off.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use serde_json::json;
use tokio::time::{sleep, timeout};
use url::{Url, form_urlencoded};
use xmpp_oauth::secrets::sha256_text;

use crate::answers::{hidden, parameter};
use crate::site::{CALLBACK, Site, VERIFIER};
use crate::support::http::{Answer, Http};
use crate::support::process::Program;
use crate::support::prosody::User;

const SCOPE: &str = "openid offline_access xmpp:client:normal";

/// Where the program listens, also while it does not. Several stand behind a proxy, so to say: each is asked
/// in turn, where none listens the next one, and those that are not ready are left out.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    processes: Arc<[Process]>,
    turn: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Process {
    base: String,
    /// What the proxy asks.
    ready: String,
    is_ready: AtomicBool,
}

impl Provider {
    pub(crate) fn of(site: &Site) -> Self {
        Self::of_all([&site.program])
    }

    pub(crate) fn of_all<'p>(programs: impl IntoIterator<Item = &'p Program>) -> Self {
        let processes = programs.into_iter().map(|program| Process {
            base: program.url(""),
            ready: format!("http://127.0.0.1:{}/readyz", program.ops_port),
            is_ready: AtomicBool::new(true),
        });
        Self {
            processes: processes.collect(),
            turn: Arc::default(),
        }
    }

    /// Asks each whether it is ready, four times a second.
    pub(crate) async fn ask_whether_they_are_ready(self) {
        let asking = self.processes.iter().map(async |process| {
            loop {
                let mut http = Http::new();
                let answer = timeout(Duration::from_secs(1), http.try_get(&process.ready)).await;
                let is_ready = matches!(answer, Ok(Ok(answer)) if answer.status == 200);
                process.is_ready.store(is_ready, Ordering::SeqCst);
                sleep(Duration::from_millis(250)).await;
            }
        });
        join_all(asking).await;
    }

    async fn send(
        &self,
        browser: &mut Http,
        mut request: impl FnMut(&str) -> Request<Bytes>,
    ) -> io::Result<Answer> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let ready = self.processes.iter();
        let mut ready: Vec<_> = ready
            .filter(|process| process.is_ready.load(Ordering::SeqCst))
            .collect();
        if ready.is_empty() {
            ready.extend(self.processes.iter());
        }
        let mut refused = io::Error::other("there is nobody");
        for no in 0..ready.len() {
            let process = ready[(turn + no) % ready.len()];
            match browser.send(request(&process.base)).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused = error,
                answer => return answer,
            }
        }
        Err(refused)
    }

    pub(crate) async fn get(&self, browser: &mut Http, path: &str) -> io::Result<Answer> {
        self.send(browser, |base| {
            let request = Request::get(format!("{base}{path}"));
            request.body(Bytes::new()).unwrap()
        })
        .await
    }

    pub(crate) async fn post(
        &self,
        browser: &mut Http,
        path: &str,
        fields: &[(&str, &str)],
    ) -> io::Result<Answer> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let form = "application/x-www-form-urlencoded";
        self.send(browser, |base| post(base, path, form, &body))
            .await
    }

    /// Registers a public native app.
    pub(crate) async fn register(&self, from: &mut Http, name: &str) -> io::Result<Answer> {
        let metadata = json!({
            "client_name": name,
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": [CALLBACK],
        });
        let (path, body) = ("/oauth2/register", metadata.to_string());
        self.send(from, |base| post(base, path, "application/json", &body))
            .await
    }

    /// The path of an app's authorization request.
    pub(crate) fn request(client_id: &str) -> String {
        let challenge = sha256_text(VERIFIER);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client_id),
                ("redirect_uri", CALLBACK),
                ("scope", SCOPE),
                ("state", "some state"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("/oauth2/authorize?{query}")
    }

    /// Answers the login page. 303: the browser is logged in.
    pub(crate) async fn give_password(
        &self,
        browser: &mut Http,
        page: &Answer,
        user: User<'_>,
    ) -> io::Result<Answer> {
        let (continue_to, csrf) = (hidden(page, "continue"), hidden(page, "csrf"));
        let fields = [
            ("username", user.name),
            ("password", user.password),
            ("continue", &continue_to),
            ("csrf", &csrf),
        ];
        self.post(browser, "/login", &fields).await
    }

    /// The code that somebody who is logged in gives to an app; `None` where it was refused.
    pub(crate) async fn consent(
        &self,
        browser: &mut Http,
        client_id: &str,
        decision: &str,
    ) -> io::Result<Option<String>> {
        let page = self.get(browser, &Self::request(client_id)).await?;
        if page.status != 200 || !page.text().contains(r#"name="ticket""#) {
            return Ok(None);
        }
        let (request, ticket) = (hidden(&page, "request"), hidden(&page, "ticket"));
        let fields = [
            ("decision", decision),
            ("request", request.as_str()),
            ("ticket", ticket.as_str()),
        ];
        let answer = self.post(browser, "/consent", &fields).await?;
        if answer.status != 303 {
            return Ok(None);
        }
        Ok(parameter(&Url::parse(answer.location()).unwrap(), "code"))
    }

    pub(crate) async fn redeem(
        &self,
        client_id: &str,
        code: &str,
        verifier: &str,
    ) -> io::Result<Answer> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        self.post(&mut Http::new(), "/oauth2/token", &fields).await
    }

    pub(crate) async fn refresh(&self, client_id: &str, token: &str) -> io::Result<Answer> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", token),
        ];
        self.post(&mut Http::new(), "/oauth2/token", &fields).await
    }

    pub(crate) async fn revoke(&self, client_id: &str, token: &str) -> io::Result<Answer> {
        let fields = [("client_id", client_id), ("token", token)];
        self.post(&mut Http::new(), "/oauth2/revoke", &fields).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> io::Result<Answer> {
        let mut http = Http::new().with("authorization", &format!("Bearer {token}"));
        self.get(&mut http, "/oauth2/userinfo").await
    }
}

fn post(base: &str, path: &str, kind: &str, body: &str) -> Request<Bytes> {
    Request::post(format!("{base}{path}"))
        .header("content-type", kind)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}
