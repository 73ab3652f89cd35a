//! Signing keys: made at the first start, kept in the store, rotated with an overlap, published as a
//! JWK Set (RFC 7517). And the signatures on `client_id`s, which are nobody's to verify but ours.
//!
//! What is signed, and for whom, is for `oauth`.

pub mod registration;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::storage::{Store, StoreError, StoredKey};

/// How long a retired key is still published: longer than anything that it signed is good for.
const RETIRED_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long anybody waits for the first key.
const PATIENCE: Duration = Duration::from_secs(5);

/// The algorithm of id_tokens; what every client must know (OIDC Core §15.1).
const ALGORITHM: Algorithm = Algorithm::RS256;
const ALGORITHM_NAME: &str = "RS256";

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

struct Key {
    info: KeyInfo,
    public: Jwk,
    private: EncodingKey,
}

/// All keys.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<Vec<Key>>>,
    has_key: watch::Sender<bool>,
}

impl Keyring {
    /// The keys in the store. If there is none, one is made behind this call: it takes a moment, and
    /// whoever needs it waits for it.
    ///
    /// # Errors
    /// The store could not be read, or holds a key that is none.
    pub async fn open(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, KeyError> {
        let keyring = Arc::new(Self {
            store,
            clock,
            keys: RwLock::default(),
            has_key: watch::Sender::new(false),
        });
        keyring.load().await?;
        if keyring.active().is_none() {
            let first = Arc::clone(&keyring);
            tokio::spawn(async move { first.make_first().await });
        }
        Ok(keyring)
    }

    /// Makes the first key, however often it takes.
    async fn make_first(&self) {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.rotate().await {
                Ok(key) => return tracing::info!(kid = key.kid, "made the first signing key"),
                Err(error) => tracing::error!(%error, "the first signing key could not be made"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    async fn load(&self) -> Result<(), KeyError> {
        let stored = self.store.signing_keys().await?;
        let keys = stored
            .into_iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let has_key = keys.iter().any(|key| key.info.retired_at.is_none());
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.has_key
            .send_if_modified(|before| std::mem::replace(before, has_key) != has_key);
        Ok(())
    }

    fn keys(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn active(&self) -> Option<String> {
        let keys = self.keys();
        keys.iter()
            .rev()
            .find(|key| key.info.retired_at.is_none())
            .map(|key| key.info.kid.clone())
    }

    /// Waits for the first key, which is made within a moment where nothing is wrong.
    ///
    /// # Errors
    /// [`KeyError::NotYet`]
    pub async fn ready(&self) -> Result<(), KeyError> {
        let mut has_key = self.has_key.subscribe();
        match tokio::time::timeout(PATIENCE, has_key.wait_for(|has_key| *has_key)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(KeyError::NotYet),
        }
    }

    /// Signs claims as a JWT with the key in use.
    ///
    /// # Errors
    /// The signature could not be made.
    pub async fn sign<T: Serialize>(&self, claims: &T) -> Result<String, KeyError> {
        self.ready().await?;
        let keys = self.keys();
        let key = keys
            .iter()
            .rev()
            .find(|key| key.info.retired_at.is_none())
            .ok_or_else(|| KeyError::Unusable("there is none".to_owned()))?;
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(key.info.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.private)
            .map_err(|error| KeyError::Unusable(error.to_string()))
    }

    /// The public keys: the one in use, and those whose signatures may still be about.
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

    /// Makes a new key and signs with it from now on; the one before stays published for a day.
    ///
    /// # Errors
    /// The key could not be made or stored.
    pub async fn rotate(&self) -> Result<KeyInfo, KeyError> {
        let now = self.clock.now();
        let unusable = |error: String| KeyError::Unusable(error);
        let made = tokio::task::spawn_blocking(move || generate(now));
        let key = made.await.map_err(|error| unusable(error.to_string()))??;
        self.store.add_signing_key(&key, now).await?;
        self.load().await?;
        Ok(KeyInfo {
            kid: key.kid,
            algorithm: key.algorithm,
            created_at: now,
            retired_at: None,
        })
    }

    /// Takes a retired key out at once: whatever it signed is worthless from now on. `false` if there
    /// is none of that name.
    ///
    /// # Errors
    /// It is the one in use, or the store failed.
    pub async fn remove(&self, kid: &str) -> Result<bool, KeyError> {
        if self.active().as_deref() == Some(kid) {
            return Err(KeyError::InUse);
        }
        let known = self.list().iter().any(|key| key.kid == kid);
        self.store.remove_signing_key(kid).await?;
        self.load().await?;
        Ok(known)
    }
}

fn generate(now: Timestamp) -> Result<StoredKey, KeyError> {
    let unusable = |error: aws_lc_rs::error::Unspecified| KeyError::Unusable(error.to_string());
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(unusable)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(unusable)?;
    let mut key = StoredKey {
        kid: String::new(),
        algorithm: ALGORITHM_NAME.to_owned(),
        private_key: der.as_ref().to_vec(),
        created_at: now,
        retired_at: None,
    };
    let (_, public) = parse(&key)?;
    // RFC 7638: the name follows from the key
    key.kid = public
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(|error| KeyError::Unusable(error.to_string()))?;
    Ok(key)
}

fn read(stored: StoredKey) -> Result<Key, KeyError> {
    if stored.algorithm != ALGORITHM_NAME {
        return Err(KeyError::Unusable(format!(
            "{} has an unknown algorithm",
            stored.kid
        )));
    }
    let (private, mut public) = parse(&stored)?;
    public.common.key_id = Some(stored.kid.clone());
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(Key {
        info: KeyInfo {
            kid: stored.kid,
            algorithm: stored.algorithm,
            created_at: stored.created_at,
            retired_at: stored.retired_at,
        },
        public,
        private,
    })
}

fn parse(stored: &StoredKey) -> Result<(EncodingKey, Jwk), KeyError> {
    let unusable = |error: jsonwebtoken::errors::Error| KeyError::Unusable(error.to_string());
    let text = STANDARD.encode(&stored.private_key);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(unusable)?;
    let public = Jwk::from_encoding_key(&private, ALGORITHM).map_err(unusable)?;
    Ok((private, public))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::ManualClock;
    use crate::storage::sqlite::SqliteStore;

    async fn keyring() -> (tempfile::TempDir, Arc<ManualClock>, Arc<Keyring>) {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("keys.db")).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let keyring = Keyring::open(store, Arc::clone(&clock) as _).await.unwrap();
        (folder, clock, keyring)
    }

    fn verifies(token: &str, jwks: &JwkSet) -> bool {
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let mut validation = Validation::new(ALGORITHM);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        jwks.find(&kid).is_some_and(|jwk| {
            decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
        })
    }

    #[tokio::test]
    async fn what_was_signed_before_a_rotation_still_verifies_for_a_day() {
        let (_folder, clock, keyring) = keyring().await;
        let before = keyring.sign(&json!({ "a": 1 })).await.unwrap();
        keyring.rotate().await.unwrap();
        let after = keyring.sign(&json!({ "a": 2 })).await.unwrap();
        let jwks = keyring.jwks().await.unwrap();
        assert_eq!(jwks.keys.len(), 2);
        assert!(verifies(&before, &jwks) && verifies(&after, &jwks));

        clock.advance(RETIRED_FOR);
        let jwks = keyring.jwks().await.unwrap();
        assert!(!verifies(&before, &jwks) && verifies(&after, &jwks));
    }

    #[tokio::test]
    async fn nothing_private_is_published() {
        let (_folder, _, keyring) = keyring().await;
        let jwks = serde_json::to_value(keyring.jwks().await.unwrap()).unwrap();
        let key = jwks["keys"][0].as_object().unwrap();
        let mut names: Vec<_> = key.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
    }

    #[tokio::test]
    async fn the_key_in_use_cannot_be_removed_and_a_retired_one_can() {
        let (_folder, _, keyring) = keyring().await;
        keyring.sign(&json!({})).await.unwrap();
        let first = keyring.list()[0].kid.clone();
        assert!(matches!(keyring.remove(&first).await, Err(KeyError::InUse)));
        keyring.rotate().await.unwrap();
        assert!(keyring.remove(&first).await.unwrap());
        assert_eq!(keyring.jwks().await.unwrap().keys.len(), 1);
        assert!(!keyring.remove("unknown").await.unwrap());
    }
}
