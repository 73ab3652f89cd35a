//! Codes, devices and tokens against a model, whatever is done with them, in whatever order: several things
//! are done at once, and what came of them must be what comes of them one after the other, in one order or
//! another.
//!
//! `PROPTEST_CASES` (64) says how many stories are tried, `PROPTEST_RNG_SEED` which.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use jid::BareJid;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Handle;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{
    Approval, Client, ClientId, DeviceCode, DeviceState, EndReason, Grant, GrantId,
};
use xmpp_oauth::secrets::TokenHash;
use xmpp_oauth::storage::{
    DeviceAnswered, DeviceSaved, EXPIRED_DEVICE_KEPT, Ended, LOST_ANSWER_WINDOW,
    REDEEMED_CODE_KEPT, Redeemed, Rotation, SPENT_TOKEN_KEPT,
};

use crate::fixture::{DAY, MINUTE, NOW, Shared, client, code, grant, hash, pair, session};

/// What may be done. Accounts and clients are two of each; `back` counts codes, tokens or grants back from
/// the newest, so that the interesting ones are hit often.
#[derive(Clone, Copy, Debug)]
enum Step {
    Code { account: usize, client: usize },
    Device { client: usize },
    Approve { back: usize, account: usize },
    Deny { back: usize },
    Redeem { back: usize },
    Rotate { back: usize },
    Use { back: usize },
    Confirm { back: usize },
    EndGrant { back: usize, by_owner: bool },
    EndClient { client: usize },
    EndAccount { account: usize },
    Purge,
}

/// The same, of what there is: numbers are those of the deeds that made it.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Code { account: usize, client: usize },
    Device { client: usize },
    Approve { code: usize, account: usize },
    Deny { code: usize },
    Redeem { code: usize },
    Rotate { token: usize },
    Use { token: usize },
    Confirm { token: usize },
    EndGrant { code: usize, by_owner: bool },
    EndClient { client: usize },
    EndAccount { account: usize },
    Purge,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    Unknown,
    /// It was shown before; the grants (by their codes) that have ended with it.
    Again(Vec<usize>),
    Ended(Vec<usize>),
}

/// Some things at once, and then time passes.
type Chapter = (Vec<Step>, u64);

fn story() -> impl Strategy<Value = Vec<Chapter>> {
    let (two, back) = (0..2_usize, 0..4_usize);
    let step = prop_oneof![
        3 => (two.clone(), two.clone()).prop_map(|(account, client)| Step::Code { account, client }),
        3 => two.clone().prop_map(|client| Step::Device { client }),
        5 => (back.clone(), two.clone()).prop_map(|(back, account)| Step::Approve { back, account }),
        1 => back.clone().prop_map(|back| Step::Deny { back }),
        9 => back.clone().prop_map(|back| Step::Redeem { back }),
        8 => back.clone().prop_map(|back| Step::Rotate { back }),
        4 => back.clone().prop_map(|back| Step::Use { back }),
        3 => back.clone().prop_map(|back| Step::Confirm { back }),
        2 => (back, any::<bool>()).prop_map(|(back, by_owner)| Step::EndGrant { back, by_owner }),
        2 => two.clone().prop_map(|client| Step::EndClient { client }),
        2 => two.prop_map(|account| Step::EndAccount { account }),
        1 => Just(Step::Purge),
    ];
    let wait = prop_oneof![
        20 => Just(0),
        5 => 1..90_u64,
        3 => 500..700_u64,
        1 => Just(REDEEMED_CODE_KEPT.as_secs()),
        1 => Just(SPENT_TOKEN_KEPT.as_secs()),
    ];
    let chapter = (prop::collection::vec(step, 1..5), wait);
    prop::collection::vec(chapter, 1..25)
}

/// A code, or a device's, whoever may have answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Code {
    is_device: bool,
    client: usize,
    account: Option<usize>,
    is_denied: bool,
    expires_at: Timestamp,
    redeemed_at: Option<Timestamp>,
}

/// What a code gave.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    account: usize,
    client: usize,
    ended_at: Option<Timestamp>,
    /// The pair that is good, and for which token it was given, as long as nothing of it was used.
    good: usize,
    unused_since: Option<usize>,
}

/// The rules, told once more and more plainly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    codes: BTreeMap<usize, Code>,
    grants: BTreeMap<usize, Given>,
    /// Of each refresh token: its grant, and when it was spent.
    tokens: BTreeMap<usize, (usize, Option<Timestamp>)>,
}

impl Model {
    fn does(&mut self, number: usize, deed: Deed, now: Timestamp) -> Outcome {
        match deed {
            Deed::Code { account, client } => {
                self.make(number, client, Some(account), now);
                Outcome::Done
            }
            Deed::Device { client } => {
                self.make(number, client, None, now);
                Outcome::Done
            }
            Deed::Approve { code, account } => self.answer(code, Some(account), now),
            Deed::Deny { code } => self.answer(code, None, now),
            Deed::Redeem { code } => self.redeem(number, code, now),
            Deed::Rotate { token } => self.rotate(number, token, now),
            Deed::Use { token } | Deed::Confirm { token } => self.use_up(token),
            Deed::EndGrant { code, by_owner } => {
                let grant = self.grants.get(&code).map(|it| (it.account, it.client));
                if let Some(whose) = grant.filter(|_| by_owner) {
                    self.take_back(|account, client| (account, client) == whose);
                }
                Outcome::Ended(self.end(now, |id, _| id == code))
            }
            Deed::EndClient { client } => {
                self.take_back(|_, of| of == client);
                Outcome::Ended(self.end(now, |_, grant| grant.client == client))
            }
            Deed::EndAccount { account } => {
                self.take_back(|of, _| of == account);
                Outcome::Ended(self.end(now, |_, grant| grant.account == account))
            }
            Deed::Purge => {
                self.purge(now);
                Outcome::Done
            }
        }
    }

    fn make(&mut self, number: usize, client: usize, account: Option<usize>, now: Timestamp) {
        let code = Code {
            is_device: account.is_none(),
            client,
            account,
            is_denied: false,
            expires_at: now + MINUTE,
            redeemed_at: None,
        };
        self.codes.insert(number, code);
    }

    fn answer(&mut self, code: usize, account: Option<usize>, now: Timestamp) -> Outcome {
        match self.codes.get_mut(&code) {
            Some(code) if code.account.is_none() && !code.is_denied && code.expires_at > now => {
                (code.account, code.is_denied) = (account, account.is_none());
                Outcome::Done
            }
            _ => Outcome::Refused,
        }
    }

    fn redeem(&mut self, number: usize, id: usize, now: Timestamp) -> Outcome {
        let Some(code) = self.codes.get_mut(&id) else {
            return Outcome::Unknown;
        };
        if code.redeemed_at.is_some() {
            return Outcome::Again(self.end(now, |grant, _| grant == id));
        }
        let Some(account) = code
            .account
            .filter(|_| !code.is_denied && code.expires_at > now)
        else {
            return Outcome::Unknown;
        };
        code.redeemed_at = Some(now);
        let given = Given {
            account,
            client: code.client,
            ended_at: None,
            good: number,
            unused_since: None,
        };
        self.grants.insert(id, given);
        self.tokens.insert(number, (id, None));
        Outcome::Done
    }

    fn rotate(&mut self, number: usize, token: usize, now: Timestamp) -> Outcome {
        let Some(&(id, spent_at)) = self.tokens.get(&token) else {
            return Outcome::Unknown;
        };
        let Some(grant) = self.grants.get_mut(&id).filter(|it| it.ended_at.is_none()) else {
            return Outcome::Unknown;
        };
        let is_lost = |at| grant.unused_since == Some(token) && now.since(at) <= LOST_ANSWER_WINDOW;
        if !spent_at.is_none_or(is_lost) {
            return Outcome::Again(self.end(now, |grant, _| grant == id));
        }
        let replaced = spent_at.map_or(token, |_| grant.good);
        (grant.good, grant.unused_since) = (number, Some(token));
        self.tokens.insert(replaced, (id, Some(now)));
        self.tokens.insert(number, (id, None));
        Outcome::Done
    }

    fn use_up(&mut self, token: usize) -> Outcome {
        let mut live = self.grants.values_mut().filter(|it| it.ended_at.is_none());
        match live.find(|grant| grant.good == token) {
            Some(grant) => {
                grant.unused_since = None;
                Outcome::Done
            }
            None => Outcome::Refused,
        }
    }

    /// What was allowed and not fetched yet.
    fn take_back(&mut self, which: impl Fn(usize, usize) -> bool) {
        self.codes.retain(|_, code| {
            let is_meant = code.redeemed_at.is_none()
                && code
                    .account
                    .is_some_and(|account| which(account, code.client));
            code.is_denied |= is_meant;
            // a device is told; so is an app's code of a client that has ended, unknown by then
            code.is_device || !is_meant
        });
    }

    fn end(&mut self, now: Timestamp, which: impl Fn(usize, &Given) -> bool) -> Vec<usize> {
        let mut ended = Vec::new();
        for (id, grant) in &mut self.grants {
            if grant.ended_at.is_none() && which(*id, grant) {
                grant.ended_at = Some(now);
                ended.push(*id);
            }
        }
        self.tokens.retain(|_, (grant, _)| !ended.contains(grant));
        ended
    }

    fn purge(&mut self, now: Timestamp) {
        self.codes.retain(|_, code| {
            let kept_until = match (code.redeemed_at, code.is_device) {
                (Some(at), _) => at + REDEEMED_CODE_KEPT,
                (None, true) => code.expires_at + EXPIRED_DEVICE_KEPT,
                (None, false) => code.expires_at,
            };
            kept_until > now
        });
        self.tokens
            .retain(|_, (_, spent_at)| spent_at.is_none_or(|at| at + SPENT_TOKEN_KEPT > now));
        let ended_before = now - DAY;
        self.grants
            .retain(|_, grant| grant.ended_at.is_none_or(|at| at >= ended_before));
    }

    /// What anybody can see.
    fn seen(&self, number: usize) -> Seen {
        let live = self.grants.values().filter(|it| it.ended_at.is_none());
        Seen {
            has_access: live.clone().any(|grant| grant.good == number),
            is_spent: self.tokens.get(&number).map(|(_, spent)| spent.is_some()),
            lives: self.grants.get(&number).map(|it| it.ended_at.is_none()),
        }
    }
}

/// What there is of a number: an access token, a refresh token, a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    has_access: bool,
    is_spent: Option<bool>,
    lives: Option<bool>,
}

/// The store, and the names of one story.
#[derive(Clone)]
struct Real {
    store: Shared,
    story: String,
}

impl Real {
    fn name(&self, number: usize) -> String {
        format!("{}/{number}", self.story)
    }

    fn hash(&self, kind: &str, number: usize) -> TokenHash {
        hash(&format!("{kind}-{}", self.name(number)))
    }

    fn account(&self, account: usize) -> BareJid {
        let name = ["alice", "bob"][account];
        format!("{name}-{}@example.com", self.story)
            .parse()
            .unwrap()
    }

    fn client(&self, number: usize) -> Client {
        client(&format!("{}-{number}", self.story))
    }

    fn client_id(&self, number: usize) -> ClientId {
        self.client(number).id
    }

    /// The grant that a code becomes; `None` where nobody has allowed it.
    async fn grant_of(&self, number: usize) -> Option<(bool, usize, Grant)> {
        let name = self.hash("c", number);
        let (is_device, client_id, account) = match self.store.code(&name).await.unwrap() {
            Some(code) => (false, code.client_id, Some(code.account)),
            None => {
                let device = self.store.device(&name).await.unwrap()?;
                let account = match device.state {
                    DeviceState::Approved(by) | DeviceState::Redeemed(by) => Some(by.account),
                    DeviceState::Pending | DeviceState::Denied => None,
                };
                (true, device.client_id, account)
            }
        };
        let client = (0..2).find(|number| self.client_id(*number) == client_id)?;
        let mut grant = grant(&self.name(number));
        grant.client_id = client_id;
        grant.account = account.unwrap_or(grant.account);
        Some((is_device, client, grant))
    }

    async fn does(&self, number: usize, deed: Deed, now: Timestamp) -> Outcome {
        let store = &self.store;
        let done = |done| {
            if done {
                Outcome::Done
            } else {
                Outcome::Refused
            }
        };
        match deed {
            Deed::Code { account, client } => {
                let mut grant = grant(&self.name(number));
                (grant.account, grant.client_id) = (self.account(account), self.client_id(client));
                let mut code = code(&grant);
                (code.issued_at, code.expires_at) = (now, now + MINUTE);
                let cookie = self.cookie(number, account).await;
                let saved = store
                    .save_code(&self.hash("c", number), &code, &cookie)
                    .await;
                done(saved.unwrap())
            }
            Deed::Device { client } => {
                let device = DeviceCode {
                    client_id: self.client_id(client),
                    scopes: "openid xmpp".parse().unwrap(),
                    asked_from: String::new(),
                    issued_at: now,
                    expires_at: now + MINUTE,
                    state: DeviceState::Pending,
                };
                let (name, letters) = (self.hash("c", number), self.hash("u", number));
                let saved = store
                    .save_device(&name, &letters, &device, usize::MAX)
                    .await;
                done(saved.unwrap() == DeviceSaved::Done)
            }
            Deed::Approve { code, account } => {
                let grant = grant(&self.name(code));
                let approval = Approval {
                    grant_id: grant.id,
                    account: self.account(account),
                    scopes: grant.scopes,
                    granted_from: None,
                    auth_time: grant.auth_time,
                    generation: grant.generation,
                };
                let cookie = self.cookie(number, account).await;
                let code = self.hash("c", code);
                let answered = store.approve_device(&code, &approval, &cookie, now).await;
                done(answered.unwrap() == DeviceAnswered::Done)
            }
            Deed::Deny { code } => {
                let cookie = self.cookie(number, 0).await;
                let answered = store.deny_device(&self.hash("c", code), &cookie, now).await;
                done(answered.unwrap() == DeviceAnswered::Done)
            }
            Deed::Redeem { code } => self.redeem(number, code, now).await,
            Deed::Rotate { token } => {
                let (old, new) = (self.hash("r", token), pair(&self.name(number)));
                match store.rotate_refresh_token(&old, &new, now).await.unwrap() {
                    Rotation::Rotated { .. } => Outcome::Done,
                    Rotation::Reused(ended) => Outcome::Again(self.numbers(&ended)),
                    Rotation::Unknown => Outcome::Unknown,
                }
            }
            Deed::Use { token } => {
                let access = store.access_token(&self.hash("a", token)).await.unwrap();
                match access.map(|access| access.unconfirmed_pair) {
                    None => Outcome::Refused,
                    Some(None) => Outcome::Done,
                    Some(Some(refresh)) => done(store.confirm_pair(&refresh, now).await.unwrap()),
                }
            }
            Deed::Confirm { token } => {
                let refresh = self.hash("r", token);
                done(store.confirm_pair(&refresh, now).await.unwrap())
            }
            Deed::EndGrant { code, by_owner } => {
                let reason = match by_owner {
                    true => EndReason::OwnerRevoked,
                    false => EndReason::ClientRevoked,
                };
                let id = grant(&self.name(code)).id;
                self.ended(&store.end_grant(&id, reason, now).await.unwrap())
            }
            Deed::EndClient { client } => {
                let (id, reason) = (self.client_id(client), EndReason::OperatorRevoked);
                self.ended(&store.end_client(&id, reason, now).await.unwrap())
            }
            Deed::EndAccount { account } => {
                let (account, reason) = (self.account(account), EndReason::AccountDeleted);
                self.ended(&store.end_grants(&account, reason, now).await.unwrap())
            }
            Deed::Purge => {
                store.purge(now, now - DAY, 10_000).await.unwrap();
                Outcome::Done
            }
        }
    }

    async fn redeem(&self, number: usize, code: usize, now: Timestamp) -> Outcome {
        let Some((is_device, client, grant)) = self.grant_of(code).await else {
            return Outcome::Unknown;
        };
        let (name, client) = (self.hash("c", code), self.client(client));
        let pair = pair(&self.name(number));
        let redeemed = match is_device {
            true => {
                self.store
                    .redeem_device(&name, &client, &grant, &pair, now)
                    .await
            }
            false => {
                self.store
                    .redeem_code(&name, &client, &grant, &pair, now)
                    .await
            }
        };
        match redeemed.unwrap() {
            Redeemed::Done => Outcome::Done,
            Redeemed::Replayed(ended) => Outcome::Again(self.numbers(&ended)),
            Redeemed::Unknown => Outcome::Unknown,
        }
    }

    /// A browser session of an account, for one deed.
    async fn cookie(&self, number: usize, account: usize) -> TokenHash {
        let (cookie, mut session) = (self.hash("s", number), session());
        session.account = self.account(account);
        session.expires_at = NOW + 10_000 * DAY;
        self.store.save_session(&cookie, &session).await.unwrap();
        cookie
    }

    fn ended(&self, ended: &Ended) -> Outcome {
        Outcome::Ended(self.numbers(ended))
    }

    fn numbers(&self, ended: &Ended) -> Vec<usize> {
        assert_eq!(ended.grants.len(), ended.access_tokens.len());
        let number = |id: &GrantId| id.as_str().rsplit_once('/').unwrap().1.parse().unwrap();
        let mut numbers: Vec<usize> = ended.grants.iter().map(|(_, id)| number(id)).collect();
        numbers.sort_unstable();
        numbers
    }

    async fn seen(&self, number: usize) -> Seen {
        let store = &self.store;
        let access = store.access_token(&self.hash("a", number)).await.unwrap();
        let refresh = store.refresh_token(&self.hash("r", number)).await.unwrap();
        let grant = store.grant(&grant(&self.name(number)).id).await.unwrap();
        Seen {
            has_access: access.is_some(),
            is_spent: refresh.map(|refresh| refresh.rotated_at.is_some()),
            lives: grant.map(|grant| grant.is_live()),
        }
    }
}

/// Which deeds have made codes and tokens, newest last.
#[derive(Default)]
struct Made {
    count: usize,
    codes: Vec<usize>,
    tokens: Vec<usize>,
}

impl Made {
    /// What a step means just now; `None` where there is nothing to do it to.
    fn deed(&self, step: Step) -> Option<Deed> {
        let nth = |list: &[usize], back: usize| list.iter().rev().nth(back).copied();
        let code = |back| nth(&self.codes, back);
        let token = |back| nth(&self.tokens, back);
        Some(match step {
            Step::Code { account, client } => Deed::Code { account, client },
            Step::Device { client } => Deed::Device { client },
            Step::Approve { back, account } => Deed::Approve {
                code: code(back)?,
                account,
            },
            Step::Deny { back } => Deed::Deny { code: code(back)? },
            Step::Redeem { back } => Deed::Redeem { code: code(back)? },
            Step::Rotate { back } => Deed::Rotate {
                token: token(back)?,
            },
            Step::Use { back } => Deed::Use {
                token: token(back)?,
            },
            Step::Confirm { back } => Deed::Confirm {
                token: token(back)?,
            },
            Step::EndGrant { back, by_owner } => Deed::EndGrant {
                code: code(back)?,
                by_owner,
            },
            Step::EndClient { client } => Deed::EndClient { client },
            Step::EndAccount { account } => Deed::EndAccount { account },
            Step::Purge => Deed::Purge,
        })
    }

    fn note(&mut self, number: usize, deed: Deed, outcome: &Outcome) {
        match (deed, outcome) {
            (Deed::Code { .. } | Deed::Device { .. }, Outcome::Done) => self.codes.push(number),
            (Deed::Redeem { .. } | Deed::Rotate { .. }, Outcome::Done) => self.tokens.push(number),
            _ => {}
        }
    }
}

/// What models can be after these deeds, in any order in which they come to what they came to.
fn after(model: &Model, deeds: &[(usize, Deed, Outcome)], now: Timestamp, found: &mut Vec<Model>) {
    if deeds.is_empty() && !found.contains(model) {
        found.push(model.clone());
    }
    for (at, (number, deed, outcome)) in deeds.iter().enumerate() {
        let mut next = model.clone();
        if next.does(*number, *deed, now) == *outcome {
            let rest = [&deeds[..at], &deeds[at + 1..]].concat();
            after(&next, &rest, now, found);
        }
    }
}

async fn holds(real: Real, story: &[Chapter]) {
    let (mut models, mut made, mut now) = (vec![Model::default()], Made::default(), NOW);
    for (steps, wait) in story {
        let deeds: Vec<_> = steps.iter().filter_map(|step| made.deed(*step)).collect();
        let first = made.count;
        made.count += deeds.len();
        let outcomes = join_all(deeds.iter().enumerate().map(|(at, deed)| {
            let (real, deed) = (real.clone(), *deed);
            tokio::spawn(async move { real.does(first + at, deed, now).await })
        }));
        let mut done = Vec::new();
        for (at, (deed, outcome)) in deeds.iter().zip(outcomes.await).enumerate() {
            let outcome = outcome.unwrap();
            made.note(first + at, *deed, &outcome);
            done.push((first + at, *deed, outcome));
        }
        let mut found = Vec::new();
        for model in &models {
            after(model, &done, now, &mut found);
        }
        assert!(!found.is_empty(), "{done:?} in no order, after {models:?}");
        for number in 0..made.count {
            let seen = real.seen(number).await;
            found.retain(|model| model.seen(number) == seen);
            assert!(
                !found.is_empty(),
                "of {number} there is {seen:?}, after {done:?}"
            );
        }
        models = found;
        now = now + Duration::from_secs(*wait);
    }
}

pub(crate) async fn whatever_is_done_at_once_comes_to_what_it_does_in_some_order(store: Shared) {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().build_hasher().finish());
    }
    let seed = config.rng_seed;
    config.failure_persistence = None;
    let (handle, stories) = (Handle::current(), AtomicUsize::new(0));
    tokio::task::block_in_place(|| {
        let tried = TestRunner::new(config).run(&story(), |story| {
            let number = stories.fetch_add(1, Ordering::Relaxed);
            let real = Real {
                store: Shared::clone(&store),
                story: format!("s{number}"),
            };
            handle.block_on(holds(real, &story));
            Ok(())
        });
        let failed = tried
            .err()
            .map(|error| format!("PROPTEST_RNG_SEED={seed}: {error}"));
        assert_eq!(failed, None);
    });
}
