//! JWTs of clients, behind the signature: whatever stands in them, they say no more than was signed, and by
//! whom. Lines: a header, claims, a JWK Set.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::keys::client::{
    Algorithms, check_jwks, check_times, is_for, unverified_subject, usable_keys, verify,
    verify_with_own_key,
};
use xmpp_oauth::keys::issued::claimed_audience;
use xmpp_oauth_fuzz::{key, lines, object};

const NOW: i64 = 1_800_000_000;

fuzz_target!(|text: &str| {
    let [header, claims, set] = lines(text);
    let header = header.replace("\"$jwk\"", &key::public().to_string());
    let token = key::sign(&header, claims);
    let (said, meant) = (object(&header), object(claims));
    let said = |name: &str| said.as_ref().and_then(|said| said.get(name));

    // without a signature there is nothing to believe
    let unsigned = token.rsplit_once('.').expect("three parts").0;
    let jwks = key::jwks();
    for forged in [text, unsigned, &format!("{unsigned}.")] {
        assert!(verify_with_own_key(forged, "dpop+jwt").is_err());
        assert!(verify(&jwks, forged, Algorithms::Any, &["jwt"]).is_err());
    }

    // DPoP proofs
    if let Ok((claims, jkt)) = verify_with_own_key(&token, "dpop+jwt") {
        assert_eq!(said("typ"), Some(&"dpop+jwt".into()));
        assert!(said("alg").is_some_and(|alg| key::ALGORITHMS.iter().any(|it| alg == it)));
        assert!(said("crit").is_none());
        assert_eq!(Some(&claims), meant.as_ref());
        assert!(!jkt.as_str().is_empty());
    }

    // assertions and request objects
    let types = ["jwt", "oauth-authz-req+jwt"];
    if let Ok(claims) = verify(&jwks, &token, Algorithms::Any, &types) {
        assert!(said("alg").is_some_and(|alg| key::ALGORITHMS.iter().any(|it| alg == it)));
        let is_ours = |kid: &Value| kid.is_null() || kid == key::KID;
        assert!(said("kid").is_none_or(is_ours));
        assert_eq!(claims.as_object(), meant.as_ref());
        let subject = claims.get("sub").and_then(Value::as_str);
        assert_eq!(unverified_subject(&token).as_deref(), subject);
    }
    for other in ["RS256", "PS256", "ES256", "HS256", "none", ""] {
        assert!(verify(&jwks, &token, Algorithms::Only(other), &types).is_err());
    }
    drop(claimed_audience(&token));

    if let Some(claims) = &meant {
        let _ = is_for(claims, &["https://auth.example"]);
        if let Ok(end) = check_times(claims, Timestamp::from_unix(NOW)) {
            assert!(end.as_unix() > NOW);
            let later = Timestamp::from_unix(end.as_unix());
            assert!(check_times(claims, later).is_err(), "good for ever");
        }
    }

    // keys that a client registers
    let Ok(set) = serde_json::from_str::<Value>(set) else {
        return;
    };
    assert!(verify(&set, text, Algorithms::Any, &types).is_err());
    if let Ok(kept) = check_jwks(&set) {
        assert_eq!(check_jwks(&kept).as_ref(), Ok(&kept));
        for secret in ["d", "k", "p", "q", "x5u", "x5c"] {
            let keys = kept["keys"].as_array().expect("keys");
            assert!(keys.iter().all(|key| key.get(secret).is_none()));
        }
    }
    if let Some(usable) = usable_keys(&set) {
        assert_eq!(usable_keys(&usable).as_ref(), Some(&usable));
    }
});
