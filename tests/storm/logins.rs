//! Everybody's chat client comes back at the same moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use xmpp_oauth::config::C2sTls;
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError};

use crate::figures::{Before, is_served, open_many_files, spread, tell, town};
use crate::site::{LIMIT, Site};
use crate::support::prosody::HOST;

const STORM: &str = "2000 tokens at once";

#[tokio::test(flavor = "multi_thread")]
async fn of_two_thousand_chat_clients_at_once_each_with_a_token_gets_in_and_no_other() {
    open_many_files();
    let site = Site::logging(town(0).await, "info").await;
    let good = site.tokens("openid xmpp:client:normal").await;
    let revoked = site.tokens("openid xmpp:client:normal").await;
    site.revoke(&revoked).await;
    let before = Before::look(STORM, &site).await;
    let since = Instant::now();
    // as many at the same time as the server module takes from one address
    let at_once = Arc::new(Semaphore::new(100));
    let clients: Vec<_> = (0..2000)
        .map(|n| {
            let (connector, at_once) = (site.connector(C2sTls::None), Arc::clone(&at_once));
            let (is_good, token) = match n % 10 {
                3 => (false, revoked.access.clone()),
                7 => (false, format!("xoa_{n:032}")),
                _ => (true, good.access.clone()),
            };
            tokio::spawn(async move {
                let mut again = 0;
                loop {
                    let host: jid::DomainPart = HOST.parse().unwrap();
                    let turn = at_once.acquire().await.unwrap();
                    let said = match connector.connect(&host).await {
                        Ok(mut client) => client.oauthbearer(None, Some(&token)).await,
                        Err(error) => Err(error),
                    };
                    drop(turn);
                    match said {
                        Ok(Bearer::Success) => {
                            assert!(is_good, "a token that is none has opened a session");
                            break (again, since.elapsed());
                        }
                        Ok(Bearer::Challenge(_)) => {
                            assert!(!is_good, "a good token was refused");
                            break (again, since.elapsed());
                        }
                        Err(C2sError::Refused(why)) if why != "temporary-auth-failure" => {
                            panic!("{why}")
                        }
                        // the server's own limits
                        Err(error) => {
                            again += 1;
                            assert!(since.elapsed() < 6 * LIMIT, "never served: {error}");
                            // as chat clients do: later and later, each at its own time
                            let pause = 1000 * again.min(5) + n as u64 % 1000;
                            tokio::time::sleep(Duration::from_millis(pause)).await;
                        }
                    }
                }
            })
        })
        .collect();
    let mut others = Vec::new();
    while !clients.iter().all(tokio::task::JoinHandle::is_finished) {
        others.push(is_served(&site).await);
    }
    let (mut again, mut times) = (0, Vec::new());
    for client in clients {
        let (tries, took) = client.await.unwrap();
        again += tries;
        times.push(took);
    }
    tell(
        STORM,
        &format!(
            "all done in {:?}, {again} times tried again",
            since.elapsed()
        ),
    );
    tell(
        STORM,
        &format!("until a client was answered: {}", spread(times)),
    );
    tell(
        STORM,
        &format!("HTTP requests meanwhile: {}", spread(others)),
    );
    before.is_as_before(&site).await;
}
