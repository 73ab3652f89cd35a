//! Pushed authorization requests (RFC 9126): put down by a client, taken once by the browser that comes with
//! their name.

use super::{Db, params, rows};
use crate::clock::Timestamp;
use crate::model::{ClientId, PushedRequest};
use crate::secrets::TokenHash;
use crate::storage::Result;

pub(super) fn save(
    db: &dyn Db,
    uri: &TokenHash,
    pushed: &PushedRequest,
    most: Option<usize>,
    now: Timestamp,
) -> Result<bool> {
    let of_client = TokenHash::of(pushed.client_id.as_str());
    let params = params![
        uri.as_bytes(),
        of_client.as_bytes(),
        &pushed.request,
        pushed.expires_at.as_unix(),
        now.as_unix(),
        most.map(|most| i64::try_from(most).unwrap_or(i64::MAX)),
    ];
    // Nobody else's has this name: where it is there, it was stored and the answer was lost.
    let saved = match most {
        None => rows::change(
            db,
            "INSERT INTO pushed_requests (hash, client, request, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at",
            &params[..4],
        ),
        // No more of the client's are looked at than it may have.
        Some(_) => rows::change(
            db,
            "INSERT INTO pushed_requests (hash, client, request, expires_at)
             SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM
                        (SELECT 1 FROM pushed_requests
                         WHERE client = ?2 AND expires_at > ?5 LIMIT ?6) AS open) < ?6
             ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at",
            params,
        ),
    };
    Ok(saved? > 0)
}

pub(super) fn take(
    db: &dyn Db,
    uri: &TokenHash,
    client: &ClientId,
    now: Timestamp,
) -> Result<Option<String>> {
    let of_client = TokenHash::of(client.as_str());
    rows::find(
        db,
        "DELETE FROM pushed_requests WHERE hash = ? AND client = ? AND expires_at > ?
         RETURNING request",
        params![uri.as_bytes(), of_client.as_bytes(), now.as_unix()],
        |row| row.get(0),
    )
}
