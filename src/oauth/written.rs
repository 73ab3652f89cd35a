//! Documents that say the same until something changes: written once, and then only when it has.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use super::{ErrorCode, OauthError};

/// A document's JSON, and what it was made from.
#[derive(Debug)]
pub(super) struct Written<F>(Mutex<Option<(F, Bytes)>>);

impl<F> Default for Written<F> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<F: PartialEq> Written<F> {
    /// The JSON of what `make` makes `from` something. Whoever asks brings the latter as it is now, so
    /// that no answer is older than its question.
    pub(super) fn json<T: Serialize>(
        &self,
        from: F,
        make: impl FnOnce(&F) -> T,
    ) -> Result<Bytes, OauthError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, json)) = kept.as_ref().filter(|(before, _)| *before == from) {
            return Ok(json.clone());
        }
        let json = serde_json::to_vec(&make(&from)).map_err(|error| {
            tracing::error!(%error, "a document could not be written as JSON");
            OauthError::new(ErrorCode::ServerError, "the document could not be written")
        })?;
        let json = Bytes::from(json);
        *kept = Some((from, json.clone()));
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_document_is_written_once_until_what_it_is_made_from_changes() {
        let document = Written::default();
        let times = Cell::new(0);
        let of = |scope: &'static str| {
            let json = document.json(vec![scope], |scopes| {
                times.set(times.get() + 1);
                scopes.clone()
            });
            (
                String::from_utf8(json.unwrap().to_vec()).unwrap(),
                times.get(),
            )
        };
        assert_eq!(of("openid"), (r#"["openid"]"#.to_owned(), 1));
        assert_eq!(of("openid"), (r#"["openid"]"#.to_owned(), 1));
        assert_eq!(of("xmpp"), (r#"["xmpp"]"#.to_owned(), 2));
        assert_eq!(of("openid"), (r#"["openid"]"#.to_owned(), 3));
    }
}
