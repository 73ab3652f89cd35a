//! The words of notices: they come from the same texts as the pages, and lead to one.

use fluent_bundle::FluentArgs;

use super::account::ACCOUNT_PATH;
use super::pages::{PagesError, display_name};
use super::texts::{Language, languages};
use crate::config::Config;
use crate::model::{Notice, NoticeKind};
use crate::oauth::notices::Words;

/// Puts notices into the first of the site's languages: nobody knows which the account's owner reads.
#[derive(Debug)]
pub struct NoticeTexts {
    languages: Vec<Language>,
    account_page: String,
}

impl NoticeTexts {
    /// The texts, and where they lead.
    ///
    /// # Errors
    /// There are none in a language of the settings.
    pub fn new(config: &Config) -> Result<Self, PagesError> {
        Ok(Self {
            languages: languages(&config.site.locales, config.site.template_path.as_deref())?,
            account_page: config.http.url_of(ACCOUNT_PATH),
        })
    }

    fn text(&self, id: &str, args: &FluentArgs<'_>) -> Option<String> {
        self.languages
            .first()?
            .text(id, args)
            .inspect_err(|error| tracing::error!(%error, "a notice cannot be put into words"))
            .ok()
    }
}

impl Words for NoticeTexts {
    fn say(&self, notice: &Notice) -> Option<String> {
        let mut args = FluentArgs::new();
        let name = display_name(notice.client_name.as_deref().unwrap_or(""));
        let name = match name.is_empty() {
            true => self.text("client-unnamed", &args)?,
            false => name,
        };
        args.set("client", unlinked(&name));
        args.set("account", notice.account.as_str());
        let text = self.text(id(notice.kind), &args)?;
        // to be clicked on, so in no sentence, whose isolation marks would become part of it
        Some(format!("{text}\n{}", self.account_page))
    }
}

const fn id(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::NewApp => "notice-new-app",
        NoticeKind::Replay => "notice-replay",
        NoticeKind::WrongPasswords => "notice-wrong-passwords",
    }
}

/// A name that no chat client makes a link of, for an app that calls itself one: U+2024 looks like a dot.
fn unlinked(name: &str) -> String {
    name.replace("://", " ").replace('.', "\u{2024}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_puts_no_link_of_its_own_into_a_notice() {
        let text = r#"
            [component]
            jid = "oauth.example.com"
            secret = "s"
            [xmpp]
            hosts = ["example.com"]
            [http]
            public_url = "https://auth.example.com"
        "#;
        let config = crate::config::parse(text, std::path::Path::new("/")).unwrap();
        let texts = NoticeTexts::new(&config).unwrap();
        for kind in NoticeKind::ALL {
            let said = texts.say(&Notice {
                account: "alice@example.com".parse().unwrap(),
                kind,
                client_name: Some("Go to https://evil.example/\u{202e}\n".into()),
            });
            let said = said.unwrap();
            assert!(
                said.ends_with("\nhttps://auth.example.com/account"),
                "{said}"
            );
            assert!(!said.contains("evil.example"), "{said}");
            assert_eq!(said.matches("://").count(), 1, "{said}");
        }
    }
}
