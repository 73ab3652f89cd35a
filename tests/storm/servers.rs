//! The XMPP server dies, falls silent and comes back while people log in, refresh and revoke.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use xmpp_oauth::config::C2sTls;
use xmpp_oauth::xmpp::c2s::Bearer;

use crate::apps::Provider;
use crate::figures::{Before, tell};
use crate::site::{LIMIT, Site, Tokens, ended};
use crate::support::child::Signal;
use crate::support::prosody::HOST;
use crate::support::release::servers;
use crate::support::server::Wish;
use crate::support::wait::until;

const SCOPE: &str = "openid xmpp:client:normal";

/// What goes on meanwhile, and how often it succeeded.
#[derive(Debug, Default)]
struct Load {
    over: AtomicBool,
    logins: AtomicUsize,
    refreshes: AtomicUsize,
    userinfos: AtomicUsize,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    fn counts(&self) -> [usize; 3] {
        [&self.logins, &self.refreshes, &self.userinfos].map(|count| count.load(Ordering::SeqCst))
    }
}

/// Logs in, refreshes and asks until told to stop. The web side has no excuse: a server that is away
/// stops no refresh and no question.
fn start_load(site: &Site, good: &Tokens, bad: &str, own: Tokens) -> (Arc<Load>, Vec<Running>) {
    let load = Arc::new(Load::default());
    let mut running = Vec::new();
    for token in [&good.access, bad, &good.access, bad] {
        let (load, connector) = (Arc::clone(&load), site.connector(C2sTls::None));
        let (token, is_good) = (token.to_owned(), *token == good.access);
        running.push(tokio::spawn(async move {
            while load.goes_on() {
                let host: jid::DomainPart = HOST.parse().unwrap();
                let said = async {
                    let mut client = connector.connect(&host).await?;
                    client.oauthbearer(None, Some(&token)).await
                };
                match tokio::time::timeout(LIMIT, said).await {
                    Ok(Ok(Bearer::Success)) => {
                        assert!(is_good, "a revoked token has opened a session");
                        load.logins.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(Ok(Bearer::Challenge(_))) => assert!(!is_good, "a good token was refused"),
                    // the server is away
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }));
    }
    let (asking, provider) = (Arc::clone(&load), Provider::of(site));
    running.push(tokio::spawn(async move {
        let (client_id, mut refresh) = (own.client_id, own.refresh);
        while asking.goes_on() {
            let answer = provider.refresh(&client_id, &refresh).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            let answer = answer.json();
            answer["refresh_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut refresh);
            asking.refreshes.fetch_add(1, Ordering::SeqCst);
            let access = answer["access_token"].as_str().unwrap();
            assert_eq!(provider.userinfo(access).await.unwrap().status, 200);
            asking.userinfos.fetch_add(1, Ordering::SeqCst);
        }
    }));
    (load, running)
}

type Running = tokio::task::JoinHandle<()>;

/// Waits until tokens log in again.
async fn logins_again(load: &Load, what: &str) -> Duration {
    let since = Instant::now();
    let before = load.logins.load(Ordering::SeqCst);
    until(what, LIMIT, async || {
        (load.logins.load(Ordering::SeqCst) > before + 3).then_some(())
    })
    .await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_falls_silent_and_comes_back_under_load_loses_nothing() {
    for release in servers() {
        let storm = format!("server away ({release})");
        let mut site = Site::logging(Wish::of(release).start().await, "info").await;
        let (good, own, bad) = (
            site.tokens(SCOPE).await,
            site.tokens(SCOPE).await,
            site.tokens(SCOPE).await,
        );
        site.revoke(&bad).await;
        let before = Before::look("server away", &site).await;
        let (load, running) = start_load(&site, &good, &bad.access, own);
        logins_again(&load, "the load to begin").await;

        for round in 0..3 {
            // killed, and started again: what was revoked meanwhile is told
            let meanwhile = site.tokens(SCOPE).await;
            let from = site.program.log().len();
            site.server.kill9();
            site.program.wait_log("the link is down", from).await;
            site.revoke(&meanwhile).await;
            site.server.start().await;
            let took = logins_again(&load, "logins after a kill").await;
            tell(
                &storm,
                &format!("killed: tokens log in {took:?} after it listens"),
            );
            assert!(took < Duration::from_secs(10), "{took:?}");
            assert!(!site.logs_in(&meanwhile.access).await);

            // stopped with a session open, whose grant is revoked meanwhile
            site.program
                .wait_log("the host's module is there", from)
                .await;
            let open = site.tokens(SCOPE).await;
            let (mut chat, _) = site.session(&open.access).await;
            let [_, refreshes, _] = load.counts();
            site.server.signal(Signal::STOP);
            site.revoke(&open).await;
            // refreshes go on: none waits longer than the time-out for the server
            let after = Instant::now();
            until("refreshes meanwhile", LIMIT, async || {
                (load.counts()[1] > refreshes + 1).then_some(())
            })
            .await;
            let slowest = after.elapsed();
            site.server.signal(Signal::CONT);
            let took = logins_again(&load, "logins after a stop").await;
            let (end, _) = ended(&mut chat).await;
            tell(
                &storm,
                &format!(
                    "stopped: two refreshes took {slowest:?}; going on, tokens log in after {took:?}, \
                     the revoked session has ended after {end:?} more (round {round})"
                ),
            );
        }
        load.over.store(true, Ordering::SeqCst);
        for each in running {
            each.await.unwrap();
        }
        let [logins, refreshes, userinfos] = load.counts();
        tell(
            &storm,
            &format!("{logins} logins, {refreshes} refreshes, {userinfos} userinfo meanwhile"),
        );
        before.is_as_before(&site).await;
    }
}
