//! The texts of the pages, by language.
//!
//! Owns: the Fluent files of `templates/locales/`, built in, those of the operator, and the choice of a language for a
//! request (OIDC Core §3.1.2.1 `ui_locales`, RFC 9110 §12.5.4 `Accept-Language`). Leaves to others:
//! escaping, which the templates do to whatever comes from here.
//!
//! Values that are put into a sentence are wrapped in Unicode isolation marks (UAX #9 §2.4), so that
//! an app's name in another direction cannot reorder the sentence around it. Values to be copied or
//! compared are never put into a sentence: templates write them by themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, fs, io};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages, parse_accepted_languages};
use unic_langid::{CharacterDirection, LanguageIdentifier};

/// The built-in languages: those of [`crate::config::Site::LOCALES`].
const BUILT_IN: &[(&str, &str)] = &[
    ("en", ENGLISH),
    ("ar", include_str!("../../templates/locales/ar.ftl")),
    ("de", include_str!("../../templates/locales/de.ftl")),
    ("es", include_str!("../../templates/locales/es.ftl")),
    ("fr", include_str!("../../templates/locales/fr.ftl")),
];

/// The texts that say which there are, and which values each is given.
const ENGLISH: &str = include_str!("../../templates/locales/en.ftl");

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

/// A Fluent file.
struct Source {
    /// What to call it when it is broken.
    file: String,
    text: String,
}

impl Source {
    fn built_in(tag: &str, text: &str) -> Self {
        Self {
            file: format!("the built-in {tag}.ftl"),
            text: text.to_owned(),
        }
    }

    /// The operator's texts in a language, if they wrote any.
    fn of_operator(folder: &Path, tag: &str) -> Result<Option<Self>, TextsError> {
        let path = folder.join("locales").join(format!("{tag}.ftl"));
        let file = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self { file, text })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TextsError::Unreadable {
                file,
                detail: error.to_string(),
            }),
        }
    }

    fn parsed(&self) -> Result<FluentResource, TextsError> {
        FluentResource::try_new(self.text.clone()).map_err(|(_, errors)| {
            let Some(error) = errors.first() else {
                return self.broken(0, "is broken".to_owned());
            };
            let before = self.text.as_bytes().get(..error.pos.start);
            let lines = before.map_or(0, |it| it.iter().filter(|b| **b == b'\n').count());
            self.broken(lines + 1, error.to_string())
        })
    }

    /// A text that asks for a value that it is never given would fail only when it is shown.
    fn check_values(&self) -> Result<(), TextsError> {
        let english = messages(ENGLISH);
        for message in messages(&self.text) {
            let Some(given) = english.iter().find(|it| it.id == message.id) else {
                continue; // for the operator's own templates
            };
            if let Some(wrong) = message.values.difference(&given.values).next() {
                let detail = format!("the text “{}” is not given a value ${wrong}", message.id);
                return Err(self.broken(message.line, detail));
            }
        }
        Ok(())
    }

    fn broken(&self, line: usize, detail: String) -> TextsError {
        TextsError::Broken {
            file: self.file.clone(),
            line,
            detail,
        }
    }
}

/// What a well-formed Fluent file says of a text.
struct Message<'a> {
    line: usize,
    id: &'a str,
    /// The names of the values that it puts in or decides by.
    values: BTreeSet<&'a str>,
}

/// The texts of a file that has been parsed: each begins with its id at the beginning of a line, and goes
/// on in lines that begin with a space or a brace.
fn messages(source: &str) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    let mut is_message = false;
    for (number, line) in source.lines().enumerate() {
        match line.chars().next() {
            Some('a'..='z' | 'A'..='Z') => {
                is_message = true;
                messages.push(Message {
                    line: number + 1,
                    id: line.split(['=', ' ']).next().unwrap_or_default(),
                    values: BTreeSet::new(),
                });
            }
            Some('#' | '-') => is_message = false,
            _ => {}
        }
        if let (true, Some(message)) = (is_message, messages.last_mut()) {
            message.values.extend(values_in(line));
        }
    }
    messages
}

/// The names behind `$`.
fn values_in(line: &str) -> impl Iterator<Item = &str> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    line.split('$')
        .skip(1)
        .filter_map(move |rest| rest.split(|c| !is_in_name(c)).next())
        .filter(|name| !name.is_empty())
}

impl Language {
    /// Of several texts with the same id the last one counts.
    fn new(tag: &str, sources: &[Source]) -> Result<Self, TextsError> {
        let locale: LanguageIdentifier = tag.parse().map_err(|_| TextsError::NoTexts {
            tag: tag.to_owned(),
        })?;
        let mut bundle = FluentBundle::new_concurrent(vec![locale.clone()]);
        for source in sources {
            bundle.add_resource_overriding(source.parsed()?);
            source.check_values()?;
        }
        let language = Self {
            locale: Locale(locale),
            bundle,
        };
        // the first one is built in, and tested
        for source in sources.iter().skip(1) {
            language.try_texts(source)?;
        }
        Ok(language)
    }

    /// Writes each text of a file in the forms that numbers can choose, so that what is wrong with one is
    /// said of this file, and not of the page that shows it.
    fn try_texts(&self, source: &Source) -> Result<(), TextsError> {
        for message in messages(&source.text) {
            for number in [0, 1, 2, 3, 11, 100] {
                let mut args = FluentArgs::new();
                for name in &message.values {
                    args.set(*name, number);
                }
                self.text(message.id, &args)
                    .map_err(|error| source.broken(message.line, error.to_string()))?;
            }
        }
        Ok(())
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
                tag: self.locale.tag(),
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

/// The languages that `wanted` names, the preferred first. The operator's texts, in `locales/TAG.ftl` below
/// `folder`, go before the built-in ones. A language of the operator's own may leave texts out: they are
/// in English, so that a new version's texts do not keep it from starting.
///
/// # Errors
/// If there are no texts in a wanted language, or a file of the operator's is broken.
pub(crate) fn languages(
    wanted: &[String],
    folder: Option<&Path>,
) -> Result<Vec<Language>, TextsError> {
    let language = |tag: &String| {
        let built_in = BUILT_IN.iter().find(|(built_in, _)| built_in == tag);
        let own = folder.map(|folder| Source::of_operator(folder, tag));
        let own = own.transpose()?.flatten();
        let base = match (built_in, &own) {
            (Some((_, text)), _) => Source::built_in(tag, text),
            (None, Some(own)) => {
                warn_of_missing(own);
                Source::built_in("en", ENGLISH)
            }
            (None, None) => return Err(TextsError::NoTexts { tag: tag.clone() }),
        };
        let sources: Vec<_> = [Some(base), own].into_iter().flatten().collect();
        Language::new(tag, &sources)
    };
    wanted.iter().map(language).collect()
}

fn warn_of_missing(own: &Source) {
    let own_ids: BTreeSet<_> = messages(&own.text).iter().map(|it| it.id).collect();
    let mut missing = messages(ENGLISH);
    missing.retain(|it| !own_ids.contains(it.id));
    if let Some(first) = missing.first() {
        tracing::warn!(
            file = own.file,
            count = missing.len(),
            first = first.id,
            "texts are missing and stay English"
        );
    }
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
    #[error("[site] locales: there are no texts in “{tag}”")]
    NoTexts {
        /// The language asked for.
        tag: String,
    },
    /// A file of the operator's cannot be read.
    #[error("[site] locales: cannot read {file}: {detail}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        detail: String,
    },
    /// A Fluent file is broken.
    #[error("{file}, line {line}: {detail}")]
    Broken {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
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
    #[error("the text “{id}” in “{tag}” cannot be written: {detail}")]
    Value {
        /// The text.
        id: String,
        /// The language.
        tag: String,
        /// What is missing.
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Site;

    fn language(tag: &str) -> Language {
        languages(&[tag.to_owned()], None).unwrap().remove(0)
    }

    fn english() -> Language {
        language("en")
    }

    /// The texts in `tag`, with `text` as the operator's file.
    fn written(tag: &str, text: &str) -> Result<Language, TextsError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("locales")).unwrap();
        fs::write(
            folder.path().join("locales").join(format!("{tag}.ftl")),
            text,
        )
        .unwrap();
        languages(&[tag.to_owned()], Some(folder.path())).map(|mut it| it.remove(0))
    }

    fn said(language: &Language, id: &str) -> String {
        language.text(id, &FluentArgs::new()).unwrap()
    }

    #[test]
    fn every_language_has_the_texts_of_english_with_the_same_values() {
        let english = messages(ENGLISH);
        for (tag, source) in BUILT_IN {
            let theirs = messages(source);
            let ids = |all: &[Message<'_>]| -> Vec<String> {
                all.iter().map(|it| it.id.to_owned()).collect()
            };
            assert_eq!(ids(&theirs), ids(&english), "{tag}");
            for (theirs, english) in theirs.iter().zip(&english) {
                assert_eq!(theirs.values, english.values, "{} in {tag}", english.id);
            }
        }
    }

    #[test]
    fn the_settings_know_the_languages_that_are_built_in() {
        let tags: Vec<_> = BUILT_IN.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags, Site::LOCALES);
    }

    #[test]
    fn every_language_counts_in_all_of_its_forms() {
        for (tag, _) in BUILT_IN {
            let language = language(tag);
            for message in messages(ENGLISH) {
                for amount in [0, 1, 2, 3, 10, 11, 99, 100, 102, 1_000_000] {
                    let mut args = FluentArgs::new();
                    for name in &message.values {
                        match *name {
                            "amount" | "number" => args.set(*name, amount),
                            _ => args.set(*name, "x"),
                        }
                    }
                    let text = language.text(message.id, &args);
                    assert!(
                        text.is_ok_and(|it| !it.is_empty()),
                        "{} in {tag}",
                        message.id
                    );
                }
            }
        }
    }

    #[test]
    fn arabic_tells_two_from_few_and_few_from_many() {
        let arabic = language("ar");
        let say = |amount: i64| {
            let mut args = FluentArgs::new();
            args.set("amount", amount);
            arabic.text("time-minutes", &args).unwrap()
        };
        assert_eq!(say(1), "قبل دقيقة واحدة");
        assert_eq!(say(2), "قبل دقيقتين");
        assert_eq!(say(3), "قبل \u{2068}3\u{2069} دقائق");
        assert_eq!(say(11), "قبل \u{2068}11\u{2069} دقيقة");
    }

    #[test]
    fn an_operators_text_replaces_ours_and_leaves_the_others() {
        let german = written("de", "login-heading = Moin\nof-our-own = Ja").unwrap();
        assert_eq!(said(&german, "login-heading"), "Moin");
        assert_eq!(said(&german, "of-our-own"), "Ja");
        assert_eq!(said(&german, "login-submit"), "Anmelden");
    }

    #[test]
    fn a_language_of_the_operators_own_falls_back_to_english() {
        let breton = written("br", "login-heading = Kevreañ").unwrap();
        assert_eq!(breton.locale().tag(), "br");
        assert_eq!(said(&breton, "login-heading"), "Kevreañ");
        assert_eq!(said(&breton, "login-submit"), "Log in");
    }

    #[test]
    fn a_broken_text_is_refused_with_its_file_and_line() {
        for (source, wrong) in [
            ("login-heading = Moin\nlogin-submit = { $", "line 2: "),
            ("login-heading = Moin\n\nno text here\n", "line 3: "),
            (
                "# ours\nlogin-to-continue =\n    weiter zu { $klient }",
                "line 2: the text “login-to-continue” is not given a value $klient",
            ),
            (
                "login-heading = { login-titel }",
                "line 1: the text “login-heading” in “de” cannot be written",
            ),
        ] {
            let error = written("de", source).unwrap_err().to_string();
            assert!(
                error.contains(&format!("locales/de.ftl, {wrong}")),
                "{error}"
            );
        }
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
        let error = languages(&["tlh".to_owned()], None).unwrap_err();
        assert!(error.to_string().ends_with("there are no texts in “tlh”"));
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
