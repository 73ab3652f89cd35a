//! The provider as clients reach it: at the public URL, through the operator's proxy.

use http::StatusCode;
use serde_json::Value;

use super::proxy::{FORGED, judge};
use super::{Check, Provider, Report};
use crate::cli::operations::{Operation, Outcome};
use crate::cli::unexpected;
use crate::cli::web::{Answer, Web};
use crate::config::Config;
use crate::oauth::discovery::METADATA_PATH;
use crate::secrets::{OsRandom, random_text};

const URL: &str = "public URL";
const PROXY: &str = "proxy";

pub(super) async fn check(
    provider: &mut Provider,
    config: &Config,
    arguments: &Check,
    report: &mut Report,
) {
    if !provider.is_running() {
        report.warn(URL, "not looked at: serve does not run");
        return report.warn(PROXY, "not looked at: serve does not run");
    }
    let word = random_text::<12>(&OsRandom);
    let expect = Operation::ExpectRequest { word: word.clone() };
    if let Err(error) = provider.ask(expect).await {
        return report.fail(URL, error);
    }
    if !reaches_us(config, arguments, &word, report).await {
        return report.warn(PROXY, "not looked at: the public URL does not lead here");
    }
    match provider.ask(Operation::SeenRequest { word }).await {
        Ok(Outcome::Seen(Some(seen))) => match judge(&seen, config.http.is_https()) {
            Ok(finding) => report.ok(PROXY, finding),
            Err(finding) => report.fail(PROXY, finding),
        },
        Ok(Outcome::Seen(None)) => report.warn(
            PROXY,
            "not seen: the answer came from a cache, or from another process",
        ),
        Ok(other) => report.fail(PROXY, unexpected(&other)),
        Err(error) => report.fail(PROXY, error),
    }
}

/// Whether the metadata comes from the public URL, and names it as the issuer (RFC 8414 §3.3).
async fn reaches_us(config: &Config, arguments: &Check, word: &str, report: &mut Report) -> bool {
    let plain = config.http.url_of(METADATA_PATH);
    let url = format!("{plain}?{word}");
    let mut web = match Web::new(arguments.ca_file.as_deref()) {
        Ok(web) => web,
        Err(error) => {
            report.fail(URL, error);
            return false;
        }
    };
    let answer = match web.get_with(&url, "x-forwarded-for", FORGED).await {
        Ok(answer) => answer,
        Err(error) => {
            report.fail(
                URL,
                format_args!(
                    "{error} (if only this machine cannot reach it, look from another one: \
                     curl {plain})"
                ),
            );
            return false;
        }
    };
    let wrong = wrong_metadata(&answer, config.http.issuer());
    match &wrong {
        None => report.ok(URL, format_args!("{plain} answers")),
        Some(why) => report.fail(URL, format_args!("{plain} {why}")),
    }
    wrong.is_none()
}

fn wrong_metadata(answer: &Answer, issuer: &str) -> Option<String> {
    if answer.status != StatusCode::OK {
        let to = answer.location().map(|to| format!(" to {to}"));
        return Some(format!(
            "answers {}{}: the proxy must pass all paths on to http.listen",
            answer.status,
            to.unwrap_or_default()
        ));
    }
    let metadata: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match metadata["issuer"].as_str() {
        Some(found) if found == issuer => None,
        Some(found) => Some(format!(
            "belongs to another provider, {found}: http.public_url must be what people reach"
        )),
        None => Some("is no metadata of a provider: the proxy leads somewhere else".to_owned()),
    }
}
