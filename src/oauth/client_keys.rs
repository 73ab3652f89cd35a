//! The keys with which clients sign: registered by value, or where the client says that they are
//! (`jwks_uri`, RFC 7591 §2). Fetched ones are kept for a while, and fetched anew when a signature does not
//! fit, since a client may have changed its keys; but never more often than once a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::Provider;
use crate::clock::Timestamp;
use crate::keys::client::{self, Algorithms};
use crate::model::Client;

/// How long fetched keys count: a key that a client has withdrawn is good for so long.
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);
/// How often one address is asked at most, whatever came of it.
const ASKED_EVERY: Duration = Duration::from_secs(60);
/// How many addresses are remembered.
const MOST: usize = 1000;

/// What was fetched from one address, and when it was last tried.
#[derive(Default)]
struct Fetched {
    keys: Option<(Arc<Value>, Timestamp)>,
    asked_at: Option<Timestamp>,
}

/// One address. Keys that are here are read while others are fetched: a signature that fits nothing holds
/// up none that fits.
#[derive(Default)]
struct Place {
    fetched: Mutex<Fetched>,
    /// Held by the one that asks.
    asking: tokio::sync::Mutex<()>,
}

impl Place {
    fn fetched(&self) -> MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys from there, unless they are too old.
    fn fresh(&self, now: Timestamp) -> Option<Arc<Value>> {
        let fetched = self.fetched();
        let (keys, at) = fetched.keys.as_ref()?;
        (now.since(*at) < KEPT_FOR).then(|| Arc::clone(keys))
    }

    /// Whether the address may be asked, which is then noted as done.
    fn may_ask(&self, now: Timestamp) -> bool {
        let asked_at = &mut self.fetched().asked_at;
        let may = asked_at.is_none_or(|at| now.since(at) >= ASKED_EVERY);
        if may {
            *asked_at = Some(now);
        }
        may
    }
}

/// The keys that were fetched.
#[derive(Default)]
pub(super) struct FetchedKeys(Mutex<HashMap<Url, Arc<Place>>>);

impl FetchedKeys {
    /// The place of an address. Where there are too many, one gives way that nobody is at.
    fn of(&self, url: &Url) -> Arc<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(url) && all.len() >= MOST {
            let gone = all.iter().find(|(_, place)| Arc::strong_count(place) == 1);
            if let Some(gone) = gone.map(|(url, _)| url.clone()) {
                all.remove(&gone);
            }
        }
        Arc::clone(all.entry(url.clone()).or_default())
    }
}

impl Provider {
    /// The claims of a JWT that the client signed.
    ///
    /// # Errors
    /// How the sentence goes on that begins with the JWT's name.
    pub(super) async fn signed_by_client(
        &self,
        client: &Client,
        token: &str,
        algorithms: Algorithms<'_>,
        types: &[&str],
    ) -> Result<Value, &'static str> {
        let verify = |keys: &Value| client::verify(keys, token, algorithms, types).ok();
        let metadata = &client.metadata;
        let Some(url) = metadata.jwks_uri.as_ref() else {
            let keys = metadata.jwks.as_ref();
            let keys = keys.ok_or("cannot be verified: the client registered no jwks")?;
            return verify(keys).ok_or("is not signed with a key of the client's jwks");
        };
        let place = self.fetched_keys.of(url);
        if let Some(claims) = place.fresh(self.now()).and_then(|keys| verify(&keys)) {
            return Ok(claims);
        }
        let _turn = place.asking.lock().await;
        let now = self.now();
        if place.may_ask(now) {
            match self.fetch_keys(url).await {
                Ok(keys) => place.fetched().keys = Some((Arc::new(keys), now)),
                Err(why) => {
                    let client = &metadata.client_name;
                    tracing::warn!(client, %url, why, "a client's keys could not be fetched");
                }
            }
        }
        let keys = place.fresh(now).ok_or(
            "cannot be verified: the client's jwks_uri could not be read; try again in a minute",
        )?;
        verify(&keys).ok_or("is not signed with a key of the client's jwks_uri")
    }

    async fn fetch_keys(&self, url: &Url) -> Result<Value, String> {
        let body = self.fetcher.get(url).await.map_err(|e| e.to_string())?;
        let set: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
        client::usable_keys(&set).ok_or_else(|| "it is no JWK Set".to_owned())
    }
}
