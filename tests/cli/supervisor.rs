//! What `serve` tells systemd. The socket that it tells it on is the test's own.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::child::Signal;
use crate::support::http::Http;
use crate::support::process::Program;
use crate::support::wait::START;
use crate::{program, refused};

/// The other end of `NOTIFY_SOCKET`.
struct Systemd {
    socket: UnixDatagram,
    dir: TempDir,
}

impl Systemd {
    fn listening() -> Self {
        let dir = TempDir::with_prefix("xmpp-oauth-notify-").unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(START)).unwrap();
        Self { socket, dir }
    }

    fn starts(&self, program: Program) -> Program {
        let path = self.dir.path().join("notify");
        program.env("NOTIFY_SOCKET", path.to_str().unwrap())
    }

    /// What it is told next.
    fn hears(&self) -> String {
        self.try_hear().unwrap()
    }

    fn try_hear(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Hears whatever comes until something holds `text`.
    fn hears_at_last(&self, text: &str) {
        while !self.hears().contains(text) {}
    }
}

#[tokio::test]
async fn systemd_is_told_when_serve_is_ready_reads_again_and_stops() {
    let systemd = Systemd::listening();
    let mut program = systemd.starts(program());
    program.spawn();
    assert_eq!(systemd.hears().trim(), "READY=1");
    // ready means: no try is too early, be it the first
    let readyz = format!("http://127.0.0.1:{}/readyz", program.ops_port);
    assert_eq!(
        Http::new().get(&program.url("/oauth2/jwks")).await.status,
        200
    );
    let said = Http::new().get(&readyz).await.json();
    assert_eq!(said["storage"], "up", "{said}");

    program.signal(Signal::HUP);
    let said = systemd.hears();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "RELOADING=1", "{said}");
    let since = lines[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(since.parse::<u64>().unwrap() > 0, "{said}");
    assert_eq!(systemd.hears().trim(), "READY=1");
    assert!(program.log().contains("read again"));

    assert!(program.stop().await.success());
    assert_eq!(systemd.hears().trim(), "STOPPING=1");
}

#[tokio::test]
async fn a_serve_that_does_not_start_never_says_that_it_is_ready() {
    let systemd = Systemd::listening();
    // its database is no database
    let program = systemd.starts(program());
    std::fs::create_dir(program.dir().join("xmpp-oauth.db")).unwrap();
    refused(&program, &["serve"], 1).await;
    systemd.socket.set_nonblocking(true).unwrap();
    assert_eq!(systemd.try_hear(), None);
}

#[tokio::test]
async fn the_watchdog_is_fed_as_long_as_the_storage_answers_and_not_when_it_hangs() {
    let systemd = Systemd::listening();
    let mut program = systemd.starts(program()).env("WATCHDOG_USEC", "300000");
    program.spawn();
    for _ in 0..3 {
        systemd.hears_at_last("WATCHDOG=1");
    }

    // a writer that never lets go: the storage waits for it, and says nothing
    let database = program.dir().join("xmpp-oauth.db");
    let hog = Connection::open(database).unwrap();
    hog.execute_batch("BEGIN IMMEDIATE").unwrap();
    systemd
        .socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    // what was under way is still heard; then a second of silence, three times the watchdog's limit
    let heard = std::iter::from_fn(|| systemd.try_hear()).take(9).count();
    assert!(heard < 3, "{heard} times although the storage hung");

    hog.execute_batch("ROLLBACK").unwrap();
    systemd.socket.set_read_timeout(Some(START)).unwrap();
    systemd.hears_at_last("WATCHDOG=1");
}
