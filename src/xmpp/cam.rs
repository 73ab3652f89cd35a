//! XEP-0494: an account's owner sees which apps have access, and takes it back.
//!
//! A client asks its own server. The host's module passes that on (`client-access`), or the server does
//! by XEP-0355. Neither does so for a session whose token gives less than the whole account.

use std::sync::Arc;

use jid::{BareJid, Jid, NodePart};
use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::cam::{Auth, Client, Clients, List, Permission, Revoke, Status, Type, UserAgent};
use xmpp_parsers::date::DateTime;
use xmpp_parsers::ns as xep;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType};

use super::fault::{self, Fault};
use super::handlers::Asked;
use super::hosts::Host;
use super::iq::{Answer, Kind};
use super::sasl::sayable;
use crate::clock::Timestamp;
use crate::model::{GrantId, Scope, ScopeSet};
use crate::oauth::granted::Granted;

/// `client-access`: a host's module passes on what a client has asked it.
pub(super) async fn of_module(
    asked: Asked,
    host: Arc<Host>,
    kind: Kind,
    payload: Element,
) -> Answer {
    let username = payload.attr("username").unwrap_or_default();
    let node =
        NodePart::new(username).map_err(|_| fault::bad_request("username is no localpart"))?;
    let account = BareJid::from_parts(Some(&node), &host.name);
    let question = only_child(&payload)
        .ok_or_else(|| fault::bad_request("client-access holds one request"))?;
    answer(&asked, &account, kind, question).await
}

/// `delegation` (XEP-0355 §5): the server passes on what a client has asked it.
pub(super) async fn delegated(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let iq = payload
        .get_child("forwarded", xep::FORWARD)
        .and_then(|forwarded| forwarded.get_child("iq", xep::JABBER_CLIENT))
        .ok_or_else(|| fault::bad_request("delegation holds a forwarded iq"))?;
    let (from, account) = owner(iq, &host)?;
    let kind = match iq.attr("type") {
        Some("get") => Kind::Get,
        Some("set") => Kind::Set,
        _ => return Err(fault::bad_request("the forwarded iq is no request")),
    };
    let id = iq.attr("id").unwrap_or_default().to_owned();
    let question =
        only_child(iq).ok_or_else(|| fault::bad_request("a request has exactly one payload"))?;
    let answer = answer(&asked, &account, kind, question).await;
    let forwarded = Element::builder("forwarded", xep::FORWARD)
        .append(as_client_sees_it(&account, &from, &id, answer));
    Ok(Some(
        Element::builder("delegation", payload.ns())
            .append(forwarded)
            .build(),
    ))
}

/// An answer in the namespace of clients.
fn as_client_sees_it(account: &BareJid, to: &Jid, id: &str, answer: Answer) -> Element {
    let iq = |kind| {
        Element::builder("iq", xep::JABBER_CLIENT)
            .attr(xml_ncname!("type").into(), kind)
            .attr(xml_ncname!("from").into(), account.as_str())
            .attr(xml_ncname!("to").into(), to.as_str())
            .attr(xml_ncname!("id").into(), id)
    };
    match answer {
        Ok(payload) => iq("result").append_all(payload).build(),
        Err(error) => {
            let error = Element::from(*error);
            let mut copy = Element::builder("error", xep::JABBER_CLIENT);
            for ((_, name), value) in error.attrs() {
                copy = copy.attr(name.clone(), value);
            }
            iq("error")
                .append(copy.append_all(error.children().cloned()))
                .build()
        }
    }
}

/// Who asks about their own account: XEP-0355 §8 wants both ends of the forwarded request looked at.
fn owner(iq: &Element, host: &Host) -> Result<(Jid, BareJid), Fault> {
    let jid = |name| iq.attr(name).and_then(|jid| jid.parse::<Jid>().ok());
    let refused = || fault::forbidden("accounts are managed by their owners only");
    let from = jid("from").ok_or_else(refused)?;
    let account = from.to_bare();
    let is_own = match iq.attr("to") {
        None => true,
        Some(_) => jid("to").is_some_and(|to| to == account),
    };
    if account.node().is_none() || !host.is(account.domain()) || !is_own {
        return Err(refused());
    }
    Ok((from, account))
}

fn only_child(element: &Element) -> Option<&Element> {
    let mut children = element.children();
    let first = children.next()?;
    children.next().is_none().then_some(first)
}

/// Answers the account's owner.
async fn answer(asked: &Asked, account: &BareJid, kind: Kind, question: &Element) -> Answer {
    match (kind, question.ns().as_str(), question.name()) {
        (Kind::Get, xep::CAM, "list") => {
            let List = read(question)?;
            list(asked, account).await
        }
        (Kind::Set, xep::CAM, "revoke") => {
            let Revoke { id } = read(question)?;
            revoke(asked, account, &id).await
        }
        _ => Err(fault::service_unavailable()),
    }
}

fn read<T: TryFrom<Element, Error: std::fmt::Display>>(question: &Element) -> Result<T, Fault> {
    T::try_from(question.clone()).map_err(|error| fault::bad_request(&error.to_string()))
}

async fn list(asked: &Asked, account: &BareJid) -> Answer {
    let granted = asked.provider.granted(account).await;
    let granted = granted.map_err(|error| failed(&error))?;
    let clients = granted.iter().map(client).collect();
    Ok(Some(Element::from(Clients { clients })))
}

async fn revoke(asked: &Asked, account: &BareJid, id: &str) -> Answer {
    let id = GrantId::new(id);
    let revoked = asked.provider.revoke_granted(account, &id).await;
    match revoked.map_err(|error| failed(&error))? {
        true => Ok(None),
        false => Err(fault::error(
            ErrorType::Cancel,
            DefinedCondition::ItemNotFound,
            "you have no such client",
        )),
    }
}

pub(super) fn failed(error: &impl std::fmt::Display) -> Fault {
    tracing::error!(%error, "what an account has granted could not be seen to");
    fault::failed()
}

fn client(granted: &Granted) -> Client {
    let grant = &granted.grant;
    let metadata = granted.client.as_ref().map(|client| &client.metadata);
    Client {
        connected: granted.is_connected(),
        id: grant.id.to_string(),
        type_: match grant.scopes.allows_xmpp() {
            true => Type::Session,
            false => Type::Access,
        },
        first_seen: date(grant.created_at),
        last_seen: date(grant.last_used_at),
        user_agent: UserAgent {
            software: sayable(&grant.client_name),
            uri: metadata
                .and_then(|metadata| metadata.client_uri.as_ref())
                .map(ToString::to_string),
            device: None,
        },
        auth: Auth {
            password: false,
            grant: true,
            fast: false,
            other: Vec::new(),
        },
        permission: Permission {
            status: status(&grant.scopes),
        },
    }
}

fn status(scopes: &ScopeSet) -> Status {
    if scopes.contains(Scope::XMPP) {
        Status::Unrestricted
    } else if scopes.contains(Scope::CLIENT_NORMAL) {
        Status::Normal
    } else {
        Status::Restricted
    }
}

fn date(time: Timestamp) -> Option<DateTime> {
    time.to_string().parse().ok()
}
