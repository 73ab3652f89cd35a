//! The files of a Prosody: its configuration, accounts, certificates and modules.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sasl::common::Password;
use sasl::common::scram::{ScramProvider, Sha1};

use super::builder::Builder;
use super::{COMPONENT, HOST, OTHER_HOST, Ports, ROOMS, SECRET};

/// The server module, under server-modules/prosody/.
pub(super) const OAUTH_MODULE: &str = "oauth_component";

/// Says in the log that all is loaded: Prosody itself does not.
const READY_MODULE: &str = r#"
module:set_global();
module:hook("server-started", function () module:log("info", "all is loaded"); end);
"#;

/// Global modules of an ordinary server. Port services (c2s, component) load by themselves.
const MODULES: &[&str] = &[
    "roster",
    "saslauth",
    "tls",
    "disco",
    "carbons",
    "pep",
    "private",
    "blocklist",
    "vcard4",
    "vcard_legacy",
    "version",
    "uptime",
    "time",
    "ping",
    "register",
    "mam",
    "admin_adhoc",
    "admin_shell",
    "test_ready",
];

/// Writes all but the configuration, which depends on the ports.
pub(super) fn write_files(dir: &Path, builder: &Builder) {
    let modules = dir.join("modules");
    let certificates = dir.join("certs");
    fs::create_dir_all(&modules).expect("a folder");
    fs::create_dir_all(&certificates).expect("a folder");
    fs::write(modules.join("mod_test_ready.lua"), READY_MODULE).expect("a module");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("server-modules/prosody");
    let others = ours
        .read_dir()
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a file").path());
    for path in others
        .chain(builder.module_files.iter().cloned())
        .filter(|path| path.is_file())
    {
        let to = modules.join(path.file_name().expect("a file's name"));
        fs::copy(&path, to).expect("copy a module");
    }
    for (host, name, password) in &builder.users {
        write_account(dir, host, name, password);
    }
    write_certificates(&certificates);
}

/// An account as `internal_hashed` keeps it.
fn write_account(dir: &Path, host: &str, name: &str, password: &str) {
    const ITERATIONS: u32 = 10_000;
    let salt = format!("salt of {name}@{host}");
    let salted = Sha1::derive(
        &Password::Plain(password.into()),
        salt.as_bytes(),
        ITERATIONS,
    )
    .expect("a derived password");
    let client_key = Sha1::hmac(b"Client Key", &salted).expect("an HMAC");
    let stored_key = hex(&Sha1::hash(&client_key));
    let server_key = hex(&Sha1::hmac(b"Server Key", &salted).expect("an HMAC"));
    let accounts = dir.join("data").join(encoded(host)).join("accounts");
    fs::create_dir_all(&accounts).expect("a folder");
    let record = format!(
        "return {{ iteration_count = {ITERATIONS}; salt = {salt:?}; \
         stored_key = {stored_key:?}; server_key = {server_key:?}; }};\n"
    );
    fs::write(accounts.join(encoded(name) + ".dat"), record).expect("an account");
}

/// A CA of this server alone, and one certificate for all its names.
pub(crate) fn write_certificates(dir: &Path) {
    write_certificates_for(dir, &[HOST, OTHER_HOST, COMPONENT]);
}

/// A CA of its own, and one certificate for all these names.
pub(crate) fn write_certificates_for(dir: &Path, names: &[&str]) {
    // A year that Erlang can count the milliseconds to.
    let until = rcgen::date_time_ymd(2040, 1, 1);
    let mut ca = CertificateParams::new([]).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.not_after = until;
    // Another name than the certificate's, or OpenSSL takes that for self-signed.
    ca.distinguished_name
        .push(DnType::CommonName, "the CA of the tests");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let names = names.iter().copied().map(String::from);
    let mut certificate = CertificateParams::new(names.collect::<Vec<_>>()).expect("parameters");
    certificate.not_after = until;
    let certificate = certificate.signed_by(&key, &ca);
    fs::write(dir.join("ca.pem"), ca.pem()).expect("the CA");
    fs::write(
        dir.join("localhost.crt"),
        certificate.expect("a certificate").pem(),
    )
    .expect("file");
    fs::write(dir.join("localhost.key"), key.serialize_pem()).expect("the key");
}

/// The configuration, as the server sees its folder at `dir`.
pub(super) fn lua(builder: &Builder, ports: &Ports, dir: &Path) -> String {
    let dir = dir.display();
    let modules = quoted(
        MODULES
            .iter()
            .copied()
            .chain(builder.global_modules.iter().copied()),
    );
    let mut lua = format!(
        r#"
run_as_root = true
data_path = "{dir}/data"
plugin_paths = {{ "{dir}/modules" }}
certificates = "{dir}/certs"
log = {{ {{ levels = {{ min = "{log_level}" }}, to = "file", filename = "{dir}/prosody.log" }} }}
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
admins = {{ "admin@{HOST}" }}
network_settings = {{ nagle = false }}
modules_enabled = {{ {modules} }}
modules_disabled = {{ "s2s" }}
c2s_ports = {{ {c2s} }}
c2s_direct_tls_ports = {{ {c2s_tls} }}
component_ports = {{ {component} }}
component_conflict_resolve = "kick_new"
http_ports = {{ {http} }}
https_ports = {{}}
c2s_require_encryption = {encrypted}
allow_unencrypted_plain_auth = {plaintext}
"#,
        log_level = builder.log_level,
        c2s = ports.c2s,
        c2s_tls = ports.c2s_tls,
        component = ports.component,
        http = ports.http,
        encrypted = builder.require_encryption,
        plaintext = !builder.require_encryption,
    );
    lua += &builder.global_lines;
    let ours = builder.oauth_module.then_some(OAUTH_MODULE);
    let modules = quoted(ours.into_iter().chain(builder.host_modules.iter().copied()));
    let _ = writeln!(
        lua,
        "\nVirtualHost \"{HOST}\"\nmodules_enabled = {{ {modules} }}"
    );
    if builder.oauth_module {
        let _ = writeln!(lua, "{OAUTH_MODULE} = \"{COMPONENT}\"");
    }
    lua += &builder.host_lines;
    let _ = writeln!(lua, "\nVirtualHost \"{OTHER_HOST}\"");
    lua += &builder.other_host_lines;
    let _ = writeln!(
        lua,
        "\nComponent \"{ROOMS}\" \"muc\"\ncomponent_admins_as_room_owners = true"
    );
    let _ = writeln!(
        lua,
        "\nComponent \"{COMPONENT}\"\ncomponent_secret = \"{SECRET}\""
    );
    lua + &builder.component_lines
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A name as Prosody's data folder has it: all but ASCII letters and digits as `%xx`.
fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02x}"),
    };
    name.bytes().map(byte).collect()
}
