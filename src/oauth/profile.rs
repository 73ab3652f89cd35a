//! What the account's vCard says, as claims (OIDC Core §5.1). Whatever stands there, its owner wrote:
//! it is cleaned, cut, and never taken for a proof of anything. There is no `email`: an address that
//! nobody has verified would let its writer into others' accounts at clients that go by it.

use std::time::Duration;

use jid::BareJid;
use serde_json::{Map, Value};
use url::Url;

use super::Provider;
use crate::model::{Claim, ClaimSet, Profile};

/// How long an answer waits for the vCard. What has not come by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

impl Provider {
    /// These claims about an account, as far as they are known.
    pub(super) async fn claims_of(
        &self,
        account: &BareJid,
        claims: &ClaimSet,
    ) -> Map<String, Value> {
        let profile = match claims.iter().any(Claim::is_of_profile) {
            true => self.profile(account).await,
            false => Profile::default(),
        };
        let value = |claim| match claim {
            Claim::Name => text(profile.name.as_deref()),
            Claim::Nickname => text(profile.nickname.as_deref()),
            Claim::Picture => picture(profile.picture.as_deref()),
            Claim::PreferredUsername => account.node().map(ToString::to_string),
        };
        let known = claims.iter().filter_map(|claim| {
            let value = value(claim)?;
            Some((claim.as_str().to_owned(), Value::from(value)))
        });
        known.collect()
    }

    async fn profile(&self, account: &BareJid) -> Profile {
        let asked = self.accounts.profile(account);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(profile)) => profile,
            Ok(Err(error)) => {
                tracing::debug!(%account, %error, "a vCard could not be had");
                Profile::default()
            }
            Err(_) => {
                tracing::debug!(%account, "a vCard did not come in time");
                Profile::default()
            }
        }
    }
}

/// A name in one line, without characters that would change how what stands around it reads.
fn text(raw: Option<&str>) -> Option<String> {
    let plain: String = raw?
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_direction(*c))
        .collect();
    let words: Vec<_> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    let line: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    (!line.is_empty()).then_some(line)
}

/// Embeddings, overrides and isolates of direction (Unicode UAX #9 §2).
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{61C}')
}

/// Only what every client may load: https, and nobody's password in it.
fn picture(raw: Option<&str>) -> Option<String> {
    let url = Url::parse(raw?.trim()).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let text = String::from(url.clone());
    (url.scheme() == "https" && is_plain && text.len() <= 2000).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line_that_turns_nothing_around() {
        for (raw, clean) in [
            (" Alice\n\tLiddell ", Some("Alice Liddell")),
            ("a\u{202E}b\u{0}\u{2066}", Some("ab")),
            ("\u{202E}\u{7}  ", None),
            ("", None),
            ("<b>&\"", Some("<b>&\"")),
        ] {
            assert_eq!(text(Some(raw)).as_deref(), clean, "{raw:?}");
        }
        assert_eq!(text(Some(&"x".repeat(9999))).unwrap().len(), LONGEST_NAME);
    }

    #[test]
    fn a_picture_is_an_https_url_or_none() {
        let good = "https://example.com/alice.png";
        assert_eq!(picture(Some(good)).as_deref(), Some(good));
        for bad in [
            "http://example.com/a.png",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "https://user:password@example.com/",
            "/alice.png",
            &format!("https://example.com/{}", "x".repeat(2000)),
        ] {
            assert_eq!(picture(Some(bad)), None, "{bad}");
        }
    }
}
