//! `client_id`s: believed is what this key has signed, to the letter. A line of claims; then what is changed
//! of the token: a byte each, with two before it that say where.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use xmpp_oauth::config::RegistrationAlgorithm::{HS256, HS384, HS512};
use xmpp_oauth::keys::registration::{sign, verify};
use xmpp_oauth::secrets::Secret;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or(b"")) else {
        return;
    };
    let changes = parts.next().unwrap_or(b"").as_chunks::<3>().0;
    let key = Secret::new("a key that is only used by this fuzzer");
    // how JSON rounds numbers is not ours
    let is_exact = |claims: &Value| {
        claims
            .to_string()
            .parse()
            .is_ok_and(|again: Value| again == *claims)
    };
    let claims = text.parse().ok().filter(is_exact);
    let claims = claims.unwrap_or_else(|| json!({ "client_name": text, "redirect_uris": [text] }));
    for algorithm in [HS256, HS384, HS512] {
        assert!(verify::<Value>(&key, algorithm, text).is_err(), "{text}");
        let token = sign(&key, algorithm, &claims).expect("JSON");
        // claims are an object (RFC 7519 §7.2)
        let believed = verify::<Value>(&key, algorithm, &token);
        match claims.is_object() {
            true => assert_eq!(believed.expect("our own"), claims),
            false => drop(believed),
        }
        let mut changed = token.clone().into_bytes();
        for [high, low, to] in changes {
            let at = usize::from(u16::from_be_bytes([*high, *low])) % changed.len();
            changed[at] = *to;
        }
        if let Ok(changed) = String::from_utf8(changed)
            && changed != token
        {
            let believed = verify::<Value>(&key, algorithm, &changed);
            assert!(believed.is_err(), "{changed} is not {token}");
        }
    }
});
