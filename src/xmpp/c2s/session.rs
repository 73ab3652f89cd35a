//! A client's stream once it is open.

use std::time::Duration;

use jid::{BareJid, DomainPart, DomainRef, FullJid};
use minidom::Element;
use rxml::xml_ncname;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::time::timeout;
use xmpp_parsers::ns;

use super::C2sError;
use super::connect::LIMITS;
use crate::xmpp::stream::{Incoming, ReadError, Reader, Writer};

/// How long a single answer may take while the stream is set up.
const TIME: Duration = Duration::from_secs(10);
/// RFC 6120 §4.8.2
const CLIENT: &str = "jabber:client";

/// Both ways of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub(super) type Io = Box<dyn Duplex>;

/// An open stream to a server.
pub struct Client {
    reader: Reader<ReadHalf<Io>>,
    writer: Writer<WriteHalf<Io>>,
    domain: DomainPart,
    from: Option<BareJid>,
    features: Element,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(super) async fn open(
        io: Io,
        domain: &DomainRef,
        from: Option<BareJid>,
    ) -> Result<Self, C2sError> {
        let (source, sink) = tokio::io::split(io);
        Self::start(source, sink, domain.to_owned(), from).await
    }

    async fn start(
        source: ReadHalf<Io>,
        sink: WriteHalf<Io>,
        domain: DomainPart,
        from: Option<BareJid>,
    ) -> Result<Self, C2sError> {
        let mut reader = Reader::new(source, LIMITS);
        let mut writer = Writer::new(sink);
        let mut header = vec![("to", domain.as_str()), ("version", "1.0")];
        header.extend(from.as_ref().map(|jid| ("from", jid.as_str())));
        writer.open(CLIENT, &header).await?;
        reader.header().await.map_err(lost)?;
        let features = read_element(&mut reader).await?;
        if !features.is("features", ns::STREAM) {
            return Err(C2sError::OutOfTurn);
        }
        Ok(Self {
            reader,
            writer,
            domain,
            from,
            features,
        })
    }

    /// The server's features, as they stand now.
    pub fn features(&self) -> &Element {
        &self.features
    }

    /// The SASL mechanisms that the server offers (RFC 6120 §6.4.1).
    pub fn mechanisms(&self) -> Vec<String> {
        let offered = self.features.get_child("mechanisms", ns::SASL);
        let offered = offered.into_iter().flat_map(Element::children);
        offered.map(Element::text).collect()
    }

    /// Begins the stream anew, as after a login (RFC 6120 §6.4.6).
    ///
    /// # Errors
    /// See [`C2sError`].
    pub async fn restart(self) -> Result<Self, C2sError> {
        let source = self.reader.into_inner().ok_or(C2sError::OutOfTurn)?;
        let opening = Self::start(source, self.writer.into_inner(), self.domain, self.from);
        timeout(TIME, opening)
            .await
            .map_err(|_| C2sError::TimedOut)?
    }

    /// Begins the stream anew after a login and binds a resource (RFC 6120 §7); the server chooses one
    /// where none is wanted.
    ///
    /// # Errors
    /// See [`C2sError`].
    pub async fn bind(self, resource: Option<&str>) -> Result<(Self, FullJid), C2sError> {
        let mut client = self.restart().await?;
        let wanted = resource.map(|r| Element::builder("resource", ns::BIND).append(r).build());
        let bind = Element::builder("bind", ns::BIND)
            .append_all(wanted)
            .build();
        let iq = Element::builder("iq", CLIENT)
            .attr(xml_ncname!("type").to_owned(), "set")
            .attr(xml_ncname!("id").to_owned(), "bind")
            .append(bind)
            .build();
        client.send(&iq).await?;
        let answer = client.answer().await?;
        let jid = answer
            .get_child("bind", ns::BIND)
            .and_then(|bind| bind.get_child("jid", ns::BIND))
            .and_then(|jid| jid.text().parse().ok());
        match jid {
            Some(jid) => Ok((client, jid)),
            None => Err(C2sError::Refused(condition(
                answer.get_child("error", CLIENT),
                ns::XMPP_STANZAS,
            ))),
        }
    }

    /// Sends an element.
    ///
    /// # Errors
    /// The connection broke, or XML cannot say it.
    pub async fn send(&mut self, element: &Element) -> Result<(), C2sError> {
        Ok(self.writer.send(element).await?)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), C2sError> {
        Ok(self.writer.send_raw(bytes).await?)
    }

    /// The next element, however long it takes. A stream error is an error.
    ///
    /// # Errors
    /// The stream has ended.
    pub async fn next(&mut self) -> Result<Element, C2sError> {
        read_element(&mut self.reader).await
    }

    /// The next element, which should come soon.
    pub(super) async fn answer(&mut self) -> Result<Element, C2sError> {
        timeout(TIME, self.next())
            .await
            .map_err(|_| C2sError::TimedOut)?
    }

    /// Says goodbye and leaves.
    pub async fn close(mut self) {
        let _ = timeout(TIME, self.writer.close()).await;
    }
}

/// The next element of a stream. What was refused (too large, for one) is passed over.
pub(super) async fn read_element<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<Element, C2sError> {
    loop {
        match reader.next().await.map_err(lost)? {
            Incoming::Element(element) if element.is("error", ns::STREAM) => {
                return Err(C2sError::Stream(condition(
                    Some(&element),
                    ns::XMPP_STREAMS,
                )));
            }
            Incoming::Element(element) => return Ok(element),
            Incoming::Refused { .. } => {}
        }
    }
}

pub(super) fn lost(error: ReadError) -> C2sError {
    match error {
        ReadError::Io(error) => C2sError::Broken(error),
        other => C2sError::Broken(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            other,
        )),
    }
}

/// The name of an error's condition.
pub(super) fn condition(error: Option<&Element>, namespace: &str) -> String {
    let children = error.into_iter().flat_map(Element::children);
    let mut conditions = children.filter(|c| c.has_ns(namespace) && c.name() != "text");
    conditions
        .next()
        .map_or("no reason given", Element::name)
        .to_owned()
}
