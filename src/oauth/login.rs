//! People's browsers: is the password right, and who is logged in here.

use std::fmt;
use std::net::IpAddr;

use jid::BareJid;

use super::Provider;
use super::cache::Epoch;
use super::granted::USES_RECORDED_EVERY;
use super::tries::Held;
use crate::accounts::{PasswordCheck, Unavailable};
use crate::limits::{RetryAfter, address_key};
use crate::model::{BrowserSession, EndReason, EventKind, Generation, Grant};
use crate::secrets::{Secret, TokenHash, TokenKind, mac_text, new_token, random_text, same};
use crate::storage::StoreError;

/// The browser that somebody logs in with.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Where it is.
    pub address: IpAddr,
    /// What it says of itself.
    pub user_agent: Option<&'a str>,
    /// What it shows of [`LoggedIn::known`].
    pub known: Option<&'a str>,
}

/// The longest part of what a browser says of itself that is kept.
const MAX_USER_AGENT: usize = 256;

/// A browser that has just been logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// What its session cookie holds from now on.
    pub cookie: Secret,
    /// What tells later that this browser has logged in to this account before.
    pub known: Secret,
}

/// Whose wrong passwords are counted together: those for an account, of browsers that have logged in to it
/// before apart from all others, so that whoever guesses at the account elsewhere does not lock its owner
/// out; those browsers together, so that many marks allow no more than one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Guesses {
    account: BareJid,
    by_known: bool,
}

impl fmt::Display for Guesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // no address has a space
        let by = if self.by_known { "known " } else { "" };
        write!(f, "{by}{}", self.account)
    }
}

/// Why a browser was not logged in.
#[derive(Debug)]
pub enum LoginError {
    /// The password is wrong, or there is no such account.
    WrongPassword,
    /// Too many wrong passwords for this account or from this address.
    TooManyTries(RetryAfter),
    /// The server could not be asked: it says nothing about the password.
    Unavailable(Unavailable),
    /// The try could not be counted, or the session not be stored.
    Store(StoreError),
}

impl From<Held> for LoginError {
    fn from(held: Held) -> Self {
        match held {
            Held::TooMany(wait) => Self::TooManyTries(wait),
            Held::Unavailable(error) => Self::Store(error),
        }
    }
}

/// A right password.
pub(super) struct Proved {
    /// The account's generation with it.
    pub(super) generation: Option<Generation>,
    /// How far the account's changes had come before it was looked at.
    before: Epoch,
}

/// A browser session as its cookie shows it.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    /// The session.
    pub session: BrowserSession,
    /// Its cookie's hash: names it in tickets.
    pub hash: TokenHash,
}

impl Provider {
    /// Logs a browser in.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn log_in(
        &self,
        account: &BareJid,
        password: &Secret,
        visitor: Visitor<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let came_to = self.try_log_in(account, password, visitor).await;
        self.counts.page_logins.count(&came_to);
        came_to
    }

    async fn try_log_in(
        &self,
        account: &BareJid,
        password: &Secret,
        visitor: Visitor<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let proved = self.check_password(account, password, visitor).await?;
        let now = self.now();
        let cookie = new_token(self.random.as_ref(), TokenKind::Session);
        let session = BrowserSession {
            account: account.clone(),
            auth_time: now,
            generation: proved.generation.clone(),
            expires_at: now + self.config.tokens.session_ttl,
            last_seen_at: now,
            from: self.kept(visitor.address),
            user_agent: visitor
                .user_agent
                .map(|text| text.chars().take(MAX_USER_AGENT).collect()),
        };
        let hash = TokenHash::of(&cookie);
        let saved = self.store.save_session(&hash, &session).await;
        saved.map_err(LoginError::Store)?;
        if self.has_changed(account, proved.before).await {
            // the password that was right a moment ago may be so no more
            let ended = self.store.end_session(&hash).await;
            ended.map_err(LoginError::Store)?;
            return Err(LoginError::Unavailable(Unavailable::Busy));
        }
        self.audit_login(account, EventKind::LoggedIn, visitor.address);
        Ok(LoggedIn {
            cookie: Secret::new(cookie),
            known: self.new_mark(account),
        })
    }

    /// Whether the password is right, for something that will be stored. Each wrong one counts against
    /// the account and the address; a right one, or a server that could not be asked, does not.
    pub(super) async fn check_password(
        &self,
        account: &BareJid,
        password: &Secret,
        visitor: Visitor<'_>,
    ) -> Result<Proved, LoginError> {
        let now = self.now();
        let from = address_key(visitor.address);
        let whose = Guesses {
            account: account.clone(),
            by_known: visitor
                .known
                .is_some_and(|mark| self.is_mark(account, mark)),
        };
        let before = self.changes_of(account).await.map_err(LoginError::Store)?;
        // Reserved before the question, so that tries made at once are counted too.
        let (of_account, from_address) = (
            &self.password_tries_of_account,
            &self.password_tries_from_address,
        );
        from_address.take(&from, now).await?;
        if let Err(held) = of_account.take(&whose, now).await {
            from_address.give_back(&from, now).await;
            if let Held::TooMany(_) = held {
                self.notify_of_passwords(account);
            }
            return Err(held.into());
        }
        let answer = self.accounts.check_password(account, password).await;
        if !matches!(answer, Ok(PasswordCheck::Invalid)) {
            tokio::join!(
                from_address.give_back(&from, now),
                of_account.give_back(&whose, now)
            );
        }
        let generation = match answer.map_err(LoginError::Unavailable)? {
            PasswordCheck::Valid { generation } => generation,
            PasswordCheck::Invalid => {
                self.audit_login(account, EventKind::LoginFailed, visitor.address);
                return Err(LoginError::WrongPassword);
            }
        };
        self.take_row(account, now)
            .map_err(LoginError::TooManyTries)?;
        Ok(Proved { generation, before })
    }

    /// Ends a grant again whose account has changed while it was being given.
    pub(super) async fn still_proved(
        &self,
        grant: &Grant,
        proved: &Proved,
    ) -> Result<(), LoginError> {
        if !self.has_changed(&grant.account, proved.before).await {
            return Ok(());
        }
        let ended = self.end_grant(&grant.id, EndReason::PasswordChanged).await;
        ended.map_err(LoginError::Store)?;
        Err(LoginError::Unavailable(Unavailable::Busy))
    }

    /// How far an account's changes have come, before something begins that they end.
    pub(super) async fn changes_of(&self, account: &BareJid) -> Result<Epoch, StoreError> {
        // A change that another process has already been told of is none that comes meanwhile.
        self.hear_all().await?;
        Ok(self.account_changes.of(account))
    }

    /// Whether an account may have changed since it was looked at, in whichever process: asked once
    /// something has been stored for it, which is to be taken back then.
    pub(super) async fn has_changed(&self, account: &BareJid, before: Epoch) -> bool {
        if let Err(error) = self.hear_all().await {
            tracing::error!(%account, %error, "whether the account has changed is not known");
            return true;
        }
        self.account_changes.of(account) != before
    }

    /// The mark of a browser that has logged in to `account`: `id.mac`. It names no account and opens
    /// nothing.
    fn new_mark(&self, account: &BareJid) -> Secret {
        let id = random_text::<16>(self.random.as_ref());
        let mac = self.mark_mac(account, &id);
        Secret::new(format!("{id}.{mac}"))
    }

    fn is_mark(&self, account: &BareJid, mark: &str) -> bool {
        mark.split_once('.')
            .is_some_and(|(id, mac)| same(mac, &self.mark_mac(account, id)))
    }

    fn mark_mac(&self, account: &BareJid, id: &str) -> String {
        let parts = [
            b"known".as_slice(),
            account.as_str().as_bytes(),
            id.as_bytes(),
        ];
        mac_text(&self.form_key, &parts)
    }

    /// The live session that a cookie names.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn current_session(
        &self,
        cookie: &str,
    ) -> Result<Option<CurrentSession>, StoreError> {
        if !TokenKind::Session.is_kind_of(cookie) {
            return Ok(None);
        }
        let hash = TokenHash::of(cookie);
        let session = self.store.session(&hash).await?;
        let now = self.now();
        let session = session
            .filter(|session| session.expires_at > now)
            .filter(|session| self.config.xmpp.serves(session.account.domain()));
        if let Some(session) = &session
            && now.since(session.last_seen_at) >= USES_RECORDED_EVERY
        {
            self.store.touch_session(&hash, now).await?;
        }
        Ok(session.map(|session| CurrentSession { session, hash }))
    }

    /// Ends the session that a cookie names.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn log_out(&self, cookie: &str) -> Result<(), StoreError> {
        self.store.end_session(&TokenHash::of(cookie)).await?;
        self.logouts.look();
        Ok(())
    }

    /// Ends the session that the cookie `old` names, in whose browser somebody has just begun the one that
    /// `new` names. The same person has not logged out: what clients were given goes on with the new one.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn take_over_session(&self, old: &str, new: &Secret) -> Result<(), StoreError> {
        let (old, new) = (TokenHash::of(old), TokenHash::of(new.expose()));
        self.store.succeed_session(&old, &new).await?;
        self.logouts.look();
        Ok(())
    }

    /// The account that a person means: a bare JID of a served host, or a localpart where only one
    /// host is served.
    pub fn account_named(&self, text: &str) -> Option<BareJid> {
        let text = text.trim();
        let hosts = &self.config.xmpp.hosts;
        let account: BareJid = match (text.contains('@'), hosts.as_slice()) {
            (true, _) => BareJid::new(text).ok()?,
            (false, [only]) => BareJid::new(&format!("{text}@{only}")).ok()?,
            (false, _) => return None,
        };
        (account.node().is_some() && self.config.xmpp.serves(account.domain())).then_some(account)
    }
}
