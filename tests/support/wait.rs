//! Waiting for an event with a deadline.

use std::time::{Duration, Instant};

/// How long a server may take to start or to stop before the test fails.
pub(crate) const START: Duration = Duration::from_secs(30);

/// Asks `ready` every few milliseconds until it yields something.
///
/// # Panics
/// When `limit` has passed, naming `what` was waited for.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ready: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
