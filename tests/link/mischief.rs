//! What users of the server can send: none of it ends the link, all others are served.

use std::fmt::Write as _;

use xmpp_oauth::xmpp::stream::Incoming;

use crate::metrics::counted;
use crate::world::{World, condition, iq, soon};

const EVE: &str = "eve@localhost/x";

#[tokio::test]
async fn malformed_stanzas_do_not_end_the_link() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for xml in [
        "<presence from='eve@localhost' to='oauth.localhost'><show>nonsense</show></presence>",
        "<presence from='eve@localhost' to='oauth.localhost'><priority>999</priority></presence>",
        "<presence type='nonsense' from='eve@localhost' to='oauth.localhost'/>",
        "<presence from='@@@' to='oauth.localhost'/>",
        "<message type='nonsense' from='eve@localhost' to='oauth.localhost'/>",
        "<message from='eve@localhost' to='oauth.localhost'><body/><body/></message>",
        "<iq type='nonsense' id='1' from='eve@localhost' to='oauth.localhost'/>",
        "<iq type='get' from='eve@localhost' to='oauth.localhost'><q xmlns='x'/></iq>",
        "<iq type='get' id='1' from='' to=''><q xmlns='x'/></iq>",
        "<iq type='error' id='1' from='eve@localhost' to='oauth.localhost'/>",
        "<iq/>",
        "<unknown xmlns='urn:unknown'/>",
        "<message from='eve@localhost'><a xmlns='http://www.w3.org/XML/1998/namespace'/></message>",
        "<message from='eve@localhost'><a b='1' b='2'/></message>",
        "<message from='eve@localhost'><undeclared:a/></message>",
        "<message from='eve@localhost'><a></b></message>",
        "<message from='eve@localhost'>&unknown;&#0;</message>",
        "<message from='eve@localhost'><!-- comment --><?pi?><![CDATA[</message>]]></message>",
        " \n\t ",
    ] {
        peer.send(xml).await;
        peer.is_served().await;
    }
}

#[tokio::test]
async fn attributes_of_200_kilobytes_do_not_end_the_link() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let long = "x".repeat(200_000);
    for xml in [
        format!("<presence from='{EVE}' to='oauth.localhost' a='{long}'/>"),
        format!("<message from='{EVE}' to='oauth.localhost'><a {long}='1'/></message>"),
        format!("<message from='{EVE}' to='oauth.localhost'><{long} xmlns='x'/></message>"),
        format!("<iq type='get' id='{long}' from='{EVE}' to='oauth.localhost'><a/></iq>"),
        format!("<iq type='get' id='1' from='{long}' to='oauth.localhost'><a/></iq>"),
    ] {
        peer.send(&xml).await;
        peer.is_served().await;
    }
    let asked = format!("<ping xmlns='urn:xmpp:ping' a='{long}'/>");
    let answer = peer.ask(EVE, "get", &asked).await;
    assert_eq!(answer.attr("type"), Some("result"));
}

#[tokio::test]
async fn a_stanza_that_is_too_large_is_refused_and_the_next_one_served() {
    let world = World::with("max_stanza_size = 10_000").await;
    let mut peer = world.accept().await;
    let large = format!("<a xmlns='x'>{}</a>", "<b/>".repeat(5_000));
    let answer = peer.ask(EVE, "get", &large).await;
    assert_eq!(condition(&answer), "policy-violation");
    peer.send(&format!("<iq from='{}'/>", "x".repeat(50_000)))
        .await;
    peer.is_served().await;
    let refused = "limits_hit_total{limit=\"max_stanza_size\"}";
    assert_eq!(counted(&world, refused), 2);
}

#[tokio::test]
async fn elements_ten_thousand_deep_are_refused_and_the_next_stanza_served() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let answer = peer.ask(EVE, "get", &deep).await;
    assert_eq!(condition(&answer), "policy-violation");
    peer.is_served().await;
    let refused = "limits_hit_total{limit=\"stanza_depth\"}";
    assert_eq!(counted(&world, refused), 1);
}

#[tokio::test]
async fn a_flood_from_one_user_does_not_keep_a_host_waiting() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let mut flood = String::new();
    for i in 0..10_000 {
        flood += &iq(EVE, "get", &format!("flood{i}"), "<q xmlns='urn:unknown'/>");
        if i % 1_000 == 0 {
            let _ = write!(
                flood,
                "{}",
                iq(
                    "localhost",
                    "get",
                    &format!("host{i}"),
                    "<ping xmlns='urn:xmpp:ping'/>"
                )
            );
        }
    }
    let (mut reader, mut writer) = (peer.reader, peer.writer);
    let writing = tokio::spawn(async move {
        writer.send_raw(flood.as_bytes()).await.unwrap();
        writer
    });
    let mut served = 0;
    while served < 10 {
        let incoming = soon("an answer", reader.next()).await.unwrap();
        if format!("{incoming:?}").contains("host") {
            served += 1;
        }
    }
    let writer = soon("the flood to be taken", writing).await.unwrap();
    peer = crate::world::Peer { reader, writer };
    peer.is_served().await;
}

const INTROSPECT: &str =
    "<introspect xmlns='urn:xmpp-oauth:introspection:0'><token>xoa_x</token></introspect>";

#[tokio::test]
async fn who_asks_too_much_at_once_is_told_to_wait_and_the_host_is_served_meanwhile() {
    let (served, told_to_wait) = flood_until_told("rest.localhost", "get", INTROSPECT).await;
    assert!(served >= 64 && told_to_wait > 0, "{served}, {told_to_wait}");
}

#[tokio::test]
async fn users_who_command_too_much_at_once_are_told_to_wait_and_the_host_is_served_meanwhile() {
    let command = "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp-oauth:command:0#apps'/>";
    let (served, told_to_wait) = flood_until_told("alice@localhost/phone", "set", command).await;
    assert!(served >= 32 && told_to_wait > 0, "{served}, {told_to_wait}");
}

/// A fast machine may answer each question of a flood before the next one has been read: then nobody has to
/// wait, and it takes another flood.
async fn flood_until_told(from: &str, kind: &str, payload: &str) -> (u64, u64) {
    let mut last = (0, 0);
    for _ in 0..30 {
        last = flood(from, kind, payload).await;
        if last.1 > 0 {
            break;
        }
    }
    last
}

/// 3000 requests in a row. How many were answered, and how many of them told to wait: each refusal is
/// counted, and the host is answered in between.
async fn flood(from: &str, kind: &str, payload: &str) -> (u64, u64) {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let mut flood = String::new();
    for i in 0..3_000 {
        flood += &iq(from, kind, &format!("flood{i}"), payload);
        if i % 100 == 0 {
            flood += &iq("localhost", "get", &format!("host{i}"), INTROSPECT);
        }
    }
    let (mut reader, mut writer) = (peer.reader, peer.writer);
    let writing = tokio::spawn(async move {
        writer.send_raw(flood.as_bytes()).await.unwrap();
        writer
    });
    let (mut served, mut told_to_wait, mut host_served) = (0, 0, 0);
    while served + told_to_wait + host_served < 3_030 {
        let incoming = soon("an answer", reader.next()).await.unwrap();
        let Incoming::Element(answer) = incoming else {
            panic!("{incoming:?}");
        };
        if answer.attr("type") == Some("get") {
            continue; // the component's own questions
        }
        let is_result = answer.attr("type") == Some("result");
        match answer.attr("to") {
            Some("localhost") => {
                assert!(is_result, "the host was not served");
                host_served += 1;
            }
            _ if is_result => served += 1,
            _ => {
                assert_eq!(condition(&answer), "resource-constraint");
                told_to_wait += 1;
            }
        }
    }
    assert_eq!(host_served, 30);
    let writer = soon("the flood to be taken", writing).await.unwrap();
    peer = crate::world::Peer { reader, writer };
    peer.is_served().await;
    let limits = ["link_requests_of_others", "link_requests_of_users"];
    let refused: u64 = limits
        .iter()
        .map(|limit| counted(&world, &format!("limits_hit_total{{limit=\"{limit}\"}}")))
        .sum();
    assert_eq!(refused, told_to_wait);
    (served, told_to_wait)
}

#[tokio::test]
async fn answers_and_errors_are_never_answered() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    for kind in ["result", "error"] {
        peer.send(&iq(EVE, kind, "unasked", "<q xmlns='urn:unknown'/>"))
            .await;
    }
    peer.send(&format!(
        "<message from='{EVE}' to='oauth.localhost'><body>hi</body></message>\
         <presence type='subscribe' from='{EVE}' to='oauth.localhost'/>"
    ))
    .await;
    // The answers come in the order of the requests.
    peer.send(&iq(EVE, "get", "last", "<ping xmlns='urn:xmpp:ping'/>"))
        .await;
    assert_eq!(peer.next().await.attr("id"), Some("last"));
}
