//! Authorization codes, and what becomes of them once.

use super::{Db, Row, clients, grants, params, rows, tokens};
use crate::clock::Timestamp;
use crate::model::{
    AuthorizationCode, Client, ClientId, CodeChallenge, CodeChallengeMethod, EndReason, Generation,
    Grant, GrantId, Pair, Thumbprint,
};
use crate::secrets::TokenHash;
use crate::storage::{REDEEMED_CODE_KEPT, Redeemed, Result};

pub(super) fn save(
    db: &dyn Db,
    hash: &TokenHash,
    code: &AuthorizationCode,
    session: &TokenHash,
) -> Result<bool> {
    let challenge = code.code_challenge.as_ref();
    rows::change(
        db,
        "INSERT INTO codes (hash, grant_id, client_id, host, localpart, scopes, redirect_uri,
             challenge_method, challenge, nonce, auth_time, generation, issued_at, expires_at,
             gone_at, granted_from, id_token_claims, dpop_jkt)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?16, ?17, ?18
         WHERE EXISTS (SELECT 1 FROM browser_sessions
                       WHERE hash = ?15 AND host = ?4 AND localpart = ?5)",
        params![
            hash.as_bytes(),
            code.grant_id.as_str(),
            code.client_id.as_str(),
            code.account.domain().as_str(),
            rows::localpart(&code.account),
            code.scopes.to_string(),
            &code.redirect_uri,
            challenge.map(|challenge| challenge.method.as_str()),
            challenge.map(|challenge| &challenge.challenge),
            &code.nonce,
            code.auth_time.as_unix(),
            code.generation.as_ref().map(Generation::as_str),
            code.issued_at.as_unix(),
            code.expires_at.as_unix(),
            session.as_bytes(),
            code.granted_from.map(|from| from.to_string()),
            rows::claims_text(&code.id_token_claims),
            code.dpop_jkt.as_ref().map(Thumbprint::as_str),
        ],
    )
    .map(|saved| saved > 0)
}

pub(super) fn find(db: &dyn Db, hash: &TokenHash) -> Result<Option<AuthorizationCode>> {
    rows::find(
        db,
        "SELECT grant_id, client_id, host, localpart, scopes, redirect_uri, challenge_method,
             challenge, nonce, auth_time, generation, issued_at, expires_at, granted_from,
             id_token_claims, dpop_jkt
         FROM codes WHERE hash = ?",
        params![hash.as_bytes()],
        code,
    )
}

pub(super) fn redeem(
    db: &dyn Db,
    hash: &TokenHash,
    client: &Client,
    grant: &Grant,
    pair: &Pair,
    now: Timestamp,
) -> Result<Redeemed> {
    let consumed = rows::change(
        db,
        "UPDATE codes SET consumed_at = ?2, gone_at = ?3, grant_id = ?4
         WHERE hash = ?1 AND consumed_at IS NULL AND expires_at > ?2",
        params![
            hash.as_bytes(),
            now.as_unix(),
            (now + REDEEMED_CODE_KEPT).as_unix(),
            grant.id.as_str()
        ],
    )?;
    if consumed == 0 {
        return replay(db, hash, now);
    }
    // Removed since the caller looked: the code stays used and gives nothing.
    let Some(client_no) = clients::row_of(db, client)? else {
        return Ok(Redeemed::Unknown);
    };
    let grant_no = grants::insert(db, grant, client_no)?;
    tokens::put_pair(db, grant_no, &grant.scopes, pair, None)?;
    Ok(Redeemed::Done)
}

/// RFC 6749 §4.1.2: a code shown twice ends what it gave the first time.
fn replay(db: &dyn Db, hash: &TokenHash, now: Timestamp) -> Result<Redeemed> {
    let given = rows::find(
        db,
        "SELECT grant_id FROM codes WHERE hash = ? AND consumed_at IS NOT NULL",
        params![hash.as_bytes()],
        |row| Ok(GrantId::new(rows::text(row, 0)?)),
    )?;
    replayed(db, given, now)
}

/// Ends what was given for a code that is shown again.
pub(super) fn replayed(db: &dyn Db, given: Option<GrantId>, now: Timestamp) -> Result<Redeemed> {
    match given {
        Some(id) => grants::end(db, &id, EndReason::CodeReplayed, now).map(Redeemed::Replayed),
        None => Ok(Redeemed::Unknown),
    }
}

fn code(row: &dyn Row) -> Result<AuthorizationCode> {
    let code_challenge = match row.get::<Option<String>>(7)? {
        None => None,
        Some(challenge) => Some(CodeChallenge {
            method: challenge_method(rows::text(row, 6)?)?,
            challenge,
        }),
    };
    Ok(AuthorizationCode {
        grant_id: GrantId::new(rows::text(row, 0)?),
        client_id: ClientId::new(rows::text(row, 1)?),
        account: rows::account(row, 2)?,
        scopes: rows::scopes(row, 4)?,
        redirect_uri: row.get(5)?,
        code_challenge,
        dpop_jkt: rows::thumbprint(row, 15)?,
        nonce: row.get(8)?,
        id_token_claims: rows::claims(row, 14)?,
        auth_time: rows::moment(row, 9)?,
        generation: rows::generation(row, 10)?,
        issued_at: rows::moment(row, 11)?,
        expires_at: rows::moment(row, 12)?,
        granted_from: rows::address(row, 13)?,
    })
}

fn challenge_method(word: &str) -> Result<CodeChallengeMethod> {
    [CodeChallengeMethod::S256, CodeChallengeMethod::Plain]
        .into_iter()
        .find(|method| method.as_str() == word)
        .ok_or_else(|| rows::unexpected(word))
}
