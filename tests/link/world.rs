//! A provider whose XMPP server is played by the test.

use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use minidom::Element;
use tempfile::TempDir;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::config;
use xmpp_oauth::http::NoticeTexts;
use xmpp_oauth::keys::Keyring;
use xmpp_oauth::model::{
    AuthorizationCode, BrowserSession, ClaimSet, Client, ClientId, ClientMetadata, ClientOrigin,
    Grant, GrantId, Pair,
};
use xmpp_oauth::oauth::{Foundation, Provider};
use xmpp_oauth::secrets::{OsRandom, TokenHash};
use xmpp_oauth::storage::Store;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::xmpp::stream::{Incoming, Limits, Reader, Writer};
use xmpp_oauth::xmpp::{LinkState, Server};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const COMPONENT: &str = "jabber:component:accept";

/// Fails when `event` takes longer than anything here should.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A running link, and the port that it connects to.
pub(crate) struct World {
    pub(crate) listener: TcpListener,
    pub(crate) server: Arc<Server>,
    pub(crate) store: Arc<dyn Store>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With more lines of `[component]`, or of `[xmpp]` after its name.
    pub(crate) async fn with(more: &str) -> Self {
        let (more, of_xmpp) = more.split_once("[xmpp]").unwrap_or((more, ""));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = TempDir::new().unwrap();
        let text = format!(
            r#"
            [component]
            jid = "oauth.localhost"
            secret = "{SECRET}"
            server = "{}"
            {more}
            [xmpp]
            hosts = ["localhost", "other.localhost"]
            max_password_checks = 2
            {of_xmpp}
            [http]
            public_url = "http://localhost:8480"
            [introspection]
            allowed = ["rest.localhost"]
            "#,
            listener.local_addr().unwrap()
        );
        Self::start(listener, folder, &text).await
    }

    /// Whose passwords are checked by logging in to `address`.
    pub(crate) async fn with_c2s(address: SocketAddr, more: &str) -> Self {
        Self::with_xmpp(address, "", more).await
    }

    /// Whose host has no module, and asks whether tokens are good.
    pub(crate) async fn validating() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        Self::with_xmpp(nowhere, "validate_hosts = [\"localhost\"]", "").await
    }

    async fn with_xmpp(address: SocketAddr, xmpp: &str, c2s: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!(
            r#"
            [component]
            jid = "oauth.localhost"
            secret = "{SECRET}"
            server = "{}"
            timeout = "5s"
            [xmpp]
            hosts = ["localhost"]
            authentication = "c2s"
            {xmpp}
            [xmpp.c2s]
            address = "{address}"
            {c2s}
            [http]
            public_url = "http://localhost:8480"
            "#,
            listener.local_addr().unwrap()
        );
        Self::start(listener, TempDir::new().unwrap(), &text).await
    }

    async fn start(listener: TcpListener, folder: TempDir, text: &str) -> Self {
        let config = Arc::new(config::parse(text, folder.path()).unwrap());
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(folder.path().join("test.db")).unwrap());
        let clock = Arc::new(ManualClock::at(NOW));
        let server = Server::new(Arc::clone(&config), Arc::new(OsRandom));
        let keys = Keyring::open(
            Arc::clone(&store),
            Arc::clone(&clock) as _,
            (&config.tokens).into(),
        );
        let words = Arc::new(NoticeTexts::new(&config).unwrap());
        let provider = Provider::new(Foundation {
            config,
            store: Arc::clone(&store),
            accounts: Arc::clone(&server) as _,
            words,
            keys: keys.await.unwrap(),
            clock: clock as _,
            random: Arc::new(OsRandom),
        });
        let provider = Arc::new(provider.await.unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        Self {
            listener,
            running: tokio::spawn(Arc::clone(&server).run(provider, shutdown)),
            server,
            store,
            stop: Some(stop),
            _folder: folder,
        }
    }

    /// Asks the link to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has.
    pub(crate) async fn stopped(&mut self) {
        soon("the end", &mut self.running).await.unwrap();
    }

    /// The next connection, up to the component's handshake, which is right.
    pub(crate) async fn accept(&self) -> Peer {
        let mut peer = self.connection().await;
        let handshake = peer.next().await;
        let right = xmpp_parsers::component::Handshake::from_stream_id_and_password(
            "some id".to_owned(),
            SECRET,
        );
        assert_eq!(handshake, Element::from(right));
        peer.send("<handshake/>").await;
        self.state(|state| *state == LinkState::Up).await;
        peer
    }

    /// The next connection, up to the stream headers.
    pub(crate) async fn connection(&self) -> Peer {
        let (tcp, _) = soon("a connection", self.listener.accept()).await.unwrap();
        Peer::open(tcp).await
    }

    /// Waits until the link's state is as `is` wants it.
    pub(crate) async fn state(&self, is: impl Fn(&LinkState) -> bool) -> LinkState {
        let mut state = self.server.link_state();
        let reached = state.wait_for(|state| is(state));
        soon("a state of the link", reached).await.unwrap().clone()
    }

    /// A live grant of `account` with an access token for `scope`.
    pub(crate) async fn grant(&self, account: &str, id: &str, token: &str, scope: &str) {
        let client = Client {
            id: ClientId::new("a client"),
            metadata: serde_json::from_value::<ClientMetadata>(serde_json::json!({
                "client_name": "Gajim",
                "client_uri": "https://gajim.org/",
                "redirect_uris": ["http://127.0.0.1/cb"],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "application_type": "native",
                "scope": "openid xmpp",
            }))
            .unwrap(),
            issued_at: NOW,
            expires_at: None,
            origin: ClientOrigin::Registered,
        };
        let grant = Grant {
            id: GrantId::new(id),
            account: account.parse().unwrap(),
            client_id: client.id.clone(),
            client_name: "Gajim".to_owned(),
            scopes: scope.parse().unwrap(),
            created_at: NOW,
            auth_time: Some(NOW),
            nonce: None,
            id_token_claims: ClaimSet::default(),
            generation: None,
            ended: None,
            granted_from: None,
            last_used_at: NOW,
            last_used_from: None,
        };
        let expires_at = NOW + Duration::from_secs(3600);
        let code = AuthorizationCode {
            grant_id: grant.id.clone(),
            client_id: client.id.clone(),
            account: grant.account.clone(),
            scopes: grant.scopes.clone(),
            redirect_uri: None,
            code_challenge: None,
            dpop_jkt: None,
            nonce: None,
            id_token_claims: ClaimSet::default(),
            auth_time: NOW,
            generation: None,
            issued_at: NOW,
            expires_at,
            granted_from: None,
        };
        let pair = Pair {
            access: TokenHash::of(token),
            scopes: grant.scopes.clone(),
            access_expires_at: expires_at,
            refresh: None,
            refresh_expires_at: None,
            issued_at: NOW,
            issued_to: None,
            access_jkt: None,
            refresh_jkt: None,
        };
        let hash = TokenHash::of(&format!("code of {id}"));
        let session = BrowserSession {
            account: code.account.clone(),
            auth_time: code.auth_time,
            generation: None,
            expires_at: code.expires_at,
            last_seen_at: NOW,
            from: None,
            user_agent: None,
        };
        self.store.save_session(&hash, &session).await.unwrap();
        assert!(self.store.save_code(&hash, &code, &hash).await.unwrap());
        self.store.end_session(&hash).await.unwrap();
        self.store
            .redeem_code(&hash, &client, &grant, &pair, NOW)
            .await
            .unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// The server's end of a link.
pub(crate) struct Peer {
    pub(crate) reader: Reader<OwnedReadHalf>,
    pub(crate) writer: Writer<OwnedWriteHalf>,
}

impl Peer {
    async fn open(tcp: TcpStream) -> Self {
        let (source, sink) = tcp.into_split();
        let mut reader = Reader::new(source, Limits::of_size(10_000_000));
        let mut writer = Writer::new(sink);
        let header = soon("a stream header", reader.header()).await.unwrap();
        assert_eq!(header.attr("to"), Some("oauth.localhost"));
        let attributes = [("from", "oauth.localhost"), ("id", "some id")];
        writer.open(COMPONENT, &attributes).await.unwrap();
        Self { reader, writer }
    }

    pub(crate) async fn send(&mut self, xml: &str) {
        self.writer.send_raw(xml.as_bytes()).await.unwrap();
    }

    /// The next element that comes.
    pub(crate) async fn next(&mut self) -> Element {
        match soon("a stanza", self.reader.next()).await.unwrap() {
            Incoming::Element(element) => element,
            refused @ Incoming::Refused { .. } => panic!("{refused:?}"),
        }
    }

    /// The next request of the component with a payload of this name. Others are passed over.
    pub(crate) async fn request(&mut self, name: &str) -> Element {
        loop {
            let iq = self.next().await;
            if iq.children().any(|payload| payload.name() == name) {
                return iq;
            }
        }
    }

    /// The answer to the request `id`.
    pub(crate) async fn answer(&mut self, id: &str) -> Element {
        loop {
            let iq = self.next().await;
            let answers = matches!(iq.attr("type"), Some("result" | "error"));
            if answers && iq.attr("id") == Some(id) {
                return iq;
            }
        }
    }

    /// Asks as `from` and gives the answer.
    pub(crate) async fn ask(&mut self, from: &str, kind: &str, payload: &str) -> Element {
        self.send(&iq(from, kind, "the question", payload)).await;
        self.answer("the question").await
    }

    /// Answers a request of the component.
    pub(crate) async fn reply(&mut self, request: &Element, payload: &str) {
        let mut xml = String::new();
        let _ = write!(
            xml,
            "<iq type='result' id='{}' from='{}' to='oauth.localhost'>{payload}</iq>",
            request.attr("id").unwrap(),
            request.attr("to").unwrap(),
        );
        self.send(&xml).await;
    }

    /// Says hello as the module of `host`.
    pub(crate) async fn hello(&mut self, host: &str) {
        let hello = "<hello xmlns='urn:xmpp-oauth:account:0' version='1' server='Test'>\
                     <scope>xmpp</scope><scope>xmpp:client:normal</scope></hello>";
        let answer = self.ask(host, "set", hello).await;
        assert_eq!(answer.attr("type"), Some("result"), "{}", text(&answer));
    }

    /// Shows that the link is up and serves.
    pub(crate) async fn is_served(&mut self) {
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        let answer = self.ask("localhost", "get", ping).await;
        assert_eq!(answer.attr("type"), Some("result"));
    }
}

pub(crate) fn iq(from: &str, kind: &str, id: &str, payload: &str) -> String {
    format!("<iq type='{kind}' id='{id}' from='{from}' to='oauth.localhost'>{payload}</iq>")
}

/// The condition of an answer that is an error.
pub(crate) fn condition(answer: &Element) -> String {
    let error = answer
        .get_child("error", COMPONENT)
        .unwrap_or_else(|| panic!("no error: {}", text(answer)));
    error.children().next().unwrap().name().to_owned()
}

pub(crate) fn text(element: &Element) -> String {
    String::from(element)
}
