//! Request parameters, as RFC 6749 §3.1 and §3.2 and its appendix B want them read.

use percent_encoding::percent_decode_str;

/// What cannot be a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is not UTF-8, or has a NUL in it")]
pub struct NotText;

/// Decodes `application/x-www-form-urlencoded` text: names and values in their order.
///
/// # Errors
/// Not UTF-8 underneath, or a NUL.
pub fn decode_form(text: &str) -> Result<Vec<(String, String)>, NotText> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode_form_part(name)?, decode_form_part(value)?))
        })
        .collect()
}

/// One name or value of such a text.
///
/// # Errors
/// See [`decode_form`].
pub fn decode_form_part(text: &str) -> Result<String, NotText> {
    if !text.contains(['+', '%', '\0']) {
        return Ok(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded.into_owned()),
        _ => Err(NotText),
    }
}

/// A parameter stands more than once in a request (RFC 6749 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parameter {0} stands more than once")]
pub struct Repeated(pub String);

/// The one that may stand more than once (RFC 8707 §2).
const RESOURCE: &str = "resource";

/// Decoded parameters, each at most once; one without a value counts as left out (RFC 6749 §3.1).
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Checks that none is repeated and drops those without a value.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Repeated> {
        let mut params: Vec<_> = pairs.into_iter().collect();
        let mut names: Vec<_> = params.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let mut beside = names.iter().zip(names.iter().skip(1));
        if let Some((name, _)) = beside.find(|(a, b)| a == b && **a != RESOURCE) {
            return Err(Repeated(name.chars().take(40).collect()));
        }
        params.retain(|(_, value)| !value.is_empty());
        Ok(Self(params))
    }

    /// What stands behind `prefix` in the names of those that begin with it.
    pub fn names_after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |(name, _)| name.strip_prefix(prefix))
    }

    /// The services that are meant (RFC 8707 §2).
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(|(name, _)| name == RESOURCE);
        named.map(|(_, value)| value.as_str())
    }

    /// The parameter's value, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn broken_utf_8_and_nul_are_refused() {
        assert!(decode_form("a=%ff").is_err());
        assert!(decode_form("a=%00").is_err());
        let decoded = decode_form("a=b+c%26&d&&e=%C3%A9").unwrap();
        let expected = [("a", "b c&"), ("d", ""), ("e", "é")];
        assert!(
            decoded
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .eq(expected)
        );
    }

    #[test]
    fn a_repeated_parameter_is_refused_even_when_it_says_the_same() {
        let repeated = Params::new(pairs(&[("scope", "a"), ("scope", "a")]));
        assert_eq!(repeated.unwrap_err(), Repeated("scope".to_owned()));
    }

    #[test]
    fn only_resources_may_be_several() {
        let params = Params::new(pairs(&[
            ("resource", "a"),
            ("resource", ""),
            ("resource", "b"),
        ]));
        assert_eq!(params.unwrap().resources().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_parameter_without_a_value_counts_as_left_out() {
        assert_eq!(
            Params::new(pairs(&[("state", "")])).unwrap().get("state"),
            None
        );
    }
}
