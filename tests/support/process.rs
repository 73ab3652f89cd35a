//! Our own program, `xmpp-oauth serve`, as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::child::{Guarded, Signal, dies_with_us, read_log};
use super::http::Http;
use super::ports::free_ports;
use super::wait::{START, until};

const BIN: &str = env!("CARGO_BIN_EXE_xmpp-oauth");

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A folder with a component.toml, and `serve` in it, running or not.
pub(crate) struct Program {
    // before the folder with its log, whose end it shows
    child: Option<Guarded>,
    dir: TempDir,
    environment: Vec<(String, String)>,
    launcher: Vec<String>,
    /// Of `[http] listen`.
    pub(crate) http_port: u16,
    /// Of `[http] ops_listen`.
    pub(crate) ops_port: u16,
}

impl Program {
    /// A folder whose component.toml is what `config` makes of the two ports, for `[http]` `listen`
    /// and `ops_listen`. Nothing runs yet.
    pub(crate) fn new(config: impl FnOnce(u16, u16) -> String) -> Self {
        let dir = TempDir::with_prefix("xmpp-oauth-").expect("a temp folder");
        let [http_port, ops_port] = free_ports();
        let text = config(http_port, ops_port);
        std::fs::write(dir.path().join("component.toml"), text).expect("component.toml");
        Self {
            dir,
            child: None,
            environment: Vec::new(),
            launcher: Vec::new(),
            http_port,
            ops_port,
        }
    }

    /// Sets an environment variable for what is run from now on.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Has `serve` started by another command, whose last arguments it becomes. It must take its place
    /// (`exec`), not stand before it.
    pub(crate) fn under(mut self, launcher: &[&str]) -> Self {
        self.launcher = launcher.iter().map(|&part| part.to_owned()).collect();
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The URL of a path of the HTTP listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// Starts `serve` without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "serve runs already");
        let mut launch = self.launcher.iter().map(String::as_str).chain([BIN]);
        let mut command = dies_with_us(launch.next().unwrap_or(BIN));
        command
            .args(launch)
            .args(["--config", "component.toml", "serve"])
            .current_dir(self.dir())
            .envs(self.environment.iter().cloned());
        self.child = Some(Guarded::spawn(command, &self.log_path()));
    }

    /// Starts `serve` and waits until `/readyz` says 200.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Panics
    /// When the program ends instead.
    pub(crate) async fn ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.ops_port);
        let child = self.child.as_mut().expect("serve was started");
        until("/readyz to answer 200", START, async || {
            if let Some(status) = child.ended() {
                panic!("serve ended with {status} instead of getting ready");
            }
            // one that is asked while it is cut off may never answer
            let asked = timeout(PATIENCE, Http::new().try_get(&url)).await;
            let answer = asked.ok()?.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// SIGTERM, and the exit status.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.child
            .take()
            .expect("serve runs")
            .terminate(START)
            .await
    }

    /// SIGKILL.
    pub(crate) fn kill9(&mut self) {
        self.child.take().expect("serve runs").kill();
    }

    /// SIGTERM and a new start on the same ports and files.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.child.as_ref().expect("serve runs").signal(signal);
    }

    /// The exit status of a `serve` that ended by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let child = self.child.as_mut().expect("serve was started");
        until("serve to end", limit, async || child.ended()).await
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("serve runs").pid()
    }

    /// All that `serve` has logged, over all starts.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log_path())
    }

    /// Waits for a log line that contains `text`, in what is logged after the first `from` bytes.
    pub(crate) async fn wait_log(&self, text: &str, from: usize) {
        until(&format!("the log line {text:?}"), START, async || {
            self.log()
                .get(from..)
                .is_some_and(|log| log.contains(text))
                .then_some(())
        })
        .await;
    }

    /// Runs another command (`check`, `clients list` …) in the folder until it ends.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::from(self.command(arguments))
            .output()
            .await
            .expect("xmpp-oauth")
    }

    /// A command to be started by the test, such as `try`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dies_with_us(BIN);
        command
            .args(arguments)
            .current_dir(self.dir())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("serve.log")
    }
}
