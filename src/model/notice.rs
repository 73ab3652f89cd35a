//! Notices: what an account is told without having asked.

use jid::BareJid;

/// Something that an account's owner should know of at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who is told.
    pub account: BareJid,
    /// What happened.
    pub kind: NoticeKind,
    /// The name that the app goes by, where one is meant; as it gave it.
    pub client_name: Option<String>,
}

/// What an account is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// An app was given access that had none.
    NewApp,
    /// A used code or refresh token was shown again, and stopped.
    Replay,
    /// So many wrong passwords were given that no more are taken for a while.
    WrongPasswords,
}

impl NoticeKind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::NewApp, Self::Replay, Self::WrongPasswords];

    /// A word for settings and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewApp => "new_app",
            Self::Replay => "replay",
            Self::WrongPasswords => "wrong_passwords",
        }
    }
}
