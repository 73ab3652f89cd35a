//! The link goes up, down and up again.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use xmpp_oauth::xmpp::{Down, LinkState};

use crate::metrics::counted;
use crate::world::{Peer, World, condition, iq, soon};

async fn told(condition: &str) -> Down {
    let world = World::new().await;
    let mut peer = world.connection().await;
    peer.send(&format!(
        "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>"
    ))
    .await;
    let state = world.state(|state| matches!(state, LinkState::Down(_)));
    match state.await {
        LinkState::Down(cause) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_secret_is_named() {
    let cause = told("not-authorized").await;
    assert_eq!(cause, Down::NotAuthorized);
    assert!(cause.to_string().contains("secret"), "{cause}");
}

#[tokio::test]
async fn a_second_holder_and_an_unknown_name_are_named() {
    assert_eq!(told("conflict").await, Down::Conflict);
    assert_eq!(told("host-unknown").await, Down::HostUnknown);
}

#[tokio::test]
async fn another_service_at_that_port_is_named() {
    let world = World::new().await;
    let (mut tcp, _) = soon("a connection", world.listener.accept()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n<html><p/>")
        .await
        .unwrap();
    let state = world.state(|state| matches!(state, LinkState::Down(_)));
    assert!(matches!(state.await, LinkState::Down(Down::NotXmpp(_))));
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_within_two_seconds() {
    let mut world = World::new().await;
    let peer = world.accept().await;
    world.state(|state| *state == LinkState::Up).await;
    let address = world.listener.local_addr().unwrap();
    world.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    drop(peer);
    world
        .state(|state| matches!(state, LinkState::Down(Down::Unreachable { .. })))
        .await;
    // It is away for long enough to make the component slow, if anything did: paused time passes at once.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(600)).await;
    tokio::time::resume();
    world.listener = TcpListener::bind(address).await.unwrap();
    let listening = Instant::now();
    let mut peer = world.accept().await;
    world.state(|state| *state == LinkState::Up).await;
    let took = listening.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    peer.is_served().await;
}

#[tokio::test]
async fn a_stream_that_the_server_ends_is_opened_again() {
    let world = World::new().await;
    for ending in [
        "</stream:stream>",
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         </stream:error>",
    ] {
        let mut peer = world.accept().await;
        peer.send(ending).await;
        let mut peer = world.accept().await;
        peer.is_served().await;
        drop(peer);
    }
}

#[tokio::test]
async fn what_was_asked_is_answered_before_the_end() {
    let mut world = World::new().await;
    let mut peer = world.accept().await;
    let message = "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER'>=\
                   </authenticate>";
    peer.is_served().await;
    peer.send(&iq("localhost", "set", "a1", message)).await;
    let answer = peer.answer("a1").await;
    assert_eq!(answer.attr("type"), Some("result"));
    world.stop();
    let end = soon("the end of the stream", async {
        loop {
            if let Err(end) = peer.reader.next().await {
                return end;
            }
        }
    });
    assert_eq!(end.await.to_string(), "the stream was closed");
    drop(peer);
    world.stopped().await;
    let state = world.server.link_state().borrow().clone();
    assert_eq!(state, LinkState::Down(Down::Stopped));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_server_that_is_away() {
    let mut world = World::new().await;
    world.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world
        .state(|state| matches!(state, LinkState::Down(_)))
        .await;
    world.stop();
    world.stopped().await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed_within_thirty_seconds() {
    let world = World::new().await;
    let peer = world.accept().await;
    // From here on time passes as soon as everybody waits.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut state = world.server.link_state();
    let cause = state.wait_for(|state| *state != LinkState::Up).await;
    assert_eq!(*cause.unwrap(), LinkState::Down(Down::Silent));
    assert!(start.elapsed() < Duration::from_secs(30));
    drop(peer);
}

#[tokio::test]
async fn a_server_that_is_only_quiet_is_asked_and_kept() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    peer.hello("localhost").await;
    peer.hello("other.localhost").await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    for _ in 0..6 {
        let ping = peer.request("ping").await;
        assert_eq!(ping.attr("to"), Some("localhost"));
        peer.reply(&ping, "").await;
    }
    assert!(start.elapsed() >= Duration::from_secs(50));
    assert_eq!(*world.server.link_state().borrow(), LinkState::Up);
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_handshake_is_given_up() {
    let world = World::new().await;
    let (tcp, _) = soon("a connection", world.listener.accept()).await.unwrap();
    tokio::time::pause();
    let mut state = world.server.link_state();
    let down = state.wait_for(|state| matches!(state, LinkState::Down(_)));
    assert!(matches!(
        &*down.await.unwrap(),
        LinkState::Down(Down::Unreachable { .. })
    ));
    drop(tcp);
}

fn refused(world: &World, limit: &str) -> u64 {
    counted(world, &format!("limits_hit_total{{limit=\"{limit}\"}}"))
}

/// Sends requests of `from`, and reads none of the answers, until `limit` is hit; gives how many were sent.
async fn flood_until(
    world: &World,
    peer: &mut Peer,
    limit: &str,
    (from, kind, payload): (&str, &str, &str),
) -> u64 {
    // what makes the answers long, too, so that the sockets' buffers are soon full
    let long = "x".repeat(1_000);
    let mut sent = 0;
    let flood = async {
        while refused(world, limit) == 0 {
            let row =
                (sent..sent + 500).map(|n| iq(from, kind, &format!("flood{n}-{long}"), payload));
            peer.send(&row.collect::<String>()).await;
            sent += 500;
        }
    };
    soon(limit, flood).await;
    sent
}

/// Has `other`, which is answered from another queue, ask too, and reads until each request of a flood has been
/// answered or its answer dropped; gives how many were told to wait.
async fn read_all(world: &World, peer: &mut Peer, sent: u64, other: &str) -> u64 {
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    peer.send(&iq(other, "get", "the last", ping)).await;
    let (mut answered, mut told_to_wait, mut dropped) = (0, 0, None);
    while dropped.is_none_or(|dropped| answered + dropped < sent) {
        let answer = peer.next().await;
        let is_error = answer.attr("type") == Some("error");
        let id = answer.attr("id").unwrap_or("");
        if id == "the last" {
            assert!(!is_error, "{other} was not served");
            // whatever came before it has been taken, too
            dropped = Some(refused(world, "link_answers_waiting"));
        } else if id.starts_with("flood") {
            answered += 1;
            told_to_wait += u64::from(is_error && condition(&answer) == "resource-constraint");
        }
    }
    told_to_wait
}

#[tokio::test]
async fn answers_to_a_server_that_does_not_read_are_dropped_and_counted_and_its_hosts_are_served() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let users = ("eve@localhost/x", "get", "<q xmlns='urn:unknown'/>");
    let sent = flood_until(&world, &mut peer, "link_answers_waiting", users).await;
    read_all(&world, &mut peer, sent, "localhost").await;
    peer.is_served().await;
    assert_eq!(*world.server.link_state().borrow(), LinkState::Up);
}

#[tokio::test]
async fn a_host_that_has_very_much_in_hand_is_told_to_wait_and_loses_nothing_that_was_taken() {
    let world = World::new().await;
    let mut peer = world.accept().await;
    let login = "<authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER'>=\
                 </authenticate>";
    let limit = "link_requests_of_hosts";
    let sent = flood_until(&world, &mut peer, limit, ("localhost", "set", login)).await;
    let told_to_wait = read_all(&world, &mut peer, sent, "eve@localhost/x").await;
    // of what was dropped, nothing had been taken
    let dropped = refused(&world, "link_answers_waiting");
    assert_eq!(told_to_wait + dropped, refused(&world, limit));
    let answer = peer.ask("localhost", "set", login).await;
    assert_eq!(answer.attr("type"), Some("result"));
}
