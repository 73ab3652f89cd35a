//! A backup taken while all runs is put back, and everybody goes on.

use crate::site::{Site, Tokens};
use crate::support::release::servers;

const SCOPE: &str = "openid xmpp:client:normal";

#[tokio::test]
async fn after_a_restore_apps_go_on_with_what_they_had_when_the_backup_was_taken() {
    for release in servers() {
        let mut site = Site::start(release).await;
        let tokens = site.tokens(SCOPE).await;
        let (_chat, _) = site.session(&tokens.access).await;
        let output = site.program.run(&["storage", "backup", "copy"]).await;
        assert!(output.status.success(), "{release}: {output:?}");
        let later = site.tokens(SCOPE).await;
        site.revoke(&tokens).await;

        let from = site.program.log().len();
        assert!(site.program.stop().await.success(), "{release}");
        for name in ["xmpp-oauth.db", "xmpp-oauth.db-wal", "xmpp-oauth.db-shm"] {
            let _ = std::fs::remove_file(site.program.dir().join(name));
        }
        let dir = site.program.dir();
        std::fs::rename(dir.join("copy"), dir.join("xmpp-oauth.db")).unwrap();
        site.program.start().await;
        site.program
            .wait_log("the host's module is there", from)
            .await;

        let listed = site.program.run(&["clients", "list", "--json"]).await;
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(&tokens.client_id), "{release}: {listed}");
        assert!(!listed.contains(&later.client_id), "{release}: {listed}");
        assert!(site.logs_in(&tokens.access).await, "{release}");
        let answer = site.refresh(&tokens.client_id, &tokens.refresh).await;
        assert_eq!(answer.status, 200, "{release}: {}", answer.text());
        let tokens = Tokens::of(&answer.json(), tokens.client_id);
        assert!(site.logs_in(&tokens.access).await, "{release}");
        // what came after the backup is gone, and nothing else is made of it
        let answer = site.refresh(&later.client_id, &later.refresh).await;
        assert_eq!(answer.status, 400, "{release}: {}", answer.text());
    }
}
