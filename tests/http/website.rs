//! A website that is played here, with a certificate for `localhost`: clients name it, and it writes down
//! what it is asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use url::form_urlencoded;

use crate::wait;
use crate::world::World;

/// How long anything may take that has to be asked.
const LIMIT: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// The fields of the form.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

/// See the module. It answers everything with the same text.
pub(crate) struct Website {
    pub(crate) port: u16,
    /// Held by a test that lets it wait with its answers.
    pub(crate) slow: Arc<tokio::sync::Mutex<()>>,
    connected: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<String>>,
    /// Its certificate authority.
    folder: TempDir,
}

impl Website {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let website = Self {
            port: listener.local_addr().unwrap().port(),
            slow: Arc::default(),
            connected: Arc::default(),
            asked: Arc::default(),
            answer: Arc::default(),
            folder,
        };
        website.says("200 OK", "");
        let (connected, asked) = (Arc::clone(&website.connected), Arc::clone(&website.asked));
        let (answer, slow) = (Arc::clone(&website.answer), Arc::clone(&website.slow));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connected.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor.clone();
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                let slow = Arc::clone(&slow);
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let mut stream = BufReader::new(tls);
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    asked.lock().unwrap().push(request);
                    drop(slow.lock().await);
                    let answer = answer.lock().unwrap().clone();
                    // who asks may hang up before the end
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        website
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(crate) fn says(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    }

    /// How often it was connected to.
    pub(crate) fn times_connected(&self) -> u32 {
        self.connected.load(Ordering::SeqCst)
    }

    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked().len()
    }

    /// Waits until it has been asked so often.
    pub(crate) async fn was_asked(&self, times: usize) -> Vec<Asked> {
        let what = format!("{times} requests");
        wait::until(&what, LIMIT, async || {
            let asked = self.asked();
            (asked.len() >= times).then_some(asked)
        })
        .await
    }

    /// A provider that trusts it.
    pub(crate) async fn world(&self, more: &str) -> World {
        Self::world_of(&[self], more).await
    }

    /// A provider that trusts these.
    pub(crate) async fn world_of(websites: &[&Self], more: &str) -> World {
        World::with(&Self::trusted(websites, more)).await
    }

    /// The settings of a provider that trusts these.
    pub(crate) fn trusted(websites: &[&Self], more: &str) -> String {
        let [first, ..] = websites else {
            panic!("no website");
        };
        let ca = |website: &&Self| std::fs::read_to_string(website.folder.path().join("ca.pem"));
        let all: Vec<_> = websites.iter().map(|one| ca(one).unwrap()).collect();
        let file = first.folder.path().join("all.pem");
        std::fs::write(&file, all.concat()).unwrap();
        format!("fetch.ca_file = '{}'\n{more}", file.display())
    }
}

/// A request up to the end of its body.
async fn read(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<Asked> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let before = head.len();
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
        let line = head[before..].trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Asked { head, body })
}
