//! What is told about a person (OIDC Core §5.1).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A claim about a person that a client may ask for by its name (OIDC Core §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// The name that they show to others.
    Name,
    /// What they are called.
    Nickname,
    /// Where a picture of them is.
    Picture,
    /// Their localpart.
    PreferredUsername,
}

impl Claim {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Name,
        Self::Nickname,
        Self::Picture,
        Self::PreferredUsername,
    ];

    /// The name as it stands in tokens and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Nickname => "nickname",
            Self::Picture => "picture",
            Self::PreferredUsername => "preferred_username",
        }
    }

    /// Whether it comes from the account's vCard, which the scope `profile` opens.
    pub const fn is_of_profile(self) -> bool {
        !matches!(self, Self::PreferredUsername)
    }
}

/// A set of claims; as text, their names with spaces between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimSet(BTreeSet<Claim>);

impl ClaimSet {
    /// The claims.
    pub fn iter(&self) -> impl Iterator<Item = Claim> {
        self.0.iter().copied()
    }

    /// Those that are in `other` too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Claim> for ClaimSet {
    fn from_iter<I: IntoIterator<Item = Claim>>(claims: I) -> Self {
        Self(claims.into_iter().collect())
    }
}

/// A text is not the name of a claim.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no claim that is known here")]
pub struct NotAClaim;

impl FromStr for ClaimSet {
    type Err = NotAClaim;

    fn from_str(text: &str) -> Result<Self, NotAClaim> {
        let claim = |name: &str| {
            let mut all = Claim::ALL.into_iter();
            all.find(|claim| claim.as_str() == name).ok_or(NotAClaim)
        };
        let names = text.split(' ').filter(|name| !name.is_empty());
        names.map(claim).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Claim::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

/// What an account's owner says of themselves in their vCard, as they wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// `FN`
    pub name: Option<String>,
    /// `NICKNAME`
    pub nickname: Option<String>,
    /// `PHOTO`, where it is a URI and no picture.
    pub picture: Option<String>,
}
