//! `sub`: by what clients know a person (OIDC Core §8).

use jid::BareJid;
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};

use super::Provider;
use crate::model::{ClientMetadata, SubjectType};
use crate::secrets::mac_text;

impl Provider {
    /// What a client gets as `sub` for an account: the account as a URI; or, pairwise, the same for all
    /// clients of a sector, always the same, and for nobody else to find out (OIDC Core §8.1).
    pub(super) fn subject_for(&self, client: &ClientMetadata, account: &BareJid) -> String {
        match client.subject_type {
            SubjectType::Public => subject(account),
            SubjectType::Pairwise => {
                let sector = client.sector().unwrap_or_default();
                let parts = [sector.as_bytes(), account.as_str().as_bytes()];
                mac_text(&self.subject_key, &parts)
            }
        }
    }
}

/// What a localpart may bear in a URI as it is (RFC 5122 §2.2 `nodeid`).
const LOCALPART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// `sub`: the account as a URI (RFC 5122).
pub(super) fn subject(account: &BareJid) -> String {
    let localpart = account.node().map(AsRef::as_ref).unwrap_or_default();
    let localpart = utf8_percent_encode(localpart, LOCALPART);
    // of a domain's ASCII, all is allowed
    let domain = utf8_percent_encode(account.domain().as_str(), CONTROLS);
    format!("xmpp:{localpart}@{domain}")
}

/// The account that such a URI stands for.
pub(super) fn account_of(subject: &str) -> Option<BareJid> {
    let text = percent_decode_str(subject.strip_prefix("xmpp:")?);
    let account: BareJid = text.decode_utf8().ok()?.parse().ok()?;
    account.node().is_some().then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_uri_whatever_the_account_is_called() {
        for (account, uri) in [
            ("alice@example.com", "xmpp:alice@example.com"),
            ("jürgen@exämple.com", "xmpp:j%C3%BCrgen@ex%C3%A4mple.com"),
            ("a%41?b#c@[::1]", "xmpp:a%2541%3Fb%23c@[::1]"),
        ] {
            let account = account.parse().unwrap();
            assert_eq!(subject(&account), uri);
            assert_eq!(account_of(uri), Some(account));
        }
    }
}
