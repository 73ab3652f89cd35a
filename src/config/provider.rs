//! The sections about the provider: what clients may do, how long it lasts, how pages look.

use std::path::Path;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::reader::Section;
use super::server::{existing, warn_of_secret_in};
use super::values::{
    Value, duration_or_none, duration_text, expected, long_enough, one_of, quoted, web_url,
};
use super::{
    Audit, Flows, Introspection, Limits, Log, LogFormat, Registration, RegistrationAlgorithm, Site,
    Tokens,
};
use crate::model::{CodeChallengeMethod, GrantType, ResponseType};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn site(section: &Section<'_>) -> Site {
    let site_name = section
        .text("site_name", |text| {
            if text.trim().is_empty() {
                return Err("must not be empty".to_owned());
            }
            Ok(text.to_owned())
        })
        .unwrap_or_else(|| "My XMPP Server".to_owned());
    let template_path = existing(section, "template_path", "a folder", Path::is_dir);
    let template_style = section
        .texts_by_name("template_style")
        .unwrap_or_default()
        .into_iter()
        .collect();
    let policy_url = section.text("policy_url", web_url);
    let terms_url = section.text("terms_url", web_url);
    let logo_url = section.text("logo_url", web_url);
    let service_documentation = section.text("service_documentation", web_url);
    let locales = section
        .list("locales", |text| {
            one_of(&[("en", "en")], text).map(str::to_owned)
        })
        .unwrap_or_else(|| vec!["en".to_owned()]);
    if locales.is_empty() {
        section.problem("locales", "must name at least one language");
    }
    Site {
        site_name,
        template_path,
        template_style,
        policy_url,
        terms_url,
        logo_url,
        service_documentation,
        locales,
    }
}

pub(super) fn tokens(section: &Section<'_>) -> Tokens {
    let access_token_ttl = section
        .duration("access_token_ttl", "1m", "30d")
        .unwrap_or(HOUR);
    let refresh_token_ttl = section
        .text("refresh_token_ttl", duration_or_none)
        .unwrap_or(None);
    if let Some(refresh) = refresh_token_ttl.filter(|ttl| *ttl < access_token_ttl) {
        section.problem(
            "refresh_token_ttl",
            &format!(
                "must be \"none\" or at least tokens.access_token_ttl ({:?}), not {:?}: it would \
                 end before there is anything to refresh",
                duration_text(access_token_ttl),
                duration_text(refresh)
            ),
        );
    }
    // RFC 6749 §4.1.2: at most ten minutes.
    let authorization_code_ttl = section
        .duration("authorization_code_ttl", "10s", "10m")
        .unwrap_or(5 * MINUTE);
    let session_ttl = section
        .duration("session_ttl", "1m", "90d")
        .unwrap_or(12 * HOUR);
    Tokens {
        access_token_ttl,
        refresh_token_ttl,
        authorization_code_ttl,
        session_ttl,
    }
}

pub(super) fn registration(section: &Section<'_>, file: Option<&Path>) -> Registration {
    let registration_key = section.secret("registration_key", "registration_key_file", long_enough);
    warn_of_secret_in(section, "registration_key", file);
    let registration_algorithm = section
        .text("registration_algorithm", |text| {
            one_of(
                &[
                    ("HS256", RegistrationAlgorithm::HS256),
                    ("HS384", RegistrationAlgorithm::HS384),
                    ("HS512", RegistrationAlgorithm::HS512),
                ],
                text,
            )
        })
        .unwrap_or(RegistrationAlgorithm::HS256);
    let default_ttl = section
        .text("default_ttl", duration_or_none)
        .unwrap_or(Some(90 * DAY));
    let accept_expired = section.flag("accept_expired").unwrap_or(true);
    Registration {
        registration_key,
        registration_algorithm,
        default_ttl,
        accept_expired,
    }
}

pub(super) fn flows(section: &Section<'_>) -> Flows {
    let allowed_grant_types = section
        .list("allowed_grant_types", |text| {
            supported(
                &[
                    ("authorization_code", GrantType::AuthorizationCode),
                    ("refresh_token", GrantType::RefreshToken),
                ],
                text,
            )
        })
        .unwrap_or_else(|| vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
    let allowed_response_types = section
        .list("allowed_response_types", |text| {
            supported(&[("code", ResponseType::Code)], text)
        })
        .unwrap_or_else(|| vec![ResponseType::Code]);
    let allowed_code_challenge_methods = section
        .list("allowed_code_challenge_methods", |text| {
            supported(
                &[
                    ("S256", CodeChallengeMethod::S256),
                    ("plain", CodeChallengeMethod::Plain),
                ],
                text,
            )
        })
        .unwrap_or_else(|| vec![CodeChallengeMethod::S256]);
    let require_code_challenge = section.flag("require_code_challenge").unwrap_or(true);
    let flows = Flows {
        allowed_grant_types,
        allowed_response_types,
        allowed_code_challenge_methods,
        require_code_challenge,
    };
    check_flows(section, &flows);
    flows
}

fn supported<T: Copy>(choices: &[(&str, T)], text: &str) -> Value<T> {
    one_of(choices, text).map_err(|wrong| format!("is not supported by this version: it {wrong}"))
}

/// Settings that are fine one by one and let nobody in together.
fn check_flows(section: &Section<'_>, flows: &Flows) {
    if !flows
        .allowed_grant_types
        .contains(&GrantType::AuthorizationCode)
    {
        section.problem(
            "allowed_grant_types",
            "must hold \"authorization_code\": without it nobody can get a token",
        );
    }
    if !flows.allowed_response_types.contains(&ResponseType::Code) {
        section.problem(
            "allowed_response_types",
            "must hold \"code\": flows.allowed_grant_types has \"authorization_code\"",
        );
    }
    if flows.require_code_challenge && flows.allowed_code_challenge_methods.is_empty() {
        section.problem(
            "allowed_code_challenge_methods",
            "must not be empty while flows.require_code_challenge is true",
        );
    }
}

pub(super) fn introspection(section: &Section<'_>) -> Introspection {
    let allowed = section
        .list("allowed", |text| {
            if text.is_empty() || text.contains(char::is_whitespace) {
                return Err(expected("a JID or a client_id", &quoted(text)));
            }
            Ok(text.to_owned())
        })
        .unwrap_or_default();
    Introspection { allowed }
}

pub(super) fn limits(section: &Section<'_>) -> Limits {
    Limits {
        max_connections: section.number("max_connections", 1..=65_535).unwrap_or(512),
        max_body_size: section
            .number("max_body_size", 4096..=16 * 1024 * 1024)
            .unwrap_or(64 * 1024),
        request_timeout: section
            .duration("request_timeout", "1s", "5m")
            .unwrap_or(Duration::from_secs(10)),
        password_tries_per_account: section
            .number("password_tries_per_account", 1..=10_000)
            .unwrap_or(5),
        password_tries_per_address: section
            .number("password_tries_per_address", 1..=10_000)
            .unwrap_or(20),
        registrations_per_address: section
            .number("registrations_per_address", 1..=10_000)
            .unwrap_or(10),
        cached_tokens: section
            .number("cached_tokens", 1..=10_000_000)
            .unwrap_or(50_000),
    }
}

pub(super) fn audit(section: &Section<'_>) -> Audit {
    Audit {
        addresses: section.flag("addresses").unwrap_or(true),
    }
}

pub(super) fn log(section: &Section<'_>) -> Log {
    let level = section
        .text("level", |text| {
            let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
            let well_formed = text.split(',').all(|part| match part.split_once('=') {
                Some((target, level)) => !target.is_empty() && is_level(level),
                None => is_level(part),
            });
            if well_formed {
                return Ok(text.to_owned());
            }
            Err(expected(
                "a level (error, warn, info, debug, trace, off) or a list such as \
                 \"info,xmpp_oauth::xmpp=debug\"",
                &quoted(text),
            ))
        })
        .unwrap_or_else(|| "info".to_owned());
    let format = section
        .text("format", |text| {
            one_of(
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                text,
            )
        })
        .unwrap_or(LogFormat::Text);
    Log { level, format }
}
