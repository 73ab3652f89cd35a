//! Tokens for services that are not XMPP: whom they are for (RFC 8707), and the JWTs that they are
//! (RFC 9068).

use jid::DomainPart;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use xmpp_oauth::oauth::bearer::BearerAnswer;
use xmpp_oauth::oauth::introspection::Asker;

use crate::answers::{assert_error, parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::{App, VERIFIER};
use crate::world::World;

const NOW: i64 = 1_800_000_000;
const FILES: &str = "https://files.example.com";
const MAIL: &str = "https://mail.example.com/api";
const SERVICES: &str = r#"
    [[resources]]
    uri = "https://files.example.com"
    name = "Files"
    scopes = { "files:read" = "Read your <files>", "files:write" = "Change your files" }
    [[resources]]
    uri = "https://mail.example.com/api"
    name = "Mail"
    scopes = { "mail" = "Read your mail" }
    access_token_ttl = "1m"
"#;

async fn world() -> (World, App) {
    let world = World::with(SERVICES).await;
    let app = world.register(json!({})).await;
    (world, app)
}

/// Redeems a code for these services.
async fn redeem(world: &World, app: &App, code: &str, resources: &[&str]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", app.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    fields.extend(resources.iter().map(|uri| ("resource", *uri)));
    world.token(app, &fields).await
}

async fn tokens(world: &World, app: &App, scope: &str, resources: &[&str]) -> Value {
    let code = world.code(app, &[("scope", scope)]).await;
    let answer = redeem(world, app, &code, resources).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn access_token(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

/// The claims, as the service verifies them by itself (RFC 9068 §4).
async fn verified(world: &World, service: &str, token: &str) -> Value {
    let answer = Http::new().get(&world.url("/oauth2/jwks")).await;
    let keys: JwkSet = serde_json::from_slice(&answer.body).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.alg, Algorithm::RS256);
    let key = keys.find(&header.kid.unwrap()).expect("a published key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[service]);
    validation.set_issuer(&[&world.issuer]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    jsonwebtoken::decode(token, &key, &validation)
        .unwrap()
        .claims
}

#[tokio::test]
async fn a_service_verifies_by_itself_whose_token_it_is_and_what_it_allows() {
    let (world, app) = world().await;
    let tokens = tokens(&world, &app, "openid files:read mail", &[FILES]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 300);
    assert_eq!(tokens["scope"], "files:read");
    assert!(tokens["id_token"].is_string(), "openid was granted");
    let claims = verified(&world, FILES, access_token(&tokens)).await;
    let expected = json!({
        "iss": world.issuer,
        "sub": "xmpp:alice@example.com",
        "aud": FILES,
        "client_id": app.id,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": claims["jti"],
        "auth_time": NOW,
        "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "amr": ["pwd"],
        "scope": "files:read",
    });
    assert_eq!(claims, expected);
    assert!(claims["jti"].as_str().unwrap().len() >= 20);
}

#[tokio::test]
async fn a_services_token_logs_nobody_in_and_opens_nothing_here() {
    let (world, app) = world().await;
    let scope = "openid profile xmpp xmpp:client:normal files:read";
    let tokens = tokens(&world, &app, scope, &[FILES]).await;
    let token = access_token(&tokens);
    let host = DomainPart::new("example.com").unwrap().into_owned();
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    let answer = world
        .provider
        .check_bearer(&host, message.as_bytes(), None)
        .await;
    assert!(matches!(answer, BearerAnswer::Challenge(_)), "{answer:?}");
    assert_error(&world.userinfo(token).await, 401, "invalid_token");
    let bearer = format!("Bearer {token}");
    let validated = Http::new()
        .with("authorization", &bearer)
        .get(&world.url("/oauth2/validate/example.com"))
        .await;
    assert_eq!(validated.status, 401);
    let host = DomainPart::new("example.com").unwrap();
    let said = world.provider.introspect(Asker::Host(&host), token).await;
    assert_eq!(json!(said.unwrap()), json!({ "active": false }));
    // nor is it taken for an id_token of ours
    let url = world.authorize_url(&app, &[("id_token_hint", token)]);
    let answer = Http::new().get(&url).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
}

#[tokio::test]
async fn a_token_of_ours_allows_nothing_at_another_service() {
    let (world, app) = world().await;
    let tokens = tokens(&world, &app, "openid xmpp:client:normal files:read", &[]).await;
    assert!(access_token(&tokens).starts_with("xoa_"));
    assert_eq!(tokens["scope"], "openid xmpp:client:normal");
    let said = world.introspect(&app, access_token(&tokens)).await;
    assert_eq!(said["scope"], "openid xmpp:client:normal");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("resource", "xmpp:other.example"),
    ];
    assert_error(&world.token(&app, &refresh).await, 400, "invalid_target");
}

#[tokio::test]
async fn a_token_for_userinfo_alone_logs_nobody_in_and_one_for_the_host_opens_no_userinfo() {
    let (world, app) = world().await;
    let host = DomainPart::new("example.com").unwrap().into_owned();
    let issuer = world.issuer.clone();
    for (resource, scope, aud, logs_in) in [
        (
            issuer.as_str(),
            "offline_access openid",
            issuer.as_str(),
            false,
        ),
        (
            "xmpp:example.com",
            "xmpp:client:normal",
            "example.com",
            true,
        ),
    ] {
        let scope_asked = "openid offline_access xmpp:client:normal";
        let tokens = tokens(&world, &app, scope_asked, &[resource]).await;
        assert_eq!(tokens["scope"], scope);
        let token = access_token(&tokens);
        let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
        let answer = world
            .provider
            .check_bearer(&host, message.as_bytes(), None)
            .await;
        let is_in = matches!(answer, BearerAnswer::Success(_));
        assert_eq!(is_in, logs_in, "{answer:?}");
        let userinfo = world.userinfo(token).await.status;
        assert_eq!(userinfo, if logs_in { 403 } else { 200 });
        assert_eq!(world.introspect(&app, token).await["aud"], aud);
    }
}

#[tokio::test]
async fn a_request_for_one_host_gets_nothing_of_an_account_at_another() {
    let world = World::with("xmpp.hosts = ['example.com', 'example.org']").await;
    world
        .server
        .set_password("alice@example.org", "looking-glass");
    let app = world.register(json!({})).await;
    for (scope, granted) in [
        ("xmpp:client:normal", None),
        ("openid xmpp:client:normal", Some("openid")),
    ] {
        let asked = [("scope", scope), ("resource", "xmpp:example.com")];
        let url = world.authorize_url(&app, &asked);
        let mut browser = Http::new();
        let page = browser.get(&url).await;
        let (account, password) = ("alice@example.org", "looking-glass");
        let on = world
            .give_password(&mut browser, &page, account, password)
            .await;
        let page = browser.get(&world.url(on.location())).await;
        let Some(granted) = granted else {
            assert_eq!(world.error_told(&page), "invalid_target");
            continue;
        };
        let to = redirect(&world.decide(&mut browser, &page, "allow").await);
        let code = parameter(&to, "code").unwrap();
        let tokens = redeem(&world, &app, &code, &[]).await.json();
        assert_eq!(tokens["scope"], granted);
    }
}

#[tokio::test]
async fn a_refresh_may_ask_for_any_part_of_what_was_granted() {
    let (world, app) = world().await;
    let scope = "openid profile offline_access files:read";
    let mut last = tokens(&world, &app, scope, &[]).await;
    for part in ["profile", "offline_access profile", "openid", "files:read"] {
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", last["refresh_token"].as_str().unwrap()),
            ("scope", part),
        ];
        let answer = world.token(&app, &refresh).await;
        assert_eq!(answer.status, 200, "{part}: {}", answer.text());
        last = answer.json();
        assert_eq!(last["scope"], part);
    }
}

#[tokio::test]
async fn a_device_and_a_pushed_request_are_for_the_services_that_they_name() {
    let (world, _) = world().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = json!({ "grant_types": ["authorization_code", device] });
    let app = world.register(grants).await;
    for (resource, scope, error) in [
        (FILES, "openid mail", "invalid_scope"),
        ("https://elsewhere.example", "openid", "invalid_target"),
        ("xmpp:example.com", "xmpp:client:normal", "invalid_target"),
    ] {
        let fields = [("scope", scope), ("resource", resource)];
        let answer = world.call(&app, "/oauth2/device", &fields).await;
        assert_error(&answer, 400, error);
    }
    let fields = [("scope", "mail files:read"), ("resource", FILES)];
    assert_eq!(
        world.call(&app, "/oauth2/device", &fields).await.status,
        200
    );

    let challenge = xmpp_oauth::secrets::sha256_text(VERIFIER);
    let pushed = [
        ("response_type", "code"),
        ("redirect_uri", app.redirect_uri.as_str()),
        ("scope", "openid mail files:read xmpp:client:normal"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("resource", FILES),
        ("resource", MAIL),
    ];
    let answer = world.call(&app, "/oauth2/par", &pushed).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let fields = [
        ("client_id", app.id.as_str()),
        ("request_uri", uri.as_str()),
    ];
    let url = url::Url::parse_with_params(&world.url("/oauth2/authorize"), fields).unwrap();
    let mut browser = Http::new();
    let on = browser.get(url.as_str()).await;
    let page = world.log_in(&mut browser, &world.url(on.location())).await;
    let to = redirect(&world.decide(&mut browser, &page, "allow").await);
    let code = parameter(&to, "code").unwrap();
    assert_error(
        &redeem(&world, &app, &code, &["xmpp:example.com"]).await,
        400,
        "invalid_target",
    );
    let tokens = redeem(&world, &app, &code, &[MAIL]).await.json();
    verified(&world, MAIL, access_token(&tokens)).await;
    assert_eq!(
        world.only_grant().await.scopes.to_string(),
        "files:read mail openid"
    );
}

#[tokio::test]
async fn what_was_allowed_for_one_service_is_not_remembered_for_another() {
    let (world, _) = world().await;
    let website = json!({
        "application_type": "web",
        "redirect_uris": ["https://app.example/cb"],
    });
    let app = world.register(website).await;
    let mut browser = Http::new();
    let asked = |resource| [("scope", ""), ("resource", resource)];
    let files = world.authorize_url(&app, &asked(FILES));
    let to = world.consent(&mut browser, &files).await;
    redeem(&world, &app, &parameter(&to, "code").unwrap(), &[]).await;
    assert_eq!(browser.get(&files).await.status, 303, "allowed before");
    let mail = world.authorize_url(&app, &asked(MAIL));
    assert_eq!(browser.get(&mail).await.status, 200, "not asked before");
}

#[tokio::test]
async fn one_grant_gives_a_token_for_each_service_in_turn() {
    let (world, app) = world().await;
    let scope = "openid offline_access files:read files:write mail";
    let mut last = tokens(&world, &app, scope, &[FILES]).await;
    for (resource, scope, lasts) in [(MAIL, "mail", 60), (FILES, "files:read files:write", 300)] {
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", last["refresh_token"].as_str().unwrap()),
            ("resource", resource),
        ];
        let answer = world.token(&app, &refresh).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        last = answer.json();
        assert_eq!(last["scope"], scope);
        assert_eq!(last["expires_in"], lasts);
        verified(&world, resource, access_token(&last)).await;
    }
    let narrowed = [
        ("grant_type", "refresh_token"),
        ("refresh_token", last["refresh_token"].as_str().unwrap()),
        ("resource", FILES),
        ("scope", "files:read"),
    ];
    let answer = world.token(&app, &narrowed).await.json();
    let claims = verified(&world, FILES, access_token(&answer)).await;
    assert_eq!(claims["scope"], "files:read");
}

#[tokio::test]
async fn what_was_not_granted_for_a_service_gives_no_token_for_it_and_spends_nothing() {
    let (world, app) = world().await;
    let code = world.code(&app, &[("scope", "openid files:read")]).await;
    for resources in [
        &[MAIL][..],
        &["https://elsewhere.example"],
        &[FILES, MAIL],
        &["xmpp:other.example"],
        &["xmpp:example.com"],
        &["xmpp:alice@example.com"],
    ] {
        let answer = redeem(&world, &app, &code, resources).await;
        assert_error(&answer, 400, "invalid_target");
    }
    // named twice, it is one all the same
    let answer = redeem(&world, &app, &code, &[FILES, FILES]).await;
    assert_eq!(answer.status, 200, "the code was not spent");
}

#[tokio::test]
async fn where_only_one_service_can_be_meant_it_need_not_be_named_again() {
    let (world, app) = world().await;
    let fields = [("scope", ""), ("resource", FILES)];
    let code = world.code(&app, &fields).await;
    let tokens = redeem(&world, &app, &code, &[]).await.json();
    assert_eq!(tokens["scope"], "files:read files:write");
    assert_eq!(tokens["id_token"], Value::Null);
    assert_eq!(tokens["refresh_token"], Value::Null);
    verified(&world, FILES, access_token(&tokens)).await;

    let code = world.code(&app, &[("scope", "files:read mail")]).await;
    let answer = redeem(&world, &app, &code, &[]).await;
    assert_error(&answer, 400, "invalid_target");
}

#[tokio::test]
async fn a_request_is_for_the_services_that_it_names_alone() {
    let (world, app) = world().await;
    let all = "openid xmpp:client:normal files:read mail";
    for (resources, granted) in [
        (&[FILES][..], "files:read openid"),
        (&[FILES, MAIL], "files:read mail openid"),
        (&["xmpp:example.com"], "openid xmpp:client:normal"),
        (&[world.issuer.as_str()], "openid"),
    ] {
        let mut url = world.authorize_url(&app, &[("scope", all), ("prompt", "consent")]);
        for resource in resources {
            url += &format!("&resource={}", resource.replace(':', "%3A"));
        }
        world.consent(&mut Http::new(), &url).await;
        let grants = world.grants_by_redeeming(&app, &url).await;
        assert_eq!(grants, granted, "{resources:?}");
    }
    for (resource, scope, error) in [
        ("https://elsewhere.example", all, "invalid_target"),
        ("https://files.example.com/", all, "invalid_target"),
        (FILES, "openid mail", "invalid_scope"),
    ] {
        let answer = world
            .ask(&app, &[("resource", resource), ("scope", scope)])
            .await;
        assert_eq!(world.error_told(&answer), error, "{resource} {scope}");
    }
}

impl World {
    /// What a request's grant is for.
    async fn grants_by_redeeming(&self, app: &App, url: &str) -> String {
        let to = self.consent(&mut Http::new(), url).await;
        let code = parameter(&to, "code").unwrap();
        let answer = redeem(self, app, &code, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let grants = self.grants().await;
        let newest = grants.first().unwrap();
        newest.scopes.to_string()
    }
}

#[tokio::test]
async fn a_person_reads_in_words_what_an_app_may_do_where() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("scope", "openid files:read")]);
    let page = world.log_in(&mut browser, &url).await.text();
    assert!(page.contains("Read your &lt;files&gt;"), "{page}");
    assert!(page.contains("Files"), "{page}");
    let page = world.log_in(&mut browser, &url).await;
    let to = redirect(&world.decide(&mut browser, &page, "allow").await);
    let code = parameter(&to, "code").unwrap();
    redeem(&world, &app, &code, &[FILES]).await;
    let account = browser.get(&world.url("/account")).await.text();
    assert!(account.contains("Read your &lt;files&gt;"), "{account}");
}

#[tokio::test]
async fn a_service_that_asks_hears_at_once_that_a_grant_has_ended() {
    let (world, app) = world().await;
    let tokens = tokens(&world, &app, "openid offline_access files:read", &[FILES]).await;
    let token = access_token(&tokens);
    let said = world.introspect(&app, token).await;
    let claims = verified(&world, FILES, token).await;
    let expected = json!({
        "active": true,
        "scope": "files:read",
        "client_id": app.id,
        "username": "alice@example.com",
        "sub": "xmpp:alice@example.com",
        "aud": FILES,
        "iss": world.issuer,
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 300,
        "jti": claims["jti"],
        "token_type": "Bearer",
    });
    assert_eq!(said, expected);
    let inactive = json!({ "active": false });
    let other = world.register(json!({})).await;
    assert_eq!(world.introspect(&other, token).await, inactive);
    // one that we did not make, whatever it says
    let mut forged = token.to_owned();
    forged.pop();
    assert_eq!(world.introspect(&app, &forged).await, inactive);
    let grant = world.only_grant().await.id;
    assert_eq!(world.revoke(&app, token).await.status, 200);
    assert_eq!(world.introspect(&app, token).await, inactive);
    assert_eq!(world.end_of(&grant).await, Some("client_revoked"));
}

#[tokio::test]
async fn a_services_token_is_over_when_it_says_so() {
    let (world, app) = world().await;
    let tokens = tokens(&world, &app, "openid mail", &[MAIL]).await;
    let token = access_token(&tokens);
    world.wait(59);
    assert_eq!(world.introspect(&app, token).await["active"], true);
    world.wait(1);
    assert_eq!(
        world.introspect(&app, token).await,
        json!({ "active": false })
    );
}

#[tokio::test]
async fn who_somebody_is_to_a_pairwise_client_a_services_token_does_not_give_away() {
    let (world, _) = world().await;
    let app = json!({
        "subject_type": "pairwise",
        "client_uri": null,
        "redirect_uris": ["https://one.example/cb"],
    });
    let app = world.register(app).await;
    let tokens = tokens(&world, &app, "openid files:read", &[FILES]).await;
    let claims = verified(&world, FILES, access_token(&tokens)).await;
    assert!(!claims.to_string().contains("alice"), "{claims}");
    let said = world.introspect(&app, access_token(&tokens)).await;
    assert_eq!(said["sub"], claims["sub"]);
    assert!(!said.to_string().contains("alice"), "{said}");
}

#[tokio::test]
async fn a_resource_servers_own_token_is_for_no_other_service() {
    // which client_id to allow is known only once it has registered: two worlds with the same keys
    let more = "http.public_url = 'https://auth.example.com'\n\
                flows.allowed_grant_types = ['authorization_code', 'client_credentials']\n";
    let first = World::with(more).await;
    let server = json!({ "grant_types": ["authorization_code", "client_credentials"] });
    let server = first.register(server).await;
    let allowed = format!(
        "{more}introspection.allowed = ['{}']\n{SERVICES}",
        server.id
    );
    let world = World::with(&allowed).await;
    let ask = [("grant_type", "client_credentials")];
    assert_eq!(world.token(&server, &ask).await.status, 200);
    let ask = [ask[0], ("resource", FILES)];
    assert_error(&world.token(&server, &ask).await, 400, "invalid_target");
}

#[tokio::test]
async fn tokens_for_services_do_not_travel_through_browsers() {
    let on = "flows.allowed_response_types = ['code', 'token', 'id_token token']";
    let world = World::with(&format!("{on}\n{SERVICES}")).await;
    let app = world
        .register(json!({ "response_types": ["code", "token"] }))
        .await;
    let answer = world
        .ask(
            &app,
            &[("response_type", "token"), ("scope", "openid files:read")],
        )
        .await;
    assert_eq!(world.error_told(&answer), "invalid_scope");
}

#[tokio::test]
async fn the_metadata_names_the_services_and_their_scopes_exactly_where_there_are_any() {
    let (world, _) = world().await;
    let read = async |world: &World| {
        let url = world.url("/.well-known/oauth-authorization-server");
        Http::new().get(&url).await.json()
    };
    let metadata = read(&world).await;
    assert_eq!(metadata["protected_resources"], json!([FILES, MAIL]));
    let scopes = metadata["scopes_supported"].to_string();
    assert!(
        scopes.contains("files:write") && scopes.contains("mail"),
        "{scopes}"
    );
    let without = read(&World::new().await).await;
    assert_eq!(without["protected_resources"], Value::Null);
    assert!(!without["scopes_supported"].to_string().contains("mail"));
}
