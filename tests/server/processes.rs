//! Several of our own programs on one database, behind a real server.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::site::{LIMIT, ended};
use crate::support::child::Signal;
use crate::support::http::Http;
use crate::support::release::servers;
use crate::support::server::Wish;
use crate::support::wait::until;

const SCOPE: &str = "openid xmpp:client:normal";
/// The modules' time-out for a login.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the program of this number says of an access token.
async fn status(cluster: &Cluster, no: usize, token: &str) -> u16 {
    let mut http = Http::new().with("authorization", &format!("Bearer {token}"));
    let url = cluster.program(no).url("/oauth2/userinfo");
    http.get(&url).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_revokes_holds_at_all_and_logins_go_on_when_one_is_killed_or_stopped() {
    for release in servers() {
        let mut cluster = Cluster::start(Wish::of(release), 2).await;
        let [kept, revoked] = [
            cluster.site.tokens(SCOPE).await,
            cluster.site.tokens(SCOPE).await,
        ];
        for no in 0..cluster.count() {
            assert_eq!(
                status(&cluster, no, &revoked.access).await,
                200,
                "{release}"
            );
        }
        let (mut chat, _) = cluster.site.session(&revoked.access).await;
        cluster.site.revoke(&revoked).await;
        let since = Instant::now();
        until(
            "the other one to refuse it",
            Duration::from_secs(1),
            async || (status(&cluster, 1, &revoked.access).await == 401).then_some(()),
        )
        .await;
        ended(&mut chat).await;
        assert!(since.elapsed() < Duration::from_secs(2), "{release}");
        for _ in 0..cluster.count() {
            assert!(!cluster.site.logs_in(&revoked.access).await, "{release}");
        }

        for no in 0..cluster.count() {
            cluster.program_mut(no).kill9();
            for _ in 0..3 {
                let since = Instant::now();
                assert!(cluster.site.logs_in(&kept.access).await, "{release}");
                assert!(since.elapsed() < TIMEOUT, "{release}");
            }
            let from = cluster.program(no).log().len();
            cluster.program_mut(no).start().await;
            let program = cluster.program(no);
            program.wait_log("the host's module is there", from).await;

            cluster.program(no).signal(Signal::STOP);
            for _ in 0..2 {
                let since = Instant::now();
                assert!(cluster.site.logs_in(&kept.access).await, "{release}");
                assert!(since.elapsed() < TIMEOUT, "{release}");
            }
            cluster.program(no).signal(Signal::CONT);
        }
        // one that slept has missed a revocation, and takes nothing from memory when it wakes
        cluster.program(1).signal(Signal::STOP);
        cluster.site.revoke(&kept).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.program(1).signal(Signal::CONT);
        assert_eq!(status(&cluster, 1, &kept.access).await, 401, "{release}");
        until("each to be ready", LIMIT, async || {
            let url = format!("http://127.0.0.1:{}/readyz", cluster.program(1).ops_port);
            (Http::new().get(&url).await.status == 200).then_some(())
        })
        .await;
    }
}
