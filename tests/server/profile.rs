//! What servers show of their accounts' vCards.

use serde_json::{Value, json};

use crate::site::{Site, ask};
use crate::support::http::Http;
use crate::support::prosody::ALICE;
use crate::support::release::servers;

#[tokio::test]
async fn an_app_that_may_see_the_profile_gets_the_name_that_the_person_shows_to_others() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens("openid profile").await;
        let userinfo = async || {
            let bearer = format!("Bearer {}", tokens.access);
            let mut http = Http::new().with("authorization", &bearer);
            http.get(&site.program.url("/oauth2/userinfo")).await.json()
        };
        let none = json!({ "sub": "xmpp:alice@localhost", "preferred_username": "alice" });
        assert_eq!(userinfo().await, none, "{release}");

        let (mut alice, _) = site.password_session(ALICE, None).await;
        let card = "<iq type='set' id='card'><vCard xmlns='vcard-temp'><FN>Alice Liddell</FN>\
                    <NICKNAME>al</NICKNAME></vCard></iq>";
        let stored = ask(&mut alice, card).await;
        assert_eq!(stored.attr("type"), Some("result"), "{release}: {stored:?}");
        let told = userinfo().await;
        assert_eq!(told["name"], "Alice Liddell", "{release}: {told}");
        assert_eq!(told["nickname"], "al", "{release}: {told}");
        assert_eq!(told["picture"], Value::Null);
    }
}
