//! Logins of chat clients: from the connection to the server's `success`, by a client that does no more
//! than it must.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::measure::Load;
use crate::support::prosody::{ALICE, HOST};

/// The `auth` element for alice's password.
pub(crate) fn plain() -> String {
    auth("PLAIN", &format!("\0{}\0{}", ALICE.name, ALICE.password))
}

/// The one for a token.
pub(crate) fn oauthbearer(token: &str) -> String {
    auth(
        "OAUTHBEARER",
        &format!("n,,\x01auth=Bearer {token}\x01\x01"),
    )
}

fn auth(mechanism: &str, message: &str) -> String {
    let message = STANDARD.encode(message);
    format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{message}</auth>"
    )
}

/// Logs in again and again, so many at a time.
pub(crate) async fn load(server: SocketAddr, auth: &str, at_once: usize, time: Duration) -> Load {
    let until = Instant::now() + time;
    let workers = (0..at_once).map(|_| {
        let auth = auth.to_owned();
        tokio::spawn(async move {
            let mut load = Load::default();
            while Instant::now() < until {
                let since = Instant::now();
                match log_in(server, &auth).await {
                    Ok(true) => {
                        let took = since.elapsed().as_micros();
                        load.micros.push(u32::try_from(took).unwrap_or(u32::MAX));
                    }
                    Ok(false) | Err(_) => load.failures += 1,
                }
            }
            load
        })
    });
    let loads = futures::future::join_all(workers).await;
    loads
        .into_iter()
        .map(|load| load.expect("a client"))
        .fold(Load::default(), Load::join)
}

async fn log_in(server: SocketAddr, auth: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    stream.write_all(header.as_bytes()).await?;
    read_to(&mut stream, &["</stream:features>"]).await?;
    stream.write_all(auth.as_bytes()).await?;
    let answer = read_to(&mut stream, &["<success", "<failure", "<challenge"]).await?;
    stream.write_all(b"</stream:stream>").await?;
    Ok(answer.contains("<success"))
}

async fn read_to(stream: &mut TcpStream, ends: &[&str]) -> std::io::Result<String> {
    let mut got = String::new();
    let mut buffer = [0; 4096];
    while !ends.iter().any(|end| got.contains(end)) {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        got += &String::from_utf8_lossy(&buffer[..count]);
    }
    Ok(got)
}
