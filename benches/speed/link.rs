//! Components beside ours: one that asks, one that only echoes; and an XMPP server that is played where
//! only the web is measured.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use minidom::Element;
use rxml::xml_ncname;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};
use xmpp_parsers::component::Handshake;

use crate::measure::Load;
use crate::support::prosody::{COMPONENT, HOST, SECRET};

const ACCEPT: &str = "jabber:component:accept";
const ACCOUNT: &str = "urn:xmpp-oauth:account:0";
/// The component that asks.
pub(crate) const REST: &str = "rest.localhost";
/// The one that echoes.
pub(crate) const ECHO: &str = "echo.localhost";
/// One that echoes nothing, but answers with the same each time.
pub(crate) const LONG_ECHO: &str = "long-echo.localhost";

pub(crate) struct Stream {
    reader: Reader<OwnedReadHalf>,
    writer: Writer<OwnedWriteHalf>,
}

impl Stream {
    fn new(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).expect("TCP_NODELAY");
        let (source, sink) = tcp.into_split();
        Self {
            reader: Reader::new(source, Limits::of_size(1 << 20)),
            writer: Writer::new(sink),
        }
    }

    /// Joins a server as a component (XEP-0114 §3).
    pub(crate) async fn join(port: u16, name: &str) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await;
        let mut stream = Self::new(tcp.expect("the component port"));
        stream
            .writer
            .open(ACCEPT, &[("to", name)])
            .await
            .expect("a stream");
        let header = stream.reader.header().await.expect("a header");
        let id = header.attr("id").expect("an id").to_owned();
        let handshake = Handshake::from_stream_id_and_password(id, SECRET);
        stream
            .writer
            .send(&handshake.into())
            .await
            .expect("a handshake");
        assert_eq!(stream.next().await.name(), "handshake");
        stream
    }

    async fn next(&mut self) -> Element {
        match self.reader.next().await.expect("a stanza") {
            Incoming::Element(element) => element,
            refused @ Incoming::Refused { .. } => panic!("{refused:?}"),
        }
    }

    /// Answers every request with this, or with its own payload, for ever.
    pub(crate) async fn echo(mut self, answer: Option<Element>) {
        loop {
            let mut iq = self.next().await;
            if let Some(answer) = &answer {
                iq.take_nodes();
                iq.append_child(answer.clone());
            }
            let (from, to) = (
                iq.attr("from").map(str::to_owned),
                iq.attr("to").map(str::to_owned),
            );
            iq.set_attr(
                rxml::Namespace::NONE,
                xml_ncname!("type").to_owned(),
                "result",
            );
            iq.set_attr(rxml::Namespace::NONE, xml_ncname!("from").to_owned(), to);
            iq.set_attr(rxml::Namespace::NONE, xml_ncname!("to").to_owned(), from);
            self.writer.send(&iq).await.expect("an answer is taken");
        }
    }

    /// What `to` answers to this.
    pub(crate) async fn answer(&mut self, to: &str, payload: &str) -> Element {
        let xml = format!("<iq type='get' from='{REST}' to='{to}' id='once'>{payload}</iq>");
        self.writer
            .send_raw(xml.as_bytes())
            .await
            .expect("a question is taken");
        loop {
            let answer = self.next().await;
            if answer.attr("id") == Some("once") {
                return answer.children().next().expect("a payload").clone();
            }
        }
    }

    /// Asks `to` this, `in_flight` at a time.
    pub(crate) async fn ask(
        &mut self,
        to: &str,
        payload: &str,
        in_flight: usize,
        time: Duration,
    ) -> Load {
        let until = Instant::now() + time;
        let (mut load, mut asked, mut next) = (Load::default(), HashMap::new(), 0_u32);
        loop {
            let mut xml = String::new();
            while asked.len() < in_flight && Instant::now() < until {
                next += 1;
                let id = format!("{next:x}");
                xml += &format!("<iq type='get' from='{REST}' to='{to}' id='{id}'>{payload}</iq>");
                asked.insert(id, Instant::now());
            }
            if asked.is_empty() {
                return load;
            }
            if !xml.is_empty() {
                self.writer
                    .send_raw(xml.as_bytes())
                    .await
                    .expect("a question is taken");
            }
            let answer = self.next().await;
            let since = answer.attr("id").and_then(|id| asked.remove(id));
            let Some(since) = since else { continue };
            match answer.attr("type") {
                Some("result") => {
                    let took = since.elapsed().as_micros();
                    load.micros.push(u32::try_from(took).unwrap_or(u32::MAX));
                }
                _ => load.failures += 1,
            }
        }
    }
}

/// A server that takes our component, has the module, and whose accounts are all there.
pub(crate) async fn play_server(listener: TcpListener) {
    loop {
        let (tcp, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            // ends with the connection
            let _ = tokio::spawn(serve(Stream::new(tcp))).await;
        });
    }
}

async fn serve(mut stream: Stream) {
    if stream.reader.header().await.is_err() {
        return;
    }
    let names = [("from", COMPONENT), ("id", "an id")];
    stream.writer.open(ACCEPT, &names).await.expect("a stream");
    stream.next().await;
    let hello = format!(
        "<handshake/><iq type='set' from='{HOST}' to='{COMPONENT}' id='hello'>\
         <hello xmlns='{ACCOUNT}' version='1' server='played'><scope>xmpp</scope>\
         <scope>xmpp:client:normal</scope></hello></iq>"
    );
    stream
        .writer
        .send_raw(hello.as_bytes())
        .await
        .expect("hello");
    while let Ok(Incoming::Element(iq)) = stream.reader.next().await {
        let (Some(id), Some("get" | "set")) = (iq.attr("id"), iq.attr("type")) else {
            continue;
        };
        let accounts = iq.get_child("accounts", ACCOUNT);
        let names = accounts.into_iter().flat_map(Element::children);
        let known: String = names
            .filter_map(|account| account.attr("username"))
            .map(|name| format!("<account username='{name}' exists='true' enabled='true'/>"))
            .collect();
        let payload = match iq.has_child("accounts", ACCOUNT) {
            true => format!("<accounts xmlns='{ACCOUNT}'>{known}</accounts>"),
            false => String::new(),
        };
        let xml =
            format!("<iq type='result' from='{HOST}' to='{COMPONENT}' id='{id}'>{payload}</iq>");
        if stream.writer.send_raw(xml.as_bytes()).await.is_err() {
            return;
        }
    }
}
