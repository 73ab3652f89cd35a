//! Everybody comes to the login page at the same moment, with the right password.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::apps::Provider;
use crate::figures::{Before, from, is_served, name, open_many_files, person, spread, tell, town};
use crate::site::Site;

const STORM: &str = "2000 passwords at once";
const PEOPLE: usize = 100;
const LOGINS: usize = 2000;
/// As many as the proxy in front has connections to the program: others wait at the proxy.
const CONNECTIONS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_thousand_logins_by_password_at_once_each_gets_in_or_is_told_when_to_come_back() {
    open_many_files();
    let site = Site::logging(town(PEOPLE).await, "info").await;
    let good = site.tokens("openid xmpp:client:normal").await;
    let (provider, client_id) = (Provider::of(&site), Arc::new(site.register().await));
    let before = Before::look(STORM, &site).await;
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let since = Instant::now();
    let visits: Vec<_> = (0..LOGINS)
        .map(|n| {
            let (provider, client_id) = (provider.clone(), Arc::clone(&client_id));
            let connections = Arc::clone(&connections);
            tokio::spawn(async move {
                let mut browser = from(&format!("2001:db8:3:{n:x}::1"));
                let request = Provider::request(&client_id);
                let connection = connections.acquire().await.unwrap();
                let page = provider.get(&mut browser, &request).await.unwrap();
                drop(connection);
                assert_eq!(page.status, 200, "{}", page.text());
                let (who, mut sent_back) = (name(n % PEOPLE), 0);
                loop {
                    let connection = connections.acquire().await.unwrap();
                    let answer = provider.give_password(&mut browser, &page, person(&who));
                    let answer = answer.await.unwrap();
                    drop(connection);
                    if answer.status == 303 {
                        break (sent_back, since.elapsed());
                    }
                    assert!([429, 503].contains(&answer.status), "{}", answer.text());
                    let wait = answer.header("retry-after").expect("when to come back");
                    let wait = Duration::from_secs(wait.parse().unwrap());
                    assert!(since.elapsed() < Duration::from_secs(180), "never let in");
                    sent_back += 1;
                    // people are not all as quick
                    let pause = wait + Duration::from_millis(n as u64 * 7 % 3000);
                    tokio::time::sleep(pause).await;
                }
            })
        })
        .collect();
    let (mut http, mut tokens) = (Vec::new(), Vec::new());
    while !visits.iter().all(tokio::task::JoinHandle::is_finished) {
        http.push(is_served(&site).await);
        let start = Instant::now();
        let answer = provider.userinfo(&good.access).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        tokens.push(start.elapsed());
    }
    let (mut sent_back, mut times) = (0, Vec::new());
    for visit in visits {
        let (often, took) = visit.await.unwrap();
        sent_back += often;
        times.push(took);
    }
    let slowest = http.iter().max().copied().unwrap();
    for line in [
        format!(
            "all in after {:?}, {sent_back} times sent back",
            since.elapsed()
        ),
        format!("until somebody was in: {}", spread(times)),
        format!("HTTP requests meanwhile: {}", spread(http)),
        format!("userinfo meanwhile: {}", spread(tokens)),
    ] {
        tell(STORM, &line);
    }
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    before.is_as_before(&site).await;
}
