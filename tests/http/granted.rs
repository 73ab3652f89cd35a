//! What an account has granted: the one list, and taking off it.

use serde_json::json;
use xmpp_oauth::model::{BrowserSession, GrantId, SessionId, XmppSession};
use xmpp_oauth::oauth::granted::Granted;

use crate::answers::{assert_error, parameter};
use crate::client::Http;
use crate::wait::{START, until};
use crate::world::{ALICE, World};

async fn granted(world: &World) -> Vec<Granted> {
    let alice = ALICE.parse().unwrap();
    world.provider.granted(&alice).await.unwrap()
}

async fn only(world: &World) -> Granted {
    let mut all = granted(world).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn session(grant: &GrantId, resource: &str) -> XmppSession {
    XmppSession {
        account: ALICE.parse().unwrap(),
        resource: resource.parse().unwrap(),
        grant_id: grant.clone(),
    }
}

/// The list as soon as its one grant was last used at this time; recording it happens behind the caller.
async fn used_at(world: &World, unix: i64) -> Granted {
    until("the use is recorded", START, async || {
        let granted = only(world).await;
        (granted.grant.last_used_at.as_unix() == unix).then_some(granted)
    })
    .await
}

#[tokio::test]
async fn a_grant_is_listed_with_its_app_from_where_and_whether_it_is_connected() {
    let world = World::with("http.trusted_proxies = [\"127.0.0.1\"]").await;
    let app = world
        .register(json!({ "client_name": "Gajim", "software_id": "org.gajim" }))
        .await;
    let mut browser = Http::new().with("x-forwarded-for", "2001:db8::7");
    let to = world
        .consent(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let code = parameter(&to, "code").unwrap();
    world.wait(60);
    assert_eq!(world.redeem(&app, &code).await.status, 200);

    let listed = only(&world).await;
    assert_eq!(listed.grant.client_name, "Gajim");
    let client = listed.client.as_ref().unwrap();
    assert_eq!(client.metadata.software_id.as_deref(), Some("org.gajim"));
    assert_eq!(listed.grant.granted_from, "2001:db8::7".parse().ok());
    assert_eq!(listed.grant.last_used_from, "127.0.0.1".parse().ok());
    assert!(!listed.is_connected());

    let grant = listed.grant.id;
    for resource in ["phone", "desk"] {
        let session = session(&grant, resource);
        assert!(world.provider.session_opened(session).await.unwrap());
    }
    let names = |listed: &Granted| {
        let names = listed.resources.iter().map(ToString::to_string);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&only(&world).await), ["desk", "phone"]);
    // whoever closes a resource that another grant has taken over closes nothing
    world
        .provider
        .session_closed(&session(&GrantId::new("another"), "desk"));
    world.provider.session_closed(&session(&grant, "phone"));
    assert_eq!(names(&only(&world).await), ["desk"]);
}

#[tokio::test]
async fn refreshes_logins_and_sessions_are_uses() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let begin = only(&world).await.grant.created_at.as_unix();
    world.wait(700);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refreshed = world.refresh(&app, refresh).await.json();
    // it is written before the client has its answer
    let listed = only(&world).await;
    assert_eq!(listed.grant.last_used_at.as_unix(), begin + 700);

    let host = "example.com".parse::<jid::DomainPart>().unwrap();
    let token = refreshed["access_token"].as_str().unwrap();
    let message = format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}");
    let from = "192.0.2.7".parse().ok();
    world.wait(700);
    let provider = &world.provider;
    provider.check_bearer(&host, message.as_bytes(), from).await;
    let listed = used_at(&world, begin + 1400).await;
    assert_eq!(listed.grant.last_used_from, from);

    let session = session(&listed.grant.id, "phone");
    world.wait(700);
    provider.session_opened(session.clone()).await.unwrap();
    used_at(&world, begin + 2100).await;
    world.wait(700);
    provider.session_closed(&session);
    used_at(&world, begin + 2800).await;
}

#[tokio::test]
async fn a_token_that_is_used_all_day_costs_few_writes() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let host = "example.com".parse::<jid::DomainPart>().unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let message = format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}");
    let begin = only(&world).await.grant.last_used_at.as_unix();
    // that an app was given access is told, and counted, behind the answer
    world.server.told(1).await;
    let commits = world.commits();
    for _ in 0..599 {
        world.wait(1);
        let provider = &world.provider;
        provider.check_bearer(&host, message.as_bytes(), None).await;
    }
    assert_eq!(world.commits(), commits);
    world.wait(1);
    for _ in 0..100 {
        let provider = &world.provider;
        provider.check_bearer(&host, message.as_bytes(), None).await;
    }
    used_at(&world, begin + 600).await;
    assert_eq!(world.commits(), commits + 1);
}

#[tokio::test]
async fn nobody_takes_back_what_another_granted() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    world.tokens(&app, &[]).await;
    let grant = only(&world).await.grant.id;
    let (alice, bob) = (ALICE.parse().unwrap(), "bob@example.com".parse().unwrap());
    let provider = &world.provider;
    assert!(!provider.revoke_granted(&bob, &grant).await.unwrap());
    assert!(provider.revoke_all_granted(&bob).await.unwrap().is_empty());
    assert_eq!(granted(&world).await.len(), 1);
    assert!(provider.revoke_granted(&alice, &grant).await.unwrap());
    assert!(!provider.revoke_granted(&alice, &grant).await.unwrap());
    assert!(granted(&world).await.is_empty());
    assert_eq!(world.end_of(&grant).await, Some("owner_revoked"));
}

#[tokio::test]
async fn taking_all_back_ends_every_token_and_tells_the_server() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = [world.tokens(&app, &[]).await, world.tokens(&app, &[]).await];
    let waiting = world.code(&app, &[]).await;
    let alice = ALICE.parse().unwrap();
    let ended = world.provider.revoke_all_granted(&alice).await.unwrap();
    assert_eq!(ended.len(), 2);
    for tokens in tokens {
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(world.userinfo(access).await.status, 401);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        assert_eq!(world.refresh(&app, refresh).await.status, 400);
    }
    assert_eq!(world.redeem(&app, &waiting).await.status, 400);
    let host = "example.com".parse::<jid::DomainPart>().unwrap();
    until("the server was told", START, async || {
        let pending = world.store.pending_ends(&host).await.unwrap();
        pending.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_logs_anothers_browser_out() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new().with("user-agent", &"Mozilla ".repeat(100));
    let url = world.authorize_url(&app, &[]);
    world.log_in(&mut browser, &url).await;
    world.log_in(&mut Http::new(), &url).await;
    let (alice, bob) = (ALICE.parse().unwrap(), "bob@example.com".parse().unwrap());
    let provider = &world.provider;
    let browsers = provider.browsers(&alice).await.unwrap();
    assert_eq!(browsers.len(), 2);
    let agent = |session: &BrowserSession| session.user_agent.as_ref().map(String::len);
    let with_agent = browsers
        .iter()
        .find(|browser| agent(&browser.session).is_some());
    let with_agent = with_agent.unwrap();
    assert_eq!(agent(&with_agent.session), Some(256));
    let id: &SessionId = &with_agent.id;
    assert!(!provider.log_out_browser(&bob, id).await.unwrap());
    assert_eq!(provider.log_out_browsers(&bob, None).await.unwrap(), 0);
    assert!(provider.log_out_browser(&alice, id).await.unwrap());
    let left = provider.browsers(&alice).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].id, *id);
    let page = browser.get(&url).await;
    assert!(
        page.text().contains(r#"name="password""#),
        "it is logged out"
    );
}

#[tokio::test]
async fn no_address_is_kept_where_the_operator_wants_none() {
    let world = World::with("audit.addresses = false").await;
    let app = world.register(json!({})).await;
    world.tokens(&app, &[]).await;
    let grant = only(&world).await.grant;
    assert_eq!((grant.granted_from, grant.last_used_from), (None, None));
    let alice = ALICE.parse().unwrap();
    let browsers = world.provider.browsers(&alice).await.unwrap();
    assert_eq!(browsers[0].session.from, None);
}

#[tokio::test]
async fn a_code_under_way_goes_with_what_the_operator_takes_from_its_client() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    world.tokens(&app, &[]).await;
    let code = world.code(&app, &[]).await;
    let grant = world.only_grant().await;
    let ended = world.provider.revoke_client(&grant.client_id).await;
    assert_eq!(ended.unwrap(), [grant.id]);
    assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
}
