//! XEP-0030: what is here.

use minidom::Element;
use xmpp_parsers::disco::{DiscoInfoResult, DiscoItemsResult, Identity};
use xmpp_parsers::ns as xep;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};

use super::fault::{self, Fault};
use super::handlers::Asked;
use super::iq::{Answer, Request};
use super::ns;

/// disco#info: a component that provides authentication.
pub(super) fn info(_: &Asked, request: &Request) -> Answer {
    let node = request.payload.attr("node");
    if node.is_some_and(is_delegated) {
        return Ok(Some(Element::from(DiscoInfoResult {
            node: node.map(str::to_owned),
            identities: Vec::new(),
            features: [xep::CAM.to_owned()].into(),
            extensions: Vec::new(),
        })));
    }
    no_node(&request.payload)?;
    let features = [
        xep::DISCO_INFO,
        xep::DISCO_ITEMS,
        xep::PING,
        xep::VERSION,
        ns::INTROSPECTION,
    ];
    Ok(Some(Element::from(DiscoInfoResult {
        node: None,
        identities: vec![Identity::new("auth", "generic", "en", "OAuth")],
        features: features.into_iter().map(str::to_owned).collect(),
        extensions: Vec::new(),
    })))
}

/// disco#items: nothing.
pub(super) fn items(_: &Asked, request: &Request) -> Answer {
    no_node(&request.payload)?;
    Ok(Some(Element::from(DiscoItemsResult {
        node: None,
        items: Vec::new(),
        rsm: None,
    })))
}

/// XEP-0355 §7: what the server says of itself, and of accounts, for the namespace that it delegates.
fn is_delegated(node: &str) -> bool {
    ns::DELEGATION.iter().any(|delegation| {
        let asked = node.strip_prefix(delegation);
        asked
            .and_then(|rest| rest.strip_suffix(xep::CAM))
            .is_some_and(|kind| matches!(kind, "::" | ":bare:"))
    })
}

/// XEP-0030 §7: a node that does not exist is not found.
fn no_node(query: &Element) -> Result<(), Fault> {
    match query.attr("node") {
        None => Ok(()),
        Some(_) => Err(fault::error(
            ErrorType::Cancel,
            DefinedCondition::ItemNotFound,
            "there is no such node",
        )),
    }
}
