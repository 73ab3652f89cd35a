//! Each page with everything it can show, and with as little as it can: what templates are tried
//! with when they are read.

use super::{
    AccountPage, AppView, BrowserView, ClientKind, ClientMetadata, ClientView, CodePage,
    ConsentPage, Done, ErrorLink, ErrorPage, ErrorTitle, FormView, LinkText, LoginError,
    LoginNotice, LoginPage, MissingField, Moment, RevokePage, ScopeView, SendsTo, SwitchAccount,
    browser_name,
};
use crate::clock::Timestamp;

fn full_client() -> ClientView {
    ClientView::new(&ClientMetadata {
        name: "Sample",
        kind: ClientKind::Native,
        client_uri: Some("https://app.example/"),
        policy_uri: Some("https://app.example/privacy"),
        tos_uri: Some("https://app.example/terms"),
    })
}

fn bare_client() -> ClientView {
    ClientView::new(&ClientMetadata {
        name: "",
        kind: ClientKind::Web,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
    })
}

pub(super) fn login() -> Vec<LoginPage> {
    let bare = LoginPage {
        action: "/login".into(),
        continue_to: "/oauth2/authorize".into(),
        csrf: "csrf".into(),
        jid: None,
        hosts: vec!["example.com".into()],
        error: None,
        notice: None,
        client: None,
    };
    let noticed = |notice| LoginPage {
        notice: Some(notice),
        ..bare.clone()
    };
    let full = |error| LoginPage {
        jid: Some("alice@example.com".into()),
        hosts: vec!["example.com".into(), "example.org".into()],
        error: Some(error),
        client: Some(full_client()),
        ..bare.clone()
    };
    vec![
        full(LoginError::WrongPassword),
        full(LoginError::TryAgain),
        full(LoginError::TooManyTries { seconds: 30 }),
        full(LoginError::TooManyTries { seconds: 600 }),
        full(LoginError::Expired),
        full(LoginError::Missing(MissingField::Username)),
        full(LoginError::Missing(MissingField::Password)),
        noticed(LoginNotice::Again),
        noticed(LoginNotice::LoggedOut),
        bare,
    ]
}

pub(super) fn consent() -> Vec<ConsentPage> {
    let scopes = |names: &[&str]| names.iter().map(|it| ScopeView::new(it)).collect();
    let bare = ConsentPage {
        client: bare_client(),
        account: "alice@example.com".into(),
        scopes: scopes(&["openid"]),
        sends_to: SendsTo::new("https://app.example/callback"),
        action: "/oauth2/authorize".into(),
        request: "response_type=code".into(),
        ticket: "ticket".into(),
        switch_account: None,
    };
    let full = ConsentPage {
        client: full_client(),
        scopes: scopes(&[
            "openid",
            "profile",
            "offline_access",
            "xmpp",
            "xmpp:client:normal",
            "xmpp:account:read",
            "xmpp:account:write",
            "other",
        ]),
        sends_to: SendsTo::ThisDevice,
        switch_account: Some(SwitchAccount {
            action: "/oauth2/logout".into(),
            csrf: "csrf".into(),
            continue_to: "/oauth2/authorize".into(),
        }),
        ..bare.clone()
    };
    let by_code = ConsentPage {
        scopes: scopes(&["xmpp:account:read"]),
        sends_to: SendsTo::Code,
        ..bare.clone()
    };
    vec![full, by_code, bare]
}

pub(super) fn error() -> Vec<ErrorPage> {
    use ErrorTitle::{
        BadRequest, Expired, Forbidden, Internal, MethodNotAllowed, NotFound, TooManyRequests,
        Unavailable,
    };
    let bare = |title| ErrorPage {
        status: 400,
        title,
        message: "A sentence that helps.".into(),
        reference: None,
        link: None,
    };
    let full = |text| ErrorPage {
        reference: Some("7f3a".into()),
        link: Some(ErrorLink {
            href: "/login".into(),
            text,
        }),
        ..bare(Internal)
    };
    let titles = [
        BadRequest,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Expired,
        TooManyRequests,
        Unavailable,
        Internal,
    ];
    let links = [
        LinkText::LogIn,
        LinkText::TryAgain,
        LinkText::BackToApp,
        LinkText::BackToAccount,
    ];
    let bare_ones = titles.into_iter().map(bare);
    bare_ones.chain(links.into_iter().map(full)).collect()
}

pub(super) fn code() -> Vec<CodePage> {
    vec![
        CodePage {
            client: full_client(),
            code: "xoc_sample".into(),
        },
        CodePage {
            client: bare_client(),
            code: "xoc_sample".into(),
        },
    ]
}

fn app(client: ClientView, scopes: &[&str], sessions: &[&str]) -> AppView {
    let now = Timestamp::from_unix(1_800_000_000);
    let ago = |seconds: i64| Moment::new(Timestamp::from_unix(1_800_000_000 - seconds), now);
    AppView {
        client,
        revoke: "/account/apps/sample".into(),
        scopes: scopes.iter().map(|it| ScopeView::new(it)).collect(),
        sessions: sessions.iter().map(|it| (*it).to_owned()).collect(),
        granted: ago(90 * 86_400),
        granted_from: (!sessions.is_empty()).then(|| "192.0.2.1".into()),
        last_used: ago(3 * 86_400),
        last_used_from: (!sessions.is_empty()).then(|| "2001:db8::1".into()),
    }
}

fn form(action: &str) -> FormView {
    FormView {
        action: action.into(),
        ticket: "ticket".into(),
    }
}

fn browser(agent: &str, seconds: i64, is_other: bool) -> BrowserView {
    let now = Timestamp::from_unix(1_800_000_000);
    let moment = Moment::new(Timestamp::from_unix(1_800_000_000 - seconds), now);
    BrowserView {
        name: browser_name(agent),
        logged_in: moment.clone(),
        last_seen: moment,
        from: is_other.then(|| "192.0.2.1".into()),
        log_out: is_other.then(|| form("/account/browsers/sample")),
    }
}

pub(super) fn account() -> Vec<AccountPage> {
    let bare = AccountPage {
        account: "alice@example.com".into(),
        done: None,
        apps: Vec::new(),
        revoke_all: "/account/apps",
        browsers: vec![browser("", 0, false)],
        log_out: form("/account/logout"),
        log_out_all: form("/account/browsers"),
    };
    let full = |done| AccountPage {
        done: Some(done),
        apps: vec![
            app(full_client(), &["xmpp", "other"], &["phone", "desk"]),
            app(bare_client(), &["openid"], &[]),
        ],
        browsers: vec![
            browser("Firefox/1 (Linux)", 30, false),
            browser("Chrome/1", 120, true),
            browser("Linux", 7200, true),
        ],
        ..bare.clone()
    };
    let done = [
        Done::AppRevoked,
        Done::AllRevoked,
        Done::BrowserLoggedOut,
        Done::BrowsersLoggedOut,
    ];
    done.map(full).into_iter().chain([bare.clone()]).collect()
}

pub(super) fn revoke() -> Vec<RevokePage> {
    let page = |app| RevokePage {
        account: "alice@example.com".into(),
        app,
        form: form("/account/apps"),
        back: "/account",
    };
    vec![
        page(Some(app(full_client(), &["xmpp", "other"], &["phone"]))),
        page(Some(app(bare_client(), &["openid"], &[]))),
        page(None),
    ]
}
