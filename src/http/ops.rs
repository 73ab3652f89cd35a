//! Health and metrics, on a listener of its own that the world does not reach.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::metrics;

/// Whether the program can do its work: each part by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// The link to the XMPP server: `up`, or why not.
    pub link: String,
    /// The storage: `up`, or why not.
    pub storage: String,
}

impl Readiness {
    /// Whether all parts are up.
    pub fn is_ready(&self) -> bool {
        self.link == "up" && self.storage == "up"
    }
}

/// Tells how things stand.
#[async_trait]
pub trait Health: Send + Sync {
    /// How things stand now.
    async fn readiness(&self) -> Readiness;

    /// All that is counted, as [`metrics::text`] writes it.
    fn metrics(&self) -> String;
}

/// `/healthz`: the process answers. `/readyz`: it can do its work. `/metrics`: what it has done.
pub fn router(health: Arc<dyn Health>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn metrics(State(health): State<Arc<dyn Health>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], health.metrics()).into_response()
}

async fn readyz(State(health): State<Arc<dyn Health>>) -> Response {
    let readiness = health.readiness().await;
    let status = match readiness.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    super::answer::json_answer(status, &readiness).into_response()
}
