//! A small XMPP client (RFC 6120): checks passwords where the server has no module of ours, walks a
//! client's way for `try`, and plays the clients of the tests.
//!
//! Elements are plain ones in `jabber:client`: the crate's typed stanzas speak a component's dialect.
//! No SRV records are looked up: this program stands beside its server and is told where that is.

mod connect;
mod login;
mod session;

pub use connect::Connector;
pub use login::Bearer;
pub use session::Client;

use std::io;

use jid::BareJid;
use tokio::sync::OnceCell;

use crate::accounts::Unavailable;
use crate::config;
use crate::secrets::Secret;

/// Why something did not work as a client.
#[derive(Debug, thiserror::Error)]
pub enum C2sError {
    /// Nothing listens there, or nothing answers.
    #[error("cannot reach {address}: {error}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// `tls = "none"` is for this machine only.
    #[error("{0} is not on this machine: without TLS the password would travel in the open")]
    NotLoopback(String),
    /// The certificates to trust could not be read.
    #[error("the certificates to trust cannot be read: {0}")]
    Certificates(String),
    /// The server is not who it should be, or does not speak TLS.
    #[error("no TLS with {domain}: {error}")]
    Tls {
        /// Whom we wanted.
        domain: String,
        /// What went wrong.
        error: io::Error,
    },
    /// The server offers no STARTTLS (RFC 6120 §5).
    #[error("the server offers no STARTTLS: set up its certificate, or say tls = \"direct\"")]
    NoStarttls,
    /// The server offers none of the mechanisms that we may use.
    #[error("the server offers {offered:?}, and none of that is to be used")]
    NoMechanism {
        /// What it offers.
        offered: Vec<String>,
    },
    /// The login was refused (RFC 6120 §6.5); `not-authorized` and the like.
    #[error("the login was refused: {0}")]
    Refused(String),
    /// The server could not show that it knows the password (RFC 5802 §3).
    #[error("the server does not know the password that it accepted: it is not who it should be")]
    Impostor,
    /// It ended the stream with an error.
    #[error("the server ended the stream: {0}")]
    Stream(String),
    /// It said something that makes no sense here.
    #[error("the server answered out of turn")]
    OutOfTurn,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

impl C2sError {
    /// Whether it says that name and password do not open an account. Everything else says nothing
    /// about them.
    fn is_wrong_password(&self) -> bool {
        // RFC 6120 §6.5: what these have in common is that trying again is of no use.
        let wrong = [
            "not-authorized",
            "account-disabled",
            "credentials-expired",
            "invalid-authzid",
        ];
        matches!(self, Self::Refused(condition) if wrong.contains(&condition.as_str()))
    }
}

/// Checks passwords by logging in.
#[derive(Debug)]
pub(super) struct PasswordLogin {
    settings: config::C2s,
    connector: OnceCell<Connector>,
}

impl PasswordLogin {
    pub(super) fn new(settings: config::C2s) -> Self {
        Self {
            settings,
            connector: OnceCell::new(),
        }
    }

    /// Whether the password is right: logs in and leaves again before a resource is bound.
    pub(super) async fn check(
        &self,
        account: &BareJid,
        password: &Secret,
    ) -> Result<bool, Unavailable> {
        match self.log_in(account, password).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_wrong_password() => Ok(false),
            Err(error) => {
                tracing::warn!(host = %account.domain(), "a password could not be checked: {error}");
                Err(match error {
                    C2sError::TimedOut => Unavailable::TimedOut,
                    other => Unavailable::Refused(other.to_string()),
                })
            }
        }
    }

    async fn log_in(&self, account: &BareJid, password: &Secret) -> Result<(), C2sError> {
        let connector = self
            .connector
            .get_or_try_init(async || Connector::new(&self.settings))
            .await?;
        let mut client = connector.connect(account.domain()).await?;
        let username = account.node().map(AsRef::as_ref).unwrap_or_default();
        client
            .password(username, password, &self.settings.mechanisms)
            .await?;
        client.close().await;
        Ok(())
    }
}
