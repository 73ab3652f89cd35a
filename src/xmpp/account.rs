//! Hello, sessions and changes of accounts: what a host's module tells, and how it is asked for hello.

use std::sync::Arc;

use jid::{BareJid, DomainRef, Jid, NodePart, ResourcePart};
use minidom::Element;
use tracing::info;
use xmpp_parsers::stanza_error::DefinedCondition;
use xso::{AsXml, FromXml};

use super::fault::{self, Fault};
use super::handlers::Asked;
use super::hosts::{self, Host};
use super::iq::{Answer, Kind};
use super::link::Link;
use super::ns;
use crate::accounts::Unavailable;
use crate::model::{GrantId, Scope, XmppSession};
use crate::oauth::revoke::AccountChange;

/// How many sessions a stanza may tell of.
const MOST_SESSIONS: usize = 100;

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "hello", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Hello {
    #[xml(attribute)]
    version: String,
    #[xml(attribute(default))]
    server: Option<String>,
    #[xml(extract(n = .., name = "scope", fields(text(type_ = String))))]
    scopes: Vec<String>,
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "hello")]
struct HelloBack {
    #[xml(attribute)]
    version: &'static str,
    #[xml(attribute)]
    issuer: String,
}

/// A module is there, and begins a new account of its host's sessions.
pub(super) async fn hello(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let hello = Hello::try_from(payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    let scopes = hello.scopes.iter().map(|scope| scope.trim().parse());
    let scopes: Vec<Scope> = scopes
        .collect::<Result<_, _>>()
        .map_err(|_| fault::bad_request("a scope that is no scope"))?;
    asked.provider.forget_sessions(&host.name);
    host.hello(hosts::Hello {
        version: hello.version,
        server: hello.server,
        // Only these are the module's to enforce.
        scopes: scopes.into_iter().filter(Scope::is_xmpp).collect(),
    });
    Ok(Some(Element::from(HelloBack {
        version: env!("CARGO_PKG_VERSION"),
        issuer: asked.provider.config().http.issuer().to_owned(),
    })))
}

/// Asks a host's module to say hello.
pub(super) async fn ask_for_hello(
    link: &Link,
    host: &DomainRef,
) -> Result<Result<(), DefinedCondition>, Unavailable> {
    let payload = Element::bare("hello", ns::ACCOUNT);
    let to = Jid::from(BareJid::from(host));
    let answer = link.ask(&to, Kind::Get, payload).await?;
    Ok(answer.map(|_| ()).map_err(|error| error.defined_condition))
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "session", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Session {
    #[xml(attribute)]
    username: String,
    #[xml(attribute)]
    resource: String,
    #[xml(attribute)]
    grant: String,
    /// Only where a session is told of by itself.
    #[xml(attribute(default))]
    state: Option<String>,
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "sessions", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Sessions {
    #[xml(child(n = ..))]
    sessions: Vec<Session>,
}

/// A session to close.
#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "gone")]
struct Gone {
    #[xml(attribute)]
    username: Option<String>,
    #[xml(attribute)]
    resource: Option<String>,
    #[xml(attribute)]
    grant: Option<String>,
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "sessions")]
struct GoneSessions {
    #[xml(child(n = ..))]
    gone: Vec<Gone>,
}

impl Session {
    fn record(&self, host: &Host) -> Result<XmppSession, Fault> {
        let resource = ResourcePart::new(&self.resource);
        let id = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if self.grant.is_empty() || self.grant.len() > 64 || !self.grant.bytes().all(id) {
            return Err(fault::bad_request("grant is no name of a grant"));
        }
        Ok(XmppSession {
            account: account(&self.username, host)?,
            resource: resource
                .map_err(|_| fault::bad_request("resource is no resource"))?
                .into_owned(),
            grant_id: GrantId::new(self.grant.as_str()),
        })
    }
}

fn account(username: &str, host: &Host) -> Result<BareJid, Fault> {
    let node =
        NodePart::new(username).map_err(|_| fault::bad_request("username is no localpart"))?;
    Ok(BareJid::from_parts(Some(&node), &host.name))
}

/// A session has opened or closed.
pub(super) async fn session(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let told = Session::try_from(payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    let session = told.record(&host)?;
    match told.state.as_deref() {
        Some("closed") => {
            asked.provider.session_closed(&session);
            Ok(None)
        }
        Some("open") => {
            let opened = asked.provider.session_opened(session).await;
            Ok((!opened.map_err(|e| failed(&e))?).then(|| {
                Element::from(Gone {
                    username: None,
                    resource: None,
                    grant: None,
                })
            }))
        }
        _ => Err(fault::bad_request("state is open or closed")),
    }
}

/// All sessions that are open, or a part of them.
pub(super) async fn sessions(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let told = Sessions::try_from(payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    if told.sessions.len() > MOST_SESSIONS {
        return Err(fault::bad_request("at most 100 sessions in a stanza"));
    }
    let mut gone = Vec::new();
    for session in told.sessions {
        let record = session.record(&host)?;
        if !asked
            .provider
            .session_opened(record)
            .await
            .map_err(|e| failed(&e))?
        {
            gone.push(Gone {
                username: Some(session.username),
                resource: Some(session.resource),
                grant: Some(session.grant),
            });
        }
    }
    Ok(Some(Element::from(GoneSessions { gone })))
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "account-changed", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct AccountChanged {
    #[xml(attribute)]
    username: String,
    #[xml(attribute)]
    what: String,
}

/// An account is not what it was. Answered when that is durable.
pub(super) async fn changed(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let told = AccountChanged::try_from(payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    let account = account(&told.username, &host)?;
    let change = match told.what.as_str() {
        "password" => AccountChange::Password,
        "deleted" => AccountChange::Deleted,
        "disabled" => AccountChange::Disabled,
        _ => return Err(fault::bad_request("what is password, deleted or disabled")),
    };
    info!(%account, what = told.what, "the server says that an account has changed");
    let done = asked.provider.account_changed(&account, change).await;
    done.map_err(|e| failed(&e)).map(|()| None)
}

fn failed(error: &impl std::fmt::Display) -> Fault {
    tracing::error!(%error, "what a host told could not be seen to");
    fault::failed()
}
