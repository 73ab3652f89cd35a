//! What apps and browsers do: register, ask, log in, consent, redeem.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;
use xmpp_oauth::secrets::sha256_text;

use crate::answers::{hidden, parameter, redirect, told_at};
use crate::client::{Answer, Http};
use crate::world::{ALICE, PASSWORD, World};

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A registered app.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect_uri: String,
}

impl World {
    /// Asks for a registration with this much said over a native, confidential app.
    pub(crate) async fn try_register(&self, http: &mut Http, more: Value) -> Answer {
        let mut metadata = json!({
            "client_name": "Test",
            "client_uri": "https://app.example/",
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/cb"],
        });
        for (name, value) in more.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        http.post_json(&self.url("/oauth2/register"), &metadata)
            .await
    }

    /// Registers it.
    pub(crate) async fn register(&self, more: Value) -> App {
        let answer = self.try_register(&mut Http::new(), more).await;
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

    /// What an app's request gets in a browser that nobody has logged in to.
    pub(crate) async fn ask(&self, app: &App, more: &[(&str, &str)]) -> Answer {
        Http::new().get(&self.authorize_url(app, more)).await
    }

    /// The error that is told to the client, with `iss` and `state`: by a redirect, or by a link on a
    /// page where nobody has logged in.
    pub(crate) fn error_told(&self, answer: &Answer) -> String {
        let to = told_at(answer);
        assert_eq!(
            parameter(&to, "iss").as_deref(),
            Some(self.issuer.as_str()),
            "{to}"
        );
        assert_eq!(
            parameter(&to, "state").as_deref(),
            Some("some state"),
            "{to}"
        );
        assert_eq!(parameter(&to, "code"), None, "{to}");
        assert!(parameter(&to, "error_description").is_some(), "{to}");
        parameter(&to, "error").unwrap()
    }

    /// A browser in which alice has logged in and consented to a request, now or before; gives the redirect.
    pub(crate) async fn consent(&self, browser: &mut Http, url: &str) -> Url {
        let page = self.log_in(browser, url).await;
        if page.status == 303 {
            // allowed before, and remembered
            return redirect(&page);
        }
        redirect(&self.decide(browser, &page, "allow").await)
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

    pub(crate) async fn call(&self, app: &App, path: &str, fields: &[(&str, &str)]) -> Answer {
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
