//! From rows to records, and the few ways in which statements are run.

use std::net::IpAddr;

use jid::{BareJid, DomainPart, NodePart};
use rusqlite::{Connection, Params, Row};

use crate::clock::Timestamp;
use crate::model::{
    ClaimSet, ClientId, EndReason, Generation, Grant, GrantId, ScopeSet, Thumbprint,
};
use crate::secrets::TokenHash;
use crate::storage::{Result, StoreError};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match error {
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

/// The first row of a query.
pub(super) fn find<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// All rows of a query.
pub(super) fn list<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    db.prepare_cached(sql)?
        .query_and_then(params, read)?
        .collect()
}

/// Runs a statement that changes rows; answers how many.
pub(super) fn change(db: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// A moment.
pub(super) fn moment(row: &Row<'_>, at: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_unix(row.get(at)?))
}

/// A moment that may be missing.
pub(super) fn moment_if_any(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_unix))
}

/// Stands for a moment that is not known, in a column that must hold one.
pub(super) const UNKNOWN: i64 = 0;

/// A moment that may be [`UNKNOWN`].
pub(super) fn moment_if_known(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>> {
    Ok(Some(moment(row, at)?).filter(|moment| moment.as_unix() != UNKNOWN))
}

/// A hash that may be missing.
pub(super) fn hash_if_any(row: &Row<'_>, at: usize) -> Result<Option<TokenHash>> {
    Ok(row
        .get::<_, Option<[u8; 32]>>(at)?
        .map(TokenHash::from_bytes))
}

/// Scopes.
pub(super) fn scopes(row: &Row<'_>, at: usize) -> Result<ScopeSet> {
    parse(text(row, at)?)
}

/// Claims, `NULL` for none.
pub(super) fn claims(row: &Row<'_>, at: usize) -> Result<ClaimSet> {
    match row.get_ref(at)?.as_str_or_null() {
        Ok(Some(names)) => parse(names),
        Ok(None) => Ok(ClaimSet::default()),
        Err(error) => Err(StoreError::Corrupt(format!("column {at}: {error}"))),
    }
}

/// The same, to be stored.
pub(super) fn claims_text(claims: &ClaimSet) -> Option<String> {
    (!claims.is_empty()).then(|| claims.to_string())
}

/// A generation that may be missing.
pub(super) fn generation(row: &Row<'_>, at: usize) -> Result<Option<Generation>> {
    Ok(row.get::<_, Option<String>>(at)?.map(Generation::new))
}

/// A key's thumbprint that may be missing.
pub(super) fn thumbprint(row: &Row<'_>, at: usize) -> Result<Option<Thumbprint>> {
    Ok(row.get::<_, Option<String>>(at)?.map(Thumbprint::new))
}

/// An address that may be missing.
pub(super) fn address(row: &Row<'_>, at: usize) -> Result<Option<IpAddr>> {
    row.get::<_, Option<String>>(at)?
        .map(|address| parse(&address))
        .transpose()
}

/// An account from its host and the localpart behind it.
pub(super) fn account(row: &Row<'_>, at: usize) -> Result<BareJid> {
    let host: DomainPart = parse(text(row, at)?)?;
    Ok(match text(row, at + 1)? {
        "" => BareJid::from_parts(None, &host),
        localpart => BareJid::from_parts(Some(&parse::<NodePart>(localpart)?), &host),
    })
}

/// An account's localpart as stored: empty for a bare host.
pub(super) fn localpart(account: &BareJid) -> &str {
    account.node().map_or("", |node| node.as_str())
}

/// What [`grant`] reads, of `grants g` and `clients c`.
macro_rules! grant_columns {
    () => {
        "g.grant_id, g.host, g.localpart, c.client_id, g.client_name, g.scopes, g.created_at,
         g.auth_time, g.nonce, g.generation, g.ended_at, g.end_reason, g.granted_from,
         g.last_used_at, g.last_used_from, g.id_token_claims"
    };
}
pub(super) use grant_columns;

/// How many columns that is.
pub(super) const GRANT_COLUMNS: usize = 16;

/// A grant, from the columns of [`grant_columns`].
pub(super) fn grant(row: &Row<'_>) -> Result<Grant> {
    let ended = match moment_if_any(row, 10)? {
        None => None,
        Some(at) => {
            let word = text(row, 11)?;
            let reason = EndReason::from_word(word).ok_or_else(|| unexpected(word))?;
            Some((at, reason))
        }
    };
    Ok(Grant {
        id: GrantId::new(text(row, 0)?),
        account: account(row, 1)?,
        client_id: ClientId::new(text(row, 3)?),
        client_name: row.get(4)?,
        scopes: scopes(row, 5)?,
        created_at: moment(row, 6)?,
        auth_time: moment_if_known(row, 7)?,
        nonce: row.get(8)?,
        id_token_claims: claims(row, 15)?,
        generation: generation(row, 9)?,
        ended,
        granted_from: address(row, 12)?,
        last_used_at: moment(row, 13)?,
        last_used_from: address(row, 14)?,
    })
}

/// A text, where it lies.
pub(super) fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a str> {
    let value = row.get_ref(at)?;
    value
        .as_str()
        .map_err(|error| StoreError::Corrupt(format!("column {at}: {error}")))
}

/// What a text stands for.
pub(super) fn parse<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| unexpected(text))
}

/// A value that this version never writes.
pub(super) fn unexpected(value: &str) -> StoreError {
    StoreError::Corrupt(format!("{value:?}"))
}
