//! What the operator's admins may do.

use tracing::info;

use super::xml::{self, Asking, Field, Report, Table};
use super::{Kept, Next, Step, failed, plural};
use crate::model::{ClientId, EndReason};
use crate::oauth::granted::{GrantFilter, Granted};
use crate::xmpp::fault::Fault;
use crate::xmpp::sasl::sayable;

/// How many grants a list shows: a stanza holds no more.
const MOST_SHOWN: usize = 200;

fn search(title: &'static str, instructions: &str) -> Next {
    let asking = Asking {
        title,
        instructions: instructions.to_owned(),
        fields: vec![
            Field::Address("account", "User (name@domain)"),
            Field::Text("client_id", "App's client_id"),
            Field::Text("software", "App's name, exactly"),
        ],
        is_last: false,
    };
    Next::Ask(asking, Kept::default())
}

/// What the search form asks for, and whether it leaves anything out.
async fn found(step: &Step<'_>) -> Result<(Vec<Granted>, bool), Fault> {
    let account = step.filled.one("account").map(str::parse).transpose();
    let filter = GrantFilter {
        account: account.map_err(|_| xml::bad_payload("that is no user's address"))?,
        client_id: step.filled.one("client_id").map(ClientId::new),
        ..GrantFilter::default()
    };
    let software = step.filled.one("software");
    let is_narrow = filter.account.is_some() || filter.client_id.is_some() || software.is_some();
    let granted = step.asked.provider.grants(&filter).await;
    let mut granted = granted.map_err(|error| failed(&error))?;
    granted.retain(|one| software.is_none_or(|name| one.grant.client_name == name));
    Ok((granted, is_narrow))
}

fn table(granted: &[Granted]) -> Table {
    let row = |one: &Granted| {
        vec![
            one.grant.account.to_string(),
            sayable(&one.grant.client_name),
            one.grant.scopes.to_string(),
            one.grant.created_at.to_string(),
            one.grant.last_used_at.to_string(),
            one.resources.len().to_string(),
            one.grant.id.to_string(),
        ]
    };
    Table {
        title: "Access",
        columns: vec![
            ("account", "User"),
            ("app", "App"),
            ("scope", "May use"),
            ("since", "Since"),
            ("used", "Last used"),
            ("sessions", "Sessions"),
            ("id", "Id"),
        ],
        rows: granted.iter().take(MOST_SHOWN).map(row).collect(),
    }
}

pub(super) async fn list(step: &Step<'_>) -> Result<Next, Fault> {
    if step.number == 0 {
        return Ok(search("List access", "Left empty, it lists all."));
    }
    let (granted, _) = found(step).await?;
    let shown = match granted.len() > MOST_SHOWN {
        true => format!(" The newest {MOST_SHOWN} are shown; `xmpp-oauth grants list` has all."),
        false => String::new(),
    };
    Ok(Next::Done(Report {
        note: format!("{}.{shown}", plural(granted.len(), "grant", "grants")),
        table: Some(table(&granted)),
    }))
}

pub(super) async fn revoke(step: &Step<'_>) -> Result<Next, Fault> {
    match step.number {
        0 => Ok(search(
            "Take back access",
            "Of a user, of an app, of all apps of a name; of what fits all that you fill in.",
        )),
        1 => {
            let (granted, is_narrow) = found(step).await?;
            if !is_narrow {
                return Err(xml::bad_payload("fill in at least one of the fields"));
            }
            if granted.is_empty() {
                return Ok(Next::Done(Report::note("There is nothing of that kind.")));
            }
            let asking = Asking {
                title: "Take back access",
                instructions: format!(
                    "{} would end, and the apps be logged out at once.",
                    plural(granted.len(), "grant", "grants")
                ),
                fields: vec![Field::Tick("confirm", "Take it back")],
                is_last: true,
            };
            let kept = Kept {
                grants: granted.into_iter().map(|one| one.grant.id).collect(),
                ..Kept::default()
            };
            Ok(Next::Ask(asking, kept))
        }
        _ if !step.filled.is_ticked("confirm") => Ok(Next::Done(Report::note("Nothing was done."))),
        _ => {
            let (provider, mut count) = (&step.asked.provider, 0);
            for id in &step.kept.grants {
                let ended = provider.end_grant(id, EndReason::OperatorRevoked).await;
                count += usize::from(ended.map_err(|error| failed(&error))?);
            }
            info!(admin = %step.asker.account, count, "an admin took access back");
            let ended = plural(count, "grant has", "grants have");
            Ok(Next::Done(Report::note(format!("{ended} ended."))))
        }
    }
}

pub(super) async fn rotate_keys(step: &Step<'_>) -> Result<Next, Fault> {
    if step.number == 0 {
        let asking = Asking {
            title: "Sign with new keys",
            instructions: "One for each algorithm. Those before stay published for a day."
                .to_owned(),
            fields: vec![Field::Tick("confirm", "Make new keys")],
            is_last: true,
        };
        return Ok(Next::Ask(asking, Kept::default()));
    }
    if !step.filled.is_ticked("confirm") {
        return Ok(Next::Done(Report::note("Nothing was done.")));
    }
    let made = step.asked.provider.rotate_keys().await;
    let kids = made.map_err(|error| failed(&error))?.join(", ");
    info!(admin = %step.asker.account, kids, "an admin made new signing keys");
    Ok(Next::Done(Report::note(format!("New keys: {kids}."))))
}

pub(super) async fn counters(step: &Step<'_>) -> Result<Next, Fault> {
    let counted = step.asked.provider.counters().await;
    let counted = counted.map_err(|error| failed(&error))?;
    let row = |what: &str, count: usize| vec![what.to_owned(), count.to_string()];
    Ok(Next::Done(Report {
        note: "As of now.".to_owned(),
        table: Some(Table {
            title: "Counters",
            columns: vec![("what", "What"), ("count", "Count")],
            rows: vec![
                row("accounts that have granted access", counted.accounts),
                row("grants", counted.grants),
                row("apps that were used", counted.clients),
                row("open sessions", counted.sessions),
            ],
        }),
    }))
}
