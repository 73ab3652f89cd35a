//! `authenticate`: a host passes on a client's SASL OAUTHBEARER message (RFC 7628).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use tracing::{debug, info};
use xso::{AsXml, FromXml};

use super::fault;
use super::handlers::Asked;
use super::hosts::Host;
use super::iq::Answer;
use super::ns;
use crate::oauth::bearer::{BearerAnswer, BearerSuccess};

#[derive(FromXml)]
#[xml(namespace = ns::BEARER, name = "authenticate", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Authenticate {
    #[xml(attribute)]
    mechanism: String,
    #[xml(attribute(default))]
    ip: Option<String>,
    #[xml(text)]
    message: String,
}

#[derive(AsXml)]
#[xml(namespace = ns::BEARER, name = "success")]
struct Success {
    #[xml(attribute)]
    jid: String,
    #[xml(attribute)]
    grant: String,
    #[xml(attribute)]
    client: String,
    #[xml(attribute(name = "client-name"))]
    client_name: String,
    #[xml(attribute)]
    scope: String,
    #[xml(attribute)]
    expires: String,
}

impl From<BearerSuccess> for Success {
    fn from(success: BearerSuccess) -> Self {
        Self {
            jid: success.account.to_string(),
            grant: success.grant_id.to_string(),
            client: success.client_id.to_string(),
            client_name: sayable(&success.client_name),
            scope: success.scopes.to_string(),
            expires: success.expires_at.to_string(),
        }
    }
}

#[derive(AsXml)]
#[xml(namespace = ns::BEARER, name = "challenge")]
struct Challenge {
    #[xml(text)]
    json: String,
}

/// Decides about the message.
pub(super) async fn authenticate(asked: Asked, host: Arc<Host>, payload: Element) -> Answer {
    let request =
        Authenticate::try_from(payload).map_err(|e| fault::bad_request(&e.to_string()))?;
    if request.mechanism != "OAUTHBEARER" {
        return Err(fault::bad_request("the only mechanism is OAUTHBEARER"));
    }
    // RFC 6120 §6.4.2: "=" stands for an empty message.
    let message = match request.message.trim() {
        "=" => Vec::new(),
        text => STANDARD
            .decode(text)
            .map_err(|_| fault::bad_request("the message is not base64"))?,
    };
    let ip = request.ip.as_deref().map(sayable);
    let from = ip.as_deref().and_then(|ip| ip.parse().ok());
    match asked
        .provider
        .check_bearer(&host.name, &message, from)
        .await
    {
        BearerAnswer::Success(success) => {
            info!(
                account = %success.account, grant = %success.grant_id, ip, scope = %success.scopes,
                "a client logs in with a token"
            );
            Ok(Some(Element::from(Success::from(success))))
        }
        BearerAnswer::Challenge(json) => {
            debug!(host = %host.name, ip, "a client was challenged");
            let json = STANDARD.encode(json);
            Ok(Some(Element::from(Challenge { json })))
        }
        BearerAnswer::Malformed => Err(fault::bad_request("that is no OAUTHBEARER message")),
        BearerAnswer::Unavailable => Err(fault::failed()),
    }
}

/// `text` without what XML cannot say (XML 1.0 §2.2), nor a log line.
pub(super) fn sayable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_cannot_make_an_answer_that_cannot_be_sent() {
        let challenge = |text: &str| Challenge {
            json: text.to_owned(),
        };
        assert!(xso::to_vec(&challenge("a\u{0}b")).is_err());
        assert!(xso::to_vec(&challenge(&sayable("a\u{0}\u{1b}\u{ffff}b"))).is_ok());
        assert_eq!(sayable("Gajim\n😀"), "Gajim😀");
    }
}
