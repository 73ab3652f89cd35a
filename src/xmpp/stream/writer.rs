//! The writing half.

use std::io;

use minidom::Element;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use xmpp_parsers::ns;

/// An element bears something that XML cannot say, such as a NUL.
#[derive(Debug, thiserror::Error)]
#[error("XML cannot say this")]
pub struct Unwritable;

/// Writes a stream. What is fed waits for the next flush, so that many stanzas make one write.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    waiting: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            waiting: Vec::new(),
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
    /// If XML cannot say it; nothing of it has been added then.
    pub fn feed(&mut self, element: &Element) -> Result<(), Unwritable> {
        let bytes = xso::to_vec(element).map_err(|_| Unwritable)?;
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
    /// If it cannot be written, or XML cannot say it.
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
