//! The forms of an account's own pages: each is good for one action, in the browser session that it was
//! shown in, for a while.

use std::time::Duration;

use super::Provider;
use super::login::CurrentSession;
use crate::clock::Timestamp;
use crate::secrets::{mac_text, same};

/// How long a page with such forms may stand open.
const FORM_TTL: Duration = Duration::from_secs(1800);

/// How long ago the password may have been given by somebody who takes access back: whoever finds a
/// browser open should not cut its owner off.
const RECENT_LOGIN: Duration = Duration::from_secs(15 * 60);

impl Provider {
    /// Whether the password was given in this session just now.
    pub fn is_recent(&self, current: &CurrentSession) -> bool {
        self.now().since(current.session.auth_time) < RECENT_LOGIN
    }

    /// What a form that asks for `action` is sent back with: `until|mac`.
    pub fn action_ticket(&self, current: &CurrentSession, action: &str) -> String {
        self.action_ticket_until(current, action, self.now() + FORM_TTL)
    }

    /// Whether a form that asks for `action` was made for this session, and is not too old.
    pub fn is_action_ticket(&self, current: &CurrentSession, action: &str, ticket: &str) -> bool {
        let until = ticket.split('|').next().and_then(|text| text.parse().ok());
        let Some(until) = until.map(Timestamp::from_unix) else {
            return false;
        };
        same(&self.action_ticket_until(current, action, until), ticket) && until > self.now()
    }

    fn action_ticket_until(
        &self,
        current: &CurrentSession,
        action: &str,
        until: Timestamp,
    ) -> String {
        let until = until.as_unix().to_string();
        let mac = mac_text(
            &self.form_key,
            &[
                b"action",
                current.hash.as_bytes(),
                current.session.account.as_str().as_bytes(),
                action.as_bytes(),
                until.as_bytes(),
            ],
        );
        format!("{until}|{mac}")
    }
}
