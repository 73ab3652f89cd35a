//! The OAUTHBEARER message (RFC 7628 §3.1): what was read, written again, is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xmpp_oauth::oauth::bearer::BearerMessage;

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = BearerMessage::parse(bytes) else {
        return;
    };
    let BearerMessage { authzid, token } = &message;
    if let Some(token) = token {
        assert!(!token.is_empty() && token.trim() == token && !token.contains('\x01'));
    }
    if let Some(authzid) = authzid {
        assert!(!authzid.is_empty() && !authzid.contains(['\0', '\x01']));
    }
    let name = authzid.as_ref().map(|name| {
        let escaped = name.replace('=', "=3D").replace(',', "=2C");
        format!("a={escaped}")
    });
    let credentials = token.as_ref().map(|token| format!("Bearer {token}"));
    let again = format!(
        "n,{},\x01auth={}\x01\x01",
        name.unwrap_or_default(),
        credentials.unwrap_or_default()
    );
    let read = BearerMessage::parse(again.as_bytes());
    assert_eq!(read.as_ref(), Some(&message), "{again:?}");
});
