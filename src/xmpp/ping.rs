//! XEP-0199: are you there?

use minidom::Element;

use super::iq::Answer;

/// Yes.
pub(super) fn ping(_: &Element) -> Answer {
    Ok(None)
}
