//! Commands that wait for a form: few, not for long, each for the session that began it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jid::FullJid;

use super::Command;
use crate::clock::Timestamp;
use crate::model::{GrantId, ScopeSet};
use crate::secrets::{Random, random_text};
use crate::xmpp::counts::Counts;

/// How long somebody may think.
const LIFE: Duration = Duration::from_secs(600);
/// How many commands wait at once, and how many of an account; then its oldest goes.
const MOST: usize = 512;
const MOST_OF_ACCOUNT: usize = 4;

/// What a form was about.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) grants: Vec<GrantId>,
    /// A device's code, and what would be allowed.
    pub(super) device: Option<(String, ScopeSet)>,
}

/// A command that waits.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) command: Command,
    pub(super) session: FullJid,
    /// The step that comes next.
    pub(super) number: u8,
    pub(super) kept: Kept,
    pub(super) since: Timestamp,
}

impl Stage {
    fn lives(&self, now: Timestamp) -> bool {
        now.since(self.since) < LIFE
    }
}

/// All that wait, by their `sessionid`.
#[derive(Debug)]
pub(in crate::xmpp) struct Stages {
    waiting: Mutex<HashMap<String, Stage>>,
    counts: Arc<Counts>,
    random: Arc<dyn Random>,
}

impl Stages {
    pub(in crate::xmpp) fn new(random: Arc<dyn Random>, counts: Arc<Counts>) -> Self {
        Self {
            waiting: Mutex::default(),
            counts,
            random,
        }
    }

    /// Keeps a stage, and answers its `sessionid`; `None` when too many wait.
    pub(super) fn open(&self, stage: Stage, now: Timestamp) -> Option<String> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, stage| stage.lives(now));
        let account = stage.session.to_bare();
        let of_account = || {
            waiting
                .iter()
                .filter(|(_, other)| other.session.to_bare() == account)
        };
        if of_account().count() >= MOST_OF_ACCOUNT {
            let oldest = of_account().min_by_key(|(_, stage)| stage.since);
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| waiting.remove(&id));
            self.counts.commands_of_account.inc();
        }
        if waiting.len() >= MOST {
            self.counts.commands.inc();
            return None;
        }
        let id = random_text::<12>(&*self.random);
        waiting.insert(id.clone(), stage);
        Some(id)
    }

    /// Takes a stage out: each form is good once, and for the session that it was sent to.
    pub(super) fn take(
        &self,
        id: &str,
        session: &FullJid,
        command: Command,
        now: Timestamp,
    ) -> Option<Stage> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = waiting.get(id)?;
        if stage.session != *session || stage.command != command || !stage.lives(now) {
            return None;
        }
        waiting.remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::OsRandom;

    fn stage(session: &str) -> Stage {
        Stage {
            command: Command::RevokeApps,
            session: session.parse().unwrap(),
            number: 1,
            kept: Kept::default(),
            since: Timestamp::from_unix(1000),
        }
    }

    #[test]
    fn neither_an_account_nor_all_together_fill_the_memory() {
        let stages = Stages::new(Arc::new(OsRandom), Arc::default());
        let now = Timestamp::from_unix(1000);
        for i in 0..100 {
            stages.open(stage(&format!("eve@localhost/{i}")), now);
        }
        let waiting = || stages.waiting.lock().unwrap().len();
        assert_eq!(waiting(), MOST_OF_ACCOUNT);
        for i in 0..1000 {
            stages.open(stage(&format!("u{i}@localhost/r")), now);
        }
        assert_eq!(waiting(), MOST);
        assert!(stages.open(stage("alice@localhost/r"), now).is_none());
        assert_eq!(stages.counts.commands_of_account.get(), 96);
        assert!(stages.counts.commands.get() > 0);
        let later = now + LIFE;
        assert!(stages.open(stage("alice@localhost/r"), later).is_some());
    }

    #[test]
    fn a_form_is_good_once_for_its_session_and_command_and_not_for_ever() {
        let stages = Stages::new(Arc::new(OsRandom), Arc::default());
        let now = Timestamp::from_unix(1000);
        let id = stages.open(stage("alice@localhost/r"), now).unwrap();
        let (alice, other) = (
            "alice@localhost/r".parse().unwrap(),
            "alice@localhost/s".parse().unwrap(),
        );
        let take = |session, command, now| stages.take(&id, session, command, now).is_some();
        assert!(!take(&other, Command::RevokeApps, now));
        assert!(!take(&alice, Command::RevokeGrants, now));
        assert!(!take(&alice, Command::RevokeApps, now + LIFE));
        assert!(take(&alice, Command::RevokeApps, now));
        assert!(!take(&alice, Command::RevokeApps, now));
    }
}
