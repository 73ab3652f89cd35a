//! The grants that are off until the operator wants them: password (RFC 6749 §4.3) and client_credentials
//! (§4.4).

use jid::DomainPart;
use serde_json::{Value, json};
use xmpp_oauth::oauth::bearer::BearerAnswer;

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, PASSWORD, World};

const ON: &str = "flows.allowed_grant_types = \
    ['authorization_code', 'refresh_token', 'password', 'client_credentials']";
const BOTH: &str = "authorization_code refresh_token password client_credentials";

/// A client, and a provider that names it wherever one must be named.
async fn world() -> (World, App) {
    let world = World::with(&format!("{ON}\nflows.password_clients = ['nobody']")).await;
    named(world, "").await
}

async fn named(world: World, more: &str) -> (World, App) {
    let app = register(&world).await;
    let settings = format!(
        "{ON}\nflows.password_clients = ['{0}']\nintrospection.allowed = ['{0}']\n{more}",
        app.id
    );
    (world.reconfigured(&settings).await, app)
}

async fn register(world: &World) -> App {
    let grants: Vec<_> = BOTH.split(' ').collect();
    world.register(json!({ "grant_types": grants })).await
}

async fn log_in(world: &World, app: &App, username: &str, password: &str) -> Answer {
    let fields = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
        ("scope", "openid xmpp:client:normal"),
    ];
    world.token(app, &fields).await
}

async fn own_token(world: &World, app: &App) -> Value {
    let answer = world
        .token(app, &[("grant_type", "client_credentials")])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

#[tokio::test]
async fn both_are_off_unless_the_operator_wants_them() {
    let world = World::new().await;
    let app = register(&world).await;
    let answer = log_in(&world, &app, ALICE, PASSWORD).await;
    assert_error(&answer, 400, "unsupported_grant_type");
    let answer = world
        .token(&app, &[("grant_type", "client_credentials")])
        .await;
    assert_error(&answer, 400, "unsupported_grant_type");
    assert_eq!(world.server.asked(), 0);
}

#[tokio::test]
async fn an_app_of_the_operators_own_logs_people_in_by_their_password() {
    let (world, app) = world().await;
    for username in ["alice", ALICE] {
        let answer = log_in(&world, &app, username, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();
        assert_eq!(tokens["scope"], "openid xmpp:client:normal");
        assert!(tokens["id_token"].is_string());
        let who = world.userinfo(text(&tokens, "access_token")).await.json();
        assert_eq!(who["sub"], "xmpp:alice@example.com");
        let refreshed = world.refresh(&app, text(&tokens, "refresh_token")).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    }
    for grant in world.grants().await {
        assert_eq!(grant.auth_time.unwrap().as_unix(), 1_800_000_000);
        assert_eq!(grant.generation.unwrap().as_str(), PASSWORD);
    }
}

#[tokio::test]
async fn any_other_app_learns_nothing_by_a_password() {
    let (world, _) = world().await;
    let other = register(&world).await;
    let answer = log_in(&world, &other, ALICE, PASSWORD).await;
    assert_error(&answer, 400, "unauthorized_client");
    assert_eq!(
        world.server.asked(),
        0,
        "the password is not even looked at"
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_account_that_is_not_there_look_the_same() {
    let (world, app) = world().await;
    let wrong = log_in(&world, &app, ALICE, "wrong").await;
    assert_error(&wrong, 400, "invalid_grant");
    for nobody in ["carol", "carol@example.com", "alice@elsewhere.example", "@"] {
        let answer = log_in(&world, &app, nobody, PASSWORD).await;
        assert_error(&answer, 400, "invalid_grant");
        assert_eq!(answer.text(), wrong.text(), "{nobody}");
    }
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn with_more_than_one_host_the_username_is_a_jid() {
    let more = "xmpp.hosts = ['example.com', 'example.org']";
    let base = format!("{ON}\nflows.password_clients = ['nobody']\n{more}");
    let (world, app) = named(World::with(&base).await, more).await;
    let answer = log_in(&world, &app, "alice", PASSWORD).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(log_in(&world, &app, ALICE, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn wrong_passwords_are_braked_together_with_those_of_the_login_page() {
    let (world, app) = world().await;
    for _ in 0..3 {
        log_in(&world, &app, ALICE, "wrong").await;
    }
    for _ in 0..2 {
        crate::login::try_from(&world, &app, "203.0.113.9", ALICE, "wrong").await;
    }
    let answer = log_in(&world, &app, ALICE, PASSWORD).await;
    assert_error(&answer, 429, "temporarily_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(world.server.asked(), 5);
    world.wait(wait);
    assert_eq!(log_in(&world, &app, ALICE, PASSWORD).await.status, 200);
    for (result, count) in [("wrong_password", 3), ("too_many_tries", 1), ("success", 1)] {
        let series = format!("logins_total{{by=\"password_grant\",result=\"{result}\"}}");
        assert_eq!(world.counted(&series), count, "{result}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_no_wrong_password() {
    let (world, app) = world().await;
    world.server.go_away();
    let answer = log_in(&world, &app, ALICE, PASSWORD).await;
    assert_error(&answer, 503, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn an_account_that_changes_while_its_password_is_checked_grants_nothing() {
    let (world, app) = world().await;
    let gate = world.server.hold();
    let (answer, ()) = tokio::join!(log_in(&world, &app, ALICE, PASSWORD), async {
        while world.server.asked() == 0 {
            tokio::task::yield_now().await;
        }
        let account = ALICE.parse().unwrap();
        let change = xmpp_oauth::oauth::revoke::AccountChange::Password;
        world
            .provider
            .account_changed(&account, change)
            .await
            .unwrap();
        gate.notify_one();
    });
    assert_error(&answer, 503, "temporarily_unavailable");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_password_gives_only_scopes_that_are_enforced() {
    let (world, app) = world().await;
    world.server.enforce("");
    let answer = log_in(&world, &app, ALICE, PASSWORD).await;
    assert_eq!(answer.json()["scope"], "openid");
}

#[tokio::test]
async fn a_resource_server_introspects_with_a_token_of_its_own() {
    let (world, app) = world().await;
    let own = own_token(&world, &app).await;
    assert_eq!(own["refresh_token"], Value::Null);
    assert_eq!(own["scope"], Value::Null);
    assert_eq!(own["id_token"], Value::Null);
    let peoples = log_in(&world, &app, ALICE, PASSWORD).await.json();
    let ask = async |bearer: &str, token: &str| {
        let bearer = format!("Bearer {bearer}");
        let mut http = Http::new().with("authorization", &bearer);
        let url = world.url("/oauth2/introspect");
        http.post_form(&url, &[("token", token)]).await
    };
    let access = text(&peoples, "access_token");
    let answer = ask(text(&own, "access_token"), access).await.json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["username"], ALICE);
    // nobody else's token is good for it
    for other in [access, text(&peoples, "refresh_token"), "x"] {
        let answer = ask(other, access).await;
        assert_error(&answer, 401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    world.wait(3600);
    assert_error(
        &ask(text(&own, "access_token"), access).await,
        401,
        "invalid_token",
    );
}

#[tokio::test]
async fn a_resource_servers_own_token_opens_nothing_else() {
    let (world, app) = world().await;
    let own = own_token(&world, &app).await;
    let token = text(&own, "access_token");
    assert_error(&world.userinfo(token).await, 403, "insufficient_scope");
    for host in ["example.com", "oauth.example.com"] {
        let host: DomainPart = host.parse().unwrap();
        let message = format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}");
        let answer = world
            .provider
            .check_bearer(&host, message.as_bytes(), None)
            .await;
        assert!(matches!(answer, BearerAnswer::Challenge(_)), "{answer:?}");
    }
    let said = world.introspect(&app, token).await;
    let now = 1_800_000_000;
    let expected = json!({
        "active": true,
        "client_id": app.id,
        "sub": app.id,
        "aud": world.issuer,
        "iss": world.issuer,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "token_type": "Bearer",
    });
    assert_eq!(said, expected);
    assert_eq!(world.revoke(&app, token).await.status, 200);
    assert_eq!(
        world.introspect(&app, token).await,
        json!({ "active": false })
    );
}

#[tokio::test]
async fn client_credentials_are_for_confidential_clients_that_may_introspect() {
    let (world, _) = world().await;
    let other = register(&world).await;
    let fields = [("grant_type", "client_credentials")];
    let answer = world.token(&other, &fields).await;
    assert_error(&answer, 400, "unauthorized_client");
    let public = json!({
        "grant_types": ["client_credentials"], "redirect_uris": null,
        "token_endpoint_auth_method": "none",
    });
    let answer = world.try_register(&mut Http::new(), public).await.json();
    let public = App {
        id: answer["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: String::new(),
    };
    let settings = format!(
        "{ON}\nflows.password_clients = ['x']\nintrospection.allowed = ['{}']",
        public.id
    );
    let world = world.reconfigured(&settings).await;
    let answer = world.token(&public, &fields).await;
    assert_error(&answer, 400, "unauthorized_client");
}

#[tokio::test]
async fn a_resource_server_that_never_stops_asking_costs_no_other_its_token() {
    let world = World::with(&format!("{ON}\nflows.password_clients = ['x']")).await;
    let (greedy, other) = (register(&world).await, register(&world).await);
    let settings = format!(
        "{ON}\nflows.password_clients = ['x']\nintrospection.allowed = ['{}', '{}']",
        greedy.id, other.id
    );
    let world = world.reconfigured(&settings).await;
    let token = own_token(&world, &other).await;
    for _ in 0..205 {
        own_token(&world, &greedy).await;
    }
    assert_eq!(world.grants().await.len(), 201, "it loses its own oldest");
    let said = world.introspect(&other, text(&token, "access_token")).await;
    assert_eq!(said["active"], true);
}

#[tokio::test]
async fn client_credentials_give_no_scope() {
    let (world, app) = world().await;
    let fields = [("grant_type", "client_credentials"), ("scope", "xmpp")];
    assert_error(&world.token(&app, &fields).await, 400, "invalid_scope");
}

#[tokio::test]
async fn a_resource_server_that_is_named_no_more_has_a_token_for_nothing() {
    let (world, app) = world().await;
    let own = own_token(&world, &app).await;
    let settings = format!("{ON}\nflows.password_clients = ['x']\nintrospection.allowed = []");
    let world = world.reconfigured(&settings).await;
    let bearer = format!("Bearer {}", text(&own, "access_token"));
    let mut http = Http::new().with("authorization", &bearer);
    let url = world.url("/oauth2/introspect");
    let answer = http.post_form(&url, &[("token", "x")]).await;
    assert_error(&answer, 401, "invalid_token");
}

#[tokio::test]
async fn the_metadata_names_what_is_on() {
    let (world, _) = world().await;
    let url = world.url("/.well-known/oauth-authorization-server");
    let metadata = Http::new().get(&url).await.json();
    let grants: Vec<_> = BOTH.split(' ').collect();
    assert_eq!(metadata["grant_types_supported"], json!(grants));
    let methods = &metadata["introspection_endpoint_auth_methods_supported"];
    assert!(methods.as_array().unwrap().contains(&json!("Bearer")));
}
