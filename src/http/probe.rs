//! How a request looks once it is through the operator's proxy: `check` sends one to the metadata,
//! with a word that it has announced, and asks what arrived.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use super::request::{Peer, forwarded_for};

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Who connected to us.
    pub peer: IpAddr,
    /// The entries of `X-Forwarded-For`, first to last.
    pub forwarded: Vec<String>,
}

/// The request that is waited for: the last that was announced.
#[derive(Debug, Default)]
pub struct Probes(Mutex<Option<(String, Option<Sighting>)>>);

impl Probes {
    fn state(&self) -> MutexGuard<'_, Option<(String, Option<Sighting>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a request of the metadata with the query `word`.
    pub fn expect(&self, word: String) {
        *self.state() = Some((word, None));
    }

    /// What arrived with `word`; that is told once.
    pub fn seen(&self, word: &str) -> Option<Sighting> {
        let (_, sighting) = self.state().take_if(|(expected, _)| expected == word)?;
        sighting
    }

    pub(super) fn see(&self, query: Option<&str>, peer: Peer, headers: &HeaderMap) {
        let Some(query) = query else { return };
        let mut state = self.state();
        let Some((word, sighting)) = state.as_mut() else {
            return;
        };
        if word == query && sighting.is_none() {
            *sighting = Some(Sighting {
                peer: peer.0.ip().to_canonical(),
                forwarded: forwarded_for(headers).map(str::to_owned).collect(),
            });
        }
    }
}
