//! SASL as a client (RFC 6120 §6): SCRAM (RFC 5802, 7677), PLAIN (RFC 4616), OAUTHBEARER (RFC 7628).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use rxml::xml_ncname;
use sasl::client::Mechanism;
use sasl::client::mechanisms::{Plain, Scram};
use sasl::common::ChannelBinding;
use sasl::common::scram::{Sha1, Sha256};
use xmpp_parsers::ns;

use super::session::condition;
use super::{C2sError, Client};
use crate::secrets::Secret;

/// A server that wants more rounds than this wants to keep us busy.
const MOST_ITERATIONS: u32 = 10_000_000;

/// What became of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Bearer {
    /// It opened the account.
    Success,
    /// It did not; the JSON of RFC 7628 §3.2.2.
    Challenge(String),
}

/// What the server says in a SASL exchange.
enum Said {
    Challenge(Vec<u8>),
    Success(Vec<u8>),
}

impl Client {
    /// Logs in with a password, by the first of `allowed` that the server offers: never by another,
    /// whatever it offers.
    ///
    /// # Errors
    /// [`C2sError::Refused`] with `not-authorized` for a wrong password; others say nothing about it.
    pub async fn password(
        &mut self,
        username: &str,
        password: &Secret,
        allowed: &[String],
    ) -> Result<(), C2sError> {
        let offered = self.mechanisms();
        let choice = allowed.iter().find(|name| offered.contains(name));
        match choice.map(String::as_str) {
            Some("SCRAM-SHA-256") => self.scram(scram::<Sha256>(username, password)?).await,
            Some("SCRAM-SHA-1") => self.scram(scram::<Sha1>(username, password)?).await,
            Some("PLAIN") => self.plain(username, password).await,
            _ => Err(C2sError::NoMechanism { offered }),
        }
    }

    async fn plain(&mut self, username: &str, password: &Secret) -> Result<(), C2sError> {
        let message = Plain::new(username, password.expose()).initial();
        self.auth("PLAIN", &message).await?;
        match self.said().await? {
            Said::Success(_) => Ok(()),
            Said::Challenge(_) => Err(C2sError::OutOfTurn),
        }
    }

    async fn scram(
        &mut self,
        mut mechanism: impl Mechanism + Send + 'static,
    ) -> Result<(), C2sError> {
        let first = mechanism.initial();
        let nonce = attribute(&first, "r").ok_or(C2sError::OutOfTurn)?;
        self.auth(mechanism.name(), &first).await?;
        let Said::Challenge(challenge) = self.said().await? else {
            return Err(C2sError::OutOfTurn);
        };
        check_challenge(&challenge, &nonce)?;
        // Thousands of rounds of hashing are no work for the thread that serves others.
        let hashing = tokio::task::spawn_blocking(move || {
            let response = mechanism.response(&challenge);
            (mechanism, response)
        });
        let (mut mechanism, response) = hashing.await.map_err(std::io::Error::other)?;
        let response = response.map_err(|_| C2sError::OutOfTurn)?;
        self.respond(&response).await?;
        // The server's last word comes with the success, or before it (RFC 6120 §6.4.6).
        let mut verify = |data: &[u8]| mechanism.success(data).map_err(|_| C2sError::Impostor);
        match self.said().await? {
            Said::Success(data) => verify(&data),
            Said::Challenge(data) => {
                verify(&data)?;
                self.respond(b"").await?;
                match self.said().await? {
                    Said::Success(_) => Ok(()),
                    Said::Challenge(_) => Err(C2sError::OutOfTurn),
                }
            }
        }
    }

    /// Shows a token, or an empty one to be told where tokens can be had (XEP-0493 §4.1).
    ///
    /// # Errors
    /// Anything but success and a challenge; `temporary-auth-failure`, for one, is
    /// [`C2sError::Refused`].
    pub async fn oauthbearer(
        &mut self,
        authzid: Option<&str>,
        token: Option<&str>,
    ) -> Result<Bearer, C2sError> {
        let authzid = authzid.map(|jid| format!("a={}", escaped(jid)));
        let message = format!(
            "n,{},\u{1}auth=Bearer {}\u{1}\u{1}",
            authzid.unwrap_or_default(),
            token.unwrap_or_default()
        );
        self.auth("OAUTHBEARER", message.as_bytes()).await?;
        match self.said().await? {
            Said::Success(_) => Ok(Bearer::Success),
            Said::Challenge(json) => {
                // RFC 7628 §3.2.3: the client acknowledges, and the server fails the exchange.
                self.respond(b"\x01").await?;
                match self.said().await {
                    Err(C2sError::Refused(_)) => {}
                    Err(other) => return Err(other),
                    Ok(_) => return Err(C2sError::OutOfTurn),
                }
                let json = String::from_utf8(json).map_err(|_| C2sError::OutOfTurn)?;
                Ok(Bearer::Challenge(json))
            }
        }
    }

    async fn auth(&mut self, mechanism: &str, message: &[u8]) -> Result<(), C2sError> {
        let auth = Element::builder("auth", ns::SASL)
            .attr(xml_ncname!("mechanism").to_owned(), mechanism)
            .append(STANDARD.encode(message))
            .build();
        self.send(&auth).await
    }

    async fn respond(&mut self, message: &[u8]) -> Result<(), C2sError> {
        let response = Element::builder("response", ns::SASL).append(STANDARD.encode(message));
        self.send(&response.build()).await
    }

    async fn said(&mut self) -> Result<Said, C2sError> {
        let element = self.answer().await?;
        let data = || match element.text().trim() {
            "" | "=" => Ok(Vec::new()),
            text => STANDARD.decode(text).map_err(|_| C2sError::OutOfTurn),
        };
        if element.is("challenge", ns::SASL) {
            Ok(Said::Challenge(data()?))
        } else if element.is("success", ns::SASL) {
            Ok(Said::Success(data()?))
        } else if element.is("failure", ns::SASL) {
            Err(C2sError::Refused(condition(Some(&element), ns::SASL)))
        } else {
            Err(C2sError::OutOfTurn)
        }
    }
}

fn scram<S: sasl::common::scram::ScramProvider>(
    username: &str,
    password: &Secret,
) -> Result<Scram<S>, C2sError> {
    // RFC 5802 §5.1: SASLprep, as far as the password can be; the server refuses the others itself.
    let prepared = stringprep::saslprep(password.expose());
    let password = prepared.map_or_else(|_| password.expose().to_owned(), Into::into);
    Scram::new(escaped(username), password, ChannelBinding::None)
        .map_err(|_| C2sError::Broken(std::io::Error::other("no randomness for a nonce")))
}

/// RFC 5801 §4, RFC 5802 §5.1: a saslname has no bare `,` and `=`.
fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The value of `name` in a SCRAM message.
fn attribute(message: &[u8], name: &str) -> Option<String> {
    let message = std::str::from_utf8(message).ok()?;
    let mut values = message.split(',').filter_map(|pair| pair.split_once('='));
    Some(values.find(|(key, _)| *key == name)?.1.to_owned())
}

/// RFC 5802 §5.1: the server's nonce begins with ours; and its work is work that we can do.
fn check_challenge(challenge: &[u8], nonce: &str) -> Result<(), C2sError> {
    let ours =
        attribute(challenge, "r").is_some_and(|r| r.len() > nonce.len() && r.starts_with(nonce));
    let iterations = attribute(challenge, "i").and_then(|i| i.parse().ok());
    match iterations {
        Some(1..=MOST_ITERATIONS) if ours => Ok(()),
        _ => Err(C2sError::OutOfTurn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_for_sasl() {
        assert_eq!(escaped("a,b=c"), "a=2Cb=3Dc");
    }

    #[test]
    fn a_challenge_must_go_on_from_our_nonce_and_be_doable() {
        assert!(check_challenge(b"r=abcXYZ,s=QQ==,i=4096", "abc").is_ok());
        for bad in [
            "r=abc,s=QQ==,i=4096",
            "r=xyzabc,s=QQ==,i=4096",
            "r=abcXYZ,s=QQ==,i=0",
            "r=abcXYZ,s=QQ==,i=4294967295",
            "r=abcXYZ,s=QQ==",
        ] {
            assert!(check_challenge(bad.as_bytes(), "abc").is_err(), "{bad}");
        }
    }
}
