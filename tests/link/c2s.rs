//! Passwords checked by a login as a client, against servers that these tests play.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use xmpp_oauth::accounts::{Accounts as _, PasswordCheck, Unavailable};
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};

use crate::world::{World, soon};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const PLAIN: &str = "tls = \"none\"\nmechanisms = [\"SCRAM-SHA-1\", \"PLAIN\"]";

/// A server that has sent its features.
struct C2s {
    reader: Reader<OwnedReadHalf>,
    writer: Writer<OwnedWriteHalf>,
}

impl C2s {
    async fn open(tcp: TcpStream, features: &str) -> Self {
        let (source, sink) = tcp.into_split();
        let mut server = Self {
            reader: Reader::new(source, Limits::of_size(100_000)),
            writer: Writer::new(sink),
        };
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
