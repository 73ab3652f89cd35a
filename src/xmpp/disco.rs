//! XEP-0030: what is here.

use std::collections::BTreeSet;

use jid::Jid;
use minidom::Element;
use xmpp_parsers::disco::{DiscoInfoResult, DiscoItemsResult, Identity, Item};
use xmpp_parsers::ns as xep;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};

use super::commands::{self, Command};
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
    if let Some((kind, features)) = node.and_then(of_commands) {
        return Ok(Some(Element::from(DiscoInfoResult {
            node: node.map(str::to_owned),
            identities: vec![kind],
            features,
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
        commands::NS,
    ];
    Ok(Some(Element::from(DiscoInfoResult {
        node: None,
        identities: vec![Identity::new("auth", "generic", "en", "OAuth")],
        features: features.into_iter().map(str::to_owned).collect(),
        extensions: Vec::new(),
    })))
}

/// XEP-0050 §2.1, §2.2: the list of commands, and each of them.
fn of_commands(node: &str) -> Option<(Identity, BTreeSet<String>)> {
    let identity = |kind: &str, name: &str| Identity::new("automation", kind, "en", name);
    if node == commands::NS {
        return Some((identity("command-list", "Commands"), BTreeSet::new()));
    }
    let command = Command::find(node)?;
    let features = [commands::NS, xep::DATA_FORMS].map(str::to_owned);
    Some((identity("command-node", command.name()), features.into()))
}

/// disco#items: commands, for whoever may use them.
pub(super) fn items(asked: &Asked, request: &Request) -> Answer {
    if request.payload.attr("node") == Some(commands::NS) {
        let ours = Jid::from(asked.provider.config().component.jid.clone());
        let item = |(node, name): (&str, &str)| Item {
            jid: ours.clone(),
            node: Some(node.to_owned()),
            name: Some(name.to_owned()),
        };
        return Ok(Some(Element::from(DiscoItemsResult {
            node: Some(commands::NS.to_owned()),
            items: commands::listed(asked, request)
                .into_iter()
                .map(item)
                .collect(),
            rsm: None,
        })));
    }
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
