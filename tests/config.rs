//! `component.toml`: the file that documents it is held against the code, and what is wrong with a
//! file is said with key, line and remedy.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a panic is the finding"
)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use xmpp_oauth::config::{Config, Database, Postgres, PostgresTls, known_keys, load, parse};
use xmpp_oauth::model::{ClientMetadata, MemberKind};
use xmpp_oauth::secrets::Secret;

const DOCUMENTED: &str = include_str!("../component.toml");
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The smallest file that is complete.
const MINIMAL: &str = r#"
[component]
jid = "oauth.example.com"
secret = "s"
[xmpp]
hosts = ["example.com"]
[http]
public_url = "https://auth.example.com"
"#;

fn filled_in(text: &str) -> String {
    text.replace("\"…\"", &format!("{KEY:?}"))
}

/// Uncomments the lines that begin with `mark` and go on with `name = `.
fn uncomment(text: &str, mark: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix(mark) {
            Some(option) if name_of(option).is_some() => option,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn name_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(" = ")?;
    let is_name = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
    is_name.then_some(name)
}

fn read(text: &str) -> Config {
    parse(text, Path::new("/etc/xmpp-oauth")).unwrap()
}

/// What is said about a text, a sentence a line.
fn complaint(text: &str) -> String {
    match parse(text, Path::new("/etc/xmpp-oauth")) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// The minimal file with `line` in `section`, alone or instead of what stood there.
fn with(section: &str, line: &str) -> String {
    let name = line.split_once('=').map_or(line, |(name, _)| name.trim());
    let mut text = String::new();
    let mut inside = "";
    let header = format!("[{section}]");
    let mut found = false;
    for old in MINIMAL.lines() {
        if old.starts_with('[') {
            inside = old;
        }
        let replaced = inside == header && name_of(old) == Some(name);
        if !replaced {
            text.push_str(old);
            text.push('\n');
        }
        if old == header {
            found = true;
            text.push_str(line);
            text.push('\n');
        }
    }
    if !found {
        text.push_str(&format!("{header}\n{line}\n"));
    }
    text
}

/// That one wrong line gives one complaint, about that line, with these words.
#[track_caller]
fn refused(section: &str, line: &str, words: &[&str]) {
    let text = with(section, line);
    let complaint = complaint(&text);
    let number = text.lines().position(|l| l == line).unwrap() + 1;
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    let name = line.split_once('=').map_or(line, |(name, _)| name.trim());
    let start = format!("config, line {number}: {section}.{name} ");
    assert!(complaint.starts_with(&start), "{complaint}\nnot {start}");
    for word in words {
        assert!(complaint.contains(word), "{complaint}\nlacks {word}");
    }
}

#[test]
fn the_documented_file_is_the_defaults() {
    let minimal = filled_in(DOCUMENTED);
    let defaults = uncomment(&minimal, "#");
    assert_ne!(minimal, defaults);
    assert_eq!(read(&minimal), read(&defaults));
    let mut smallest = read(MINIMAL);
    smallest.component.secret = read(&minimal).component.secret;
    assert_eq!(smallest, read(&minimal));
}

#[test]
fn the_documented_examples_are_allowed() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("my-templates")).unwrap();
    for file in [
        "ca.pem",
        "component-secret",
        "database-password",
        "registration-key",
        "initial-access-tokens",
    ] {
        std::fs::write(folder.path().join(file), KEY).unwrap();
    }
    let examples = DOCUMENTED.lines().filter_map(|line| {
        let option = line.strip_prefix("# e.g. ")?;
        Some((line, option, name_of(option)?))
    });
    let mut count = 0;
    for (line, option, name) in examples {
        // An example takes the place of what it excludes.
        let text: String = DOCUMENTED
            .replace(line, option)
            .lines()
            .filter(|other| {
                *other == option
                    || name_of(other) != Some(name.strip_suffix("_file").unwrap_or(name))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let read = parse(&filled_in(&text), folder.path()).map_err(|e| e.to_string());
        let default = parse(&filled_in(DOCUMENTED), folder.path()).unwrap();
        let mut read = read.unwrap_or_else(|e| panic!("{option}: {e}"));
        read.warnings.clear();
        if name != "secret_file" {
            assert_ne!(read, default, "{option} changes nothing");
        }
        count += 1;
    }
    assert!(count >= 8, "only {count} examples were found");
}

#[test]
fn the_documented_file_has_every_option_and_no_other() {
    let text = uncomment(&uncomment(DOCUMENTED, "# e.g. "), "#");
    let mut section = String::new();
    let mut documented = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some(name) = name_of(line) {
            documented.insert(format!("{section}{name}"));
        }
    }
    let known: BTreeSet<String> = known_keys().into_iter().collect();
    assert_eq!(documented, known);
}

#[test]
fn every_option_has_a_comment_above_it() {
    let mut above = "";
    for line in DOCUMENTED.lines() {
        let option = line.trim_start_matches("# e.g. ").trim_start_matches('#');
        if line.is_empty() {
            above = "";
        } else if name_of(option).is_none() {
            above = line;
        } else {
            assert!(above.starts_with("# "), "{line} is not explained");
        }
    }
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("component.toml");
    std::fs::write(&file, MINIMAL).unwrap();
    let config = load(&file).unwrap();
    assert_eq!(
        config.storage.database,
        Database::Sqlite(folder.path().join("xmpp-oauth.db"))
    );
    assert_eq!(config.control_socket, folder.path().join("xmpp-oauth.sock"));
    let absolute = read(&with("storage", "url = \"sqlite:/var/lib/x.db\""));
    let database = absolute.storage.database.to_string();
    assert_eq!(database, "/var/lib/x.db");
}

fn postgres(lines: &str) -> Postgres {
    match read(&format!("{MINIMAL}[storage]\n{lines}"))
        .storage
        .database
    {
        Database::Postgres(postgres) => postgres,
        Database::Sqlite(path) => panic!("{}", path.display()),
    }
}

#[test]
fn a_database_of_postgresql_is_named_by_its_url() {
    let there = postgres("url = 'postgres://oauth@db.example.com/tokens'");
    assert_eq!(there.hosts, [("db.example.com".to_owned(), 5432)]);
    assert_eq!(
        (there.user.as_str(), there.name.as_str()),
        ("oauth", "tokens")
    );
    assert_eq!((there.password, there.connections), (None, 8));
    // whoever is off this machine proves who it is
    assert_eq!(there.tls, Some(PostgresTls::default()));
    let open = postgres("url = 'postgres://oauth@10.0.0.2/tokens?sslmode=disable'");
    assert_eq!(open.tls, None);

    let here = postgres("url = 'postgresql://oauth@[::1]:5433'\npassword = 'p'\nconnections = 20");
    assert_eq!(here.hosts, [("::1".to_owned(), 5433)]);
    assert_eq!((here.name.as_str(), here.tls), ("oauth", None));
    assert_eq!(
        (here.password, here.connections),
        (Some(Secret::new("p")), 20)
    );
    let socket = postgres("url = 'postgres://oauth@%2Frun%2Fpostgresql/tokens'");
    assert_eq!(socket.hosts, [("/run/postgresql".to_owned(), 5432)]);
    let socket = postgres("url = 'postgres:///tokens?user=oauth&host=/run/postgresql'");
    assert_eq!(
        (socket.hosts[0].0.as_str(), socket.tls),
        ("/run/postgresql", None)
    );
    let several = postgres("url = 'postgres:///tokens?user=oauth&host=a,b&port=5432,5433'");
    let hosts = [("a".to_owned(), 5432), ("b".to_owned(), 5433)];
    assert_eq!(several.hosts, hosts);

    let with_password = postgres("url = 'postgres://oauth:p%40ss@h/d'");
    assert_eq!(with_password.password, Some(Secret::new("p@ss")));
    let shown = with_password.to_string();
    assert_eq!(shown, "postgres://oauth@h:5432/d");
    assert!(
        !format!("{with_password:?}").contains("ss\""),
        "{with_password:?}"
    );
    let twice = with(
        "storage",
        "url = 'postgres://u:hunter2@h/d'\npassword = 'p'",
    );
    let complaint = complaint(&twice);
    assert!(
        complaint.contains("keep one") && !complaint.contains("hunter2"),
        "{complaint}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(Path::new("/nowhere/component.toml")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("/nowhere/component.toml: cannot be read: "),
        "{text}"
    );
}

#[test]
fn an_unknown_key_is_refused_and_the_nearest_named() {
    refused(
        "tokens",
        "acces_token_ttl = \"1h\"",
        &["is not an option", "did you mean tokens.access_token_ttl?"],
    );
    refused(
        "flows",
        "colour = \"red\"",
        &["is not an option", "known here are allowed_grant_types"],
    );
    let text = complaint(&format!("{MINIMAL}[regstration]\n"));
    assert_eq!(
        text,
        "config, line 9: regstration is not an option: did you mean registration?"
    );
    let text = complaint(&format!("colour = 1\n{MINIMAL}"));
    assert!(
        text.starts_with("config, line 1: colour is not an option: known here are "),
        "{text}"
    );
}

#[test]
fn options_that_do_nothing_yet_are_unknown() {
    refused(
        "flows",
        "allowed_grant_types = [\"authorization_code\", \"implicit\"]",
        &["\"authorization_code\" or \"refresh_token\""],
    );
    refused(
        "storage",
        "url = \"mysql://u:hunter2@h/d\"",
        &[
            "\"sqlite:PATH\"",
            "\"postgres://USER@HOST/DATABASE\"",
            "\"mysql:…\"",
        ],
    );
    for (url, words) in [
        ("postgres:u:hunter2@h/d", "not \"postgres:…\""),
        ("postgres://:hunter2@h:x/d", "is no URL"),
        ("postgres:///d?user=u", "names no host"),
        ("postgres://:hunter2@h/d", "names no user"),
        (
            "postgres://u:hunter2@h/d?sslmode=require",
            "verify-full (the default",
        ),
        ("postgres://u:hunter2@h/d?sslrootcert=none", "/none"),
        (
            "postgres://u:hunter2@h/d?password=x",
            "a parameter \"password\"",
        ),
        ("postgres://u@/d?host=a,b&port=1,2,3", "is no URL"),
        (
            "postgres:///d?user=u&host=a,b&port=1,2,3",
            "another number of ports",
        ),
    ] {
        let line = format!("url = {url:?}");
        refused("storage", &line, &[words]);
        let complaint = complaint(&with("storage", &line));
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
    refused("site", "locales = [\"tlh\"]", &["\"en\"", "TAG.ftl"]);
    refused("site", "locales = [\"../en\"]", &["\"en\"", "TAG.ftl"]);
}

#[test]
fn a_security_policy_says_what_pages_load_and_nothing_else() {
    for (line, words) in [
        ("security_policy = \"\"", "must be directives such as"),
        (
            "security_policy = \"img-src é\"",
            "must be directives such as",
        ),
        (
            "security_policy = \"img-src a, default-src *\"",
            "without a comma",
        ),
        (
            "security_policy = \"img-src *; Form-Action *\"",
            "must not hold form-action",
        ),
    ] {
        refused("site", line, &[words]);
    }
    let config = read(&with("site", "security_policy = \"default-src 'self';\""));
    let policy = config.site.security_policy;
    assert_eq!(policy.as_deref(), Some("default-src 'self'"));
}

#[test]
fn the_device_grant_has_a_short_name() {
    let config = read(&with("flows", "allowed_grant_types = [\"device_code\"]"));
    let device = xmpp_oauth::model::GrantType::DeviceCode;
    assert_eq!(config.flows.allowed_grant_types, [device]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    refused("component", "jid = 5", &["must be a text in quotes, not 5"]);
    refused(
        "xmpp",
        "hosts = \"example.com\"",
        &["must be a list of texts, not \"example.com\""],
    );
    refused("xmpp", "hosts = [1]", &["must be a text in quotes, not 1"]);
    refused(
        "flows",
        "require_code_challenge = \"yes\"",
        &["must be true or false, not \"yes\""],
    );
    refused(
        "limits",
        "max_connections = \"many\"",
        &["must be a whole number from 1 to 65535, not \"many\""],
    );
    refused("xmpp", "c2s = 1", &["must be a table, not 1"]);
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let text = complaint("[component]\njid = oauth.example.com\n");
    assert!(
        text.starts_with("config, line 2: this is not TOML: "),
        "{text}"
    );
    assert!(!text.contains("missing"), "{text}");
    let text = complaint(&format!("{MINIMAL}public_url = \"https://b.example\"\n"));
    assert!(
        text.starts_with("config, line 9: this is not TOML: "),
        "{text}"
    );
}

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = complaint("[tokens]\naccess_token_ttl = \"1\"\n[limits]\nmax_connections = 0\n");
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("config, line 2: tokens.access_token_ttl "),
        "{text}"
    );
    assert!(
        lines[1].starts_with("config, line 4: limits.max_connections "),
        "{text}"
    );
    for missing in [
        "component.jid",
        "component.secret",
        "xmpp.hosts",
        "http.public_url",
    ] {
        assert!(
            text.contains(&format!("config: {missing} is missing: ")),
            "{missing}: {text}"
        );
    }
    assert_eq!(lines.len(), 6, "{text}");
}

#[test]
fn an_admin_is_an_account_of_a_served_host() {
    for wrong in [
        "admin@elsewhere.example",
        "example.com",
        "admin@example.com/desk",
        "@",
    ] {
        refused(
            "xmpp",
            &format!("admins = [\"{wrong}\"]"),
            &["must be an account of one of xmpp.hosts"],
        );
    }
}

#[test]
fn lengths_of_time_have_a_unit_and_limits() {
    refused(
        "tokens",
        "access_token_ttl = \"1 hour\"",
        &["such as \"90s\" or \"30d\", not \"1 hour\""],
    );
    refused(
        "tokens",
        "access_token_ttl = \"none\"",
        &["a whole number above 0 and a unit"],
    );
    refused(
        "tokens",
        "access_token_ttl = 3600",
        &["must be a text in quotes, not 3600"],
    );
    refused(
        "tokens",
        "access_token_ttl = \"365d\"",
        &["must be from \"1m\" to \"30d\""],
    );
    refused(
        "tokens",
        "authorization_code_ttl = \"11m\"",
        &["to \"10m\""],
    );
    refused(
        "tokens",
        "refresh_token_ttl = \"never\"",
        &["must be \"none\" or a whole number"],
    );
    refused(
        "tokens",
        "refresh_token_ttl = \"10m\"",
        &["at least tokens.access_token_ttl (\"1h\")"],
    );
    refused(
        "registration",
        "default_ttl = \"0d\"",
        &["must be \"none\" or a whole number above 0"],
    );
    let config = read(&with("tokens", "refresh_token_ttl = \"2w\""));
    assert_eq!(
        config.tokens.refresh_token_ttl,
        Some(Duration::from_secs(14 * 86_400))
    );
}

#[test]
fn secrets_may_stand_in_files() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let text = MINIMAL.replace("secret = \"s\"", "secret_file = \"secret\"");
    let config = parse(&text, folder.path()).unwrap();
    assert_eq!(config.component.secret.expose(), "hunter2");
    assert_eq!(config.warnings, Vec::<String>::new());

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let config = parse(&text, folder.path()).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("every user of this machine can read"));

    std::fs::write(&file, "\n").unwrap();
    let error = parse(&text, folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("component.secret_file names ") && error.contains("must not be empty"),
        "{error}"
    );

    std::fs::remove_file(&file).unwrap();
    let error = parse(&text, folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("component.secret_file names ") && error.contains("cannot be read"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");

    let both = with("component", "secret_file = \"secret\"");
    std::fs::write(&file, "hunter2\n").unwrap();
    let error = parse(&both, folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("component.secret_file and component.secret are both set"),
        "{error}"
    );
}

#[test]
fn a_config_with_secrets_that_everybody_can_read_is_warned_about() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("component.toml");
    std::fs::write(
        &file,
        format!("{MINIMAL}[registration]\nregistration_key = {KEY:?}\n"),
    )
    .unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(load(&file).unwrap().warnings.len(), 1);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(load(&file).unwrap().warnings.len(), 0);
}

#[test]
fn secrets_must_be_filled_in_and_never_show_in_what_is_said() {
    refused(
        "component",
        "secret = \"…\"",
        &["put a secret of your own there"],
    );
    refused("component", "secret = \"\"", &["must not be empty"]);
    refused(
        "registration",
        "registration_key = \"hunter2\"",
        &["must have at least 32 characters, it has 7"],
    );
    let text = complaint(&with("registration", "registration_key = \"hunter2\""));
    assert!(!text.contains("hunter2"), "{text}");
    let config = read(&with(
        "registration",
        &format!("registration_key = {KEY:?}"),
    ));
    assert!(!format!("{config:?}").contains(KEY));
    assert!(config.registration.registration_key.is_some());
    assert!(read(MINIMAL).registration.registration_key.is_none());
}

#[test]
fn the_public_url_is_an_issuer() {
    let http = [
        "https://",
        "http is for loopback only (127.0.0.1, [::1], localhost)",
    ];
    refused("http", "public_url = \"http://auth.example.com\"", &http);
    refused("http", "public_url = \"http://10.0.0.1\"", &http);
    refused(
        "http",
        "public_url = \"https://auth.example.com/oauth\"",
        &["must have no path, such as \"https://auth.example.com\""],
    );
    refused(
        "http",
        "public_url = \"https://auth.example.com/?a=b\"",
        &["no query and no fragment"],
    );
    refused(
        "http",
        "public_url = \"https://auth.example.com/#a\"",
        &["no query and no fragment"],
    );
    refused(
        "http",
        "public_url = \"https://u:p@auth.example.com\"",
        &["user name"],
    );
    refused(
        "http",
        "public_url = \"ftp://auth.example.com\"",
        &["a URL such as"],
    );
    refused(
        "http",
        "public_url = \"auth.example.com\"",
        &["a URL such as"],
    );
    for good in [
        "http://127.0.0.1:8480",
        "http://[::1]:8480",
        "http://localhost:8480/",
        "https://auth.example.com/",
    ] {
        let config = read(&with("http", &format!("public_url = \"{good}\"")));
        assert_eq!(config.http.issuer(), good.trim_end_matches('/'));
    }
}

#[test]
fn addresses_are_checked() {
    refused(
        "http",
        "listen = \"localhost:8480\"",
        &["an IP address and a port"],
    );
    refused(
        "http",
        "listen = \"127.0.0.1\"",
        &["an IP address and a port"],
    );
    refused(
        "http",
        "ops_listen = \"off\"",
        &["must be \"none\" or an IP address and a port"],
    );
    refused(
        "http",
        "ops_listen = \"127.0.0.1:8480\"",
        &["must differ from http.listen"],
    );
    refused(
        "http",
        "trusted_proxies = [\"proxy.example\"]",
        &["an IP address or a network"],
    );
    refused(
        "http",
        "trusted_proxies = [\"0.0.0.0/0\"]",
        &["an IP address or a network"],
    );
    refused(
        "component",
        "server = \"127.0.0.1\"",
        &["a host and a port"],
    );
    assert_eq!(
        read(&with("http", "ops_listen = \"none\"")).http.ops_listen,
        None
    );
}

#[test]
fn passwords_travel_in_the_open_only_on_loopback() {
    refused(
        "component",
        "server = \"xmpp.example.com:5347\"",
        &["allow_plaintext_network = true"],
    );
    let text = with(
        "component",
        "server = \"10.0.0.1:5347\"\nallow_plaintext_network = true",
    );
    assert_eq!(read(&text).component.server, "10.0.0.1:5347");
    refused(
        "xmpp.c2s",
        "tls = \"none\"",
        &["only with xmpp.c2s.address on loopback"],
    );
    let away = format!("{MINIMAL}[xmpp.c2s]\ntls = \"none\"\naddress = \"10.0.0.1:5222\"\n");
    assert!(complaint(&away).contains("line 10: xmpp.c2s.tls may be \"none\" only"));
    let here = away.replace("10.0.0.1", "127.0.0.1");
    assert!(read(&here).xmpp.c2s.address.is_some());
}

#[test]
fn hosts_are_domains_and_not_the_component() {
    refused("xmpp", "hosts = []", &["at least one domain"]);
    refused(
        "xmpp",
        "hosts = [\"a.example\", \"A.example\"]",
        &["holds \"A.example\" twice"],
    );
    refused(
        "xmpp",
        "hosts = [\"alice@a.example\"]",
        &["a domain without"],
    );
    refused(
        "xmpp",
        "hosts = [\"oauth.example.com\"]",
        &["is component.jid itself"],
    );
    refused(
        "component",
        "jid = \"oauth@example.com\"",
        &["a domain without"],
    );
    refused("component", "jid = \"\"", &["a domain such as"]);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    refused(
        "flows",
        "allowed_code_challenge_methods = []",
        &["while flows.require_code_challenge is true"],
    );
    refused(
        "flows",
        "allowed_grant_types = [\"refresh_token\"]",
        &["must hold \"authorization_code\""],
    );
    refused(
        "flows",
        "allowed_response_types = []",
        &["must hold \"code\""],
    );
    refused(
        "flows",
        "allowed_grant_types = [\"authorization_code\", \"password\"]",
        &["flows.password_clients must name the apps of yours"],
    );
    let text = with(
        "flows",
        "allowed_code_challenge_methods = []\nrequire_code_challenge = false",
    );
    assert!(!read(&text).flows.require_code_challenge);
}

#[test]
fn choices_and_limits_name_what_is_allowed() {
    refused(
        "xmpp",
        "authentication = \"ldap\"",
        &["must be \"module\" or \"c2s\", not \"ldap\""],
    );
    refused(
        "xmpp",
        "validate_hosts = [\"elsewhere.example\"]",
        &["must be one of xmpp.hosts, not \"elsewhere.example\""],
    );
    refused(
        "xmpp",
        "validate_hosts = [\"example.com\"]",
        &["keep no passwords", "xmpp.c2s.address"],
    );
    refused(
        "xmpp.c2s",
        "tls = \"tls\"",
        &["\"starttls\" or \"direct\" or \"none\""],
    );
    refused(
        "xmpp.c2s",
        "mechanisms = [\"X-OAUTH2\"]",
        &["SCRAM-SHA-256"],
    );
    refused("xmpp.c2s", "mechanisms = []", &["at least one"]);
    refused(
        "xmpp.c2s",
        "ca_file = \"missing.pem\"",
        &["a file that exists, unlike /etc/xmpp-oauth/missing.pem"],
    );
    refused(
        "site",
        "template_path = \"missing\"",
        &["a folder that exists"],
    );
    refused("site", "site_name = \" \"", &["must not be empty"]);
    refused(
        "registration",
        "registration_algorithm = \"none\"",
        &["\"HS256\" or \"HS384\" or \"HS512\""],
    );
    refused(
        "log",
        "level = \"loud\"",
        &["error, warn, info, debug, trace"],
    );
    refused("log", "level = \"\"", &["error, warn, info, debug, trace"]);
    refused("log", "format = \"xml\"", &["\"text\" or \"json\""]);
    refused("fetch", "allow_private = \"yes\"", &["true or false"]);
    refused("fetch", "ca_file = \"missing.pem\"", &["missing.pem"]);
    refused(
        "introspection",
        "allowed = [\"\"]",
        &["a JID or a client_id"],
    );
    for line in [
        "max_connections = 0",
        "max_body_size = 0",
        "password_tries_per_account = 0",
        "cached_tokens = 0",
        "max_connections = -1",
        "max_connections = 1.5",
    ] {
        refused("limits", line, &["a whole number from "]);
    }
    refused("limits", "request_timeout = \"0s\"", &["above 0"]);
    let long = format!("control_socket = \"/{}\"\n{MINIMAL}", "x".repeat(120));
    assert!(
        complaint(&long)
            .starts_with("config, line 1: control_socket must be a path of at most 107 bytes")
    );
}

#[test]
fn the_documented_client_is_allowed() {
    let block: String = DOCUMENTED
        .lines()
        .skip_while(|line| *line != "# [[clients]]")
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let block = block.lines().filter(|line| {
        line.starts_with('[') || name_of(line).is_some_and(|name| name != "client_secret_file")
    });
    let block: Vec<_> = block.collect();
    assert!(block.len() > 5, "{block:?}");
    let text = format!("{MINIMAL}{}\n", filled_in(&block.join("\n")));
    let clients = read(&text).clients;
    assert_eq!(clients[0].client_id, "my-app");
    assert!(clients[0].client_secret.is_some());
}

#[test]
fn a_client_that_is_written_down_can_say_whatever_one_that_registers_can() {
    let block: String = DOCUMENTED
        .lines()
        .skip_while(|line| *line != "# [[clients]]")
        .take_while(|line| line.starts_with('#'))
        .collect();
    let mut text = format!("{MINIMAL}[[clients]]\nclient_id = \"a\"\n");
    for (name, kind) in ClientMetadata::MEMBERS {
        assert!(block.contains(name), "{name} is not documented");
        let value = match kind {
            MemberKind::Text => "\"x\"",
            MemberKind::Texts => "[\"x\"]",
            MemberKind::Flag => "true",
            MemberKind::Number => "1",
            MemberKind::Object => "{ keys = [{ kty = \"OKP\", crv = \"Ed25519\" }], n = 1 }",
        };
        text.push_str(&format!("{name} = {value}\n"));
    }
    let said = &read(&text).clients[0].metadata;
    assert_eq!(
        said.as_object().unwrap().len(),
        ClientMetadata::MEMBERS.len()
    );
    assert_eq!(said["jwks"]["keys"][0]["crv"], "Ed25519");
    assert_eq!(said["contacts"][0], "x");
    assert_eq!(said["require_auth_time"], true);
    assert_eq!(said["default_max_age"], 1);
}

#[test]
fn the_documented_resource_is_allowed() {
    let block: String = DOCUMENTED
        .lines()
        .skip_while(|line| *line != "# [[resources]]")
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let resources = read(&format!("{MINIMAL}{block}")).resources;
    let [files] = resources.as_slice() else {
        panic!("{resources:?}");
    };
    assert_eq!(
        (files.uri.as_str(), files.name.as_str()),
        ("https://files.example.com", "Files")
    );
    assert_eq!(files.scopes.len(), 2);
    assert_eq!(files.access_token_ttl, Duration::from_secs(300));
}

#[test]
fn a_resource_that_could_be_taken_for_another_is_refused() {
    let one = |uri: &str, scopes: &str| {
        format!("[[resources]]\nuri = \"{uri}\"\nname = \"A\"\nscopes = {scopes}\n")
    };
    let good = one("https://a.example", "{ \"a\" = \"A\" }");
    assert_eq!(read(&format!("{MINIMAL}{good}")).resources.len(), 1);
    for (more, words) in [
        (one("a.example", "{ \"b\" = \"B\" }"), "an absolute URI"),
        (
            one("https://b.example#c", "{ \"b\" = \"B\" }"),
            "an absolute URI",
        ),
        (
            one("xmpp:example.com", "{ \"b\" = \"B\" }"),
            "an absolute URI",
        ),
        (
            one("https://auth.example.com/", "{ \"b\" = \"B\" }"),
            "http.public_url",
        ),
        (one("https://a.example", "{ \"b\" = \"B\" }"), "twice"),
        (
            one("https://b.example", "{ \"a\" = \"A\" }"),
            "has the scope \"a\" at",
        ),
        (one("https://b.example", "{}"), "at least one scope"),
        (one("https://b.example", "{ \"b\" = \"\" }"), "in words"),
        (
            one("https://b.example", "{ \"openid\" = \"B\" }"),
            "of the service's own",
        ),
        (
            one("https://b.example", "{ \"xmpp:b\" = \"B\" }"),
            "of the service's own",
        ),
        (
            one("https://b.example", "{ \"b c\" = \"B\" }"),
            "of the service's own",
        ),
        (
            one(
                "https://b.example",
                "{ \"b\" = \"B\" }\naccess_token_ttl = \"6m\"",
            ),
            "must be from \"10s\" to \"5m\"",
        ),
        (
            format!(
                "{}[[clients]]\nclient_id = \"https://b.example\"\n",
                one("https://b.example", "{ \"b\" = \"B\" }")
            ),
            "the client_id of a client",
        ),
        (
            "[[resources]]\nname = \"A\"\n".to_owned(),
            "resources.uri is missing",
        ),
    ] {
        let complaint = complaint(&format!("{MINIMAL}{good}{more}"));
        assert!(complaint.contains(words), "{complaint}\nlacks {words}");
    }
}

#[test]
fn what_is_wrong_with_a_client_is_told_with_its_line() {
    for (line, words) in [
        ("client_id = 5", "must be a text"),
        ("client_secret = \"short\"", "at least 32 characters"),
        ("jwks = \"{}\"", "must be a table"),
        ("jwks = { keys = [1.5] }", "has no place there"),
        ("default_max_age = -1", "must be a whole number"),
        (
            "redirect_uri = \"x\"",
            "did you mean clients.redirect_uris?",
        ),
    ] {
        let text = format!("{MINIMAL}[[clients]]\nclient_id = \"a\"\n[[clients]]\n{line}\n");
        let complaint = complaint(&text);
        assert!(complaint.contains("line 12: clients."), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    }
    let text = format!("clients = 1\n{MINIMAL}");
    assert!(complaint(&text).contains("each begun by [[clients]]"));
}

#[test]
fn registration_by_token_needs_a_token() {
    refused(
        "registration",
        "open_to = \"token\"",
        &["registration.initial_access_token"],
    );
    refused(
        "registration",
        "open_to = \"friends\"",
        &["\"anyone\" or \"token\" or \"nobody\""],
    );
    refused(
        "registration",
        "initial_access_token = \"short\"",
        &["at least 32 characters"],
    );
}

#[test]
fn rs256_stays_and_keys_live_longer_than_what_they_signed() {
    refused(
        "tokens",
        "id_token_algorithms = [\"ES256\"]",
        &["must hold \"RS256\""],
    );
    refused("tokens", "id_token_algorithms = [\"none\"]", &["\"EdDSA\""]);
    refused("tokens", "signing_key_ttl = \"1h\"", &["at least \"2d\""]);
}
