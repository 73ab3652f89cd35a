//! Opening the link (XEP-0114 §3).

use std::io;
use std::time::Duration;

use minidom::Element;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use xmpp_parsers::component::Handshake;
use xmpp_parsers::ns;

use super::Down;
use crate::config::Component;
use crate::xmpp::stream::{Incoming, Limits, Reader, Writer};

/// How long it may take from the first packet to the server's consent.
const TIME: Duration = Duration::from_secs(10);

/// An open link.
pub(super) struct Open {
    pub(super) reader: Reader<OwnedReadHalf>,
    pub(super) writer: Writer<OwnedWriteHalf>,
}

/// Connects and shakes hands.
pub(super) async fn connect(component: &Component) -> Result<Open, Down> {
    let late = || Down::Unreachable {
        address: component.server.clone(),
        error: "no answer in time".to_owned(),
    };
    timeout(TIME, open(component)).await.map_err(|_| late())?
}

async fn open(component: &Component) -> Result<Open, Down> {
    let unreachable = |error: io::Error| Down::Unreachable {
        address: component.server.clone(),
        error: error.to_string(),
    };
    let tcp = dial(component).await?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let (source, sink) = tcp.into_split();
    let mut reader = Reader::new(source, Limits::of_size(component.max_stanza_size));
    let mut writer = Writer::new(sink).with_max_element_size(component.max_stanza_size);
    let broken = |error: io::Error| Down::Broken(error.to_string());

    let jid = component.jid.as_str();
    writer
        .open(ns::COMPONENT_ACCEPT, &[("to", jid)])
        .await
        .map_err(broken)?;
    let no_xmpp = || Down::NotXmpp(component.server.clone());
    let header = reader.header().await.map_err(|_| no_xmpp())?;
    if !header.is("stream", ns::STREAM) {
        return Err(no_xmpp());
    }
    // A server that will not have us may say so before it gives an id.
    if let Some(id) = header.attr("id") {
        let secret = component.secret.expose();
        let handshake = Handshake::from_stream_id_and_password(id.to_owned(), secret);
        writer
            .send(&Element::from(handshake))
            .await
            .map_err(broken)?;
    }
    match reader.next().await? {
        Incoming::Element(element) if element.is("handshake", ns::COMPONENT_ACCEPT) => {
            Ok(Open { reader, writer })
        }
        Incoming::Element(element) => {
            Err(Down::from_stream_error(&element).unwrap_or_else(no_xmpp))
        }
        Incoming::Refused { .. } => Err(no_xmpp()),
    }
}

/// Looks the address up anew each time, and goes off this machine only if that is allowed: the link
/// is plaintext and carries passwords.
async fn dial(component: &Component) -> Result<TcpStream, Down> {
    let address = &component.server;
    let unreachable = |error: io::Error| Down::Unreachable {
        address: address.clone(),
        error: error.to_string(),
    };
    let found = tokio::net::lookup_host(address)
        .await
        .map_err(unreachable)?;
    let mut last = Down::NotLoopback(address.clone());
    for candidate in found {
        if !candidate.ip().is_loopback() && !component.allow_plaintext_network {
            continue;
        }
        match TcpStream::connect(candidate).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = unreachable(error),
        }
    }
    Err(last)
}
