//! The pages as they are shown now; they can be read again while the program runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Pages, PagesError};
use crate::config::Site;

/// The pages that are shown now.
#[derive(Debug)]
pub struct CurrentPages(RwLock<Arc<Pages>>);

impl CurrentPages {
    /// Reads them.
    ///
    /// # Errors
    /// See [`Pages::new`].
    pub fn new(site: &Site) -> Result<Self, PagesError> {
        Ok(Self(RwLock::new(Arc::new(Pages::new(site)?))))
    }

    /// Reads them again. If one of them is broken, all stay as they are.
    ///
    /// # Errors
    /// See [`Pages::new`].
    pub fn reload(&self, site: &Site) -> Result<(), PagesError> {
        let pages = Arc::new(Pages::new(site)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pages;
        Ok(())
    }

    pub(in crate::http) fn get(&self) -> Arc<Pages> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
