//! Forms and queries: what was read, written again, is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::form_urlencoded::Serializer;
use xmpp_oauth::oauth::{Params, Repeated, decode_form};

fuzz_target!(|text: &str| {
    let Ok(pairs) = decode_form(text) else {
        return;
    };
    for (name, value) in &pairs {
        assert!(!name.contains('\0') && !value.contains('\0'));
    }
    let written = Serializer::new(String::new()).extend_pairs(&pairs).finish();
    assert_eq!(decode_form(&written).as_ref(), Ok(&pairs), "{written}");
    // RFC 8707 §2: the one that may
    let is_there_twice =
        |name: &str| name != "resource" && pairs.iter().filter(|(n, _)| n == name).count() > 1;
    match Params::new(pairs.clone()) {
        Ok(params) => {
            for (name, value) in &pairs {
                assert!(!is_there_twice(name));
                let expected = Some(value.as_str()).filter(|value| !value.is_empty());
                match name == "resource" {
                    true => assert!(expected.is_none() || params.resources().any(|it| it == value)),
                    false => assert_eq!(params.get(name), expected, "{name}"),
                }
            }
        }
        // the name is cut for the answer
        Err(Repeated(name)) => {
            let cut = |(whole, _): &(String, String)| whole.starts_with(&name);
            assert!(pairs.iter().filter(|pair| cut(pair)).count() > 1, "{name}");
        }
    }
});
