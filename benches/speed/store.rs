//! Rows for the program to find, and SQLite alone committing the same ones.

use std::path::Path;
use std::time::{Duration, Instant};

use jid::BareJid;
use rusqlite::Connection;
use xmpp_oauth::clock::{Clock as _, SystemClock, Timestamp};
use xmpp_oauth::model::{
    AuthorizationCode, BrowserSession, ClaimSet, Client, Grant, GrantId, Pair,
};
use xmpp_oauth::secrets::TokenHash;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{Redeemed, Store as _};

use crate::measure::{Load, median};
use crate::support::prosody::HOST;

/// How many are stored at once.
const AT_ONCE: usize = 256;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The tokens of grant `no`.
pub(crate) fn access_token(no: usize) -> String {
    format!("xoa_{no:032}")
}

pub(crate) fn refresh_token(no: usize) -> String {
    format!("xor_{no:032}")
}

/// The session cookie of the browser that consented to grant `no`.
pub(crate) fn cookie(no: usize) -> String {
    format!("xos_{no:032}")
}

/// Grants from `from` to `to`, each of another account (`user7@…`) or all of one.
#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    pub(crate) client: Client,
    pub(crate) of_one: bool,
    pub(crate) scope: &'static str,
}

impl Seeds {
    pub(crate) fn account(&self, no: usize) -> BareJid {
        let name = match self.of_one {
            true => "one".to_owned(),
            false => format!("user{no}"),
        };
        format!("{name}@{HOST}").parse().expect("a JID")
    }

    /// Stores them as a login, a consent and a client's redemption do.
    pub(crate) async fn store(&self, database: &Path, from: usize, to: usize) {
        let store = SqliteStore::open(database).expect("the database");
        let now = SystemClock.now();
        let all: Vec<_> = (from..to).collect();
        for some in all.chunks(AT_ONCE) {
            let one = |no: &usize| self.store_one(&store, *no, now);
            futures::future::join_all(some.iter().map(one)).await;
        }
        store.close().await;
    }

    async fn store_one(&self, store: &SqliteStore, no: usize, now: Timestamp) {
        let account = self.account(no);
        let session = BrowserSession {
            account: account.clone(),
            auth_time: now,
            generation: None,
            expires_at: now + DAY,
            from: None,
            last_seen_at: now,
            user_agent: None,
        };
        let cookie = TokenHash::of(&cookie(no));
        store
            .save_session(&cookie, &session)
            .await
            .expect("a session");
        let grant = Grant {
            id: GrantId::new(format!("{no:022}")),
            account: account.clone(),
            client_id: self.client.id.clone(),
            client_name: self.client.metadata.client_name.clone(),
            scopes: self.scope.parse().expect("scopes"),
            created_at: now,
            auth_time: Some(now),
            nonce: None,
            id_token_claims: ClaimSet::default(),
            generation: None,
            ended: None,
            granted_from: None,
            last_used_at: now,
            last_used_from: None,
        };
        let code = AuthorizationCode {
            grant_id: grant.id.clone(),
            client_id: self.client.id.clone(),
            account,
            scopes: grant.scopes.clone(),
            redirect_uri: None,
            code_challenge: None,
            dpop_jkt: None,
            nonce: None,
            id_token_claims: ClaimSet::default(),
            auth_time: now,
            generation: None,
            issued_at: now,
            expires_at: now + DAY,
            granted_from: None,
        };
        let pair = Pair {
            access: TokenHash::of(&access_token(no)),
            scopes: grant.scopes.clone(),
            access_expires_at: now + DAY,
            refresh: Some(TokenHash::of(&refresh_token(no))),
            refresh_expires_at: None,
            issued_at: now,
            issued_to: None,
            access_jkt: None,
            refresh_jkt: None,
        };
        let hash = TokenHash::of(&format!("xoc_{no}"));
        assert!(
            store
                .save_code(&hash, &code, &cookie)
                .await
                .expect("a code")
        );
        let redeemed = store
            .redeem_code(&hash, &self.client, &grant, &pair, now)
            .await;
        assert_eq!(redeemed.expect("a grant"), Redeemed::Done);
    }
}

/// SQLite alone: what a rotation writes, in groups of so many, each group durable.
pub(crate) fn alone(database: &Path, grants: usize, group: usize, time: Duration) -> Load {
    let db = Connection::open(database).expect("the database");
    for (name, value) in [
        ("synchronous", "full"),
        ("foreign_keys", "on"),
        ("wal_autocheckpoint", "4096"),
        ("journal_size_limit", "67108864"),
        ("cache_size", "-16384"),
    ] {
        db.pragma_update(None, name, value).expect("a setting");
    }
    let now = SystemClock.now().as_unix();
    let mut current: Vec<_> = (0..grants)
        .map(|no| TokenHash::of(&refresh_token(no)))
        .collect();
    let numbers: Vec<i64> = current
        .iter()
        .map(|hash| {
            let sql = "SELECT grant_no FROM refresh_tokens WHERE hash = ? AND spent_at IS NULL";
            db.query_row(sql, [hash.as_bytes()], |row| row.get(0))
                .expect("a token that has not been used")
        })
        .collect();
    let until = Instant::now() + time;
    let (mut load, mut no) = (Load::default(), 0);
    while Instant::now() < until {
        let since = Instant::now();
        let run = |sql: &str, values: &dyn Fn(&mut rusqlite::CachedStatement<'_>) -> usize| {
            let mut statement = db.prepare_cached(sql).expect("a statement");
            assert_eq!(values(&mut statement), 1);
        };
        db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for _ in 0..group {
            let grant = no % grants;
            no += 1;
            let old = current[grant];
            let new = TokenHash::of(&format!("new {grant} {no}"));
            let access = TokenHash::of(&format!("access {grant} {no}"));
            run(
                "UPDATE refresh_tokens SET spent_at = ?2, gone_at = ?3 WHERE hash = ?1",
                &|s| s.execute((old.as_bytes(), now, now + 1000)).expect("spent"),
            );
            run(
                "UPDATE grants SET access_hash = ?2, access_scopes = NULL, access_issued_at = ?3,
                 access_expires_at = ?4, unconfirmed = ?5, predecessor = ?6, idle_at = NULL
                 WHERE no = ?1",
                &|s| {
                    let values = (
                        numbers[grant],
                        access.as_bytes(),
                        now,
                        now + 3600,
                        new.as_bytes(),
                        old.as_bytes(),
                    );
                    s.execute(values).expect("a pair")
                },
            );
            run(
                "INSERT INTO refresh_tokens (hash, grant_no, issued_at, expires_at, gone_at)
                 VALUES (?, ?, ?, NULL, NULL)",
                &|s| {
                    s.execute((new.as_bytes(), numbers[grant], now))
                        .expect("a token")
                },
            );
            current[grant] = new;
        }
        db.execute_batch("COMMIT").expect("a commit");
        let took = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
        load.micros.extend(std::iter::repeat_n(took, group));
    }
    load
}

/// Deletes `count` expired browser sessions in the program's own steps; the median and the longest step,
/// in milliseconds.
pub(crate) async fn purge(folder: &Path, count: usize) -> (f64, f64) {
    const STEP: usize = 500;
    let store = SqliteStore::open(folder.join("purge.db")).expect("a database");
    let now = SystemClock.now();
    let all: Vec<_> = (0..count).collect();
    for some in all.chunks(AT_ONCE) {
        let one = |no: &usize| {
            let session = BrowserSession {
                account: format!("user{no}@{HOST}").parse().expect("a JID"),
                auth_time: now,
                generation: None,
                expires_at: now,
                from: None,
                last_seen_at: now,
                user_agent: None,
            };
            let hash = TokenHash::of(&cookie(*no));
            let store = &store;
            async move { store.save_session(&hash, &session).await }
        };
        for saved in futures::future::join_all(some.iter().map(one)).await {
            saved.expect("a session");
        }
    }
    let mut steps = Vec::new();
    loop {
        let since = Instant::now();
        let gone = store
            .purge(now + DAY, now - DAY, STEP)
            .await
            .expect("a step");
        if gone == 0 {
            break;
        }
        steps.push(since.elapsed().as_secs_f64() * 1e3);
    }
    assert_eq!(steps.len(), count.div_ceil(STEP));
    store.close().await;
    let longest = steps.iter().copied().fold(0.0, f64::max);
    (median(steps), longest)
}
