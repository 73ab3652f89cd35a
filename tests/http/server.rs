//! An XMPP server, as far as the provider can see one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jid::{BareJid, DomainPart};
use tokio::sync::{Notify, watch};
use xmpp_oauth::accounts::{AccountStatus, Accounts, PasswordCheck, Unavailable};
use xmpp_oauth::model::{Generation, GrantId, Profile, ScopeSet};
use xmpp_oauth::secrets::Secret;

use crate::world::{ALICE, PASSWORD};

/// Two accounts, alice and bob.
pub(crate) struct Server {
    /// Passwords, by account.
    passwords: Mutex<BTreeMap<String, String>>,
    /// What accounts are that are not simply there.
    statuses: Mutex<BTreeMap<String, AccountStatus>>,
    /// Which grants' sessions it was told to end.
    ended: watch::Sender<Vec<GrantId>>,
    /// Whether it can be asked at all.
    is_away: AtomicBool,
    /// Where set: passwords are answered when this is told.
    held: Mutex<Option<Arc<Notify>>>,
    /// How many more times it is too busy to end sessions.
    is_busy_for: AtomicU32,
    /// How many passwords it was asked about.
    asked: AtomicU32,
    /// vCards, by account.
    profiles: Mutex<BTreeMap<String, Profile>>,
    /// Whether questions about vCards are never answered.
    hides_profiles: AtomicBool,
    /// How many vCards it was asked for.
    profiles_asked: AtomicU32,
    /// What accounts were told.
    told: watch::Sender<Vec<(String, String)>>,
    /// What could not be told to accounts.
    untold: watch::Sender<u32>,
    /// What its module enforces.
    enforces: Mutex<String>,
}

impl Default for Server {
    fn default() -> Self {
        let passwords = [(ALICE, PASSWORD), ("bob@example.com", "builder")];
        let owned = |(account, password): (&str, &str)| (account.to_owned(), password.to_owned());
        Self {
            passwords: Mutex::new(passwords.map(owned).into()),
            statuses: Mutex::default(),
            ended: watch::Sender::default(),
            is_away: AtomicBool::default(),
            held: Mutex::default(),
            is_busy_for: AtomicU32::default(),
            asked: AtomicU32::default(),
            profiles: Mutex::default(),
            hides_profiles: AtomicBool::default(),
            profiles_asked: AtomicU32::default(),
            told: watch::Sender::default(),
            untold: watch::Sender::default(),
            enforces: Mutex::new("xmpp xmpp:client:normal".to_owned()),
        }
    }
}

impl Server {
    pub(crate) fn set_password(&self, account: &str, password: &str) {
        let mut passwords = self.passwords.lock().unwrap();
        passwords.insert(account.to_owned(), password.to_owned());
    }

    pub(crate) fn set_status(&self, account: &str, status: AccountStatus) {
        let mut statuses = self.statuses.lock().unwrap();
        statuses.insert(account.to_owned(), status);
    }

    pub(crate) fn set_profile(&self, account: &str, profile: Profile) {
        let mut profiles = self.profiles.lock().unwrap();
        profiles.insert(account.to_owned(), profile);
    }

    /// From now on questions about vCards are never answered.
    pub(crate) fn hide_profiles(&self) {
        self.hides_profiles.store(true, Ordering::SeqCst);
    }

    /// How many vCards it was asked for.
    pub(crate) fn profiles_asked(&self) -> u32 {
        self.profiles_asked.load(Ordering::SeqCst)
    }

    pub(crate) fn enforce(&self, scopes: &str) {
        scopes.clone_into(&mut self.enforces.lock().unwrap());
    }

    pub(crate) fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// From now on passwords are answered one by one, each when this is told.
    pub(crate) fn hold(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        *self.held.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// The next time it is to end sessions, it does not answer in time.
    pub(crate) fn be_busy_once(&self) {
        self.is_busy_for.store(1, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// How many passwords it was asked about.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it was told to end this many grants' sessions; answers which.
    pub(crate) async fn ended(&self, count: usize) -> Vec<GrantId> {
        let mut told = self.ended.subscribe();
        let enough = told.wait_for(|ended| ended.len() >= count);
        let enough = tokio::time::timeout(Duration::from_secs(10), enough).await;
        enough
            .expect("the server is told to end sessions")
            .unwrap()
            .clone()
    }
}

impl Server {
    /// Waits until accounts were told this many things; answers whom and what.
    pub(crate) async fn told(&self, count: usize) -> Vec<(String, String)> {
        let mut told = self.told.subscribe();
        let enough = told.wait_for(|told| told.len() >= count);
        let enough = tokio::time::timeout(Duration::from_secs(10), enough).await;
        enough.expect("an account is told").unwrap().clone()
    }

    /// Waits until an account would have been told something while it was away.
    pub(crate) async fn untold(&self) {
        let mut untold = self.untold.subscribe();
        let one = untold.wait_for(|count| *count > 0);
        let one = tokio::time::timeout(Duration::from_secs(10), one).await;
        one.expect("an account would be told").unwrap();
    }
}

#[async_trait]
impl Accounts for Server {
    async fn check_password(
        &self,
        account: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        let held = self.held.lock().unwrap().clone();
        if let Some(gate) = held {
            gate.notified().await;
        }
        let passwords = self.passwords.lock().unwrap();
        Ok(match passwords.get(account.as_str()) {
            Some(right) if right == password.expose() => PasswordCheck::Valid {
                generation: Some(Generation::new(right.as_str())),
            },
            _ => PasswordCheck::Invalid,
        })
    }

    async fn statuses(
        &self,
        _: &DomainPart,
        accounts: &[BareJid],
    ) -> Result<Vec<AccountStatus>, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        let (statuses, passwords) = (
            self.statuses.lock().unwrap(),
            self.passwords.lock().unwrap(),
        );
        let status = |account: &BareJid| {
            let special = statuses.get(account.as_str()).cloned();
            special.unwrap_or_else(|| match passwords.get(account.as_str()) {
                None => AccountStatus::Missing,
                Some(password) => AccountStatus::Enabled {
                    generation: Some(Generation::new(password.as_str())),
                },
            })
        };
        Ok(accounts.iter().map(status).collect())
    }

    async fn end_sessions(&self, _: &BareJid, grant: &GrantId) -> Result<u32, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        let one_less = |left: u32| left.checked_sub(1);
        let busy = self
            .is_busy_for
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if busy.is_ok() {
            return Err(Unavailable::TimedOut);
        }
        self.ended.send_modify(|ended| ended.push(grant.clone()));
        Ok(1)
    }

    async fn tell(&self, account: &BareJid, text: &str) -> Result<(), Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            self.untold.send_modify(|count| *count += 1);
            return Err(Unavailable::LinkDown);
        }
        self.told
            .send_modify(|told| told.push((account.to_string(), text.to_owned())));
        Ok(())
    }

    async fn profile(&self, account: &BareJid) -> Result<Profile, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable::LinkDown);
        }
        self.profiles_asked.fetch_add(1, Ordering::SeqCst);
        if self.hides_profiles.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let profiles = self.profiles.lock().unwrap();
        Ok(profiles.get(account.as_str()).cloned().unwrap_or_default())
    }

    fn enforced_scopes(&self, _: &DomainPart) -> ScopeSet {
        self.enforces.lock().unwrap().parse().unwrap()
    }
}
