//! `init`: a component.toml with fresh secrets, and what belongs into the server's configuration.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jid::DomainPart;
use url::Url;

use super::{WRONG, output};
use crate::config;
use crate::secrets::{OsRandom, random_text};

/// Write a component.toml with fresh secrets where --config says, and print what to paste into the
/// XMPP server's configuration.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// The XMPP server.
    #[arg(long, value_enum, default_value = "prosody")]
    server: ServerKind,
    /// The domain whose accounts may log in.
    #[arg(long, value_name = "DOMAIN", default_value = "example.com")]
    host: DomainPart,
    /// The component's own domain [default: oauth.HOST]
    #[arg(long, value_name = "DOMAIN")]
    component_jid: Option<DomainPart>,
    /// Where people and clients reach it [default: auth.HOST, by https]
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ServerKind {
    Prosody,
    Ejabberd,
}

pub(super) fn run(arguments: &Init, file: &Path) -> ExitCode {
    let plan = Plan::new(arguments);
    let text = plan.component_toml();
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    if let Err(error) = config::parse(&text, folder) {
        output::error(error);
        return ExitCode::from(WRONG);
    }
    if let Err(error) = write(file, &text) {
        output::error(error);
        return ExitCode::FAILURE;
    }
    match arguments.server {
        ServerKind::Prosody => output::line(plan.for_prosody(file)),
        ServerKind::Ejabberd => output::line(plan.for_ejabberd(file)),
    }
    ExitCode::SUCCESS
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let written = opened.and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!(
            "{} is there already and stays as it is: its secrets may be in use. Give another \
             --config, or move it away",
            file.display()
        ),
        _ => format!("{} cannot be written: {error}", file.display()),
    })
}

/// What is to be written.
struct Plan {
    host: DomainPart,
    jid: String,
    public_url: String,
    secret: String,
    registration_key: String,
}

impl Plan {
    fn new(arguments: &Init) -> Self {
        let host = &arguments.host;
        let own = arguments.component_jid.as_ref();
        let url = arguments.public_url.as_ref();
        Self {
            jid: own.map_or_else(|| format!("oauth.{host}"), ToString::to_string),
            public_url: match url {
                Some(url) => url.as_str().trim_end_matches('/').to_owned(),
                None if host.as_str() == "localhost" => "http://localhost:8480".to_owned(),
                None => format!("https://auth.{host}"),
            },
            host: host.clone(),
            secret: random_text::<32>(&OsRandom),
            registration_key: random_text::<48>(&OsRandom),
        }
    }

    fn component_toml(&self) -> String {
        let Self {
            host,
            jid,
            public_url,
            secret,
            registration_key,
        } = self;
        format!(
            r#"# xmpp-oauth's configuration. It holds secrets: keep it to yourself (mode 0600).
# The component.toml that comes with the program shows and explains every option.

[component]
jid = "{jid}"
# The same stands in the XMPP server's configuration.
secret = "{secret}"
#server = "127.0.0.1:5347"

[xmpp]
# Whose accounts may log in. Each of these domains needs the server module.
hosts = ["{host}"]

[http]
# A reverse proxy with TLS passes public_url on to here.
#listen = "127.0.0.1:8480"
# Clients remember it: choose it well, and keep it.
public_url = "{public_url}"
#trusted_proxies = ["127.0.0.1", "::1"]

[storage]
# Back it up, together with registration_key.
#url = "sqlite:xmpp-oauth.db"

[site]
site_name = "{host}"

[registration]
# Signs client_ids. Clients stop working when it changes.
registration_key = "{registration_key}"
"#
        )
    }

    fn for_prosody(&self, file: &Path) -> String {
        let Self {
            host, jid, secret, ..
        } = self;
        format!(
            r#"Wrote {} (mode 0600).

Paste this into Prosody's configuration (prosody.cfg.lua):

-- with the global options, at the top (add to plugin_paths if it is there already)
plugin_paths = {{ "{}" }}

-- in the section of {host} (add to its modules_enabled if it is there already)
VirtualHost "{host}"
    modules_enabled = {{ "oauth_component" }}
    oauth_component = "{jid}"

-- at the end
Component "{jid}"
    component_secret = "{secret}"

Then restart Prosody, and look whether all is well: xmpp-oauth --config {} check"#,
            file.display(),
            module_folder("prosody").display(),
            file.display(),
        )
    }

    fn for_ejabberd(&self, file: &Path) -> String {
        let Self {
            host, jid, secret, ..
        } = self;
        format!(
            r#"Wrote {} (mode 0600).

Install the module (as the user that ejabberd runs as; Debian needs erlang-dev and erlang-p1-xmpp):

    mkdir -p ~/.ejabberd-modules/sources
    cp -r {} ~/.ejabberd-modules/sources/
    ejabberdctl module_install mod_oauth_component

Paste this into ejabberd's configuration (ejabberd.yml):

# under listen, beside what is there
listen:
  -
    port: 5347
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    hosts:
      "{jid}":
        password: "{secret}"

# at the end (add to append_host_config if it is there already)
append_host_config:
  "{host}":
    modules:
      mod_oauth_component:
        component: "{jid}"

Then run ejabberdctl reload_config, and look whether all is well: xmpp-oauth --config {} check"#,
            file.display(),
            module_folder("ejabberd")
                .join("mod_oauth_component")
                .display(),
            file.display(),
        )
    }
}

/// Where a server's module lies: with the sources that the program was built in, or where packages put
/// it; otherwise the operator knows.
fn module_folder(server: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .flat_map(|folder| {
            [
                folder.join("server-modules").join(server),
                folder.join("share/xmpp-oauth/server-modules").join(server),
            ]
        })
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| Path::new("/path/to/xmpp-oauth/server-modules").join(server))
}
