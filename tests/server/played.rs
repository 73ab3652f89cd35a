//! What the modules do with a component that answers otherwise than ours does: it is played here.

use jid::DomainPart;
use minidom::Element;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use xmpp_oauth::config::{C2s, C2sTls};
use xmpp_oauth::xmpp::c2s::{Bearer, Client, Connector};
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};

use crate::site::{LIMIT, ended};
use crate::support::prosody::{COMPONENT, HOST, SECRET};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};

pub(crate) const ACCEPT: &str = "jabber:component:accept";
pub(crate) const ACCOUNT: &str = "urn:xmpp-oauth:account:0";
const SASL: &str = "urn:xmpp-oauth:sasl:0";

/// A component's end of a link. Dropped, the link is cut.
pub(crate) struct Component {
    name: &'static str,
    coming: mpsc::UnboundedReceiver<Element>,
    reading: JoinHandle<()>,
    writer: Writer<OwnedWriteHalf>,
}

impl Component {
    pub(crate) async fn join_as(name: &'static str, server: &Server) -> Self {
        let tcp = TcpStream::connect(server.component()).await.unwrap();
        let (source, sink) = tcp.into_split();
        let mut reader = Reader::new(source, Limits::of_size(1_000_000));
        let mut writer = Writer::new(sink);
        writer.open(ACCEPT, &[("to", name)]).await.unwrap();
        let header = reader.header().await.unwrap();
        let id = header.attr("id").unwrap().to_owned();
        let handshake = xmpp_parsers::component::Handshake::from_stream_id_and_password(id, SECRET);
        writer.send(&Element::from(handshake)).await.unwrap();
        let (sender, coming) = mpsc::unbounded_channel();
        let reading = tokio::spawn(async move {
            while let Ok(Incoming::Element(element)) = reader.next().await {
                let _ = sender.send(element);
            }
        });
        let mut component = Self {
            name,
            coming,
            reading,
            writer,
        };
        assert!(component.next().await.is("handshake", ACCEPT));
        component
    }

    /// A component that has answered the module's hello.
    pub(crate) async fn welcomed_as(name: &'static str, server: &Server) -> Self {
        let mut component = Self::join_as(name, server).await;
        let hello = component.request("hello").await;
        let welcome = format!("<hello xmlns='{ACCOUNT}' version='1' issuer='http://localhost'/>");
        component.reply(&hello, "result", &welcome).await;
        component
    }

    pub(crate) async fn next(&mut self) -> Element {
        let coming = tokio::time::timeout(LIMIT, self.coming.recv()).await;
        coming.expect("a stanza in time").expect("a stanza")
    }

    /// The next request with a payload of this name; others before it get an empty result.
    pub(crate) async fn request(&mut self, name: &str) -> Element {
        loop {
            let iq = self.next().await;
            if iq.children().any(|payload| payload.name() == name) {
                return iq;
            }
            self.pass(&iq).await;
        }
    }

    /// Answers a request with nothing.
    pub(crate) async fn pass(&mut self, iq: &Element) {
        if matches!(iq.attr("type"), Some("get" | "set")) {
            self.reply(iq, "result", "").await;
        }
    }

    pub(crate) async fn reply(&mut self, request: &Element, kind: &str, payload: &str) {
        let (id, name) = (request.attr("id").unwrap(), self.name);
        let host = request.attr("from").unwrap();
        self.send(&format!(
            "<iq type='{kind}' id='{id}' from='{name}' to='{host}'>{payload}</iq>"
        ))
        .await;
    }

    /// Asks the host's module, and waits for its answer.
    pub(crate) async fn ask(&mut self, kind: &str, payload: &str) -> Element {
        self.asked(kind, payload).await.0
    }

    /// Asks the host's module: the names of what it says before it answers.
    pub(crate) async fn told_before_the_answer(
        &mut self,
        kind: &str,
        payload: &str,
    ) -> Vec<String> {
        self.asked(kind, payload).await.1
    }

    async fn asked(&mut self, kind: &str, payload: &str) -> (Element, Vec<String>) {
        let name = self.name;
        self.send(&format!(
            "<iq type='{kind}' id='asked' from='{name}' to='{HOST}'>{payload}</iq>"
        ))
        .await;
        let mut told = Vec::new();
        loop {
            let iq = self.next().await;
            if iq.attr("id") == Some("asked") {
                return (iq, told);
            }
            self.pass(&iq).await;
            told.extend(iq.children().map(|payload| payload.name().to_owned()));
        }
    }

    async fn send(&mut self, text: &str) {
        self.writer.send_raw(text.as_bytes()).await.unwrap();
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// What says that a token is alice's, with a chat client's scope.
pub(crate) fn success(grant: &str) -> String {
    format!(
        "<success xmlns='{SASL}' jid='alice@{HOST}' grant='{grant}' client='c' client-name='Chat' \
         scope='xmpp:client:normal' expires='2100-01-01T00:00:00Z'/>"
    )
}

pub(crate) fn error(kind: &str, condition: &str) -> String {
    format!(
        "<error type='{kind}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )
}

pub(crate) async fn connect(server: &Server) -> Client {
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
        let mut component = Component::welcomed_as(COMPONENT, &server).await;

        let login = tokio::spawn(async move {
            let mut client = connect(&server).await;
            let said = client.oauthbearer(None, Some("xoa_x")).await.unwrap();
            assert_eq!(said, Bearer::Success);
            (client.bind(None).await.unwrap().0, server)
        });
        let asked = component.request("authenticate").await;
        component.reply(&asked, "result", &success("g")).await;
        let opened = component.request("session").await;
        let failed = error("wait", "internal-server-error");
        component.reply(&opened, "error", &failed).await;
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
