//! `introspect`: RFC 7662 over XMPP.

use minidom::Element;
use xso::{AsXml, FromXml};

use super::fault;
use super::handlers::Asked;
use super::iq::{Answer, Request};
use super::ns;
use crate::oauth::introspection::Asker;

#[derive(FromXml)]
#[xml(namespace = ns::INTROSPECTION, name = "introspect", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Introspect {
    #[xml(child)]
    token: Token,
}

#[derive(FromXml)]
#[xml(namespace = ns::INTROSPECTION, name = "token", on_unknown_attribute = Discard)]
struct Token {
    #[xml(text)]
    text: String,
}

#[derive(AsXml)]
#[xml(namespace = ns::INTROSPECTION, name = "introspection")]
struct Introspection {
    #[xml(child)]
    json: Json,
}

/// XEP-0335
#[derive(AsXml)]
#[xml(namespace = ns::JSON, name = "json")]
struct Json {
    #[xml(text)]
    text: String,
}

/// Tells what a token stands for.
pub(super) async fn introspect(asked: Asked, request: Request) -> Answer {
    let asker = match &asked.host {
        // One of ours that is allowed too hears of all tokens.
        Some(host) if !asked.provider.may_introspect(host.name.as_str()) => Asker::Host(&host.name),
        _ => Asker::Allowed,
    };
    let Introspect { token } =
        Introspect::try_from(request.payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    let answer = asked.provider.introspect(asker, token.text.trim()).await;
    let answer = answer.map_err(|error| {
        tracing::error!(%error, "a token could not be looked up");
        fault::failed()
    })?;
    let text = serde_json::to_string(&answer).map_err(|_| fault::failed())?;
    Ok(Some(Element::from(Introspection {
        json: Json { text },
    })))
}
