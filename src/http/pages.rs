//! The people's pages: what a browser gets to see.
//!
//! Owns: the templates (built in, each replaceable by a file of the operator's), the stylesheet with
//! the operator's colours, and the typed values that each page shows. Leaves to others: which page is
//! shown when, cookies, tickets and headers (`http`), and the sentences themselves (`texts`).
//!
//! Pages work without scripts, inline styles and images, so that
//! `default-src 'none'; style-src 'self'` holds. Whatever a value says, it is text: every page is
//! escaped, and what apps say about themselves is cleaned as well ([`ClientView`]).

mod account;
mod client;
mod consent;
pub mod current;
mod device;
mod login;
mod logout;
mod notices;
mod samples;
#[cfg(test)]
mod tests;
mod theme;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use fluent_bundle::FluentArgs;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

pub use self::account::{
    AccountPage, AppView, BrowserName, BrowserView, Done, EventView, FormView, Moment, NoticesView,
    RevokePage, browser_name,
};
use self::client::ClientContext;
pub use self::client::{ClientKind, ClientMetadata, ClientView, display_name};
pub use self::consent::{ConsentPage, ScopeView, SendsTo, ServiceView, SwitchAccount};
use self::device::DeviceContext;
pub use self::device::{DeviceDonePage, DeviceError, DevicePage, DeviceView, SendPage};
use self::login::LoginContext;
pub use self::login::{LoginError, LoginNotice, LoginPage, MissingField};
pub use self::logout::{BackLink, LoggedOutPage, LogoutPage};
use self::notices::ErrorContext;
pub use self::notices::{CodePage, ErrorLink, ErrorPage, ErrorTitle, LinkText};
pub use self::theme::StyleError;
use super::texts::{self, Language, Locale, TextsError};
use crate::config::Site;

/// The built-in templates, by file name. An operator's file of the same name replaces one.
const BUILT_IN: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/base.html")),
    ("login.html", include_str!("../../templates/login.html")),
    ("consent.html", include_str!("../../templates/consent.html")),
    ("logout.html", include_str!("../../templates/logout.html")),
    (
        "logged-out.html",
        include_str!("../../templates/logged-out.html"),
    ),
    ("account.html", include_str!("../../templates/account.html")),
    ("revoke.html", include_str!("../../templates/revoke.html")),
    ("parts.html", include_str!("../../templates/parts.html")),
    ("error.html", include_str!("../../templates/error.html")),
    ("code.html", include_str!("../../templates/code.html")),
    ("device.html", include_str!("../../templates/device.html")),
    (
        "device-done.html",
        include_str!("../../templates/device-done.html"),
    ),
    ("send.html", include_str!("../../templates/send.html")),
    ("style.css", include_str!("../../templates/style.css")),
];

/// The stylesheet as it is served: its path changes with its content, so it may be cached for ever.
#[derive(Clone, Debug)]
pub struct Stylesheet {
    /// The path to serve it at: `/assets/style-….css`.
    pub path: String,
    /// The CSS.
    pub css: String,
}

/// All pages in all languages, parsed once.
#[derive(Debug)]
pub struct Pages {
    locales: Vec<Locale>,
    editions: Vec<Edition>,
    stylesheet: Stylesheet,
}

/// The pages in one language.
#[derive(Debug)]
struct Edition {
    language: Arc<Language>,
    env: Environment<'static>,
}

impl Edition {
    /// Words for an app without a name.
    fn unnamed(&self) -> Result<String, TextsError> {
        self.language.text("client-unnamed", &FluentArgs::new())
    }
}

impl Pages {
    /// Reads the templates, and writes each page once with sample values, so that a mistake in an
    /// operator's template shows at the start and not to people.
    ///
    /// # Errors
    /// If a template cannot be read or is broken (the error says which file and line), a style value
    /// is unfit for a stylesheet, or a language is missing.
    pub fn new(site: &Site) -> Result<Self, PagesError> {
        let style = theme::checked(&site.template_style)?;
        let sources = sources(site.template_path.as_deref())?;
        let languages = texts::languages(&site.locales, site.template_path.as_deref())?;
        let stylesheet = stylesheet(&sources, &style)?;
        let site_facts = context! {
            name => &site.site_name,
            policy_url => site.policy_url.as_ref().map(Url::as_str),
            terms_url => site.terms_url.as_ref().map(Url::as_str),
            logo_url => site.logo_url.as_ref().map(Url::as_str),
        };
        let locales = languages.iter().map(|it| it.locale().clone()).collect();
        let mut editions = Vec::with_capacity(languages.len());
        for language in languages {
            let language = Arc::new(language);
            let mut env = environment(&sources)?;
            env.add_global("lang", language.locale().tag());
            env.add_global("dir", language.locale().dir());
            env.add_global("site", site_facts.clone());
            env.add_global("style", Value::from(Serde(&style)));
            env.add_global("stylesheet", &*stylesheet.path);
            env.add_function("t", translator(Arc::clone(&language)));
            editions.push(Edition { language, env });
        }
        let pages = Self {
            locales,
            editions,
            stylesheet,
        };
        pages.try_all()?;
        Ok(pages)
    }

    /// The stylesheet that the pages link to.
    pub fn stylesheet(&self) -> &Stylesheet {
        &self.stylesheet
    }

    /// The language for a request: by `ui_locales` of the authorization request, then by the
    /// `Accept-Language` header.
    pub fn locale(&self, ui_locales: Option<&str>, accept_language: Option<&str>) -> Locale {
        texts::choose(&self.locales, ui_locales, accept_language)
            .cloned()
            .unwrap_or_default()
    }

    /// The login page.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_login(&self, page: &LoginPage, locale: &Locale) -> Result<String, PagesError> {
        self.render(
            "login.html",
            LoginContext::new(page),
            page.client.as_ref(),
            locale,
        )
    }

    /// The consent page.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_consent(
        &self,
        page: &ConsentPage,
        locale: &Locale,
    ) -> Result<String, PagesError> {
        let context = page.context();
        self.render("consent.html", context, Some(&page.client), locale)
    }

    /// The logout page.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_logout(&self, page: &LogoutPage, locale: &Locale) -> Result<String, PagesError> {
        self.render("logout.html", page, page.client.as_ref(), locale)
    }

    /// The page that says that nobody is logged in any more.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_logged_out(
        &self,
        page: &LoggedOutPage,
        locale: &Locale,
    ) -> Result<String, PagesError> {
        self.render("logged-out.html", page, None, locale)
    }

    /// The account's page.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_account(
        &self,
        page: &AccountPage,
        locale: &Locale,
    ) -> Result<String, PagesError> {
        let unnamed = self.edition(locale)?.unnamed()?;
        self.render("account.html", page.context(&unnamed), None, locale)
    }

    /// The page that asks whether access is to be taken back.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_revoke(&self, page: &RevokePage, locale: &Locale) -> Result<String, PagesError> {
        let unnamed = self.edition(locale)?.unnamed()?;
        self.render("revoke.html", page.context(&unnamed), None, locale)
    }

    /// The error page.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_error(&self, page: &ErrorPage, locale: &Locale) -> Result<String, PagesError> {
        self.render("error.html", ErrorContext::from(page), None, locale)
    }

    /// The page that shows a code to copy.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_code(&self, page: &CodePage, locale: &Locale) -> Result<String, PagesError> {
        self.render("code.html", page, Some(&page.client), locale)
    }

    /// The page where a device's code is typed.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_device(&self, page: &DevicePage, locale: &Locale) -> Result<String, PagesError> {
        self.render("device.html", DeviceContext::new(page), None, locale)
    }

    /// The page at the end of the device flow.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_device_done(
        &self,
        page: &DeviceDonePage,
        locale: &Locale,
    ) -> Result<String, PagesError> {
        self.render("device-done.html", page, Some(&page.client), locale)
    }

    /// The page whose form brings an answer to the app.
    ///
    /// # Errors
    /// If an operator's template fails on these values.
    pub fn render_send(&self, page: &SendPage, locale: &Locale) -> Result<String, PagesError> {
        self.render("send.html", page, page.client.as_ref(), locale)
    }

    fn render(
        &self,
        template: &str,
        page: impl Serialize,
        client: Option<&ClientView>,
        locale: &Locale,
    ) -> Result<String, PagesError> {
        let edition = self.edition(locale)?;
        let unnamed = edition.unnamed()?;
        let client = client.map(|it| ClientContext::new(it, &unnamed));
        let context = context! {
            page => Serde(page),
            client => Serde(client),
        };
        edition
            .env
            .get_template(template)
            .and_then(|it| it.render(context))
            .map_err(|error| PagesError::from_template(&error))
    }

    fn edition(&self, locale: &Locale) -> Result<&Edition, PagesError> {
        let position = self.locales.iter().position(|it| it == locale);
        position
            .and_then(|at| self.editions.get(at))
            .or_else(|| self.editions.first())
            .ok_or(PagesError::NoLanguage)
    }

    fn try_all(&self) -> Result<(), PagesError> {
        for locale in &self.locales {
            for page in samples::login() {
                self.render_login(&page, locale)?;
            }
            for page in samples::consent() {
                self.render_consent(&page, locale)?;
            }
            for page in samples::logout() {
                self.render_logout(&page, locale)?;
            }
            for page in samples::logged_out() {
                self.render_logged_out(&page, locale)?;
            }
            for page in samples::account() {
                self.render_account(&page, locale)?;
            }
            for page in samples::revoke() {
                self.render_revoke(&page, locale)?;
            }
            for page in samples::error() {
                self.render_error(&page, locale)?;
            }
            for page in samples::code() {
                self.render_code(&page, locale)?;
            }
            for page in samples::device() {
                self.render_device(&page, locale)?;
            }
            for page in samples::device_done() {
                self.render_device_done(&page, locale)?;
            }
            for page in samples::send() {
                self.render_send(&page, locale)?;
            }
        }
        Ok(())
    }
}

/// Template sources by name: the operator's files over the built-in ones.
type Sources = BTreeMap<String, String>;

/// Every `.html` and `.css` file of the operator's directory counts: one that replaces nothing may
/// still be included by one that does.
fn sources(operators: Option<&Path>) -> Result<Sources, PagesError> {
    let mut sources: Sources = BUILT_IN
        .iter()
        .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))
        .collect();
    let Some(directory) = operators else {
        return Ok(sources);
    };
    let unreadable = |path: &Path, source| PagesError::Read {
        path: path.to_owned(),
        source,
    };
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let is_template = matches!(
            path.extension().and_then(|it| it.to_str()),
            Some("html" | "css")
        );
        if let (true, Some(name)) = (is_template, path.file_name().and_then(|it| it.to_str())) {
            let source = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            sources.insert(name.to_owned(), source);
        }
    }
    Ok(sources)
}

fn environment(sources: &Sources) -> Result<Environment<'static>, PagesError> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    // Everything but the stylesheet is HTML, whatever an operator's file is called.
    env.set_auto_escape_callback(|name| match Path::new(name).extension() {
        Some(extension) if extension == "css" => AutoEscape::None,
        _ => AutoEscape::Html,
    });
    for (name, source) in sources {
        env.add_template_owned(name.clone(), source.clone())
            .map_err(|error| PagesError::from_template(&error))?;
    }
    Ok(env)
}

fn stylesheet(
    sources: &Sources,
    style: &BTreeMap<String, String>,
) -> Result<Stylesheet, PagesError> {
    let css = environment(sources)?
        .get_template("style.css")
        .and_then(|it| it.render(context! { style => Serde(style) }))
        .map_err(|error| PagesError::from_template(&error))?;
    let digest = Sha256::digest(css.as_bytes());
    let mut path = String::from("/assets/style-");
    for byte in digest.iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(path, "{byte:02x}");
    }
    path.push_str(".css");
    Ok(Stylesheet { path, css })
}

/// The template function `t("id", name=value)`. What it gives is escaped like any other value.
fn translator(
    language: Arc<Language>,
) -> impl Fn(&str, Kwargs) -> Result<String, minijinja::Error> + Send + Sync + 'static {
    move |id: &str, values: Kwargs| {
        let mut args = FluentArgs::new();
        for name in values.args() {
            let value: Value = values.get(name)?;
            if let Ok(number) = i64::try_from(value.clone()) {
                args.set(name.to_owned(), number);
            } else if !value.is_none() {
                args.set(name.to_owned(), value.to_string());
            }
        }
        language
            .text(id, &args)
            .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))
    }
}

/// Why pages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A file of `[site] template_path` cannot be read.
    #[error("[site] template_path: cannot read {}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A template is broken.
    #[error("template {template}, line {line}: {detail}")]
    Template {
        /// The file's name.
        template: String,
        /// The line, from 1; 0 if unknown.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A value of `[site] template_style` is unfit.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// A language is missing or broken.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// There are no pages in any language.
    #[error("there are no pages in any language")]
    NoLanguage,
}

impl PagesError {
    /// Names the innermost place: a mistake in `base.html` surfaces through the page that extends it.
    fn from_template(error: &minijinja::Error) -> Self {
        let mut place = error;
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            match inner.downcast_ref::<minijinja::Error>() {
                Some(inner) if inner.line().is_some() => place = inner,
                _ => {}
            }
            cause = inner.source();
        }
        Self::Template {
            template: place.name().unwrap_or("?").to_owned(),
            line: place.line().unwrap_or_default(),
            detail: match place.detail() {
                Some(detail) => format!("{}: {detail}", place.kind()),
                None => place.kind().to_string(),
            },
        }
    }
}
