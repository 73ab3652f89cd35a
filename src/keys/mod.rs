//! Signing keys, one in use for each algorithm: made at the first start, kept in the store, rotated with
//! an overlap, published as a JWK Set (RFC 7517). And signatures with secrets, which are in no set:
//! those on `client_id`s, and those that a client verifies with its own secret.
//!
//! What is signed, and for whom, is for `oauth`.

pub mod client;
pub mod issued;
mod material;
pub mod registration;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::Header;
pub use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::config::Tokens;
use crate::model::SigningAlgorithm;
use crate::storage::{Store, StoreError};
use material::{Key, generate, read};

/// How long a retired key is still published: longer than anything that it signed is good for.
const RETIRED_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long anybody waits for the first key.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which keys there are to be.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// An active key for each of these that needs one.
    pub algorithms: Vec<SigningAlgorithm>,
    /// How old a key becomes before another takes its place; `None` for any age.
    pub ttl: Option<Duration>,
}

impl From<&Tokens> for KeySettings {
    fn from(tokens: &Tokens) -> Self {
        Self {
            algorithms: tokens.id_token_algorithms.clone(),
            ttl: tokens.signing_key_ttl,
        }
    }
}

/// Why something was not signed, or a key not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key could not be made, or a signature with it.
    #[error("a key cannot be used: {0}")]
    Unusable(String),
    /// What was shown was not signed by this key, or is not what it should be.
    #[error("this was not signed here")]
    NotOurs,
    /// The first key could not be made yet.
    #[error("there is no signing key yet")]
    NotYet,
    /// The key that signs just now cannot be removed: rotate first.
    #[error("this key signs just now: rotate first")]
    InUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key, as people may see it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyInfo {
    /// Its `kid`.
    pub kid: String,
    /// Its JWS algorithm.
    pub algorithm: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a newer one took its place.
    pub retired_at: Option<Timestamp>,
}

/// Which key a new one takes the place of.
enum InPlaceOf<'a> {
    /// Whichever is in use.
    Any,
    /// This one alone, or none.
    Only(Option<&'a str>),
}

/// All keys.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: KeySettings,
    keys: RwLock<Arc<Vec<Key>>>,
    has_all: watch::Sender<bool>,
}

impl Keyring {
    /// The keys in the store. Those that are missing are made behind this call: it takes a moment, and
    /// whoever needs one waits for it.
    ///
    /// # Errors
    /// The store could not be read, or holds a key that is none.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: KeySettings,
    ) -> Result<Arc<Self>, KeyError> {
        let keyring = Arc::new(Self {
            store,
            clock,
            settings,
            keys: RwLock::default(),
            has_all: watch::Sender::new(false),
        });
        keyring.load().await?;
        if keyring
            .wanted()
            .any(|algorithm| keyring.active(algorithm).is_none())
        {
            let first = Arc::clone(&keyring);
            tokio::spawn(async move { first.make_first().await });
        }
        Ok(keyring)
    }

    /// The algorithms that need a key.
    fn wanted(&self) -> impl Iterator<Item = SigningAlgorithm> {
        let algorithms = self.settings.algorithms.iter().copied();
        algorithms.filter(|algorithm| *algorithm != SigningAlgorithm::HS256)
    }

    /// Makes the keys that are missing, however often it takes.
    async fn make_first(&self) {
        let mut pause = Duration::from_secs(1);
        while let Some(algorithm) = self.wanted().find(|one| self.active(*one).is_none()) {
            match self.make(algorithm, InPlaceOf::Only(None)).await {
                Ok(Some(key)) => {
                    tracing::info!(kid = key.kid, key.algorithm, "made the first signing key");
                    continue;
                }
                // another process was faster
                Ok(None) => continue,
                Err(error) => tracing::error!(%error, "the first signing key could not be made"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    /// Reads the keys again: another process has changed them.
    ///
    /// # Errors
    /// The store could not be read, or holds a key that is none.
    pub async fn reload(&self) -> Result<(), KeyError> {
        self.load().await
    }

    async fn load(&self) -> Result<(), KeyError> {
        let stored = self.store.signing_keys().await?;
        let keys = stored
            .into_iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let in_use = |algorithm| keys.iter().any(|key: &Key| key.is_active_for(algorithm));
        let has_all = self.wanted().all(in_use);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.has_all
            .send_if_modified(|before| std::mem::replace(before, has_all) != has_all);
        Ok(())
    }

    fn keys(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn active(&self, algorithm: SigningAlgorithm) -> Option<KeyInfo> {
        let keys = self.keys();
        let newest = keys.iter().rev().find(|key| key.is_active_for(algorithm));
        newest.map(|key| key.info.clone())
    }

    /// Waits for the first keys, which are made within a moment where nothing is wrong.
    ///
    /// # Errors
    /// [`KeyError::NotYet`]
    pub async fn ready(&self) -> Result<(), KeyError> {
        let mut has_all = self.has_all.subscribe();
        match tokio::time::timeout(PATIENCE, has_all.wait_for(|has_all| *has_all)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(KeyError::NotYet),
        }
    }

    /// Signs claims as a JWT with the key in use for `algorithm`.
    ///
    /// # Errors
    /// The signature could not be made, or there is no such key.
    pub async fn sign<T: Serialize>(
        &self,
        algorithm: SigningAlgorithm,
        claims: &T,
    ) -> Result<String, KeyError> {
        self.sign_typed("JWT", algorithm, claims).await
    }

    /// The same for a JWT of this type (`typ`), which nothing that wants another takes for its own
    /// (RFC 8725 §3.11).
    ///
    /// # Errors
    /// As those of [`Self::sign`].
    pub async fn sign_typed<T: Serialize>(
        &self,
        typ: &str,
        algorithm: SigningAlgorithm,
        claims: &T,
    ) -> Result<String, KeyError> {
        self.ready().await?;
        let keys = self.keys();
        let key = keys
            .iter()
            .rev()
            .find(|key| key.is_active_for(algorithm))
            .ok_or_else(|| {
                KeyError::Unusable(format!("there is none for {}", algorithm.as_str()))
            })?;
        let mut header = Header::new(key.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(key.info.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.private)
            .map_err(|error| KeyError::Unusable(error.to_string()))
    }

    /// The public keys: those in use, and those whose signatures may still be about.
    ///
    /// # Errors
    /// [`KeyError::NotYet`]
    pub async fn jwks(&self) -> Result<JwkSet, KeyError> {
        self.ready().await?;
        let now = self.clock.now();
        let is_published = |key: &&Key| {
            key.info
                .retired_at
                .is_none_or(|retired| retired + RETIRED_FOR > now)
        };
        let keys = self.keys();
        Ok(JwkSet {
            keys: keys
                .iter()
                .filter(is_published)
                .map(|key| key.public.clone())
                .collect(),
        })
    }

    /// All keys that were not removed, oldest first.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.keys().iter().map(|key| key.info.clone()).collect()
    }

    /// Makes a new key for each algorithm and signs with them from now on; those before stay published
    /// for a day.
    ///
    /// # Errors
    /// A key could not be made or stored.
    pub async fn rotate(&self) -> Result<Vec<KeyInfo>, KeyError> {
        let mut made = Vec::new();
        for algorithm in self.wanted() {
            made.extend(self.make(algorithm, InPlaceOf::Any).await?);
        }
        Ok(made)
    }

    /// The same for the keys that have become too old.
    ///
    /// # Errors
    /// A key could not be made or stored.
    pub async fn rotate_old(&self) -> Result<Vec<KeyInfo>, KeyError> {
        let Some(ttl) = self.settings.ttl else {
            return Ok(Vec::new());
        };
        let now = self.clock.now();
        let mut made = Vec::new();
        for algorithm in self.wanted() {
            let Some(key) = self.active(algorithm) else {
                continue;
            };
            if now.since(key.created_at) >= ttl {
                // of several processes, one does
                let in_use = InPlaceOf::Only(Some(&key.kid));
                made.extend(self.make(algorithm, in_use).await?);
            }
        }
        Ok(made)
    }

    /// `None` if another key is in use than it was to take the place of.
    async fn make(
        &self,
        algorithm: SigningAlgorithm,
        in_place_of: InPlaceOf<'_>,
    ) -> Result<Option<KeyInfo>, KeyError> {
        let now = self.clock.now();
        let made = tokio::task::spawn_blocking(move || generate(algorithm, now));
        let key = made
            .await
            .map_err(|error| KeyError::Unusable(error.to_string()))??;
        let is_made = match in_place_of {
            InPlaceOf::Any => self.store.add_signing_key(&key, now).await.map(|()| true)?,
            InPlaceOf::Only(kid) => self.store.replace_signing_key(&key, kid, now).await?,
        };
        self.load().await?;
        Ok(is_made.then_some(KeyInfo {
            kid: key.kid,
            algorithm: key.algorithm,
            created_at: now,
            retired_at: None,
        }))
    }

    /// Takes a retired key out at once: whatever it signed is worthless from now on. `false` if there
    /// is none of that name.
    ///
    /// # Errors
    /// It is the one in use, or the store failed.
    pub async fn remove(&self, kid: &str) -> Result<bool, KeyError> {
        let is_this = |key: KeyInfo| key.kid == kid;
        if self
            .wanted()
            .any(|one| self.active(one).is_some_and(is_this))
        {
            return Err(KeyError::InUse);
        }
        let known = self.list().iter().any(|key| key.kid == kid);
        self.store.remove_signing_key(kid).await?;
        self.load().await?;
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use SigningAlgorithm::{ES256, EdDSA, HS256, RS256};
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::ManualClock;
    use crate::storage::sqlite::SqliteStore;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    async fn keyring(
        algorithms: &[SigningAlgorithm],
    ) -> (tempfile::TempDir, Arc<ManualClock>, Arc<Keyring>) {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("keys.db")).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let settings = KeySettings {
            algorithms: algorithms.to_vec(),
            ttl: Some(90 * DAY),
        };
        let keyring = Keyring::open(store, Arc::clone(&clock) as _, settings);
        let keyring = keyring.await.unwrap();
        keyring.ready().await.unwrap();
        (folder, clock, keyring)
    }

    fn verifies(token: &str, jwks: &JwkSet) -> bool {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        jwks.find(&header.kid.unwrap()).is_some_and(|jwk| {
            decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
        })
    }

    #[tokio::test]
    async fn what_was_signed_before_a_rotation_still_verifies_for_a_day() {
        let (_folder, clock, keyring) = keyring(&[ES256, EdDSA]).await;
        for algorithm in [ES256, EdDSA] {
            let before = keyring.sign(algorithm, &json!({ "a": 1 })).await.unwrap();
            keyring.rotate().await.unwrap();
            let after = keyring.sign(algorithm, &json!({ "a": 2 })).await.unwrap();
            let jwks = keyring.jwks().await.unwrap();
            assert!(verifies(&before, &jwks) && verifies(&after, &jwks));

            clock.advance(RETIRED_FOR);
            let jwks = keyring.jwks().await.unwrap();
            assert!(!verifies(&before, &jwks) && verifies(&after, &jwks));
            assert_eq!(jwks.keys.len(), 2);
        }
    }

    #[tokio::test]
    async fn each_algorithm_has_one_key_in_use_and_hs256_has_none() {
        let (_folder, _, keyring) = keyring(&[RS256, ES256, EdDSA, HS256]).await;
        let mut algorithms: Vec<_> = keyring
            .list()
            .into_iter()
            .map(|key| key.algorithm)
            .collect();
        algorithms.sort_unstable();
        assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"]);
        let jwks = keyring.jwks().await.unwrap();
        for algorithm in [RS256, ES256, EdDSA] {
            let token = keyring.sign(algorithm, &json!({})).await.unwrap();
            let header = jsonwebtoken::decode_header(&token).unwrap();
            assert_eq!(format!("{:?}", header.alg), algorithm.as_str());
            assert!(verifies(&token, &jwks));
        }
        assert!(keyring.sign(HS256, &json!({})).await.is_err());
    }

    #[tokio::test]
    async fn a_key_that_is_too_old_gives_way_and_a_younger_one_stays() {
        let (_folder, clock, keyring) = keyring(&[ES256]).await;
        let first = keyring.list();
        clock.advance(89 * DAY);
        assert!(keyring.rotate_old().await.unwrap().is_empty());
        clock.advance(DAY);
        let made = keyring.rotate_old().await.unwrap();
        assert_eq!(made.len(), 1);
        assert_ne!(made[0].kid, first[0].kid);
        assert!(keyring.rotate_old().await.unwrap().is_empty());
        assert_eq!(keyring.jwks().await.unwrap().keys.len(), 2);
    }

    #[tokio::test]
    async fn nothing_private_is_published() {
        let (_folder, _, keyring) = keyring(&[RS256, ES256, EdDSA]).await;
        let jwks = serde_json::to_value(keyring.jwks().await.unwrap()).unwrap();
        for key in jwks["keys"].as_array().unwrap() {
            let mut names: Vec<_> = key
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            names.sort_unstable();
            let expected: &[&str] = match key["kty"].as_str().unwrap() {
                "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
                "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                _ => &["alg", "crv", "kid", "kty", "use", "x"],
            };
            assert_eq!(names, expected);
        }
    }

    #[tokio::test]
    async fn the_key_in_use_cannot_be_removed_and_a_retired_one_can() {
        let (_folder, _, keyring) = keyring(&[EdDSA]).await;
        let first = keyring.list()[0].kid.clone();
        assert!(matches!(keyring.remove(&first).await, Err(KeyError::InUse)));
        keyring.rotate().await.unwrap();
        assert!(keyring.remove(&first).await.unwrap());
        assert_eq!(keyring.jwks().await.unwrap().keys.len(), 1);
        assert!(!keyring.remove("unknown").await.unwrap());
    }
}
