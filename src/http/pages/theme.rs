//! The operator's colours and measures, checked before they enter the stylesheet.
//!
//! A value is a single CSS value. It cannot end its declaration, open a comment, a string or a block,
//! or load anything: the style of a page is the operator's, but a typing slip or a value that someone
//! else wrote must not become rules of its own.

use std::collections::BTreeMap;

/// Characters, beside letters and digits, that colours, lengths and font names need.
const PUNCTUATION: &str = " #.,%()-+*/_";
/// Functions that load something.
const LOADERS: &[&str] = &["url(", "src(", "image(", "image-set(", "element(", "paint("];

/// The values as they are, if all of them are fit.
pub(super) fn checked(
    style: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, StyleError> {
    for (name, value) in style {
        let fit_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fit_name {
            return Err(StyleError::Name { name: name.clone() });
        }
        if !is_one_value(value) {
            return Err(StyleError::Value {
                name: name.clone(),
                value: value.clone(),
            });
        }
    }
    Ok(style.clone())
}

fn is_one_value(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    !value.trim().is_empty()
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || PUNCTUATION.contains(c))
        && !value.contains("/*")
        && !value.contains("*/")
        && !LOADERS.iter().any(|loader| value.contains(loader))
        && parentheses_match(&value)
}

/// An open parenthesis would swallow the rest of the stylesheet.
fn parentheses_match(value: &str) -> bool {
    let mut open = 0_usize;
    for c in value.chars() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => return false,
            ')' => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// What is wrong with `[site] template_style`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StyleError {
    /// The name is no variable's.
    #[error(
        "[site] template_style: “{name}”: a name is small letters, digits and _, a letter first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The value is not one plain CSS value.
    #[error(
        "[site] template_style: {name} = “{value}”: allowed is one CSS value such as #3651c9, \
         rgb(54 81 201), 20px or Noto Sans, sans-serif, without quotes and url()"
    )]
    Value {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> Result<BTreeMap<String, String>, StyleError> {
        checked(&BTreeMap::from([(
            "background_colour".into(),
            value.into(),
        )]))
    }

    #[test]
    fn colours_lengths_and_fonts_are_fit() {
        for value in [
            "#fff",
            "rgb(0 0 0 / 40%)",
            "hsl(210deg, 40%, 50%)",
            "color-mix(in srgb, #123456 20%, white)",
            "1.5rem",
            "Noto Sans, sans-serif",
        ] {
            assert!(check(value).is_ok(), "{value}");
        }
    }

    #[test]
    fn a_theme_value_cannot_break_out_of_the_stylesheet() {
        for value in [
            "",
            "  ",
            "red; } body { display: none",
            "red }",
            "red/*",
            "*/ red",
            "\"red",
            "'red",
            "rgb(0 0 0",
            "red) (",
            "url(//evil.example)",
            "URL(x)",
            "image-set(x)",
            "red\nblue",
            "\\75rl(x)",
            "</style>",
            "@import x",
            "red !important",
            "réd",
        ] {
            assert!(check(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_variable_is_refused() {
        let style = BTreeMap::from([("a-b{".to_owned(), "red".to_owned())]);
        assert!(matches!(checked(&style), Err(StyleError::Name { .. })));
    }
}
