//! A user of the server who means harm: the link stays up, and others are served.

use std::fmt::Write as _;

use crate::site::{LIMIT, Site, ask, condition, wait_for};
use crate::support::child::Signal;
use crate::support::prosody::{ADMIN, ALICE, BOB, COMPONENT};
use crate::support::release::servers;
use xmpp_oauth::xmpp::c2s::{C2sError, Client};

const SCOPE: &str = "openid xmpp:client:normal";

fn links(site: &Site) -> usize {
    site.program.log().matches("the link is up").count()
}

async fn is_served(client: &mut Client, id: &str) {
    let ping =
        format!("<iq type='get' id='{id}' to='{COMPONENT}'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(ask(client, &ping).await.attr("type"), Some("result"));
}

#[tokio::test]
async fn nothing_that_a_user_can_send_ends_the_link() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let (mut eve, _) = site.password_session(BOB, None).await;
        let long = "x".repeat(200_000);
        let deep = format!("{}{}", "<a>".repeat(2000), "</a>".repeat(2000));
        let to = format!("to='{COMPONENT}'");
        let bad = [
            format!("<presence {to}><show>nonsense</show><priority>many</priority></presence>"),
            format!("<presence {to} type='nonsense'/>"),
            format!("<presence {to} type='subscribe'/>"),
            format!("<message {to} type='nonsense'><body/><body/></message>"),
            format!("<message {to} type='error'/>"),
            format!("<iq {to} type='get' id='a'/>"),
            format!("<iq {to} type='get' id='b'><x xmlns='y'/><x xmlns='y'/></iq>"),
            format!("<iq {to} type='result' id='c'/>"),
            format!("<iq {to} type='error' id='d'/>"),
            format!(
                "<iq {to} type='get' id='e'><query xmlns='http://jabber.org/protocol/disco#info' node='{long}'/></iq>"
            ),
            format!("<message {to}><x xmlns='y' a='{long}'/></message>"),
            format!("<message {to}><x xmlns='y'>{deep}</x></message>"),
            format!("<message {to}><xml:x/></message>"),
            format!(
                "<iq {to} type='set' id='f'><hello xmlns='urn:xmpp-oauth:account:0' version='1'><scope>xmpp</scope></hello></iq>"
            ),
            format!(
                "<iq {to} type='set' id='g'><account-changed xmlns='urn:xmpp-oauth:account:0' username='alice' what='deleted'/></iq>"
            ),
            format!(
                "<iq {to} type='set' id='h'><authenticate xmlns='urn:xmpp-oauth:sasl:0' mechanism='OAUTHBEARER'>AQ==</authenticate></iq>"
            ),
        ];
        for text in &bad {
            eve.send_raw(text.as_bytes()).await.unwrap();
        }
        // No answer is waited for between: a parser may put off a large token until more bytes come.
        let mut flood = String::new();
        for i in 0..10_000 {
            let _ = write!(
                flood,
                "<iq type='get' id='f{i}' {to}><ping xmlns='urn:xmpp:ping'/></iq>"
            );
        }
        let (mut bob, _) = site.password_session(ADMIN, None).await;
        eve.send_raw(flood.as_bytes()).await.unwrap();
        is_served(&mut bob, "meanwhile").await;
        assert!(
            site.logs_in(&tokens.access).await,
            "{release}: tokens are checked meanwhile"
        );
        let last = wait_for(&mut eve, |element| element.attr("id") == Some("f9999")).await;
        assert_eq!(last.attr("type"), Some("result"), "{release}");
        assert_eq!(last.attr("from"), Some(COMPONENT), "{release}");
        assert_eq!(links(&site), 1, "{release}: the link was cut");
    }
}

#[tokio::test]
async fn only_the_component_may_ask_the_module() {
    for release in servers() {
        let site = Site::start(release).await;
        let (mut eve, _) = site.password_session(BOB, None).await;
        for request in [
            "<iq type='get' id='1' to='localhost'><check-password xmlns='urn:xmpp-oauth:account:0' username='alice'>x</check-password></iq>",
            "<iq type='set' id='2' to='localhost'><end-sessions xmlns='urn:xmpp-oauth:account:0' username='alice'/></iq>",
            "<iq type='get' id='3' to='localhost'><accounts xmlns='urn:xmpp-oauth:account:0'><account username='alice'/></accounts></iq>",
            "<iq type='get' id='4' to='localhost'><hello xmlns='urn:xmpp-oauth:account:0'/></iq>",
        ] {
            assert_eq!(
                condition(&ask(&mut eve, request).await),
                "forbidden",
                "{release}: {request}"
            );
        }
    }
}

/// Sends a token on a new stream and does not wait for what comes.
async fn hang(site: &Site) -> Client {
    use base64::Engine as _;
    let mut client = site.connect().await;
    let message =
        base64::engine::general_purpose::STANDARD.encode("n,,\x01auth=Bearer xoa_x\x01\x01");
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>{message}</auth>"
    );
    client.send_raw(auth.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn a_thousand_hanging_logins_keep_no_real_one_out() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        site.program.signal(Signal::STOP);
        let mut hanging = Vec::new();
        for _ in 0..1000 {
            hanging.push(hang(&site).await);
        }
        assert!(
            site.knows(ALICE).await,
            "{release}: a password logs in meanwhile"
        );
        let refused = tokio::time::timeout(LIMIT, site.show(&tokens.access)).await;
        let refused = refused.expect("an answer within the time-out");
        assert!(
            matches!(&refused, Err(C2sError::Refused(why)) if why == "temporary-auth-failure"),
            "{release}: {refused:?}"
        );
        // those that were refused at once have their answer; the rest get it when they are checked
        site.program.signal(Signal::CONT);
        drop(hanging);
        let again = crate::support::wait::until("a token to log in again", LIMIT, async || {
            site.show(&tokens.access).await.ok()
        });
        assert_eq!(
            again.await,
            xmpp_oauth::xmpp::c2s::Bearer::Success,
            "{release}"
        );
    }
}
