//! A Prosody of the distribution on free loopback ports, with a folder of its own.
//!
//! It serves `localhost` (with our module) and `other.localhost` (without), and waits for the
//! component `oauth.localhost`. s2s is off, so no packet leaves the machine.

mod builder;
mod config;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

pub(crate) use self::builder::Builder;
pub(crate) use self::config::write_certificates as certificates;
pub(crate) use self::config::write_certificates_for;
use super::child::{Guarded, Signal, read_log, tail};
use super::ports::{free_ports, loopback};
use super::release::Release;
use super::wait::{START, until};

/// The host with our module.
pub(crate) const HOST: &str = "localhost";
/// The host in the same process that shall not notice us.
pub(crate) const OTHER_HOST: &str = "other.localhost";
/// The component's JID.
pub(crate) const COMPONENT: &str = "oauth.localhost";
/// The JID of a second process, where a scenario wants several.
pub(crate) const SECOND: &str = "oauth2.localhost";
/// And of a third.
pub(crate) const THIRD: &str = "oauth3.localhost";
/// A component there that the module has not been told of.
pub(crate) const STRANGER: &str = "stranger.localhost";
/// Chat rooms (XEP-0045).
pub(crate) const ROOMS: &str = "rooms.localhost";
/// The component's secret.
pub(crate) const SECRET: &str = "secret of the component";

/// An account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    pub(crate) host: &'a str,
    pub(crate) password: &'a str,
}

pub(crate) const ALICE: User<'_> = User {
    name: "alice",
    host: HOST,
    password: "down the rabbit-hole",
};
pub(crate) const BOB: User<'_> = User {
    name: "bob",
    host: HOST,
    password: "can we fix it",
};
pub(crate) const ADMIN: User<'_> = User {
    name: "admin",
    host: HOST,
    password: "root of all",
};
/// Another person of the same name.
pub(crate) const ALICE_ELSEWHERE: User<'_> = User {
    name: "alice",
    host: OTHER_HOST,
    password: "through the looking-glass",
};

/// The loopback ports of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// Plain or STARTTLS.
    pub(crate) c2s: u16,
    /// Direct TLS.
    pub(crate) c2s_tls: u16,
    pub(crate) component: u16,
    /// BOSH, WebSocket: used if a module asks for it.
    pub(crate) http: u16,
}

/// A running Prosody, or one stopped to be started again. Dropped, it is killed and its folder
/// removed.
pub(crate) struct Prosody {
    builder: Builder,
    pub(crate) ports: Ports,
    child: Option<Guarded>,
    dir: TempDir,
}

impl Prosody {
    /// A server of this release, to be shaped and started.
    pub(crate) fn builder(release: Release) -> Builder {
        Builder::new(release)
    }

    /// Another process may snatch a port between our look and Prosody's bind: then with others.
    async fn first_start(builder: Builder, dir: TempDir) -> Self {
        let ports = Ports {
            c2s: 0,
            c2s_tls: 0,
            component: 0,
            http: 0,
        };
        let mut server = Self {
            builder,
            ports,
            child: None,
            dir,
        };
        for _ in 0..5 {
            let [c2s, c2s_tls, component, http] = free_ports();
            server.ports = Ports {
                c2s,
                c2s_tls,
                component,
                http,
            };
            let text = config::lua(&server.builder, &server.ports, &server.seen_dir());
            std::fs::write(server.dir().join("prosody.cfg.lua"), text).expect("the config");
            if server.try_start().await {
                return server;
            }
            server.kill9();
        }
        panic!("no free ports in five attempts");
    }

    /// Starts a stopped server again: same ports, same data.
    pub(crate) async fn start(&mut self) {
        assert!(
            self.try_start().await,
            "Prosody's ports have been taken meanwhile"
        );
    }

    /// False if a port was taken.
    async fn try_start(&mut self) -> bool {
        assert!(self.child.is_none(), "Prosody runs already");
        let from = self.log().len();
        let mut command = self.builder.release.command(self.dir(), "prosody");
        command
            .arg("--config")
            .arg(self.seen_dir().join("prosody.cfg.lua"))
            .arg("-F");
        let mut child = Guarded::spawn(command, &self.dir().join("output.log"));
        until("Prosody to have loaded everything", START, async || {
            if let Some(status) = child.ended() {
                self.fail(&format!("ended with {status}"));
            }
            self.log()[from..].contains("all is loaded").then_some(())
        })
        .await;
        self.child = Some(child);
        let log = &self.log()[from..];
        for sign in [
            "Unable to load module",
            "Error loading module",
            "Error initializing module",
        ] {
            if let Some(line) = log.lines().find(|line| line.contains(sign)) {
                self.fail(line);
            }
        }
        !log.contains("Failed to open server port")
    }

    fn fail(&self, what: &str) -> ! {
        let output = tail(&self.dir().join("output.log"), 20);
        panic!(
            "{}: {what}\n{output}\n{}",
            self.builder.release,
            tail(&self.log_path(), 20)
        );
    }

    /// SIGTERM: streams are closed properly.
    pub(crate) async fn stop(&mut self) {
        self.child
            .take()
            .expect("Prosody runs")
            .terminate(START)
            .await;
    }

    /// SIGKILL.
    pub(crate) fn kill9(&mut self) {
        self.child.take().expect("Prosody runs").kill();
    }

    /// Stops it and starts it again on the same ports.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// `Signal::STOP` makes it hang, `Signal::CONT` go on, `Signal::HUP` reload its configuration.
    pub(crate) fn signal(&self, signal: Signal) {
        self.child.as_ref().expect("Prosody runs").signal(signal);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("Prosody runs").pid()
    }

    pub(crate) fn release(&self) -> Release {
        self.builder.release
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn seen_dir(&self) -> PathBuf {
        self.builder.release.sees(self.dir())
    }

    /// The certificate of the CA that its TLS certificate is from.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir().join("certs/ca.pem")
    }

    pub(crate) fn c2s(&self) -> SocketAddr {
        loopback(self.ports.c2s)
    }

    pub(crate) fn c2s_tls(&self) -> SocketAddr {
        loopback(self.ports.c2s_tls)
    }

    pub(crate) fn component(&self) -> SocketAddr {
        loopback(self.ports.component)
    }

    fn log_path(&self) -> PathBuf {
        self.dir().join("prosody.log")
    }

    /// All that it has logged, over all starts.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log_path())
    }

    pub(crate) fn log_contains(&self, text: &str) -> bool {
        self.log().contains(text)
    }

    /// Waits for a log line with `text`, in what is logged after the first `from` bytes.
    pub(crate) async fn wait_log(&self, text: &str, from: usize) {
        until(
            &format!("the log line {text:?} of Prosody"),
            START,
            async || {
                self.log()
                    .get(from..)
                    .is_some_and(|log| log.contains(text))
                    .then_some(())
            },
        )
        .await;
    }

    /// Runs prosodyctl, which works on the data from outside the server (no events inside it).
    pub(crate) async fn prosodyctl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.builder.release.command(self.dir(), "prosodyctl");
        command
            .arg("--config")
            .arg(self.seen_dir().join("prosody.cfg.lua"))
            .args(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .expect("prosodyctl");
        let mut stdin = child.stdin.take().expect("piped");
        stdin
            .write_all(input.as_bytes())
            .await
            .expect("prosodyctl reads");
        drop(stdin);
        child.wait_with_output().await.expect("prosodyctl")
    }

    /// Runs a line in the server's own console, so that its modules see what happens.
    ///
    /// # Panics
    /// When the console says that it failed.
    pub(crate) async fn shell(&self, line: &str) -> String {
        let output = self.prosodyctl(&["shell", line], "").await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !text.contains("Error:"),
            "{line}: {text}{error}"
        );
        text
    }

    /// Changes a password inside the server: `user-password-changed` fires.
    pub(crate) async fn set_password(&self, jid: &str, password: &str) {
        self.shell(&format!("user:password({jid:?}, {password:?})"))
            .await;
    }

    /// Changes a password from outside: the server is not told.
    pub(crate) async fn set_password_outside(&self, jid: &str, password: &str) {
        let output = self
            .prosodyctl(&["passwd", jid], &format!("{password}\n{password}\n"))
            .await;
        assert!(output.status.success(), "prosodyctl passwd: {output:?}");
    }

    /// Disables an account inside the server, where the release can: 0.12 knows no such thing.
    pub(crate) async fn disable_user(&self, jid: &str) {
        self.shell(&format!("user:disable({jid:?})")).await;
    }

    /// Makes an account.
    pub(crate) async fn add_user(&self, user: User<'_>) {
        let jid = format!("{}@{}", user.name, user.host);
        self.shell(&format!("user:create({jid:?}, {:?})", user.password))
            .await;
    }

    /// Removes an account inside the server: `user-deleted` fires.
    pub(crate) async fn delete_user(&self, jid: &str) {
        self.shell(&format!("user:delete({jid:?})")).await;
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        drop(self.child.take());
        if std::thread::panicking() {
            let end = tail(&self.log_path(), 60);
            eprintln!("--- end of the log of {}\n{end}", self.builder.release);
        }
    }
}
