//! What the web and the protocol count.

use std::time::Duration;

use serde_json::json;
use xmpp_oauth::metrics;

use crate::client::{Http, raw};
use crate::login::WRONG;
use crate::wait::until;
use crate::world::{ALICE, World};

impl World {
    fn metrics(&self) -> String {
        let parts = [
            &self.web_metrics,
            self.provider.metrics(),
            self.store.metrics(),
        ];
        metrics::text(parts)
    }

    /// The value of a series.
    pub(crate) fn counted(&self, series: &str) -> u64 {
        let text = self.metrics();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("xmpp_oauth_{series} ")));
        let value = line.unwrap_or_else(|| panic!("no {series} in {text}"));
        value.parse().unwrap()
    }

    /// How often somebody was refused at a limit.
    pub(crate) fn refused_at(&self, limit: &str) -> u64 {
        self.counted(&format!("limits_hit_total{{limit=\"{limit}\"}}"))
    }

    /// Waits until it was so often: some is counted after the other side has seen it.
    pub(crate) async fn is_refused_at(&self, limit: &str, often: u64) {
        until(limit, Duration::from_secs(10), async || {
            (self.refused_at(limit) == often).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_class_and_no_visitor_makes_a_series() {
    let world = World::new().await;
    let series_before = world.metrics().lines().count();
    world.userinfo("xoa_nonsense").await;
    for path in ["/nowhere", "/oauth2/userinfo/alice", "/assets/none.css"] {
        assert_eq!(Http::new().get(&world.url(path)).await.status, 404);
    }
    Http::new().get(&world.url("/oauth2/jwks")).await;

    let requests = |route, status| {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        world.counted(&format!("http_requests_total{labels}"))
    };
    assert_eq!(requests("/oauth2/userinfo", "4xx"), 1);
    assert_eq!(requests("other", "4xx"), 2);
    assert_eq!(requests("/assets/{name}", "4xx"), 1);
    assert_eq!(requests("/oauth2/jwks", "2xx"), 1);
    let took = "http_request_seconds_count{route=\"/oauth2/userinfo\"}";
    assert_eq!(world.counted(took), 1);
    let text = world.metrics();
    assert_eq!(text.lines().count(), series_before);
    assert!(!text.contains("nowhere") && !text.contains("alice"));
}

#[tokio::test]
async fn every_route_is_counted_by_itself() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/oauth2/jwks"),
        ("POST", "/oauth2/register"),
        ("GET", "/oauth2/authorize"),
        ("POST", "/oauth2/token"),
        ("POST", "/oauth2/revoke"),
        ("POST", "/oauth2/introspect"),
        ("POST", "/oauth2/device"),
        ("GET", "/device"),
        ("GET", "/oauth2/validate/{host}"),
        ("GET", "/oauth2/userinfo"),
        ("GET", "/login"),
        ("POST", "/login/switch"),
        ("POST", "/consent"),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        raw(world.authority(), &[request.as_bytes()]).await.unwrap();
        let took = format!("http_request_seconds_count{{route=\"{path}\"}}");
        assert_eq!(world.counted(&took), 1, "{path}");
    }
    let took = "http_request_seconds_count{route=\"other\"}";
    assert_eq!(world.counted(took), 0);
}

#[tokio::test]
async fn logins_tokens_reuse_and_the_cache_are_counted_and_name_nobody() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let code = world.code(&app, &[]).await;
    let tokens = world.redeem(&app, &code).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(world.userinfo(access).await.status, 200);
    }
    let host = jid::DomainPart::new("example.com").unwrap().into_owned();
    for token in [access, "xoa_nonsense"] {
        let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
        world
            .provider
            .check_bearer(&host, message.as_bytes(), None)
            .await;
    }
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let newer = world.refresh(&app, refresh).await.json();
    world
        .userinfo(newer["access_token"].as_str().unwrap())
        .await;
    assert_eq!(world.refresh(&app, refresh).await.status, 400);
    assert_eq!(world.redeem(&app, &code).await.status, 400);

    for (series, count) in [
        ("logins_total{by=\"password\",result=\"success\"}", 1),
        ("logins_total{by=\"oauthbearer\",result=\"success\"}", 1),
        ("logins_total{by=\"oauthbearer\",result=\"challenge\"}", 1),
        ("tokens_issued_total{grant_type=\"authorization_code\"}", 1),
        ("tokens_issued_total{grant_type=\"refresh_token\"}", 1),
        ("token_cache_total{result=\"hit\"}", 3),
        ("token_cache_total{result=\"miss\"}", 3),
        ("reuse_total{of=\"refresh_token\"}", 1),
        ("reuse_total{of=\"code\"}", 1),
    ] {
        assert_eq!(world.counted(series), count, "{series}");
    }
    assert!(world.counted("storage_commit_seconds_count") > 0);
    let text = world.metrics();
    for secret in [ALICE, "alice", access, refresh, &app.id] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn whoever_is_refused_at_a_limit_is_counted() {
    let more = "limits.registrations_per_address = 1\nlimits.password_tries_per_account = 1\n\
                limits.max_body_size = 4096";
    let world = World::with(more).await;
    let app = world.register(json!({})).await;
    world.try_register(&mut Http::new(), json!({})).await;
    let body = "x".repeat(4097);
    let kind = "application/x-www-form-urlencoded";
    let answer = Http::new()
        .post(&world.url("/oauth2/token"), kind, body)
        .await;
    assert_eq!(answer.status, 413);
    let long = world.url(&format!("/login?{}", "x".repeat(17_000)));
    assert_eq!(Http::new().get(&long).await.status, 414);
    let mut browser = Http::new();
    let page = browser.get(&world.authorize_url(&app, &[])).await;
    for _ in 0..2 {
        world.give_password(&mut browser, &page, ALICE, WRONG).await;
    }
    for limit in [
        "registrations_per_address",
        "password_tries_per_account",
        "max_body_size",
        "uri_length",
    ] {
        assert_eq!(world.refused_at(limit), 1, "{limit}");
    }
    let wrong = "logins_total{by=\"password\",result=\"wrong_password\"}";
    let braked = "logins_total{by=\"password\",result=\"too_many_tries\"}";
    assert_eq!((world.counted(wrong), world.counted(braked)), (1, 1));
}

#[tokio::test]
async fn every_limit_that_is_counted_stands_in_the_table() {
    let world = World::new().await;
    let table = include_str!("../../docs/reliability.md");
    let text = world.metrics();
    let mut limits = text.split("limits_hit_total{limit=\"").skip(1).peekable();
    assert!(limits.peek().is_some());
    for limit in limits {
        let name = limit.split('"').next().unwrap();
        assert!(table.contains(&format!("`{name}`")), "{name} is not there");
    }
}
