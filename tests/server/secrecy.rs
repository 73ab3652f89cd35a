//! No secret stands in any log.

use base64::Engine as _;

use crate::answers::parameter;
use crate::site::{Site, Tokens};
use crate::support::http::Http;
use crate::support::prosody::{ALICE, SECRET};
use crate::support::release::servers;
use crate::support::server::Wish;

#[tokio::test]
async fn no_token_code_cookie_or_password_stands_in_any_log() {
    for release in servers() {
        let server = Wish::of(release).start().await;
        let site = Site::logging(server, "trace").await;
        let client_id = site.register().await;
        let mut browser = Http::new();
        let url = site.authorize_url(&client_id, "openid xmpp:client:normal");
        let page = site.log_in(&mut browser, &url, ALICE).await;
        let code = parameter(&site.allow(&mut browser, &page).await, "code").unwrap();
        let tokens = Tokens::of(&site.redeem(&client_id, &code).await.json(), client_id);
        let (chat, _) = site.session(&tokens.access).await;
        chat.close().await;
        let next = site
            .refresh(&tokens.client_id, &tokens.refresh)
            .await
            .json();
        let next = Tokens::of(&next, tokens.client_id.clone());
        site.refresh(&tokens.client_id, &tokens.refresh).await;
        site.revoke(&next).await;

        let access = tokens.access.clone();
        let mut secrets = vec![
            code,
            tokens.access,
            tokens.refresh,
            next.access,
            next.refresh,
            ALICE.password.to_owned(),
            SECRET.to_owned(),
            "a key that is only used".to_owned(),
        ];
        secrets.extend(browser.cookies.values().cloned());
        // as it travels in SASL and over the link
        let message = format!("n,,\x01auth=Bearer {access}\x01\x01");
        secrets.push(base64::engine::general_purpose::STANDARD.encode(message));
        let (ours, theirs) = (site.program.log(), site.server.log());
        assert!(ours.contains("a client logs in with a token"));
        for secret in &secrets {
            assert!(
                !ours.contains(secret.as_str()),
                "{release}: {secret:?} in our log"
            );
            assert!(
                !theirs.contains(secret.as_str()),
                "{release}: {secret:?} in the server's log"
            );
        }
    }
}
