//! Too many people at the web side, or one who pretends to be many.

use std::time::Instant;

use futures::stream::{self, StreamExt as _};

use crate::apps::Provider;
use crate::figures::{Before, from, name, person, spread, tell, town};
use crate::site::Site;
use crate::support::http::Http;
use crate::support::prosody::User;

/// A person at a login page.
struct Visitor {
    browser: Http,
    page: crate::support::http::Answer,
}

async fn visitor(provider: &Provider, client_id: &str, address: &str) -> Visitor {
    let mut browser = from(address);
    let page = provider
        .get(&mut browser, &Provider::request(client_id))
        .await;
    let page = page.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    Visitor { browser, page }
}

async fn client(site: &Site) -> (Provider, String) {
    (Provider::of(site), site.register().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_sprayed_over_all_accounts_reach_the_server_a_few_times_per_account() {
    const STORM: &str = "password spraying";
    const PEOPLE: usize = 50;
    const TRIES: usize = 40;
    let site = Site::logging(town(PEOPLE).await, "info").await;
    let (provider, client_id) = client(&site).await;
    let owner = name(0);
    let mut owners = visitor(&provider, &client_id, "192.0.2.1").await;
    let at_home = provider.give_password(&mut owners.browser, &owners.page, person(&owner));
    assert_eq!(at_home.await.unwrap().status, 303);
    owners.browser.cookies.remove("xmpp-oauth-session");
    let before = Before::look(STORM, &site).await;

    // from as many networks as there are tries, and from hosts all over one network
    let count = async |address: fn(usize) -> String| {
        let answers: Vec<_> = stream::iter(0..PEOPLE * TRIES)
            .map(|n| {
                let (provider, client_id) = (&provider, &client_id);
                async move {
                    let mut guest = visitor(provider, client_id, &address(n)).await;
                    let who = name(n % PEOPLE);
                    let user = User {
                        password: "123456",
                        ..person(&who)
                    };
                    let answer = provider.give_password(&mut guest.browser, &guest.page, user);
                    answer.await.unwrap().status
                }
            })
            .buffered(32)
            .collect()
            .await;
        let of = |status| answers.iter().filter(|&&answer| answer == status).count();
        assert_eq!(of(200) + of(429) + of(503), answers.len(), "{answers:?}");
        (of(200), of(429))
    };
    let since = Instant::now();
    let (guessed, braked) = count(|n| format!("2001:db8:2:2::{n:x}")).await;
    let most = 20 + 1 + since.elapsed().as_secs() as usize / 10;
    tell(
        STORM,
        &format!("from one network: {guessed} guesses, {braked} braked"),
    );
    assert!((20..=most).contains(&guessed), "{guessed}");

    let since = Instant::now();
    let (guessed, braked) = count(|n| format!("2001:db8:1:{n:x}::1")).await;
    // five, and one more each half minute
    let most = PEOPLE * (5 + 1 + since.elapsed().as_secs() as usize / 30);
    tell(
        STORM,
        &format!(
            "from {} networks: {guessed} guesses, {braked} braked",
            PEOPLE * TRIES
        ),
    );
    assert!((PEOPLE..=most).contains(&guessed), "{guessed}");
    // whoever has logged in from this browser before is not locked out
    let page = provider
        .get(&mut owners.browser, &Provider::request(&client_id))
        .await
        .unwrap();
    let answer = provider
        .give_password(&mut owners.browser, &page, person(&owner))
        .await;
    assert_eq!(answer.unwrap().status, 303, "the owner is locked out");
    before.is_as_before(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_registrations_is_braked_stores_nothing_and_keeps_no_other_out() {
    const STORM: &str = "registrations";
    let site = Site::prepared(town(0).await, "[limits]", |program| {
        program.env("RUST_LOG", "info")
    })
    .await;
    let provider = Provider::of(&site);
    let stored = || -> u64 {
        let files = std::fs::read_dir(site.program.dir()).unwrap();
        let files = files.map(|file| file.unwrap());
        let database = files.filter(|file| file.file_name().to_string_lossy().contains(".db"));
        database.map(|file| file.metadata().unwrap().len()).sum()
    };
    let before = Before::look(STORM, &site).await;
    let bytes = stored();
    let since = Instant::now();
    let flood = tokio::spawn({
        let provider = provider.clone();
        async move {
            let answers = stream::iter(0..10_000).map(|_| {
                let provider = &provider;
                async move {
                    let answer = provider.register(&mut from("203.0.113.66"), "flood").await;
                    answer.unwrap().status
                }
            });
            answers.buffered(64).collect::<Vec<_>>().await
        }
    });
    let mut others = Vec::new();
    let mut n = 0;
    while !flood.is_finished() {
        let start = Instant::now();
        let address = format!("2001:db8:{n:x}::1");
        let answer = provider.register(&mut from(&address), "other").await;
        assert_eq!(answer.unwrap().status, 201, "somebody else's registration");
        others.push(start.elapsed());
        n += 1;
    }
    let answers = flood.await.unwrap();
    let took = since.elapsed();
    let made = answers.iter().filter(|&&status| status == 201).count();
    let braked = answers.iter().filter(|&&status| status == 429).count();
    tell(
        STORM,
        &format!("{made} made and {braked} braked in {took:?}"),
    );
    tell(
        STORM,
        &format!("registrations of others: {}", spread(others)),
    );
    assert!(made <= 10 + 1 + took.as_secs() as usize / 10, "{made}");
    assert_eq!(made + braked, answers.len());
    assert_eq!(stored(), bytes, "registrations are stored");
    before.is_as_before(&site).await;
}
