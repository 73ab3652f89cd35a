//! Three processes on one database: each is killed, stopped, cut off and replaced, and the database
//! restarted, while people log in, grant, refresh and revoke at any of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jid::DomainPart;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;
use xmpp_oauth::config::C2sTls;
use xmpp_oauth::xmpp::c2s::{Bearer, Connector};

use crate::apps::Provider;
use crate::cluster::Cluster;
use crate::figures::{name, person, spread, tell};
use crate::kills::{self, App, Load, Person, settled, text};
use crate::site::VERIFIER;
use crate::support::child::Signal;
use crate::support::prosody::HOST;
use crate::support::release::servers;
use crate::support::server::Wish;
use crate::support::wait::until;

const PROCESSES: usize = 3;
const PEOPLE: usize = 6;
/// Those who watch what is revoked, and what is redeemed twice.
const WATCHERS: usize = 2;
/// Within which a revocation holds at all of them.
const SECOND: Duration = Duration::from_secs(1);
/// The longest that anything may stand still.
const LONG: Duration = Duration::from_secs(60);

/// How chat clients' logins with tokens went.
#[derive(Debug)]
struct Logins {
    good: AtomicUsize,
    failed: AtomicUsize,
    last: Mutex<Instant>,
    /// The longest time without one.
    gap: Mutex<Duration>,
}

impl Logins {
    fn new() -> Self {
        Self {
            good: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
            gap: Mutex::default(),
        }
    }

    fn succeeded(&self) {
        self.good.fetch_add(1, Ordering::SeqCst);
        let now = Instant::now();
        let since = std::mem::replace(&mut *self.last.lock().unwrap(), now);
        let mut gap = self.gap.lock().unwrap();
        *gap = gap.max(now - since);
    }

    fn counts(&self) -> [usize; 2] {
        [&self.good, &self.failed].map(|count| count.load(Ordering::SeqCst))
    }

    /// The longest time without one, since it was last asked for.
    fn take_gap(&self) -> Duration {
        std::mem::take(&mut *self.gap.lock().unwrap())
    }
}

/// What goes on meanwhile.
struct Traffic {
    load: Arc<Load>,
    logins: Arc<Logins>,
    /// How many revocations were watched.
    watched: Arc<AtomicUsize>,
}

impl Traffic {
    fn answered(&self) -> usize {
        self.load.answered.load(Ordering::SeqCst)
    }

    fn cut_off(&self) -> usize {
        self.load.cut_off.load(Ordering::SeqCst)
    }

    /// Waits until so many more logins have succeeded, and things were answered.
    async fn goes_on(&self, logins: usize, answers: usize, what: &str) {
        let (to_log_in, to_answer) = (self.logins.counts()[0] + logins, self.answered() + answers);
        until(what, LONG, async || {
            (self.logins.counts()[0] >= to_log_in && self.answered() >= to_answer).then_some(())
        })
        .await;
    }

    async fn is_watched(&self, more: usize, what: &str) {
        let enough = self.watched.load(Ordering::SeqCst) + more;
        until(what, LONG, async || {
            (self.watched.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
    }
}

async fn log_in_again_and_again(
    connector: Connector,
    token: String,
    load: Arc<Load>,
    logins: Arc<Logins>,
) {
    let host: DomainPart = HOST.parse().unwrap();
    while load.goes_on() {
        let said = async {
            let mut client = connector.connect(&host).await?;
            client.oauthbearer(None, Some(&token)).await
        };
        match said.await {
            Ok(Bearer::Success) => logins.succeeded(),
            Ok(Bearer::Challenge(_)) => panic!("a good token was refused"),
            Err(_) => {
                logins.failed.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Sees to it that nothing that was revoked is taken a second later, by any of them.
struct Watcher {
    person: Person,
    provider: Provider,
    each: Vec<Provider>,
    connector: Connector,
    load: Arc<Load>,
    watched: Arc<AtomicUsize>,
    /// Nobody knows what has become of those.
    apps: Vec<App>,
}

impl Watcher {
    /// How long each revocation took until all that answered had refused the token; and the apps.
    async fn watch(mut self) -> (Vec<Duration>, Vec<App>) {
        let mut took = Vec::new();
        let mut round = 1;
        while self.load.goes_on() {
            match self.watch_one(round).await {
                Ok(Some(time)) => {
                    took.push(time);
                    self.watched.fetch_add(1, Ordering::SeqCst);
                }
                Ok(None) => {}
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
            round += 1;
        }
        (took, self.apps)
    }

    async fn watch_one(&mut self, round: usize) -> std::io::Result<Option<Duration>> {
        let Some((client_id, app, code)) = self.person.code(round).await? else {
            return Ok(None);
        };
        self.apps.push(App::unanswered(client_id.clone(), app));
        let redeem = || self.provider.redeem(&client_id, &code, VERIFIER);
        // shown at two of them at once: at most one redeems it
        if round.is_multiple_of(3) {
            let (one, other) = tokio::join!(redeem(), redeem());
            let both = [one, other].map(|answer| answer.is_ok_and(|one| one.status == 200));
            assert_ne!(both, [true; 2], "a code was redeemed twice");
            return Ok(None);
        }
        let tokens = settled(redeem().await)?;
        assert_eq!(tokens.status, 200, "{}", tokens.text());
        let [access, refresh] = ["access_token", "refresh_token"].map(|name| text(&tokens, name));
        // each has it in memory, if it can
        for provider in &self.each {
            let _ = provider.userinfo(&access).await;
        }
        let revoked = loop {
            let answer = self.provider.revoke(&client_id, &refresh).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                break Instant::now();
            }
            sleep(Duration::from_millis(20)).await;
        };
        let mut slowest = Duration::ZERO;
        for provider in &self.each {
            loop {
                let asked = Instant::now();
                let answer = provider.userinfo(&access).await;
                let is_taken = answer.as_ref().is_ok_and(|answer| answer.status == 200);
                assert!(
                    !is_taken || asked < revoked + SECOND,
                    "a token was taken {:?} after it had been revoked",
                    asked - revoked
                );
                match answer {
                    Ok(answer) if answer.status == 401 => {
                        slowest = slowest.max(asked - revoked);
                        break;
                    }
                    // it knows nothing just now
                    _ if asked > revoked + 2 * SECOND => break,
                    _ => sleep(Duration::from_millis(5)).await,
                }
            }
        }
        sleep((revoked + SECOND).saturating_duration_since(Instant::now())).await;
        let host: DomainPart = HOST.parse().unwrap();
        if let Ok(mut client) = self.connector.connect(&host).await {
            let said = client.oauthbearer(None, Some(&access)).await;
            assert!(
                !matches!(said, Ok(Bearer::Success)),
                "a revoked token logs in"
            );
        }
        Ok(Some(slowest))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_that_are_killed_stopped_cut_off_and_replaced_lose_nothing() {
    for release in servers() {
        let storm = format!("three processes ({release})");
        let storm = storm.as_str();
        let mut cluster = Cluster::with_one_apart(Wish::of(release), PROCESSES).await;
        for number in 0..PEOPLE + WATCHERS {
            cluster.site.server.add_user(person(&name(number))).await;
        }
        let good = cluster.site.tokens("openid xmpp:client:normal").await;
        let traffic = Traffic {
            load: Arc::default(),
            logins: Arc::new(Logins::new()),
            watched: Arc::default(),
        };
        let programs = || (0..PROCESSES).map(|no| cluster.program(no));
        let provider = Provider::of_all(programs());
        let each: Vec<_> = programs().map(|one| Provider::of_all([one])).collect();
        let asking = tokio::spawn(provider.clone().ask_whether_they_are_ready());
        let connector = || cluster.site.connector(C2sTls::None);
        let person = |number| Person::new(number, provider.clone(), &traffic.load);
        let people: Vec<JoinHandle<_>> = (0..PEOPLE)
            .map(|number| tokio::spawn(person(number).live()))
            .collect();
        let watchers: Vec<JoinHandle<_>> = (PEOPLE..PEOPLE + WATCHERS)
            .map(|number| {
                let watcher = Watcher {
                    person: person(number),
                    provider: provider.clone(),
                    each: each.clone(),
                    connector: connector(),
                    load: Arc::clone(&traffic.load),
                    watched: Arc::clone(&traffic.watched),
                    apps: Vec::new(),
                };
                tokio::spawn(watcher.watch())
            })
            .collect();
        let clients: Vec<_> = (0..2)
            .map(|_| {
                let (load, logins) = (Arc::clone(&traffic.load), Arc::clone(&traffic.logins));
                let token = good.access.clone();
                tokio::spawn(log_in_again_and_again(connector(), token, load, logins))
            })
            .collect();
        traffic.goes_on(10, 20, "the traffic to begin").await;
        traffic.logins.take_gap();

        for no in 0..PROCESSES {
            let since = Instant::now();
            cluster.program_mut(no).kill9();
            traffic
                .goes_on(10, 10, "logins and answers by the others")
                .await;
            let others = since.elapsed();
            cluster.program_mut(no).start().await;
            traffic.is_watched(1, "revocations after a kill").await;
            let gap = traffic.logins.take_gap();
            tell(
                storm,
                &format!(
                    "killed: ten logins and answers by the others {others:?}; longest without a login {gap:?}"
                ),
            );
            assert!(gap < Duration::from_secs(10), "{gap:?}");
        }

        for no in 0..PROCESSES {
            cluster.program(no).signal(Signal::STOP);
            traffic.goes_on(20, 0, "logins by the others").await;
            sleep(Duration::from_secs(3)).await;
            cluster.program(no).signal(Signal::CONT);
            traffic.goes_on(10, 10, "all to go on").await;
            traffic.is_watched(1, "revocations after a stop").await;
            let gap = traffic.logins.take_gap();
            tell(storm, &format!("stopped: longest without a login {gap:?}"));
            assert!(gap < Duration::from_secs(10), "{gap:?}");
        }

        for how in ["immediate", "fast"] {
            let since = Instant::now();
            block_in_place(|| {
                cluster.postgres.tell(how);
                cluster.postgres.tell("start");
            });
            let away = since.elapsed();
            traffic
                .goes_on(10, 20, "all to go on with the database")
                .await;
            traffic.is_watched(1, "revocations with the database").await;
            let gap = traffic.logins.take_gap();
            tell(
                storm,
                &format!(
                    "database restarted ({how}), away {away:?}: longest without a login {gap:?}"
                ),
            );
            assert!(gap < away + Duration::from_secs(10), "{gap:?}");
        }

        let network = cluster.network.as_ref().unwrap();
        for seconds in [3, 15] {
            network.cut();
            traffic.goes_on(20, 0, "logins while one is cut off").await;
            sleep(Duration::from_secs(seconds)).await;
            traffic
                .is_watched(1, "revocations while one is cut off")
                .await;
            network.mend();
            let since = Instant::now();
            let last = cluster.program(PROCESSES - 1);
            let ready = format!("http://127.0.0.1:{}/readyz", last.ops_port);
            until("the one that was cut off to be ready", LONG, async || {
                let answer = crate::client::Http::new().try_get(&ready).await;
                answer
                    .is_ok_and(|answer| answer.status == 200)
                    .then_some(())
            })
            .await;
            let back = since.elapsed();
            traffic.goes_on(10, 20, "all to go on").await;
            traffic.is_watched(2, "revocations after a cut").await;
            let gap = traffic.logins.take_gap();
            tell(
                storm,
                &format!(
                    "cut off for {seconds} s: ready {back:?} after; longest without a login {gap:?}"
                ),
            );
            assert!(gap < Duration::from_secs(10), "{gap:?}");
        }

        let ([_, failed], cut_off) = (traffic.logins.counts(), traffic.cut_off());
        let since = Instant::now();
        for no in 0..PROCESSES {
            let from = cluster.program(no).log().len();
            cluster.program_mut(no).restart().await;
            let program = cluster.program(no);
            program.wait_log("the host's module is there", from).await;
            traffic.goes_on(10, 10, "all to go on").await;
        }
        let [_, failed_then] = traffic.logins.counts();
        let (failed, cut_off) = (failed_then - failed, traffic.cut_off() - cut_off);
        let gap = traffic.logins.take_gap();
        tell(
            storm,
            &format!(
                "replaced one after the other in {:?}: {failed} logins failed, {cut_off} requests; longest without a login {gap:?}",
                since.elapsed()
            ),
        );
        assert_eq!([failed, cut_off], [0, 0]);

        traffic.load.over.store(true, Ordering::SeqCst);
        let mut apps = Vec::new();
        for person in people {
            apps.extend(person.await.unwrap());
        }
        let mut revocations = Vec::new();
        for watcher in watchers {
            let (took, its_apps) = watcher.await.unwrap();
            revocations.extend(took);
            apps.extend(its_apps);
        }
        for client in clients {
            client.await.unwrap();
        }
        asking.abort();
        cluster.site.revoke(&good).await;
        let [logins, failed] = traffic.logins.counts();
        tell(
            storm,
            &format!(
                "{} things answered, {} cut off or not taken; {logins} logins, {failed} told to come back; revoked tokens refused by all: {}",
                traffic.answered(),
                traffic.cut_off(),
                spread(revocations)
            ),
        );
        for no in 0..PROCESSES {
            kills::check(cluster.program(no), &apps).await;
        }
    }
}
