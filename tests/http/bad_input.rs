//! Whatever comes, the answer is a sentence and a 4xx: never a 5xx, never silence.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;

use crate::client::{Answer, Http, raw};
use crate::world::World;

const PATHS: [&str; 15] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/oauth2/jwks",
    "/oauth2/register",
    "/oauth2/authorize",
    "/oauth2/token",
    "/oauth2/revoke",
    "/oauth2/introspect",
    "/oauth2/userinfo",
    "/oauth2/device",
    "/oauth2/validate/%ff",
    "/device",
    "/login",
    "/login/switch",
    "/consent",
];

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An error is JSON with a sentence, or a page.
fn assert_sentence(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {answer:?}");
    if answer.status < 400 {
        return;
    }
    match answer.header("content-type") {
        Some("application/json") => {
            let error = answer.json();
            assert!(error["error"].is_string(), "{what}: {error}");
            let sentence = error["error_description"].as_str().unwrap();
            assert!(sentence.len() > 10, "{what}: {error}");
        }
        Some("text/html; charset=utf-8") => assert!(answer.text().contains("<h1>"), "{what}"),
        other => panic!("{what}: {} with {other:?}", answer.status),
    }
}

async fn post(world: &World, path: &str, kind: &str, body: impl Into<Bytes>) -> Answer {
    Http::new().post(&world.url(path), kind, body).await
}

#[tokio::test]
async fn every_path_answers_every_nasty_body_with_a_sentence() {
    let world = World::new().await;
    let mut many = String::new();
    for n in 0..5000 {
        write!(many, "p{n}=v&").unwrap();
    }
    let bodies: Vec<(&str, Bytes)> = vec![
        ("empty", Bytes::new()),
        ("broken UTF-8", Bytes::from_static(b"token=\xff\xfe&a=b")),
        ("broken UTF-8, encoded", "token=%ff%fe".into()),
        ("NUL", Bytes::from_static(b"token=a\0b")),
        ("NUL, encoded", "token=a%00b&client_id=%00".into()),
        ("half an escape", "token=%4&client_id=%".into()),
        ("no escape", "token=%zz&client_id=%%%".into()),
        ("doubled", "token=a&token=b&client_id=x&client_id=x".into()),
        ("doubled, hidden", "t%6Fken=a&token=b&client_id=x".into()),
        ("no values", "token&client_id&=&&&=x".into()),
        ("only separators", "&".repeat(60_000).into()),
        ("many parameters", many.into()),
        ("long name", format!("{}=x", "n".repeat(60_000)).into()),
        (
            "controls",
            "token=%0d%0aSet-Cookie:x&client_id=%1b%7f".into(),
        ),
        ("JSON", json!({ "client_name": "\u{0}" }).to_string().into()),
        ("deep JSON", "{\"a\":".repeat(10_000).into()),
        ("a number", "1e999999".into()),
    ];
    for path in PATHS {
        for (what, body) in &bodies {
            for kind in [FORM, JSON, "text/plain", "multipart/form-data", ""] {
                let answer = post(&world, path, kind, body.clone()).await;
                assert_sentence(&answer, &format!("{path}: {what} as {kind:?}"));
                assert!(answer.status >= 400, "{path}: {what} as {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_path_answers_every_nasty_query_with_a_sentence() {
    let world = World::new().await;
    let long = "x".repeat(20_000);
    for path in PATHS {
        for query in [
            "%",
            "%zz",
            "client_id=%ff",
            "client_id=%00",
            "client_id=a&client_id=b",
            "redirect_uri=javascript:alert(1)&client_id=x",
            "&&&=&=",
            &"a=b&".repeat(3000),
            &long,
            &"%20".repeat(5000),
        ] {
            let mut browser = Http::new().with("accept", "text/html");
            for http in [&mut Http::new(), &mut browser] {
                let answer = http.get(&world.url(&format!("{path}?{query}"))).await;
                let start: String = query.chars().take(30).collect();
                assert_sentence(&answer, &format!("{path}?{start}"));
            }
        }
    }
}

#[tokio::test]
async fn every_path_answers_every_method() {
    let world = World::new().await;
    for path in PATHS
        .into_iter()
        .chain(["/", "/nowhere", "/oauth2/", "/oauth2//token"])
    {
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X",
        ] {
            let request = Request::builder()
                .method(Method::from_bytes(method.as_bytes()).unwrap())
                .uri(world.url(path))
                .body(Bytes::new())
                .unwrap();
            let answer = Http::new().send(request).await.unwrap();
            let what = format!("{method} {path}");
            assert!(answer.status < 500, "{what}");
            if method != "HEAD" {
                assert_sentence(&answer, &what);
            }
            if answer.status == 405 {
                let allowed = answer.header("allow").unwrap_or_else(|| panic!("{what}"));
                assert!(!allowed.split(',').any(|name| name == method), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_refused_whether_its_length_was_said_or_not() {
    let world = World::new().await;
    let megabyte = vec![b'a'; 1_000_000];
    for path in PATHS {
        let kind = if path.ends_with("register") {
            JSON
        } else {
            FORM
        };
        let answer = post(&world, path, kind, megabyte.clone()).await;
        assert_sentence(&answer, path);
        let expected = match path {
            "/oauth2/jwks" | "/oauth2/validate/%ff" => 405,
            _ if path.starts_with("/.well-known") => 405,
            _ => 413,
        };
        assert_eq!(answer.status, expected, "{path}");
    }
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("{:x}\r\n{}\r\n", 70_000, "a".repeat(70_000));
    let pieces = [head.as_bytes(), chunk.as_bytes(), b"0\r\n\r\n"];
    let answer = raw(world.authority(), &pieces).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("the body is larger than 65536 bytes"));
}

#[tokio::test]
async fn an_address_that_is_too_long_is_414() {
    let world = World::new().await;
    for length in [20_000, 60_000] {
        let url = world.url(&format!("/oauth2/authorize?x={}", "x".repeat(length)));
        let answer = Http::new().get(&url).await;
        assert_eq!(answer.status, 414);
        assert_sentence(&answer, "long address");
    }
    // longer than the HTTP library reads
    let long = "x".repeat(100_000);
    let head = format!("GET /oauth2/authorize?{long} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = raw(world.authority(), &[head.as_bytes()]).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    assert!(answer.contains("the address is longer than"), "{answer}");
    assert_eq!(world.refused_at("uri_length"), 3);
}

#[tokio::test]
async fn the_largest_client_id_that_is_given_out_fits_in_every_request() {
    let world = World::new().await;
    let uri = format!("http://127.0.0.1/{}", "x".repeat(1000));
    let name = "\u{20ac}".repeat(100);
    let app = json!({ "redirect_uris": [uri, format!("{uri}y")], "client_name": name });
    let app = world.register(app).await;
    assert!(app.id.len() > 3500, "{}", app.id.len());
    world.tokens(&app, &[("state", &"s".repeat(1000))]).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::new().await;
    let mut http = Http::new().with("x-long", &"x".repeat(200_000));
    let answer = http.get(&world.url("/oauth2/jwks")).await;
    assert_eq!(answer.status, 431);
    assert_sentence(&answer, "large head");
    assert_eq!(world.refused_at("head_size"), 1);
    let many: String = (0..200).map(|n| format!("x{n}: y\r\n")).collect();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    let answer = raw(world.authority(), &[head.as_bytes()]).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 431 "));
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let world = World::new().await;
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let answer = raw(world.authority(), &[nonsense]).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{nonsense:?}: {answer}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_json_for_programs_and_a_page_for_people() {
    let world = World::new().await;
    let url = world.url("/nowhere");
    let answer = Http::new().get(&url).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut browser = Http::new().with("accept", "text/html,*/*;q=0.8");
    let page = browser.get(&url).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("There is nothing"), "{}", page.text());
}

#[tokio::test]
async fn headers_that_make_no_sense_do_no_harm() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[]);
    for (name, value) in [
        ("cookie", "xmpp-oauth-session"),
        ("cookie", "xmpp-oauth-session=; xmpp-oauth-form=;;=x"),
        ("cookie", "xmpp-oauth-session=xos_\u{e9}"),
        ("accept-language", "x-*;q=nonsense,,de-;"),
        ("x-forwarded-for", "not an address"),
        ("x-forwarded-for", ",,,"),
        ("x-forwarded-for", "[::1]:80"),
        ("authorization", "Bearer \u{e9}"),
        ("accept", "\u{e9}"),
    ] {
        let mut http = Http::new();
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        http.headers.insert(name, value);
        let answer = http.get(&url).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1/"], "client_name": "x" });
        let answer = http
            .post_json(&world.url("/oauth2/register"), &metadata)
            .await;
        assert!(answer.status < 500);
    }
}
