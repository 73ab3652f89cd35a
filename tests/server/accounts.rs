//! Passwords and accounts: asked about, changed, removed.

use crate::site::{LIMIT, Site, ask, condition, ended};
use crate::support::child::Signal;
use crate::support::http::Http;
use crate::support::prosody::{ADMIN, ALICE, BOB, User};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};
use crate::support::wait::until;
use xmpp_oauth::xmpp::c2s::Bearer;

const SCOPE: &str = "openid xmpp:client:normal";
const WRONG: User<'_> = User {
    password: "wrong",
    ..ALICE
};

impl Site {
    /// The page that comes after a login with this account and password.
    async fn page_after(&self, user: User<'_>) -> crate::support::http::Answer {
        let client_id = self.register().await;
        let url = self.authorize_url(&client_id, "openid");
        self.log_in(&mut Http::new(), &url, user).await
    }
}

fn c2s(tls: &str, server: &Server) -> String {
    let address = if tls == "direct" {
        server.c2s_tls()
    } else {
        server.c2s()
    };
    format!(
        "[xmpp]\nauthentication = \"c2s\"\nc2s = {{ address = \"{address}\", tls = \"{tls}\", ca_file = \"{}\" }}",
        server.ca_file().display()
    )
}

#[tokio::test]
async fn a_password_is_asked_about_over_the_link_and_as_a_client() {
    for release in servers() {
        for way in ["module", "starttls", "direct"] {
            let server = Wish::of(release).start().await;
            let more = match way {
                "module" => String::new(),
                tls => c2s(tls, &server),
            };
            let site = Site::on(server, &more).await;
            let right = site.page_after(ALICE).await;
            assert!(
                right.text().contains("name=\"decision\""),
                "{release}, {way}: {}",
                right.text()
            );
            let wrong = site.page_after(WRONG).await;
            assert_eq!(wrong.status, 200, "{release}, {way}");
            assert!(
                wrong.text().contains("role=\"alert\""),
                "{release}, {way}: {}",
                wrong.text()
            );
            let nobody = User {
                name: "nobody",
                ..WRONG
            };
            let missing = site.page_after(nobody).await;
            assert!(
                missing.text().contains("role=\"alert\""),
                "{release}, {way}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_never_taken_for_a_wrong_password() {
    for release in servers() {
        for way in ["module", "starttls"] {
            let server = Wish::of(release).start().await;
            let more = match way {
                "module" => String::new(),
                tls => c2s(tls, &server),
            };
            let site = Site::on(server, &more).await;
            site.server.signal(Signal::STOP);
            let page = site.page_after(ALICE).await;
            site.server.signal(Signal::CONT);
            let text = page.text();
            assert_eq!(page.status, 503, "{release}, {way}: {text}");
            assert!(text.contains("try again"), "{release}, {way}: {text}");
        }
    }
}

/// Changes a password as XEP-0077 §3.3 has it.
fn change_password(user: User<'_>, password: &str) -> String {
    format!(
        "<iq type='set' id='change' to='localhost'><query xmlns='jabber:iq:register'>\
         <username>{}</username><password>{password}</password></query></iq>",
        user.name
    )
}

#[tokio::test]
async fn a_changed_password_and_a_removed_account_end_what_was_granted() {
    for release in servers() {
        let site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let others = site.tokens_of(BOB, SCOPE).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        let (mut own, _) = site.password_session(ALICE, None).await;
        let changed = ask(&mut own, &change_password(ALICE, "another one")).await;
        assert_eq!(changed.attr("type"), Some("result"), "{release}");
        ended(&mut chat).await;
        until("the token to be dead", LIMIT, async || {
            (!site.logs_in(&tokens.access).await).then_some(())
        })
        .await;
        assert!(
            site.logs_in(&others.access).await,
            "{release}: others keep theirs"
        );
        assert_eq!(
            site.refresh(&tokens.client_id, &tokens.refresh)
                .await
                .status,
            400,
            "{release}"
        );

        let (mut bobs, _) = site.session(&others.access).await;
        site.server.delete_user("bob@localhost").await;
        ended(&mut bobs).await;
        until(
            "the grant of the removed account to be gone",
            LIMIT,
            async || {
                (site
                    .refresh(&others.client_id, &others.refresh)
                    .await
                    .status
                    == 400)
                    .then_some(())
            },
        )
        .await;
        let said = site.show(&others.access).await;
        assert!(!matches!(said, Ok(Bearer::Success)), "{release}: {said:?}");
    }
}

#[tokio::test]
async fn a_disabled_account_ends_what_was_granted_and_lets_nobody_in() {
    for release in servers() {
        let wish = Wish::of(release);
        if !wish.can_disable() {
            continue;
        }
        let site = Site::with(wish, "").await;
        let tokens = site.tokens(SCOPE).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        let from = site.program.log().len();
        site.server.disable_user("alice@localhost").await;
        ended(&mut chat).await;
        site.program
            .wait_log("the server says that an account has changed", from)
            .await;
        until("the grant to end", LIMIT, async || {
            let said = site.show(&tokens.access).await;
            (!matches!(said, Ok(Bearer::Success))).then_some(())
        })
        .await;
        let answer = site.refresh(&tokens.client_id, &tokens.refresh).await;
        assert_eq!(answer.status, 400, "{release}");
        let page = site.page_after(ALICE).await;
        assert!(page.text().contains("role=\"alert\""), "{release}");
    }
}

#[tokio::test]
async fn a_password_that_was_changed_outside_the_server_shows_at_the_next_refresh_and_link_up() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let (first, second) = (site.tokens(SCOPE).await, site.tokens_of(BOB, SCOPE).await);
        site.server
            .set_password_outside("alice@localhost", "changed outside")
            .await;
        let answer = site.refresh(&first.client_id, &first.refresh).await;
        assert_eq!(answer.status, 400, "{release}: {}", answer.text());

        site.server.stop().await;
        site.server.start().await;
        site.program.kill9();
        site.server
            .set_password_outside("bob@localhost", "changed while away")
            .await;
        let from = site.program.log().len();
        site.program.start().await;
        site.program.wait_log("password_changed", from).await;
        assert!(!site.logs_in(&second.access).await, "{release}");
    }
}

#[tokio::test]
async fn an_ordinary_chat_client_cannot_take_the_account_over() {
    for release in servers() {
        let site = Site::start(release).await;
        let normal = site.tokens_of(ADMIN, SCOPE).await;
        let (mut chat, _) = site.session(&normal.access).await;
        let admin = "http://jabber.org/protocol/admin";
        for forbidden in [
            change_password(ADMIN, "stolen"),
            "<iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>".to_owned(),
            "<iq type='set' id='2' to='localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>".to_owned(),
            "<iq type='get' id='3'><list xmlns='urn:xmpp:cam:0'/></iq>".to_owned(),
            format!("<iq type='set' id='4' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='{admin}#add-user' action='execute'/></iq>"),
            format!("<iq type='set' id='5' to='oauth.localhost'><command xmlns='http://jabber.org/protocol/commands' node='{admin}#x' action='execute'/></iq>"),
        ] {
            let answer = ask(&mut chat, &forbidden).await;
            assert_eq!(condition(&answer), "forbidden", "{release}: {forbidden}");
        }
        let roster = "<iq type='get' id='6'><query xmlns='jabber:iq:roster'/></iq>";
        assert_eq!(
            ask(&mut chat, roster).await.attr("type"),
            Some("result"),
            "{release}"
        );
        assert!(site.knows(ADMIN).await, "{release}: nothing has changed");

        let whole = site.tokens_of(ADMIN, "xmpp").await;
        let (mut chat, _) = site.session(&whole.access).await;
        let answer = ask(&mut chat, &change_password(ADMIN, "mine to change")).await;
        assert_eq!(answer.attr("type"), Some("result"), "{release}");
    }
}
