//! Either side ends, at any moment, and comes back: nothing that was answered is lost.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::answers::parameter;
use crate::site::{LIMIT, Site, Tokens, ended};
use crate::support::child::Signal;
use crate::support::http::Http;
use crate::support::prosody::ALICE;
use crate::support::release::servers;
use crate::support::wait::until;

const SCOPE: &str = "openid xmpp:client:normal";

impl Site {
    /// Kills the program and starts it again.
    async fn crash(&mut self) {
        self.program.kill9();
        self.program.start().await;
    }

    /// Waits until the host's module has been heard since byte `from` of the log.
    async fn linked(&self, from: usize) {
        self.program
            .wait_log("the host's module is there", from)
            .await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_right_after_a_first_login_says_the_same_of_the_account() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let from = site.program.log().len();
        site.server.kill9();
        site.program.wait_log("the link is down", from).await;
        site.server.start().await;
        site.linked(from).await;
        let answer = site.refresh(&tokens.client_id, &tokens.refresh).await;
        assert_eq!(answer.status, 200, "{release}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let mut browser = Http::new();

        let client_id = site.register().await;
        site.crash().await;
        let url = site.authorize_url(&client_id, SCOPE);
        let login = browser.get(&url).await;
        assert_eq!(
            login.status, 200,
            "{release}: a client is known after a kill"
        );
        site.crash().await;
        let page = site.log_in(&mut browser, &url, ALICE).await;
        let from = site.program.log().len();
        site.crash().await;
        site.linked(from).await;
        let code = parameter(&site.allow(&mut browser, &page).await, "code").unwrap();
        site.crash().await;
        let answer = site.redeem(&client_id, &code).await;
        assert_eq!(answer.status, 200, "{release}: {}", answer.text());
        let tokens = Tokens::of(&answer.json(), client_id);
        site.crash().await;
        let answer = site.refresh(&tokens.client_id, &tokens.refresh).await;
        assert_eq!(answer.status, 200, "{release}: {}", answer.text());
        let tokens = Tokens::of(&answer.json(), tokens.client_id);

        let from = site.program.log().len();
        site.crash().await;
        site.linked(from).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        let from = site.program.log().len();
        site.crash().await;
        site.linked(from).await;
        site.revoke(&tokens).await;
        let (took, _) = ended(&mut chat).await;
        assert!(
            took < Duration::from_secs(2),
            "{release}: a session outlived a kill: {took:?}"
        );
        site.crash().await;
        assert_eq!(
            site.refresh(&tokens.client_id, &tokens.refresh)
                .await
                .status,
            400,
            "{release}"
        );
    }
}

#[tokio::test]
async fn the_link_is_back_within_two_seconds_of_the_servers_listening() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        site.server.stop().await;
        site.program.wait_log("the link is down", 0).await;
        let from = site.program.log().len();
        let port = site.server.component();
        let listening = async {
            until("the server to listen", LIMIT, async || {
                TcpStream::connect(port).await.ok()
            })
            .await;
            Instant::now()
        };
        let (since, ()) = tokio::join!(listening, site.server.start());
        site.program.wait_log("the link is up", from).await;
        assert!(
            since.elapsed() < Duration::from_secs(2),
            "{release}: {:?}",
            since.elapsed()
        );
        site.linked(from).await;
        assert!(site.logs_in(&tokens.access).await, "{release}");
    }
}

#[tokio::test]
async fn what_was_revoked_while_the_server_was_stopped_ends_when_it_goes_on() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        site.server.signal(Signal::STOP);
        site.revoke(&tokens).await;
        // not even the program that was asked is there any more
        site.program.kill9();
        site.program.spawn();
        site.server.signal(Signal::CONT);
        site.program.ready().await;
        ended(&mut chat).await;
        assert!(!site.logs_in(&tokens.access).await, "{release}");
    }
}

#[tokio::test]
async fn what_was_revoked_while_the_server_was_away_is_worthless_when_it_is_back() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let (revoked, other) = (site.tokens(SCOPE).await, site.tokens(SCOPE).await);
        assert!(site.logs_in(&revoked.access).await, "{release}");
        site.server.stop().await;
        site.program.wait_log("the link is down", 0).await;
        site.revoke(&revoked).await;
        site.program.kill9();
        site.program.spawn();
        let from = site.program.log().len();
        site.server.start().await;
        site.linked(from).await;
        assert!(!site.logs_in(&revoked.access).await, "{release}");
        assert!(site.logs_in(&other.access).await, "{release}");
    }
}

#[tokio::test]
async fn a_server_that_is_stopped_is_missed_and_found_again() {
    for release in servers() {
        let site = Site::start(release).await;
        let from = site.program.log().len();
        site.server.signal(Signal::STOP);
        let since = Instant::now();
        until(
            "the silence to be noticed",
            Duration::from_secs(60),
            async || {
                let log = site.program.log();
                log.get(from..)
                    .is_some_and(|log| log.contains("has fallen silent"))
                    .then_some(())
            },
        )
        .await;
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "{release}: {:?}",
            since.elapsed()
        );
        site.server.signal(Signal::CONT);
        site.linked(from).await;
    }
}

#[tokio::test]
async fn a_program_that_is_told_to_stop_leaves_the_sessions_and_comes_back_to_them() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let (mut chat, _) = site.session(&tokens.access).await;
        let from = site.program.log().len();
        assert!(site.program.stop().await.success(), "{release}");
        site.program.start().await;
        site.linked(from).await;
        let shown = async || {
            let listed = site.program.run(&["grants", "list", "--json"]).await;
            let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
            (listed[0]["open_sessions"] == 1).then_some(())
        };
        until("the open session to be known again", LIMIT, shown).await;
        site.revoke(&tokens).await;
        ended(&mut chat).await;
    }
}
