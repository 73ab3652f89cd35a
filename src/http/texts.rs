//! The texts of the pages, by language.
//!
//! Owns: the Fluent files of `templates/locales/`, built in, and the choice of a language for a
//! request (OIDC Core §3.1.2.1 `ui_locales`, RFC 9110 §12.5.4 `Accept-Language`). Leaves to others:
//! escaping, which the templates do to whatever comes from here.
//!
//! Values that are put into a sentence are wrapped in Unicode isolation marks (UAX #9 §2.4), so that
//! an app's name in another direction cannot reorder the sentence around it. Values to be copied or
//! compared are never put into a sentence: templates write them by themselves.

use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages, parse_accepted_languages};
use unic_langid::{CharacterDirection, LanguageIdentifier};

/// The built-in languages; the first is the one for people whose own is missing.
const BUILT_IN: &[(&str, &str)] = &[("en", include_str!("../../templates/locales/en.ftl"))];

/// A language that the pages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locale(LanguageIdentifier);

impl Locale {
    /// The BCP 47 tag, for `lang`.
    pub fn tag(&self) -> String {
        self.0.to_string()
    }

    /// `ltr` or `rtl`, for `dir`.
    pub fn dir(&self) -> &'static str {
        match self.0.character_direction() {
            CharacterDirection::RTL => "rtl",
            _ => "ltr",
        }
    }
}

impl AsRef<LanguageIdentifier> for Locale {
    fn as_ref(&self) -> &LanguageIdentifier {
        &self.0
    }
}

/// The texts of one language.
pub(crate) struct Language {
    locale: Locale,
    bundle: FluentBundle<FluentResource>,
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Language").field(&self.locale).finish()
    }
}

impl Language {
    fn new(tag: &str, source: &str) -> Result<Self, TextsError> {
        let broken = |detail: String| TextsError::Broken {
            tag: tag.to_owned(),
            detail,
        };
        let locale: LanguageIdentifier = tag.parse().map_err(|_| broken("no language".into()))?;
        let resource = FluentResource::try_new(source.to_owned())
            .map_err(|(_, errors)| broken(format!("{errors:?}")))?;
        let mut bundle = FluentBundle::new_concurrent(vec![locale.clone()]);
        bundle
            .add_resource(resource)
            .map_err(|errors| broken(format!("{errors:?}")))?;
        Ok(Self {
            locale: Locale(locale),
            bundle,
        })
    }

    /// Which language this is.
    pub(crate) fn locale(&self) -> &Locale {
        &self.locale
    }

    /// The text `id` with `args` put in, unescaped.
    ///
    /// # Errors
    /// If there is no such text, or it needs a value that `args` does not have.
    pub(crate) fn text(&self, id: &str, args: &FluentArgs<'_>) -> Result<String, TextsError> {
        let pattern = self
            .bundle
            .get_message(id)
            .and_then(|message| message.value())
            .ok_or_else(|| TextsError::Unknown {
                id: id.to_owned(),
                tag: self.locale.tag(),
            })?;
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors);
        match errors.first() {
            None => Ok(text.into_owned()),
            Some(error) => Err(TextsError::Value {
                id: id.to_owned(),
                detail: error.to_string(),
            }),
        }
    }
}

#[cfg(test)]
impl Language {
    /// Whether there is a text `id`.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }
}

/// The built-in languages that `wanted` names (all of them if it names none), the preferred first.
///
/// # Errors
/// If a wanted language is not built in.
pub(crate) fn languages(wanted: &[String]) -> Result<Vec<Language>, TextsError> {
    if wanted.is_empty() {
        return BUILT_IN
            .iter()
            .map(|(tag, source)| Language::new(tag, source))
            .collect();
    }
    wanted
        .iter()
        .map(|want| {
            BUILT_IN
                .iter()
                .find(|(tag, _)| tag.eq_ignore_ascii_case(want))
                .ok_or_else(|| TextsError::NotBuiltIn { tag: want.clone() })
                .and_then(|(tag, source)| Language::new(tag, source))
        })
        .collect()
}

/// Which of `available` suits a request best: first what the client asked for (`ui_locales`, tags
/// with spaces between), then what the browser did. Falls back to the first available.
pub(crate) fn choose<'a>(
    available: &'a [Locale],
    ui_locales: Option<&str>,
    accept_language: Option<&str>,
) -> Option<&'a Locale> {
    let mut requested: Vec<LanguageIdentifier> = ui_locales
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|tag| tag.parse().ok())
        .collect();
    requested.extend(parse_accepted_languages(
        accept_language.unwrap_or_default(),
    ));
    negotiate_languages(
        &requested,
        available,
        available.first(),
        NegotiationStrategy::Lookup,
    )
    .first()
    .copied()
}

/// What can be wrong with texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextsError {
    /// `[site] locales` names a language that there are no texts for.
    #[error("there are no texts in “{tag}”; there are in: {}", built_in_tags())]
    NotBuiltIn {
        /// The language asked for.
        tag: String,
    },
    /// A Fluent file cannot be read.
    #[error("the texts in “{tag}” are broken: {detail}")]
    Broken {
        /// The language.
        tag: String,
        /// What the parser says.
        detail: String,
    },
    /// A template asks for a text that does not exist.
    #[error("there is no text “{id}” in “{tag}”")]
    Unknown {
        /// The id asked for.
        id: String,
        /// The language.
        tag: String,
    },
    /// A template leaves out a value that the text needs.
    #[error("the text “{id}” cannot be written: {detail}")]
    Value {
        /// The text.
        id: String,
        /// What is missing.
        detail: String,
    },
}

fn built_in_tags() -> String {
    let tags: Vec<_> = BUILT_IN.iter().map(|(tag, _)| *tag).collect();
    tags.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn english() -> Language {
        languages(&[]).unwrap().remove(0)
    }

    #[test]
    fn a_value_in_a_sentence_is_isolated_from_its_direction() {
        let mut args = FluentArgs::new();
        args.set("client", "Gajim");
        let text = english().text("login-to-continue", &args).unwrap();
        assert_eq!(text, "to continue to \u{2068}Gajim\u{2069}");
    }

    #[test]
    fn an_unknown_text_is_an_error_that_names_it() {
        let error = english().text("no-such", &FluentArgs::new()).unwrap_err();
        assert_eq!(error.to_string(), "there is no text “no-such” in “en”");
    }

    #[test]
    fn a_text_without_its_value_is_an_error() {
        let error = english().text("login-to-continue", &FluentArgs::new());
        assert!(matches!(error, Err(TextsError::Value { .. })));
    }

    #[test]
    fn one_minute_and_many_are_said_differently() {
        let english = english();
        let say = |amount: i64| {
            let mut args = FluentArgs::new();
            args.set("amount", amount);
            english.text("login-error-too-many-minutes", &args).unwrap()
        };
        assert!(say(1).ends_with("in one minute."));
        assert!(say(2).ends_with("in \u{2068}2\u{2069} minutes."));
    }

    #[test]
    fn a_language_without_texts_is_refused_by_name() {
        let error = languages(&["tlh".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there are no texts in “tlh”; there are in: en"
        );
    }

    #[test]
    fn the_clients_wish_goes_before_the_browsers_and_english_is_the_fallback() {
        let available: Vec<Locale> = ["en", "de", "ar"]
            .iter()
            .map(|tag| Locale(tag.parse().unwrap()))
            .collect();
        let pick = |ui, accept| choose(&available, ui, accept).unwrap().tag();
        assert_eq!(pick(None, Some("de-AT,de;q=0.9,en;q=0.5")), "de");
        assert_eq!(pick(Some("ar"), Some("de")), "ar");
        assert_eq!(pick(Some("xx ar"), Some("de")), "ar");
        assert_eq!(pick(None, Some("*;;;,\u{0}")), "en");
        assert_eq!(pick(None, None), "en");
    }

    #[test]
    fn a_language_knows_its_direction() {
        assert_eq!(Locale("ar".parse().unwrap()).dir(), "rtl");
        assert_eq!(Locale("en".parse().unwrap()).dir(), "ltr");
    }
}
