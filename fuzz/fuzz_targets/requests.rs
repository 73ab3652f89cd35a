//! Requests to all doors: whatever is asked, it is answered; nothing is given out, and nobody is sent
//! anywhere but to where a client has registered. A request as it goes over the wire; then, behind a line of
//! two hyphens, the header and the claims of the JWT that `$jwt` stands for in it.
#![no_main]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use xmpp_oauth_fuzz::played::{PASSWORD, PLAYED, REDIRECT_URIS};
use xmpp_oauth_fuzz::{key, lines};

/// Those are ours to say, so that each request ends where it ends.
const FRAMING: [&str; 6] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// The request as HTTP, from an address that nobody else has; `None` where it cannot be one.
fn request(text: &str) -> Option<String> {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let [line, headers] = lines(head);
    let mut line = line.split(' ');
    let method = Method::from_bytes(line.next()?.as_bytes()).ok()?;
    let target = line.next()?.parse::<Uri>().ok()?;
    if method == Method::CONNECT || !target.path().starts_with('/') {
        return None;
    }
    let number = SENT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: auth.example\r\nConnection: close\r\n\
         Content-Length: {}\r\nX-Forwarded-For: {}\r\n",
        body.len(),
        std::net::Ipv4Addr::from(number)
    );
    for header in headers.lines() {
        let (name, value) = header.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        let value = value.trim();
        HeaderValue::from_str(value).ok()?;
        if !FRAMING.contains(&name.as_str()) {
            write!(request, "{name}: {value}\r\n").ok()?;
        }
    }
    Some(format!("{request}\r\n{body}"))
}

fuzz_target!(|text: &str| {
    let (text, jwt) = text.split_once("\n--\n").unwrap_or((text, ""));
    let [header, claims] = lines(jwt);
    let header = header.replace("\"$jwk\"", &key::public().to_string());
    let claims = PLAYED.name(claims);
    let jwt = key::sign(&header, &claims);
    let Some(request) = request(&PLAYED.fill(text, &jwt, &claims)) else {
        return;
    };
    PLAYED.log_in();
    let answer = PLAYED.send(&request);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).expect("a status");
    // nothing here can be out of order; some things can be full
    assert!(!status.starts_with('5') || status == "503", "{head}");
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").expect("a header");
        match name {
            "location" => {
                let is_ours = value.starts_with("https://auth.example/")
                    || (value.starts_with('/') && !value.starts_with("//"));
                let end = value.find(['?', '#']).unwrap_or(value.len());
                let is_there = |uri: &&str| match uri.strip_prefix("http://") {
                    Some(host) => value.strip_prefix("http://").is_some_and(|rest| {
                        let rest = rest.strip_prefix(host).unwrap_or("");
                        rest.starts_with([':', '/']) && value[..end].ends_with("/cb")
                    }),
                    None => value[..end] == **uri,
                };
                assert!(
                    is_ours || REDIRECT_URIS.iter().any(|uri| is_there(&uri)),
                    "{line}"
                );
                assert!(
                    !value.contains("code=xoc_") && !value.contains("_token="),
                    "{line}"
                );
            }
            "set-cookie" if value.contains("session=xos_") => {
                assert!(request.contains(PASSWORD), "logged in without the password");
            }
            "content-type" if value.starts_with("text/html") => {
                assert!(head.contains("content-security-policy: "));
                assert!(!body.contains("<script"), "{body}");
            }
            "content-type" if value.starts_with("application/json") && !body.is_empty() => {
                let said: Value = serde_json::from_str(body).expect("JSON");
                for token in ["access_token", "refresh_token", "id_token"] {
                    assert!(said.get(token).is_none(), "{body}");
                }
            }
            _ => {}
        }
    }
});
