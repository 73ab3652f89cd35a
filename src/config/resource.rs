//! `[[resources]]`: services that are not XMPP, for which clients get tokens.

use std::time::Duration;

use url::Url;

use super::reader::Section;
use super::values::{Value, expected, quoted};
use super::{ConfiguredClient, Resource};
use crate::model::Scope;

/// The longest that a token may last which nobody can take back.
const LONGEST: &str = "5m";

pub(super) fn resource(section: &Section<'_>) -> Option<Resource> {
    let uri = section.required("uri", "what requests call the service (RFC 8707)", uri);
    let name = section.required("name", "what people call the service", |text| {
        match text.trim() {
            "" => Err("must not be empty".to_owned()),
            name => Ok(name.to_owned()),
        }
    });
    let hint = "what the service lets apps do: a table of scopes, each with a sentence for people";
    section.require("scopes", hint);
    let written = section.texts_by_name("scopes");
    if written.as_ref().is_some_and(Vec::is_empty) {
        section.problem("scopes", "must name at least one scope");
    }
    let mut scopes = std::collections::BTreeMap::new();
    for (scope, sentence) in written.unwrap_or_default() {
        match own_scope(&scope, &sentence) {
            Ok(scope) => drop(scopes.insert(scope, sentence)),
            Err(wrong) => section.problem("scopes", &wrong),
        }
    }
    let access_token_ttl = section
        .duration("access_token_ttl", "10s", LONGEST)
        .unwrap_or(Duration::from_secs(5 * 60));
    Some(Resource {
        uri: uri?,
        name: name?,
        scopes,
        access_token_ttl,
    })
}

/// No two may have a name or a scope in common, with a client neither: a token is for one of them.
pub(super) fn check_apart(
    file: &Section<'_>,
    resources: &[Resource],
    clients: &[ConfiguredClient],
    issuer: Option<&str>,
) {
    for (i, one) in resources.iter().enumerate() {
        if issuer == Some(one.uri.trim_end_matches('/')) {
            let own = format!("holds {:?}, which is http.public_url: we are that", one.uri);
            file.problem("resources", &own);
        }
        if clients.iter().any(|client| client.client_id == one.uri) {
            let both = format!("holds {:?}, which is the client_id of a client", one.uri);
            file.problem("resources", &both);
        }
        for other in &resources[..i] {
            if one.uri == other.uri {
                file.problem("resources", &format!("holds {:?} twice", one.uri));
            }
            for scope in one.scopes.keys().filter(|it| other.scopes.contains_key(it)) {
                let (a, b) = (&other.uri, &one.uri);
                let both = format!("has the scope {scope:?} at {a:?} and at {b:?}");
                file.problem("resources", &both.replace("Scope(", "").replace(')', ""));
            }
        }
    }
}

/// RFC 8707 §2: an absolute URI without a fragment.
fn uri(text: &str) -> Value<String> {
    match Url::parse(text) {
        Ok(url) if url.fragment().is_none() && url.scheme() != "xmpp" && text.len() <= 500 => {
            Ok(text.to_owned())
        }
        _ => Err(expected(
            "an absolute URI without a fragment, such as \"https://files.example.com\" (and none of xmpp:)",
            &quoted(text),
        )),
    }
}

fn own_scope(scope: &str, sentence: &str) -> Value<Scope> {
    let taken = |scope: &Scope| scope.is_known() || scope.is_xmpp();
    let named: Option<Scope> = scope.parse().ok().filter(|scope| !taken(scope));
    let named = named.ok_or_else(|| {
        format!(
            "must hold scopes of the service's own, in printable ASCII without spaces, not {}",
            quoted(scope)
        )
    })?;
    match sentence.trim() {
        "" => Err(format!("must say in words what {scope:?} allows")),
        _ => Ok(named),
    }
}
