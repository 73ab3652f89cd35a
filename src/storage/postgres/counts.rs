//! What is counted of the connections, beside what every database counts.

use crate::metrics::Counter;
use crate::storage::counts::Counts as All;

/// See the module.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) all: All,
    /// Transactions that are done again, because they could not have been alone.
    pub(super) conflicts: Counter,
    /// Connections that were made.
    pub(super) connections: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let all = All::default();
        Self {
            conflicts: all.metrics.counter(
                "storage_conflicts_total",
                "Transactions that were done again because another one came between.",
                &[],
            ),
            connections: all.metrics.counter(
                "storage_connections_total",
                "Connections to the database that were made, lost ones made anew among them.",
                &[],
            ),
            all,
        }
    }
}
