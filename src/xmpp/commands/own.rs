//! An account's own apps.

use super::xml::{self, Asking, Field, Report, Table};
use super::{Kept, Next, Step, failed, plural};
use crate::oauth::granted::Granted;
use crate::xmpp::fault::Fault;
use crate::xmpp::sasl::sayable;

const NOTHING: &str = "No app has access to your account.";

async fn granted(step: &Step<'_>) -> Result<Vec<Granted>, Fault> {
    let granted = step.asked.provider.granted(&step.asker.account).await;
    granted.map_err(|error| failed(&error))
}

/// What the app is called, since when it has access, and whether it is connected.
fn label(granted: &Granted) -> String {
    let grant = &granted.grant;
    let connected = match granted.is_connected() {
        true => ", connected",
        false => "",
    };
    let name = sayable(&grant.client_name);
    let (since, used) = (grant.created_at, grant.last_used_at);
    format!("{name} (since {since}, last used {used}{connected})")
}

pub(super) async fn apps(step: &Step<'_>) -> Result<Next, Fault> {
    let granted = granted(step).await?;
    if granted.is_empty() {
        return Ok(Next::Done(Report::note(NOTHING)));
    }
    let row = |app: &Granted| {
        vec![
            sayable(&app.grant.client_name),
            step.asked.provider.listed(&app.grant.scopes),
            app.grant.created_at.to_string(),
            app.grant.last_used_at.to_string(),
            if app.is_connected() { "yes" } else { "no" }.to_owned(),
            app.grant.id.to_string(),
        ]
    };
    Ok(Next::Done(Report {
        note: format!(
            "{} access to your account.",
            plural(granted.len(), "app has", "apps have")
        ),
        table: Some(Table {
            title: "Apps with access to your account",
            columns: vec![
                ("app", "App"),
                ("scope", "May use"),
                ("since", "Since"),
                ("used", "Last used"),
                ("connected", "Connected"),
                ("id", "Id"),
            ],
            rows: granted.iter().map(row).collect(),
        }),
    }))
}

pub(super) async fn revoke_apps(step: &Step<'_>) -> Result<Next, Fault> {
    if step.number == 0 {
        let granted = granted(step).await?;
        if granted.is_empty() {
            return Ok(Next::Done(Report::note(NOTHING)));
        }
        let option = |app: &Granted| (app.grant.id.to_string(), label(app));
        let asking = Asking {
            title: "Take back an app's access",
            instructions: "The app is logged out at once.".to_owned(),
            fields: vec![Field::Several(
                "apps",
                "Apps",
                granted.iter().map(option).collect(),
            )],
            is_last: true,
        };
        return Ok(Next::Ask(asking, Kept::default()));
    }
    let chosen = step.filled.all("apps");
    if chosen.is_empty() {
        return Err(xml::bad_payload("choose an app"));
    }
    // whatever a form names, it costs no more than the account has
    let granted = granted(step).await?.into_iter().map(|app| app.grant.id);
    let mut count = 0;
    for id in granted.filter(|id| chosen.iter().any(|chosen| chosen == id.as_str())) {
        let revoked = step.asked.provider.revoke_granted(&step.asker.account, &id);
        count += usize::from(revoked.await.map_err(|error| failed(&error))?);
    }
    Ok(Next::Done(Report::note(lost(count))))
}

pub(super) async fn revoke_all(step: &Step<'_>) -> Result<Next, Fault> {
    if step.number == 0 {
        let count = granted(step).await?.len();
        if count == 0 {
            return Ok(Next::Done(Report::note(NOTHING)));
        }
        let asking = Asking {
            title: "Take back the access of all apps",
            instructions: format!(
                "{} access to your account. All of them are logged out at once.",
                plural(count, "app has", "apps have")
            ),
            fields: vec![Field::Tick("confirm", "Take it all back")],
            is_last: true,
        };
        return Ok(Next::Ask(asking, Kept::default()));
    }
    if !step.filled.is_ticked("confirm") {
        return Ok(Next::Done(Report::note("Nothing was done.")));
    }
    let revoked = step.asked.provider.revoke_all_granted(&step.asker.account);
    let count = revoked.await.map_err(|error| failed(&error))?.len();
    Ok(Next::Done(Report::note(lost(count))))
}

fn lost(count: usize) -> String {
    format!("{} lost access.", plural(count, "app has", "apps have"))
}
