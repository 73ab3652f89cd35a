//! A small HTTP client for the commands that look at the provider from outside: no redirects followed,
//! cookies kept, certificates verified.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::{Url, form_urlencoded};

use crate::tls;

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(20);
/// The largest answer that is read.
const MAX_BODY: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {why}")]
pub(super) struct WebError {
    url: String,
    why: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn location(&self) -> Option<&str> {
        self.headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
    }
}

/// One client with its cookies.
pub(super) struct Web {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    cookies: BTreeMap<String, String>,
}

impl Web {
    /// A client that trusts the system's certificates, and those in `ca_file`.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, WebError> {
        let tls = tls::client_config(ca_file).map_err(|error| WebError {
            url: "certificates".to_owned(),
            why: error,
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self {
            client,
            cookies: BTreeMap::new(),
        })
    }

    pub(super) async fn get(&mut self, url: &str) -> Result<Answer, WebError> {
        self.send(url, Request::get(url), Bytes::new()).await
    }

    pub(super) async fn get_with(
        &mut self,
        url: &str,
        name: &str,
        value: &str,
    ) -> Result<Answer, WebError> {
        self.send(url, Request::get(url).header(name, value), Bytes::new())
            .await
    }

    pub(super) async fn post_form(
        &mut self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, WebError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        self.send(
            url,
            Request::post(url).header(header::CONTENT_TYPE, kind),
            body.into(),
        )
        .await
    }

    pub(super) async fn post_json(
        &mut self,
        url: &str,
        value: &serde_json::Value,
    ) -> Result<Answer, WebError> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        self.send(url, request, value.to_string().into()).await
    }

    async fn send(
        &mut self,
        url: &str,
        mut request: http::request::Builder,
        body: Bytes,
    ) -> Result<Answer, WebError> {
        let failed = |why: String| WebError {
            url: without_query(url),
            why,
        };
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let request = request
            .header(header::ACCEPT, "application/json, text/html")
            .body(Full::new(body))
            .map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| failed(chain(&error)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await;
            Ok((
                head,
                body.map_err(|error| failed(error.to_string()))?.to_bytes(),
            ))
        };
        let (head, body) = tokio::time::timeout(TIME, exchange)
            .await
            .map_err(|_| failed(format!("no answer within {} s", TIME.as_secs())))??;
        self.keep_cookies(&head.headers);
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        let set = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for cookie in set {
            let pair = cookie.split(';').next().unwrap_or("");
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// An address that may be shown: what stands behind `?` may be a secret.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or("").to_owned()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The first form of a page with a field of this name: where it is sent, and its hidden fields.
pub(super) fn form_with(page: &str, field: &str, at: &Url) -> Option<(Url, Vec<(String, String)>)> {
    let form = page
        .split("<form ")
        .skip(1)
        .map(|rest| rest.split("</form>").next().unwrap_or(""))
        .find(|form| form.contains(&format!("name=\"{field}\"")))?;
    let action = at
        .join(&attribute(form.split('>').next()?, "action")?)
        .ok()?;
    let hidden = form
        .split("<input ")
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .filter(|input| input.contains("type=\"hidden\"") || input.contains(" checked"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
        .collect();
    Some((action, hidden))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    let mut text = value.to_owned();
    for (entity, character) in [
        ("&#x2f;", "/"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_by_its_field_and_read_as_a_browser_would() {
        let page = r#"<form method="post" action="/other"><input name="x"></form>
            <form method="post" action="/login"><input type="hidden" name="continue"
            value="a=1&amp;b=&quot;2&quot;"><input type="checkbox" name="on" value="1" checked>
            <input type="checkbox" name="off" value="1">
            <input name="password" type="password"></form>"#;
        let at = Url::parse("http://127.0.0.1:1/oauth2/authorize").unwrap();
        let (action, hidden) = form_with(page, "password", &at).unwrap();
        assert_eq!(action.as_str(), "http://127.0.0.1:1/login");
        let sent = [("continue", "a=1&b=\"2\""), ("on", "1")];
        assert_eq!(
            hidden,
            sent.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
