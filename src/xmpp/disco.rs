//! XEP-0030: what is here.

use minidom::Element;
use xmpp_parsers::disco::{DiscoInfoResult, DiscoItemsResult, Identity};
use xmpp_parsers::ns as xep;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};

use super::fault::{self, Fault};
use super::iq::Answer;
use super::ns;

/// disco#info: a component that provides authentication.
pub(super) fn info(query: &Element) -> Answer {
    no_node(query)?;
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
pub(super) fn items(query: &Element) -> Answer {
    no_node(query)?;
    Ok(Some(Element::from(DiscoItemsResult {
        node: None,
        items: Vec::new(),
        rsm: None,
    })))
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
