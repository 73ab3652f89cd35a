//! Deleting what serves no purpose any more: where several processes share a database, one does it.

use std::time::Duration;

use super::Provider;
use crate::storage::StoreError;

/// How long ended grants are kept, for whoever wants to know what happened.
const ENDED_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many rows of a kind go at once: few enough that nobody waits for it.
const STEP: usize = 500;

impl Provider {
    /// Takes one step. Answers how many rows went: none, when there is no more to do, or another process does
    /// it.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn clean_up(&self) -> Result<usize, StoreError> {
        if !self.leads() {
            return Ok(0);
        }
        let now = self.now();
        let events_kept = self.config.audit.keep.unwrap_or_default();
        let events = self.store.purge_events(now - events_kept, STEP).await?;
        let rest = self.store.purge(now, now - ENDED_KEPT, STEP).await?;
        Ok(events + rest)
    }
}
