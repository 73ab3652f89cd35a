//! What the modules do with a component that answers otherwise than ours does: it is played here.

use jid::DomainPart;
use minidom::Element;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use xmpp_oauth::config::{C2s, C2sTls};
use xmpp_oauth::xmpp::c2s::{Bearer, Client, Connector};
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};

use crate::site::{LIMIT, ended};
use crate::support::prosody::{COMPONENT, HOST, SECRET};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};

const ACCEPT: &str = "jabber:component:accept";
const ACCOUNT: &str = "urn:xmpp-oauth:account:0";
const SASL: &str = "urn:xmpp-oauth:sasl:0";

/// The component's end of a link.
struct Component {
    reader: Reader<OwnedReadHalf>,
    writer: Writer<OwnedWriteHalf>,
}

impl Component {
    async fn join(server: &Server) -> Self {
        let tcp = TcpStream::connect(server.component()).await.unwrap();
        let (source, sink) = tcp.into_split();
        let mut reader = Reader::new(source, Limits::of_size(1_000_000));
        let mut writer = Writer::new(sink);
        writer.open(ACCEPT, &[("to", COMPONENT)]).await.unwrap();
        let header = reader.header().await.unwrap();
        let id = header.attr("id").unwrap().to_owned();
        let handshake = xmpp_parsers::component::Handshake::from_stream_id_and_password(id, SECRET);
        writer.send(&Element::from(handshake)).await.unwrap();
        let mut component = Self { reader, writer };
        assert!(component.next().await.is("handshake", ACCEPT));
        component
    }

    async fn next(&mut self) -> Element {
        let coming = tokio::time::timeout(LIMIT, self.reader.next()).await;
        match coming.expect("a stanza in time").unwrap() {
            Incoming::Element(element) => element,
            refused @ Incoming::Refused { .. } => panic!("{refused:?}"),
        }
    }

    /// The next request with a payload of this name; others before it get an empty result.
    async fn request(&mut self, name: &str) -> Element {
        loop {
            let iq = self.next().await;
            if iq.children().any(|payload| payload.name() == name) {
                return iq;
            }
            if matches!(iq.attr("type"), Some("get" | "set")) {
                self.reply(&iq, "result", "").await;
            }
        }
    }

    async fn reply(&mut self, request: &Element, kind: &str, payload: &str) {
        let (id, host) = (request.attr("id").unwrap(), request.attr("from").unwrap());
        let iq =
            format!("<iq type='{kind}' id='{id}' from='{COMPONENT}' to='{host}'>{payload}</iq>");
        self.writer.send_raw(iq.as_bytes()).await.unwrap();
    }
}

async fn connect(server: &Server) -> Client {
    let settings = C2s {
        address: Some(server.c2s().to_string()),
        tls: C2sTls::None,
        ca_file: None,
        mechanisms: Vec::new(),
    };
    let host = DomainPart::new(HOST).unwrap().into_owned();
    let connector = Connector::new(&settings).unwrap();
    connector.connect(&host).await.unwrap()
}

#[tokio::test]
async fn a_session_whose_grant_ended_before_it_opened_is_closed_though_the_first_word_was_lost() {
    for release in servers() {
        let server = Wish::of(release).start().await;
        let mut component = Component::join(&server).await;
        let hello = component.request("hello").await;
        let welcome = format!("<hello xmlns='{ACCOUNT}' version='1' issuer='http://localhost'/>");
        component.reply(&hello, "result", &welcome).await;

        let login = tokio::spawn(async move {
            let mut client = connect(&server).await;
            let said = client.oauthbearer(None, Some("xoa_x")).await.unwrap();
            assert_eq!(said, Bearer::Success);
            (client.bind(None).await.unwrap().0, server)
        });
        let asked = component.request("authenticate").await;
        let success = format!(
            "<success xmlns='{SASL}' jid='alice@{HOST}' grant='g' client='c' client-name='Chat' \
             scope='xmpp:client:normal' expires='2100-01-01T00:00:00Z'/>"
        );
        component.reply(&asked, "result", &success).await;
        let opened = component.request("session").await;
        let failed = "<error type='wait'><internal-server-error \
                      xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        component.reply(&opened, "error", failed).await;
        let (mut client, _server) = login.await.unwrap();

        let again = component.request("session").await;
        let payload = again.get_child("session", ACCOUNT).unwrap();
        let told = ["username", "grant", "state"].map(|name| payload.attr(name).unwrap());
        assert_eq!(told, ["alice", "g", "open"], "{release}");
        let gone = format!("<gone xmlns='{ACCOUNT}'/>");
        component.reply(&again, "result", &gone).await;
        let (_, why) = ended(&mut client).await;
        assert!(why.contains("not-authorized"), "{release}: {why}");
    }
}
