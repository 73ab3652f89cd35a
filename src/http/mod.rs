//! The web: listener, routes, requests and answers, people's pages, and their browsers' cookies.
//!
//! Reads what came over HTTP strictly, hands it to `oauth`, and writes what `oauth` answers. Decides no
//! rule of OAuth, and knows neither XML nor SQL. RFC 9110; the headers of RFC 9700 §4.16 (framing).

mod account;
mod answer;
mod authorize;
mod cookies;
mod cors;
mod counts;
mod device;
mod discovery;
mod explained;
mod login;
mod logout;
mod notices;
pub mod ops;
pub mod pages;
mod places;
mod probe;
mod register;
mod request;
mod routes;
pub mod server;
pub mod texts;
mod token;
mod userinfo;
mod validate;

use std::net::IpAddr;
use std::sync::Arc;

pub use counts::DoorCounts;
pub use notices::NoticeTexts;
pub use pages::PagesError;
pub use probe::{Probes, Sighting};

use counts::Counts;
use pages::Pages;
pub use pages::current::CurrentPages;
pub use routes::router;

use crate::config::{Config, Http};
use crate::metrics::Metrics;
use crate::oauth::Provider;
use crate::secrets::Random;

/// What every handler sees.
pub struct Web {
    provider: Arc<Provider>,
    pages: Arc<CurrentPages>,
    random: Arc<dyn Random>,
    probes: Arc<Probes>,
    counts: Counts,
}

impl Web {
    /// The web side of a provider.
    ///
    /// # Errors
    /// A template or text is broken: which file, which line.
    pub fn new(
        config: &Config,
        provider: Arc<Provider>,
        random: Arc<dyn Random>,
    ) -> Result<Self, PagesError> {
        Ok(Self {
            provider,
            pages: Arc::new(CurrentPages::new(&config.site)?),
            random,
            probes: Arc::default(),
            counts: Counts::new(&routes::PATHS),
        })
    }

    /// With what is to be told of the requests that `check` sends.
    #[must_use]
    pub fn with_probes(self, probes: Arc<Probes>) -> Self {
        Self { probes, ..self }
    }

    /// The pages, to be read again while they are being shown.
    pub fn current_pages(&self) -> Arc<CurrentPages> {
        Arc::clone(&self.pages)
    }

    /// What the web counts.
    pub fn metrics(&self) -> Metrics {
        self.counts.metrics.clone()
    }

    /// Of it, what its listener counts.
    pub fn door_counts(&self) -> DoorCounts {
        self.counts.door.clone()
    }

    fn pages(&self) -> Arc<Pages> {
        self.pages.get()
    }

    fn settings(&self) -> &Http {
        &self.provider.config().http
    }

    fn trusts(&self, proxy: IpAddr) -> bool {
        self.settings().trusts(proxy)
    }
}

type Shared = Arc<Web>;
