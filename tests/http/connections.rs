//! Connections that are slow, half open, or in a hurry.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Http, raw};
use crate::world::{ALICE, PASSWORD, World};

const LIMIT: Duration = Duration::from_secs(10);
const IMPATIENT: &str = "limits.request_timeout = '1s'";

async fn answer_to(world: &World, sent: &[u8]) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(world.authority()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer))
        .await
        .expect("the other side ends it")
        .unwrap();
    (String::from_utf8(answer).unwrap(), stream)
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::with(IMPATIENT).await;
    for path in ["/oauth2/token", "/login", "/consent", "/oauth2/introspect"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
        );
        let (answer, _) = answer_to(&world, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(answer.contains("the body took too long to arrive"));
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_not_waited_for_either() {
    let world = World::with(IMPATIENT).await;
    let head = "POST /oauth2/register HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\
                Content-Type: application/json\r\nConnection: close\r\n\r\n";
    let stream = TcpStream::connect(world.authority()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    to.write_all(head.as_bytes()).await.unwrap();
    let trickle = tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(50));
        while to.write_all(b" ").await.is_ok() {
            every.tick().await;
        }
    });
    let mut status = [0; 12];
    tokio::time::timeout(LIMIT, from.read_exact(&mut status))
        .await
        .expect("an answer while the sender is still sending")
        .unwrap();
    trickle.abort();
    assert_eq!(&status, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let world = World::with(IMPATIENT).await;
    for start in ["", "GET /oauth2/jwks HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let (answer, _) = answer_to(&world, start.as_bytes()).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    world.is_refused_at("head_timeout", 2).await;
}

#[tokio::test]
async fn a_kept_connection_that_says_nothing_more_is_ended() {
    let world = World::with(IMPATIENT).await;
    let request = b"GET /oauth2/jwks HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, _) = answer_to(&world, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_sender_that_stops_halfway_is_told_so() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.authority()).await.unwrap();
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer))
        .await
        .expect("no waiting for what cannot come")
        .unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
}

/// Connections that ask for nothing, or for something that never comes to its end.
async fn slow_ones(world: &World, number: usize) -> Vec<TcpStream> {
    let body = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    let starts = ["", "GET / HTTP/1.1\r\nX: ", body];
    let mut slow = Vec::new();
    for start in starts.iter().cycle().take(number) {
        let mut stream = TcpStream::connect(world.authority()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    slow
}

#[tokio::test]
async fn many_slow_senders_do_not_keep_others_out() {
    let world = World::with("limits.max_connections = 64").await;
    let mut slow = slow_ones(&world, 64).await;
    // all places are taken, and none has had its time yet: the first one's goes to the newcomer
    let since = Instant::now();
    let app = world.register(json!({})).await;
    assert!(app.id.len() > 100);
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "others were waited for"
    );
    let mut end = Vec::new();
    let first = tokio::time::timeout(LIMIT, slow[0].read_to_end(&mut end)).await;
    assert!(first.is_ok(), "the first one is ended");
    assert!(world.refused_at("max_connections") >= 1);
}

#[tokio::test]
async fn a_request_that_is_being_answered_keeps_its_place_though_newcomers_want_it() {
    let world = World::with("limits.max_connections = 3\nlimits.request_timeout = '30s'").await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let page = browser.get(&world.authorize_url(&app, &[])).await;
    let gate = world.server.hold();
    let logging_in = world.give_password(&mut browser, &page, ALICE, PASSWORD);
    let others = async {
        while world.server.asked() == 0 {
            tokio::task::yield_now().await;
        }
        let slow = slow_ones(&world, 12).await;
        // served by the place of one of those
        world.register(json!({})).await;
        gate.notify_one();
        slow
    };
    let (answer, _slow) = tokio::join!(logging_in, others);
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test]
async fn many_who_ask_at_once_are_all_answered_however_few_places_there_are() {
    let world = World::with("limits.max_connections = 4").await;
    let asked = (0..200).map(|_| async {
        let answer = Http::new().get(&world.url("/oauth2/jwks")).await;
        answer.status
    });
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|&status| status == 200), "{answers:?}");
}

#[tokio::test]
async fn requests_sent_at_once_on_one_connection_are_answered_in_order() {
    let world = World::new().await;
    let requests = b"GET /oauth2/jwks HTTP/1.1\r\nHost: x\r\n\r\n\
                     GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n\
                     GET /oauth2/userinfo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(world.authority(), &[requests]).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let statuses: Vec<_> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "401"]);
}

#[tokio::test]
async fn after_a_body_that_was_refused_nothing_of_it_is_taken_for_a_request() {
    let world = World::new().await;
    let inner = "GET /oauth2/jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let world_answers = format!("{request}GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n");
    let answer = raw(world.authority(), &[world_answers.as_bytes()])
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    assert!(!answer.contains("HTTP/1.1 200 "), "{answer}");
    assert_eq!(
        Http::new().get(&world.url("/oauth2/jwks")).await.status,
        200
    );
}
