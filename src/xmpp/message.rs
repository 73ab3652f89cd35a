//! Messages to people (RFC 6121 §5).

use jid::{BareJid, Jid};
use minidom::Element;
use xmpp_parsers::message::{Lang, Message, MessageType};

use crate::config::Config;

/// Message processing hints (XEP-0334).
const HINTS: &str = "urn:xmpp:hints";

/// What the component says to an account. Of type normal: a headline would not wait for whoever is offline
/// (RFC 6121 §8.5.2.2), and a chat message would ask for an answer (§5.2.2).
pub(super) fn to(config: &Config, account: &BareJid, text: &str) -> Element {
    let mut message = Message::new_with_type(MessageType::Normal, Some(Jid::from(account.clone())));
    message.from = Some(Jid::from(config.component.jid.clone()));
    message.bodies.insert(Lang::default(), text.to_owned());
    // in the archive, where the other devices find it
    message.payloads.push(Element::bare("store", HINTS));
    Element::from(message)
}
