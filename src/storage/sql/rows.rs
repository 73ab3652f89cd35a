//! From rows to records, and the few ways in which statements are run.

use std::net::IpAddr;

use jid::{BareJid, DomainPart, NodePart};

use super::{Db, Row, Value};
use crate::clock::Timestamp;
use crate::model::{
    ClaimSet, ClientId, EndReason, Generation, Grant, GrantId, ScopeSet, Thumbprint,
};
use crate::secrets::TokenHash;
use crate::storage::{Result, StoreError};

/// The first row of a query.
pub(super) fn find<T>(
    db: &dyn Db,
    sql: &str,
    params: &[Value<'_>],
    read: impl Fn(&dyn Row) -> Result<T>,
) -> Result<Option<T>> {
    let mut found = None;
    db.first(sql, params, &mut |row| {
        found = Some(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// All rows of a query.
pub(super) fn list<T>(
    db: &dyn Db,
    sql: &str,
    params: &[Value<'_>],
    read: impl Fn(&dyn Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    db.each(sql, params, &mut |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Runs a statement that changes rows; answers how many.
pub(super) fn change(db: &dyn Db, sql: &str, params: &[Value<'_>]) -> Result<usize> {
    db.change(sql, params)
}

/// A moment.
pub(super) fn moment(row: &dyn Row, at: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_unix(row.get(at)?))
}

/// A moment that may be missing.
pub(super) fn moment_if_any(row: &dyn Row, at: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<Option<i64>>(at)?.map(Timestamp::from_unix))
}

/// Stands for a moment that is not known, in a column that must hold one.
pub(super) const UNKNOWN: i64 = 0;

/// A moment that may be [`UNKNOWN`].
pub(super) fn moment_if_known(row: &dyn Row, at: usize) -> Result<Option<Timestamp>> {
    Ok(Some(moment(row, at)?).filter(|moment| moment.as_unix() != UNKNOWN))
}

/// A hash that may be missing.
pub(super) fn hash_if_any(row: &dyn Row, at: usize) -> Result<Option<TokenHash>> {
    Ok(row.get::<Option<[u8; 32]>>(at)?.map(TokenHash::from_bytes))
}

/// Scopes.
pub(super) fn scopes(row: &dyn Row, at: usize) -> Result<ScopeSet> {
    parse(text(row, at)?)
}

/// Claims, `NULL` for none.
pub(super) fn claims(row: &dyn Row, at: usize) -> Result<ClaimSet> {
    match row.get::<Option<&str>>(at)? {
        Some(names) => parse(names),
        None => Ok(ClaimSet::default()),
    }
}

/// The same, to be stored.
pub(super) fn claims_text(claims: &ClaimSet) -> Option<String> {
    (!claims.is_empty()).then(|| claims.to_string())
}

/// A generation that may be missing.
pub(super) fn generation(row: &dyn Row, at: usize) -> Result<Option<Generation>> {
    Ok(row.get::<Option<String>>(at)?.map(Generation::new))
}

/// A key's thumbprint that may be missing.
pub(super) fn thumbprint(row: &dyn Row, at: usize) -> Result<Option<Thumbprint>> {
    Ok(row.get::<Option<String>>(at)?.map(Thumbprint::new))
}

/// An address that may be missing.
pub(super) fn address(row: &dyn Row, at: usize) -> Result<Option<IpAddr>> {
    row.get::<Option<&str>>(at)?.map(parse).transpose()
}

/// An account from its host and the localpart behind it.
pub(super) fn account(row: &dyn Row, at: usize) -> Result<BareJid> {
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
pub(super) fn grant(row: &dyn Row) -> Result<Grant> {
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
pub(super) fn text(row: &dyn Row, at: usize) -> Result<&str> {
    row.get(at)
}

/// What a text stands for.
pub(super) fn parse<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| unexpected(text))
}

/// A value that this version never writes.
pub(super) fn unexpected(value: &str) -> StoreError {
    StoreError::Corrupt(format!("{value:?}"))
}
