//! A child process with a log file, that cannot outlive its guard.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, geteuid, kill_process};

use super::wait::until;

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
    log: PathBuf,
}

impl Guarded {
    /// Starts `command` with its output appended to the file `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log file");
        let err = out.try_clone().expect("the log file");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the child has not been waited for");
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child")
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(mut self, limit: Duration) -> ExitStatus {
        if self.ended().is_none() {
            self.signal(Signal::TERM);
        }
        until("the end after SIGTERM", limit, async || self.ended()).await
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- end of {}\n{}", self.log.display(), tail(&self.log, 60));
        }
    }
}

/// The text of a log so far.
pub(crate) fn read_log(log: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

/// The last `count` lines of a log.
pub(crate) fn tail(log: &Path, count: usize) -> String {
    let text = read_log(log);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// `program`, to be killed by the kernel when the thread that starts it ends.
pub(crate) fn dies_with_us(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// `unshare` with these flags; without root in a user namespace, where we may do it all the same.
pub(crate) fn unshared(flags: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(flags).arg("--");
    command
}
