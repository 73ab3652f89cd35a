//! Access and refresh tokens, and the exchange of one pair for the next.
//!
//! A grant has one pair at a time, whose access token stands in the grant's row. While nothing of it
//! has been used, `grants.unconfirmed` names its refresh token, and `grants.predecessor` the one that
//! it was given for. Refresh tokens have rows of their own, spent ones too.

use super::{Db, grants, params, rows};
use crate::clock::Timestamp;
use crate::model::{AccessToken, EndReason, Pair, RefreshToken, ScopeSet, Thumbprint};
use crate::secrets::TokenHash;
use crate::storage::{Change, LOST_ANSWER_WINDOW, Result, Rotation, SPENT_TOKEN_KEPT};

pub(super) fn find_access(db: &dyn Db, hash: &TokenHash) -> Result<Option<AccessToken>> {
    const AT: usize = rows::GRANT_COLUMNS;
    rows::find(
        db,
        concat!(
            "SELECT ",
            rows::grant_columns!(),
            ", g.access_issued_at, g.access_expires_at, g.access_scopes, g.unconfirmed,
                 g.access_jkt
             FROM grants g JOIN clients c ON c.no = g.client_no
             WHERE g.access_hash = ? AND g.ended_at IS NULL"
        ),
        params![hash.as_bytes()],
        |row| {
            let grant = rows::grant(row)?;
            let narrowed = row.get::<Option<&str>>(AT + 2)?;
            Ok(AccessToken {
                scopes: match narrowed {
                    None => grant.scopes.clone(),
                    Some(scopes) => rows::parse(scopes)?,
                },
                grant,
                issued_at: rows::moment(row, AT)?,
                expires_at: rows::moment(row, AT + 1)?,
                unconfirmed_pair: rows::hash_if_any(row, AT + 3)?,
                jkt: rows::thumbprint(row, AT + 4)?,
            })
        },
    )
}

pub(super) fn find_refresh(db: &dyn Db, hash: &TokenHash) -> Result<Option<RefreshToken>> {
    const AT: usize = rows::GRANT_COLUMNS;
    rows::find(
        db,
        concat!(
            "SELECT ",
            rows::grant_columns!(),
            ", r.issued_at, r.expires_at, r.spent_at, r.jkt
             FROM refresh_tokens r JOIN grants g ON g.no = r.grant_no
                 JOIN clients c ON c.no = g.client_no
             WHERE r.hash = ? AND g.ended_at IS NULL"
        ),
        params![hash.as_bytes()],
        |row| {
            Ok(RefreshToken {
                grant: rows::grant(row)?,
                issued_at: rows::moment(row, AT)?,
                expires_at: rows::moment_if_any(row, AT + 1)?,
                rotated_at: rows::moment_if_any(row, AT + 2)?,
                jkt: rows::thumbprint(row, AT + 3)?,
            })
        },
    )
}

/// Stores a pair in the place of the one that the grant has. It is unconfirmed if it was given for a
/// `predecessor`.
pub(super) fn put_pair(
    db: &dyn Db,
    grant_no: i64,
    granted: &ScopeSet,
    pair: &Pair,
    predecessor: Option<&TokenHash>,
) -> Result<()> {
    let narrowed = (pair.scopes != *granted).then(|| pair.scopes.to_string());
    // Even where the access token is the last to expire, its pair can be confirmed until then.
    let gone_at = match pair.refresh {
        None => Some(pair.access_expires_at),
        Some(_) => pair
            .refresh_expires_at
            .map(|at| at.max(pair.access_expires_at)),
    };
    // Sessions on the server hang on a grant with an XMPP scope, whatever becomes of its tokens.
    let idle_at = gone_at.filter(|_| !granted.allows_xmpp());
    // A pair without a refresh token has nothing that could be confirmed: it counts as used.
    let unconfirmed = pair.refresh.as_ref().zip(predecessor);
    rows::change(
        db,
        "UPDATE grants SET access_hash = ?2, access_scopes = ?3, access_issued_at = ?4,
             access_expires_at = ?5, unconfirmed = ?6, predecessor = ?7, idle_at = ?8,
             last_used_at = CASE WHEN last_used_at > ?4 THEN last_used_at ELSE ?4 END,
             last_used_from = coalesce(?9, last_used_from),
             access_jkt = ?10
         WHERE no = ?1",
        params![
            grant_no,
            pair.access.as_bytes(),
            narrowed,
            pair.issued_at.as_unix(),
            pair.access_expires_at.as_unix(),
            unconfirmed.map(|(refresh, _)| refresh.as_bytes()),
            unconfirmed.map(|(_, predecessor)| predecessor.as_bytes()),
            idle_at.map(Timestamp::as_unix),
            pair.issued_to.map(|to| to.to_string()),
            pair.access_jkt.as_ref().map(Thumbprint::as_str)
        ],
    )?;
    let Some(refresh) = pair.refresh else {
        return Ok(());
    };
    rows::change(
        db,
        "INSERT INTO refresh_tokens (hash, grant_no, issued_at, expires_at, gone_at, jkt)
         VALUES (?, ?, ?, ?, ?, ?)",
        params![
            refresh.as_bytes(),
            grant_no,
            pair.issued_at.as_unix(),
            pair.refresh_expires_at.map(Timestamp::as_unix),
            gone_at.map(Timestamp::as_unix),
            pair.refresh_jkt.as_ref().map(Thumbprint::as_str)
        ],
    )
    .map(drop)
}

/// What the file knows of a refresh token that is shown.
struct Shown {
    grant: grants::Live,
    expires_at: Option<Timestamp>,
    spent_at: Option<Timestamp>,
    unconfirmed: Option<TokenHash>,
    predecessor: Option<TokenHash>,
}

pub(super) fn rotate(
    db: &dyn Db,
    hash: &TokenHash,
    pair: &Pair,
    now: Timestamp,
) -> Result<Rotation> {
    let Some(shown) = shown(db, hash)? else {
        return Ok(Rotation::Unknown);
    };
    if shown.expires_at.is_some_and(|at| at <= now) {
        return Ok(Rotation::Unknown);
    }
    let takes_the_place_of = match shown.spent_at {
        None => *hash,
        Some(spent_at) => match shown.unconfirmed {
            Some(unused)
                if shown.predecessor == Some(*hash)
                    && now.since(spent_at) <= LOST_ANSWER_WINDOW =>
            {
                unused
            }
            // RFC 9700 §4.14.2: two hold tokens of one grant, and nobody knows which is the thief.
            _ => {
                let reason = EndReason::RefreshTokenReused;
                return grants::end_all(db, vec![shown.grant], reason, now).map(Rotation::Reused);
            }
        },
    };
    spend(db, &takes_the_place_of, now)?;
    put_pair(db, shown.grant.no, &shown.grant.scopes, pair, Some(hash))?;
    let superseded: Vec<_> = shown.grant.access.into_iter().collect();
    for access in &superseded {
        db.note(&Change::Token(*access))?;
    }
    Ok(Rotation::Rotated { superseded })
}

pub(super) fn confirm(db: &dyn Db, refresh: &TokenHash) -> Result<bool> {
    let Some(shown) = shown(db, refresh)?.filter(|shown| shown.spent_at.is_none()) else {
        return Ok(false);
    };
    if shown.unconfirmed.is_some() {
        rows::change(
            db,
            "UPDATE grants SET unconfirmed = NULL, predecessor = NULL WHERE no = ?",
            params![shown.grant.no],
        )?;
    }
    Ok(true)
}

/// Deletes the grant's refresh tokens, spent or not.
pub(super) fn delete_refresh(db: &dyn Db, grant_no: i64) -> Result<usize> {
    rows::change(
        db,
        "DELETE FROM refresh_tokens WHERE grant_no = ?",
        params![grant_no],
    )
}

fn shown(db: &dyn Db, hash: &TokenHash) -> Result<Option<Shown>> {
    const AT: usize = grants::LIVE_COLUMNS;
    rows::find(
        db,
        concat!(
            "SELECT ",
            grants::live_columns!(),
            ", r.expires_at, r.spent_at, g.unconfirmed, g.predecessor
             FROM refresh_tokens r JOIN grants g ON g.no = r.grant_no
             WHERE r.hash = ? AND g.ended_at IS NULL"
        ),
        params![hash.as_bytes()],
        |row| {
            Ok(Shown {
                grant: grants::live(row)?,
                expires_at: rows::moment_if_any(row, AT)?,
                spent_at: rows::moment_if_any(row, AT + 1)?,
                unconfirmed: rows::hash_if_any(row, AT + 2)?,
                predecessor: rows::hash_if_any(row, AT + 3)?,
            })
        },
    )
}

/// From now on, showing it is reuse. It is kept until it would have expired, or long enough.
fn spend(db: &dyn Db, hash: &TokenHash, now: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE refresh_tokens SET spent_at = ?2, gone_at =
             CASE WHEN expires_at < ?3 THEN expires_at ELSE ?3 END
         WHERE hash = ?1",
        params![
            hash.as_bytes(),
            now.as_unix(),
            (now + SPENT_TOKEN_KEPT).as_unix()
        ],
    )
    .map(drop)
}
