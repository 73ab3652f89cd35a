//! `check`: whether everything is as it must be, a line each: OK, or what to do. Where `serve` runs it
//! is asked; where it does not, a link of our own is opened for a moment.

mod proxy;
mod public;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::control::{Line, Lock, Reached, reach};
use super::operations::{Failed, HostRow, Operation, Outcome, Vitals, perform};
use super::{output, unexpected};
use crate::app::{self, App, StartError};
use crate::config::{Authentication, Config};

/// How long the link and the modules may take to say something.
const SETTLING: Duration = Duration::from_secs(8);

/// Look at everything that must be right, a line each: OK, or what to do. Exit status 1 if anything
/// must be done.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Certificates to trust for the public URL beside the system's (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// What was found, printed as it is found.
#[derive(Debug, Default)]
struct Report {
    has_failures: bool,
}

impl Report {
    fn ok(&self, what: &str, finding: impl fmt::Display) {
        output::line(format_args!("OK    {what}: {finding}"));
    }

    /// Worth a look, or not to be tested from here.
    fn warn(&self, what: &str, finding: impl fmt::Display) {
        output::line(format_args!("WARN  {what}: {finding}"));
    }

    fn fail(&mut self, what: &str, finding: impl fmt::Display) {
        self.has_failures = true;
        output::line(format_args!("FAIL  {what}: {finding}"));
    }
}

/// The provider that is asked.
enum Provider {
    Running(Line),
    Here(Box<Here>),
}

/// A provider of our own, for a moment.
struct Here {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    link: JoinHandle<()>,
    _lock: Option<Lock>,
}

impl Provider {
    async fn ask(&mut self, operation: Operation) -> Result<Outcome, Failed> {
        match self {
            Self::Running(line) => line.ask(operation).await,
            Self::Here(here) => perform(&here.app, operation, false).await,
        }
    }

    fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    async fn end(self) {
        if let Self::Here(here) = self {
            here.stop.send_replace(true);
            if let Err(error) = here.link.await {
                tracing::error!(%error, "the link did not end well");
            }
            here.app.close().await;
        }
    }
}

pub(super) async fn run(config: &Arc<Config>, file: &Path, arguments: &Check) -> ExitCode {
    let mut report = Report::default();
    report.ok("config", file.display());
    for warning in &config.warnings {
        report.warn("config", warning);
    }
    match app::check_pages(config) {
        Ok(()) => report.ok("pages", "all templates and texts are whole"),
        Err(error) => report.fail("pages", error),
    }
    check_registration(&report, config);
    if let Some(mut provider) = provider(config, &mut report).await {
        check_keys(&mut provider, &mut report).await;
        check_link(&mut provider, config, &mut report).await;
        public::check(&mut provider, config, arguments, &mut report).await;
        provider.end().await;
    }
    match report.has_failures {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn check_registration(report: &Report, config: &Config) {
    match config.registration.registration_key {
        Some(_) => report.ok("registration", "clients can register"),
        None => report.warn(
            "registration",
            "no new client can register: that needs registration_key in [registration]",
        ),
    }
}

async fn provider(config: &Arc<Config>, report: &mut Report) -> Option<Provider> {
    let lock = match reach(config).await {
        Ok(Reached::Serve(line)) => {
            report.ok("serve", "runs");
            return Some(Provider::Running(line));
        }
        Ok(Reached::Nobody(lock)) => lock,
        Err(error) => {
            report.fail("serve", error);
            return None;
        }
    };
    report.warn("serve", "does not run: some things can be seen only then");
    let app = match App::build(Arc::clone(config)).await {
        Ok(app) => Arc::new(app),
        Err(StartError::Keys(error)) => {
            report.fail("keys", error);
            return None;
        }
        Err(error) => {
            report.fail("storage", error);
            return None;
        }
    };
    let (stop, stopped) = watch::channel(false);
    let linked = Arc::clone(&app);
    let link = tokio::spawn(async move { linked.link(stopped).await });
    Some(Provider::Here(Box::new(Here {
        app,
        stop,
        link,
        _lock: lock,
    })))
}

async fn check_keys(provider: &mut Provider, report: &mut Report) {
    match provider.ask(Operation::Keys).await {
        Ok(Outcome::Keys(keys)) => match keys.iter().find(|key| key.retired_at.is_none()) {
            Some(key) => report.ok("keys", format_args!("{} signs", key.kid)),
            None => report.fail("keys", "none is in use: `xmpp-oauth keys rotate` makes one"),
        },
        Ok(other) => report.fail("keys", unexpected(&other)),
        Err(error) => report.fail("keys", error),
    }
}

async fn check_link(provider: &mut Provider, config: &Config, report: &mut Report) {
    let vitals = match settled(provider).await {
        Ok(vitals) => vitals,
        Err(error) => return report.fail("serve", error),
    };
    match vitals.storage {
        None => report.ok("storage", &config.storage.database),
        Some(why) => report.fail("storage", why),
    }
    if let Some(why) = vitals.link {
        report.fail("link", why);
        return report.warn("hosts", "not looked at: they are asked over the link");
    }
    let jid = &config.component.jid;
    report.ok(
        "link",
        format_args!("up as {jid} at {}", config.component.server),
    );
    for host in &vitals.hosts {
        check_module(host, config, report);
        if host.module.is_some() || config.xmpp.authentication == Authentication::C2s {
            check_password(provider, &host.host, report).await;
        }
    }
}

/// How things stand once the link and the modules have had time to say something.
async fn settled(provider: &mut Provider) -> Result<Vitals, Failed> {
    let deadline = Instant::now() + SETTLING;
    loop {
        let vitals = match provider.ask(Operation::Vitals).await? {
            Outcome::Vitals(vitals) => vitals,
            other => return Err(unexpected(&other)),
        };
        if vitals.is_settled || Instant::now() >= deadline {
            return Ok(vitals);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn check_module(host: &HostRow, config: &Config, report: &mut Report) {
    let what = format!("module of {}", host.host);
    let jid = &config.component.jid;
    match &host.module {
        Some(module) if module.scopes.is_empty() => report.fail(
            &what,
            "enforces no scope, so no client may log in: use the module of this version",
        ),
        Some(module) => report.ok(
            &what,
            format_args!(
                "version {} in {} enforces {}",
                module.version,
                module.server.as_deref().unwrap_or("an unnamed server"),
                module.scopes.join(" "),
            ),
        ),
        None if is_validating(host, config) => report.warn(
            &what,
            "none, as xmpp.validate_hosts says: sessions there outlive their grants",
        ),
        None if host.is_missing => report.fail(
            &what,
            format_args!(
                "not loaded there: add \"oauth_component\" to modules_enabled of that host, and \
                 oauth_component = \"{jid}\""
            ),
        ),
        None => report.fail(
            &what,
            format_args!(
                "has not said hello: is the host there, and does it have \
                 oauth_component = \"{jid}\"?"
            ),
        ),
    }
}

fn is_validating(host: &HostRow, config: &Config) -> bool {
    let mut hosts = config.xmpp.validate_hosts.iter();
    hosts.any(|validating| validating.as_str() == host.host)
}

async fn check_password(provider: &mut Provider, host: &str, report: &mut Report) {
    let what = format!("passwords of {host}");
    let operation = Operation::CheckPassword {
        host: host.to_owned(),
    };
    match provider.ask(operation).await {
        Ok(_) => report.ok(&what, "can be checked (a made-up one was refused)"),
        Err(error) => report.fail(&what, error),
    }
}
