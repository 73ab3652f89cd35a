//! The table of requests that are served: from type, namespace and name to who may ask and what is done.

use std::sync::Arc;

use futures::future::BoxFuture;
use minidom::Element;
use xmpp_parsers::ns as xep;

use super::hosts::Host;
use super::iq::{Answer, Kind, Request};
use super::{account, cam, disco, introspection, ns, ping, sasl, version};
use crate::oauth::Provider;

/// How a request is served.
pub(super) enum Handler {
    /// Anybody may ask; it is answered on the spot.
    Anyone(fn(&Asked, &Request) -> Answer),
    /// A served host may ask.
    Host(ForHost),
    /// A served host may ask, and its requests of this kind are served in the order they came in.
    HostInOrder(ForHost),
    /// A served host may ask, and who stands in `[introspection] allowed`.
    Introspection(fn(Asked, Request) -> BoxFuture<'static, Answer>),
}

pub(super) type ForHost = fn(Asked, Arc<Host>, Element) -> BoxFuture<'static, Answer>;

/// What handlers work with.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) provider: Arc<Provider>,
    /// The host that asks, if it is one of ours.
    pub(super) host: Option<Arc<Host>>,
}

/// Who serves a request with this payload.
pub(super) fn find(kind: Kind, payload: &Element) -> Option<Handler> {
    use Handler::{Anyone, Host, HostInOrder, Introspection};
    use Kind::{Get, Set};
    Some(match (kind, payload.ns().as_str(), payload.name()) {
        (Get, xep::DISCO_INFO, "query") => Anyone(disco::info),
        (Get, xep::DISCO_ITEMS, "query") => Anyone(disco::items),
        (Get, xep::PING, "ping") => Anyone(ping::ping),
        (Get, xep::VERSION, "query") => Anyone(version::version),
        (Set, ns::BEARER, "authenticate") => Host(|a, h, p| Box::pin(sasl::authenticate(a, h, p))),
        (Set, ns::ACCOUNT, "hello") => HostInOrder(|a, h, p| Box::pin(account::hello(a, h, p))),
        (Set, ns::ACCOUNT, "session") => HostInOrder(|a, h, p| Box::pin(account::session(a, h, p))),
        (Set, ns::ACCOUNT, "sessions") => {
            HostInOrder(|a, h, p| Box::pin(account::sessions(a, h, p)))
        }
        (Set, ns::ACCOUNT, "account-changed") => {
            HostInOrder(|a, h, p| Box::pin(account::changed(a, h, p)))
        }
        (Get | Set, ns::ACCOUNT, "client-access") => match kind {
            Get => Host(|a, h, p| Box::pin(cam::of_module(a, h, Get, p))),
            Set => Host(|a, h, p| Box::pin(cam::of_module(a, h, Set, p))),
        },
        (Set, namespace, "delegation") if ns::DELEGATION.contains(&namespace) => {
            Host(|a, h, p| Box::pin(cam::delegated(a, h, p)))
        }
        (Get, ns::INTROSPECTION, "introspect") => {
            Introspection(|a, r| Box::pin(introspection::introspect(a, r)))
        }
        _ => return None,
    })
}
