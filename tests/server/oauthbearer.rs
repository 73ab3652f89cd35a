//! OAUTHBEARER beside the host's own mechanisms.

use std::time::Duration;

use crate::site::{LIMIT, Site, ask, condition, wait_for};
use crate::support::prosody::{ALICE, ALICE_ELSEWHERE, BOB, HOST, OTHER_HOST};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};
use crate::support::wait::until;
use jid::DomainPart;
use minidom::Element;
use xmpp_oauth::config::{C2s, C2sTls};
use xmpp_oauth::xmpp::c2s::{Bearer, C2sError, Client, Connector};

const SCOPE: &str = "openid xmpp:client:normal";

fn is_challenge(said: &Bearer, status: &str) -> bool {
    matches!(said, Bearer::Challenge(json) if json.contains(&format!("\"status\":\"{status}\"")))
}

async fn show(site: &Site, authzid: Option<&str>, token: &str) -> Bearer {
    site.connect()
        .await
        .oauthbearer(authzid, Some(token))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_token_opens_its_own_account_and_no_other() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        assert_eq!(
            show(&site, None, &tokens.access).await,
            Bearer::Success,
            "{release}"
        );
        assert_eq!(
            show(&site, Some("alice@localhost"), &tokens.access).await,
            Bearer::Success
        );
        for (authzid, token) in [
            (Some("bob@localhost"), tokens.access.as_str()),
            (Some("alice@other.localhost"), &tokens.access),
            (None, &tokens.refresh),
            (None, "xoa_unknown"),
            (None, "nonsense"),
        ] {
            let said = show(&site, authzid, token).await;
            assert!(
                is_challenge(&said, "invalid_token"),
                "{release}: {authzid:?}: {said:?}"
            );
        }
        let openid = site.tokens("openid offline_access").await;
        let said = show(&site, None, &openid.access).await;
        assert!(
            is_challenge(&said, "insufficient_scope"),
            "{release}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_can_try_again_and_what_is_no_message_is_refused() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let mut client = site.connect().await;
        let said = client.oauthbearer(None, Some("xoa_unknown")).await.unwrap();
        assert!(is_challenge(&said, "invalid_token"), "{release}");
        let said = client
            .oauthbearer(None, Some(&tokens.access))
            .await
            .unwrap();
        assert_eq!(
            said,
            Bearer::Success,
            "{release}: the same stream tries again"
        );

        for (message, failure) in [
            ("eA==", "malformed-request"),
            (
                "biwsAWF1dGg9QmVhcmVyIGEBYXV0aD1CZWFyZXIgYgEB",
                "malformed-request",
            ),
        ] {
            let mut client = site.connect().await;
            let auth = format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>{message}</auth>"
            );
            client.send_raw(auth.as_bytes()).await.unwrap();
            let answer = client.next().await.unwrap();
            assert_eq!(answer.name(), "failure", "{release}");
            assert_eq!(
                answer.children().next().unwrap().name(),
                failure,
                "{release}: {message}"
            );
        }
    }
}

async fn mechanisms(server: &Server, host: &str) -> Vec<String> {
    let settings = C2s {
        address: Some(server.c2s().to_string()),
        tls: C2sTls::None,
        ca_file: None,
        mechanisms: Vec::new(),
    };
    let host = DomainPart::new(host).unwrap().into_owned();
    let client = Connector::new(&settings)
        .unwrap()
        .connect(&host)
        .await
        .unwrap();
    let mut offered = client.mechanisms();
    offered.sort();
    offered
}

#[tokio::test]
async fn it_stands_beside_the_hosts_own_mechanisms_and_only_there() {
    for release in servers() {
        let site = Site::start(release).await;
        let offered = site.connect().await.mechanisms();
        for name in ["PLAIN", "SCRAM-SHA-1", "OAUTHBEARER"] {
            assert!(
                offered.iter().any(|offer| offer == name),
                "{release}: no {name} in {offered:?}"
            );
        }
        // Prosody 13 has an OAUTHBEARER of its own, for its own tokens.
        let elsewhere = mechanisms(&site.server, OTHER_HOST).await;
        let without = Wish::of(release).without_oauth_module().start().await;
        assert_eq!(
            elsewhere,
            mechanisms(&without, OTHER_HOST).await,
            "{release}"
        );
        assert!(
            site.knows(ALICE_ELSEWHERE).await,
            "{release}: the other host is as it was"
        );
        assert!(
            site.knows(ALICE).await && site.knows(BOB).await,
            "{release}"
        );
    }
}

#[tokio::test]
async fn where_tls_is_wanted_no_token_crosses_the_open() {
    for release in servers() {
        let builder = Wish::of(release).encrypted();
        let site = Site::with(builder, "").await;
        let host = DomainPart::new(HOST).unwrap().into_owned();
        let offered = site.connect().await.mechanisms();
        assert!(offered.is_empty(), "{release}: {offered:?}");
        let tokens = site.tokens(SCOPE).await;
        for tls in [C2sTls::Starttls, C2sTls::Direct] {
            let mut client: Client = site.connector(tls).connect(&host).await.unwrap();
            let said = client
                .oauthbearer(None, Some(&tokens.access))
                .await
                .unwrap();
            assert_eq!(said, Bearer::Success, "{release}: {tls:?}");
        }
    }
}

/// The modules' time-out, and time for a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn with_the_component_away_passwords_go_on_and_tokens_have_to_wait() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        site.program.kill9();
        assert!(site.knows(ALICE).await, "{release}");
        let said = tokio::time::timeout(PATIENCE, site.show(&tokens.access)).await;
        let said = said.expect("an answer within the module's time-out");
        assert!(
            matches!(&said, Err(C2sError::Refused(why)) if why == "temporary-auth-failure"),
            "{release}: {said:?}"
        );
        site.program.start().await;
        let again = until("the token to be good again", LIMIT, async || {
            site.show(&tokens.access)
                .await
                .ok()
                .filter(|said| *said == Bearer::Success)
        });
        again.await;
    }
}

/// A session that could be resumed, its connection gone; its id.
pub(crate) async fn hibernated(site: &Site, token: &str) -> String {
    let (mut chat, _) = site.session(token).await;
    chat.send_raw(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await
        .unwrap();
    let enabled = wait_for(&mut chat, |element| element.name() == "enabled").await;
    let from = site.server.log().len();
    drop(chat);
    site.hibernation(from).await;
    enabled.attr("id").unwrap().to_owned()
}

/// What the server says to a resumption by this token (XEP-0198 §5).
pub(crate) async fn resume(site: &Site, token: &str, id: &str) -> String {
    let mut client = site.connect().await;
    assert_eq!(
        client.oauthbearer(None, Some(token)).await.unwrap(),
        Bearer::Success
    );
    let mut client = client.restart().await.unwrap();
    let request = format!("<resume xmlns='urn:xmpp:sm:3' h='0' previd='{id}'/>");
    client.send_raw(request.as_bytes()).await.unwrap();
    let answer = wait_for(&mut client, |element| {
        matches!(element.name(), "failed" | "resumed")
    });
    answer.await.name().to_owned()
}

#[tokio::test]
async fn a_hibernated_session_ends_with_its_grant_and_cannot_be_resumed() {
    for release in servers() {
        let site = Site::with(Wish::of(release).with_resumption(), "").await;
        let (tokens, others) = (site.tokens(SCOPE).await, site.tokens(SCOPE).await);
        let id = hibernated(&site, &tokens.access).await;
        assert_eq!(
            resume(&site, &tokens.access, &id).await,
            "resumed",
            "{release}"
        );

        let id = hibernated(&site, &tokens.access).await;
        let from = site.program.log().len();
        site.revoke(&tokens).await;
        site.program
            .wait_log("the server ended a grant's sessions", from)
            .await;
        assert_eq!(
            resume(&site, &others.access, &id).await,
            "failed",
            "{release}"
        );
    }
}

#[tokio::test]
async fn whoever_is_allowed_may_ask_about_a_token_over_the_link_and_nobody_else() {
    for release in servers() {
        let more = "[introspection]\nallowed = [\"bob@localhost/rest\"]";
        let site = Site::with(Wish::of(release), more).await;
        let tokens = site.tokens("xmpp").await;
        let request = format!(
            "<iq type='get' id='i' to='oauth.localhost'><introspect xmlns='urn:xmpp-oauth:introspection:0'>\
             <token>{}</token></introspect></iq>",
            tokens.access
        );
        let (mut rest, jid) = site.password_session(BOB, Some("rest")).await;
        assert_eq!(jid.as_str(), "bob@localhost/rest", "{release}");
        let answer = ask(&mut rest, &request).await;
        let json = answer
            .get_child("introspection", "urn:xmpp-oauth:introspection:0")
            .and_then(|answer| answer.get_child("json", "urn:xmpp:json:0"))
            .unwrap()
            .text();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["active"], &json["username"]),
            (&true.into(), &"alice@localhost".into())
        );

        let (mut eve, _) = site.password_session(BOB, Some("other")).await;
        assert_eq!(
            condition(&ask(&mut eve, &request).await),
            "forbidden",
            "{release}"
        );
    }
}

/// Logs in by SASL2 and asks for a FAST token (XEP-0388, XEP-0484); the answer.
async fn sasl2(site: &Site, mechanism: &str, message: &str) -> Element {
    use base64::Engine as _;
    // ejabberd offers SASL2 over TLS alone; Debian 12's mod_sasl2 fails there.
    let tls = match site.is_prosody() {
        true => C2sTls::None,
        false => C2sTls::Direct,
    };
    let host = DomainPart::new(HOST).unwrap().into_owned();
    let connector = site
        .connector(tls)
        .stating("alice@localhost".parse().unwrap());
    let mut client = connector.connect(&host).await.unwrap();
    let message = base64::engine::general_purpose::STANDARD.encode(message);
    let authenticate = format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>\
         <initial-response>{message}</initial-response>\
         <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>test</software></user-agent>\
         <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>"
    );
    client.send_raw(authenticate.as_bytes()).await.unwrap();
    wait_for(&mut client, |element| {
        matches!(element.name(), "success" | "failure" | "challenge")
    })
    .await
}

#[tokio::test]
async fn a_login_by_sasl2_works_and_gives_no_fast_token_that_would_outlive_the_grant() {
    for release in servers() {
        let wish = Wish::of(release).with_sasl2();
        if !wish.can_sasl2() {
            continue; // there is nothing to log in by
        }
        let has_fast = wish.has_fast();
        let site = Site::with(wish, "").await;
        let tokens = site.tokens(SCOPE).await;
        let message = format!("n,,\x01auth=Bearer {}\x01\x01", tokens.access);
        let answer = sasl2(&site, "OAUTHBEARER", &message).await;
        assert_eq!(
            answer.name(),
            "success",
            "{release}: {}",
            String::from(&answer)
        );
        assert!(!answer.has_child("token", "urn:xmpp:fast:0"), "{release}");

        let message = format!("\0{}\0{}", ALICE.name, ALICE.password);
        let answer = sasl2(&site, "PLAIN", &message).await;
        assert_eq!(answer.name(), "success", "{release}");
        let given = answer.has_child("token", "urn:xmpp:fast:0");
        assert_eq!(given, has_fast, "{release}: a password still gets one");
    }
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_an_authzid() {
    use base64::Engine as _;
    for release in servers() {
        let site = Site::start(release).await;
        for authzid in ["bob", "bob@localhost"] {
            let mut client = site.connect().await;
            let message = format!("{authzid}\0{}\0{}", ALICE.name, ALICE.password);
            let message = base64::engine::general_purpose::STANDARD.encode(message);
            let auth = format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>"
            );
            client.send_raw(auth.as_bytes()).await.unwrap();
            let decided = |element: &Element| matches!(element.name(), "success" | "failure");
            if wait_for(&mut client, decided).await.name() == "success" {
                // a server may pass over the authzid, but not follow it
                let (_, jid) = client.bind(None).await.unwrap();
                assert_eq!(
                    jid.to_bare().as_str(),
                    "alice@localhost",
                    "{release}: {authzid}"
                );
            }
        }
    }
}
