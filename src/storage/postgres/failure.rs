//! What a failure of the database means: whether what failed may be done again.

use std::error::Error as _;
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

/// Why an attempt came to nothing. Up to [`Failure::Unknown`], nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not have been alone: it is done again.
    Conflict(String),
    /// A table's rule is broken: because of another that was at it, perhaps.
    Refused(String),
    /// The connection is of no use any more: it is done again on another.
    Lost(String),
    /// It would fail again.
    Final(String),
    /// The connection was lost while it was committed: it is stored, or it is not.
    Unknown(String),
}

impl Failure {
    /// Of a statement within a transaction, or of connecting.
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        let text = text(error);
        let Some(code) = error.code() else {
            return match error
                .source()
                .and_then(|cause| cause.downcast_ref::<std::io::Error>())
            {
                Some(_) => Self::Lost(text),
                None if error.is_closed() => Self::Lost(text),
                None => Self::Final(text),
            };
        };
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Conflict(text)
            }
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            // what was the primary is a standby now
            | SqlState::READ_ONLY_SQL_TRANSACTION
            // a newer version has changed a table under a prepared statement
            | SqlState::FEATURE_NOT_SUPPORTED
            | SqlState::INVALID_SQL_STATEMENT_NAME => Self::Lost(text),
            _ if code.code().starts_with("08") => Self::Lost(text),
            _ if code.code().starts_with("23") => Self::Refused(text),
            _ => Self::Final(text),
        }
    }

    /// Of `COMMIT`: only what says that it was undone leaves no doubt.
    pub(super) fn of_commit(error: &tokio_postgres::Error) -> Self {
        let undone = error.code().is_some_and(|code| {
            ["40", "23"]
                .iter()
                .any(|class| code.code().starts_with(class))
        });
        match undone {
            true => Self::of(error),
            false => Self::Unknown(text(error)),
        }
    }

    /// The time for a statement was up.
    pub(super) fn timed_out() -> Self {
        Self::Lost("it did not answer in time".to_owned())
    }

    /// For the caller and the log.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Conflict(why) => format!("too many others were at it: {why}"),
            Self::Refused(why) | Self::Lost(why) | Self::Final(why) => why.clone(),
            Self::Unknown(why) => {
                format!("the connection broke during a commit, which may be stored or not: {why}")
            }
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::of(&error)
    }
}

/// An error with its causes. What the server says of values (`DETAIL`) is left out.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{}: {}", said.severity(), said.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors end with their cause themselves.
        let more = error.to_string();
        if !text.ends_with(&more) {
            // Writing to a text does not fail.
            let _ = write!(text, ": {more}");
        }
        cause = error.source();
    }
    text
}
