//! IQ stanzas (RFC 6120 §8.2.3): what an element that arrived is, and ours.
//!
//! The servers check little of what their users send to a component, so nothing is believed here
//! but the sender's address, and nothing is refused that need not be looked at.

use jid::{DomainRef, Jid};
use minidom::Element;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use super::fault::{self, Fault};

/// An id has to come back in the answer; nobody needs one longer than this.
const LONGEST_ID: usize = 1024;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Set,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) from: Jid,
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) payload: Element,
}

/// What a request is answered with: a payload, where there is one, or an error.
pub(crate) type Answer = Result<Option<Element>, Fault>;

/// What an element that arrived is.
#[derive(Debug)]
pub(crate) enum Stanza {
    /// A request to us.
    Request(Request),
    /// An answer to a request of ours, perhaps.
    Answer {
        from: Jid,
        id: String,
        answer: Answer,
    },
    /// A request that is refused as it stands.
    Refused { from: Jid, id: String, error: Fault },
    /// Something that is not answered: a message, presence, an IQ that cannot be.
    Ignored,
}

impl Stanza {
    /// Reads an element that came to the component `ours`.
    pub(crate) fn read(element: &mut Element, ours: &DomainRef) -> Self {
        let Some(Head { from, id, kind }) = Head::read(element) else {
            return Self::Ignored;
        };
        let kind = match kind {
            HeadKind::Result => {
                let answer = Ok(element.unshift_child());
                return Self::Answer { from, id, answer };
            }
            HeadKind::Error => {
                let answer = Err(error_of(element));
                return Self::Answer { from, id, answer };
            }
            HeadKind::Unknown => {
                let error = fault::bad_request("the type of an iq is get, set, result or error");
                return Self::Refused { from, id, error };
            }
            HeadKind::Get => Kind::Get,
            HeadKind::Set => Kind::Set,
        };
        // RFC 6121 §8.5.1, §8.5.3: nobody lives here but the component itself.
        let to = element.attr("to").and_then(|to| to.parse::<Jid>().ok());
        if to.is_none_or(|to| to.as_str() != ours.as_str()) {
            let error = fault::service_unavailable();
            return Self::Refused { from, id, error };
        }
        match (element.unshift_child(), element.unshift_child()) {
            (Some(payload), None) => Self::Request(Request {
                from,
                id,
                kind,
                payload,
            }),
            // RFC 6120 §8.2.3: exactly one child.
            (None, _) | (_, Some(_)) => Self::Refused {
                from,
                id,
                error: fault::bad_request("a request has exactly one payload"),
            },
        }
    }

    /// What becomes of a stanza of which no more than the start tag was read, because of `error`.
    pub(crate) fn unread(head: &Element, error: Fault) -> Self {
        match Head::read(head) {
            None => Self::Ignored,
            Some(Head { from, id, kind }) => match kind {
                HeadKind::Get | HeadKind::Set | HeadKind::Unknown => {
                    Self::Refused { from, id, error }
                }
                HeadKind::Result | HeadKind::Error => {
                    let answer = Err(error);
                    Self::Answer { from, id, answer }
                }
            },
        }
    }
}

struct Head {
    from: Jid,
    id: String,
    kind: HeadKind,
}

enum HeadKind {
    Get,
    Set,
    Result,
    Error,
    Unknown,
}

impl Head {
    fn read(element: &Element) -> Option<Self> {
        if !element.is("iq", ns::COMPONENT_ACCEPT) {
            return None;
        }
        let id = element.attr("id").filter(|id| id.len() <= LONGEST_ID)?;
        Some(Self {
            from: element.attr("from")?.parse().ok()?,
            id: id.to_owned(),
            kind: match element.attr("type") {
                Some("get") => HeadKind::Get,
                Some("set") => HeadKind::Set,
                Some("result") => HeadKind::Result,
                Some("error") => HeadKind::Error,
                _ => HeadKind::Unknown,
            },
        })
    }
}

/// The error of an IQ of type error; servers and clients that leave it out are taken at that word.
fn error_of(element: &Element) -> Fault {
    element
        .get_child("error", ns::COMPONENT_ACCEPT)
        .cloned()
        .and_then(|error| StanzaError::try_from(error).ok())
        .map(Box::new)
        .unwrap_or_else(|| {
            fault::error(
                ErrorType::Cancel,
                DefinedCondition::UndefinedCondition,
                "an error that says nothing",
            )
        })
}

/// The stanza that asks `to` for something.
pub(crate) fn request(ours: &Jid, to: &Jid, id: &str, kind: Kind, payload: Element) -> Element {
    let (from, to, id) = (Some(ours.clone()), Some(to.clone()), id.to_owned());
    Element::from(match kind {
        Kind::Get => Iq::Get {
            from,
            to,
            id,
            payload,
        },
        Kind::Set => Iq::Set {
            from,
            to,
            id,
            payload,
        },
    })
}

/// The stanza that answers the request `id` of `to`.
pub(crate) fn answer(ours: &Jid, to: Jid, id: String, answer: Answer) -> Element {
    let (from, to) = (Some(ours.clone()), Some(to));
    Element::from(match answer {
        Ok(payload) => Iq::Result {
            from,
            to,
            id,
            payload,
        },
        Err(error) => Iq::Error {
            from,
            to,
            id,
            error: *error,
            payload: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jid::DomainPart;

    fn read(xml: &str) -> Stanza {
        let ours = DomainPart::new("oauth.localhost").unwrap().into_owned();
        let stanza = xml.replacen('>', " xmlns='jabber:component:accept'>", 1);
        Stanza::read(&mut stanza.parse().unwrap(), &ours)
    }

    fn refused(xml: &str) -> DefinedCondition {
        match read(xml) {
            Stanza::Refused { error, .. } => error.defined_condition,
            other => panic!("{xml}: {other:?}"),
        }
    }

    #[test]
    fn a_request_has_one_payload() {
        let iq = "<iq type='get' id='1' from='a@b/c' to='oauth.localhost'>";
        let Stanza::Request(request) = read(&format!("{iq}<ping xmlns='urn:xmpp:ping'/></iq>"))
        else {
            panic!("not a request");
        };
        assert_eq!(request.id, "1");
        assert!(request.payload.is("ping", "urn:xmpp:ping"));
        assert_eq!(
            refused(&format!("{iq}<a xmlns='x'/><b xmlns='x'/></iq>")),
            DefinedCondition::BadRequest
        );
        assert_eq!(refused(&format!("{iq}</iq>")), DefinedCondition::BadRequest);
    }

    #[test]
    fn an_unknown_type_is_a_bad_request_and_a_node_of_ours_is_not_there() {
        assert_eq!(
            refused("<iq type='x' id='1' from='a@b/c' to='oauth.localhost'></iq>"),
            DefinedCondition::BadRequest
        );
        for to in ["x@oauth.localhost", "oauth.localhost/x", "other"] {
            let iq = format!("<iq type='get' id='1' from='a@b' to='{to}'><a xmlns='x'/></iq>");
            assert_eq!(refused(&iq), DefinedCondition::ServiceUnavailable, "{to}");
        }
    }

    #[test]
    fn what_cannot_or_must_not_be_answered_is_ignored() {
        for xml in [
            "<message type='get' id='1' from='a@b' to='oauth.localhost'></message>",
            "<presence from='a@b' to='oauth.localhost'><show>x</show></presence>",
            "<iq type='get' from='a@b' to='oauth.localhost'><a xmlns='x'/></iq>",
            "<iq type='get' id='1' to='oauth.localhost'><a xmlns='x'/></iq>",
            "<iq type='get' id='1' from='@' to='oauth.localhost'><a xmlns='x'/></iq>",
        ] {
            assert!(matches!(read(xml), Stanza::Ignored), "{xml}");
        }
        let iq = format!(
            "<iq type='get' id='{}' from='a@b' to='oauth.localhost'><a xmlns='x'/></iq>",
            "x".repeat(2000)
        );
        assert!(matches!(read(&iq), Stanza::Ignored));
    }

    #[test]
    fn an_error_that_makes_no_sense_is_still_an_error() {
        let iq = "<iq type='error' id='1' from='b' to='oauth.localhost'><error type='?'/></iq>";
        assert!(matches!(read(iq), Stanza::Answer { answer: Err(_), .. }));
    }
}
