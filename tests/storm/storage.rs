//! The disk is full, or may not be written.

use std::path::PathBuf;
use std::time::Duration;

use crate::apps::Provider;
use crate::figures::{Before, from, name, person, tell, town};
use crate::site::{LIMIT, Site, VERIFIER};
use crate::support::child::unshared;
use crate::support::http::Http;
use crate::support::wait::until;

/// Mounts a file system of this much room on the folder `small`, for the program alone, and becomes it.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=2m none small && exec "$0" "$@""#;
/// Mounts the folder `small` once more, to be read only.
const ON_A_DISK_THAT_IS_READ_ONLY: &str =
    r#"mount --bind small small && mount -o remount,ro,bind small && exec "$0" "$@""#;

const SETTINGS: &str = "[storage]\nurl = 'sqlite:small/xmpp-oauth.db'";

fn on_another_disk(script: &str) -> Vec<String> {
    let command = unshared(&["--mount"]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_str().unwrap().to_owned());
    words
        .chain(["sh", "-c", script].map(ToOwned::to_owned))
        .collect()
}

fn as_words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The program's disk as it sees it.
fn small_disk(site: &Site) -> PathBuf {
    let seen = format!("/proc/{}/root", site.program.pid());
    PathBuf::from(seen + site.program.dir().join("small").to_str().unwrap())
}

async fn readiness(site: &Site) -> (u16, String) {
    let url = format!("http://127.0.0.1:{}/readyz", site.program.ops_port);
    let answer = Http::new().get(&url).await;
    (answer.status, answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_must_be_stored_and_goes_on_once_there_is_room() {
    const STORM: &str = "full disk";
    let words = on_another_disk(ON_A_SMALL_DISK);
    let mut site = Site::prepared(town(1).await, SETTINGS, |program| {
        std::fs::create_dir(program.dir().join("small")).unwrap();
        program.env("RUST_LOG", "info").under(&as_words(&words))
    })
    .await;
    let provider = Provider::of(&site);
    let scope = "openid xmpp:client:normal";
    let (mut kept, revoked, cold) = (
        site.tokens(scope).await,
        site.tokens(scope).await,
        site.tokens(scope).await,
    );
    let client_id = site.register().await;
    let mut browser = from("192.0.2.7");
    let page = provider
        .get(&mut browser, &Provider::request(&client_id))
        .await
        .unwrap();
    let who = name(0);
    let answer = provider
        .give_password(&mut browser, &page, person(&who))
        .await
        .unwrap();
    assert_eq!(answer.status, 303);
    let code = provider
        .consent(&mut browser, &client_id, "allow")
        .await
        .unwrap()
        .unwrap();
    let before = Before::look(STORM, &site).await;

    let filler = small_disk(&site).join("filler");
    let wrote = std::fs::write(&filler, vec![0; 4 << 20]);
    assert!(wrote.is_err(), "the disk is not full: {wrote:?}");

    // what is in the log's file already may be written over: after a few more it is full for good
    let mut acknowledged = 0;
    let refused = loop {
        let answer = provider
            .refresh(&kept.client_id, &kept.refresh)
            .await
            .unwrap();
        if answer.status != 200 {
            break answer;
        }
        kept = crate::site::Tokens::of(&answer.json(), kept.client_id.clone());
        acknowledged += 1;
        assert!(acknowledged < 10_000, "the disk never fills");
    };
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert_eq!(refused.json()["error"], "server_error");
    let answer = provider.redeem(&client_id, &code, VERIFIER).await.unwrap();
    assert_eq!(answer.status, 500, "{}", answer.text());
    let answer = provider
        .revoke(&revoked.client_id, &revoked.refresh)
        .await
        .unwrap();
    assert!(
        answer.status >= 500,
        "a revocation that is not kept: {answer:?}"
    );
    let mut other = from("192.0.2.8");
    let page = provider
        .get(&mut other, &Provider::request(&client_id))
        .await
        .unwrap();
    let answer = provider
        .give_password(&mut other, &page, person(&who))
        .await
        .unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(other.cookies.keys().all(|name| !name.contains("session")));
    let (status, text) = readiness(&site).await;
    assert_eq!(status, 503, "{text}");
    assert!(
        text.contains(r#""link":"up""#) && text.contains("full"),
        "{text}"
    );
    // what needs no room goes on
    assert!(site.logs_in(&cold.access).await);
    assert_eq!(provider.userinfo(&cold.access).await.unwrap().status, 200);
    tell(
        STORM,
        &format!(
            "{acknowledged} refreshes until it was full; readyz: {}",
            text.trim()
        ),
    );

    std::fs::remove_file(&filler).unwrap();
    until("the storage to be up", LIMIT, async || {
        (readiness(&site).await.0 == 200).then_some(())
    })
    .await;
    before.is_as_before(&site).await;
    // nothing that was answered is lost, and nothing that was refused has happened
    let answer = provider.redeem(&client_id, &code, VERIFIER).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    for tokens in [&kept, &revoked, &cold] {
        assert_eq!(provider.userinfo(&tokens.access).await.unwrap().status, 200);
        let answer = provider
            .refresh(&tokens.client_id, &tokens.refresh)
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert!(site.program.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_is_named_at_the_start() {
    let site = Site::prepared(town(0).await, SETTINGS, |program| {
        std::fs::create_dir(program.dir().join("small")).unwrap();
        program
    });
    let mut site = site.await;
    assert!(site.program.stop().await.success());
    let words = on_another_disk(ON_A_DISK_THAT_IS_READ_ONLY);
    site.program = site.program.under(&as_words(&words));
    let log = site.program.log().len();
    site.program.spawn();
    let status = site.program.ended(Duration::from_secs(20)).await;
    assert!(!status.success());
    let log = site.program.log()[log..].to_owned();
    tell("read-only database", log.trim());
    assert!(
        log.contains("xmpp-oauth.db") && log.contains("read"),
        "{log}"
    );
}
