//! Security events: each is one line in the log, with the same names for the same things, and for a time
//! that the operator sets a row in the store. Never a token.

use std::net::IpAddr;
use std::sync::Arc;

use jid::BareJid;

use super::Provider;
use crate::model::{EndReason, Event, EventKind, Grant, GrantId, KeptEvent};
use crate::storage::{Ended, Store, StoreError};

impl Provider {
    /// Something happened to a grant.
    pub(super) async fn audit_grant(&self, grant: &Grant, kind: EventKind, from: Option<IpAddr>) {
        let event = self.event(&grant.account, kind, Some(&grant.id), from);
        log(&event, Some(&grant.client_name));
        self.keep(vec![event]).await;
        self.notify_of_grant(grant, kind).await;
    }

    /// The same, where the caller must not wait for the disk.
    pub(super) fn audit_grant_behind(&self, grant: &Grant, kind: EventKind, from: IpAddr) {
        let event = self.event(&grant.account, kind, Some(&grant.id), Some(from));
        log(&event, Some(&grant.client_name));
        self.keep_behind(event);
    }

    /// Grants have ended.
    pub(super) async fn audit_ends(&self, ended: &Ended, reason: EndReason) {
        let kind = EventKind::Ended(reason);
        let events: Vec<_> = ended
            .grants
            .iter()
            .map(|(account, grant)| self.event(account, kind, Some(grant), None))
            .collect();
        for event in &events {
            log(event, None);
        }
        // of an account that is gone nothing is kept
        if reason != EndReason::AccountDeleted {
            self.keep(events).await;
        }
    }

    /// Somebody has logged in, or not. Nobody waits for it: how long a wrong password takes must not tell
    /// whether anything is kept of the account.
    pub(super) fn audit_login(&self, account: &BareJid, kind: EventKind, from: IpAddr) {
        let event = self.event(account, kind, None, Some(from));
        log(&event, None);
        self.keep_behind(event);
    }

    /// What has happened to an account, as far as it is kept, newest first.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn events(&self, account: &BareJid) -> Result<Vec<KeptEvent>, StoreError> {
        match self.config.audit.keep {
            Some(_) => self.store.events(account).await,
            None => Ok(Vec::new()),
        }
    }

    fn event(
        &self,
        account: &BareJid,
        kind: EventKind,
        grant_id: Option<&GrantId>,
        from: Option<IpAddr>,
    ) -> Event {
        Event {
            account: account.clone(),
            kind,
            grant_id: grant_id.cloned(),
            at: self.now(),
            from: from.and_then(|from| self.kept(from)),
        }
    }

    async fn keep(&self, events: Vec<Event>) {
        if self.config.audit.keep.is_some() && !events.is_empty() {
            record(self.store.as_ref(), &events).await;
        }
    }

    fn keep_behind(&self, event: Event) {
        if self.config.audit.keep.is_some() {
            let store = Arc::clone(&self.store);
            tokio::spawn(async move { record(store.as_ref(), &[event]).await });
        }
    }
}

/// What happened has happened, whether it can be written down or not.
async fn record(store: &dyn Store, events: &[Event]) {
    if let Err(error) = store.record_events(events).await {
        tracing::error!(%error, "security events could not be kept");
    }
}

fn log(event: &Event, client: Option<&str>) {
    let (account, grant) = (&event.account, event.grant_id.as_ref().map(GrantId::as_str));
    let reason = event.kind.reason().map(EndReason::as_str);
    let from = event.from.map(|from| from.to_string());
    let kind = event.kind.as_str();
    let sentence = sentence(event.kind);
    match event.kind {
        EventKind::CodeReplayed | EventKind::RefreshTokenReplayed => {
            tracing::warn!(event = kind, %account, grant, client, reason, from, "{sentence}");
        }
        _ => tracing::info!(event = kind, %account, grant, client, reason, from, "{sentence}"),
    }
}

const fn sentence(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Granted => "granted",
        EventKind::Refreshed => "refreshed",
        EventKind::Ended(_) => "a grant ended",
        EventKind::CodeReplayed => "a used code was shown again: what it gave has been revoked",
        EventKind::RefreshTokenReplayed => {
            "a used refresh token was shown again: its grant has been revoked"
        }
        EventKind::LoggedIn => "logged in to the pages",
        EventKind::LoginFailed => "a wrong password was given",
    }
}
