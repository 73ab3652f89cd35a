//! An ejabberd of the distribution on free loopback ports, with a folder of its own.
//!
//! It serves `localhost` (with our module) and `other.localhost` (without), and waits for the component
//! `oauth.localhost`. The node is prepared once for each release and state of the module (compiled and
//! installed as an operator does it, accounts made), and copied for each test.

mod config;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::child::{Guarded, Signal, read_log, tail};
use super::ports::{free_ports, loopback};
use super::prosody::{HOST, Ports, User, certificates};
use super::release::{Release, Source};
use super::server::Wish;
use super::wait::{START, until};

/// The node's name; each has a distribution of its own, on a port of its own.
const NODE: &str = "test@localhost";
const MODULE: &str = "server-modules/ejabberd/mod_oauth_component";

/// A running ejabberd, or one stopped to be started again. Dropped, it is killed and its folder removed.
pub(crate) struct Ejabberd {
    wish: Wish,
    pub(crate) ports: Ports,
    distribution: u16,
    child: Option<Guarded>,
    dir: TempDir,
}

impl Ejabberd {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub(crate) async fn start_new(wish: Wish) -> Self {
        let prepared = prepared(wish).await;
        for _ in 0..5 {
            let [c2s, c2s_tls, component, http, distribution] = free_ports();
            let ports = Ports {
                c2s,
                c2s_tls,
                component,
                http,
            };
            let dir = TempDir::with_prefix("xmpp-oauth-ejabberd-").expect("a temp folder");
            copy(&prepared, dir.path());
            write_certificates(&dir.path().join("certs"));
            let mut server = Self {
                wish,
                ports,
                distribution,
                child: None,
                dir,
            };
            let text = config::yaml(wish, &ports, &server.seen_dir(), wish.has_oauth_module);
            std::fs::write(server.dir().join("ejabberd.yml"), text).expect("the configuration");
            if server.try_start().await {
                return server;
            }
        }
        panic!("no free ports in five attempts");
    }

    /// Starts a stopped server again: same ports, same data.
    pub(crate) async fn start(&mut self) {
        assert!(
            self.try_start().await,
            "ejabberd's ports have been taken meanwhile"
        );
    }

    /// False if a port was taken.
    async fn try_start(&mut self) -> bool {
        assert!(self.child.is_none(), "ejabberd runs already");
        let from = self.log().len();
        let done = "io:format(\"all is loaded~n\").";
        let command = node(self.wish.release, self.dir(), self.distribution, done);
        let mut child = Guarded::spawn(command, &self.log_path());
        let is_up = until("ejabberd to have loaded everything", START, async || {
            let log = self.log();
            if log[from..].contains("eaddrinuse") {
                return Some(false);
            }
            if let Some(status) = child.ended() {
                panic!(
                    "{}: ended with {status}\n{}",
                    self.wish.release,
                    tail(&self.log_path(), 30)
                );
            }
            log[from..].contains("all is loaded").then_some(true)
        });
        let is_up = is_up.await;
        self.child = is_up.then_some(child);
        is_up
    }

    /// SIGTERM.
    pub(crate) async fn stop(&mut self) {
        self.child
            .take()
            .expect("ejabberd runs")
            .terminate(START)
            .await;
    }

    /// SIGKILL: nothing is flushed, no session is closed.
    pub(crate) fn kill9(&mut self) {
        self.child.take().expect("ejabberd runs").kill();
    }

    /// `Signal::STOP` makes it hang, `Signal::CONT` go on.
    pub(crate) fn signal(&self, signal: Signal) {
        self.child.as_ref().expect("ejabberd runs").signal(signal);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("ejabberd runs").pid()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn seen_dir(&self) -> PathBuf {
        self.wish.release.sees(self.dir())
    }

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
        self.dir().join("output.log")
    }

    /// All that it has logged, over all starts.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log_path())
    }

    /// Runs Erlang inside the node.
    ///
    /// # Panics
    /// When it does not come to `ok` or `{atomic,ok}`.
    async fn call(&self, module: &str, function: &str, arguments: &str) {
        let ask = format!(
            "R = rpc:call('{NODE}', {module}, {function}, [{arguments}]), \
             io:format(\"~p~n\", [R]), erlang:halt()."
        );
        let mut command = self.wish.release.command(self.dir(), "erl");
        environment(&mut command, &self.seen_dir());
        command
            .args([
                "-sname",
                "asker@localhost",
                "-hidden",
                "-noinput",
                "-dist_listen",
                "false",
            ])
            .args(["-start_epmd", "false", "-erl_epmd_port"])
            .arg(self.distribution.to_string())
            .args(["-eval", &ask]);
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .expect("erl");
        // what the function prints comes first
        let printed = String::from_utf8_lossy(&output.stdout);
        let came_to = printed.trim().lines().last().unwrap_or_default();
        assert!(
            ["ok", "{atomic,ok}"].contains(&came_to),
            "{module}:{function}: {printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Makes an account.
    pub(crate) async fn add_user(&self, user: User<'_>) {
        let arguments = [user.name, user.host, user.password].map(|text| format!("<<\"{text}\">>"));
        self.call("ejabberd_auth", "try_register", &arguments.join(", "))
            .await;
    }

    /// Changes a password.
    pub(crate) async fn set_password(&self, name: &str, host: &str, password: &str) {
        let arguments = format!("<<\"{name}\">>, <<\"{host}\">>, <<\"{password}\">>");
        self.call("ejabberd_auth", "set_password", &arguments).await;
    }

    /// Bans an account, as the command of the release does: before 24.06 that is another password.
    pub(crate) async fn ban(&self, name: &str, host: &str) {
        let arguments = format!("<<\"{name}\">>, <<\"{host}\">>, <<\"for a test\">>");
        let function = match self.wish.can_sasl2() {
            true => "ban_account_v2",
            false => "ban_account",
        };
        self.call("mod_admin_extra", function, &arguments).await;
    }

    /// Replaces our module while everything runs.
    pub(crate) async fn upgrade_module(&self) {
        self.call("ext_mod", "upgrade", "<<\"mod_oauth_component\">>")
            .await;
    }

    /// Stops our module.
    pub(crate) async fn stop_module(&self) {
        let arguments = format!("<<\"{HOST}\">>, mod_oauth_component");
        self.call("gen_mod", "stop_module", &arguments).await;
    }

    /// Removes an account.
    pub(crate) async fn delete_user(&self, name: &str, host: &str) {
        let arguments = format!("<<\"{name}\">>, <<\"{host}\">>");
        self.call("ejabberd_auth", "remove_user", &arguments).await;
    }
}

impl Drop for Ejabberd {
    fn drop(&mut self) {
        drop(self.child.take());
        if std::thread::panicking() {
            let end = tail(&self.log_path(), 60);
            eprintln!("--- end of the log of {}\n{end}", self.wish.release);
        }
    }
}

/// Key and certificate in one file, as ejabberd wants them.
fn write_certificates(dir: &Path) {
    certificates(dir);
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("a file");
    let both = read("localhost.key") + &read("localhost.crt");
    std::fs::write(dir.join("localhost.pem"), both).expect("a file");
}

fn environment(command: &mut Command, seen: &Path) {
    command
        .env("HOME", seen)
        .env("LC_ALL", "C.UTF-8")
        .env("EJABBERD_CONFIG_PATH", seen.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", seen.join("ejabberd.log"))
        .env("CONTRIB_MODULES_PATH", seen.join("modules"))
        .env("ERL_INETRC", seen.join("inetrc"))
        .env(
            "ERL_LIBS",
            format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH),
        );
}

/// A node in `dir`; `then` is run when it is up.
fn node(release: Release, dir: &Path, distribution: u16, then: &str) -> Command {
    let seen = release.sees(dir);
    let mut command = release.command(dir, "erl");
    environment(&mut command, &seen);
    command
        .args([
            "+K",
            "true",
            "-noinput",
            "-sname",
            NODE,
            "-start_epmd",
            "false",
            "-erl_epmd_port",
        ])
        .arg(distribution.to_string())
        .args([
            "-kernel",
            "inet_dist_use_interface",
            "{127,0,0,1}",
            "-mnesia",
            "dir",
        ])
        .arg(format!("\"{}\"", seen.join("spool").display()))
        .args(["-s", "ejabberd", "-eval", then]);
    command
}

/// The folder of a node with our module and the accounts, made at its first use.
async fn prepared(wish: Wish) -> PathBuf {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    static KNOWN: Mutex<Vec<(Release, PathBuf)>> = Mutex::new(Vec::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let _one = ONE_AT_A_TIME.lock().await;
    if let Some((_, found)) = known().iter().find(|(release, _)| *release == wish.release) {
        return found.clone();
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(MODULE);
    let name = match wish.release.source {
        Source::Machine => "machine",
        Source::Tree(codename) => codename,
    };
    let state = format!("ejabberd-{name}-{:016x}", state_of(&sources));
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(state);
    if !to.join("prepared").exists() {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temp folder");
        prepare(wish, dir.path(), &sources).await;
        let _ = std::fs::remove_dir_all(&to);
        std::fs::rename(dir.path(), &to).expect("the prepared node");
        std::fs::write(to.join("prepared"), "").expect("a file");
    }
    known().push((wish.release, to.clone()));
    to
}

async fn prepare(wish: Wish, dir: &Path, sources: &Path) {
    for folder in ["spool", "modules/sources", "certs"] {
        std::fs::create_dir_all(dir.join(folder)).expect("a folder");
    }
    copy(sources, &dir.join("modules/sources/mod_oauth_component"));
    // a tree has no /etc/hosts
    let hosts = "{host,{127,0,0,1},[\"localhost\"]}.\n{lookup,[file]}.\n";
    std::fs::write(dir.join("inetrc"), hosts).expect("a file");
    write_certificates(&dir.join("certs"));
    let [c2s, c2s_tls, component, http, distribution] = free_ports();
    let ports = Ports {
        c2s,
        c2s_tls,
        component,
        http,
    };
    let text = config::yaml(wish, &ports, &wish.release.sees(dir), false);
    std::fs::write(dir.join("ejabberd.yml"), text).expect("the configuration");
    let log = dir.join("preparation.log");
    let command = node(wish.release, dir, distribution, &config::preparation());
    let mut child = Guarded::spawn(command, &log);
    until("ejabberd to be prepared", START * 2, async || child.ended()).await;
    assert!(
        read_log(&log).contains("all is prepared"),
        "{}: the module was not installed\n{}",
        wish.release,
        tail(&log, 40)
    );
}

/// Changes with the sources of the module and with this harness.
fn state_of(sources: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    include_str!("mod.rs").hash(&mut hasher);
    include_str!("config.rs").hash(&mut hasher);
    let mut files = vec![sources.to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let mut inside: Vec<_> = path
                .read_dir()
                .expect("a folder")
                .map(|entry| entry.expect("a file").path())
                .collect();
            inside.sort();
            files.extend(inside);
        } else {
            std::fs::read(&path).expect("a source").hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-a")
        .arg("-T")
        .arg(from)
        .arg(to)
        .status();
    assert!(
        status.expect("cp").success(),
        "cp {} {}",
        from.display(),
        to.display()
    );
}
