//! Answers to a device (RFC 8628) that shows a code, by whoever has a chat client at hand.

use super::xml::{self, Asking, Field, Report};
use super::{Kept, Next, Step, failed};
use crate::oauth::ErrorCode;
use crate::oauth::consent::AskAgain;
use crate::oauth::device::{DeviceDecided, DeviceQuestion, NoDevice};
use crate::xmpp::fault::{self, Fault};
use crate::xmpp::sasl::sayable;

const TITLE: &str = "Connect a device";

pub(super) async fn answer(step: &Step<'_>) -> Result<Next, Fault> {
    match (step.number, &step.kept.device) {
        (0, _) => Ok(type_code()),
        (_, None) => show(step).await,
        (_, Some((code, shown))) => {
            let allowed = match step.filled.one("decision") {
                Some("allow") => true,
                Some("deny") => false,
                _ => return Err(xml::bad_payload("choose allow or deny")),
            };
            let account = &step.asker.account;
            let provider = &step.asked.provider;
            let decided = provider.decide_device_by_session(code, account, shown, allowed);
            match decided.await.map_err(refusal)? {
                DeviceDecided::Done(client) => {
                    let name = sayable(&client.metadata.client_name);
                    let note = match allowed {
                        true => format!("{name} on the device now has access."),
                        false => format!("{name} on the device gets no access."),
                    };
                    Ok(Next::Done(Report::note(note)))
                }
                DeviceDecided::AskAgain(AskAgain::NotThisForm | AskAgain::NothingChosen) => {
                    Err(xml::bad_session())
                }
            }
        }
    }
}

fn type_code() -> Next {
    let asking = Asking {
        title: TITLE,
        instructions: "Type the code that your device shows.".to_owned(),
        fields: vec![Field::Text("code", "Code")],
        is_last: false,
    };
    Next::Ask(asking, Kept::default())
}

async fn show(step: &Step<'_>) -> Result<Next, Fault> {
    let Some(code) = step.filled.one("code") else {
        return Err(xml::bad_payload("type the code"));
    };
    let provider = &step.asked.provider;
    let asked = provider.device_question_by_session(code, &step.asker.account);
    let asked = asked.await.map_err(refusal)?;
    let choice = |value: &str, label: &str| (value.to_owned(), label.to_owned());
    let choices = vec![choice("allow", "Allow"), choice("deny", "Deny")];
    let asking = Asking {
        title: TITLE,
        instructions: instructions(&asked, &provider.listed(&asked.question.scopes)),
        fields: vec![Field::One("decision", "Your answer", choices)],
        is_last: true,
    };
    let kept = Kept {
        device: Some((asked.user_code, asked.question.scopes)),
        ..Kept::default()
    };
    Ok(Next::Ask(asking, kept))
}

/// What the page says, too: which app, what it would get, from where it asked, and how people are cheated.
fn instructions(asked: &DeviceQuestion, scopes: &str) -> String {
    format!(
        "{name} wants access to your account: {scopes}. It asked from {from}, at {at}. Does your own \
         device show the code {code} right now? If somebody sent you the code, deny: they would get into \
         your account.",
        name = sayable(&asked.client.metadata.client_name),
        from = asked.device.asked_from,
        at = asked.device.issued_at,
        code = asked.user_code,
    )
}

fn refusal(why: NoDevice) -> Fault {
    match why {
        NoDevice::Unknown => xml::bad_payload("no device waits with this code"),
        NoDevice::TooManyTries(_) => fault::busy(),
        NoDevice::Refused(error) => match error.code {
            ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable => failed(&error),
            _ => fault::forbidden(&error.description),
        },
    }
}
