//! Frames to elements.

use minidom::Element;
use rxml::{Event, Options, Parse as _, Parser, WithOptions as _};

/// What the bytes of a frame say is not XML, or not XML that XMPP allows (RFC 6120 §11.1).
#[derive(Debug, thiserror::Error)]
#[error("not well-formed")]
pub(super) struct NotWellFormed;

/// The element that `bytes` are, in the stream that `header` opened: prefixes may be declared there.
pub(super) fn element(header: &[u8], bytes: &[u8]) -> Result<Element, NotWellFormed> {
    // No token is longer than what it is part of.
    let mut parser = Parser::with_options(Options {
        max_token_length: header.len().max(bytes.len()).max(1),
        ..Options::default()
    });
    for mut rest in [header].into_iter().filter(|header| !header.is_empty()) {
        while !matches!(next(&mut parser, &mut rest)?, Event::StartElement(..)) {}
    }
    let mut rest = bytes;
    let mut open: Vec<Element> = Vec::new();
    loop {
        match next(&mut parser, &mut rest)? {
            Event::StartElement(_, (namespace, name), attributes) => {
                let mut element = Element::bare(name.to_string(), namespace.to_string());
                *element.attrs_mut() = attributes;
                open.push(element);
            }
            Event::Text(_, text) => {
                if let Some(element) = open.last_mut() {
                    element.append_text(text);
                }
            }
            Event::EndElement(_) => {
                let element = open.pop().ok_or(NotWellFormed)?;
                match open.last_mut() {
                    Some(parent) => {
                        parent.append_child(element);
                    }
                    None => return Ok(element),
                }
            }
            Event::XmlDeclaration(..) => {}
        }
    }
}

/// The element that a start tag alone opens, without what is in it.
pub(super) fn start_tag(header: &[u8], tag: &[u8]) -> Result<Element, NotWellFormed> {
    let inner = tag.strip_suffix(b">").ok_or(NotWellFormed)?;
    let inner = inner.strip_suffix(b"/").unwrap_or(inner);
    element(header, &[inner, b"/>"].concat())
}

fn next(parser: &mut Parser, rest: &mut &[u8]) -> Result<Event, NotWellFormed> {
    match parser.parse(rest, false) {
        Ok(Some(event)) => Ok(event),
        Ok(None) | Err(_) => Err(NotWellFormed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='urn:s'>";

    #[test]
    fn a_stanza_sees_the_namespaces_of_the_header() {
        let stanza =
            b"<stream:error a='1' xml:lang='en'><x xmlns='urn:x'>t&amp;</x></stream:error>";
        let element = element(HEADER, stanza).unwrap();
        assert!(element.is("error", "urn:s"));
        assert_eq!(element.attr("a"), Some("1"));
        assert_eq!(element.get_child("x", "urn:x").unwrap().text(), "t&");
    }

    #[test]
    fn a_start_tag_is_an_element_without_content() {
        let iq = start_tag(HEADER, b"<iq id='1' type='get'>").unwrap();
        assert!(iq.is("iq", "jabber:client"));
        assert_eq!(iq.attr("id"), Some("1"));
        assert!(
            start_tag(b"", b"<s:s xmlns:s='urn:s'>")
                .unwrap()
                .is("s", "urn:s")
        );
    }

    #[test]
    fn what_is_not_well_formed_is_said_to_be_so() {
        for bad in [
            "<a></b>",
            "<a b='1' b='2'/>",
            "<p:a/>",
            "<a>&nbsp;</a>",
            "<a b=1/>",
            "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
            "< a/>",
        ] {
            assert!(element(HEADER, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
