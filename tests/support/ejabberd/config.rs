//! The files of an ejabberd: its configuration, and the Erlang that prepares and starts it.

use std::fmt::Write as _;
use std::path::Path;

use super::Wish;
use crate::support::prosody::{
    ADMIN, ALICE, ALICE_ELSEWHERE, BOB, COMPONENT, HOST, OTHER_HOST, Ports, ROOMS, SECOND, SECRET,
    STRANGER,
};

/// `ejabberd.yml`, as the server sees its folder at `dir`. `with_module`: ours is installed.
pub(super) fn yaml(wish: Wish, ports: &Ports, dir: &Path, with_module: bool) -> String {
    let dir = dir.display();
    let components = wish.known_components();
    let known = wish
        .all_components()
        .into_iter()
        .map(|name| format!("{name}: {{password: \"{SECRET}\"}}"));
    let known = known.collect::<Vec<_>>().join(", ");
    let mut yaml = format!(
        r#"
hosts: [{HOST}, {OTHER_HOST}]
loglevel: info
log_rotate_count: 0
certfiles: ["{dir}/certs/localhost.pem"]
ca_file: "{dir}/certs/ca.pem"
auth_method: mnesia
auth_password_format: scram
acme: {{auto: false}}
acl:
  admin: {{user: ["{admin}@{HOST}"]}}
access_rules:
  configure: [{{allow: admin}}]
listen:
  - port: {c2s}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
    starttls_required: {encrypted}
    max_stanza_size: 262144
  - {{port: {c2s_tls}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true}}
  - port: {http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {{/xmpp-websocket: ejabberd_http_ws, /http-bind: mod_bosh}}
  - port: {component}
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    hosts: {{{known}}}
modules:
  mod_adhoc: {{}}
  mod_bosh: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_configure: {{}}
  mod_disco: {{}}
  mod_mam: {{}}
  mod_offline: {{}}
  mod_muc: {{host: {ROOMS}, access_admin: configure}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_last: {{}}
  mod_private: {{}}
  mod_pubsub: {{plugins: [flat, pep]}}
  mod_vcard: {{search: false}}
  mod_register: {{access: all, ip_access: all, allow_modules: all}}
  mod_stream_mgmt: {{resume_timeout: 60}}
"#,
        admin = ADMIN.name,
        encrypted = wish.is_encrypted,
        c2s = ports.c2s,
        c2s_tls = ports.c2s_tls,
        component = ports.component,
        http = ports.http,
    );
    if let Some(address) = wish.component_address {
        // listeners stand before the modules
        let here = format!(
            "  - port: {}\n    ip: \"127.0.0.1\"\n    module: ejabberd_service",
            ports.component
        );
        let there = here.replace("127.0.0.1", &address.to_string());
        let known = format!("\n    global_routes: false\n    hosts: {{{known}}}\n");
        yaml = yaml.replace("\nmodules:\n", &format!("\n{there}{known}modules:\n"));
    }
    if wish.has_fast() {
        yaml += "  mod_auth_fast: {}\n";
    }
    if with_module {
        let component = match components {
            [one] => (*one).to_owned(),
            several => format!("[{}]", several.join(", ")),
        };
        let _ = write!(
            yaml,
            "append_host_config:\n  {HOST}:\n    modules:\n      mod_oauth_component: \
             {{component: {component}, allow_unencrypted: {}}}\n",
            !wish.is_encrypted
        );
    }
    yaml
}

/// What is done once: our module is compiled and installed by ejabberd's own means, accounts are made.
pub(super) fn preparation() -> String {
    let mut erlang = String::from("ok = ext_mod:install(<<\"mod_oauth_component\">>)");
    for user in [ALICE, BOB, ADMIN, ALICE_ELSEWHERE] {
        let _ = write!(
            erlang,
            ", ok = ejabberd_auth:try_register(<<\"{}\">>, <<\"{}\">>, <<\"{}\">>)",
            user.name, user.host, user.password
        );
    }
    erlang + ", io:format(\"all is prepared~n\"), init:stop()."
}
