//! What web apps may call from other sites, and what they may not (Fetch Standard, CORS protocol).

use bytes::Bytes;
use http::Request;

use crate::client::{Answer, Http};
use crate::world::World;

const FOR_APPS: [(&str, &str); 10] = [
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/oauth2/jwks"),
    ("POST", "/oauth2/register"),
    ("PUT", "/oauth2/register/some-client"),
    ("POST", "/oauth2/device"),
    ("POST", "/oauth2/par"),
    ("POST", "/oauth2/token"),
    ("POST", "/oauth2/revoke"),
    ("GET", "/oauth2/userinfo"),
];

const NOT_FOR_APPS: [&str; 8] = [
    "/oauth2/authorize",
    "/login",
    "/login/switch",
    "/consent",
    "/device",
    "/account",
    "/oauth2/introspect",
    "/nowhere",
];

async fn ask(world: &World, method: &str, path: &str, preflight: Option<&str>) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(world.url(path))
        .header("origin", "https://app.example");
    if let Some(wanted) = preflight {
        request = request
            .header("access-control-request-method", wanted)
            .header("access-control-request-headers", "authorization,dpop");
    }
    let request = request.body(Bytes::new()).unwrap();
    Http::new().send(request).await.unwrap()
}

#[tokio::test]
async fn a_web_app_may_call_what_clients_call_themselves() {
    let world = World::new().await;
    for (method, path) in FOR_APPS {
        let preflight = ask(&world, "OPTIONS", path, Some(method)).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        let methods = preflight.header("access-control-allow-methods").unwrap();
        assert!(methods.split(", ").any(|one| one == method), "{methods}");
        let headers = preflight.header("access-control-allow-headers").unwrap();
        for header in ["Authorization", "Content-Type", "DPoP"] {
            assert!(headers.contains(header), "{headers}");
        }
        // the answer too, also where it is an error
        let answer = ask(&world, method, path, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
    }
}

#[tokio::test]
async fn no_site_may_call_with_a_browsers_cookies() {
    let world = World::new().await;
    for (method, path) in FOR_APPS {
        for preflight in [Some(method), None] {
            let asked = preflight.map_or(method, |_| "OPTIONS");
            let answer = ask(&world, asked, path, preflight).await;
            let credentials = answer.header("access-control-allow-credentials");
            assert_eq!(credentials, None, "{path}");
        }
    }
}

#[tokio::test]
async fn no_other_site_may_read_a_page() {
    let world = World::new().await;
    for path in NOT_FOR_APPS {
        for (method, preflight) in [("OPTIONS", Some("POST")), ("GET", None), ("POST", None)] {
            let answer = ask(&world, method, path, preflight).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
            assert_ne!(answer.status, 204, "{path}");
        }
    }
}
