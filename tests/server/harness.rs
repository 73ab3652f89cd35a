//! The harness itself: what it starts is there, and is gone afterwards.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::browser::{Browser, Look};
use crate::support::child::Signal;
use crate::support::http::Http;
use crate::support::prosody::{ALICE, Prosody};
use crate::support::release::{Release, servers};
use crate::support::wait::until;

const LIMIT: Duration = Duration::from_secs(10);

/// Of the servers to test on, the Prosodies.
fn prosodies() -> Vec<Release> {
    servers()
        .into_iter()
        .filter(|release| release.is_prosody())
        .collect()
}

/// Reads from a stream until `text` has come.
async fn read_to(stream: &mut TcpStream, text: &str) -> String {
    let mut got = String::new();
    let read = async {
        while !got.contains(text) {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed before {text:?}: {got}");
            got += std::str::from_utf8(&buffer[..count]).unwrap();
        }
    };
    tokio::time::timeout(LIMIT, read)
        .await
        .unwrap_or_else(|_| panic!("no {text:?}"));
    got
}

/// Whether PLAIN with this password logs in.
async fn logs_in(server: &Prosody, name: &str, password: &str) -> bool {
    use base64::Engine;
    let mut stream = TcpStream::connect(server.c2s()).await.unwrap();
    let header = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";
    stream.write_all(header.as_bytes()).await.unwrap();
    let features = read_to(&mut stream, "</stream:features>").await;
    assert!(features.contains("PLAIN"), "{features}");
    let message = base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0{password}"));
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>"
    );
    stream.write_all(auth.as_bytes()).await.unwrap();
    read_to(&mut stream, "urn:ietf:params:xml:ns:xmpp-sasl")
        .await
        .contains("<success")
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_server_knows_alice_and_vanishes_when_dropped() {
    for release in prosodies() {
        let server = Prosody::builder(release)
            .without_oauth_module()
            .start()
            .await;
        assert!(
            logs_in(&server, ALICE.name, ALICE.password).await,
            "{release}"
        );
        assert!(!logs_in(&server, ALICE.name, "wrong").await, "{release}");

        let (pid, dir, port) = (server.pid(), server.dir().to_owned(), server.c2s());
        drop(server);
        assert!(!exists(pid), "{release}: process {pid} is still there");
        assert!(!dir.exists(), "{release}: {} is still there", dir.display());
        assert!(
            TcpStream::connect(port).await.is_err(),
            "{release}: {port} still answers"
        );
    }
}

#[tokio::test]
async fn a_server_comes_back_on_its_ports_after_a_kill_and_after_a_stop() {
    for release in prosodies() {
        let mut server = Prosody::builder(release)
            .without_oauth_module()
            .start()
            .await;
        let ports = (server.c2s(), server.component());
        server.kill9();
        assert!(TcpStream::connect(server.c2s()).await.is_err(), "{release}");
        server.start().await;
        server.restart().await;
        assert_eq!(ports, (server.c2s(), server.component()));
        assert!(
            logs_in(&server, ALICE.name, ALICE.password).await,
            "{release}"
        );
    }
}

#[tokio::test]
async fn a_stopped_server_hangs_until_it_is_continued() {
    for release in prosodies() {
        let server = Prosody::builder(release)
            .without_oauth_module()
            .start()
            .await;
        server.signal(Signal::STOP);
        let state = format!("/proc/{}/stat", server.pid());
        until("the server to hang", LIMIT, async || {
            std::fs::read_to_string(&state)
                .unwrap()
                .contains(") T ")
                .then_some(())
        })
        .await;
        server.signal(Signal::CONT);
        assert!(
            logs_in(&server, ALICE.name, ALICE.password).await,
            "{release}"
        );
    }
}

#[tokio::test]
async fn passwords_change_and_accounts_go_from_inside_and_outside() {
    for release in prosodies() {
        let server = Prosody::builder(release)
            .without_oauth_module()
            .start()
            .await;
        server.set_password("alice@localhost", "inside").await;
        assert!(logs_in(&server, "alice", "inside").await, "{release}");
        server
            .set_password_outside("bob@localhost", "outside")
            .await;
        assert!(logs_in(&server, "bob", "outside").await, "{release}");
        server.delete_user("alice@localhost").await;
        assert!(!logs_in(&server, "alice", "inside").await, "{release}");
    }
}

#[tokio::test]
async fn optional_modules_load_and_the_other_ports_answer() {
    for release in prosodies() {
        let server = Prosody::builder(release)
            .without_oauth_module()
            .global_modules(&["smacks", "websocket", "bosh", "limits"])
            .host_modules(&["sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast"])
            .start()
            .await;
        let url = format!("http://127.0.0.1:{}/xmpp-websocket", server.ports.http);
        assert_eq!(
            Http::new().with("host", "localhost").get(&url).await.status,
            200,
            "{release}"
        );
        for address in [server.c2s_tls(), server.component()] {
            TcpStream::connect(address).await.unwrap();
        }
    }
}

#[tokio::test]
async fn our_module_loads_on_its_host_and_leaves_the_other_alone() {
    for release in prosodies() {
        let server = Prosody::builder(release).start().await;
        let modules = server.shell("module:list()").await;
        // A host's name with a colon, then its modules, indented.
        let loaded_on = |host: &str| {
            modules
                .lines()
                .skip_while(|line| *line != format!("{host}:"))
                .skip(1)
                .take_while(|line| line.starts_with(' '))
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let has_ours = |host| loaded_on(host).contains(&"oauth_component".to_owned());
        assert!(has_ours("localhost"), "{release}: {modules}");
        assert!(
            !loaded_on("other.localhost").is_empty(),
            "{release}: {modules}"
        );
        assert!(!has_ours("other.localhost"), "{release}: {modules}");
    }
}

#[tokio::test]
async fn chromium_shows_a_page_as_a_dark_phone_and_vanishes_when_dropped() {
    const PAGE: &str = "<!doctype html><meta name=viewport content='width=device-width'>\
        <title>a page</title><h1>hello</h1>";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let page = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_to(&mut stream, "\r\n\r\n").await;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{PAGE}",
            PAGE.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });

    let browser = Browser::start(Look::PHONE.dark()).await;
    browser.goto(&url).await;
    page.await.unwrap();
    assert_eq!(browser.client.title().await.unwrap(), "a page");
    let script = "return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]";
    let seen = browser.client.execute(script, Vec::new()).await.unwrap();
    assert_eq!(seen, serde_json::json!([360, true]));

    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("page.png");
    browser.screenshot(&picture).await;
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));

    let profile = browser.profile();
    assert!(!processes_of(&profile).is_empty());
    drop(browser);
    until("Chromium to be gone", LIMIT, async || {
        processes_of(&profile).is_empty().then_some(())
    })
    .await;
    assert!(!profile.exists());
}

/// The processes that were started with this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join("cmdline");
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(name(entry)).ok())
        .filter(|command| command.contains(folder))
        .collect()
}

#[tokio::test]
#[should_panic(expected = "image-alt")]
async fn a_page_that_a_screen_reader_cannot_read_does_not_pass() {
    let browser = Browser::start(Look::DESKTOP).await;
    let page = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><img src=x>";
    browser.goto(&format!("data:text/html,{page}")).await;
    browser.look_at("harness").await;
}
