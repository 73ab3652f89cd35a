//! What apps and browsers do while it storms: each step may be refused, or cut off.

use std::io;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use url::{Url, form_urlencoded};
use xmpp_oauth::secrets::sha256_text;

use crate::answers::{hidden, parameter};
use crate::site::{CALLBACK, Site, VERIFIER};
use crate::support::http::{Answer, Http};
use crate::support::prosody::User;

const SCOPE: &str = "openid offline_access xmpp:client:normal";

/// Where the program listens, also while it does not.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    base: String,
}

impl Provider {
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            base: site.program.url(""),
        }
    }

    pub(crate) async fn get(&self, browser: &mut Http, path: &str) -> io::Result<Answer> {
        browser.try_get(&format!("{}{path}", self.base)).await
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
        let request = Request::post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body));
        browser.send(request.unwrap()).await
    }

    /// Registers a public native app.
    pub(crate) async fn register(&self, from: &mut Http, name: &str) -> io::Result<Answer> {
        let metadata = json!({
            "client_name": name,
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": [CALLBACK],
        });
        let request = Request::post(format!("{}/oauth2/register", self.base))
            .header("content-type", "application/json")
            .body(Bytes::from(metadata.to_string()));
        from.send(request.unwrap()).await
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
