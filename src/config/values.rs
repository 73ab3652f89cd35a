//! What single values may be. Each function takes a value as it was written and answers what it
//! means, or how the sentence `KEY …` goes on that says what is allowed.

use std::net::IpAddr;
use std::time::Duration;

use jid::DomainPart;
use url::{Host, Url};

/// A value, or how the sentence that begins with its key goes on.
pub(super) type Value<T> = Result<T, String>;

/// The shortest `registration_key`: RFC 7518 §3.2 wants at least as many bits as the hash has.
pub const MIN_KEY_LENGTH: usize = 32;

/// What `component.toml` holds where a secret must be filled in.
const PLACEHOLDER: &str = "…";

const UNITS: [(char, u64); 5] = [
    ('w', 7 * 24 * 60 * 60),
    ('d', 24 * 60 * 60),
    ('h', 60 * 60),
    ('m', 60),
    ('s', 1),
];

/// How the sentence goes on that says what was expected and what was found.
pub(super) fn expected(what: &str, found: &str) -> String {
    format!("must be {what}, not {found}")
}

/// A text as it is shown in such a sentence.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        format!("{short:?}…")
    } else {
        format!("{short:?}")
    }
}

/// A length of time as it stands in the file: `90d`, `1h`, `30s`.
pub fn duration_text(length: Duration) -> String {
    let seconds = length.as_secs();
    UNITS
        .into_iter()
        // Weeks may be written, but "90d" is what people expect to read.
        .filter(|(unit, _)| *unit != 'w')
        .find(|(_, size)| seconds > 0 && seconds.is_multiple_of(*size))
        .map_or_else(
            || format!("{seconds}s"),
            |(unit, size)| format!("{}{unit}", seconds / size),
        )
}

/// `30s`, `10m`, `1h`, `90d`, `2w`; at least a second.
pub(super) fn duration(text: &str) -> Value<Duration> {
    let wrong = || {
        expected(
            "a whole number above 0 and a unit (s, m, h, d or w), such as \"90s\" or \"30d\"",
            &quoted(text),
        )
    };
    let (unit, size) = UNITS
        .into_iter()
        .find(|(unit, _)| text.ends_with(*unit))
        .ok_or_else(wrong)?;
    let digits = text.strip_suffix(unit).unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    // A hundred years: times stay far from where their arithmetic would end.
    let longest = 36_525 * 24 * 60 * 60;
    match number.checked_mul(size) {
        Some(0) => Err(wrong()),
        Some(seconds) if seconds <= longest => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("must be at most \"36525d\", not {}", quoted(text))),
    }
}

/// The same, or `none` for without end.
pub(super) fn duration_or_none(text: &str) -> Value<Option<Duration>> {
    if text == "none" {
        return Ok(None);
    }
    duration(text)
        .map(Some)
        .map_err(|wrong| wrong.replacen("must be ", "must be \"none\" or ", 1))
}

/// A domain as JIDs have it.
pub(super) fn domain(text: &str) -> Value<DomainPart> {
    if text.contains(['@', '/']) {
        return Err(expected("a domain without \"@\" and \"/\"", &quoted(text)));
    }
    text.parse()
        .map_err(|_| expected("a domain such as \"example.com\"", &quoted(text)))
}

/// `host:port`, kept as text.
pub(super) fn host_and_port(text: &str) -> Value<String> {
    let well_formed = text.rsplit_once(':').is_some_and(|(host, port)| {
        let host_ok = match host.strip_prefix('[') {
            Some(v6) => v6
                .strip_suffix(']')
                .is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
            None => !host.contains(':') && host.parse::<DomainPart>().is_ok(),
        };
        host_ok && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err(expected(
            "a host and a port such as \"127.0.0.1:5347\" or \"[::1]:5347\"",
            &quoted(text),
        ))
    }
}

/// Whether a host, as it stands before the port, is this machine for certain.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of a [`host_and_port`].
pub(super) fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// `http.public_url`: an issuer (RFC 8414 §2), and no path for now.
pub(super) fn public_url(text: &str) -> Value<Url> {
    let url = web_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "must have no query and no fragment (RFC 8414 §2), unlike {}",
            quoted(text)
        ));
    }
    if url.path() != "/" {
        return Err(format!(
            "must have no path, such as \"{}\"; give the provider a host name or a port of its own",
            url.origin().ascii_serialization()
        ));
    }
    Ok(url)
}

/// A page on the web: https, or http on loopback, where nobody listens in.
pub(super) fn web_url(text: &str) -> Value<Url> {
    let wrong = || expected("a URL such as \"https://auth.example.com\"", &quoted(text));
    let url = Url::parse(text).map_err(|_| wrong())?;
    let loopback = match url.host() {
        None => return Err(wrong()),
        Some(Host::Domain(name)) => is_loopback(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(format!(
            "must begin with https://, unlike {}: http is for loopback only (127.0.0.1, [::1], \
             localhost)",
            quoted(text)
        )),
        _ => Err(wrong()),
    }
}

/// A secret that is not empty and was filled in.
pub(super) fn filled_in(secret: &str) -> Value<()> {
    match secret {
        "" => Err("must not be empty".to_owned()),
        PLACEHOLDER => Err(format!(
            "is still \"{PLACEHOLDER}\": put a secret of your own there (`openssl rand -base64 32` \
             makes one)"
        )),
        _ => Ok(()),
    }
}

/// `registration.registration_key`
pub(super) fn long_enough(key: &str) -> Value<()> {
    filled_in(key)?;
    let length = key.chars().count();
    if length < MIN_KEY_LENGTH {
        return Err(format!(
            "must have at least {MIN_KEY_LENGTH} characters, it has {length} (`openssl rand -base64 \
             32` makes one)"
        ));
    }
    Ok(())
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(choices: &[(&str, T)], text: &str) -> Value<T> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let words: Vec<String> = choices.iter().map(|(word, _)| quoted(word)).collect();
            expected(&words.join(" or "), &quoted(text))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written_alike() {
        for text in ["1s", "90s", "10m", "1h", "36h", "90d"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
        assert_eq!(duration("2w").unwrap(), duration("14d").unwrap());
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for bad in [
            "",
            "1",
            "h",
            "0s",
            "-1h",
            "+1h",
            "1 h",
            "1.5h",
            "1y",
            "forever",
            "1hé",
            "é",
            "18446744073709551615w",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("none").is_err());
        assert_eq!(duration_or_none("none"), Ok(None));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for here in [
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "[::1]",
            "localhost",
            "LocalHost",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for away in [
            "10.0.0.1",
            "0.0.0.0",
            "example.com",
            "localhost.example.com",
            "[::2]",
        ] {
            assert!(!is_loopback(away), "{away}");
        }
    }

    #[test]
    fn an_address_needs_a_host_and_a_port() {
        for good in ["127.0.0.1:5347", "[::1]:5347", "xmpp.example.com:5347"] {
            assert!(host_and_port(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            ":5347",
            "::1:5347",
            "[::1]",
            "a:0",
            "a:65536",
            "[a]:1",
        ] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }
}
