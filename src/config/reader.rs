//! Reads TOML so that everything wrong with a file is found in one go: each value is asked for by
//! name, and a key that nobody asked for is unknown. What was asked for is also the list of all keys.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::values::{Value, duration, expected, quoted};
use crate::secrets::Secret;

/// One thing that is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; `None` where something is missing.
    pub line: Option<usize>,
    /// A sentence that names the key and says what is allowed.
    pub sentence: String,
}

/// The file cannot be used. Displays as one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, where it was one.
    pub file: Option<PathBuf>,
    /// What is wrong, in the file's order.
    pub problems: Vec<Problem>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            match &self.file {
                Some(file) => write!(f, "{}", file.display())?,
                None => f.write_str("config")?,
            }
            match problem.line {
                Some(line) => write!(f, ", line {line}: {}", problem.sentence)?,
                None => write!(f, ": {}", problem.sentence)?,
            }
        }
        Ok(())
    }
}

/// What has been found out while reading one file.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// What relative paths are relative to.
    folder: &'t Path,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<String>>,
    known: RefCell<Vec<String>>,
}

/// What is left when a file has been read.
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    pub(super) known: Vec<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, folder: &'t Path) -> Self {
        Self {
            text,
            folder,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// Reads the whole text.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Section<'_>) -> T) -> T {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let line = error.span().map(|span| self.line_at(span.start));
            self.add(line, format!("this is not TOML: {}", error.message()));
        }
        // What could not be parsed may have swallowed keys: nothing more is said about the rest.
        let empty = DeTable::new();
        let table = if errors.is_empty() {
            table.get_ref()
        } else {
            &empty
        };
        let section = Section {
            reader: self,
            name: String::new(),
            line: None,
            table: Some(table),
            asked: RefCell::default(),
        };
        let read = read(&section);
        section.refuse_the_rest();
        if let Some(first) = errors.first() {
            let line = first.span().map(|span| self.line_at(span.start));
            self.problems
                .borrow_mut()
                .retain(|problem| problem.line.is_some() && problem.line >= line);
        }
        read
    }

    pub(super) fn findings(self) -> Findings {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Findings {
            problems,
            warnings: self.warnings.into_inner(),
            known: self.known.into_inner(),
        }
    }

    fn add(&self, line: Option<usize>, sentence: String) {
        self.problems.borrow_mut().push(Problem { line, sentence });
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A table of the file, there or not.
pub(super) struct Section<'r> {
    reader: &'r Reader<'r>,
    /// Its dotted name; empty for the whole file.
    name: String,
    line: Option<usize>,
    table: Option<&'r DeTable<'r>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'r> Section<'r> {
    /// Reads the table `key` of this one.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'_>) -> T) -> T {
        self.asked.borrow_mut().push(key);
        let found = self.find(key);
        let table = found.and_then(|(line, value)| {
            let table = value.as_table();
            if table.is_none() {
                self.add(Some(line), key, &expected("a table", &shown(value)));
            }
            table
        });
        let section = Section {
            reader: self.reader,
            name: self.dotted(key),
            line: found.map(|(line, _)| line),
            table,
            asked: RefCell::default(),
        };
        let read = read(&section);
        section.refuse_the_rest();
        read
    }

    /// Reads each table of the list `key` (`[[key]]`), which may be empty.
    pub(super) fn sections<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Section<'_>) -> T,
    ) -> Vec<T> {
        self.asked.borrow_mut().push(key);
        let Some((line, value)) = self.find(key) else {
            return Vec::new();
        };
        let tables = value.as_array().map(|items| {
            let tables = items.iter().map(|item| item.get_ref().as_table());
            tables.zip(items).map(|(table, item)| (table, item.span()))
        });
        let mut all = Vec::new();
        for (table, span) in tables.into_iter().flatten() {
            let Some(table) = table else {
                self.add(Some(line), key, "holds something that is no table");
                continue;
            };
            let section = Section {
                reader: self.reader,
                name: self.dotted(key),
                line: Some(self.reader.line_at(span.start)),
                table: Some(table),
                asked: RefCell::default(),
            };
            all.push(read(&section));
            section.refuse_the_rest();
        }
        if value.as_array().is_none() {
            let wrong = expected(&format!("tables, each begun by [[{key}]]"), &shown(value));
            self.add(Some(line), key, &wrong);
        }
        all
    }

    /// A value that `convert` understands.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        convert: impl FnOnce(&DeValue<'_>) -> Value<T>,
    ) -> Option<T> {
        self.ask(key);
        let (line, value) = self.find(key)?;
        convert(value)
            .map_err(|wrong| self.add(Some(line), key, &wrong))
            .ok()
    }

    /// A text that `convert` understands.
    pub(super) fn text<T>(
        &self,
        key: &'static str,
        convert: impl FnOnce(&str) -> Value<T>,
    ) -> Option<T> {
        self.value(key, |value| convert(as_text(value)?))
    }

    /// The same, for a key that must be there; `hint` says what it is.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        hint: &str,
        convert: impl FnOnce(&str) -> Value<T>,
    ) -> Option<T> {
        let value = self.text(key, convert);
        self.require(key, hint);
        value
    }

    /// Says that `key` is missing, if it is.
    pub(super) fn require(&self, key: &'static str, hint: &str) {
        if !self.has(key) {
            self.add(None, key, &format!("is missing: {hint}"));
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.value(key, |value| {
            value
                .as_bool()
                .ok_or_else(|| expected("true or false", &shown(value)))
        })
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&self, key: &'static str, range: RangeInclusive<u32>) -> Option<T>
    where
        T: TryFrom<u32>,
    {
        self.value(key, |value| {
            value
                .as_integer()
                .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok())
                .filter(|n| range.contains(n))
                .and_then(|n| T::try_from(n).ok())
                .ok_or_else(|| {
                    expected(
                        &format!("a whole number from {} to {}", range.start(), range.end()),
                        &shown(value),
                    )
                })
        })
    }

    /// A length of time in `range`, whose ends are written as in the file.
    pub(super) fn duration(
        &self,
        key: &'static str,
        shortest: &str,
        longest: &str,
    ) -> Option<Duration> {
        self.text(key, |text| {
            let length = duration(text)?;
            if duration(shortest).is_ok_and(|shortest| length < shortest)
                || duration(longest).is_ok_and(|longest| length > longest)
            {
                return Err(format!(
                    "must be from {shortest:?} to {longest:?}, not {}",
                    quoted(text)
                ));
            }
            Ok(length)
        })
    }

    /// A list of texts that `convert` understands, none of them twice.
    pub(super) fn list<T: PartialEq>(
        &self,
        key: &'static str,
        convert: impl Fn(&str) -> Value<T>,
    ) -> Option<Vec<T>> {
        self.ask(key);
        let (line, value) = self.find(key)?;
        let Some(items) = value.as_array() else {
            self.add(Some(line), key, &expected("a list of texts", &shown(value)));
            return None;
        };
        let mut list = Vec::new();
        let mut all_good = true;
        for item in items {
            let line = self.reader.line_at(item.span().start);
            let wrong = match as_text(item.get_ref()).and_then(&convert) {
                Ok(item) if !list.contains(&item) => {
                    list.push(item);
                    continue;
                }
                Ok(_) => format!("holds {} twice", shown(item.get_ref())),
                Err(wrong) => format!("holds a value that {wrong}"),
            };
            self.add(Some(line), key, &wrong);
            all_good = false;
        }
        all_good.then_some(list)
    }

    /// Texts by name.
    pub(super) fn texts_by_name(&self, key: &'static str) -> Option<Vec<(String, String)>> {
        self.ask(key);
        let (line, value) = self.find(key)?;
        let Some(table) = value.as_table() else {
            self.add(
                Some(line),
                key,
                &expected(
                    "a table of texts, such as { name = \"text\" }",
                    &shown(value),
                ),
            );
            return None;
        };
        let mut texts = Vec::new();
        for (name, value) in table {
            let line = self.reader.line_at(name.span().start);
            match as_text(value.get_ref()) {
                Ok(text) => texts.push((name.get_ref().to_string(), text.to_owned())),
                Err(wrong) => self.add(Some(line), key, &format!(".{} {wrong}", name.get_ref())),
            }
        }
        Some(texts)
    }

    /// A table, as the JSON object that it stands for.
    pub(super) fn object(
        &self,
        key: &'static str,
    ) -> Option<serde_json::Map<String, serde_json::Value>> {
        self.value(key, |value| match as_json(value)? {
            serde_json::Value::Object(object) => Ok(object),
            _ => Err(expected("a table", &shown(value))),
        })
    }

    /// A secret, given as `key` or in the file that `file_key` names.
    pub(super) fn secret(
        &self,
        key: &'static str,
        file_key: &'static str,
        check: impl Fn(&str) -> Value<()>,
    ) -> Option<Secret> {
        let written = self.text(key, |text| {
            check(text)?;
            Ok(Secret::new(text))
        });
        let read = self.path(file_key).and_then(|path| {
            self.read_secret(&path)
                .and_then(|text| {
                    check(&text).map_err(|wrong| {
                        format!("names {}, but what stands there {wrong}", path.display())
                    })?;
                    Ok(Secret::new(text))
                })
                .map_err(|wrong| self.problem(file_key, &wrong))
                .ok()
        });
        if self.has(key) && self.has(file_key) {
            self.problem(
                file_key,
                &format!("and {} are both set: keep one of them", self.dotted(key)),
            );
        }
        written.or(read)
    }

    fn read_secret(&self, path: &Path) -> Value<String> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| format!("names {}, which cannot be read: {e}", path.display()))?;
        self.warn_if_others_can_read(path);
        // Editors and `echo` end a file with a line break that is no part of the secret.
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A warning if more than a file's owner and group can read it.
    pub(super) fn warn_if_others_can_read(&self, path: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let readable =
            std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
        let warning = format!(
            "every user of this machine can read the secrets in {}: run chmod o= on it",
            path.display()
        );
        let mut warnings = self.reader.warnings.borrow_mut();
        if readable && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// A path, made absolute.
    pub(super) fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.text(key, |text| {
            if text.is_empty() {
                return Err("must not be empty".to_owned());
            }
            Ok(self.absolute(text))
        })
    }

    /// A path as it is meant: relative ones are relative to the file's folder.
    pub(super) fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.reader.folder.join(path)
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Notes what is wrong with `key`; the sentence goes on after its name.
    pub(super) fn problem(&self, key: &'static str, sentence: &str) {
        let line = self.find(key).map(|(line, _)| line).or(self.line);
        self.add(line, key, sentence);
    }

    fn ask(&self, key: &'static str) {
        self.asked.borrow_mut().push(key);
        self.reader.known.borrow_mut().push(self.dotted(key));
    }

    fn find(&self, key: &str) -> Option<(usize, &'r DeValue<'r>)> {
        let (name, value): (&Spanned<_>, &Spanned<_>) = self
            .table?
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == key)?;
        Some((self.reader.line_at(name.span().start), value.get_ref()))
    }

    fn add(&self, line: Option<usize>, key: &str, sentence: &str) {
        // A sentence that goes on with ".name" is about something inside the key.
        let space = if sentence.starts_with('.') { "" } else { " " };
        self.reader
            .add(line, format!("{}{space}{sentence}", self.dotted(key)));
    }

    fn dotted(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn refuse_the_rest(&self) {
        let asked = self.asked.borrow();
        for name in self.table.into_iter().flat_map(|table| table.keys()) {
            let key: &str = name.get_ref();
            if asked.contains(&key) {
                continue;
            }
            let nearest = asked
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, key), *known))
                .min()
                .filter(|(distance, known)| *distance <= known.len() / 3);
            let hint = match nearest {
                Some((_, known)) => format!("did you mean {}?", self.dotted(known)),
                None => format!("known here are {}", asked.join(", ")),
            };
            let line = self.reader.line_at(name.span().start);
            self.add(Some(line), key, &format!("is not an option: {hint}"));
        }
    }
}

fn as_text<'v>(value: &'v DeValue<'_>) -> Value<&'v str> {
    value
        .as_str()
        .ok_or_else(|| expected("a text in quotes", &shown(value)))
}

fn as_json(value: &DeValue<'_>) -> Value<serde_json::Value> {
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| format!("holds {}, which is too large", shown(value)))?
            .into(),
        DeValue::Array(items) => items
            .iter()
            .map(|item| as_json(item.get_ref()))
            .collect::<Value<Vec<_>>>()?
            .into(),
        DeValue::Table(table) => table
            .iter()
            .map(|(name, value)| Ok((name.get_ref().to_string(), as_json(value.get_ref())?)))
            .collect::<Value<serde_json::Map<_, _>>>()?
            .into(),
        DeValue::Float(_) | DeValue::Datetime(_) => {
            return Err(format!("holds {}, which has no place there", shown(value)));
        }
    })
}

/// A value as it is shown to people.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
