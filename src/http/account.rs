//! A person's own account: the apps that may use it and the browsers that are logged in, and taking
//! access back. Every change is a POST with a ticket, and ends in a redirect.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use super::answer::{Forms, Refused, redirect};
use super::authorize::{client_metadata, scope_view};
use super::pages::{
    AccountPage, AppView, BrowserView, ClientKind, ClientMetadata, ClientView, Done, ErrorLink,
    EventView, FormView, LinkText, LoginNotice, Moment, NoticesView, RevokePage, browser_name,
    display_name,
};
use super::request::{form, pairs};
use super::{Shared, Web};
use crate::clock::Timestamp;
use crate::model::{GrantId, SessionId};
use crate::oauth::browsers::{Browser, session_id};
use crate::oauth::granted::Granted;
use crate::oauth::login::CurrentSession;
use crate::oauth::{OauthError, Params};

/// The account's page.
pub(super) const ACCOUNT_PATH: &str = "/account";
/// All of its apps; one of them, with its id behind.
pub(super) const APPS_PATH: &str = "/account/apps";
/// All of its browsers; one of them, with its id behind.
pub(super) const BROWSERS_PATH: &str = "/account/browsers";
/// Logs this browser out.
pub(super) const LOG_OUT_PATH: &str = "/account/logout";

/// Switches messages about the account on or off.
pub(super) const NOTICES_PATH: &str = "/account/notices";

/// How many events are shown.
const MOST_EVENTS: usize = 20;

/// The longest id in a path.
const MAX_ID: usize = 64;

/// Whether a login may go on to this path: one of the account's pages, and nowhere else.
pub(super) fn is_account_page(path: &str) -> bool {
    let is_id = |id: &str| {
        (1..=MAX_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    [ACCOUNT_PATH, APPS_PATH].contains(&path)
        || path
            .strip_prefix(APPS_PATH)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(is_id)
}

/// What a handler goes on with, or what the visitor sees instead.
type Step<T> = Result<T, Response>;

impl Web {
    async fn person(&self, headers: &HeaderMap, path: &str) -> Step<CurrentSession> {
        match self.session(headers).await {
            Ok(Some(current)) => Ok(current),
            Ok(None) => Err(redirect(&login_for(path))),
            Err(error) => Err(self.failed(headers, error)),
        }
    }

    /// Somebody who gave the password just now; others are asked for it and come back to `path`.
    async fn recent_person(&self, headers: &HeaderMap, path: &str) -> Step<CurrentSession> {
        let current = self.person(headers, path).await?;
        match self.provider.is_recent(&current) {
            true => Ok(current),
            false => Err(redirect(&login_for(path))),
        }
    }

    fn failed(&self, headers: &HeaderMap, error: impl Into<OauthError>) -> Response {
        let locale = self.locale(headers, None);
        self.oauth_error_page(&locale, &error.into())
    }

    fn account_error(&self, headers: &HeaderMap, status: StatusCode, sentence: &str) -> Response {
        let back = ErrorLink {
            href: ACCOUNT_PATH.to_owned(),
            text: LinkText::BackToAccount,
        };
        let locale = self.locale(headers, None);
        self.error_page(&locale, status, sentence, Some(back))
    }

    fn no_such_app(&self, headers: &HeaderMap) -> Response {
        let sentence = "This app has no access to your account, or none any more.";
        self.account_error(headers, StatusCode::NOT_FOUND, sentence)
    }

    /// The form that asks for `action` at the path of that name.
    fn action_form(&self, current: &CurrentSession, path: String) -> FormView {
        FormView {
            ticket: self.provider.action_ticket(current, &path),
            action: path,
        }
    }

    /// The form as it comes back, if it was made for this session and path.
    async fn checked_form(
        &self,
        headers: &HeaderMap,
        body: Body,
        current: &CurrentSession,
        path: &str,
    ) -> Step<Params> {
        let params = form(self, headers, body).await;
        let params = params.map_err(Refused::into_response)?;
        let ticket = params.get("ticket").unwrap_or("");
        if !self.provider.is_action_ticket(current, path, ticket) {
            let sentence = "This form was open for too long, or was not made for this browser.";
            return Err(self.account_error(headers, StatusCode::BAD_REQUEST, sentence));
        }
        Ok(params)
    }
}

/// The login page that leads on to one of the account's pages.
fn login_for(path: &str) -> String {
    format!("{}?continue={path}", super::login::LOGIN_PATH)
}

fn done(what: Done) -> Response {
    redirect(&format!("{ACCOUNT_PATH}?done={}", what.word()))
}

fn app_path(id: &GrantId) -> String {
    format!("{APPS_PATH}/{id}")
}

/// GET /account
pub(super) async fn get(
    State(web): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Step<Response> {
    let current = web.person(&headers, ACCOUNT_PATH).await?;
    let done = pairs(query.as_deref().unwrap_or(""))
        .ok()
        .and_then(|pairs| pairs.into_iter().find(|(name, _)| name == "done"))
        .and_then(|(_, word)| Done::from_word(&word));
    Ok(match account_page(&web, &current, done).await {
        Ok(page) => {
            let html = web
                .pages()
                .render_account(&page, &web.locale(&headers, None));
            web.page(StatusCode::OK, html, &Forms::Here)
        }
        Err(error) => web.failed(&headers, error),
    })
}

async fn account_page(
    web: &Web,
    current: &CurrentSession,
    done: Option<Done>,
) -> Result<AccountPage, OauthError> {
    let account = &current.session.account;
    let now = web.provider.now();
    let granted = web.provider.granted(account).await?;
    let browsers = web.provider.browsers(account).await?;
    let events = web.provider.events(account).await?;
    let notices = web.provider.wants_notices(account).await?;
    let events = events.iter().filter_map(|kept| EventView::new(kept, now));
    let this = session_id(&current.hash);
    let views = browsers.iter().map(|browser| BrowserView {
        log_out: (browser.id != this)
            .then(|| web.action_form(current, format!("{BROWSERS_PATH}/{}", browser.id))),
        ..browser_view(browser, now)
    });
    Ok(AccountPage {
        account: account.to_string(),
        done,
        apps: granted
            .iter()
            .map(|granted| app_view(web, granted, now))
            .collect(),
        revoke_all: APPS_PATH,
        browsers: views.collect(),
        events: events.take(MOST_EVENTS).collect(),
        notices: notices.map(|wanted| NoticesView {
            wanted,
            form: web.action_form(current, NOTICES_PATH.to_owned()),
        }),
        log_out: web.action_form(current, LOG_OUT_PATH.to_owned()),
        log_out_all: web.action_form(current, BROWSERS_PATH.to_owned()),
    })
}

fn app_view(web: &Web, granted: &Granted, now: Timestamp) -> AppView {
    let grant = &granted.grant;
    // the name is the one that was shown when access was given
    let name = grant.client_name.as_str();
    let client = match &granted.client {
        Some(client) => ClientView::new(&ClientMetadata {
            name,
            ..client_metadata(client)
        }),
        None => ClientView::new(&ClientMetadata {
            name,
            kind: ClientKind::Native,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
        }),
    };
    let resources = granted.resources.iter();
    AppView {
        client,
        revoke: app_path(&grant.id),
        scopes: grant
            .scopes
            .iter()
            .map(|scope| scope_view(web, scope))
            .collect(),
        sessions: resources
            .map(|resource| display_name(resource.as_str()))
            .collect(),
        granted: Moment::new(grant.created_at, now),
        granted_from: grant.granted_from.map(|from| from.to_string()),
        last_used: Moment::new(grant.last_used_at, now),
        last_used_from: grant.last_used_from.map(|from| from.to_string()),
    }
}

fn browser_view(browser: &Browser, now: Timestamp) -> BrowserView {
    let session = &browser.session;
    BrowserView {
        name: browser_name(session.user_agent.as_deref().unwrap_or("")),
        logged_in: Moment::new(session.auth_time, now),
        last_seen: Moment::new(session.last_seen_at, now),
        from: session.from.map(|from| from.to_string()),
        log_out: None,
    }
}

/// GET /account/apps/ID: is this app to lose its access?
pub(super) async fn ask_for_one(
    State(web): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Step<Response> {
    let id = GrantId::new(id);
    if !is_account_page(&app_path(&id)) {
        return Ok(web.no_such_app(&headers));
    }
    let current = web.recent_person(&headers, &app_path(&id)).await?;
    let granted = web.provider.granted(&current.session.account).await;
    let granted = granted.map_err(|error| web.failed(&headers, error))?;
    Ok(
        match granted.iter().find(|granted| granted.grant.id == id) {
            Some(granted) => revoke_page(&web, &headers, &current, Some(granted), app_path(&id)),
            None => web.no_such_app(&headers),
        },
    )
}

/// GET /account/apps: are all apps to lose their access?
pub(super) async fn ask_for_all(State(web): State<Shared>, headers: HeaderMap) -> Step<Response> {
    let current = web.recent_person(&headers, APPS_PATH).await?;
    Ok(revoke_page(
        &web,
        &headers,
        &current,
        None,
        APPS_PATH.to_owned(),
    ))
}

fn revoke_page(
    web: &Web,
    headers: &HeaderMap,
    current: &CurrentSession,
    granted: Option<&Granted>,
    path: String,
) -> Response {
    let page = RevokePage {
        account: current.session.account.to_string(),
        app: granted.map(|granted| app_view(web, granted, web.provider.now())),
        form: web.action_form(current, path),
        back: ACCOUNT_PATH,
    };
    let html = web.pages().render_revoke(&page, &web.locale(headers, None));
    web.page(StatusCode::OK, html, &Forms::Here)
}

/// POST /account/apps/ID
pub(super) async fn revoke_one(
    State(web): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let id = GrantId::new(id);
    let path = app_path(&id);
    if !is_account_page(&path) {
        return Ok(web.no_such_app(&headers));
    }
    let current = web.recent_person(&headers, &path).await?;
    web.checked_form(&headers, body, &current, &path).await?;
    let account = &current.session.account;
    Ok(match web.provider.revoke_granted(account, &id).await {
        Ok(true) => done(Done::AppRevoked),
        Ok(false) => web.no_such_app(&headers),
        Err(error) => web.failed(&headers, error),
    })
}

/// POST /account/apps
pub(super) async fn revoke_all(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let current = web.recent_person(&headers, APPS_PATH).await?;
    web.checked_form(&headers, body, &current, APPS_PATH)
        .await?;
    let account = &current.session.account;
    Ok(match web.provider.revoke_all_granted(account).await {
        Ok(_) => done(Done::AllRevoked),
        Err(error) => web.failed(&headers, error),
    })
}

/// POST /account/browsers/ID
pub(super) async fn log_out_one(
    State(web): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let current = web.person(&headers, ACCOUNT_PATH).await?;
    let path = format!("{BROWSERS_PATH}/{id}");
    web.checked_form(&headers, body, &current, &path).await?;
    let account = &current.session.account;
    let id = SessionId::new(id);
    Ok(match web.provider.log_out_browser(account, &id).await {
        // one that had ended by itself is what was wanted
        Ok(_) => done(Done::BrowserLoggedOut),
        Err(error) => web.failed(&headers, error),
    })
}

/// POST /account/browsers: all others, or this one too.
pub(super) async fn log_out_all(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let current = web.person(&headers, ACCOUNT_PATH).await?;
    let params = web
        .checked_form(&headers, body, &current, BROWSERS_PATH)
        .await?;
    let others_only = match params.get("which") {
        Some("others") => true,
        Some("all") => false,
        _ => {
            let sentence = "which must be others or all";
            return Err(Refused::new(StatusCode::BAD_REQUEST, sentence).into_response());
        }
    };
    let kept = others_only.then_some(&current.hash);
    let gone = web
        .provider
        .log_out_browsers(&current.session.account, kept)
        .await;
    Ok(match gone {
        Ok(_) if others_only => done(Done::BrowsersLoggedOut),
        Ok(_) => web.logged_out(),
        Err(error) => web.failed(&headers, error),
    })
}

/// POST /account/notices. Whoever finds a browser that was left alone does not switch off what would give
/// them away: that asks for the password.
pub(super) async fn switch_notices(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let current = web.recent_person(&headers, ACCOUNT_PATH).await?;
    let params = web
        .checked_form(&headers, body, &current, NOTICES_PATH)
        .await?;
    let (wanted, what) = match params.get("wanted") {
        Some("yes") => (true, Done::NoticesOn),
        Some("no") => (false, Done::NoticesOff),
        _ => {
            let sentence = "wanted must be yes or no";
            return Err(Refused::new(StatusCode::BAD_REQUEST, sentence).into_response());
        }
    };
    let account = &current.session.account;
    Ok(match web.provider.want_notices(account, wanted).await {
        Ok(()) => done(what),
        Err(error) => web.failed(&headers, error),
    })
}

/// POST /account/logout
pub(super) async fn log_out(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Step<Response> {
    let current = web.person(&headers, ACCOUNT_PATH).await?;
    web.checked_form(&headers, body, &current, LOG_OUT_PATH)
        .await?;
    let gone = match web.session_cookie(&headers) {
        Some(cookie) => web.provider.log_out(cookie).await,
        None => Ok(()),
    };
    Ok(match gone {
        Ok(()) => web.logged_out(),
        Err(error) => web.failed(&headers, error),
    })
}

impl Web {
    fn logged_out(&self) -> Response {
        let mut response = redirect(&format!(
            "{}?{}",
            super::login::LOGIN_PATH,
            LoginNotice::LOGGED_OUT_QUERY
        ));
        self.clear_session_cookie(&mut response);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_the_accounts_pages_and_nowhere_else() {
        for path in ["/account", "/account/apps", "/account/apps/a_B-9"] {
            assert!(is_account_page(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/accounts",
            "/account/",
            "/account/apps/",
            "/account/apps/a/b",
            "/account/apps/../x",
            "/account/apps/a?b",
            "//evil.example/account",
            "https://evil.example/account",
            "/account/logout",
            "/account\r\nset-cookie: x",
        ] {
            assert!(!is_account_page(path), "{path}");
        }
    }
}
