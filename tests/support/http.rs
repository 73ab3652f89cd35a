//! An HTTP client that does what it is told: no redirects followed, nothing added but Host and the
//! cookies it was given, and raw bytes where a test needs what no client would send.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded;

const LIMIT: Duration = Duration::from_secs(30);

/// One client with its cookies: a browser without JavaScript.
#[derive(Clone, Debug, Default)]
pub(crate) struct Http {
    /// By name. The tests talk to one site only.
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub(crate) headers: HeaderMap,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a header to every request.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(name, value.parse().expect("a header value"));
        self
    }

    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        self.try_get(url).await.expect("an HTTP answer")
    }

    pub(crate) async fn try_get(&mut self, url: &str) -> io::Result<Answer> {
        self.send(Request::get(url).body(Bytes::new()).expect("a URL"))
            .await
    }

    /// Posts a form, fields in the order given.
    pub(crate) async fn post_form(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.post(url, "application/x-www-form-urlencoded", body)
            .await
    }

    pub(crate) async fn post_json(&mut self, url: &str, json: &serde_json::Value) -> Answer {
        self.post(url, "application/json", json.to_string()).await
    }

    pub(crate) async fn post(&mut self, url: &str, kind: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("content-type", kind);
        self.send(request.body(body.into()).expect("a URL"))
            .await
            .expect("an HTTP answer")
    }

    /// Sends any request on a connection of its own and remembers the cookies of the answer.
    pub(crate) async fn send(&mut self, mut request: Request<Bytes>) -> io::Result<Answer> {
        let uri = request.uri().clone();
        let authority = authority(&uri);
        *request.uri_mut() = uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .parse()
            .expect("a path");
        for (name, value) in &self.headers {
            request
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
        let headers = request.headers_mut();
        headers
            .entry("host")
            .or_insert(authority.parse().expect("a host"));
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            headers.insert("cookie", pairs.join("; ").parse().expect("cookies"));
        }
        let exchange = exchange(&authority, request.map(Full::new));
        let answer = tokio::time::timeout(LIMIT, exchange)
            .await
            .map_err(io::Error::other)??;
        self.remember(&answer);
        Ok(answer)
    }

    fn remember(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("an ASCII cookie");
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("name=value");
            let gone = attributes
                .split(';')
                .any(|a| a.trim().eq_ignore_ascii_case("max-age=0"));
            if gone || value.is_empty() {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().into(), value.trim().into());
            }
        }
    }
}

async fn exchange(authority: &str, request: Request<Full<Bytes>>) -> io::Result<Answer> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    connection.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Sends these very bytes, in pieces with a flush after each, and reads what comes until the other
/// side closes the connection (ask it to, with `Connection: close`).
pub(crate) async fn raw(authority: &str, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::new();
    let exchange = async {
        for piece in pieces {
            stream.write_all(piece).await?;
            stream.flush().await?;
        }
        stream.read_to_end(&mut answer).await
    };
    tokio::time::timeout(LIMIT, exchange)
        .await
        .map_err(io::Error::other)??;
    Ok(answer)
}

fn authority(uri: &Uri) -> String {
    assert_eq!(uri.scheme_str(), Some("http"), "{uri}: only http");
    let host = uri.host().expect("a host");
    format!("{host}:{}", uri.port_u16().unwrap_or(80))
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("an ASCII header"))
    }

    /// The `Location` of a redirect.
    pub(crate) fn location(&self) -> &str {
        self.header("location")
            .unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
