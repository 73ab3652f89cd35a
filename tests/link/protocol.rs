//! `docs/protocol.md`, as the component serves it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_oauth::accounts::Accounts as _;
use xmpp_oauth::model::GrantId;
use xmpp_oauth::xmpp::Module;

use crate::world::{Peer, World, condition, text};

const EVE: &str = "eve@localhost/x";
const ACCOUNT: &str = "xmlns='urn:xmpp-oauth:account:0'";

fn authenticate(message: &str) -> String {
    format!(
        "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER' \
         ip='198.51.100.7'>{}</authenticate>",
        STANDARD.encode(message)
    )
}

fn bearer(token: &str) -> String {
    authenticate(&format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}"))
}

fn introspect(token: &str) -> String {
    format!(
        "<introspect xmlns='urn:xmpp-oauth:introspection:0'><token>{token}</token></introspect>"
    )
}

async fn is_active(peer: &mut Peer, from: &str, token: &str) -> bool {
    let answer = peer.ask(from, "get", &introspect(token)).await;
    let json = answer
        .get_child("introspection", "urn:xmpp-oauth:introspection:0")
        .and_then(|answer| answer.get_child("json", "urn:xmpp:json:0"))
        .unwrap_or_else(|| panic!("{}", text(&answer)))
        .text();
    serde_json::from_str::<serde_json::Value>(&json).unwrap()["active"] == true
}

#[tokio::test]
async fn anybody_may_ask_what_is_here() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = text(&peer.ask(EVE, "get", info).await);
    assert!(answer.contains("urn:xmpp:ping"), "{answer}");
    let node = "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>";
    assert_eq!(
        condition(&peer.ask(EVE, "get", node).await),
        "item-not-found"
    );
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    assert_eq!(
        peer.ask(EVE, "get", items).await.attr("type"),
        Some("result")
    );
    let version = "<query xmlns='jabber:iq:version'/>";
    let answer = text(&peer.ask(EVE, "get", version).await);
    assert!(answer.contains(env!("CARGO_PKG_VERSION")), "{answer}");
    for (kind, payload) in [
        ("get", "<q xmlns='urn:unknown'/>"),
        ("set", "<ping xmlns='urn:xmpp:ping'/>"),
        ("get", "<authenticate xmlns='urn:xmpp-oauth:sasl:0'/>"),
    ] {
        let answer = peer.ask(EVE, kind, payload).await;
        assert_eq!(condition(&answer), "service-unavailable", "{payload}");
    }
    assert_eq!(condition(&peer.ask(EVE, "get", "").await), "bad-request");
}

#[tokio::test]
async fn a_host_that_only_validates_gives_the_whole_account_or_nothing() {
    let world = World::validating().await;
    let mut peer = world.accept().await;
    let host: jid::DomainPart = "localhost".parse().unwrap();
    assert_eq!(world.server.enforced_scopes(&host).to_string(), "xmpp");
    // Nobody there is told of grants.
    let alice = "alice@localhost".parse().unwrap();
    let ended = world.server.end_sessions(&alice, &GrantId::new("g")).await;
    assert_eq!(ended, Ok(0));
    // A module that is there all the same is believed.
    peer.hello("localhost").await;
    let enforced = world.server.enforced_scopes(&host).to_string();
    assert_eq!(enforced, "xmpp xmpp:client:normal");
}

#[tokio::test]
async fn scopes_are_enforced_where_the_hosts_module_says_so() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let scopes = |host: &str| {
        let host: jid::DomainPart = host.parse().unwrap();
        world.server.enforced_scopes(&host).to_string()
    };
    assert_eq!(scopes("localhost"), "");
    peer.hello("localhost").await;
    assert_eq!(scopes("localhost"), "xmpp xmpp:client:normal");
    assert_eq!(scopes("other.localhost"), "");
    let infos = world.server.host_infos();
    assert!(matches!(&infos[0].module, Module::Present(hello) if hello.version == "1"));
    assert_eq!(infos[1].module, Module::Unknown);

    // What a module enforces stays known while the link is away.
    drop(peer);
    world
        .state(|state| !matches!(state, xmpp_oauth::xmpp::LinkState::Up))
        .await;
    assert_eq!(scopes("localhost"), "xmpp xmpp:client:normal");
}

#[tokio::test]
async fn a_hello_without_version_or_with_a_scope_that_is_none_is_a_bad_request() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for hello in [
        format!("<hello {ACCOUNT}/>"),
        format!("<hello {ACCOUNT} version='1'><scope>a \"b\"</scope></hello>"),
    ] {
        let answer = peer.ask("localhost", "set", &hello).await;
        assert_eq!(condition(&answer), "bad-request", "{hello}");
    }
}

#[tokio::test]
async fn who_is_not_a_served_host_is_forbidden_what_hosts_may() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for from in [
        "unserved.example",
        "eve@localhost",
        "eve@localhost/x",
        "localhost/x",
        "evil.localhost",
        "rest.localhost",
    ] {
        for payload in [
            format!("<hello {ACCOUNT} version='1'/>"),
            format!("<session {ACCOUNT} username='a' resource='b' grant='c' state='open'/>"),
            format!("<sessions {ACCOUNT}/>"),
            format!("<account-changed {ACCOUNT} username='a' what='deleted'/>"),
            bearer("xoa_x"),
        ] {
            let answer = peer.ask(from, "set", &payload).await;
            assert_eq!(condition(&answer), "forbidden", "{from} {payload}");
        }
    }
    let hello = format!("<hello {ACCOUNT} version='1'/>");
    let answer = text(&peer.ask("unserved.example", "set", &hello).await);
    assert!(
        answer.contains("unserved.example") && answer.contains("hosts"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_token_logs_in_at_its_own_host() {
    let world = World::new().await;
    world
        .grant("alice@localhost", "g1", "xoa_alice", "openid xmpp")
        .await;
    let mut peer = world.accept().await;
    let answer = peer.ask("localhost", "set", &bearer("xoa_alice")).await;
    let success = answer
        .get_child("success", "urn:xmpp-oauth:sasl:0")
        .unwrap_or_else(|| panic!("{}", text(&answer)));
    for (name, value) in [
        ("jid", "alice@localhost"),
        ("grant", "g1"),
        ("client", "a client"),
        ("client-name", "Gajim"),
        ("scope", "openid xmpp"),
        ("expires", "2027-01-15T09:00:00Z"),
    ] {
        assert_eq!(success.attr(name), Some(value), "{name}");
    }
    for (host, message) in [
        ("other.localhost", bearer("xoa_alice")),
        ("localhost", bearer("xoa_unknown")),
        ("localhost", bearer("")),
        ("localhost", authenticate("n,,\u{1}\u{1}")),
    ] {
        let answer = peer.ask(host, "set", &message).await;
        let challenge = answer
            .get_child("challenge", "urn:xmpp-oauth:sasl:0")
            .unwrap_or_else(|| panic!("{}", text(&answer)));
        let json = STANDARD.decode(challenge.text()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["status"], "invalid_token");
    }
}

#[tokio::test]
async fn what_is_no_oauthbearer_message_is_a_bad_request() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for payload in [
        "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER'>*</authenticate>"
            .to_owned(),
        "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='PLAIN'>QQ==</authenticate>"
            .to_owned(),
        "<authenticate xmlns='urn:xmpp-oauth:sasl:0'>QQ==</authenticate>".to_owned(),
        authenticate("hello"),
    ] {
        let answer = peer.ask("localhost", "set", &payload).await;
        assert_eq!(condition(&answer), "bad-request", "{payload}");
    }
}

#[tokio::test]
async fn sessions_of_ended_grants_are_to_be_closed() {
    let world = World::new().await;
    world.grant("alice@localhost", "g1", "xoa_1", "xmpp").await;
    let mut peer = world.accept().await;
    let session = |grant: &str, state: &str| {
        format!(
            "<session {ACCOUNT} username='alice' resource='r' grant='{grant}' state='{state}'/>"
        )
    };
    let answer = peer.ask("localhost", "set", &session("g1", "open")).await;
    assert_eq!(answer.children().count(), 0, "{}", text(&answer));
    let answer = peer.ask("localhost", "set", &session("g2", "open")).await;
    assert!(answer.has_child("gone", "urn:xmpp-oauth:account:0"));
    let answer = peer.ask("localhost", "set", &session("g2", "closed")).await;
    assert_eq!(answer.children().count(), 0, "{}", text(&answer));
    let all = format!(
        "<sessions {ACCOUNT}><session username='alice' resource='r' grant='g1'/>\
         <session username='alice' resource='s' grant='g2'/></sessions>"
    );
    let answer = peer.ask("localhost", "set", &all).await;
    let gone: Vec<_> = answer
        .get_child("sessions", "urn:xmpp-oauth:account:0")
        .unwrap()
        .children()
        .map(|gone| (gone.name(), gone.attr("resource"), gone.attr("grant")))
        .collect();
    assert_eq!(gone, [("gone", Some("s"), Some("g2"))]);
    // A grant opens its own account's sessions only, also if another host says so.
    let answer = peer
        .ask("other.localhost", "set", &session("g1", "open"))
        .await;
    assert!(answer.has_child("gone", "urn:xmpp-oauth:account:0"));
}

#[tokio::test]
async fn sessions_that_make_no_sense_are_bad_requests() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let many = "<session username='a' resource='b' grant='c'/>".repeat(101);
    for payload in [
        format!("<session {ACCOUNT} username='a' resource='b' grant='c' state='x'/>"),
        format!("<session {ACCOUNT} username='a' resource='b' grant='c'/>"),
        format!("<session {ACCOUNT} username='a' resource='b' state='open'/>"),
        format!("<session {ACCOUNT} username='a@b' resource='b' grant='c' state='open'/>"),
        format!("<session {ACCOUNT} username='a' resource='b' grant='&lt;' state='open'/>"),
        format!("<sessions {ACCOUNT}><session username='a'/></sessions>"),
        format!("<sessions {ACCOUNT}>{many}</sessions>"),
        format!("<account-changed {ACCOUNT} username='a' what='x'/>"),
        format!("<account-changed {ACCOUNT} what='deleted'/>"),
    ] {
        let answer = peer.ask("localhost", "set", &payload).await;
        assert_eq!(condition(&answer), "bad-request", "{payload}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_accounts_grants() {
    let world = World::new().await;
    world.grant("alice@localhost", "g1", "xoa_1", "xmpp").await;
    let mut peer = world.accept().await;
    assert!(is_active(&mut peer, "localhost", "xoa_1").await);
    let changed = format!("<account-changed {ACCOUNT} username='alice' what='password'/>");
    let other = peer.ask("other.localhost", "set", &changed).await;
    assert_eq!(other.attr("type"), Some("result"));
    assert!(is_active(&mut peer, "localhost", "xoa_1").await);
    peer.send(&crate::world::iq("localhost", "set", "c1", &changed))
        .await;
    // The answer, and the order to end the sessions, in whichever order they come.
    let (mut answered, mut ended) = (false, false);
    while !(answered && ended) {
        let iq = peer.next().await;
        answered |= iq.attr("id") == Some("c1") && iq.attr("type") == Some("result");
        if let Some(order) = iq.get_child("end-sessions", "urn:xmpp-oauth:account:0") {
            assert_eq!(order.attr("username"), Some("alice"));
            assert_eq!(order.attr("grant"), Some("g1"));
            ended = true;
        }
    }
    assert!(!is_active(&mut peer, "localhost", "xoa_1").await);
}

#[tokio::test]
async fn tokens_are_introspected_by_their_host_and_by_who_is_allowed() {
    let world = World::new().await;
    world.grant("alice@localhost", "g1", "xoa_1", "xmpp").await;
    let mut peer = world.accept().await;
    assert!(is_active(&mut peer, "localhost", "xoa_1").await);
    assert!(is_active(&mut peer, "rest.localhost", "xoa_1").await);
    assert!(!is_active(&mut peer, "other.localhost", "xoa_1").await);
    for from in ["eve@localhost", "eve@rest.localhost", "rest.localhost/x"] {
        let answer = peer.ask(from, "get", &introspect("xoa_1")).await;
        assert_eq!(condition(&answer), "forbidden", "{from}");
    }
    let empty = "<introspect xmlns='urn:xmpp-oauth:introspection:0'/>";
    let answer = peer.ask("localhost", "get", empty).await;
    assert_eq!(condition(&answer), "bad-request");
}
