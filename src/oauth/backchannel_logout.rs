//! Telling clients that somebody has logged out (OpenID Connect Back-Channel Logout 1.0). What has to be
//! told is in the store before anybody is told that they are logged out, and stays there until the client
//! has taken it, has refused it, or was tried for half a day. Nobody waits for a client meanwhile: neither a
//! person, nor another client.
//!
//! A client is told of each end of a browser session in which it was given an id_token: by the person's
//! logout, or because the account's password changed, or it was disabled or removed; and when the person or
//! the operator takes back what the account gave that client. Not of a session that merely expires: nobody
//! has logged out. Grants outlive the browser in which they were given, so none is ended here (§2.7): a
//! refresh token comes for offline access, or for a chat client, which goes on as it does after its own
//! browser was closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use url::Url;

use super::login::CurrentSession;
use super::{OauthError, Provider};
use crate::clock::Timestamp;
use crate::config;
use crate::fetch::Fetcher;
use crate::model::{Client, GrantId, PendingLogout, Scope, ScopeSet, SignIn};
use crate::secrets::{mac_text, random_text};
use crate::storage::StoreError;

/// §2.4: preferably at most two minutes in the future.
const LOGOUT_TOKEN_TTL: Duration = Duration::from_secs(120);
/// How many clients are told at once, each of another logout.
const AT_ONCE: usize = 8;
/// How often a client is tried. With these pauses, that takes half a day.
const MOST_TRIES: u32 = 30;
/// The first pause between two tries; each is twice as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(1800);
/// How often the store is looked at for what has come due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a client is left alone when the store cannot note what it answered.
const STORE_PAUSE: Duration = Duration::from_secs(60);

/// What it takes to tell clients.
pub(super) struct Logouts {
    /// Apart from what fetches clients' keys, which nobody is to hold up.
    fetcher: Fetcher,
    /// Notified when there is something new to tell.
    new: Notify,
}

impl Logouts {
    pub(super) fn new(settings: &config::Fetch) -> Self {
        Self {
            fetcher: Fetcher::new(settings, AT_ONCE),
            new: Notify::new(),
        }
    }

    /// There may be something new to tell.
    pub(super) fn look(&self) {
        self.new.notify_one();
    }
}

/// §2.4.
#[derive(Serialize)]
struct LogoutToken<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
    events: Value,
    sid: &'a str,
}

/// How long a client is left alone that was tried so often before.
fn pause_after(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(tries));
    doubled.min(LONGEST_PAUSE)
}

/// What came of telling a client.
enum Told {
    /// It has taken it.
    Taken,
    /// §2.8: it will never take it.
    Refused,
}

impl Provider {
    /// Remembers that the client is given something by this browser session, where it wants to hear of its
    /// end. `false` if that has come already.
    pub(super) async fn remember_sign_in(
        &self,
        client: &Client,
        grant_id: &GrantId,
        scopes: &ScopeSet,
        current: &CurrentSession,
    ) -> Result<bool, StoreError> {
        if client.metadata.backchannel_logout_uri.is_none() || !scopes.contains(Scope::OPENID) {
            return Ok(true);
        }
        // tells nothing of the cookie, and no two clients that it is the same browser
        let parts: &[&[u8]] = &[
            b"sid",
            current.hash.as_bytes(),
            client.id.as_str().as_bytes(),
        ];
        let sign_in = SignIn {
            grant_id: grant_id.clone(),
            client_id: client.id.clone(),
            account: current.session.account.clone(),
            sid: mac_text(&self.form_key, parts),
        };
        self.store
            .save_sign_in(&sign_in, &current.hash, self.now())
            .await
    }

    /// What the client knows the browser session by that gave it this grant (§2.1 `sid`).
    pub(super) async fn sid(
        &self,
        client: &Client,
        grant: &GrantId,
    ) -> Result<Option<String>, StoreError> {
        match &client.metadata.backchannel_logout_uri {
            Some(_) => self.store.sid(grant).await,
            None => Ok(None),
        }
    }

    /// Tells clients of logouts, those from before the last start too, until `stop` turns true. What is
    /// under way then is told again after the next start. Of several processes on one database one tells.
    pub async fn deliver_logouts(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut deliveries = JoinSet::new();
        let mut being_told = HashMap::new();
        loop {
            // as many as are being told may stand before those that could be
            let due = match self.leads() {
                true => self.store.due_logouts(self.now(), 2 * AT_ONCE).await,
                false => Ok(Vec::new()),
            };
            let due = due.unwrap_or_else(|error| {
                tracing::error!(%error, "the logouts that clients are to be told cannot be read");
                Vec::new()
            });
            for logout in due {
                if deliveries.len() >= AT_ONCE {
                    break;
                }
                if being_told.values().any(|id| *id == logout.client_id) {
                    continue;
                }
                let (provider, client_id) = (Arc::clone(&self), logout.client_id.clone());
                let task = deliveries.spawn(async move { provider.deliver(&logout).await });
                being_told.insert(task.id(), client_id);
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.logouts.new.notified() => {}
                Some(done) = deliveries.join_next_with_id() => {
                    let id = done.map_or_else(|panicked| panicked.id(), |(id, ())| id);
                    being_told.remove(&id);
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Tells one client of one logout, and notes what came of it.
    async fn deliver(&self, logout: &PendingLogout) {
        let done = match self.try_delivery(logout).await {
            Ok(()) => self.store.finish_logout(logout).await,
            Err(pause) => {
                let until = self.now() + pause;
                self.store.postpone_logout(logout, until).await
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "what came of telling a client of a logout could not be stored");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    /// `Err`: it is to be tried again after so long.
    async fn try_delivery(&self, logout: &PendingLogout) -> Result<(), Duration> {
        let pause = pause_after(logout.tries);
        let client = self.client(logout.client_id.as_str()).await;
        let client = client.map_err(|error| {
            tracing::error!(%error, "a client that is to be told of a logout cannot be read");
            pause
        })?;
        // one that was removed, or does not want to hear of it any more
        let Some(client) = client else { return Ok(()) };
        let Some(url) = &client.metadata.backchannel_logout_uri else {
            return Ok(());
        };
        let name = &client.metadata.client_name;
        match self.tell_client(&client, url, logout).await {
            Ok(Told::Taken) => {
                self.counts.logouts.delivered.inc();
                tracing::debug!(client = name, "a client was told of a logout");
                Ok(())
            }
            Ok(Told::Refused) => {
                self.counts.logouts.refused.inc();
                tracing::warn!(client = name, %url, "a client refuses to be told of a logout");
                Ok(())
            }
            Err(why) if logout.tries + 1 >= MOST_TRIES => {
                self.counts.logouts.given_up.inc();
                tracing::warn!(
                    client = name, %url, why,
                    "a client could not be told of a logout, for half a day: it is given up"
                );
                Ok(())
            }
            Err(why) => {
                self.counts.logouts.failed.inc();
                let seconds = pause.as_secs();
                tracing::info!(
                    client = name, %url, why, seconds,
                    "a client could not be told of a logout: it is tried again"
                );
                Err(pause)
            }
        }
    }

    /// §2.5: a form by POST, with nothing but the token.
    async fn tell_client(
        &self,
        client: &Client,
        url: &Url,
        logout: &PendingLogout,
    ) -> Result<Told, String> {
        let token = self.logout_token(client, logout).await;
        let token = token.map_err(|error| error.to_string())?;
        let fetcher = &self.logouts.fetcher;
        let answered = fetcher.post(url, &[("logout_token", &token)]).await;
        // §2.8: 204 comes from frameworks that put it in the place of an empty 200
        match answered.map_err(|error| error.to_string())? {
            200 | 204 => Ok(Told::Taken),
            400 => Ok(Told::Refused),
            other => Err(format!("it was answered with {other}")),
        }
    }

    /// §2.4: signed like the client's id_tokens, and never to be taken for one.
    async fn logout_token(
        &self,
        client: &Client,
        logout: &PendingLogout,
    ) -> Result<String, OauthError> {
        let now = self.now();
        let claims = LogoutToken {
            iss: self.config.http.issuer(),
            sub: self.subject_for(&client.metadata, &logout.account),
            aud: client.id.as_str(),
            iat: now,
            exp: now + LOGOUT_TOKEN_TTL,
            jti: random_text::<16>(self.random.as_ref()),
            events: json!({ "http://schemas.openid.net/event/backchannel-logout": {} }),
            sid: &logout.sid,
        };
        self.sign_for(client, "logout+jwt", &claims).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_tried_for_half_a_day_and_not_much_longer() {
        assert_eq!(pause_after(0), FIRST_PAUSE);
        let all: Duration = (0..MOST_TRIES - 1).map(pause_after).sum();
        let hours = all.as_secs() / 3600;
        assert!((10..=12).contains(&hours), "{hours} h");
    }
}
