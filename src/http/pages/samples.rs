//! Each page with everything it can show, and with as little as it can: what templates are tried
//! with when they are read.

use super::{
    AccountPage, AppView, BackLink, BrowserView, ClientKind, ClientMetadata, ClientView, CodePage,
    ConsentPage, DeviceDonePage, DeviceError, DevicePage, DeviceView, Done, ErrorLink, ErrorPage,
    ErrorTitle, EventView, FormView, LinkText, LoggedOutPage, LoginError, LoginNotice, LoginPage,
    LogoutPage, MissingField, Moment, NoticesView, RevokePage, ScopeView, SendPage, SendsTo,
    ServiceView, SwitchAccount, browser_name,
};
use crate::clock::Timestamp;
use crate::model::{EndReason, Event, EventKind, KeptEvent};

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
        full(LoginError::OtherAccount),
        full(LoginError::Missing(MissingField::Username)),
        full(LoginError::Missing(MissingField::Password)),
        noticed(LoginNotice::Again),
        noticed(LoginNotice::LoggedOut),
        bare,
    ]
}

pub(super) fn consent() -> Vec<ConsentPage> {
    let scopes = |names: &[&str]| -> Vec<_> { names.iter().map(|it| ScopeView::new(it)).collect() };
    let bare = ConsentPage {
        client: bare_client(),
        account: "alice@example.com".into(),
        scopes: scopes(&["openid"]),
        nothing_chosen: false,
        sends_to: SendsTo::new("https://app.example/callback"),
        device: None,
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
        ])
        .into_iter()
        .map(|it: ScopeView| ScopeView {
            optional: it.name != "openid",
            ..it
        })
        .chain([ScopeView::of_service(
            "files:read",
            ServiceView {
                name: "Files".into(),
                sentence: "Read your files".into(),
            },
        )])
        .collect(),
        nothing_chosen: true,
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
    let on_device = ConsentPage {
        sends_to: SendsTo::Device,
        device: Some(DeviceView {
            code: "WDJB-MJHT".into(),
            asked_from: "203.0.113.5".into(),
            minutes: 2,
        }),
        ..full.clone()
    };
    vec![full, by_code, on_device, bare]
}

pub(super) fn device() -> Vec<DevicePage> {
    let page = |error| DevicePage {
        action: "/device".into(),
        user_code: "WDJB-MJHT".into(),
        ui_locales: Some("en".into()),
        error,
    };
    vec![
        page(None),
        page(Some(DeviceError::Unknown)),
        page(Some(DeviceError::TooManyTries { seconds: 30 })),
        page(Some(DeviceError::TooManyTries { seconds: 600 })),
    ]
}

pub(super) fn device_done() -> Vec<DeviceDonePage> {
    let page = |allowed| DeviceDonePage {
        client: full_client(),
        allowed,
    };
    vec![page(true), page(false)]
}

pub(super) fn send() -> Vec<SendPage> {
    let page = |client| SendPage {
        client,
        action: "https://app.example/callback".into(),
        fields: vec![("code".into(), "xoc_sample".into())],
    };
    vec![page(Some(full_client())), page(None)]
}

pub(super) fn logout() -> Vec<LogoutPage> {
    let bare = LogoutPage {
        client: None,
        account: None,
        action: "/logout".into(),
        request: "state=x".into(),
        csrf: "csrf".into(),
        fault: None,
    };
    let full = LogoutPage {
        client: Some(full_client()),
        account: Some("alice@example.com".into()),
        fault: Some("A sentence that helps.".into()),
        ..bare.clone()
    };
    vec![full, bare]
}

pub(super) fn logged_out() -> Vec<LoggedOutPage> {
    let back = |sends_to| LoggedOutPage {
        back: Some(BackLink {
            href: "https://app.example/bye?state=x".into(),
            sends_to,
        }),
        fault: None,
    };
    let bare = LoggedOutPage {
        back: None,
        fault: Some("A sentence that helps.".into()),
    };
    let host = SendsTo::new("https://app.example/bye");
    vec![back(host), back(SendsTo::ThisDevice), bare]
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

fn events() -> Vec<EventView> {
    use EventKind::{
        CodeReplayed, Ended, Granted, LoggedIn, LoginFailed, RefreshTokenReplayed, Refreshed,
    };
    let at = Timestamp::from_unix(1_800_000_000);
    let kinds = [
        Granted,
        Refreshed,
        CodeReplayed,
        RefreshTokenReplayed,
        LoggedIn,
        LoginFailed,
    ];
    let ended = EndReason::ALL.into_iter().map(Ended);
    let views = kinds.into_iter().chain(ended).filter_map(|kind| {
        let event = Event {
            account: "alice@example.com".parse().ok()?,
            kind,
            grant_id: None,
            at,
            from: (kind == LoginFailed).then_some([192, 0, 2, 1].into()),
        };
        let kept = KeptEvent {
            event,
            client_name: (kind == Granted).then(|| "Sample".to_owned()),
            count: 3,
        };
        EventView::new(&kept, at)
    });
    views.collect()
}

pub(super) fn account() -> Vec<AccountPage> {
    let bare = AccountPage {
        account: "alice@example.com".into(),
        done: None,
        apps: Vec::new(),
        revoke_all: "/account/apps",
        browsers: vec![browser("", 0, false)],
        events: Vec::new(),
        notices: None,
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
        events: events(),
        notices: Some(NoticesView {
            wanted: done != Done::NoticesOff,
            form: form("/account/notices"),
        }),
        ..bare.clone()
    };
    let done = [
        Done::AppRevoked,
        Done::AllRevoked,
        Done::BrowserLoggedOut,
        Done::BrowsersLoggedOut,
        Done::NoticesOn,
        Done::NoticesOff,
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
