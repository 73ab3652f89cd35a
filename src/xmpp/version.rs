//! XEP-0092: software version.

use minidom::Element;
use xmpp_parsers::version::VersionResult;

use super::handlers::Asked;
use super::iq::{Answer, Request};

/// What runs here. The operating system is nobody's business.
pub(super) fn version(_: &Asked, _: &Request) -> Answer {
    Ok(Some(Element::from(VersionResult {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: None,
    })))
}
