//! What the database's threads count, for the operator to watch.

use crate::metrics::{Counter, HOW_MANY, Histogram, Metrics, SECONDS};

/// See the module.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) metrics: Metrics,
    /// From the first statement of a transaction until it is on the disk.
    pub(super) commit_seconds: Histogram,
    /// Callers whose work one commit made durable.
    pub(super) commit_jobs: Histogram,
    pub(super) failures: Counter,
    /// To answer all that waited together.
    pub(super) read_seconds: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        let metrics = Metrics::default();
        Self {
            commit_seconds: metrics.histogram(
                "storage_commit_seconds",
                "How long a transaction takes until it is on the disk.",
                &[],
                &SECONDS,
            ),
            commit_jobs: metrics.histogram(
                "storage_commit_jobs",
                "How many callers shared a commit.",
                &[],
                &HOW_MANY,
            ),
            failures: metrics.counter(
                "storage_failures_total",
                "Transactions that could not be committed.",
                &[],
            ),
            read_seconds: metrics.histogram(
                "storage_read_seconds",
                "How long it takes to look up what was asked for together.",
                &[],
                &SECONDS,
            ),
            metrics,
        }
    }
}
