//! XEP-0199: are you there?

use super::handlers::Asked;
use super::iq::{Answer, Request};

/// Yes.
pub(super) fn ping(_: &Asked, _: &Request) -> Answer {
    Ok(None)
}
