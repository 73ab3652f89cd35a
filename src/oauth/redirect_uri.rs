//! Redirect URIs: which may be registered, and which registered one a request names
//! (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1 and §4.1).

use url::{Host, Url};

use crate::model::ApplicationType;

/// The redirect URI of programs that cannot be redirected to: the code is shown for the person to copy.
pub const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// https: a website.
    Web,
    /// http to a loopback address: a program on the person's device, any port (RFC 8252 §7.3).
    Loopback,
    /// A private-use scheme (RFC 8252 §7.1).
    PrivateScheme,
    /// Shown on a page.
    OutOfBand,
}

/// Schemes that a browser or the system gives a meaning of its own: never an app's.
const FORBIDDEN_SCHEMES: [&str; 16] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "ftp",
    "gopher",
    "http",
    "https",
    "intent",
    "javascript",
    "mailto",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Which kind of redirect URI this is; `Err` says why it is none.
///
/// # Errors
/// A sentence for the developer of the client.
pub fn classify(uri: &str) -> Result<RedirectKind, &'static str> {
    if uri == OUT_OF_BAND {
        return Ok(RedirectKind::OutOfBand);
    }
    if uri.len() > 2000 {
        return Err("is longer than 2,000 characters");
    }
    if uri
        .bytes()
        .any(|b| !(0x21..=0x7e).contains(&b) || b"\"<>\\^`{|}".contains(&b))
    {
        return Err("has characters that must be percent-encoded in a URI (RFC 3986 §2)");
    }
    // RFC 6749 §3.1.2: MUST NOT include a fragment component
    if uri.contains('#') {
        return Err("must not have a fragment (RFC 6749 §3.1.2)");
    }
    let parsed = Url::parse(uri).map_err(|_| "is not an absolute URI")?;
    // A browser takes https:host as a path of the page that it stands on.
    if parsed.scheme().starts_with("http")
        && !(uri.starts_with("https://") || uri.starts_with("http://"))
    {
        return Err("must begin with https:// or http://");
    }
    let authority = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or("");
    if authority.ends_with(':') {
        return Err("has a colon and no port after its host");
    }
    // What a URL parser lets pass in a host (* ; ' ,) means something else in a security policy.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.[]:_".contains(&b);
    if !parsed.host_str().unwrap_or("").bytes().all(plain) {
        return Err("has a host that is no host name (internationalised names in punycode)");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("must not have a user name or password");
    }
    match parsed.scheme() {
        "https" if parsed.host_str().is_some_and(|host| !host.is_empty()) => Ok(RedirectKind::Web),
        "http" if is_loopback(&parsed) => Ok(RedirectKind::Loopback),
        "http" => Err("may use http only for 127.0.0.1, [::1] and localhost (RFC 8252 §7.3)"),
        scheme if FORBIDDEN_SCHEMES.contains(&scheme) => {
            Err("has a scheme that no app may take for itself")
        }
        // RFC 8252 §7.1: a domain name under the app's control, in reverse order
        // and a slash: what follows is a path, never the name of another scheme
        scheme if scheme.contains('.') && !uri[scheme.len()..].starts_with(":/") => {
            Err("needs a slash after the colon of its scheme, like com.example.app:/callback")
        }
        scheme if scheme.contains('.') => Ok(RedirectKind::PrivateScheme),
        _ => Err(
            "needs https, http on loopback, or a private-use scheme with a dot in it, like com.example.app:/callback (RFC 8252 §7.1)",
        ),
    }
}

/// Whether a client of this kind may register the URI.
///
/// # Errors
/// A sentence for the developer of the client.
pub fn check_registrable(
    uri: &str,
    application_type: ApplicationType,
    client_uri: Option<&Url>,
) -> Result<(), &'static str> {
    match (classify(uri)?, application_type) {
        (RedirectKind::Web, ApplicationType::Web) => {
            let parsed = Url::parse(uri).map_err(|_| "is not an absolute URI")?;
            match client_uri {
                Some(home) if home.host_str() != parsed.host_str() => {
                    Err("must be on the host of client_uri")
                }
                _ => Ok(()),
            }
        }
        (_, ApplicationType::Web) => Err(
            "must be https for a web client; register with application_type \"native\" for a program on the person's device",
        ),
        // RFC 8252 §7.2: claimed https URIs, on the client's own host alike
        (RedirectKind::Web, ApplicationType::Native) => {
            check_registrable(uri, ApplicationType::Web, client_uri)
        }
        (_, ApplicationType::Native) => Ok(()),
    }
}

/// Whether a request's `redirect_uri` is the registered one: the same text (RFC 9700 §2.1), but for the
/// port of a loopback address (RFC 8252 §7.3).
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    if classify(registered) != Ok(RedirectKind::Loopback)
        || classify(requested) != Ok(RedirectKind::Loopback)
    {
        return false;
    }
    match (without_port(registered), without_port(requested)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

/// The URI as text without its port, and without the parser's clean-ups elsewhere.
fn without_port(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    Some(format!("{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_matches_on_any_port_and_on_nothing_else() {
        for (registered, requested, ok) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true),
            ("http://[::1]/cb", "http://[::1]:8080/cb", true),
            ("http://localhost/cb", "http://localhost:9/cb", true),
            ("http://127.0.0.1/cb", "http://localhost:9/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:9/cb/", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:9/cb?x=1", false),
            (
                "http://127.0.0.1/cb",
                "http://127.0.0.1:80@evil.example/cb",
                false,
            ),
            (
                "https://app.example/cb",
                "https://app.example:8443/cb",
                false,
            ),
            (
                "https://app.example/cb",
                "https://app.example/cb/../x",
                false,
            ),
            ("https://app.example/cb", "https://APP.example/cb", false),
        ] {
            assert_eq!(
                matches(registered, requested),
                ok,
                "{registered} {requested}"
            );
        }
    }

    #[test]
    fn what_a_browser_would_run_or_leak_to_is_refused() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "http://example.com/cb",
            "http://127.0.0.2/cb",
            "http://localhost.evil.example/",
            "https://app.example/cb#fragment",
            "https://user@app.example/cb",
            "myapp:/cb",
            "https://",
            "/relative",
            "https://app.example/ x",
            "com.example.app:/cb#f",
            "https:app.example/cb",
            "HTTPS://app.example/cb",
            "http:127.0.0.1/cb",
            "https://*/cb",
            "https://a;script-src/cb",
            "https://a'b,c.example/cb",
            "com.example.app://a;sandbox/cb",
            "intent://x.y",
            "x.y:javascript:alert(1)",
            "x.y:data:text/html,x",
            "x.y:javascript://%0aalert(1)",
            "x.y:",
            "http://[::1]:/cb",
            "http://127.0.0.1:/cb",
            "https://app.example:/cb",
            "https://:pw@app.example/cb",
        ] {
            assert!(classify(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_kinds_that_are_allowed() {
        assert_eq!(
            classify("https://app.example/cb?x=1"),
            Ok(RedirectKind::Web)
        );
        assert_eq!(classify("http://[::1]:9/cb"), Ok(RedirectKind::Loopback));
        assert_eq!(
            classify("com.example.app:/cb"),
            Ok(RedirectKind::PrivateScheme)
        );
        assert_eq!(classify(OUT_OF_BAND), Ok(RedirectKind::OutOfBand));
    }

    #[test]
    fn a_web_client_may_redirect_only_to_its_own_host_by_https() {
        let home = Url::parse("https://app.example/").unwrap();
        let web = |uri| check_registrable(uri, ApplicationType::Web, Some(&home));
        assert_eq!(web("https://app.example/cb"), Ok(()));
        assert!(web("https://evil.example/cb").is_err());
        assert!(web("http://127.0.0.1/cb").is_err());
        assert!(web(OUT_OF_BAND).is_err());
        let native = |uri| check_registrable(uri, ApplicationType::Native, Some(&home));
        assert_eq!(native("http://127.0.0.1/cb"), Ok(()));
        assert!(native("https://evil.example/cb").is_err());
    }
}
