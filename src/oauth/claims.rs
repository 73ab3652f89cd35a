//! The `claims` parameter (OIDC Core §5.5): what of it can be met, what must be and cannot.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ErrorCode, OauthError, Params};
use crate::model::{Claim, ClaimSet};

/// How people log in here: with a password, over TLS. The one authentication context there is.
pub(super) const ACR: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// And by what (OIDC Core §2 `amr`, RFC 8176).
pub(super) const AMR: [&str; 1] = ["pwd"];

/// What the parameter comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// What is to stand in the id_token, where it may be told at all.
    pub(super) id_token: ClaimSet,
    /// Something is asked for that the scope `profile` opens: the person is asked for that scope.
    pub(super) profile: bool,
    /// The one person that is meant.
    pub(super) sub: Option<String>,
}

type Members = BTreeMap<String, Option<Member>>;

/// Members that are not known here are ignored (OIDC Core §5.5).
#[derive(Deserialize)]
struct Parameter {
    userinfo: Option<Members>,
    id_token: Option<Members>,
}

#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    essential: bool,
    value: Option<serde_json::Value>,
    values: Option<Vec<serde_json::Value>>,
}

/// # Errors
/// `invalid_request`: it is no such JSON; `unmet_authentication_requirements`: see [`check_acr`].
pub(super) fn check_claims(params: &Params) -> Result<Wanted, OauthError> {
    let Some(text) = params.get("claims") else {
        return Ok(Wanted::default());
    };
    let parameter: Parameter = serde_json::from_str(text).map_err(|error| {
        OauthError::invalid_request(format!("claims is not as OIDC Core 5.5 wants it: {error}"))
    })?;
    let userinfo = parameter.userinfo.unwrap_or_default();
    let id_token = parameter.id_token.unwrap_or_default();
    check_acr(&id_token)?;
    let named = |members: &Members| -> ClaimSet {
        let all = Claim::ALL.into_iter();
        all.filter(|claim| members.contains_key(claim.as_str()))
            .collect()
    };
    let in_token = named(&id_token);
    let of_profile = |claims: &ClaimSet| claims.iter().any(Claim::is_of_profile);
    Ok(Wanted {
        profile: of_profile(&in_token) || of_profile(&named(&userinfo)),
        id_token: in_token,
        sub: subject_meant(&userinfo, &id_token)?,
    })
}

/// OIDC Core §5.5.1.1: an essential `acr` that cannot be had is a login that failed.
fn check_acr(id_token: &Members) -> Result<(), OauthError> {
    let Some(Some(acr)) = id_token.get("acr") else {
        return Ok(());
    };
    let values = acr.values.as_deref().unwrap_or_default();
    let mut wanted = values.iter().chain(&acr.value).peekable();
    if acr.essential && wanted.peek().is_some() && !wanted.any(|value| value == ACR) {
        return Err(OauthError::new(
            ErrorCode::UnmetAuthenticationRequirements,
            format!("people log in with their password here: the one acr is {ACR}"),
        ));
    }
    Ok(())
}

/// OIDC Core §5.5.1: a value of `sub` names the one person that is meant.
fn subject_meant(userinfo: &Members, id_token: &Members) -> Result<Option<String>, OauthError> {
    let mut meant: Option<String> = None;
    for members in [userinfo, id_token] {
        let Some(Some(Member {
            value: Some(value), ..
        })) = members.get("sub")
        else {
            continue;
        };
        let value = value
            .as_str()
            .ok_or_else(|| OauthError::invalid_request("claims: the value of sub is no text"))?;
        if meant.as_deref().is_some_and(|other| other != value) {
            return Err(OauthError::invalid_request(
                "claims names two different sub",
            ));
        }
        meant = Some(value.to_owned());
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(claims: &Value) -> Result<Wanted, OauthError> {
        let pairs = vec![("claims".to_owned(), claims.to_string())];
        check_claims(&Params::new(pairs).unwrap())
    }

    #[test]
    fn claims_are_taken_as_they_may_be_written_and_unknown_ones_ignored() {
        let claims = json!({
            "userinfo": { "given_name": { "essential": true }, "nickname": null },
            "id_token": { "name": { "value": "x" }, "auth_time": { "essential": true }, "x": null },
            "https://other.example/": [1],
        });
        let wanted = check(&claims).unwrap();
        assert_eq!(wanted.id_token.to_string(), "name");
        assert!(wanted.profile);
        let none = check(&json!({ "userinfo": { "email": null }, "id_token": null })).unwrap();
        assert_eq!(none, Wanted::default());
    }

    #[test]
    fn what_is_no_claims_parameter_is_told_so() {
        for bad in [
            json!([]),
            json!({ "userinfo": [] }),
            json!({ "id_token": { "name": "x" } }),
            json!({ "id_token": { "name": { "essential": "yes" } } }),
            json!({ "id_token": { "sub": { "value": 1 } } }),
            json!({ "id_token": { "sub": { "value": "a" } }, "userinfo": { "sub": { "value": "b" } } }),
        ] {
            let error = check(&bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{bad}");
        }
    }

    #[test]
    fn an_essential_acr_must_be_ours_and_a_voluntary_one_may_be_any() {
        let acr = |member: Value| check(&json!({ "id_token": { "acr": member } }));
        for good in [
            Value::Null,
            json!({ "essential": true }),
            json!({ "essential": true, "value": ACR }),
            json!({ "essential": true, "values": ["phr", ACR] }),
            json!({ "values": ["phr"] }),
        ] {
            assert!(acr(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!({ "essential": true, "value": "phr" }),
            json!({ "essential": true, "values": ["phr", 1] }),
        ] {
            let error = acr(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::UnmetAuthenticationRequirements);
        }
    }
}
