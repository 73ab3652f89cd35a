//! What is measured, and people to measure with.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::site::Site;
use crate::support::http::Http;
use crate::support::prosody::{ALICE, HOST, Prosody, User};
use crate::support::release::servers;
use crate::support::server::Server;

/// How much more memory a process may hold after a storm than before: what allocators keep for the next
/// one, and caches that a storm has filled.
const KEPT: u64 = 32 * 1024;

/// Prints a line of the report.
pub(crate) fn tell(storm: &str, line: &str) {
    println!("storm: {storm}: {line}");
}

/// Resident memory of a process, in KiB.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("VmRSS").parse().expect("a number")
}

/// What a program was like before a storm.
pub(crate) struct Before {
    storm: &'static str,
    memory: u64,
    pace: Duration,
}

impl Before {
    pub(crate) async fn look(storm: &'static str, site: &Site) -> Self {
        // what is made once, at the first request, is no growth
        pace(site).await;
        Self {
            storm,
            memory: memory(site.program.pid()),
            pace: pace(site).await,
        }
    }

    /// The program is as it was: as fast within seconds, and about as large.
    pub(crate) async fn is_as_before(&self, site: &Site) {
        let since = Instant::now();
        let now = loop {
            let now = pace(site).await;
            if now < self.pace * 2 + Duration::from_millis(100) {
                break now;
            }
            let waited = since.elapsed();
            assert!(waited < Duration::from_secs(15), "still slow: {now:?}");
        };
        let memory = memory(site.program.pid());
        let line = format!(
            "100 requests in {:?} before, {now:?} {:?} after; memory {} KiB before, {memory} KiB after",
            self.pace,
            since.elapsed(),
            self.memory
        );
        tell(self.storm, &line);
        assert!(memory < self.memory + KEPT, "{line}");
    }
}

/// How long a hundred requests take, one after the other.
async fn pace(site: &Site) -> Duration {
    let since = Instant::now();
    for _ in 0..100 {
        is_served(site).await;
    }
    since.elapsed()
}

/// How long an ordinary request takes, which must be answered.
pub(crate) async fn is_served(site: &Site) -> Duration {
    let since = Instant::now();
    let url = site.program.url("/oauth2/jwks");
    let mut http = from("198.51.100.1");
    assert_eq!(http.get(&url).await.status, 200);
    since.elapsed()
}

/// A client as a trusted proxy passes it on.
pub(crate) fn from(address: &str) -> Http {
    Http::new().with("x-forwarded-for", address)
}

/// The slowest of many, and the middle one.
pub(crate) fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!(
        "{} of them, half within {:?}, the slowest {:?}",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    )
}

/// As many files as the system lets us have: we are the many.
pub(crate) fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, all).expect("the hard limit is allowed");
}

/// The n-th of many people.
pub(crate) fn name(n: usize) -> String {
    format!("person{n}")
}

/// Their passwords are all the same.
pub(crate) fn person(name: &str) -> User<'_> {
    User {
        name,
        host: HOST,
        password: ALICE.password,
    }
}

/// A Prosody with this many people beside alice and bob; the first of `XMPP_OAUTH_SERVERS` that is one.
pub(crate) async fn town(people: usize) -> Server {
    let release = servers().into_iter().find(|release| release.is_prosody());
    let builder = Prosody::builder(release.expect("XMPP_OAUTH_SERVERS names a Prosody"));
    let builder = (0..people).fold(builder, |builder, n| builder.user(person(&name(n))));
    Server::Prosody(builder.start().await)
}
