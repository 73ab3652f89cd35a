//! The commands, without an XMPP server: what they print, their exit status, and how they reach a
//! `serve` that runs. Its link is down all the time, which is no reason not to answer.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the finding")]

#[path = "cli/backup.rs"]
mod backup;
#[path = "cli/copy.rs"]
mod copy;
#[path = "cli/databases.rs"]
mod databases;
#[path = "cli/supervisor.rs"]
mod supervisor;
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::config;
use xmpp_oauth::model::{
    ApplicationType, AuthMethod, AuthorizationCode, BrowserSession, ClaimSet, Client, ClientId,
    ClientMetadata, ClientOrigin, EndReason, Grant, GrantId, GrantType, Pair, ResponseType,
    SubjectType,
};
use xmpp_oauth::secrets::TokenHash;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{Redeemed, Store as _};

use support::child::Signal;
use support::http::Http;
use support::process::Program;
use support::wait::{START, until};

const NOW: Timestamp = Timestamp::from_unix(1_795_507_200);
const LATER: Timestamp = Timestamp::from_unix(1_995_507_200);

/// A program whose XMPP server does not listen.
fn program() -> Program {
    program_with("")
}

fn program_with(more: &str) -> Program {
    let program = Program::new(|listen, ops| {
        format!(
            r#"
[component]
jid = "oauth.localhost"
secret = "no server knows it"
server = "127.0.0.1:1"
[xmpp]
hosts = ["localhost"]
[http]
listen = "127.0.0.1:{listen}"
ops_listen = "127.0.0.1:{ops}"
public_url = "http://127.0.0.1:{listen}"
[registration]
registration_key = "0123456789 0123456789 0123456789"
{more}
"#
        )
    });
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(program.dir().join("component.toml"), private).unwrap();
    program
}

fn database(program: &Program) -> SqliteStore {
    SqliteStore::open(program.dir().join("xmpp-oauth.db")).unwrap()
}

fn client(name: &str) -> Client {
    Client {
        id: ClientId::new(format!("id-of-{name}")),
        metadata: ClientMetadata {
            client_name: name.to_owned(),
            client_uri: Some("https://client.example/".parse().unwrap()),
            redirect_uris: vec!["https://client.example/cb".to_owned()],
            post_logout_redirect_uris: Vec::new(),
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            token_endpoint_auth_method: AuthMethod::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec![ResponseType::Code],
            application_type: ApplicationType::Native,
            ..ClientMetadata::default()
        },
        issued_at: NOW,
        expires_at: None,
        origin: ClientOrigin::Registered,
    }
}

/// Puts a client and its grant to an account into the storage.
async fn grant(store: &SqliteStore, id: &str, account: &str, client: &Client) {
    let grant = Grant {
        id: GrantId::new(id),
        account: account.parse().unwrap(),
        client_id: client.id.clone(),
        client_name: client.metadata.client_name.clone(),
        scopes: "openid xmpp:client:normal".parse().unwrap(),
        created_at: NOW,
        auth_time: Some(NOW),
        nonce: None,
        id_token_claims: ClaimSet::default(),
        generation: None,
        ended: None,
        granted_from: None,
        last_used_at: NOW,
        last_used_from: None,
    };
    let code = AuthorizationCode {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        account: grant.account.clone(),
        scopes: grant.scopes.clone(),
        redirect_uri: None,
        code_challenge: None,
        dpop_jkt: None,
        nonce: None,
        id_token_claims: ClaimSet::default(),
        auth_time: NOW,
        generation: None,
        issued_at: NOW,
        expires_at: LATER,
        granted_from: None,
    };
    let pair = Pair {
        access: TokenHash::of(&format!("xoa_{id}")),
        scopes: grant.scopes.clone(),
        access_expires_at: LATER,
        refresh: Some(TokenHash::of(&format!("refresh-{id}"))),
        refresh_expires_at: None,
        issued_at: NOW,
        issued_to: None,
        access_jkt: None,
        refresh_jkt: None,
    };
    let hash = TokenHash::of(&format!("code-{id}"));
    let session = BrowserSession {
        account: code.account.clone(),
        auth_time: code.auth_time,
        generation: None,
        expires_at: code.expires_at,
        last_seen_at: NOW,
        from: None,
        user_agent: None,
    };
    store.save_session(&hash, &session).await.unwrap();
    assert!(store.save_code(&hash, &code, &hash).await.unwrap());
    store.end_session(&hash).await.unwrap();
    let redeemed = store.redeem_code(&hash, client, &grant, &pair, NOW).await;
    assert_eq!(redeemed.unwrap(), Redeemed::Done);
}

/// Alice has two apps, bob has one of them.
async fn with_grants() -> Program {
    let program = program();
    let store = database(&program);
    grant(&store, "g-1", "alice@localhost", &client("Gajim")).await;
    grant(&store, "g-2", "alice@localhost", &client("Dino")).await;
    grant(&store, "g-3", "bob@localhost", &client("Dino")).await;
    store.close().await;
    program
}

/// Starts `serve` and waits until it answers. It is not ready: its link is down.
async fn serve(program: &mut Program) {
    program.spawn();
    alive(program).await;
}

async fn alive(program: &Program) {
    let url = format!("http://127.0.0.1:{}/healthz", program.ops_port);
    until("/healthz", START, async || {
        let answer = Http::new().try_get(&url).await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn shown(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// What a command prints that must succeed.
async fn done(program: &Program, arguments: &[&str]) -> String {
    let output = program.run(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", shown(&output));
    text(&output.stdout)
}

/// What a command says that must fail with this exit status.
async fn refused(program: &Program, arguments: &[&str], status: i32) -> String {
    let output = program.run(arguments).await;
    let says = shown(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {says}");
    says
}

async fn json(program: &Program, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(program, arguments).await).unwrap()
}

/// One field of each row of a list.
async fn column(program: &Program, arguments: &[&str], field: &str) -> Vec<String> {
    let rows = json(program, arguments).await;
    let field = |row: &Value| row[field].as_str().unwrap().to_owned();
    let mut column: Vec<_> = rows.as_array().unwrap().iter().map(field).collect();
    column.sort();
    column
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn init_writes_a_private_configuration_that_can_be_loaded() {
    let program = program();
    let arguments = ["--config", "new.toml", "init", "--host", "example.org"];
    let printed = done(&program, &arguments).await;
    let path = program.dir().join("new.toml");
    assert_eq!(mode(&path), 0o600);
    let config = config::load(&path).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.component.jid.as_str(), "oauth.example.org");
    assert_eq!(config.xmpp.hosts[0].as_str(), "example.org");
    assert_eq!(config.http.issuer(), "https://auth.example.org");
    assert!(config.registration.registration_key.is_some());
    // what Prosody is to be told fits what was written, down to the folder of the module
    let secret = config.component.secret.expose();
    assert!(printed.contains(&format!("component_secret = \"{secret}\"")));
    assert!(printed.contains("oauth_component = \"oauth.example.org\""));
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("server-modules/prosody");
    assert!(printed.contains(&format!("plugin_paths = {{ \"{}\" }}", module.display())));
}

#[tokio::test]
async fn init_takes_the_names_it_is_given_and_makes_other_secrets_each_time() {
    let program = program();
    let names = [
        "--host",
        "localhost",
        "--component-jid",
        "o.localhost",
        "--public-url",
        "http://localhost:9999/",
        "--server",
        "prosody",
    ];
    for file in ["a.toml", "b.toml"] {
        let mut arguments = vec!["init", "--config", file];
        arguments.extend(names);
        done(&program, &arguments).await;
    }
    let a = config::load(&program.dir().join("a.toml")).unwrap();
    let b = config::load(&program.dir().join("b.toml")).unwrap();
    assert_eq!(a.component.jid.as_str(), "o.localhost");
    assert_eq!(a.http.issuer(), "http://localhost:9999");
    assert_ne!(a.component.secret, b.component.secret);
    assert_ne!(
        a.registration.registration_key,
        b.registration.registration_key
    );
}

#[tokio::test]
async fn init_prints_what_belongs_into_either_servers_configuration() {
    for (server, file, lines) in [
        (
            "prosody",
            "p.toml",
            [
                "component_secret = ",
                "oauth_component = \"oauth.example.org\"",
            ],
        ),
        (
            "ejabberd",
            "e.toml",
            [
                "module: ejabberd_service",
                "component: \"oauth.example.org\"",
            ],
        ),
    ] {
        let program = program();
        let arguments = [
            "--config",
            file,
            "init",
            "--host",
            "example.org",
            "--server",
            server,
        ];
        let output = program.run(&arguments).await;
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{server}: {said}");
        let written = std::fs::read_to_string(program.dir().join(file)).unwrap();
        let secret = written
            .lines()
            .find_map(|line| line.strip_prefix("secret = "))
            .unwrap();
        for part in lines.into_iter().chain([secret.trim_matches('"')]) {
            assert!(said.contains(part), "{server}: no {part} in {said}");
        }
    }
}

#[tokio::test]
async fn init_leaves_a_configuration_that_is_there_as_it_is() {
    let program = program();
    let before = std::fs::read(program.dir().join("component.toml")).unwrap();
    let says = refused(&program, &["init"], 1).await;
    assert!(says.contains("there already"), "{says}");
    let after = std::fs::read(program.dir().join("component.toml")).unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn init_refuses_what_serve_would_refuse_and_writes_nothing() {
    let program = program();
    let arguments = ["--config", "new.toml", "init", "--public-url"];
    let says = refused(
        &program,
        &[&arguments[..], &["http://example.com"]].concat(),
        2,
    )
    .await;
    assert!(says.contains("http.public_url"), "{says}");
    refused(&program, &[&arguments[..], &["nonsense"]].concat(), 2).await;
    refused(&program, &["init", "--server", "nonsense"], 2).await;
    assert!(!program.dir().join("new.toml").exists());
}

#[tokio::test]
async fn a_wrong_configuration_is_named_by_key_and_line_with_status_2() {
    let program = program_with("[tokens]\nacces_token_ttl = \"1h\"");
    for command in [&["serve"][..], &["check"], &["grants", "list"]] {
        let says = refused(&program, command, 2).await;
        assert!(says.contains("acces_token_ttl"), "{says}");
        assert!(says.contains("line 15"), "{says}");
    }
}

#[tokio::test]
async fn wrong_usage_has_status_2_and_help_has_0() {
    let program = program();
    for arguments in [&["serves"][..], &["grants", "revoke"], &["--nonsense"], &[]] {
        refused(&program, arguments, 2).await;
    }
    for arguments in [
        &["--help"][..],
        &["init", "--help"],
        &["check", "--help"],
        &["serve", "--help"],
        &["try", "--help"],
        &["clients", "remove", "--help"],
        &["grants", "list", "--help"],
        &["keys", "rotate", "--help"],
    ] {
        let help = done(&program, arguments).await;
        assert!(help.contains("Usage:"), "{arguments:?}: {help}");
    }
}

#[tokio::test]
async fn lists_are_the_same_with_serve_and_without() {
    let mut program = with_grants().await;
    let mut seen = Vec::new();
    for is_running in [false, true] {
        if is_running {
            serve(&mut program).await;
        }
        let clients = column(&program, &["clients", "list", "--json"], "client_name").await;
        assert_eq!(clients, ["Dino", "Gajim"]);
        let grants = column(&program, &["grants", "list", "--json"], "id").await;
        assert_eq!(grants, ["g-1", "g-2", "g-3"]);
        let of_bob = ["grants", "list", "--account", "bob@localhost", "--json"];
        assert_eq!(column(&program, &of_bob, "id").await, ["g-3"]);
        seen.push(column(&program, &["keys", "list", "--json"], "kid").await);
        assert_eq!(seen[0].len(), 3, "one for each algorithm");

        let grant = json(&program, &["grants", "show", "g-3", "--json"]).await;
        assert_eq!(grant["account"], "bob@localhost");
        assert_eq!(grant["created_at"], "2026-11-24T08:00:00Z");
        assert_eq!(grant["last_used_at"], "2026-11-24T08:00:00Z");
        // live sessions are known to `serve` alone
        assert_eq!(grant["open_sessions"].as_u64(), is_running.then_some(0));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn a_client_is_named_by_its_id_or_by_its_fingerprint() {
    let program = with_grants().await;
    let listed = json(&program, &["clients", "list", "--json"]).await;
    let gajim = listed.as_array().unwrap().iter();
    let gajim = gajim.clone().find(|c| c["client_name"] == "Gajim").unwrap();
    let fingerprint = gajim["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 12);
    let table = done(&program, &["clients", "list"]).await;
    assert!(table.contains(fingerprint), "{table}");
    for name in [fingerprint, "id-of-Gajim"] {
        let shown = json(&program, &["clients", "show", name, "--json"]).await;
        assert_eq!(&shown, gajim);
        let grants = ["grants", "list", "--json", "--client", name];
        assert_eq!(column(&program, &grants, "id").await, ["g-1"]);
    }
    let says = refused(&program, &["clients", "show", "nobody"], 1).await;
    assert!(says.contains("there is no client nobody"), "{says}");
}

#[tokio::test]
async fn a_removed_client_takes_its_grants_with_it() {
    for is_running in [false, true] {
        let mut program = with_grants().await;
        if is_running {
            serve(&mut program).await;
        }
        done(&program, &["clients", "remove", "id-of-Dino"]).await;
        let clients = column(&program, &["clients", "list", "--json"], "client_name").await;
        assert_eq!(clients, ["Gajim"]);
        let grants = column(&program, &["grants", "list", "--json"], "id").await;
        assert_eq!(grants, ["g-1"]);
        refused(&program, &["clients", "remove", "id-of-Dino"], 1).await;
    }
}

#[tokio::test]
async fn what_is_revoked_while_serve_runs_or_not_is_remembered_for_the_server() {
    for is_running in [false, true] {
        let mut program = with_grants().await;
        if is_running {
            serve(&mut program).await;
        }
        done(&program, &["grants", "revoke", "g-3"]).await;
        let says = refused(&program, &["grants", "revoke", "g-3"], 1).await;
        assert!(says.contains("g-3"), "{says}");
        let printed = done(
            &program,
            &["grants", "revoke", "--account", "alice@localhost"],
        )
        .await;
        assert!(printed.contains('2'), "{printed}");
        assert_eq!(
            json(&program, &["grants", "list", "--json"]).await,
            Value::Array(Vec::new())
        );
        let all = column(
            &program,
            &["grants", "list", "--all", "--json"],
            "end_reason",
        )
        .await;
        assert_eq!(all, [EndReason::OperatorRevoked.as_str(); 3]);

        if is_running {
            assert!(program.stop().await.success());
        }
        let store = database(&program);
        let host = "localhost".parse().unwrap();
        assert_eq!(store.pending_ends(&host).await.unwrap().len(), 3);
        let token = store.access_token(&TokenHash::of("xoa_g-3")).await;
        assert_eq!(token.unwrap(), None);
    }
}

#[tokio::test]
async fn a_token_that_serve_has_just_honoured_is_worthless_once_its_grant_is_revoked() {
    let mut program = with_grants().await;
    serve(&mut program).await;
    let url = program.url("/oauth2/userinfo");
    let mut app = Http::new().with("authorization", "Bearer xoa_g-1");
    assert_eq!(app.get(&url).await.status, 200);
    done(&program, &["grants", "revoke", "g-1"]).await;
    assert_eq!(app.get(&url).await.status, 401);
}

#[tokio::test]
async fn keys_rotate_and_a_retired_one_can_be_removed() {
    for is_running in [false, true] {
        let mut program = program();
        if is_running {
            serve(&mut program).await;
        }
        let list = ["keys", "list", "--json"];
        let before = column(&program, &list, "kid").await;
        let old = before[0].clone();
        let says = refused(&program, &["keys", "remove", &old], 1).await;
        assert!(says.contains("rotate first"), "{says}");
        done(&program, &["keys", "rotate"]).await;
        let keys = json(&program, &list).await;
        for key in keys.as_array().unwrap() {
            let is_old = before.contains(&key["kid"].as_str().unwrap().to_owned());
            assert_eq!(key["retired_at"].is_string(), is_old);
        }
        assert_eq!(keys.as_array().unwrap().len(), 6, "one for each algorithm");
        done(&program, &["keys", "remove", &old]).await;
        let left = column(&program, &list, "kid").await;
        assert!(left.len() == 5 && !left.contains(&old), "{left:?}");
        refused(&program, &["keys", "remove", &old], 1).await;
    }
}

#[tokio::test]
async fn a_second_serve_is_refused_and_the_first_goes_on() {
    let mut program = program();
    serve(&mut program).await;
    let says = refused(&program, &["serve"], 1).await;
    assert!(says.contains("already running"), "{says}");
    done(&program, &["keys", "list"]).await;
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn the_operators_listener_tells_link_from_storage_and_has_all_metrics() {
    let mut program = program();
    serve(&mut program).await;
    let ops = format!("http://127.0.0.1:{}", program.ops_port);
    let readiness = Http::new().get(&format!("{ops}/readyz")).await;
    assert_eq!(readiness.status, 503);
    let readiness = readiness.json();
    assert_eq!(readiness["storage"], "up");
    assert_ne!(readiness["link"], "up");
    let metrics = Http::new().get(&format!("{ops}/metrics")).await;
    let kind = metrics.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    for series in [
        "xmpp_oauth_link_up 0",
        "xmpp_oauth_sessions_open 0",
        "xmpp_oauth_storage_commit_seconds_count ",
        "xmpp_oauth_http_requests_total{",
        "xmpp_oauth_tokens_issued_total{",
        "process_resident_memory_bytes ",
        concat!(
            "xmpp_oauth_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
    ] {
        assert!(metrics.text().contains(series), "no {series}");
    }
    let outside = Http::new().get(&program.url("/metrics")).await;
    assert_eq!(outside.status, 404, "the world is told nothing");
}

#[tokio::test]
async fn sigterm_ends_serve_with_status_0_and_takes_the_socket_away() {
    let mut program = program();
    serve(&mut program).await;
    let socket = program.dir().join("xmpp-oauth.sock");
    assert_eq!(mode(&socket), 0o600);
    let begin = Instant::now();
    assert_eq!(program.stop().await.code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(!socket.exists());
    assert!(program.log().contains("stopped"));
}

#[tokio::test]
async fn a_socket_left_behind_by_a_crash_is_in_nobodys_way() {
    let mut program = with_grants().await;
    serve(&mut program).await;
    program.kill9();
    assert!(program.dir().join("xmpp-oauth.sock").exists());
    let grants = column(&program, &["grants", "list", "--json"], "id").await;
    assert_eq!(grants.len(), 3);
    serve(&mut program).await;
    done(&program, &["grants", "revoke", "g-1"]).await;
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn commands_and_serve_started_all_at_once_do_not_get_in_each_others_way() {
    let mut program = with_grants().await;
    serve(&mut program).await;
    assert!(program.stop().await.success());
    program.spawn();
    let list = ["keys", "list"];
    let (a, b, c) = tokio::join!(
        done(&program, &list),
        done(&program, &list),
        done(&program, &["grants", "revoke", "g-1"])
    );
    assert_eq!(a, b);
    assert!(c.contains("revoked"));
    alive(&program).await;
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn sighup_reads_templates_again_and_a_broken_one_changes_nothing() {
    let mut program = program_with("[site]\ntemplate_path = \"mine\"");
    let template = program.dir().join("mine/error.html");
    std::fs::create_dir(program.dir().join("mine")).unwrap();
    std::fs::write(&template, "the first").unwrap();
    serve(&mut program).await;
    let url = program.url("/nowhere");
    let mut browser = Http::new().with("accept", "text/html");
    assert_eq!(text(&browser.get(&url).await.body), "the first");

    std::fs::write(&template, "the second").unwrap();
    program.signal(Signal::HUP);
    program.wait_log("read again", 0).await;
    assert_eq!(text(&browser.get(&url).await.body), "the second");

    std::fs::write(&template, "\n{% if %}").unwrap();
    program.signal(Signal::HUP);
    program.wait_log("stay as they were", 0).await;
    assert!(program.log().contains("error.html"));
    assert_eq!(text(&browser.get(&url).await.body), "the second");
}

#[tokio::test]
async fn sighup_reads_texts_again_and_a_broken_one_is_named_and_changes_nothing() {
    let site = "[site]\ntemplate_path = \"mine\"\nlocales = [\"en\", \"br\"]";
    let mut program = program_with(site);
    let locales = program.dir().join("mine/locales");
    std::fs::create_dir_all(&locales).unwrap();
    let texts = locales.join("br.ftl");
    std::fs::write(&texts, "error-title-not-found = Netra").unwrap();
    serve(&mut program).await;
    let url = program.url("/nowhere");
    let mut browser = Http::new()
        .with("accept", "text/html")
        .with("accept-language", "br");
    let html = text(&browser.get(&url).await.body);
    assert!(
        html.contains("<html lang=\"br\"") && html.contains("Netra"),
        "{html}"
    );
    assert!(program.log().contains("texts are missing and stay English"));

    std::fs::write(&texts, "error-title-not-found = N\u{2019}eus netra").unwrap();
    program.signal(Signal::HUP);
    program.wait_log("read again", 0).await;
    let html = text(&browser.get(&url).await.body);
    assert!(html.contains("N\u{2019}eus netra"), "{html}");

    std::fs::write(&texts, "error-status = x\nerror-title-not-found = { $").unwrap();
    program.signal(Signal::HUP);
    program.wait_log("stay as they were", 0).await;
    assert!(
        program.log().contains("br.ftl, line 2: "),
        "{}",
        program.log()
    );
    let html = text(&browser.get(&url).await.body);
    assert!(html.contains("N\u{2019}eus netra"), "{html}");
}

#[tokio::test]
async fn pages_may_fetch_the_operators_logo_and_nothing_else_from_elsewhere() {
    let mut program = program_with("[site]\nlogo_url = \"https://example.com/a/logo.svg\"");
    serve(&mut program).await;
    let mut browser = Http::new().with("accept", "text/html");
    let page = browser.get(&program.url("/nowhere")).await;
    let html = text(&page.body).replace("&#x2f;", "/");
    assert!(html.contains("src=\"https://example.com/a/logo.svg\""));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("img-src 'self' https://example.com;"),
        "{policy}"
    );
    assert_eq!(policy.matches("https:").count(), 1, "{policy}");
}

#[tokio::test]
async fn the_log_has_a_fact_a_line_without_colours_or_as_json() {
    for (settings, is_json) in [("", false), ("[log]\nformat = \"json\"", true)] {
        let mut program = program_with(settings);
        serve(&mut program).await;
        assert!(program.stop().await.success());
        let log = program.log();
        assert!(!log.contains('\u{1b}'), "{log}");
        for line in log.lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert_eq!(parsed.is_ok(), is_json, "{line}");
        }
        assert!(log.contains("serving"), "{log}");
    }
}

#[tokio::test]
async fn rust_log_goes_before_the_configuration() {
    let mut program = program().env("RUST_LOG", "off");
    serve(&mut program).await;
    assert!(program.stop().await.success());
    assert_eq!(program.log(), "");
}

#[tokio::test]
async fn check_says_a_line_each_and_what_to_do() {
    let mut program = program();
    let says = refused(&program, &["check"], 1).await;
    for line in [
        "OK    config: component.toml",
        "OK    pages: ",
        "OK    registration: ",
        "WARN  serve: does not run",
        "OK    keys: ",
        "OK    storage: ",
        "FAIL  link: cannot reach the XMPP server at 127.0.0.1:1",
        "WARN  hosts: ",
        "WARN  public URL: ",
    ] {
        assert!(says.contains(line), "no {line:?} in\n{says}");
    }
    serve(&mut program).await;
    let says = refused(&program, &["check"], 1).await;
    for line in [
        "OK    serve: runs",
        "FAIL  link: cannot reach the XMPP server at 127.0.0.1:1",
        "OK    public URL: http://127.0.0.1:",
        "OK    proxy: ",
    ] {
        assert!(says.contains(line), "no {line:?} in\n{says}");
    }
}

#[tokio::test]
async fn check_finds_a_broken_template_and_a_storage_that_cannot_be_opened() {
    let program = program_with(
        "[site]\ntemplate_path = \"mine\"\n[storage]\nurl = \"sqlite:mine/login.html\"",
    );
    std::fs::create_dir(program.dir().join("mine")).unwrap();
    std::fs::write(program.dir().join("mine/login.html"), "\n{% if %}").unwrap();
    let says = refused(&program, &["check"], 1).await;
    let pages = says.lines().find(|line| line.contains("pages: ")).unwrap();
    assert!(
        pages.starts_with("FAIL") && pages.contains("login.html"),
        "{says}"
    );
    assert!(says.contains("FAIL  storage: "), "{says}");
}

#[tokio::test]
async fn all_grants_of_one_client_are_taken_back_and_it_stays_registered() {
    let program = with_grants().await;
    let shown = json(&program, &["grants", "show", "g-3", "--json"]).await;
    let client = shown["client"].as_str().unwrap();
    let told = done(&program, &["grants", "revoke", "--client", client]).await;
    let left = json(&program, &["grants", "list", "--json"]).await;
    let left = left.as_array().unwrap();
    assert!(left.iter().all(|grant| grant["client"] != client));
    assert_eq!(told.trim(), format!("revoked {} grants", 3 - left.len()));
    assert!(!left.is_empty());
    let clients = column(&program, &["clients", "list", "--json"], "client_name").await;
    assert_eq!(clients, ["Dino", "Gajim"]);
}

#[tokio::test]
async fn a_client_can_be_added_and_removed_again() {
    for is_running in [false, true] {
        let mut program = program();
        if is_running {
            serve(&mut program).await;
        }
        let add = [
            "clients",
            "add",
            "--name",
            "Added",
            "--native",
            "--redirect-uri",
            "http://127.0.0.1/cb",
            "--json",
        ];
        let added = json(&program, &add).await;
        assert!(added["client_secret"].as_str().unwrap().len() >= 32);
        let list = ["clients", "list", "--json"];
        let listed = json(&program, &list).await;
        assert_eq!(listed[0]["client_id"], added["client_id"]);
        assert_eq!(listed[0]["origin"], "added");
        assert_eq!(listed[0]["expires_at"], Value::Null);
        let says = refused(&program, &["clients", "add", "--name", "x"], 1).await;
        assert!(says.contains("redirect_uris"), "{says}");
        let id = added["client_id"].as_str().unwrap();
        done(&program, &["clients", "remove", id]).await;
        assert_eq!(json(&program, &list).await, serde_json::json!([]));
    }
}

#[tokio::test]
async fn a_client_of_the_configuration_is_listed_and_taken_out_there() {
    let program = program_with(
        "[[clients]]\nclient_id = \"written\"\nclient_name = \"Written\"\n\
         application_type = \"native\"\nredirect_uris = [\"http://127.0.0.1/cb\"]\n",
    );
    let listed = json(&program, &["clients", "list", "--json"]).await;
    assert_eq!(listed[0]["client_id"], "written");
    assert_eq!(listed[0]["origin"], "configured");
    let says = refused(&program, &["clients", "remove", "written"], 1).await;
    assert!(says.contains("take it out there"), "{says}");
}

#[tokio::test]
async fn man_pages_and_completions_are_made_for_every_command_that_help_names() {
    let program = program();
    done(&program, &["help-files", "help"]).await;
    let read = |name: &str| std::fs::read_to_string(program.dir().join("help").join(name)).unwrap();
    for name in [
        "xmpp-oauth",
        "xmpp-oauth-storage-backup",
        "xmpp-oauth-storage-copy",
        "xmpp-oauth-grants-revoke",
    ] {
        assert!(read(&format!("{name}.1")).contains(".TH "), "{name}");
    }
    for name in ["xmpp-oauth.bash", "_xmpp-oauth", "xmpp-oauth.fish"] {
        let script = read(name);
        assert!(script.contains("backup"), "{name}");
    }
    // what is only for those who make packages is not for people
    assert!(!read("xmpp-oauth.1").contains("help\\-files"));
    assert!(!program.dir().join("help/xmpp-oauth-help-files.1").exists());
    assert!(!done(&program, &["--help"]).await.contains("help-files"));
}
