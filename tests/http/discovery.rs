//! What clients may know before they ask (RFC 8414, OIDC Discovery).

use crate::client::Http;
use crate::world::World;

#[tokio::test]
async fn both_documents_say_the_same_and_every_endpoint_is_there() {
    let world = World::new().await;
    let rfc_8414 = Http::new()
        .get(&world.url("/.well-known/oauth-authorization-server"))
        .await;
    let oidc = Http::new()
        .get(&world.url("/.well-known/openid-configuration"))
        .await;
    assert_eq!(rfc_8414.header("content-type"), Some("application/json"));
    assert_eq!(rfc_8414.json(), oidc.json());

    let metadata = oidc.json();
    assert_eq!(metadata["issuer"], world.issuer.as_str());
    let endpoints = metadata.as_object().unwrap();
    let urls: Vec<_> = endpoints
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
        .collect();
    assert_eq!(urls.len(), 10);
    for (name, url) in urls {
        let answer = Http::new().get(url.as_str().unwrap()).await;
        assert_ne!(answer.status, 404, "{name}: {url}");
        assert!(answer.status < 500, "{name}: {url}");
    }
}

#[tokio::test]
async fn a_change_of_what_the_server_enforces_shows_at_once() {
    let world = World::new().await;
    let url = world.url("/.well-known/openid-configuration");
    for enforced in ["xmpp", "xmpp:client:normal", "", "xmpp xmpp:client:normal"] {
        world.server.enforce(enforced);
        let metadata = Http::new().get(&url).await.json();
        let scopes = metadata["scopes_supported"].as_array().unwrap();
        let shown: Vec<_> = scopes
            .iter()
            .filter_map(|scope| scope.as_str().filter(|scope| scope.starts_with("xmpp")))
            .collect();
        assert_eq!(shown.join(" "), enforced);
    }
}

#[tokio::test]
async fn what_is_switched_off_is_not_named() {
    let settings = "flows.allowed_grant_types = ['authorization_code']\n\
                    flows.allowed_code_challenge_methods = ['S256', 'plain']";
    let world = World::with(settings).await;
    let url = world.url("/.well-known/openid-configuration");
    let metadata = Http::new().get(&url).await.json();
    let named = |name: &str| metadata[name].to_string();
    assert_eq!(named("grant_types_supported"), r#"["authorization_code"]"#);
    assert_eq!(
        named("code_challenge_methods_supported"),
        r#"["S256","plain"]"#
    );
    assert_eq!(named("request_uri_parameter_supported"), "false");
    let iss = "authorization_response_iss_parameter_supported";
    assert_eq!(named(iss), "true");
}

#[tokio::test]
async fn without_the_authorization_endpoint_nothing_about_it_is_named_and_no_list_is_empty() {
    for settings in [
        "flows.allowed_grant_types = ['urn:ietf:params:oauth:grant-type:device_code']",
        "flows.allowed_code_challenge_methods = []\nflows.require_code_challenge = false",
    ] {
        let world = World::with(settings).await;
        let url = world.url("/.well-known/oauth-authorization-server");
        let metadata = Http::new().get(&url).await.json();
        // RFC 8414 §3.2
        for (name, value) in metadata.as_object().unwrap() {
            assert_ne!(value, &serde_json::json!([]), "{name}");
        }
        let is_on = settings.contains("require_code_challenge");
        for name in ["authorization_endpoint", "response_types_supported"] {
            assert_eq!(metadata.get(name).is_some(), is_on, "{name}");
        }
        assert!(metadata.get("code_challenge_methods_supported").is_none());
        assert!(metadata.get("device_authorization_endpoint").is_some());
    }
}
