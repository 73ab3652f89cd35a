//! What accounts are told without having asked, in their chat clients.

use minidom::Element;

use crate::scopes::until_now;
use crate::site::{Site, stanza, wait_for};
use crate::support::prosody::{ALICE, BOB, COMPONENT};
use crate::support::release::servers;

/// Whether this is a message that leads to the account's page.
fn is_notice(element: &Element) -> bool {
    let body = element.get_child("body", "jabber:client");
    element.is("message", "jabber:client")
        && element.attr("from") == Some(COMPONENT)
        && element.attr("type").is_none_or(|kind| kind == "normal")
        && body.is_some_and(|body| body.text().ends_with("/account"))
}

#[tokio::test]
async fn a_chat_client_is_told_of_a_new_app_and_a_session_for_the_accounts_data_is_not() {
    for release in servers() {
        let site = Site::start(release).await;
        let (mut desk, _) = site.password_session(ALICE, Some("desk")).await;
        let (mut bob, _) = site.password_session(BOB, None).await;
        for client in [&mut desk, &mut bob] {
            client.send(&stanza("<presence/>")).await.unwrap();
            wait_for(client, |came| came.is("presence", "jabber:client")).await;
        }
        let tokens = site.tokens("openid xmpp:account:read").await;
        wait_for(&mut desk, is_notice).await;

        let (mut limited, _) = site.session(&tokens.access).await;
        limited.send(&stanza("<presence/>")).await.unwrap();
        until_now(&mut limited).await;
        site.tokens("openid xmpp:client:normal").await;
        let notice = wait_for(&mut desk, is_notice).await;
        let text = String::from(&notice);
        assert!(text.contains("Chat"), "{release}: {text}");
        for client in [&mut limited, &mut bob] {
            let came = until_now(client).await;
            assert!(!came.iter().any(is_notice), "{release}: {came:?}");
        }
    }
}

#[tokio::test]
async fn a_notice_waits_on_the_server_for_whoever_is_offline() {
    for release in servers() {
        let site = Site::start(release).await;
        site.tokens("openid xmpp:client:normal").await;
        site.program.wait_log("an account was told", 0).await;
        let (mut desk, _) = site.password_session(ALICE, Some("desk")).await;
        desk.send(&stanza("<presence/>")).await.unwrap();
        wait_for(&mut desk, is_notice).await;
    }
}
