//! Each page with everything it can show, and with as little as it can: what templates are tried
//! with when they are read.

use super::{
    BackLink, ClientKind, ClientMetadata, ClientView, CodePage, ConsentPage, ErrorLink, ErrorPage,
    ErrorTitle, LinkText, LoggedOutPage, LoginError, LoginPage, LogoutPage, MissingField,
    ScopeView, SendsTo, SwitchAccount,
};

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
        client: None,
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
    let links = [LinkText::LogIn, LinkText::TryAgain, LinkText::BackToApp];
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
