//! Redirect URIs: what matches a registered one is that one, but for the port of a loopback address. A line
//! of what is registered, a line of what is asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::{Host, Url};
use xmpp_oauth::model::ApplicationType;
use xmpp_oauth::oauth::redirect_uri::{RedirectKind, check_registrable, classify, matches};
use xmpp_oauth_fuzz::lines;

fuzz_target!(|text: &str| {
    let [registered, requested] = lines(text);
    let home = Url::parse("https://app.example/").expect("a URL");
    for kind in [ApplicationType::Native, ApplicationType::Web] {
        if check_registrable(registered, kind, Some(&home)).is_ok() {
            let url = Url::parse(registered);
            let is_web = registered.starts_with("https://");
            assert!(is_web || kind == ApplicationType::Native, "{registered}");
            let at_home = || url.is_ok_and(|url| url.host_str() == home.host_str());
            assert!(!is_web || at_home(), "{registered}");
        }
    }
    let Ok(kind) = classify(registered) else {
        return;
    };
    // it stands in a Location header and in a page's form-action
    assert!(registered.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(matches(registered, registered), "{registered}");
    assert_eq!(
        matches(registered, requested),
        matches(requested, registered) && classify(requested).is_ok()
    );
    if !matches(registered, requested) || registered == requested {
        return;
    }
    assert_eq!(kind, RedirectKind::Loopback, "{registered} and {requested}");
    assert_eq!(classify(requested), Ok(kind), "{requested}");
    let without_port = |uri: &str| {
        let mut url = Url::parse(uri).expect("a URL");
        match url.host().expect("a host") {
            Host::Domain(name) => assert_eq!(name, "localhost"),
            Host::Ipv4(address) => assert!(address.is_loopback()),
            Host::Ipv6(address) => assert!(address.is_loopback()),
        }
        url.set_port(None).expect("a host");
        url
    };
    assert_eq!(without_port(registered), without_port(requested));
});
