//! [`Tally`] on every database that several processes share: its tables and these statements are PostgreSQL's
//! alone. Each statement is its own transaction, which sees what others have committed until then, and waits
//! for those that are at the same row.

use std::time::Duration;

use async_trait::async_trait;

use super::rows::{change, find};
use super::{Backend, params};
use crate::clock::Timestamp;
use crate::secrets::TokenHash;
use crate::storage::{Result, StoreError, Tally, Try};

/// `limits::Brake::take`: `?3` is now, `?4` what the try costs, `?5` what all may cost at once, in
/// milliseconds. Whoever is refused pays nothing, and stays no longer than a whole burst takes.
const TAKE: &str = "
    INSERT INTO tries AS t (brake, key, back_at, taken) VALUES (?1, ?2, ?3 + ?4, true)
    ON CONFLICT (brake, key) DO UPDATE SET
        taken = greatest(t.back_at, ?3) + ?4 <= ?3 + ?5,
        back_at = CASE WHEN greatest(t.back_at, ?3) + ?4 <= ?3 + ?5
            THEN greatest(t.back_at, ?3) + ?4
            ELSE least(t.back_at, ?3 + ?5) END
    RETURNING taken, back_at";

/// Where all are back, nothing is left that a clock which is set back could make something of.
const GIVE_BACK: &str = "
    UPDATE tries SET back_at = CASE WHEN back_at - ?4 > ?3 THEN back_at - ?4 ELSE 0 END
    WHERE brake = ?1 AND key = ?2";

/// What should have been forgotten was not shown.
const SHOW: &str = "
    INSERT INTO shown (hash, gone_at) VALUES (?1, ?2)
    ON CONFLICT (hash) DO UPDATE SET gone_at = excluded.gone_at WHERE shown.gone_at <= ?3";

/// How many times as many tries go at once as of all else: they do without the disk, and a flood of keys must
/// not come faster than they go.
const TRIES_AT_ONCE: i64 = 20;

/// Nobody waits for these, nor do they for anybody.
const PURGE: [(&str, i64); 2] = [
    (
        "DELETE FROM tries WHERE ctid = ANY (ARRAY (
             SELECT ctid FROM tries WHERE back_at <= ?1 * 1000 LIMIT ?2 FOR UPDATE SKIP LOCKED))",
        TRIES_AT_ONCE,
    ),
    (
        "DELETE FROM shown WHERE ctid = ANY (ARRAY (
             SELECT ctid FROM shown WHERE gone_at <= ?1 LIMIT ?2 FOR UPDATE SKIP LOCKED))",
        1,
    ),
];

#[async_trait]
impl<B: Backend> Tally for B {
    async fn take_try(
        &self,
        one: Try,
        now: Timestamp,
    ) -> Result<std::result::Result<(), Duration>> {
        let now = now.as_unix().saturating_mul(1000);
        let (costs, burst) = (millis(one.costs), millis(one.burst));
        let taken = self.once(move |db| {
            let params = params![one.brake, one.key.as_bytes(), now, costs, burst];
            find(db, TAKE, params, |row| Ok((row.get(0)?, row.get(1)?)))
        });
        let taken: Option<(bool, i64)> = taken.await?;
        let (is_taken, back_at) = taken
            .ok_or_else(|| StoreError::Corrupt("a try was neither taken nor refused".to_owned()))?;
        Ok(match is_taken {
            true => Ok(()),
            false => {
                let wait = back_at + costs - now - burst;
                Err(Duration::from_millis(wait.try_into().unwrap_or(0)))
            }
        })
    }

    async fn give_try_back(&self, one: Try, now: Timestamp) -> Result<()> {
        let (now, costs) = (now.as_unix().saturating_mul(1000), millis(one.costs));
        self.once(move |db| {
            let params = params![one.brake, one.key.as_bytes(), now, costs];
            change(db, GIVE_BACK, params)
        })
        .await
        .map(drop)
    }

    async fn show_once(&self, what: TokenHash, until: Timestamp, now: Timestamp) -> Result<bool> {
        let (until, now) = (until.as_unix(), now.as_unix());
        let shown = self.once(move |db| change(db, SHOW, params![what.as_bytes(), until, now]));
        Ok(shown.await? > 0)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let now = now.as_unix();
        let mut gone = 0;
        for (sql, times) in PURGE {
            let limit = limit.saturating_mul(times);
            let step = self.once(move |db| change(db, sql, params![now, limit]));
            gone += step.await?;
        }
        Ok(gone)
    }
}

fn millis(time: Duration) -> i64 {
    time.as_millis().try_into().unwrap_or(i64::MAX / 4)
}
