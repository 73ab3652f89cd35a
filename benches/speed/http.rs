//! Load over HTTP/1.1 on kept connections, and the bare hyper server that answers with the same bytes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Answer;
use crate::measure::Load;

/// One client: the bytes of its next request, by the answer to the last one. `None` for an answer that is
/// not what it should be.
pub(crate) type Visitor = Box<dyn FnMut(Option<&Answer>) -> Option<Vec<u8>> + Send>;

/// Lets visitors come and go on, each on a connection of its own, for this long.
pub(crate) async fn load(port: u16, time: Duration, visitors: Vec<Visitor>) -> Load {
    let until = Instant::now() + time;
    let visits = visitors
        .into_iter()
        .map(|visitor| tokio::spawn(visit(port, until, visitor)));
    let loads = futures::future::join_all(visits).await;
    loads
        .into_iter()
        .map(|load| load.expect("a visitor"))
        .fold(Load::default(), Load::join)
}

async fn visit(port: u16, until: Instant, mut visitor: Visitor) -> Load {
    let mut load = Load::default();
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut last = None;
    while Instant::now() < until {
        let Some(request) = visitor(last.as_ref()) else {
            load.failures += 1;
            // from the beginning
            last = None;
            if load.failures > 1000 {
                break;
            }
            continue;
        };
        let since = Instant::now();
        stream
            .write_all(&request)
            .await
            .expect("a request is taken");
        last = Some(read_answer(&mut stream, &mut buffer).await);
        let took = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
        load.micros.push(took);
    }
    load
}

/// One answer with a `Content-Length`, to its end.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Answer {
    buffer.clear();
    let (mut end, mut length) = (None, 0);
    while end.is_none_or(|end| buffer.len() < end + length) {
        let count = stream.read_buf(buffer).await.expect("an answer");
        assert!(count > 0, "the server closed the connection");
        if end.is_none()
            && let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            end = Some(at + 4);
            length = content_length(&buffer[..at]);
        }
    }
    let end = end.unwrap_or_default();
    Answer {
        status: std::str::from_utf8(&buffer[9..12])
            .ok()
            .and_then(|status| status.parse().ok())
            .expect("a status"),
        headers: location(&buffer[..end]),
        body: Bytes::copy_from_slice(&buffer[end..]),
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn content_length(head: &[u8]) -> usize {
    header(head, "content-length").map_or(0, |length| length.parse().expect("a length"))
}

fn location(head: &[u8]) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    if let Some(to) = header(head, "location") {
        headers.insert("location", to.parse().expect("a header's value"));
    }
    headers
}

/// A request that is always the same; its answer must be 200.
pub(crate) fn always(request: &[u8]) -> Visitor {
    let request = request.to_vec();
    Box::new(move |last| match last {
        Some(answer) if answer.status != 200 => None,
        _ => Some(request.clone()),
    })
}

pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

pub(crate) fn post_form(path: &str, headers: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The whole of an answer as it came, head and body.
pub(crate) async fn bytes_of(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    stream.write_all(request).await.expect("a request is taken");
    let mut buffer = Vec::new();
    let answer = read_answer(&mut stream, &mut buffer).await;
    let text = String::from_utf8_lossy(&buffer);
    assert_eq!(answer.status, 200, "{text}");
    buffer
}

/// The reference, as a process of its own: answers each path with the bytes of the file of its name in
/// `folder` (`/` as `!`), and writes its port there when it listens.
pub(crate) async fn bare_hyper(folder: &Path) {
    let mut answers = HashMap::new();
    for entry in folder.read_dir().expect("the answers") {
        let entry = entry.expect("an answer");
        let path = entry.file_name().to_string_lossy().replace('!', "/");
        let bytes = std::fs::read(entry.path()).expect("an answer");
        answers.insert(path, canned(&bytes));
    }
    let answers = Arc::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::fs::write(folder.with_extension("port"), port.to_string()).expect("a file");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let answers = Arc::clone(&answers);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let answers = Arc::clone(&answers);
            async move {
                let answer = answers.get(request.uri().path()).expect("a known path");
                let answer = answer.clone();
                // a body must be read before the next request
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(answer)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// An answer's bytes as hyper wants them.
fn canned(bytes: &[u8]) -> Response<Full<Bytes>> {
    let at = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an end of the head");
    let head = std::str::from_utf8(&bytes[..at]).expect("a head in ASCII");
    let body = Full::new(Bytes::copy_from_slice(&bytes[at + 4..]));
    let mut response = Response::new(body);
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(':').expect("a header");
        // hyper writes these itself
        if !["date", "content-length"].contains(&name) {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            response
                .headers_mut()
                .append(name, value.trim().parse().expect("a value"));
        }
    }
    response
}
