//! Is this password right? By the server's module over the link, or by a login as a client; either
//! way a server can take only so many of these at once.

use jid::BareJid;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use xso::{AsXml, FromXml};

use super::Server;
use super::c2s::PasswordLogin;
use super::iq::Kind;
use super::ns;
use super::server::{generation, senseless, username};
use crate::accounts::{AccountStatus, Accounts as _, PasswordCheck, Unavailable};
use crate::config::{Authentication, Xmpp};
use crate::model::Generation;
use crate::secrets::Secret;

/// How many may wait for each that is with the server.
const WAITING: usize = 8;

/// Password checks, as many at once as the server can take.
#[derive(Debug)]
pub(super) struct Checks {
    running: Semaphore,
    waiting: Semaphore,
    login: PasswordLogin,
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "check-password")]
struct CheckPassword {
    #[xml(attribute)]
    username: String,
    #[xml(text)]
    password: String,
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "valid", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Valid {
    #[xml(attribute(default))]
    generation: Option<String>,
}

impl Checks {
    pub(super) fn new(settings: &Xmpp) -> Self {
        let most = settings.max_password_checks.max(1);
        Self {
            login: PasswordLogin::new(settings.c2s.clone()),
            running: Semaphore::new(most),
            waiting: Semaphore::new(most.saturating_mul(WAITING).min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Whether `password` is the account's.
    pub(super) async fn check(
        &self,
        server: &Server,
        account: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable> {
        let served = server.config.xmpp.serves(account.domain());
        if !served || account.node().is_none() || !can_be_a_password(password) {
            return Ok(PasswordCheck::Invalid);
        }
        let busy = || {
            server.counts.password_checks.inc();
            Unavailable::Busy
        };
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = timeout(server.config.component.timeout, self.running.acquire());
        let _turn = turn.await.map_err(|_| busy())?;
        match server.config.xmpp.authentication {
            Authentication::Module => ask(server, account, password).await,
            Authentication::C2s => {
                let login = self.login.check(account, password);
                let is_right = timeout(server.config.component.timeout, login)
                    .await
                    .map_err(|_| Unavailable::TimedOut)??;
                Ok(match is_right {
                    true => PasswordCheck::Valid {
                        generation: generation_now(server, account).await,
                    },
                    false => PasswordCheck::Invalid,
                })
            }
        }
    }
}

/// The account's generation, which a login as a client does not show, where a module can say it.
async fn generation_now(server: &Server, account: &BareJid) -> Option<Generation> {
    let host = account.domain().to_owned();
    if !server.has_module(&host) {
        return None;
    }
    let statuses = server.statuses(&host, std::slice::from_ref(account)).await;
    match statuses.ok()?.pop()? {
        AccountStatus::Enabled { generation } => generation,
        AccountStatus::Missing | AccountStatus::Disabled => None,
    }
}

/// Longer than any password (RFC 8265 sets no limit), short enough for every server's stanzas.
const LONGEST: usize = 1024;

/// RFC 8265 §4.2.2 forbids control characters and the empty password; XML cannot say most of them, so
/// the server need not be asked.
fn can_be_a_password(password: &Secret) -> bool {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let password = password.expose();
    (1..=LONGEST).contains(&password.len()) && !password.chars().any(forbidden)
}

/// `check-password`.
async fn ask(
    server: &Server,
    account: &BareJid,
    password: &Secret,
) -> Result<PasswordCheck, Unavailable> {
    let question = CheckPassword {
        username: username(account),
        password: password.expose().to_owned(),
    };
    let answer = server
        .ask_module(account.domain(), Kind::Get, question.into())
        .await?;
    if answer.is("invalid", ns::ACCOUNT) {
        return Ok(PasswordCheck::Invalid);
    }
    let valid = Valid::try_from(answer).map_err(senseless)?;
    Ok(PasswordCheck::Valid {
        generation: valid.generation.and_then(generation),
    })
}
