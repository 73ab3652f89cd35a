//! XEP-0050: what people, and the operator's admins, do from any chat client.
//!
//! A user's `from` is stamped by their own server, and its module keeps sessions away whose token gives
//! less than the whole account. What is granted and how it ends is for `oauth`.

mod admin;
mod device;
mod own;
mod stages;
mod xml;

use jid::{BareJid, FullJid};

pub(super) use stages::Stages;
pub(super) use xml::NS;

use self::stages::{Kept, Stage};
use self::xml::{Action, Asking, Filled, Order, Report};
use super::cam::failed;
use super::fault::{self, Fault};
use super::handlers::Asked;
use super::iq::{Answer, Request};
use crate::model::GrantType;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Apps,
    RevokeApps,
    RevokeAllApps,
    AnswerDevice,
    ListGrants,
    RevokeGrants,
    RotateKeys,
    Counters,
}

impl Command {
    const ALL: [Self; 8] = [
        Self::Apps,
        Self::RevokeApps,
        Self::RevokeAllApps,
        Self::AnswerDevice,
        Self::ListGrants,
        Self::RevokeGrants,
        Self::RotateKeys,
        Self::Counters,
    ];

    /// Its node.
    pub(super) const fn node(self) -> &'static str {
        match self {
            Self::Apps => "urn:xmpp-oauth:command:0#apps",
            Self::RevokeApps => "urn:xmpp-oauth:command:0#revoke-apps",
            Self::RevokeAllApps => "urn:xmpp-oauth:command:0#revoke-all-apps",
            Self::AnswerDevice => "urn:xmpp-oauth:command:0#answer-device",
            Self::ListGrants => "urn:xmpp-oauth:command:0#list-grants",
            Self::RevokeGrants => "urn:xmpp-oauth:command:0#revoke-grants",
            Self::RotateKeys => "urn:xmpp-oauth:command:0#rotate-keys",
            Self::Counters => "urn:xmpp-oauth:command:0#counters",
        }
    }

    /// What people read.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Apps => "Apps with access to your account",
            Self::RevokeApps => "Take back an app's access",
            Self::RevokeAllApps => "Take back the access of all apps",
            Self::AnswerDevice => "Connect a device",
            Self::ListGrants => "List access of users, of an app, of all",
            Self::RevokeGrants => "Take back access of a user or an app",
            Self::RotateKeys => "Sign with a new key",
            Self::Counters => "Count apps, access and sessions",
        }
    }

    const fn is_for_admins(self) -> bool {
        !matches!(
            self,
            Self::Apps | Self::RevokeApps | Self::RevokeAllApps | Self::AnswerDevice
        )
    }

    /// The command of a node.
    pub(super) fn find(node: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.node() == node)
    }
}

/// Who asks: a session of an account of a served host.
pub(super) struct Asker {
    session: FullJid,
    account: BareJid,
    is_admin: bool,
    has_devices: bool,
}

impl Asker {
    /// `None`: somebody else.
    pub(super) fn of(asked: &Asked, request: &Request) -> Option<Self> {
        let session = request.from.try_as_full().ok()?.clone();
        let xmpp = &asked.provider.config().xmpp;
        let is_served = xmpp
            .hosts
            .iter()
            .any(|host| host.as_str() == session.domain().as_str());
        let account = session.to_bare();
        (is_served && account.node().is_some()).then(|| Self {
            is_admin: xmpp.admins.contains(&account),
            has_devices: asked.provider.config().flows.allows(GrantType::DeviceCode),
            session,
            account,
        })
    }

    fn may(&self, command: Command) -> bool {
        match command {
            Command::AnswerDevice => self.has_devices,
            _ => self.is_admin || !command.is_for_admins(),
        }
    }

    /// What this asker may do.
    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        Command::ALL
            .into_iter()
            .filter(|command| self.may(*command))
    }
}

/// How a command goes on.
enum Next {
    /// The asker fills in a form; `kept` is what it was about.
    Ask(Asking, Kept),
    Done(Report),
}

/// One step of a command.
struct Step<'a> {
    asked: &'a Asked,
    asker: &'a Asker,
    /// 0 is the beginning.
    number: u8,
    filled: Filled,
    kept: Kept,
}

/// Carries a command on.
pub(super) async fn execute(asked: Asked, request: Request) -> Answer {
    let Some(asker) = Asker::of(&asked, &request) else {
        return Err(fault::forbidden("this is for users of the served hosts"));
    };
    let order = Order::read(&request.payload)?;
    let Some(command) = Command::find(&order.node) else {
        return Err(fault::not_found("there is no such command"));
    };
    if !asker.may(command) {
        return Err(fault::forbidden(
            "this is for the operator's admins, or switched off",
        ));
    }
    let now = asked.provider.now();
    let stage = match &order.session {
        None => None,
        Some(id) => Some(
            asked
                .stages
                .take(id, &asker.session, command, now)
                .ok_or_else(xml::bad_session)?,
        ),
    };
    let (number, kept) = match (order.action, stage) {
        (Action::Cancel, Some(_)) => return Ok(Some(order.canceled())),
        (Action::Go, Some(stage)) => (stage.number, stage.kept),
        (Action::Go, None) => (0, Kept::default()),
        (Action::Cancel | Action::Back, _) => return Err(xml::bad_action()),
    };
    let step = Step {
        asked: &asked,
        asker: &asker,
        number,
        filled: order.filled.clone(),
        kept,
    };
    match step.run(command).await? {
        Next::Done(report) => Ok(Some(order.done(&report))),
        Next::Ask(asking, kept) => {
            let stage = Stage {
                command,
                session: asker.session.clone(),
                number: number + 1,
                kept,
                since: now,
            };
            let id = asked.stages.open(stage, now).ok_or_else(fault::busy)?;
            Ok(Some(order.asks(&id, &asking)))
        }
    }
}

impl Step<'_> {
    async fn run(self, command: Command) -> Result<Next, Fault> {
        match command {
            Command::Apps => own::apps(&self).await,
            Command::RevokeApps => own::revoke_apps(&self).await,
            Command::RevokeAllApps => own::revoke_all(&self).await,
            Command::AnswerDevice => device::answer(&self).await,
            Command::ListGrants => admin::list(&self).await,
            Command::RevokeGrants => admin::revoke(&self).await,
            Command::RotateKeys => admin::rotate_keys(&self).await,
            Command::Counters => admin::counters(&self).await,
        }
    }
}

/// The items of a disco#items answer (XEP-0050 §2.2): name and node.
pub(super) fn listed(asked: &Asked, request: &Request) -> Vec<(&'static str, &'static str)> {
    let asker = Asker::of(asked, request);
    asker
        .iter()
        .flat_map(Asker::commands)
        .map(|command| (command.node(), command.name()))
        .collect()
}

fn plural(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    }
}
