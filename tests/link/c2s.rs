//! Passwords checked by a login as a client, against servers that these tests play.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use xmpp_oauth::accounts::{Accounts as _, PasswordCheck, Unavailable};
use xmpp_oauth::config;
use xmpp_oauth::model::Generation;
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError, Connector};
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};

use crate::world::{World, soon};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const PLAIN: &str = "tls = \"none\"\nmechanisms = [\"SCRAM-SHA-1\", \"PLAIN\"]";

/// A server that has sent its features.
struct C2s {
    reader: Reader<Box<dyn AsyncRead + Send + Unpin>>,
    writer: Writer<Box<dyn AsyncWrite + Send + Unpin>>,
}

impl C2s {
    async fn open(
        connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        features: &str,
    ) -> Self {
        let (source, sink) = tokio::io::split(connection);
        let mut server = Self {
            reader: Reader::new(Box::new(source), Limits::of_size(100_000)),
            writer: Writer::new(Box::new(sink)),
        };
        server.start(features).await;
        server
    }

    /// The client begins a stream, and is told the features.
    async fn start(&mut self, features: &str) {
        let server = self;
        let header = server.reader.header().await.unwrap();
        assert_eq!(header.attr("to"), Some("localhost"));
        let attributes = [("from", "localhost"), ("id", "1"), ("version", "1.0")];
        server
            .writer
            .open("jabber:client", &attributes)
            .await
            .unwrap();
        server
            .send(&format!("<stream:features>{features}</stream:features>"))
            .await;
    }

    /// The client begins its stream anew after a login.
    async fn restart(self, features: &str) -> Self {
        let source = self.reader.into_inner().unwrap();
        let mut server = Self {
            reader: Reader::new(source, Limits::of_size(100_000)),
            writer: Writer::new(self.writer.into_inner()),
        };
        server.start(features).await;
        server
    }

    async fn send(&mut self, xml: &str) {
        self.writer.send_raw(xml.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Option<Element> {
        match soon("an element", self.reader.next()).await {
            Ok(Incoming::Element(element)) => Some(element),
            _ => None,
        }
    }

    /// The message of the client's next SASL element.
    async fn message(&mut self) -> String {
        let element = self.next().await.unwrap();
        String::from_utf8(STANDARD.decode(element.text()).unwrap()).unwrap()
    }
}

fn mechanisms(names: &[&str]) -> String {
    let names: String = names
        .iter()
        .map(|name| format!("<mechanism>{name}</mechanism>"))
        .collect();
    format!("<mechanisms xmlns='{SASL}'>{names}</mechanisms>")
}

/// The answer about alice's password from a server that offers `features` and then does `exchange`.
async fn check(
    settings: &str,
    features: &str,
    exchange: impl AsyncFnOnce(&mut C2s),
) -> Result<PasswordCheck, Unavailable> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with_c2s(listener.local_addr().unwrap(), settings).await;
    let (alice, secret) = ("alice@localhost".parse().unwrap(), Secret::new("pa,ss"));
    let server = async {
        let (tcp, _) = soon("a connection", listener.accept()).await.unwrap();
        let mut server = C2s::open(tcp, features).await;
        exchange(&mut server).await;
        server
    };
    let (answer, _) = tokio::join!(world.server.check_password(&alice, &secret), server);
    answer
}

#[tokio::test]
async fn a_right_password_is_right_and_no_resource_is_bound() {
    let offers = mechanisms(&["PLAIN"]);
    let answer = check(PLAIN, &offers, async |server| {
        assert_eq!(server.message().await, "\0alice\0pa,ss");
        server.send(&format!("<success xmlns='{SASL}'/>")).await;
        assert!(server.next().await.is_none());
    });
    let generation = None;
    assert_eq!(answer.await, Ok(PasswordCheck::Valid { generation }));
}

#[tokio::test]
async fn a_module_beside_it_says_which_generation_the_password_is_of() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with_c2s(listener.local_addr().unwrap(), PLAIN).await;
    let mut peer = world.accept().await;
    peer.hello("localhost").await;
    let (alice, secret) = ("alice@localhost".parse().unwrap(), Secret::new("pa,ss"));
    let server = async {
        let (tcp, _) = soon("a connection", listener.accept()).await.unwrap();
        let mut server = C2s::open(tcp, &mechanisms(&["PLAIN"])).await;
        server.message().await;
        server.send(&format!("<success xmlns='{SASL}'/>")).await;
        let account = "urn:xmpp-oauth:account:0";
        let iq = peer.request("accounts").await;
        let status = "<account username='alice' exists='true' enabled='true' generation='g'/>";
        peer.reply(
            &iq,
            &format!("<accounts xmlns='{account}'>{status}</accounts>"),
        )
        .await;
    };
    let (answer, ()) = tokio::join!(world.server.check_password(&alice, &secret), server);
    let generation = Some(Generation::new("g"));
    assert_eq!(answer, Ok(PasswordCheck::Valid { generation }));
}

#[tokio::test]
async fn only_what_says_so_is_a_wrong_password() {
    let offers = mechanisms(&["PLAIN"]);
    for (condition, is_wrong) in [
        ("not-authorized", true),
        ("account-disabled", true),
        ("credentials-expired", true),
        ("temporary-auth-failure", false),
        ("encryption-required", false),
        ("something-new", false),
    ] {
        let answer = check(PLAIN, &offers, async |server| {
            server.next().await.unwrap();
            let failure =
                format!("<failure xmlns='{SASL}'><text>no</text><{condition}/></failure>");
            server.send(&failure).await;
        });
        match answer.await {
            Ok(PasswordCheck::Invalid) => assert!(is_wrong, "{condition}"),
            Err(Unavailable::Refused(_)) => assert!(!is_wrong, "{condition}"),
            other => panic!("{condition}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_cannot_steer_us_to_a_mechanism_that_is_not_allowed() {
    let only = "tls = \"none\"\nmechanisms = [\"SCRAM-SHA-1\"]";
    let offers = mechanisms(&["PLAIN", "X-OTHER"]);
    let answer = check(only, &offers, async |server| {
        assert!(server.next().await.is_none());
    });
    assert!(matches!(answer.await, Err(Unavailable::Refused(_))));
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_not_believed() {
    let offers = mechanisms(&["PLAIN", "SCRAM-SHA-1"]);
    let signature = STANDARD.encode(format!("v={}", STANDARD.encode([0; 20])));
    for success in [
        format!("<success xmlns='{SASL}'/>"),
        format!("<success xmlns='{SASL}'>{signature}</success>"),
        format!("<challenge xmlns='{SASL}'>{signature}</challenge>"),
    ] {
        let answer = check(PLAIN, &offers, async |server| {
            let first = server.message().await;
            let nonce = first.split_once("r=").unwrap().1;
            let challenge = format!("r={nonce}abc,s={},i=4096", STANDARD.encode("salt"));
            let challenge = STANDARD.encode(challenge);
            server
                .send(&format!(
                    "<challenge xmlns='{SASL}'>{challenge}</challenge>"
                ))
                .await;
            server.next().await.unwrap();
            server.send(&success).await;
        });
        assert!(matches!(answer.await, Err(Unavailable::Refused(_))));
    }
}

#[tokio::test]
async fn no_password_is_sent_without_tls_where_tls_is_wanted() {
    let offers = mechanisms(&["PLAIN"]);
    let answer = check("tls = \"starttls\"", &offers, async |server| {
        assert!(server.next().await.is_none());
    });
    assert!(matches!(answer.await, Err(Unavailable::Refused(_))));
}

#[tokio::test]
async fn what_comes_in_the_open_behind_starttls_is_not_taken_for_encrypted() {
    let tls = "urn:ietf:params:xml:ns:xmpp-tls";
    let offers = format!("<starttls xmlns='{tls}'/>");
    let answer = check("tls = \"starttls\"", &offers, async |server| {
        assert!(server.next().await.unwrap().is("starttls", tls));
        let injected = "<stream:stream xmlns='jabber:client'><stream:features/>";
        server
            .send(&format!("<proceed xmlns='{tls}'/>{injected}"))
            .await;
        assert!(server.next().await.is_none());
    });
    assert!(matches!(answer.await, Err(Unavailable::Refused(_))));
}

#[tokio::test]
async fn a_server_that_does_not_answer_says_nothing_about_the_password() {
    let offers = mechanisms(&["PLAIN"]);
    let answer = check(PLAIN, &offers, async |server| {
        server.next().await.unwrap();
        tokio::time::pause();
        assert!(server.next().await.is_none());
    });
    assert_eq!(answer.await, Err(Unavailable::TimedOut));
}

#[tokio::test]
async fn a_server_that_is_away_says_nothing_about_the_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with_c2s(listener.local_addr().unwrap(), PLAIN).await;
    drop(listener);
    let (alice, secret) = ("alice@localhost".parse().unwrap(), Secret::new("x"));
    let answer = world.server.check_password(&alice, &secret).await;
    assert!(matches!(answer, Err(Unavailable::Refused(_))), "{answer:?}");
}

/// A client of a server of ours that needs no TLS, and the server once it has sent its features.
async fn meet() -> (xmpp_oauth::xmpp::c2s::Client, C2s) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connector = Connector::new(&config::C2s {
        address: Some(listener.local_addr().unwrap().to_string()),
        tls: config::C2sTls::None,
        ca_file: None,
        mechanisms: Vec::new(),
    })
    .unwrap();
    let domain: jid::DomainPart = "localhost".parse().unwrap();
    let server = async {
        let (tcp, _) = soon("a connection", listener.accept()).await.unwrap();
        C2s::open(tcp, &mechanisms(&["OAUTHBEARER"])).await
    };
    let (client, server) = tokio::join!(connector.connect(&domain), server);
    (client.unwrap(), server)
}

#[tokio::test]
async fn a_client_without_a_token_is_told_where_to_get_one() {
    let (mut client, mut server) = meet().await;
    let serving = async {
        assert_eq!(server.message().await, "n,,\u{1}auth=Bearer \u{1}\u{1}");
        let json = STANDARD.encode(r#"{"status":"invalid_token"}"#);
        server
            .send(&format!("<challenge xmlns='{SASL}'>{json}</challenge>"))
            .await;
        assert_eq!(server.message().await, "\u{1}");
        server
            .send(&format!(
                "<failure xmlns='{SASL}'><not-authorized/></failure>"
            ))
            .await;
    };
    let (answer, ()) = tokio::join!(client.oauthbearer(None, None), serving);
    let json = r#"{"status":"invalid_token"}"#.to_owned();
    assert_eq!(answer.unwrap(), Bearer::Challenge(json));

    // It may try again on the same stream.
    let serving = async {
        server.message().await;
        server
            .send(&format!(
                "<failure xmlns='{SASL}'><temporary-auth-failure/></failure>"
            ))
            .await;
    };
    let (answer, ()) = tokio::join!(client.oauthbearer(None, Some("xoa_1")), serving);
    match answer {
        Err(C2sError::Refused(condition)) => assert_eq!(condition, "temporary-auth-failure"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_with_a_token_logs_in_and_is_bound() {
    let (mut client, mut server) = meet().await;
    let serving = async {
        assert_eq!(
            server.message().await,
            "n,a=alice@localhost,\u{1}auth=Bearer xoa_1\u{1}\u{1}"
        );
        server.send(&format!("<success xmlns='{SASL}'/>")).await;
    };
    let login = client.oauthbearer(Some("alice@localhost"), Some("xoa_1"));
    let (answer, ()) = tokio::join!(login, serving);
    assert_eq!(answer.unwrap(), Bearer::Success);

    let bind = "urn:ietf:params:xml:ns:xmpp-bind";
    let serving = async {
        let mut server = server.restart(&format!("<bind xmlns='{bind}'/>")).await;
        let iq = server.next().await.unwrap();
        let wanted = iq.get_child("bind", bind).unwrap();
        assert_eq!(wanted.get_child("resource", bind).unwrap().text(), "phone");
        server
            .send(&format!(
                "<iq type='result' id='{}'><bind xmlns='{bind}'><jid>alice@localhost/phone</jid>\
                 </bind></iq><message xmlns='jabber:client'><body>hi</body></message>",
                iq.attr("id").unwrap()
            ))
            .await;
        server
    };
    let (bound, mut server) = tokio::join!(client.bind(Some("phone")), serving);
    let (mut client, jid) = bound.unwrap();
    assert_eq!(jid.as_str(), "alice@localhost/phone");
    let message = client.next().await.unwrap();
    assert!(message.has_child("body", "jabber:client"));
    client.send(&message).await.unwrap();
    assert_eq!(server.next().await.unwrap(), message);
    server
        .send(
            "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             </stream:error>",
        )
        .await;
    match client.next().await {
        Err(C2sError::Stream(condition)) => assert_eq!(condition, "not-authorized"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_counts_only_for_its_own_name_and_from_who_is_trusted() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let folder = tempfile::TempDir::new().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for (name, trusted, is_right) in [
        ("localhost", true, true),
        ("localhost", false, false),
        ("other.localhost", true, false),
    ] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connector = Connector::new(&config::C2s {
            address: Some(listener.local_addr().unwrap().to_string()),
            tls: config::C2sTls::Direct,
            ca_file: trusted.then(|| ca_file.clone()),
            mechanisms: Vec::new(),
        })
        .unwrap();
        let domain: jid::DomainPart = "localhost".parse().unwrap();
        let server = async {
            let (tcp, _) = soon("a connection", listener.accept()).await.unwrap();
            match acceptor.accept(tcp).await {
                Ok(tls) => Some(C2s::open(tls, &mechanisms(&["PLAIN"])).await),
                Err(_) => None,
            }
        };
        let (client, _) = tokio::join!(connector.connect(&domain), server);
        match client {
            Ok(_) => assert!(is_right, "{name} {trusted}"),
            Err(C2sError::Tls { .. }) => assert!(!is_right, "{name} {trusted}"),
            Err(other) => panic!("{name} {trusted}: {other}"),
        }
    }
}
