//! What the protocol counts, for the operator to watch.

use super::bearer::BearerAnswer;
use super::login::LoginError;
use crate::metrics::{Counter, Metrics};
use crate::model::GrantType;

/// See the module.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) metrics: Metrics,
    pub(super) token_cache: Cache,
    pub(super) page_logins: PasswordLogins,
    pub(super) password_grants: PasswordLogins,
    pub(super) bearer_logins: BearerLogins,
    tokens: Vec<(GrantType, Counter)>,
    pub(super) logouts: Logouts,
    pub(super) code_reuse: Counter,
    pub(super) refresh_token_reuse: Counter,
    pub(super) password_tries_per_account: Counter,
    pub(super) password_tries_per_address: Counter,
    pub(super) registrations_per_address: Counter,
    pub(super) logins_and_consents_per_account: Counter,
    pub(super) grants_per_account: Counter,
    pub(super) devices_per_address: Counter,
    pub(super) devices_per_client: Counter,
    pub(super) devices_waiting: Counter,
    pub(super) pushes_per_address: Counter,
    pub(super) pushes_waiting: Counter,
    pub(super) unasked_per_account: Counter,
    pub(super) signed_messages: Counter,
    pub(super) cached_tokens: Counter,
    pub(super) cached_clients: Counter,
    pub(super) user_codes_per_account: Counter,
    pub(super) user_codes_per_address: Counter,
}

/// Access tokens that were looked up in memory.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
}

/// Logins by password.
#[derive(Debug)]
pub(super) struct PasswordLogins {
    success: Counter,
    wrong_password: Counter,
    too_many_tries: Counter,
    unavailable: Counter,
}

/// OAUTHBEARER messages.
#[derive(Debug)]
pub(super) struct BearerLogins {
    success: Counter,
    challenge: Counter,
    malformed: Counter,
    unavailable: Counter,
}

/// What came of telling clients that somebody has logged out.
#[derive(Debug)]
pub(super) struct Logouts {
    pub(super) delivered: Counter,
    pub(super) refused: Counter,
    pub(super) failed: Counter,
    pub(super) given_up: Counter,
}

impl Counts {
    pub(super) fn new(grant_types: &[GrantType]) -> Self {
        let metrics = Metrics::default();
        let cache = |result| {
            let help = "Access tokens looked up in memory.";
            metrics.counter("token_cache_total", help, &[("result", result)])
        };
        let login = |by, result| {
            let help = "Logins: by password on the pages or by the password grant, or of chat clients by OAUTHBEARER.";
            metrics.counter("logins_total", help, &[("by", by), ("result", result)])
        };
        let by_password = |by| PasswordLogins {
            success: login(by, "success"),
            wrong_password: login(by, "wrong_password"),
            too_many_tries: login(by, "too_many_tries"),
            unavailable: login(by, "unavailable"),
        };
        let tokens = |grant_type: &GrantType| {
            let help = "Answers with tokens.";
            let labels = [("grant_type", grant_type.as_str())];
            (
                *grant_type,
                metrics.counter("tokens_issued_total", help, &labels),
            )
        };
        let reuse = |of| {
            let help = "Used codes and refresh tokens that were shown again.";
            metrics.counter("reuse_total", help, &[("of", of)])
        };
        let logout = |result| {
            let help = "Tries to tell a client that somebody has logged out.";
            metrics.counter("backchannel_logouts_total", help, &[("result", result)])
        };
        Self {
            token_cache: Cache {
                hits: cache("hit"),
                misses: cache("miss"),
            },
            page_logins: by_password("password"),
            password_grants: by_password("password_grant"),
            bearer_logins: BearerLogins {
                success: login("oauthbearer", "success"),
                challenge: login("oauthbearer", "challenge"),
                malformed: login("oauthbearer", "malformed"),
                unavailable: login("oauthbearer", "unavailable"),
            },
            tokens: grant_types.iter().map(tokens).collect(),
            logouts: Logouts {
                delivered: logout("delivered"),
                refused: logout("refused"),
                failed: logout("failed"),
                given_up: logout("given_up"),
            },
            code_reuse: reuse("code"),
            refresh_token_reuse: reuse("refresh_token"),
            password_tries_per_account: metrics.limit("password_tries_per_account"),
            password_tries_per_address: metrics.limit("password_tries_per_address"),
            registrations_per_address: metrics.limit("registrations_per_address"),
            logins_and_consents_per_account: metrics.limit("logins_and_consents_per_account"),
            grants_per_account: metrics.limit("grants_per_account"),
            devices_per_address: metrics.limit("devices_per_address"),
            devices_per_client: metrics.limit("devices_per_client"),
            devices_waiting: metrics.limit("devices_waiting"),
            pushes_per_address: metrics.limit("pushes_per_address"),
            pushes_waiting: metrics.limit("pushes_waiting"),
            unasked_per_account: metrics.limit("unasked_per_account"),
            signed_messages: metrics.limit("signed_messages"),
            cached_tokens: metrics.limit("cached_tokens"),
            cached_clients: metrics.limit("cached_clients"),
            user_codes_per_account: metrics.limit("user_codes_per_account"),
            user_codes_per_address: metrics.limit("user_codes_per_address"),
            metrics,
        }
    }

    pub(super) fn issued(&self, by: GrantType) {
        let counter = self.tokens.iter().find(|(grant_type, _)| *grant_type == by);
        if let Some((_, counter)) = counter {
            counter.inc();
        }
    }
}

impl PasswordLogins {
    pub(super) fn count<T>(&self, came_to: &Result<T, LoginError>) {
        match came_to {
            Ok(_) => &self.success,
            Err(LoginError::WrongPassword) => &self.wrong_password,
            Err(LoginError::TooManyTries(_)) => &self.too_many_tries,
            Err(LoginError::Unavailable(_) | LoginError::Store(_)) => &self.unavailable,
        }
        .inc();
    }
}

impl BearerLogins {
    pub(super) fn count(&self, came_to: &BearerAnswer) {
        match came_to {
            BearerAnswer::Success(_) => &self.success,
            BearerAnswer::Challenge(_) => &self.challenge,
            BearerAnswer::Malformed => &self.malformed,
            BearerAnswer::Unavailable => &self.unavailable,
        }
        .inc();
    }
}
