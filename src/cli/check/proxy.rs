//! Whether the operator's proxy says truly who is asking: everybody's brakes hang on it.

use crate::cli::operations::Seen;

/// An address that nobody has (RFC 5737), claimed in the request that went through the proxy.
pub(super) const FORGED: &str = "192.0.2.1";

/// What the request that arrived says of the proxy: what is right about it, or what to do.
pub(super) fn judge(seen: &Seen, is_https: bool) -> Result<String, String> {
    if !is_https {
        // no TLS, so nothing that ends it stands between
        return Ok("none: public_url is plain http on this machine".to_owned());
    }
    let peer = &seen.peer;
    if !seen.is_trusted {
        return Err(format!(
            "requests come from {peer}, which is not in http.trusted_proxies: everybody is taken \
             for one address; add it if it is your proxy"
        ));
    }
    match seen.forwarded.last() {
        None => Err(format!(
            "the one at {peer} does not say whom it speaks for: everybody is taken for one \
             address; have it set X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For \
             $remote_addr; Caddy does so by itself)"
        )),
        Some(last) if last == FORGED => Err(format!(
            "the one at {peer} passes on an X-Forwarded-For that the client made up, so anybody \
             can get round the limits; have it set the header itself (nginx: proxy_set_header \
             X-Forwarded-For $remote_addr; Caddy: trusted_proxies must not name clients)"
        )),
        Some(last) => Ok(format!("the one at {peer} says truly who asks ({last})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(is_trusted: bool, forwarded: &[&str]) -> Seen {
        Seen {
            peer: "127.0.0.1".into(),
            is_trusted,
            forwarded: forwarded.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_proxy_that_sets_or_extends_the_header_is_right() {
        assert!(judge(&seen(true, &["203.0.113.7"]), true).is_ok());
        assert!(judge(&seen(true, &[FORGED, "203.0.113.7"]), true).is_ok());
    }

    #[test]
    fn a_proxy_that_passes_on_forged_headers_is_told_from_one_that_says_nothing() {
        let forged = judge(&seen(true, &[FORGED]), true).unwrap_err();
        assert!(forged.contains("made up"), "{forged}");
        let silent = judge(&seen(true, &[]), true).unwrap_err();
        assert!(silent.contains("does not say"), "{silent}");
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_named() {
        let unknown = judge(&seen(false, &["203.0.113.7"]), true).unwrap_err();
        assert!(unknown.contains("127.0.0.1, which is not in http.trusted_proxies"));
    }

    #[test]
    fn plain_http_has_no_proxy() {
        assert!(judge(&seen(true, &[FORGED]), false).is_ok());
    }
}
