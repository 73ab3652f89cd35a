//! The web: listener, routes, requests and answers, people's pages, and their browsers' cookies.
//!
//! Reads what came over HTTP strictly, hands it to `oauth`, and writes what `oauth` answers. Decides no
//! rule of OAuth, and knows neither XML nor SQL. RFC 9110; the headers of RFC 9700 §4.16 (framing).

mod answer;
mod authorize;
mod cookies;
mod discovery;
mod login;
pub mod ops;
pub mod pages;
mod register;
mod request;
mod routes;
pub mod server;
pub mod texts;
mod token;
mod userinfo;

use std::net::IpAddr;
use std::sync::Arc;

pub use pages::PagesError;

use pages::Pages;
pub use routes::router;

use crate::config::{Config, Http};
use crate::oauth::Provider;
use crate::secrets::Random;

/// What every handler sees.
pub struct Web {
    provider: Arc<Provider>,
    pages: Pages,
    random: Arc<dyn Random>,
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
            pages: Pages::new(&config.site)?,
            random,
        })
    }

    fn settings(&self) -> &Http {
        &self.provider.config().http
    }

    fn trusts(&self, proxy: IpAddr) -> bool {
        self.settings().trusted_proxies.contains(&proxy)
    }
}

type Shared = Arc<Web>;
