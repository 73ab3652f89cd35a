//! Authorization requests that the browser cannot change: pushed ones (RFC 9126), and those that the
//! client signed (RFC 9101, by value). Either is looked at once, when the browser brings it. What it holds
//! then travels with the pages like any other request, vouched for by a MAC of ours.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded::{self, Serializer};

use super::authorize::Refusal;
use super::clients::Credentials;
use super::counts::Counts;
use super::dpop::Proof;
use super::tries::{Held, SharedBrake, Together};
use super::{ErrorCode, OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::keys::client::{self, Algorithms};
use crate::limits::AddressKey;
use crate::model::{Client, ClientId, PushedRequest, Thumbprint};
use crate::secrets::{TokenHash, mac_text, random_text, same};

/// RFC 9126 §2.2.
const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// How long the browser may take to come with it.
const PUSHED_FOR: Duration = Duration::from_secs(90);
/// How long a person may take from there.
const VOUCHED_FOR: Duration = Duration::from_secs(3600);
/// The longest request that goes through an address later on, encoded and vouched for.
const LONGEST: usize = 14 * 1024;
/// How many one client that proves who it is may have open. Anybody can push in the name of one that does
/// not: its pushes count by address alone.
const MOST_OF_CLIENT: usize = 500;
/// How many an address may push in a row, and how soon another: no more than a fifth of what all may, so that
/// none takes the place of all, and enough for a website that pushes for all its people.
const PUSHES_IN_A_ROW: u32 = 200;
const PUSH_EACH: Duration = Duration::from_millis(500);
/// What all may push in a row, in KiB, and how soon another: as much again while a request is good. So what
/// waits for browsers is never more than twice that, and nobody has to add it up.
const KIB_IN_A_ROW: u32 = 32 * 1024;
const KIB_EACH: Duration = Duration::from_millis(3);

/// The parameter that says that we vouch for the others.
pub const VOUCHED: &str = "vouched";

type Pairs = Vec<(String, String)>;

/// How a request came that the browser could not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Pushed,
    Signed,
}

impl Origin {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Signed => "signed",
        }
    }
}

/// The answer to a pushed request (RFC 9126 §2.2).
#[derive(Debug, Serialize)]
pub struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// What keeps pushed requests from taking all room.
pub(super) struct PushBrakes {
    from_address: SharedBrake<AddressKey>,
    /// Of all, under one name.
    kib_of_all: SharedBrake<&'static str>,
}

impl PushBrakes {
    pub(super) fn new(together: &Together, counts: &Counts) -> Self {
        Self {
            from_address: together.brake(
                "pushes from address",
                PUSHES_IN_A_ROW,
                PUSH_EACH,
                &counts.pushes_per_address,
            ),
            kib_of_all: together.brake(
                "KiB of pushes",
                KIB_IN_A_ROW,
                KIB_EACH,
                &counts.pushes_waiting,
            ),
        }
    }
}

impl Provider {
    /// Takes an authorization request from the client itself (RFC 9126 §2.1).
    ///
    /// # Errors
    /// The client did not prove who it is, or the request would be refused at the authorization endpoint.
    pub async fn push(
        &self,
        pairs: Vec<(String, String)>,
        credentials: &Credentials,
        proof: Option<Proof<'_>>,
        from: AddressKey,
    ) -> Result<Pushed, OauthError> {
        let client = self.authenticate_client(credentials).await?;
        let from_address = self.pushes.from_address.take(&from, self.now());
        from_address
            .await
            .map_err(|held| held.told("too many requests were pushed"))?;
        let mut pairs: Pairs = pairs
            .into_iter()
            .filter(|(name, _)| !Credentials::FIELDS.contains(&name.as_str()) && name != VOUCHED)
            .collect();
        let get = |name| {
            pairs
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value)
        };
        if get("request_uri").is_some() {
            return Err(OauthError::invalid_request(
                "request_uri cannot be pushed (RFC 9126 2.1)",
            ));
        }
        if let Some(request) = get("request") {
            pairs = self.open_request_object(&client, request).await?;
        }
        pairs.retain(|(name, _)| name != "client_id");
        pairs.push(("client_id".to_owned(), client.id.to_string()));
        let proved = proof
            .map(|proof| self.check_proof(proof, None))
            .transpose()?;
        if let Some(proved) = &proved {
            bind(&mut pairs, &proved.jkt)?;
        }
        // what would make too long an address later on
        self.vouch(pairs.clone(), Origin::Pushed)?;
        let checked = self
            .check_settled(pairs.clone(), Ok(Some((Origin::Pushed, self.now()))))
            .await;
        checked.map_err(|refusal| match refusal {
            Refusal::Page(error) | Refusal::Client(_, error) => error,
        })?;
        if let Some(proved) = &proved {
            self.spend_proof(proved).await?;
        }
        let uri = format!("{URN}{}", random_text::<24>(self.random.as_ref()));
        self.save_push(&uri, &client, &pairs).await?;
        Ok(Pushed {
            request_uri: uri,
            expires_in: PUSHED_FOR.as_secs(),
        })
    }

    async fn save_push(&self, uri: &str, client: &Client, pairs: &Pairs) -> Result<(), OauthError> {
        let full = |why| OauthError::new(ErrorCode::TemporarilyUnavailable, why);
        let now = self.now();
        let request = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let kib = u32::try_from(request.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let of_all = self.pushes.kib_of_all.take_many(&"all", kib, now);
        of_all.await.map_err(|held| match held {
            Held::TooMany(wait) => OauthError {
                retry_after: Some(wait.as_secs().max(1)),
                ..full("very many requests are pushed just now; try again in a moment")
            },
            Held::Unavailable(error) => error.into(),
        })?;
        let pushed = PushedRequest {
            client_id: client.id.clone(),
            request,
            expires_at: now + PUSHED_FOR,
        };
        let most = client.metadata.is_confidential().then_some(MOST_OF_CLIENT);
        let uri = TokenHash::of(uri);
        if self.store.save_push(&uri, &pushed, most, now).await? {
            return Ok(());
        }
        let of_all = &self.pushes.kib_of_all;
        of_all.give_back_many(&"all", kib, now).await;
        self.counts.pushes_waiting.inc();
        Err(full(
            "this client has very many pushed requests open; try again in a minute",
        ))
    }

    /// What a request says that names another (`request_uri`) or holds one (`request`): as a query, vouched
    /// for. `None` for an ordinary request.
    ///
    /// # Errors
    /// There is no such pushed request, or the object is not the client's. Nobody is sent anywhere.
    pub async fn settle(&self, pairs: &[(String, String)]) -> Result<Option<String>, OauthError> {
        let params = Params::new(pairs.to_vec())
            .map_err(|repeated| OauthError::invalid_request(repeated.to_string()))?;
        let (inner, origin) = match (params.get("request_uri"), params.get("request")) {
            (None, None) => return Ok(None),
            // one that is somewhere else is fetched by nobody: an ordinary request, whose client is told
            (Some(elsewhere), None) if !elsewhere.starts_with(URN) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(OauthError::invalid_request(
                    "request and request_uri do not go together (RFC 9101 5)",
                ));
            }
            (Some(uri), None) => {
                // RFC 9126 §4: good once, and its client's alone
                let client_id = ClientId::new(params.get("client_id").unwrap_or(""));
                let uri = TokenHash::of(uri);
                let taken = self.store.take_push(&uri, &client_id, self.now());
                let unknown = "the request_uri is unknown, has expired or was used before: go back \
                               to the app and start again";
                let request = taken
                    .await?
                    .ok_or_else(|| OauthError::new(ErrorCode::InvalidRequestUri, unknown))?;
                let pairs = form_urlencoded::parse(request.as_bytes());
                (pairs.into_owned().collect(), Origin::Pushed)
            }
            (None, Some(request)) => {
                let client = self.check_client(&params).await?;
                (
                    self.open_request_object(&client, request).await?,
                    Origin::Signed,
                )
            }
        };
        self.vouch(inner, origin).map(Some)
    }

    /// The parameters of a request object (RFC 9101 §6), which the client has signed with a key that it
    /// registered. They alone count (§5); what is not a parameter is left out.
    async fn open_request_object(
        &self,
        client: &Client,
        request: &str,
    ) -> Result<Pairs, OauthError> {
        let wrong = |why: &str| OauthError::new(ErrorCode::InvalidRequestObject, why);
        let algorithms = match &client.metadata.request_object_signing_alg {
            Some(only) => Algorithms::Only(only),
            None => Algorithms::Any,
        };
        // RFC 9101 §6.2, §10.8: a signature is a must, and an object for another purpose is none
        let types = ["oauth-authz-req+jwt", "JWT"];
        let claims = self
            .signed_by_client(client, request, algorithms, &types)
            .await
            .map_err(|why| wrong(&format!("the request object {why}")))?;
        let Value::Object(claims) = claims else {
            return Err(wrong("the request object holds no claims"));
        };
        let id = client.id.as_str();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("client_id") != Some(id) || text("iss").is_some_and(|iss| iss != id) {
            return Err(wrong(
                "client_id and iss of the request object must be the client's",
            ));
        }
        if !client::is_for(&claims, &[self.config.http.issuer()]) {
            return Err(wrong("aud of the request object must be the issuer"));
        }
        client::check_times(&claims, self.now()).map_err(wrong)?;
        parameters(claims).map_err(wrong)
    }

    /// The request as a query that comes back to us unchanged.
    fn vouch(&self, mut pairs: Pairs, origin: Origin) -> Result<String, OauthError> {
        pairs.retain(|(name, _)| name != VOUCHED);
        let word = self.vouching_word(&pairs, origin, self.now());
        pairs.push((VOUCHED.to_owned(), word));
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        match query.len() > LONGEST {
            true => Err(OauthError::invalid_request(format!(
                "the request is longer than {LONGEST} bytes, as it stands in an address"
            ))),
            false => Ok(query),
        }
    }

    fn vouching_word(&self, pairs: &Pairs, origin: Origin, at: Timestamp) -> String {
        let at = at.as_unix().to_string();
        let mut parts: Vec<&[u8]> = vec![b"vouched at", origin.as_str().as_bytes(), at.as_bytes()];
        for (name, value) in pairs {
            if name != VOUCHED {
                parts.extend([name.as_bytes(), value.as_bytes()]);
            }
        }
        let mac = mac_text(&self.form_key, &parts);
        format!("{}.{at}.{mac}", origin.as_str())
    }

    /// How the request came, and since when we vouch for it; `None` for an ordinary one.
    ///
    /// # Errors
    /// We do not vouch for what it is now, or no more.
    pub(super) fn vouched(&self, pairs: &Pairs) -> Result<Option<(Origin, Timestamp)>, OauthError> {
        let Some((_, word)) = pairs.iter().find(|(name, _)| name == VOUCHED) else {
            return Ok(None);
        };
        let mut parts = word.split('.');
        let origin = [Origin::Pushed, Origin::Signed]
            .into_iter()
            .find(|origin| parts.clone().next() == Some(origin.as_str()));
        let at = parts.nth(1).and_then(|at| at.parse().ok());
        let read = origin.zip(at.map(Timestamp::from_unix));
        let is_good = |&(origin, at): &(Origin, Timestamp)| {
            same(&self.vouching_word(pairs, origin, at), word) && at + VOUCHED_FOR > self.now()
        };
        read.filter(is_good).map(Some).ok_or_else(|| {
            OauthError::invalid_request(
                "the request was changed on the way or has grown too old: go back to the app and start again",
            )
        })
    }
}

/// RFC 9449 §10.1: a proof says the same as `dpop_jkt`, and where both are there they must agree.
fn bind(pairs: &mut Pairs, jkt: &Thumbprint) -> Result<(), OauthError> {
    match pairs.iter().find(|(name, _)| name == "dpop_jkt") {
        Some((_, said)) if said != jkt.as_str() => Err(OauthError::invalid_request(
            "dpop_jkt and the DPoP proof name different keys",
        )),
        Some(_) => Ok(()),
        None => {
            pairs.push(("dpop_jkt".to_owned(), jkt.to_string()));
            Ok(())
        }
    }
}

/// What is said of the object itself.
const OF_THE_OBJECT: [&str; 9] = [
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sub",
    "request",
    "request_uri",
];

fn parameters(claims: Map<String, Value>) -> Result<Pairs, &'static str> {
    let mut pairs = Pairs::new();
    for (name, value) in claims {
        if OF_THE_OBJECT.contains(&name.as_str()) || name == VOUCHED {
            continue;
        }
        let values = match value {
            Value::Null => continue,
            // RFC 8707 §2.1: as an array where there are several
            Value::Array(several) if name == "resource" => several,
            one => vec![one],
        };
        for value in values {
            let value = match value {
                Value::String(text) => text,
                // RFC 9101 §4: numbers as such; `claims` and its like are objects
                other => other.to_string(),
            };
            if value.contains('\0') {
                return Err("the request object has a NUL in it");
            }
            pairs.push((name.clone(), value));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_for_browsers_is_bounded_and_an_address_takes_a_fifth_of_it() {
        let while_good =
            |each: Duration| u32::try_from(PUSHED_FOR.as_millis() / each.as_millis()).unwrap();
        let all = KIB_IN_A_ROW + while_good(KIB_EACH);
        assert!(all <= 64 * 1024, "{all} KiB");
        let of_address = PUSHES_IN_A_ROW + while_good(PUSH_EACH);
        let longest = u32::try_from(LONGEST.div_ceil(1024)).unwrap();
        assert!(of_address * longest <= KIB_IN_A_ROW / 5);
    }

    #[test]
    fn several_resources_are_an_array_in_a_request_object() {
        let claims = json!({
            "iss": "app",
            "max_age": 60,
            "resource": ["https://a.example", "https://b.example"],
            "scope": null,
        });
        let Value::Object(claims) = claims else {
            unreachable!()
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let expected = [
            ("max_age", "60"),
            ("resource", "https://a.example"),
            ("resource", "https://b.example"),
        ];
        assert_eq!(parameters(claims).unwrap(), expected.map(owned));
    }
}
