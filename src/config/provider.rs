//! The sections about the provider: what clients may do, how long it lasts, how pages look.

use std::path::Path;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::reader::Section;
use super::server::{existing, warn_of_secret_in};
use super::values::{
    duration_or_none, duration_text, expected, long_enough, one_of, quoted, web_url,
};
use super::{
    Audit, ConfiguredClient, Flows, Introspection, Limits, Log, LogFormat, Notices, OpenTo,
    Registration, RegistrationAlgorithm, Site, Tokens,
};
use crate::model::{
    ClientMetadata, CodeChallengeMethod, GrantType, MemberKind, NoticeKind, ResponseType,
    SigningAlgorithm,
};
use crate::secrets::Secret;

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
        .list("locales", |text| locale(template_path.as_deref(), text))
        .unwrap_or_else(|| Site::LOCALES.map(str::to_owned).to_vec());
    if locales.is_empty() {
        section.problem("locales", "must name at least one language");
    }
    let security_policy = section.text("security_policy", security_policy);
    Site {
        site_name,
        template_path,
        template_style,
        policy_url,
        terms_url,
        logo_url,
        service_documentation,
        locales,
        security_policy,
    }
}

/// A language that is built in, or that the operator has written the texts of.
fn locale(template_path: Option<&Path>, text: &str) -> Result<String, String> {
    let is_tag = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let file = Path::new("locales").join(format!("{text}.ftl"));
    let is_written = || template_path.is_some_and(|folder| folder.join(&file).is_file());
    if Site::LOCALES.contains(&text) || (is_tag && is_written()) {
        return Ok(text.to_owned());
    }
    let known = Site::LOCALES.map(quoted).join(", ");
    let what = format!("one of {known}, or have its texts in template_path/locales/TAG.ftl");
    Err(expected(&what, &quoted(text)))
}

/// Directives of a Content-Security-Policy. What guards the pages whatever they load is not for a
/// setting to weaken.
fn security_policy(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches(';');
    let is_text = |b: u8| (0x20..0x7f).contains(&b) && b != b',';
    if text.is_empty() || !text.bytes().all(is_text) {
        return Err(expected(
            "directives such as \"default-src 'self'\", in ASCII and without a comma",
            &quoted(text),
        ));
    }
    for directive in text.split(';') {
        let name = directive.split_whitespace().next().unwrap_or("");
        let name = name.to_ascii_lowercase();
        if ["frame-ancestors", "base-uri", "form-action"].contains(&name.as_str()) {
            return Err(format!(
                "must not hold {name}: the pages' own guards them against other sites"
            ));
        }
    }
    Ok(text.to_owned())
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
    let device_code_ttl = section
        .duration("device_code_ttl", "1m", "1h")
        .unwrap_or(10 * MINUTE);
    let session_ttl = section
        .duration("session_ttl", "1m", "90d")
        .unwrap_or(12 * HOUR);
    let id_token_algorithms = section
        .list("id_token_algorithms", |text| {
            one_of(&SigningAlgorithm::ALL.map(|one| (one.as_str(), one)), text)
        })
        .unwrap_or_else(|| SigningAlgorithm::ALL.to_vec());
    if !id_token_algorithms.contains(&SigningAlgorithm::RS256) {
        section.problem(
            "id_token_algorithms",
            "must hold \"RS256\": every client may count on it (OpenID Connect Discovery §3)",
        );
    }
    let signing_key_ttl = section
        .text("signing_key_ttl", |text| {
            let ttl = duration_or_none(text)?;
            // Younger than that, a key would be gone from the key set before its signatures have ended.
            if ttl.is_some_and(|ttl| ttl < 2 * DAY) {
                return Err(expected("\"none\" or at least \"2d\"", &quoted(text)));
            }
            Ok(ttl)
        })
        .unwrap_or(Some(90 * DAY));
    Tokens {
        access_token_ttl,
        refresh_token_ttl,
        authorization_code_ttl,
        device_code_ttl,
        session_ttl,
        id_token_algorithms,
        signing_key_ttl,
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
    let open_to = section
        .text("open_to", |text| {
            one_of(
                &[
                    ("anyone", OpenTo::Anyone),
                    ("token", OpenTo::Token),
                    ("nobody", OpenTo::Nobody),
                ],
                text,
            )
        })
        .unwrap_or(OpenTo::Anyone);
    let tokens = section.secret(
        "initial_access_token",
        "initial_access_token_file",
        |text| text.lines().try_for_each(long_enough),
    );
    warn_of_secret_in(section, "initial_access_token", file);
    if open_to == OpenTo::Token && tokens.is_none() {
        section.problem(
            "open_to",
            "is \"token\", so registration.initial_access_token (or initial_access_token_file, \
             with one token a line) must be set",
        );
    }
    let initial_access_tokens = tokens
        .iter()
        .flat_map(|tokens| tokens.expose().lines())
        .map(Secret::new)
        .collect();
    Registration {
        open_to,
        initial_access_tokens,
        registration_key,
        registration_algorithm,
        default_ttl,
        accept_expired,
    }
}

/// The grant types that a request to the token endpoint may bear.
const GRANT_TYPES: [GrantType; 5] = [
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::DeviceCode,
    GrantType::Password,
    GrantType::ClientCredentials,
];
pub(super) fn client(section: &Section<'_>, file: Option<&Path>) -> Option<ConfiguredClient> {
    let client_id = section.required("client_id", "what the client calls itself", |text| {
        let is_plain = text.bytes().all(|b| (0x21..=0x7e).contains(&b));
        if text.is_empty() || text.len() > 100 || !is_plain {
            let plain = "1 to 100 characters of printable ASCII without spaces";
            return Err(expected(plain, &quoted(text)));
        }
        Ok(text.to_owned())
    });
    let client_secret = section.secret("client_secret", "client_secret_file", long_enough);
    warn_of_secret_in(section, "client_secret", file);
    let mut metadata = serde_json::Map::new();
    for (field, kind) in ClientMetadata::MEMBERS {
        let said = match kind {
            MemberKind::Text => section
                .text(field, |text| Ok(text.to_owned()))
                .map(serde_json::Value::from),
            MemberKind::Texts => section
                .list(field, |text| Ok(text.to_owned()))
                .map(serde_json::Value::from),
            MemberKind::Flag => section.flag(field).map(serde_json::Value::from),
            MemberKind::Number => section
                .number::<u32>(field, 0..=u32::MAX)
                .map(serde_json::Value::from),
            MemberKind::Object => section.object(field).map(serde_json::Value::from),
        };
        metadata.extend(said.map(|said| (field.to_owned(), said)));
    }
    if client_secret.is_none() {
        let public = || "none".into();
        metadata
            .entry("token_endpoint_auth_method")
            .or_insert_with(public);
    }
    Some(ConfiguredClient {
        client_id: client_id?,
        client_secret,
        metadata: metadata.into(),
    })
}

pub(super) fn flows(section: &Section<'_>) -> Flows {
    let allowed_grant_types = section
        .list("allowed_grant_types", |text| {
            // Prosody's short word for it
            if text == "device_code" {
                return Ok(GrantType::DeviceCode);
            }
            one_of(&GRANT_TYPES.map(|it| (it.as_str(), it)), text)
        })
        .unwrap_or_else(|| GRANT_TYPES[..3].to_vec());
    let password_clients = section
        .list("password_clients", |text| match text {
            "" => Err(expected("a client_id", "\"\"")),
            id => Ok(id.to_owned()),
        })
        .unwrap_or_default();
    let allowed_response_types = section
        .list("allowed_response_types", |text| {
            one_of(&ResponseType::ALL.map(|it| (it.as_str(), it)), text)
        })
        .unwrap_or_else(|| vec![ResponseType::Code]);
    let allowed_code_challenge_methods = section
        .list("allowed_code_challenge_methods", |text| {
            one_of(
                &[
                    ("S256", CodeChallengeMethod::S256),
                    ("plain", CodeChallengeMethod::Plain),
                ],
                text,
            )
        })
        .unwrap_or_else(|| vec![CodeChallengeMethod::S256]);
    let require_code_challenge = section.flag("require_code_challenge").unwrap_or(true);
    let require_pushed_authorization_requests = section
        .flag("require_pushed_authorization_requests")
        .unwrap_or(false);
    let flows = Flows {
        allowed_grant_types,
        password_clients,
        allowed_response_types,
        allowed_code_challenge_methods,
        require_code_challenge,
        require_pushed_authorization_requests,
    };
    check_flows(section, &flows);
    flows
}

/// Settings that are fine one by one and let nobody in together.
fn check_flows(section: &Section<'_>, flows: &Flows) {
    let mut grants = flows.allowed_grant_types.iter();
    let begins = grants.any(|grant| *grant != GrantType::RefreshToken);
    if !begins && !flows.allows(GrantType::Implicit) {
        section.problem(
            "allowed_grant_types",
            "must hold \"authorization_code\", or another grant to begin with: without one nobody \
             can get a token",
        );
    }
    if flows.allows(GrantType::AuthorizationCode)
        && !flows.allowed_response_types.contains(&ResponseType::Code)
    {
        section.problem(
            "allowed_response_types",
            "must hold \"code\": flows.allowed_grant_types has \"authorization_code\"",
        );
    }
    if flows.allows(GrantType::Password) && flows.password_clients.is_empty() {
        section.problem(
            "allowed_grant_types",
            "holds \"password\", so flows.password_clients must name the apps of yours that may see \
             passwords",
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
        keep: section
            .text("keep", duration_or_none)
            .unwrap_or(Some(90 * DAY)),
        addresses: section.flag("addresses").unwrap_or(true),
    }
}

pub(super) fn notices(section: &Section<'_>) -> Notices {
    let choices = NoticeKind::ALL.map(|kind| (kind.as_str(), kind));
    Notices {
        kinds: section
            .list("kinds", |text| one_of(&choices, text))
            .unwrap_or_else(|| NoticeKind::ALL.to_vec()),
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
