//! What an account's owner says of themselves (XEP-0054). The server answers for the account, online or
//! not; whom it answers is its own affair.

use jid::{BareJid, Jid};
use minidom::Element;
use xmpp_parsers::stanza_error::DefinedCondition;

use super::iq::Kind;
use super::link::Link;
use super::server::refused;
use crate::accounts::Unavailable;
use crate::model::Profile;

const VCARD: &str = "vcard-temp";

pub(super) async fn profile(link: &Link, account: &BareJid) -> Result<Profile, Unavailable> {
    let payload = Element::bare("vCard", VCARD);
    let owner = Jid::from(account.clone());
    match link.ask(&owner, Kind::Get, payload).await? {
        Ok(card) => Ok(card.as_ref().map(read).unwrap_or_default()),
        // XEP-0054 §3.1: how a server says that there is none
        Err(error) if error.defined_condition == DefinedCondition::ItemNotFound => {
            Ok(Profile::default())
        }
        Err(error) => Err(refused(&error)),
    }
}

fn read(card: &Element) -> Profile {
    let text = |element: &Element| Some(element.text()).filter(|text| !text.is_empty());
    let field = |name| card.get_child(name, VCARD).and_then(text);
    Profile {
        name: field("FN"),
        nickname: field("NICKNAME"),
        picture: card
            .get_child("PHOTO", VCARD)
            .and_then(|photo| photo.get_child("EXTVAL", VCARD))
            .and_then(text),
    }
}
