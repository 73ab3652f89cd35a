//! What is ejabberd's alone: how its module gets into a stream, and out of it again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError, Client};

use crate::site::{LIMIT, Site, ask, ended, settings};
use crate::support::child::Signal;
use crate::support::ejabberd::Ejabberd;
use crate::support::process::Program;
use crate::support::prosody::ALICE;
use crate::support::release::{Release, servers};
use crate::support::server::Server;
use crate::support::wait::until;

const SCOPE: &str = "openid xmpp:client:normal";
const PING: &str = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
/// How many log in at once.
const CROWD: usize = 500;

fn ejabberds() -> impl Iterator<Item = Release> {
    servers()
        .into_iter()
        .filter(|release| !release.is_prosody())
}

fn ejabberd(site: &Site) -> &Ejabberd {
    match &site.server {
        Server::Ejabberd(server) => server,
        Server::Prosody(_) => panic!("only ejabberds were asked for"),
    }
}

fn bearer(token: &str) -> String {
    let message = STANDARD.encode(format!("n,,\x01auth=Bearer {token}\x01\x01"));
    auth("OAUTHBEARER", &message)
}

fn auth(mechanism: &str, message: &str) -> String {
    format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{message}</auth>"
    )
}

/// The name of the next element and of its first child.
async fn said(client: &mut Client) -> (String, String) {
    let element = tokio::time::timeout(LIMIT, client.next()).await;
    let element = element.expect("an answer").expect("an element");
    let child = element
        .children()
        .next()
        .map(|child| child.name().to_owned());
    (element.name().to_owned(), child.unwrap_or_default())
}

async fn send(client: &mut Client, text: &str) {
    client.send_raw(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_exchange_leaves_the_stream_and_the_link_well() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let failure = |condition: &str| ("failure".to_owned(), condition.to_owned());
        let challenge = ("challenge".to_owned(), String::new());
        let response = |text: &str| {
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{text}</response>")
        };
        const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

        // one stream bears it all
        let mut client = site.connect().await;
        for (sent, expected) in [
            (auth("OAUTHBEARER", ""), challenge.clone()), // no initial response
            (ABORT.to_owned(), failure("aborted")),
            (
                auth("OAUTHBEARER", "no base64!"),
                failure("malformed-request"),
            ),
            (bearer(&"x".repeat(65_536)), failure("malformed-request")),
            (bearer("xoa_unknown"), challenge.clone()),
            (bearer("xoa_unknown"), challenge.clone()), // instead of the last response
            (ABORT.to_owned(), failure("not-authorized")),
            (bearer(""), challenge.clone()),
            (response("AQ=="), failure("not-authorized")),
            (
                auth("SCRAM-SHA-1", &STANDARD.encode("n,,n=alice,r=abc")),
                challenge.clone(),
            ),
            (bearer("xoa_unknown"), challenge.clone()), // in the middle of another mechanism
            (response("junk!"), failure("not-authorized")),
            (auth("OAUTHBEARER", ""), challenge),
        ] {
            send(&mut client, &sent).await;
            assert_eq!(said(&mut client).await, expected, "{release}: {sent:.80}");
        }
        let message = STANDARD.encode(format!("n,,\x01auth=Bearer {}\x01\x01", tokens.access));
        send(&mut client, &response(&message)).await;
        assert_eq!(said(&mut client).await.0, "success", "{release}");
        client.bind(None).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_may_be_sent_while_a_token_is_checked() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        site.program.signal(Signal::STOP);
        for more in [
            bearer(&tokens.access),
            "<message to='bob@localhost'><body>early</body></message>".to_owned(),
            "<junk xmlns='urn:junk'/>".to_owned(),
        ] {
            let mut client = site.connect().await;
            send(&mut client, &(bearer("xoa_x") + &more)).await;
            let (_, why) = ended(&mut client).await;
            assert!(why.contains("policy-violation"), "{release}: {more}: {why}");
        }
        site.program.signal(Signal::CONT);
        until("the link to be well", LIMIT, async || {
            matches!(site.show(&tokens.access).await, Ok(Bearer::Success)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_module_that_is_replaced_resets_its_own_sessions_alone() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let (mut by_token, _) = site.session(&tokens.access).await;
        let (mut by_password, _) = site.password_session(ALICE, None).await;
        let mut not_yet = site.connect().await;

        let from = site.program.log().len();
        ejabberd(&site).upgrade_module().await;
        let (_, why) = ended(&mut by_token).await;
        assert!(why.contains("reset"), "{release}: {why}");
        let pong = ask(&mut by_password, PING).await;
        assert_eq!(pong.attr("type"), Some("result"), "{release}");

        site.program
            .wait_log("the host's module is there", from)
            .await;
        let said = not_yet.oauthbearer(None, Some(&tokens.access)).await;
        assert_eq!(
            said.unwrap(),
            Bearer::Success,
            "{release}: a stream from before"
        );
        assert!(
            site.logs_in(&tokens.access).await,
            "{release}: a new stream"
        );
    }
}

#[tokio::test]
async fn without_the_module_its_streams_go_on_with_passwords() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let mut by_token = site.connect().await;
        let mut by_password = site.connect().await;
        ejabberd(&site).stop_module().await;
        let refused = by_token.oauthbearer(None, Some(&tokens.access)).await;
        assert!(
            matches!(refused, Err(C2sError::Refused(_))),
            "{release}: {refused:?}"
        );
        let message = format!("\0{}\0{}", ALICE.name, ALICE.password);
        send(&mut by_password, &auth("PLAIN", &STANDARD.encode(message))).await;
        assert_eq!(said(&mut by_password).await.0, "success", "{release}");
        assert!(site.knows(ALICE).await, "{release}");
    }
}

#[tokio::test]
async fn a_second_connection_of_the_component_is_refused_while_the_first_is_well() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let link = site.server.component().to_string();
        let mut second = Program::new(|http, ops| settings(http, ops, &link, ""));
        second.spawn();
        second
            .wait_log(
                "another process is connected to the XMPP server as this component",
                0,
            )
            .await;
        assert!(
            site.server.log().contains("Two connections bear the name"),
            "{release}"
        );
        drop(second);
        assert!(site.logs_in(&tokens.access).await, "{release}");
    }
}

#[tokio::test]
async fn a_crowd_logs_in_at_once() {
    for release in ejabberds() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        // ejabberd 23.01 lets few connect at once, so they connect one by one
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(site.connect().await);
        }
        let logins = crowd
            .iter_mut()
            .map(|client| client.oauthbearer(None, Some(&tokens.access)));
        let said = tokio::time::timeout(LIMIT, join_all(logins))
            .await
            .expect("all answers");
        let failed: Vec<_> = said
            .iter()
            .filter(|said| !matches!(said, Ok(Bearer::Success)))
            .collect();
        assert!(
            failed.is_empty(),
            "{release}: {} of {CROWD}: {:?}",
            failed.len(),
            failed[0]
        );
    }
}
