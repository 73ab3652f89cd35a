//! The writing half.

use std::io;

use minidom::Element;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use xmpp_parsers::ns;

/// Why an element is not written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// It bears something that XML cannot say, such as a NUL.
    #[error("XML cannot say it")]
    NoXml,
    /// The peer would not take it, and end the stream.
    #[error("it is larger than the peer takes")]
    TooLarge,
}

/// Writes a stream. What is fed waits for the next flush, so that many stanzas make one write.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    waiting: Vec<u8>,
    max_element_size: usize,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            waiting: Vec::new(),
            max_element_size: usize::MAX,
        }
    }

    /// With a limit on the size of elements, in bytes.
    #[must_use]
    pub fn with_max_element_size(self, max_element_size: usize) -> Self {
        Self {
            max_element_size,
            ..self
        }
    }

    /// Sends a stream header with `attributes`, for stanzas in `namespace`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn open(&mut self, namespace: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        let mut header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='{}'",
            ns::STREAM
        );
        for (name, value) in attributes {
            header.push_str(&format!(" {name}='{}'", escaped(value)));
        }
        header.push('>');
        self.waiting.extend_from_slice(header.as_bytes());
        self.flush().await
    }

    /// Adds an element to what waits.
    ///
    /// # Errors
    /// If XML cannot say it, or it is too large; nothing of it has been added then.
    pub fn feed(&mut self, element: &Element) -> Result<(), Unwritable> {
        let bytes = xso::to_vec(element).map_err(|_| Unwritable::NoXml)?;
        if bytes.len() > self.max_element_size {
            return Err(Unwritable::TooLarge);
        }
        self.waiting.extend_from_slice(&bytes);
        Ok(())
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.waiting).await?;
        self.waiting.clear();
        self.waiting.shrink_to(64 * 1024);
        self.sink.flush().await
    }

    /// Sends what waits and `element`.
    ///
    /// # Errors
    /// If it cannot be written, XML cannot say it, or it is too large.
    pub async fn send(&mut self, element: &Element) -> io::Result<()> {
        self.feed(element)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        self.flush().await
    }

    /// Sends bytes as they are: white space that keeps a connection open, or a test's mischief.
    ///
    /// # Errors
    /// If they cannot be written.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        self.flush().await
    }

    /// Sends what waits and the end of the stream.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn close(&mut self) -> io::Result<()> {
        self.send_raw(b"</stream:stream>").await
    }

    /// What is being written to.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxml::xml_ncname;

    #[test]
    fn what_the_peer_would_not_take_is_not_sent() {
        let mut writer = Writer::new(Vec::new()).with_max_element_size(100);
        let long = Element::builder("a", "urn:x").append("x".repeat(100));
        let fed = writer.feed(&long.build());
        assert!(matches!(fed, Err(Unwritable::TooLarge)), "{fed:?}");
        assert_eq!(writer.waiting(), 0);
    }

    #[tokio::test]
    async fn what_xml_cannot_say_leaves_the_stream_as_it_was() {
        let mut writer = Writer::new(Vec::new());
        let nul = Element::builder("a", "urn:x").append("\0").build();
        assert!(writer.feed(&nul).is_err());
        let good = Element::builder("a", "urn:x")
            .attr(xml_ncname!("b").to_owned(), "<'\"&")
            .append("]]>")
            .build();
        writer.send(&good).await.unwrap();
        let sent = String::from_utf8(writer.into_inner()).unwrap();
        assert_eq!(sent.parse::<Element>().unwrap(), good);
    }
}
