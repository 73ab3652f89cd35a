//! The device flow (RFC 8628): a program without a browser asks for codes and waits; a person types the
//! short one into a page of ours, sees what would be allowed, and answers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::claims::Wanted;
use super::clients::Credentials;
use super::consent::{AskAgain, Decision, Question, Subject, left_ticked};
use super::counts::Counts;
use super::discovery::path;
use super::login::CurrentSession;
use super::tries::{Held, SharedBrake, Together};
use super::{ErrorCode, OauthError, Params, Provider};
use crate::accounts::AccountStatus;
use crate::clock::Timestamp;
use crate::limits::{AddressKey, RetryAfter, address_key};
use crate::model::{
    Approval, BrowserSession, Client, DeviceCode, DeviceState, Generation, GrantId, GrantType,
    ScopeSet,
};
use crate::secrets::{Random, Secret, TokenHash, TokenKind, mac, new_token, sha256_text};
use crate::storage::{DeviceAnswered, DeviceSaved};

use jid::BareJid;

/// RFC 8628 §6.1: consonants, which are easy to type and make no words; none looks like another.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of a user code: 34 bits, of which the brakes leave nobody enough tries.
const LETTERS: usize = 8;
/// How long a device waits between two questions (RFC 8628 §3.2), and how much longer each time that
/// it does not (§3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// How many devices may wait at once: this bounds what callers without an account can store.
const MOST_WAITING: usize = 5_000;

/// What keeps the flow from being used too often.
pub(super) struct DeviceBrakes {
    asked_from_address: SharedBrake<AddressKey>,
    /// By what is short of the `client_id`, which itself may be long.
    asked_by_client: SharedBrake<String>,
    typed_by_account: SharedBrake<BareJid>,
    typed_from_address: SharedBrake<AddressKey>,
    polls: Polls,
}

impl DeviceBrakes {
    pub(super) fn new(together: &Together, counts: &Counts) -> Self {
        let seconds = Duration::from_secs;
        Self {
            asked_from_address: together.brake(
                "devices from address",
                20,
                seconds(30),
                &counts.devices_per_address,
            ),
            asked_by_client: together.brake(
                "devices by client",
                100,
                seconds(1),
                &counts.devices_per_client,
            ),
            typed_by_account: together.brake(
                "user codes by account",
                10,
                seconds(60),
                &counts.user_codes_per_account,
            ),
            typed_from_address: together.brake(
                "user codes from address",
                20,
                seconds(10),
                &counts.user_codes_per_address,
            ),
            polls: Polls::default(),
        }
    }
}

/// The answer of the device authorization endpoint (RFC 8628 §3.2).
#[derive(Serialize)]
pub struct DeviceAuthorization {
    #[serde(serialize_with = "super::token::expose")]
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// In seconds, as the interval.
    expires_in: u64,
    interval: u64,
}

/// What a person is asked about a device.
#[derive(Debug)]
pub struct DeviceQuestion {
    /// The app on the device.
    pub client: Arc<Client>,
    /// Its request.
    pub device: DeviceCode,
    /// The code, as the device shows it.
    pub user_code: String,
    /// What would be allowed.
    pub question: Question,
}

/// Who answers a device.
#[derive(Clone, Copy)]
struct Answerer<'a> {
    current: &'a CurrentSession,
    /// When they gave their password, where that is known.
    auth_time: Option<Timestamp>,
    from: Option<IpAddr>,
}

/// What they answer: a [`Decision`], from wherever it came.
struct Answered<'a> {
    ticket: &'a str,
    allowed: bool,
    chosen: Option<ScopeSet>,
}

/// Why a person is not asked.
#[derive(Debug)]
pub enum NoDevice {
    /// No device waits with this code.
    Unknown,
    /// Too many codes that were none.
    TooManyTries(RetryAfter),
    /// It cannot be allowed.
    Refused(OauthError),
}

impl<E: Into<OauthError>> From<E> for NoDevice {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Held> for NoDevice {
    fn from(held: Held) -> Self {
        match held {
            Held::TooMany(wait) => Self::TooManyTries(wait),
            Held::Unavailable(error) => error.into(),
        }
    }
}

/// What came of a person's answer.
#[derive(Debug)]
pub enum DeviceDecided {
    /// The device is told.
    Done(Arc<Client>),
    /// It does not count.
    AskAgain(AskAgain),
}

impl Provider {
    /// Answers a device's request (RFC 8628 §3.1).
    ///
    /// # Errors
    /// The client did not prove who it is, may not use the flow, or uses it too often.
    pub async fn authorize_device(
        &self,
        params: &Params,
        credentials: &Credentials,
        from: IpAddr,
    ) -> Result<DeviceAuthorization, OauthError> {
        let client = self.authenticate_client(credentials).await?;
        self.check_may_begin(&client, GrantType::DeviceCode)?;
        let scopes = self.check_scopes(params, &client, &Wanted::default())?;
        if !self.hosts_named(params)?.is_empty() {
            return Err(OauthError::new(
                ErrorCode::InvalidTarget,
                "whose account it will be is not known yet: leave the host out of resource",
            ));
        }
        let now = self.now();
        let brakes = &self.devices;
        let too_many = |held: Held| held.told("too many devices have asked");
        let (address, id) = (address_key(from), sha256_text(client.id.as_str()));
        let taken = brakes.asked_from_address.take(&address, now).await;
        taken.map_err(too_many)?;
        let taken = brakes.asked_by_client.take(&id, now).await;
        taken.map_err(too_many)?;
        let device = DeviceCode {
            client_id: client.id.clone(),
            scopes,
            asked_from: from.to_canonical().to_string(),
            issued_at: now,
            expires_at: now + self.config.tokens.device_code_ttl,
            state: DeviceState::Pending,
        };
        let code = new_token(self.random.as_ref(), TokenKind::Device);
        let user_code = self.save_device(&TokenHash::of(&code), &device).await?;
        tracing::info!(client = client.metadata.client_name, %from, "a device asks");
        let verification_uri = self.config.http.url_of(path::DEVICE_PAGE);
        Ok(DeviceAuthorization {
            device_code: Secret::new(code),
            verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
            verification_uri,
            user_code,
            expires_in: self.config.tokens.device_code_ttl.as_secs(),
            interval: INTERVAL.as_secs(),
        })
    }

    /// Stores a device's request under a user code that no other has.
    async fn save_device(
        &self,
        hash: &TokenHash,
        device: &DeviceCode,
    ) -> Result<String, OauthError> {
        loop {
            let letters = random_letters(self.random.as_ref());
            let user_code = self.user_code_hash(&letters);
            let saved = self
                .store
                .save_device(hash, &user_code, device, MOST_WAITING)
                .await?;
            match saved {
                DeviceSaved::Done => return Ok(grouped(&letters)),
                DeviceSaved::Taken => {}
                DeviceSaved::TooMany => {
                    self.counts.devices_waiting.inc();
                    return Err(OauthError::new(
                        ErrorCode::TemporarilyUnavailable,
                        "very many devices are waiting just now; try again in some minutes",
                    ));
                }
            }
        }
    }

    /// What the person of `current` is asked, who has typed `user_code`.
    ///
    /// # Errors
    /// See [`NoDevice`].
    pub async fn device_question(
        &self,
        user_code: &str,
        current: &CurrentSession,
        from: AddressKey,
    ) -> Result<DeviceQuestion, NoDevice> {
        self.question_of_device(user_code, current, Some(from))
            .await
    }

    /// Whether the question must wait for a login (OIDC Registration §2 `default_max_age`).
    pub fn device_must_wait(&self, asked: &DeviceQuestion, current: &CurrentSession) -> bool {
        let auth_time = current.session.auth_time;
        let age = self.now().since(auth_time);
        let max_age = asked.client.metadata.default_max_age;
        let is_too_old = max_age.is_some_and(|max| age > Duration::from_secs(max));
        // a login since the device asked is the one that it asks for
        is_too_old && auth_time < asked.device.issued_at
    }

    async fn question_of_device(
        &self,
        user_code: &str,
        current: &CurrentSession,
        from: Option<AddressKey>,
    ) -> Result<DeviceQuestion, NoDevice> {
        let (letters, hash, device, client) = self.find_device(user_code, current, from).await?;
        let scopes = self.grantable(&device.scopes, &client, &current.session.account)?;
        Ok(DeviceQuestion {
            question: self.ask(Subject::Device(&client, &hash), current, scopes),
            user_code: grouped(&letters),
            client,
            device,
        })
    }

    /// The person of `current` has answered: yes if `allowed`.
    ///
    /// # Errors
    /// See [`NoDevice`].
    pub async fn decide_device(
        &self,
        user_code: &str,
        current: &CurrentSession,
        decision: Decision<'_>,
    ) -> Result<DeviceDecided, NoDevice> {
        let answerer = Answerer {
            current,
            auth_time: Some(current.session.auth_time),
            from: Some(decision.from),
        };
        let answer = Answered {
            ticket: decision.ticket,
            allowed: decision.allowed,
            chosen: decision.chosen,
        };
        self.answer_device(user_code, answerer, answer).await
    }

    /// What an account is asked by a session of its own on the XMPP server, where it has typed `user_code`.
    /// The module keeps sessions away that may less than the whole account. The question has no ticket
    /// to come back with: see [`Provider::decide_device_by_session`].
    ///
    /// # Errors
    /// See [`NoDevice`].
    pub async fn device_question_by_session(
        &self,
        user_code: &str,
        account: &BareJid,
    ) -> Result<DeviceQuestion, NoDevice> {
        let current = self.session_of_nobodys_browser(account, None);
        self.question_by_session(user_code, &current).await
    }

    /// Such a session does not say when the password was given: not for clients that rely on it.
    async fn question_by_session(
        &self,
        user_code: &str,
        current: &CurrentSession,
    ) -> Result<DeviceQuestion, NoDevice> {
        let asked = self.question_of_device(user_code, current, None).await?;
        match asked.client.metadata.needs_auth_time() {
            true => Err(NoDevice::Refused(OauthError::new(
                ErrorCode::AccessDenied,
                format!(
                    "this app must know when you gave your password: answer it in a browser, at {}",
                    self.config.http.url_of(path::DEVICE_PAGE)
                ),
            ))),
            false => Ok(asked),
        }
    }

    /// The account has answered by a session of its own on the XMPP server: yes if `allowed`, to the scopes
    /// that were `shown`.
    ///
    /// Such a session proves the account, and not when the password was given: `auth_time` stays unknown,
    /// and the generation is the one that the server says. For as long as it takes, the account has a
    /// browser session whose cookie nobody has, so that whatever ends the account's sessions ends this too.
    ///
    /// # Errors
    /// See [`NoDevice`].
    pub async fn decide_device_by_session(
        &self,
        user_code: &str,
        account: &BareJid,
        shown: &ScopeSet,
        allowed: bool,
    ) -> Result<DeviceDecided, NoDevice> {
        let before = self.changes_of(account).await?;
        let generation = self.generation_now(account).await?;
        let current = self.session_of_nobodys_browser(account, generation);
        self.store
            .save_session(&current.hash, &current.session)
            .await?;
        let decided = async {
            if self.has_changed(account, before).await {
                return Ok(DeviceDecided::AskAgain(AskAgain::NotThisForm));
            }
            let asked = self.question_by_session(user_code, &current).await?;
            if asked.question.scopes != *shown {
                return Ok(DeviceDecided::AskAgain(AskAgain::NotThisForm));
            }
            let answerer = Answerer {
                current: &current,
                auth_time: None,
                from: None,
            };
            let answer = Answered {
                ticket: &asked.question.ticket,
                allowed,
                chosen: None,
            };
            self.answer_device(user_code, answerer, answer).await
        };
        let decided = decided.await;
        self.store.end_session(&current.hash).await?;
        decided
    }

    /// A session that no cookie opens.
    fn session_of_nobodys_browser(
        &self,
        account: &BareJid,
        generation: Option<Generation>,
    ) -> CurrentSession {
        let now = self.now();
        CurrentSession {
            hash: TokenHash::of(&new_token(self.random.as_ref(), TokenKind::Session)),
            session: BrowserSession {
                account: account.clone(),
                // never a recent login
                auth_time: Timestamp::from_unix(0),
                generation,
                expires_at: now + INTERVAL,
                last_seen_at: now,
                from: None,
                user_agent: None,
            },
        }
    }

    /// The account's generation, of a server that must be asked.
    async fn generation_now(&self, account: &BareJid) -> Result<Option<Generation>, NoDevice> {
        let asked = std::slice::from_ref(account);
        let host = account.domain().to_owned();
        let statuses = self.accounts.statuses(&host, asked);
        let statuses = statuses.await.map_err(|error| {
            OauthError::new(ErrorCode::TemporarilyUnavailable, error.to_string())
        })?;
        match statuses.into_iter().next() {
            Some(AccountStatus::Enabled { generation }) => Ok(generation),
            _ => Err(NoDevice::Refused(OauthError::new(
                ErrorCode::AccessDenied,
                "this account may not log in",
            ))),
        }
    }

    async fn answer_device(
        &self,
        user_code: &str,
        answerer: Answerer<'_>,
        answer: Answered<'_>,
    ) -> Result<DeviceDecided, NoDevice> {
        let Answerer {
            current,
            auth_time,
            from,
        } = answerer;
        let Answered {
            ticket,
            allowed,
            chosen,
        } = answer;
        let not_this_form = DeviceDecided::AskAgain(AskAgain::NotThisForm);
        let (_, hash, device, client) = self
            .find_device(user_code, current, from.map(address_key))
            .await?;
        let subject = Subject::Device(&client, &hash);
        let Some(shown) = self.scopes_of_ticket(subject, current, ticket) else {
            return Ok(not_this_form);
        };
        let now = self.now();
        let account = &current.session.account;
        let answered = match allowed {
            false => self.store.deny_device(&hash, &current.hash, now).await?,
            true => {
                let grantable = self.grantable(&device.scopes, &client, account)?;
                if !shown.is_subset(&grantable) {
                    return Ok(not_this_form);
                }
                let scopes = match left_ticked(shown, chosen) {
                    Ok(scopes) => scopes,
                    Err(why) => return Ok(DeviceDecided::AskAgain(why)),
                };
                self.take_row(account, now)
                    .map_err(NoDevice::TooManyTries)?;
                let approval = Approval {
                    grant_id: GrantId::random(self.random.as_ref()),
                    account: account.clone(),
                    scopes,
                    granted_from: from.and_then(|from| self.kept(from)),
                    auth_time,
                    generation: current.session.generation.clone(),
                };
                self.store
                    .approve_device(&hash, &approval, &current.hash, now)
                    .await?
            }
        };
        match answered {
            DeviceAnswered::Done => {
                tracing::info!(
                    %account, client = client.metadata.client_name, allowed,
                    "a device was answered"
                );
                Ok(DeviceDecided::Done(client))
            }
            DeviceAnswered::TooLate => Err(NoDevice::Unknown),
            DeviceAnswered::SessionEnded => Ok(not_this_form),
        }
    }

    /// The device that waits with this code. Codes that are none count against the account and the
    /// address (RFC 8628 §5.1).
    async fn find_device(
        &self,
        user_code: &str,
        current: &CurrentSession,
        from: Option<AddressKey>,
    ) -> Result<(String, TokenHash, DeviceCode, Arc<Client>), NoDevice> {
        let letters = letters_of(user_code).ok_or(NoDevice::Unknown)?;
        let now = self.now();
        let (account, brakes) = (&current.session.account, &self.devices);
        brakes.typed_by_account.take(account, now).await?;
        if let Some(from) = &from
            && let Err(held) = brakes.typed_from_address.take(from, now).await
        {
            brakes.typed_by_account.give_back(account, now).await;
            return Err(held.into());
        }
        let found = self
            .store
            .device_of_user(&self.user_code_hash(&letters))
            .await?;
        let waiting = found
            .filter(|(_, device)| device.state == DeviceState::Pending && device.expires_at > now);
        let Some((hash, device)) = waiting else {
            tracing::info!(%account, "a device's code was typed that is none");
            return Err(NoDevice::Unknown);
        };
        brakes.typed_by_account.give_back(account, now).await;
        if let Some(from) = &from {
            brakes.typed_from_address.give_back(from, now).await;
        }
        let client = self.client(device.client_id.as_str()).await?;
        match client.filter(|client| !client.is_expired(now)) {
            Some(client) => Ok((letters, hash, device, client)),
            None => Err(NoDevice::Refused(OauthError::new(
                ErrorCode::InvalidClient,
                "the app's registration has ended: it must register again",
            ))),
        }
    }

    /// Short as it is, a user code is hashed with a key, so that a copy of the database names none.
    fn user_code_hash(&self, letters: &str) -> TokenHash {
        TokenHash::from_bytes(mac(&self.form_key, &[b"user_code", letters.as_bytes()]))
    }

    /// A device asks whether it has been answered (RFC 8628 §3.5).
    pub(super) fn poll(&self, code: &TokenHash, device: &DeviceCode) -> OauthError {
        match self.devices.polls.take(code, device.expires_at, self.now()) {
            Ok(()) => OauthError::new(
                ErrorCode::AuthorizationPending,
                "nobody has answered yet: ask again after the interval",
            ),
            Err(interval) => OauthError::new(
                ErrorCode::SlowDown,
                format!(
                    "asked too soon: wait {} seconds each time from now on",
                    interval.as_secs()
                ),
            ),
        }
    }

    pub(super) fn forget_polls(&self, code: &TokenHash) {
        self.devices.polls.all().remove(code);
    }
}

/// When each waiting device asked last, and how long it is to wait. Only for codes that are stored, so
/// there are no more of them than there may be of those; a restart forgets them, which does no harm.
#[derive(Default)]
struct Polls(Mutex<HashMap<TokenHash, Poll>>);

struct Poll {
    last: Timestamp,
    interval: Duration,
    until: Timestamp,
}

impl Polls {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Poll>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one; `Err` says how long to wait, where it came too soon.
    fn take(&self, code: &TokenHash, until: Timestamp, now: Timestamp) -> Result<(), Duration> {
        let mut polls = self.all();
        if polls.len() >= 2 * MOST_WAITING {
            polls.retain(|_, poll| poll.until > now);
        }
        let Some(poll) = polls.get_mut(code) else {
            let (last, interval) = (now, INTERVAL);
            polls.insert(
                *code,
                Poll {
                    last,
                    interval,
                    until,
                },
            );
            return Ok(());
        };
        let waited = now.since(poll.last);
        poll.last = now;
        // time here is in whole seconds, and the way takes its own
        if waited + Duration::from_secs(1) >= poll.interval {
            return Ok(());
        }
        // RFC 8628 §3.5: by 5 seconds for this and all subsequent requests
        poll.interval += INTERVAL;
        Err(poll.interval)
    }
}

fn random_letters(random: &dyn Random) -> String {
    let mut letters = String::with_capacity(LETTERS);
    while letters.len() < LETTERS {
        let mut byte = [0];
        random.fill(&mut byte);
        // 240 is the largest multiple of 20: what is above would make some letters likelier
        if byte[0] < 240 {
            letters.push(char::from(ALPHABET[usize::from(byte[0] % 20)]));
        }
    }
    letters
}

/// The letters of a code however it was typed; `None` if they cannot be one.
pub fn letters_of(typed: &str) -> Option<String> {
    let letters: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '.' | '_'))
        .take(LETTERS + 1)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let is_one = letters.len() == LETTERS && letters.bytes().all(|b| ALPHABET.contains(&b));
    is_one.then_some(letters)
}

/// As people see it: `WDJB-MJHT`.
pub fn grouped(letters: &str) -> String {
    let (first, second) = letters
        .split_at_checked(LETTERS / 2)
        .unwrap_or((letters, ""));
    format!("{first}-{second}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::OsRandom;

    #[test]
    fn a_code_is_taken_however_it_is_typed() {
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W-D-J-B–MJHT"] {
            assert_eq!(letters_of(typed).as_deref(), Some("WDJBMJHT"), "{typed}");
        }
        for typed in [
            "",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "WDJB-MJHA",
            "WDJB-MJH1",
            "ÄDJBMJHT",
        ] {
            assert_eq!(letters_of(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_code_of_ours_reads_back() {
        let letters = random_letters(&OsRandom);
        let shown = grouped(&letters);
        assert_eq!(shown.len(), 9);
        assert_eq!(letters_of(&shown), Some(letters));
    }

    #[test]
    fn whoever_asks_too_soon_waits_longer_each_time() {
        let polls = Polls::default();
        let (code, start) = (TokenHash::of("c"), Timestamp::from_unix(1_800_000_000));
        let mut now = start;
        let mut after = |seconds| {
            now = now + Duration::from_secs(seconds);
            polls.take(&code, start + Duration::from_secs(600), now)
        };
        assert_eq!(after(0), Ok(()));
        assert_eq!(after(5), Ok(()));
        assert_eq!(after(1), Err(Duration::from_secs(10)));
        assert_eq!(after(5), Err(Duration::from_secs(15)));
        assert_eq!(after(15), Ok(()));
        assert_eq!(after(5), Err(Duration::from_secs(20)));
    }
}
