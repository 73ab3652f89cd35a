//! XEP-0494: who sees what an account has granted, and who takes it back.

use minidom::Element;
use xmpp_parsers::cam::Status::{Restricted, Unrestricted};

use crate::world::{Peer, World, condition, text};

const LIST: &str = "<list xmlns='urn:xmpp:cam:0'/>";

fn access(username: &str, question: &str) -> String {
    format!(
        "<client-access xmlns='urn:xmpp-oauth:account:0' username='{username}'>{question}</client-access>"
    )
}

fn revoke(id: &str) -> String {
    format!("<revoke xmlns='urn:xmpp:cam:0' id='{id}'/>")
}

fn delegated(version: u8, from: &str, to: &str, kind: &str, question: &str) -> String {
    format!(
        "<delegation xmlns='urn:xmpp:delegation:{version}'><forwarded xmlns='urn:xmpp:forward:0'>\
         <iq xmlns='jabber:client' from='{from}' {to} type='{kind}' id='inner'>{question}</iq>\
         </forwarded></delegation>"
    )
}

/// The ids of the clients in an answer.
fn ids(answer: &Element) -> Vec<String> {
    let clients = answer
        .get_child("clients", "urn:xmpp:cam:0")
        .unwrap_or_else(|| panic!("{}", text(answer)));
    clients
        .children()
        .map(|client| client.attr("id").unwrap().to_owned())
        .collect()
}

/// Alice and Bob have granted something.
async fn world() -> (World, Peer) {
    let world = World::new().await;
    world.grant("alice@localhost", "g1", "xoa_1", "xmpp").await;
    world
        .grant("alice@localhost", "g2", "xoa_2", "xmpp:account:read")
        .await;
    world
        .grant("bob@localhost", "g3", "xoa_3", "xmpp:client:normal")
        .await;
    let peer = world.accept().await;
    (world, peer)
}

#[tokio::test]
async fn an_owner_sees_what_an_app_is_and_may_do() {
    let (_world, mut peer) = world().await;
    let session = "<session xmlns='urn:xmpp-oauth:account:0' username='alice' resource='r' grant='g1' state='open'/>";
    peer.ask("localhost", "set", session).await;
    let answer = peer.ask("localhost", "get", &access("alice", LIST)).await;
    let clients = xmpp_parsers::cam::Clients::try_from(answer.children().next().unwrap().clone());
    let clients = clients.unwrap().clients;
    let client = |id: &str| clients.iter().find(|client| client.id == id).unwrap();
    assert_eq!(clients.len(), 2);
    assert!(client("g1").connected && !client("g2").connected);
    assert_eq!(client("g1").user_agent.software, "Gajim");
    assert_eq!(
        client("g1").user_agent.uri.as_deref(),
        Some("https://gajim.org/")
    );
    assert!(client("g1").auth.grant && !client("g1").auth.password);
    let first_seen = client("g1").first_seen.as_ref().unwrap();
    assert_eq!(first_seen.0.timestamp(), crate::world::NOW.as_unix());
    assert_eq!(client("g1").permission.status, Unrestricted);
    assert_eq!(client("g2").permission.status, Restricted);
}

#[tokio::test]
async fn only_its_owner_takes_a_grant_back_and_the_server_is_told() {
    let (_world, mut peer) = world().await;
    for (username, id) in [("bob", "g1"), ("alice", "g9"), ("alice", "")] {
        let question = access(username, &revoke(id));
        let answer = peer.ask("localhost", "set", &question).await;
        assert_eq!(condition(&answer), "item-not-found", "{username} {id}");
    }
    let elsewhere = peer
        .ask("other.localhost", "set", &access("alice", &revoke("g1")))
        .await;
    assert_eq!(condition(&elsewhere), "item-not-found");

    peer.send(&crate::world::iq(
        "localhost",
        "set",
        "r1",
        &access("alice", &revoke("g1")),
    ))
    .await;
    let (mut answered, mut told) = (false, false);
    while !(answered && told) {
        let iq = peer.next().await;
        answered |= iq.attr("id") == Some("r1") && iq.attr("type") == Some("result");
        let order = iq.get_child("end-sessions", "urn:xmpp-oauth:account:0");
        told |= order.is_some_and(|order| order.attr("grant") == Some("g1"));
    }
    let answer = peer.ask("localhost", "get", &access("alice", LIST)).await;
    assert_eq!(ids(&answer), ["g2"]);
}

#[tokio::test]
async fn nobody_but_a_served_host_speaks_for_its_accounts() {
    let (_world, mut peer) = world().await;
    for from in [
        "alice@localhost",
        "alice@localhost/x",
        "localhost/x",
        "unserved.example",
        "rest.localhost",
    ] {
        for (kind, payload) in [
            ("get", access("alice", LIST)),
            ("set", access("alice", &revoke("g1"))),
            ("set", delegated(2, "alice@localhost/x", "", "get", LIST)),
        ] {
            let answer = peer.ask(from, kind, &payload).await;
            assert_eq!(condition(&answer), "forbidden", "{from} {payload}");
        }
        // XEP-0494 itself is spoken with one's server.
        let answer = peer.ask(from, "get", LIST).await;
        assert_eq!(condition(&answer), "service-unavailable", "{from}");
    }
    for (kind, payload) in [
        ("get", access("", LIST)),
        ("get", access("a@b", LIST)),
        ("get", access("alice", "")),
        ("get", access("alice", &format!("{LIST}{LIST}"))),
        ("set", access("alice", "<revoke xmlns='urn:xmpp:cam:0'/>")),
    ] {
        let answer = peer.ask("localhost", kind, &payload).await;
        assert_eq!(condition(&answer), "bad-request", "{payload}");
    }
    for (kind, payload) in [
        ("set", access("alice", LIST)),
        ("get", access("alice", &revoke("g1"))),
        ("get", access("alice", "<x xmlns='urn:unknown'/>")),
    ] {
        let answer = peer.ask("localhost", kind, &payload).await;
        assert_eq!(condition(&answer), "service-unavailable", "{payload}");
    }
}

/// The forwarded answer in an answer to `delegation`.
fn unwrapped(answer: &Element) -> Element {
    answer
        .children()
        .next()
        .and_then(|delegation| delegation.get_child("forwarded", "urn:xmpp:forward:0"))
        .and_then(|forwarded| forwarded.get_child("iq", "jabber:client"))
        .unwrap_or_else(|| panic!("{}", text(answer)))
        .clone()
}

#[tokio::test]
async fn a_server_may_delegate_it_whichever_version_it_speaks() {
    for version in [1, 2] {
        let (_world, mut peer) = world().await;
        let from = "alice@localhost/phone";
        for (to, count) in [("", 2), ("to='alice@localhost'", 2)] {
            let question = delegated(version, from, to, "get", LIST);
            let answer = peer.ask("localhost", "set", &question).await;
            let inner = unwrapped(&answer);
            assert_eq!(inner.attr("to"), Some(from));
            assert_eq!(inner.attr("from"), Some("alice@localhost"));
            assert_eq!(
                (inner.attr("id"), inner.attr("type")),
                (Some("inner"), Some("result"))
            );
            assert_eq!(ids(&inner).len(), count);
        }
        let question = delegated(version, from, "", "set", &revoke("g3"));
        let inner = unwrapped(&peer.ask("localhost", "set", &question).await);
        let error = inner.get_child("error", "jabber:client").unwrap();
        assert!(error.has_child("item-not-found", "urn:ietf:params:xml:ns:xmpp-stanzas"));
        let question = delegated(version, from, "", "set", &revoke("g2"));
        let inner = unwrapped(&peer.ask("localhost", "set", &question).await);
        assert_eq!(inner.attr("type"), Some("result"));
        for node in ["::urn:xmpp:cam:0", ":bare:urn:xmpp:cam:0"] {
            let info = format!(
                "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp:delegation:{version}{node}'/>"
            );
            let answer = text(&peer.ask("localhost", "get", &info).await);
            assert!(
                answer.contains("var='urn:xmpp:cam:0'")
                    || answer.contains("var=\"urn:xmpp:cam:0\""),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_delegated_request_is_for_ones_own_account_at_the_host_that_sends_it() {
    let (_world, mut peer) = world().await;
    for (from, to) in [
        ("bob@localhost/x", "to='alice@localhost'"),
        ("alice@localhost/x", "to='alice@localhost/x'"),
        ("alice@localhost/x", "to='localhost'"),
        ("alice@other.localhost/x", ""),
        ("alice@other.localhost/x", "to='alice@localhost'"),
        ("localhost", ""),
        ("", ""),
    ] {
        let question = delegated(2, from, to, "get", LIST);
        let answer = peer.ask("localhost", "set", &question).await;
        assert_eq!(condition(&answer), "forbidden", "{from} {to}");
    }
}
