//! Grants, their end, and what the server has still to be told of it.

use std::net::IpAddr;

use jid::{BareJid, DomainPart};

use super::{
    Db, Row, Value, clients, devices, events, logouts, notices, params, rows, sessions, tokens,
};
use crate::clock::Timestamp;
use crate::model::{Client, ClientId, EndReason, Generation, Grant, GrantId, Pair, ScopeSet};
use crate::secrets::TokenHash;
use crate::storage::{Change, Ended, GrantFilter, Holder, Result, StoreError};

/// A live grant, as far as its end and its tokens need it.
pub(super) struct Live {
    pub(super) no: i64,
    pub(super) scopes: ScopeSet,
    pub(super) access: Option<TokenHash>,
    id: GrantId,
    account: BareJid,
}

/// What [`live`] reads, of `grants g`, as the first columns of a row.
macro_rules! live_columns {
    () => {
        "g.no, g.grant_id, g.host, g.localpart, g.scopes, g.access_hash"
    };
}
pub(super) use live_columns;

/// How many columns that is.
pub(super) const LIVE_COLUMNS: usize = 6;

/// A live grant, from the columns of [`live_columns`].
pub(super) fn live(row: &dyn Row) -> Result<Live> {
    Ok(Live {
        no: row.get(0)?,
        id: GrantId::new(rows::text(row, 1)?),
        account: rows::account(row, 2)?,
        scopes: rows::scopes(row, 4)?,
        access: rows::hash_if_any(row, 5)?,
    })
}

pub(super) fn find(db: &dyn Db, id: &GrantId) -> Result<Option<Grant>> {
    rows::find(
        db,
        concat!(
            "SELECT ",
            rows::grant_columns!(),
            " FROM grants g JOIN clients c ON c.no = g.client_no WHERE g.grant_id = ?"
        ),
        params![id.as_str()],
        rows::grant,
    )
}

pub(super) fn list(db: &dyn Db, filter: &GrantFilter) -> Result<Vec<Grant>> {
    let (sql, params) = list_sql(filter);
    rows::list(db, &sql, &params, rows::grant)
}

pub(in crate::storage) fn list_sql(filter: &GrantFilter) -> (String, Vec<Value<'_>>) {
    // A person has few grants, and a popular client has many: a person's are not looked for among those. The
    // plus keeps the index out that would do so.
    let account = filter.account.as_ref();
    let is_of_person = account.is_some_and(|account| account.node().is_some());
    let plus = if is_of_person { "+" } else { "" };
    let mut sql = format!(
        "SELECT {} FROM grants g JOIN clients c ON c.no = {plus}g.client_no WHERE true",
        rows::grant_columns!(),
    );
    let mut params = Vec::new();
    if let Some(account) = account {
        sql += " AND g.host = ? AND g.localpart = ?";
        params.push(Value::from(account.domain().as_str()));
        params.push(Value::from(rows::localpart(account)));
    }
    if let Some(client_id) = &filter.client_id {
        sql += " AND c.client_id = ?";
        params.push(Value::from(client_id.as_str()));
    }
    if !filter.with_ended {
        sql += " AND g.ended_at IS NULL";
    }
    sql += " ORDER BY g.created_at DESC, g.no DESC";
    (sql, params)
}

pub(super) fn insert(db: &dyn Db, grant: &Grant, client_no: i64) -> Result<i64> {
    rows::find(
        db,
        "INSERT INTO grants (grant_id, host, localpart, client_no, client_name, scopes, created_at,
             auth_time, nonce, generation, ended_at, end_reason, granted_from, last_used_at,
             last_used_from, id_token_claims)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING no",
        params![
            grant.id.as_str(),
            grant.account.domain().as_str(),
            rows::localpart(&grant.account),
            client_no,
            &grant.client_name,
            grant.scopes.to_string(),
            grant.created_at.as_unix(),
            grant.auth_time.map_or(rows::UNKNOWN, Timestamp::as_unix),
            &grant.nonce,
            grant.generation.as_ref().map(Generation::as_str),
            grant.ended.map(|(at, _)| at.as_unix()),
            grant.ended.map(|(_, reason)| reason.as_str()),
            grant.granted_from.map(|from| from.to_string()),
            grant.last_used_at.as_unix(),
            grant.last_used_from.map(|from| from.to_string()),
            rows::claims_text(&grant.id_token_claims)
        ],
        |row| row.get(0),
    )?
    .ok_or_else(|| StoreError::Corrupt("a grant has no number".to_owned()))
}

/// Stores a grant with its tokens, if the client is not removed and the session, where there is one,
/// is the account's.
pub(super) fn save(
    db: &dyn Db,
    client: &Client,
    grant: &Grant,
    pair: &Pair,
    session: Option<&TokenHash>,
) -> Result<bool> {
    if let Some(session) = session
        && !sessions::is_of(db, session, &grant.account)?
    {
        return Ok(false);
    }
    let Some(client_no) = clients::row_of(db, client)? else {
        return Ok(false);
    };
    let grant_no = insert(db, grant, client_no)?;
    tokens::put_pair(db, grant_no, &grant.scopes, pair, None)?;
    Ok(true)
}

pub(super) fn end(db: &dyn Db, id: &GrantId, reason: EndReason, now: Timestamp) -> Result<Ended> {
    let grants = rows::list(
        db,
        concat!(
            "SELECT ",
            live_columns!(),
            " FROM grants g WHERE g.grant_id = ? AND g.ended_at IS NULL"
        ),
        params![id.as_str()],
        live,
    )?;
    // Whoever takes back what an app has does not want it to come back with a code that is under way. An
    // app that lets go of one grant itself may be fetching the next.
    if matches!(reason, EndReason::OwnerRevoked | EndReason::OperatorRevoked) {
        rows::change(
            db,
            "DELETE FROM codes WHERE consumed_at IS NULL AND (host, localpart, client_id) =
                 (SELECT g.host, g.localpart, c.client_id
                  FROM grants g JOIN clients c ON c.no = g.client_no WHERE g.grant_id = ?)",
            params![id.as_str()],
        )?;
        devices::end_with_grant(db, id)?;
        logouts::of_grant(db, id)?;
    }
    end_all(db, grants, reason, now)
}

pub(super) fn end_client(
    db: &dyn Db,
    id: &ClientId,
    reason: EndReason,
    now: Timestamp,
) -> Result<Ended> {
    let grants = rows::list(
        db,
        concat!(
            "SELECT ",
            live_columns!(),
            " FROM clients c JOIN grants g ON g.client_no = c.no
             WHERE c.client_id = ? AND g.ended_at IS NULL"
        ),
        params![id.as_str()],
        live,
    )?;
    rows::change(
        db,
        "DELETE FROM codes WHERE client_id = ? AND consumed_at IS NULL",
        params![id.as_str()],
    )?;
    devices::end_client(db, id)?;
    logouts::of_client(db, id)?;
    end_all(db, grants, reason, now)
}

pub(super) fn end_account(
    db: &dyn Db,
    account: &BareJid,
    unless: Option<&Generation>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Ended> {
    let (host, localpart) = (account.domain().as_str(), rows::localpart(account));
    let unless = unless.map(Generation::as_str);
    let ended = end_of_account(db, account, unless, reason, now)?;
    sessions::end_account(db, host, localpart, unless)?;
    if reason == EndReason::AccountDeleted {
        events::forget_account(db, account)?;
        notices::forget_account(db, account)?;
    }
    Ok(ended)
}

/// Ends an account's grants, but those of the generation `unless` and of none. Consent that was given
/// before and has not been fetched yet ends with them.
pub(super) fn end_of_account(
    db: &dyn Db,
    account: &BareJid,
    unless: Option<&str>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Ended> {
    let (host, localpart) = (account.domain().as_str(), rows::localpart(account));
    rows::change(
        db,
        "DELETE FROM codes WHERE host = ?1 AND localpart = ?2 AND consumed_at IS NULL
             AND (?3 IS NULL OR generation <> ?3)",
        params![host, localpart, unless],
    )?;
    devices::end_account(db, host, localpart, unless)?;
    logouts::of_account(db, host, localpart, unless)?;
    let grants = rows::list(
        db,
        concat!(
            "SELECT ",
            live_columns!(),
            " FROM grants g
             WHERE g.host = ?1 AND g.localpart = ?2 AND g.ended_at IS NULL
                 AND (?3 IS NULL OR g.generation <> ?3)"
        ),
        params![host, localpart, unless],
        live,
    )?;
    end_all(db, grants, reason, now)
}

/// The one place where grants end.
pub(super) fn end_all(
    db: &dyn Db,
    grants: Vec<Live>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Ended> {
    let mut ended = Ended::default();
    for grant in grants {
        rows::change(
            db,
            "UPDATE grants SET ended_at = ?2, end_reason = ?3, access_hash = NULL,
                 access_scopes = NULL, access_issued_at = NULL, access_expires_at = NULL,
                 unconfirmed = NULL, predecessor = NULL, idle_at = NULL
             WHERE no = ?1",
            params![grant.no, now.as_unix(), reason.as_str()],
        )?;
        if let Some(access) = grant.access {
            db.note(&Change::Token(access))?;
            ended.access_tokens.push(access);
        }
        tokens::delete_refresh(db, grant.no)?;
        // Without an XMPP scope it can have opened no session.
        if grant.scopes.allows_xmpp() {
            rows::change(
                db,
                "INSERT INTO pending_ends (grant_id, host, localpart) VALUES (?, ?, ?)
                 ON CONFLICT (grant_id) DO NOTHING",
                params![
                    grant.id.as_str(),
                    grant.account.domain().as_str(),
                    rows::localpart(&grant.account)
                ],
            )?;
        }
        ended.grants.push((grant.account, grant.id));
    }
    Ok(ended)
}

/// Records a use, unless a later one was recorded.
pub(super) fn touch(db: &dyn Db, id: &GrantId, from: Option<IpAddr>, now: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE grants SET last_used_at = ?2, last_used_from = coalesce(?3, last_used_from)
         WHERE grant_id = ?1 AND last_used_at < ?2 AND ended_at IS NULL",
        params![
            id.as_str(),
            now.as_unix(),
            from.map(|from| from.to_string())
        ],
    )
    .map(drop)
}

/// Forgets where everything came from, but for devices that wait: their person is to see it.
pub(super) fn forget_addresses(db: &dyn Db) -> Result<()> {
    for sql in [
        "UPDATE grants SET granted_from = NULL, last_used_from = NULL
         WHERE granted_from IS NOT NULL OR last_used_from IS NOT NULL",
        "UPDATE codes SET granted_from = NULL WHERE granted_from IS NOT NULL",
        "UPDATE device_codes SET granted_from = NULL WHERE granted_from IS NOT NULL",
        "UPDATE device_codes SET asked_from = '' WHERE decision IS NOT NULL AND asked_from <> ''",
        "UPDATE browser_sessions SET address = NULL WHERE address IS NOT NULL",
        "UPDATE events SET address = NULL WHERE address IS NOT NULL",
    ] {
        rows::change(db, sql, params![])?;
    }
    Ok(())
}

pub(super) fn holders(
    db: &dyn Db,
    host: &DomainPart,
    after: Option<&BareJid>,
    limit: usize,
) -> Result<Vec<Holder>> {
    // Put so that each half walks its index from where the last page ended.
    let accounts = rows::list(
        db,
        "SELECT host, localpart FROM (
             SELECT DISTINCT host, localpart FROM grants
             WHERE host = ?1 AND localpart >= ?2 AND (?3 OR localpart <> ?2) AND ended_at IS NULL
             ORDER BY localpart LIMIT ?4) AS with_grants
         UNION
         SELECT host, localpart FROM (
             SELECT DISTINCT host, localpart FROM browser_sessions
             WHERE host = ?1 AND localpart >= ?2 AND (?3 OR localpart <> ?2)
             ORDER BY localpart LIMIT ?4) AS with_sessions
         ORDER BY host, localpart LIMIT ?4",
        params![
            host.as_str(),
            after.map_or("", rows::localpart),
            after.is_none(),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        |row| rows::account(row, 0),
    )?;
    accounts
        .into_iter()
        .map(|account| {
            let generations = rows::list(
                db,
                "SELECT generation FROM grants WHERE host = ?1 AND localpart = ?2
                     AND ended_at IS NULL AND generation IS NOT NULL
                 UNION
                 SELECT generation FROM browser_sessions WHERE host = ?1 AND localpart = ?2
                     AND generation IS NOT NULL",
                params![host.as_str(), rows::localpart(&account)],
                |row| Ok(Generation::new(rows::text(row, 0)?)),
            )?;
            Ok(Holder {
                account,
                generations,
            })
        })
        .collect()
}

pub(super) fn pending_ends(db: &dyn Db, host: &DomainPart) -> Result<Vec<(BareJid, GrantId)>> {
    rows::list(
        db,
        "SELECT host, localpart, grant_id FROM pending_ends WHERE host = ? ORDER BY no",
        params![host.as_str()],
        |row| Ok((rows::account(row, 0)?, GrantId::new(rows::text(row, 2)?))),
    )
}

pub(super) fn finish_end(db: &dyn Db, id: &GrantId) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM pending_ends WHERE grant_id = ?",
        params![id.as_str()],
    )
    .map(drop)
}
