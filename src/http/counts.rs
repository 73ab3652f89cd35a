//! What the web counts, for the operator to watch.

use std::time::Duration;

use http::StatusCode;

use crate::metrics::{Counter, Histogram, Metrics, SECONDS};

/// What a listener counts, beyond what any handler sees.
#[derive(Clone, Debug)]
pub struct DoorCounts {
    /// Connections that had to make room for newer ones.
    pub(super) connections: Counter,
    /// Connections that sent no whole head in time; those that were kept open and are asked nothing more are
    /// among them.
    pub(super) head_timeout: Counter,
    pub(super) head_size: Counter,
    pub(super) uri_length: Counter,
    /// Answers that nobody read.
    pub(super) answer_timeout: Counter,
}

impl DoorCounts {
    fn new(metrics: &Metrics) -> Self {
        Self {
            connections: metrics.limit("max_connections"),
            head_timeout: metrics.limit("head_timeout"),
            head_size: metrics.limit("head_size"),
            uri_length: metrics.limit("uri_length"),
            answer_timeout: metrics.limit("answer_timeout"),
        }
    }
}

/// Counts that nobody looks at.
impl Default for DoorCounts {
    fn default() -> Self {
        Self::new(&Metrics::default())
    }
}

/// Statuses by their first digit, from 2.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// See the module.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) metrics: Metrics,
    /// Of the route table; the last is for all that no route takes.
    routes: Vec<Route>,
    pub(super) max_body_size: Counter,
    pub(super) request_timeout: Counter,
    pub(super) door: DoorCounts,
}

#[derive(Debug)]
struct Route {
    path: &'static str,
    seconds: Histogram,
    answers: [Counter; CLASSES.len()],
}

impl Counts {
    /// For these routes.
    pub(super) fn new(paths: &[&'static str]) -> Self {
        let metrics = Metrics::default();
        let route = |path: &'static str| Route {
            path,
            seconds: metrics.histogram(
                "http_request_seconds",
                "From a request's head to its answer.",
                &[("route", path)],
                &SECONDS,
            ),
            answers: CLASSES.map(|class| {
                metrics.counter(
                    "http_requests_total",
                    "Requests, by route and class of status.",
                    &[("route", path), ("status", class)],
                )
            }),
        };
        Self {
            routes: paths.iter().copied().chain(["other"]).map(route).collect(),
            max_body_size: metrics.limit("max_body_size"),
            request_timeout: metrics.limit("request_timeout"),
            door: DoorCounts::new(&metrics),
            metrics,
        }
    }

    /// Counts an answer of the route with this pattern.
    pub(super) fn answered(&self, pattern: Option<&str>, status: StatusCode, took: Duration) {
        let is_it = |route: &&Route| Some(route.path) == pattern;
        let listed = self.routes.iter().find(is_it);
        debug_assert!(
            listed.is_some() || pattern.is_none(),
            "routes::PATHS lacks {pattern:?}"
        );
        let Some(route) = listed.or(self.routes.last()) else {
            return;
        };
        route.seconds.observe(took.as_secs_f64());
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        route.answers[class.min(CLASSES.len() - 1)].inc();
    }
}
