//! What processes hear of each other: rows that are written in the transactions which they tell of, read by
//! each process on a connection of its own.
//!
//! Numbers that are handed out in a transaction are not committed in their order, so a reader that goes by
//! the highest one it has seen skips what commits late. This one goes by snapshots. Each row has its
//! transaction's number, and a snapshot says which transactions are over: all below its `xmax` that are not
//! in its list of those under way. A transaction is seen by the next snapshot and was not by the last one if
//! and only if it was in that list, or began after it. Those are two ranges of an index, and each row is read
//! exactly once, whenever it commits.
//!
//! Whoever loses the connection begins anew, and must not believe anything that it had in memory. So what
//! is in the table need not outlive the server (it is `UNLOGGED`), nor go to a standby.
//!
//! That connection also holds the lock of who leads. It goes with the process that has it, however that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jid::BareJid;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Statement};

use super::failure::Failure;
use super::session::Server;
use crate::model::ClientId;
use crate::secrets::TokenHash;
use crate::storage::{Change, Changes, News, Result};

/// How long the database may take for anything here.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a process that does not lead tries to.
const TRIES_TO_LEAD: Duration = Duration::from_secs(1);
/// How often old rows are looked for, while there are few.
const CLEANS_UP: Duration = Duration::from_secs(10);
/// How long rows are kept, by the database's clock, in seconds; and how long a reader may have been away,
/// which is much less.
const KEPT: i64 = 600;
const LONGEST_AWAY: i64 = 120;
/// How many rows go at once.
const STEP: u64 = 1000;

/// Whoever holds this lock leads. The number is ours: "xmpp-led".
const LEAD: i64 = 0x786d_7070_2d6c_6564;

/// The connection of a process that has gone must be seen to be gone, or nobody else can lead.
const SETTINGS: &str = "
    SET statement_timeout = '5s';
    SET synchronous_commit = off;
    SET tcp_keepalives_idle = 2;
    SET tcp_keepalives_interval = 1;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '5s';
    LISTEN xmpp_oauth;
";

/// One row at least, which says how far this is.
const NEW: &str = "
    WITH new AS (
        SELECT kind, key FROM changes WHERE xid >= pg_snapshot_xmax($1::pg_snapshot)
        UNION ALL
        SELECT kind, key FROM changes WHERE xid = ANY (ARRAY (SELECT pg_snapshot_xip($1::pg_snapshot))))
    SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::bigint, kind, key
    FROM (VALUES (1)) AS once LEFT JOIN new ON true";

const HERE: &str =
    "SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::bigint";

/// What the process itself has committed that others have to hear of.
#[derive(Debug, Default)]
pub(super) struct Noted {
    is_new: AtomicBool,
    new: Notify,
}

impl Noted {
    pub(super) fn tell(&self) {
        self.is_new.store(true, Ordering::Release);
        self.new.notify_one();
    }
}

/// A change as its row has it.
pub(super) fn written(change: &Change) -> (&'static str, Option<&[u8]>) {
    match change {
        Change::Token(hash) => ("token", Some(hash.as_bytes())),
        Change::Client(id) => ("client", Some(id.as_str().as_bytes())),
        Change::Account(account) => ("account", Some(account.as_str().as_bytes())),
        Change::Keys => ("keys", None),
    }
}

/// `None` for what only a newer version writes.
fn change(kind: &str, key: Option<&[u8]>) -> Option<Change> {
    let text = || key.and_then(|key| std::str::from_utf8(key).ok());
    match kind {
        "token" => Some(Change::Token(TokenHash::from_bytes(key?.try_into().ok()?))),
        "client" => text().map(|id| Change::Client(ClientId::new(id))),
        "account" => Some(Change::Account(BareJid::new(text()?).ok()?)),
        "keys" => Some(Change::Keys),
        _ => None,
    }
}

/// A process's reader.
pub(super) struct Follower {
    server: Arc<Server>,
    noted: Arc<Noted>,
    told: Arc<Notify>,
    place: Option<Place>,
}

/// How far it has read.
struct Place {
    client: Client,
    new: Statement,
    snapshot: String,
    /// By the database's clock.
    read_at: i64,
    leads: bool,
    tried_to_lead: Option<Instant>,
    cleaned_up: Option<Instant>,
}

impl Follower {
    pub(super) fn new(server: Arc<Server>, noted: Arc<Noted>) -> Self {
        Self {
            server,
            noted,
            told: Arc::default(),
            place: None,
        }
    }

    async fn begin(&self) -> std::result::Result<Place, Failure> {
        let client = self.server.connect(&self.told).await?;
        client.batch_execute(SETTINGS).await?;
        let new = client.prepare_typed(NEW, &[Type::TEXT]);
        let new = new.await?;
        let here = client.query_one(HERE, &[]).await?;
        let mut place = Place {
            client,
            new,
            snapshot: here.get(0),
            read_at: here.get(1),
            leads: false,
            tried_to_lead: None,
            cleaned_up: None,
        };
        place.try_to_lead().await?;
        Ok(place)
    }
}

#[async_trait]
impl Changes for Follower {
    async fn told(&self) {
        tokio::select! {
            () = self.told.notified() => {}
            () = self.noted.new.notified() => {}
        }
    }

    async fn read(&mut self) -> Result<News> {
        let as_of = Instant::now();
        let read = async {
            match self.place.take() {
                Some(mut place) => {
                    let rows = place.read(&self.noted).await?;
                    Ok((place, rows))
                }
                None => Ok((self.begin().await?, None)),
            }
        };
        let read = match timeout(PATIENCE, read).await {
            Ok(read) => read,
            Err(_) => Err(Failure::timed_out()),
        };
        let (place, changes) = read.map_err(|failure| self.server.failed(&failure))?;
        let news = News {
            as_of,
            missed: changes.is_none(),
            changes: changes.unwrap_or_default(),
            leads: place.leads,
        };
        self.place = Some(place);
        Ok(news)
    }
}

impl Place {
    /// `None`, if it was away too long.
    async fn read(&mut self, noted: &Noted) -> std::result::Result<Option<Vec<Change>>, Failure> {
        // On its own, and not in the transactions which it tells of: those would have to commit one after
        // the other.
        if noted.is_new.swap(false, Ordering::AcqRel) {
            let notify = self.client.batch_execute("NOTIFY xmpp_oauth");
            notify.await?;
        }
        let rows = self.client.query(&self.new, &[&self.snapshot]).await;
        let rows = rows?;
        let before = self.read_at;
        let mut changes = Vec::new();
        for row in &rows {
            self.snapshot = row.get(0);
            self.read_at = row.get(1);
            changes.extend(change_of(row));
        }
        self.try_to_lead().await?;
        self.clean_up().await?;
        Ok((self.read_at - before < LONGEST_AWAY).then_some(changes))
    }

    async fn try_to_lead(&mut self) -> std::result::Result<(), Failure> {
        let is_due = self
            .tried_to_lead
            .is_none_or(|tried| tried.elapsed() >= TRIES_TO_LEAD);
        if self.leads || !is_due {
            return Ok(());
        }
        self.tried_to_lead = Some(Instant::now());
        let sql = "SELECT pg_try_advisory_lock($1)";
        let row = self.client.query_one(sql, &[&LEAD]).await?;
        self.leads = row.get(0);
        Ok(())
    }

    /// Any process does, and none waits for another.
    async fn clean_up(&mut self) -> std::result::Result<(), Failure> {
        let is_due = self
            .cleaned_up
            .is_none_or(|cleaned_up| cleaned_up.elapsed() >= CLEANS_UP);
        if !is_due {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM changes WHERE ctid = ANY (ARRAY (
                 SELECT ctid FROM changes WHERE at < now() - interval '{KEPT} seconds'
                 LIMIT {STEP} FOR UPDATE SKIP LOCKED))"
        );
        let gone = self.client.execute(&sql, &[]).await?;
        // There are more: the next ones go with the next reading.
        if gone < STEP {
            self.cleaned_up = Some(Instant::now());
        }
        Ok(())
    }
}

fn change_of(row: &Row) -> Option<Change> {
    let kind = row.get::<_, Option<&str>>(2)?;
    change(kind, row.get(3))
}
