//! Connections that want nothing, or want it very slowly.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::figures::{Before, is_served, open_many_files, spread, tell, town};
use crate::site::Site;

const STORM: &str = "connections";

/// Sends a request byte by byte, and again on another connection whenever it is ended.
async fn trickle(port: u16, request: String) {
    loop {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        for byte in request.bytes() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn slow_request(n: usize) -> String {
    let endless = "x".repeat(1000);
    match n % 2 {
        0 => format!("GET / HTTP/1.1\r\nX-Slow: {endless}"),
        _ => format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{endless}"
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_idle_and_five_hundred_slow_connections_keep_nobody_out() {
    open_many_files();
    // the usual limit of open files
    let few_files = &["prlimit", "--nofile=1024:1024"];
    let site = Site::prepared(town(0).await, "", |program| {
        program.env("RUST_LOG", "info").under(few_files)
    })
    .await;
    let before = Before::look(STORM, &site).await;

    let port = site.program.http_port;
    let mut slow = JoinSet::new();
    for n in 0..500 {
        slow.spawn(trickle(port, slow_request(n)));
    }
    let since = Instant::now();
    let idle = join_all((0..5000).map(|_| TcpStream::connect(("127.0.0.1", port)))).await;
    let mut idle: Vec<_> = idle.into_iter().map(Result::unwrap).collect();
    tell(STORM, &format!("5000 opened in {:?}", since.elapsed()));
    let mut times = Vec::new();
    for _ in 0..200 {
        times.push(is_served(&site).await);
    }
    let slowest = *times.iter().max().unwrap();
    tell(STORM, &format!("requests meanwhile: {}", spread(times)));
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");

    // those for whom there was no place were ended at once, not left waiting
    let mut byte = [0];
    let oldest = tokio::time::timeout(Duration::from_secs(1), idle[0].read(&mut byte));
    assert_eq!(oldest.await.expect("the oldest is ended").unwrap_or(0), 0);
    drop(idle);
    slow.shutdown().await;
    assert!(!site.program.log().contains("could not be accepted"));
    before.is_as_before(&site).await;
}
