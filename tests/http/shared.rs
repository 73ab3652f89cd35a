//! Several processes on one database: what one was handed another knows of, and what is counted is counted
//! for all of them.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::text;
use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::devices::{self, UNKNOWN, type_code};
use crate::login::{WRONG, try_from};
use crate::postgres::Server;
use crate::website::Website;
use crate::world::{ALICE, PASSWORD, World};
use crate::{backchannel_logout, dpop, private_key_jwt, pushed, wait};

/// Two processes.
async fn two() -> [World; 2] {
    two_with("").await
}

async fn two_with(settings: &str) -> [World; 2] {
    let one = World::on_postgres_with(settings).await;
    let other = one.beside().await;
    [one, other]
}

async fn sql(world: &World, statements: &str) {
    let database = world.database();
    Server::shared().sql(database, statements).await;
}

#[tokio::test]
async fn a_request_that_was_pushed_at_one_process_is_taken_at_another_and_then_nowhere() {
    let [one, other] = two().await;
    let app = one.register(json!({})).await;
    let uri = pushed::pushed(&one, &app).await;
    let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
    let code = pushed::code(&other, &fields).await;
    assert_eq!(one.redeem(&app, &code).await.status, 200);
    for world in [&one, &other] {
        let again = Http::new().get(&pushed::url(world, &fields)).await;
        assert_eq!(again.status, 400, "{}", again.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_bring_one_pushed_request_to_two_processes_one_goes_on() {
    let both = two().await;
    let app = both[0].register(json!({})).await;
    for round in 0..5 {
        let uri = pushed::pushed(&both[round % 2], &app).await;
        let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
        let bring = async |no: usize| {
            let url = pushed::url(&both[no % 2], &fields);
            Http::new().get(&url).await.status
        };
        let mut came_to = join_all((0..8).map(bring)).await;
        came_to.sort_unstable();
        assert_eq!(came_to, [303, 400, 400, 400, 400, 400, 400, 400]);
    }
}

#[tokio::test]
async fn what_an_address_pushes_at_all_processes_counts_together() {
    let both = two().await;
    let app = both[0].register(dpop::public()).await;
    for no in 0..200 {
        let answer = pushed::push(&both[no % 2], &app, &[]).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    for world in &both {
        assert_eq!(pushed::push(world, &app, &[]).await.status, 429);
        assert_eq!(world.refused_at("pushes_per_address"), 1);
    }
}

#[tokio::test]
async fn an_assertion_that_one_process_took_another_refuses() {
    let [one, other] = two().await;
    let key = ClientKey::new();
    let asked = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks() });
    let app = one.register(asked).await;
    let sign = |jti| key.sign(&private_key_jwt::claims(&one, &app, jti));
    let (first, second) = (sign("1"), sign("2"));
    for (world, assertion, status, error) in [
        (&one, &first, 400, "invalid_grant"),
        (&other, &first, 401, "invalid_client"),
        (&other, &second, 400, "invalid_grant"),
        (&one, &second, 401, "invalid_client"),
    ] {
        let answer = private_key_jwt::knock(world, assertion, &[]).await;
        assert_error(&answer, status, error);
    }
    // and which it took is not forgotten by a restart
    let other = other.restarted().await;
    let answer = private_key_jwt::knock(&other, &second, &[]).await;
    assert_error(&answer, 401, "invalid_client");
    // where that cannot be known, none is taken
    sql(&one, "DROP TABLE shown").await;
    let answer = private_key_jwt::knock(&one, &sign("3"), &[]).await;
    assert_error(&answer, 500, "server_error");
}

#[tokio::test]
async fn a_proof_that_gave_tokens_at_one_process_gives_none_at_another() {
    let [one, other] = two().await;
    let app = one.register(dpop::public()).await;
    let key = ClientKey::new();
    let tokens = dpop::bound_tokens(&one, &app, &key, &[]).await;
    let proof = dpop::signed(&one, &key, "/oauth2/token");
    let answer = dpop::refresh(&one, &app, text(&tokens, "refresh_token"), &proof).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    let answer = dpop::refresh(&other, &app, text(&tokens, "refresh_token"), &proof).await;
    assert_error(&answer, 400, "invalid_dpop_proof");

    // what a token opens asks the database for no proof
    let token = text(&tokens, "access_token");
    let open = async |world| {
        let proof = dpop::userinfo_proof(&one, &key, token, &json!({}));
        let answer = dpop::userinfo(world, "DPoP", token, &proof).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let again = dpop::userinfo(world, "DPoP", token, &proof).await;
        assert_error(&again, 401, "invalid_dpop_proof");
    };
    open(&other).await;
    sql(&one, "DROP TABLE shown").await;
    open(&other).await;
}

#[tokio::test]
async fn wrong_passwords_for_an_account_count_together_and_a_restart_forgets_none() {
    let [one, other] = two().await;
    let app = one.register(json!({})).await;
    for no in 0..5 {
        let world = if no < 2 { &one } else { &other };
        let from = format!("203.0.113.{no}");
        let answer = try_from(world, &app, &from, ALICE, "wrong").await;
        assert!(answer.text().contains(WRONG), "{}", answer.text());
    }
    let other = other.restarted().await;
    for world in [&one, &other] {
        let answer = try_from(world, &app, "203.0.113.9", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("30"));
        assert_eq!(world.refused_at("password_tries_per_account"), 1);
    }
    assert_eq!(one.server.asked(), 5, "the server is not even asked");
    one.wait(30);
    let answer = try_from(&one, &app, "203.0.113.9", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nobody_at_any_process_for_longer_than_a_burst_takes() {
    let [one, other] = two().await;
    let app = one.register(json!({})).await;
    one.wait(9999);
    for no in 0..5 {
        let world = if no < 3 { &one } else { &other };
        try_from(world, &app, &format!("203.0.113.{no}"), ALICE, "wrong").await;
    }
    let set_back = one.provider.now() - Duration::from_secs(9999);
    one.clock.set(set_back);
    for world in [&one, &other] {
        let answer = try_from(world, &app, "203.0.113.9", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 429, "a jump must not free a guesser either");
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
    one.wait(30);
    let answer = try_from(&other, &app, "203.0.113.9", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test]
async fn wrong_passwords_from_an_address_count_together() {
    let both = two().await;
    let app = both[0].register(json!({})).await;
    for no in 0..20 {
        let who = format!("user{no}@example.com");
        let answer = try_from(&both[no % 2], &app, "203.0.113.1", &who, "wrong").await;
        assert!(answer.text().contains(WRONG), "{}", answer.text());
    }
    for world in &both {
        let answer = try_from(world, &app, "203.0.113.1", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 429);
        assert_eq!(world.refused_at("password_tries_per_address"), 1);
    }
    let answer = try_from(&both[0], &app, "203.0.113.2", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_at_once_at_two_processes_cannot_outrun_the_brake() {
    let both = two().await;
    let app = both[0].register(json!({})).await;
    let addresses: Vec<_> = (0..30).map(|no| format!("203.0.113.{no}")).collect();
    let tries = addresses.iter().enumerate();
    let tries = tries.map(|(no, from)| try_from(&both[no % 2], &app, from, ALICE, "wrong"));
    let answers = join_all(tries).await;
    let braked = answers.iter().filter(|answer| answer.status == 429);
    assert_eq!(braked.count(), 25);
    assert_eq!(both[0].server.asked(), 5);
}

#[tokio::test]
async fn a_right_password_is_no_try_at_any_process() {
    let both = two().await;
    let app = both[0].register(json!({})).await;
    for no in 0..24 {
        let answer = try_from(&both[no % 2], &app, "203.0.113.1", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 303, "{no}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_password_whose_try_cannot_be_counted_is_not_asked_about() {
    let [one, _] = two().await;
    let app = one.register(json!({})).await;
    sql(&one, "ALTER TABLE tries RENAME TO away").await;
    for _ in 0..25 {
        let answer = try_from(&one, &app, "203.0.113.1", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
    assert_eq!(one.server.asked(), 0);
    sql(&one, "ALTER TABLE away RENAME TO tries").await;
    // nor have those used up what there is
    let answer = try_from(&one, &app, "203.0.113.1", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn tries_name_no_address_and_no_account_in_the_database() {
    let [one, _] = two().await;
    let app = one.register(json!({})).await;
    try_from(&one, &app, "203.0.113.1", ALICE, "wrong").await;
    let server = Server::shared();
    let rows = "SELECT count(*) FROM tries";
    let rows = server.number(one.database(), rows).await;
    let named = "SELECT count(*) FROM tries t
        WHERE length(key) <> 32 OR key IN (sha256('203.0.113.1'), sha256('alice@example.com'))
            OR t::text ~ '203|alice|example'
            OR convert_from(decode(encode(key, 'hex'), 'escape'), 'LATIN1') ~ '203|alice|example'";
    // the registration's, and the login's two
    assert_eq!((rows, server.number(one.database(), named).await), (3, 0));
}

#[tokio::test]
async fn user_codes_that_are_none_count_together_and_good_ones_do_not() {
    let both = two().await;
    let app = devices::tv_with(&both[0], json!({})).await;
    // logged in at both, by the one database
    let mut browser = Http::new();
    let ask = async || devices::ask(&both[0], &app).await;
    for no in 0..12 {
        let code = ask().await.user_code;
        let page = type_code(&both[no % 2], &mut browser, &code).await;
        assert!(page.text().contains(r#"name="ticket""#), "{}", page.text());
    }
    for no in 0..10 {
        let page = type_code(&both[no % 2], &mut browser, "BCDF-GHJK").await;
        assert!(page.text().contains(UNKNOWN), "{}", page.text());
    }
    let code = ask().await.user_code;
    for world in &both {
        let page = type_code(world, &mut browser, &code).await;
        assert_eq!(page.status, 429, "{}", page.text());
        assert_eq!(world.refused_at("user_codes_per_account"), 1);
    }
    // nor with other accounts, from the same address
    let guess = async |no: usize, who: &str| {
        both[no].server.set_password(who, PASSWORD);
        let mut browser = Http::new();
        let url = both[no].url("/device?user_code=BCDF-GHJK");
        let page = browser.get(&url).await;
        let on = both[no].give_password(&mut browser, &page, who, PASSWORD);
        assert_eq!(on.await.status, 303);
        let mut pages: Vec<Answer> = Vec::new();
        for _ in 0..10 {
            pages.push(browser.get(&url).await);
        }
        let refused = pages.iter().filter(|page| page.status == 429);
        refused.count()
    };
    assert_eq!(guess(0, "bob@example.com").await, 0);
    assert_eq!(guess(1, "carol@example.com").await, 10);
}

#[tokio::test]
async fn registrations_from_an_address_count_together() {
    let both = two_with("limits.registrations_per_address = 3").await;
    for no in 0..3 {
        both[no % 2].register(json!({})).await;
    }
    for world in &both {
        let answer = world.try_register(&mut Http::new(), json!({})).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
    }
    sql(&both[0], "DROP TABLE tries").await;
    let mut elsewhere = Http::new().with("x-forwarded-for", "203.0.113.7");
    let answer = both[0].try_register(&mut elsewhere, json!({})).await;
    assert_error(&answer, 500, "server_error");
}

/// Two, of which the first leads.
async fn leader_and_other(settings: &str) -> [World; 2] {
    let one = World::on_postgres_with(settings).await;
    wait::until("one leads", Duration::from_secs(20), async || {
        one.provider.leads().then_some(())
    })
    .await;
    let other = one.beside().await;
    [one, other]
}

#[tokio::test]
async fn of_several_processes_the_one_that_leads_tells_clients_of_logouts() {
    let website = Website::new().await;
    let settings = Website::trusted(&[&website], backchannel_logout::ALLOWED);
    let [one, other] = leader_and_other(&settings).await;
    let app = backchannel_logout::client(&other, &website, json!({})).await;
    for _ in 0..3 {
        let mut browser = Http::new();
        backchannel_logout::sign_in(&other, &mut browser, &app).await;
        backchannel_logout::press_log_out(&other, &mut browser).await;
    }
    backchannel_logout::came_to(&one, "delivered", 3).await;
    assert_eq!(website.times_asked(), 3);
    assert_eq!(backchannel_logout::counted(&other, "delivered"), 0);
}

#[tokio::test]
async fn of_several_processes_the_one_that_leads_cleans_up() {
    let [one, other] = leader_and_other("").await;
    let app = one.register(json!({})).await;
    pushed::pushed(&other, &app).await;
    // the tries that this was are back, too
    one.wait(90);
    assert_eq!(other.provider.clean_up().await.unwrap(), 0);
    assert_eq!(one.provider.clean_up().await.unwrap(), 4);
    assert_eq!(one.provider.clean_up().await.unwrap(), 0);
}
