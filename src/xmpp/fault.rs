//! The stanza errors that we give (RFC 6120 §8.3).

use std::collections::BTreeMap;

use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

/// A stanza error.
pub(crate) type Fault = Box<StanzaError>;

/// An error with a sentence in English.
pub(crate) fn error(type_: ErrorType, condition: DefinedCondition, text: &str) -> Fault {
    Box::new(StanzaError::new(type_, condition, "en", text))
}

/// The request is wrong in itself.
pub(crate) fn bad_request(text: &str) -> Fault {
    error(ErrorType::Modify, DefinedCondition::BadRequest, text)
}

/// The asker may not.
pub(crate) fn forbidden(text: &str) -> Fault {
    error(ErrorType::Auth, DefinedCondition::Forbidden, text)
}

/// There is no such thing.
pub(crate) fn not_found(text: &str) -> Fault {
    error(ErrorType::Cancel, DefinedCondition::ItemNotFound, text)
}

/// Nobody here knows this request.
pub(crate) fn service_unavailable() -> Fault {
    Box::new(StanzaError {
        type_: ErrorType::Cancel,
        by: None,
        defined_condition: DefinedCondition::ServiceUnavailable,
        texts: BTreeMap::new(),
        other: None,
    })
}

/// Too much at once: again later.
pub(crate) fn busy() -> Fault {
    error(
        ErrorType::Wait,
        DefinedCondition::ResourceConstraint,
        "too many requests at once",
    )
}

/// Something of ours failed: again later.
pub(crate) fn failed() -> Fault {
    error(
        ErrorType::Wait,
        DefinedCondition::InternalServerError,
        "this could not be looked up now",
    )
}
