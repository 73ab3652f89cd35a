//! Scopes (RFC 6749 §3.3, XEP-0493 §4.4).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One scope token: printable ASCII without space, `"` and `\` (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    /// Who you are (OIDC Core §3.1.2.1). By itself no XMPP login.
    pub const OPENID: &'static str = "openid";
    /// What the account's vCard says of its owner (OIDC Core §5.4).
    pub const PROFILE: &'static str = "profile";
    /// A refresh token (OIDC Core §11).
    pub const OFFLINE_ACCESS: &'static str = "offline_access";
    /// The whole account, as with the password.
    pub const XMPP: &'static str = "xmpp";
    /// An ordinary chat client (XEP-0493 §4.4).
    pub const CLIENT_NORMAL: &'static str = "xmpp:client:normal";
    /// Read the account's own data (XEP-0493 §4.4).
    pub const ACCOUNT_READ: &'static str = "xmpp:account:read";
    /// Change the account's own data (XEP-0493 §4.4).
    pub const ACCOUNT_WRITE: &'static str = "xmpp:account:write";

    /// Every scope that the program knows.
    pub const KNOWN: [&'static str; 7] = [
        Self::OPENID,
        Self::PROFILE,
        Self::OFFLINE_ACCESS,
        Self::XMPP,
        Self::CLIENT_NORMAL,
        Self::ACCOUNT_READ,
        Self::ACCOUNT_WRITE,
    ];

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it allows an XMPP login: it does so only where the host's module enforces it.
    pub fn is_xmpp(&self) -> bool {
        self.0 == Self::XMPP || self.0.starts_with("xmpp:")
    }

    /// Whether it is one of a service that is not XMPP, which the operator has named: it means nothing
    /// elsewhere.
    pub fn is_of_resource(&self) -> bool {
        !self.is_known() && !self.is_xmpp()
    }

    /// Whether an app can do anything with this scope alone.
    pub fn opens_something(&self) -> bool {
        self.is_xmpp() || self.0 == Self::OPENID || self.is_of_resource()
    }

    /// Whether the program knows what it means.
    pub fn is_known(&self) -> bool {
        Self::KNOWN.contains(&self.0.as_str())
    }
}

/// A text is not a scope, or not a list of scopes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is printable ASCII without spaces, quotes and backslashes; scopes are separated by one space"
)]
pub struct NotAScope;

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(NotAScope);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scopes, written as the `scope` parameter: separated by spaces, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Whether `scope` is in it.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|s| s.as_str() == scope)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Those that are in `other` too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Whether all of them are in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// All of them, and this one.
    #[must_use]
    pub fn with(&self, scope: Scope) -> Self {
        let mut scopes = self.0.clone();
        scopes.insert(scope);
        Self(scopes)
    }

    /// Those for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Scope) -> bool) -> Self {
        Self(self.0.iter().filter(|s| keep(s)).cloned().collect())
    }

    /// Whether any of them allows an XMPP login.
    pub fn allows_xmpp(&self) -> bool {
        self.0.iter().any(Scope::is_xmpp)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for ScopeSet {
    type Err = NotAScope;

    /// An empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        text.split(' ')
            .filter(|s| !s.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openid_alone_allows_no_xmpp_login() {
        let scopes: ScopeSet = "openid offline_access".parse().unwrap();
        assert!(!scopes.allows_xmpp());
        assert!(
            "openid xmpp:client:normal"
                .parse::<ScopeSet>()
                .unwrap()
                .allows_xmpp()
        );
        assert!(!"xmppish".parse::<ScopeSet>().unwrap().allows_xmpp());
    }

    #[test]
    fn quotes_backslashes_and_controls_are_no_scopes() {
        for bad in ["a\"b", "a\\b", "a\tb", "é"] {
            assert_eq!(bad.parse::<ScopeSet>(), Err(NotAScope), "{bad}");
        }
    }

    #[test]
    fn a_set_is_written_in_order_and_without_doubles() {
        let scopes: ScopeSet = "xmpp openid  openid".parse().unwrap();
        assert_eq!(scopes.to_string(), "openid xmpp");
    }
}
