//! From an address to a stream that may be logged in on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jid::{BareJid, DomainRef};
use minidom::Element;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use xmpp_parsers::ns;

use super::session::{Io, read_element};
use super::{C2sError, Client};
use crate::config::{C2s, C2sTls};
use crate::tls;
use crate::xmpp::stream::{Limits, Reader, Writer};

/// How long it may take from the first packet to the server's features.
const TIME: Duration = Duration::from_secs(10);
/// The largest stanza taken before and after login.
pub(super) const LIMITS: Limits = Limits::of_size(1024 * 1024);

/// Connects to hosts of one server.
#[derive(Clone)]
pub struct Connector {
    address: Option<String>,
    tls: C2sTls,
    connector: Option<TlsConnector>,
    from: Option<BareJid>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// A connector with these settings; reads the certificates to trust.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new(settings: &C2s) -> Result<Self, C2sError> {
        let connector = match settings.tls {
            C2sTls::None => None,
            C2sTls::Starttls | C2sTls::Direct => Some(tls_connector(settings)?),
        };
        Ok(Self {
            address: settings.address.clone(),
            tls: settings.tls,
            connector,
            from: None,
        })
    }

    /// Says in the stream header whose client this is (RFC 6120 §4.7.1); some servers offer SASL2 only
    /// then (XEP-0388).
    #[must_use]
    pub fn stating(self, from: BareJid) -> Self {
        Self {
            from: Some(from),
            ..self
        }
    }

    /// Opens a stream to `domain`, encrypted as the settings say, up to the server's features.
    ///
    /// # Errors
    /// See [`C2sError`].
    pub async fn connect(&self, domain: &DomainRef) -> Result<Client, C2sError> {
        timeout(TIME, self.open(domain))
            .await
            .map_err(|_| C2sError::TimedOut)?
    }

    async fn open(&self, domain: &DomainRef) -> Result<Client, C2sError> {
        let mut tcp = self.dial(domain).await?;
        tcp.set_nodelay(true)?;
        let io: Io = match &self.connector {
            None => Box::new(tcp),
            Some(tls) => {
                if self.tls == C2sTls::Starttls {
                    starttls(&mut tcp, domain).await?;
                }
                let failed = |error: io::Error| C2sError::Tls {
                    domain: domain.to_string(),
                    error,
                };
                let name = ServerName::try_from(domain.to_string())
                    .map_err(|e| failed(io::Error::other(e)))?;
                Box::new(tls.connect(name, tcp).await.map_err(failed)?)
            }
        };
        Client::open(io, domain, self.from.clone()).await
    }

    async fn dial(&self, domain: &DomainRef) -> Result<TcpStream, C2sError> {
        let address = self.address.clone().unwrap_or_else(|| match self.tls {
            C2sTls::Starttls | C2sTls::None => format!("{domain}:5222"),
            C2sTls::Direct => format!("{domain}:5223"),
        });
        let unreachable = |error| C2sError::Unreachable {
            address: address.clone(),
            error,
        };
        let found = tokio::net::lookup_host(&address)
            .await
            .map_err(unreachable)?;
        let mut last = C2sError::NotLoopback(address.clone());
        for candidate in found {
            if self.connector.is_none() && !candidate.ip().is_loopback() {
                continue;
            }
            match TcpStream::connect(candidate).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = unreachable(error),
            }
        }
        Err(last)
    }
}

/// RFC 6120 §5.4.
async fn starttls(tcp: &mut TcpStream, domain: &DomainRef) -> Result<(), C2sError> {
    let (source, sink) = tcp.split();
    let mut reader = Reader::new(source, LIMITS);
    let mut writer = Writer::new(sink);
    writer
        .open(
            "jabber:client",
            &[("to", domain.as_str()), ("version", "1.0")],
        )
        .await?;
    reader.header().await.map_err(super::session::lost)?;
    let features = read_element(&mut reader).await?;
    if !features.has_child("starttls", ns::TLS) {
        return Err(C2sError::NoStarttls);
    }
    writer.send(&Element::bare("starttls", ns::TLS)).await?;
    let answer = read_element(&mut reader).await?;
    // What came in the open behind the consent must not be taken for something encrypted.
    if !answer.is("proceed", ns::TLS) || reader.into_inner().is_none() {
        return Err(C2sError::OutOfTurn);
    }
    Ok(())
}

fn tls_connector(settings: &C2s) -> Result<TlsConnector, C2sError> {
    let mut config =
        tls::client_config(settings.ca_file.as_deref()).map_err(C2sError::Certificates)?;
    if settings.tls == C2sTls::Direct {
        // XEP-0368 §4
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    }
    Ok(TlsConnector::from(Arc::new(config)))
}
