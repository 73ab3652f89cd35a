//! Fetches what clients say that it is theirs, by https: their keys, their sector; and tells them what they
//! want to hear. Whoever registers a client chooses the address, so it leads nowhere but to the public
//! internet unless the operator allows more; to the very address that was looked at; without redirects or
//! proxies; and within bounds of size, time and number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Url, form_urlencoded};

use crate::config::Fetch;
use crate::tls;

/// How long one may take, waiting for others included.
const TIME: Duration = Duration::from_secs(5);
/// The most that is read, head and body each.
const LONGEST: usize = 64 * 1024;

/// Why nothing was fetched. For the log: clients are not told what the network looks like from here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nothing but https is fetched.
    #[error("it is no https URL with a host")]
    NotHttps,
    /// It has no address that may be connected to.
    #[error("it has no public address ([fetch] allow_private)")]
    NoAddress,
    /// It took too long.
    #[error("it took longer than {} s", TIME.as_secs())]
    TooSlow,
    /// Something else than 200; redirects, too.
    #[error("it was answered with {0}")]
    Status(StatusCode),
    /// Network, TLS or HTTP failed, or the answer is too large.
    #[error("{0}")]
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> FetchError {
    FetchError::Failed(error.to_string())
}

/// Fetches.
pub struct Fetcher {
    allow_private: bool,
    ca_file: Option<PathBuf>,
    /// Made when it is first needed: most providers never fetch anything.
    tls: OnceLock<Result<TlsConnector, String>>,
    running: Semaphore,
}

impl Fetcher {
    /// By these settings, so many at once.
    pub fn new(settings: &Fetch, at_once: usize) -> Self {
        Self {
            allow_private: settings.allow_private,
            ca_file: settings.ca_file.clone(),
            tls: OnceLock::new(),
            running: Semaphore::new(at_once),
        }
    }

    /// What is at this address.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        let request = request(Method::GET, url).header(header::ACCEPT, "application/json");
        let request = request.body(Full::default()).map_err(failed)?;
        match self.in_time(url, request).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(FetchError::Status(status)),
        }
    }

    /// Posts a form there. Answers the status, whatever it is; nothing else of the answer is read. Where
    /// private addresses may be fetched from, a loopback one may do without https.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn post(&self, url: &Url, fields: &[(&str, &str)]) -> Result<u16, FetchError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        let request = request(Method::POST, url).header(header::CONTENT_TYPE, kind);
        let request = request.body(Full::from(form)).map_err(failed)?;
        let (status, _) = self.in_time(url, request).await?;
        Ok(status.as_u16())
    }

    async fn in_time(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let asked = async {
            let _turn = self.running.acquire().await.map_err(failed)?;
            self.ask(url, request).await
        };
        timeout(TIME, asked)
            .await
            .map_err(|_| FetchError::TooSlow)?
    }

    async fn ask(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let is_plain =
            url.scheme() == "http" && self.allow_private && *request.method() == Method::POST;
        let host = url
            .host_str()
            .filter(|_| url.scheme() == "https" || is_plain);
        let host = host.ok_or(FetchError::NotHttps)?;
        // an IPv6 address stands in brackets
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().ok_or(FetchError::NotHttps)?;
        let address = self.address(host, port).await?;
        if is_plain && !address.ip().is_loopback() {
            return Err(FetchError::NotHttps);
        }
        let tcp = TcpStream::connect(address).await.map_err(failed)?;
        if is_plain {
            return exchange(tcp, request).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
        let tls = self.connector()?.connect(name, tcp).await.map_err(failed)?;
        exchange(tls, request).await
    }

    /// The address that is connected to: no name is looked up again after this.
    async fn address(&self, host: &str, port: u16) -> Result<SocketAddr, FetchError> {
        let mut all = lookup_host((host, port)).await.map_err(failed)?;
        all.find(|address| self.allow_private || is_public(address.ip()))
            .ok_or(FetchError::NoAddress)
    }

    fn connector(&self) -> Result<&TlsConnector, FetchError> {
        let made = self.tls.get_or_init(|| {
            let config = tls::client_config(self.ca_file.as_deref())?;
            Ok(TlsConnector::from(Arc::new(config)))
        });
        made.as_ref().map_err(failed)
    }
}

/// A request for what is at this address.
fn request(method: Method, url: &Url) -> http::request::Builder {
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Request::builder()
        .method(method)
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, authority)
        .header(header::USER_AGENT, "xmpp-oauth")
}

/// Sends the request. The body of an answer is read where something was asked for and is there.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // ends with us, whatever becomes of the answer
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let is_get = *request.method() == Method::GET;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status();
    if !is_get || status != StatusCode::OK {
        return Ok((status, Bytes::new()));
    }
    let body = Limited::new(answer.into_body(), LONGEST).collect().await;
    Ok((status, body.map_err(failed)?.to_bytes()))
}

/// Whether an address is one of the public internet (the IANA special-purpose address registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4
            .iter()
            .any(|&(net, length)| prefix_v4(address, length) == prefix_v4(net, length)),
        // Global unicast alone: neither mapped nor translated, local, link-local, multicast addresses
        IpAddr::V6(address) => {
            prefix_v6(address, 3) == prefix_v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
                && !SPECIAL_V6
                    .iter()
                    .any(|&(net, length)| prefix_v6(address, length) == prefix_v6(net, length))
        }
    }
}

fn prefix_v4(address: Ipv4Addr, length: u32) -> u32 {
    u32::from(address) >> (32 - length)
}

fn prefix_v6(address: Ipv6Addr, length: u32) -> u128 {
    u128::from(address) >> (128 - length)
}

const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // carriers' NAT (RFC 6598)
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    // protocol assignments, Teredo among them
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 holds IPv4 addresses
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "2a01::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }
}
