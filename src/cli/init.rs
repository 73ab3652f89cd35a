//! `init`: a component.toml with fresh secrets, and what belongs into the server's configuration.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jid::DomainPart;
use url::Url;

use super::installed::{Places, module_folder, places, prosody_finds_module};
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
    let plan = Plan::new(arguments, places(file));
    let text = plan.component_toml();
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    if let Err(error) = config::parse(&text, folder) {
        output::error(error);
        return ExitCode::from(WRONG);
    }
    if let Err(error) = write(file, &text, plan.mode()) {
        output::error(error);
        return ExitCode::FAILURE;
    }
    match arguments.server {
        ServerKind::Prosody => output::line(plan.for_prosody(file)),
        ServerKind::Ejabberd => output::line(plan.for_ejabberd(file)),
    }
    ExitCode::SUCCESS
}

fn write(file: &Path, text: &str, mode: u32) -> Result<(), String> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
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

/// Every option, with its default and its reason.
const EVERY_OPTION: &str = include_str!("../../component.toml");
const HEAD: &str = "# It holds secrets: keep it to yourself.\n#\n";

/// What is to be written.
struct Plan {
    host: DomainPart,
    jid: String,
    public_url: String,
    secret: String,
    registration_key: String,
    /// Of the service, if it is for that.
    places: Option<Places>,
}

impl Plan {
    fn new(arguments: &Init, places: Option<Places>) -> Self {
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
            places,
        }
    }

    /// The service is not the owner of its configuration.
    fn mode(&self) -> u32 {
        match self.places {
            Some(_) => 0o640,
            None => 0o600,
        }
    }

    /// What to do when the server has its lines.
    fn last_step(&self, file: &Path) -> String {
        match self.places {
            Some(_) => "systemctl start xmpp-oauth, and look whether all is well: xmpp-oauth check"
                .to_owned(),
            None => format!(
                "look whether all is well: xmpp-oauth --config {} check",
                file.display()
            ),
        }
    }

    /// The component.toml that shows every option, with what is meant here filled in.
    fn component_toml(&self) -> String {
        let mut text = format!("{HEAD}{EVERY_OPTION}");
        for (line, filled_in) in self.fillings() {
            text = text.replacen(&format!("\n{line}\n"), &format!("\n{filled_in}\n"), 1);
        }
        text
    }

    /// Lines of the file that shows every option, and what stands there instead.
    fn fillings(&self) -> Vec<(&'static str, String)> {
        let Self {
            host,
            jid,
            public_url,
            secret,
            registration_key,
            places,
        } = self;
        let mut fillings = vec![
            (r#"jid = "oauth.example.com""#, format!(r#"jid = "{jid}""#)),
            (r#"secret = "…""#, format!(r#"secret = "{secret}""#)),
            (
                r#"hosts = ["example.com"]"#,
                format!(r#"hosts = ["{host}"]"#),
            ),
            (
                r#"public_url = "https://auth.example.com""#,
                format!(r#"public_url = "{public_url}""#),
            ),
            (
                r##"#site_name = "My XMPP Server""##,
                format!(r#"site_name = "{host}""#),
            ),
            (
                r#"# e.g. registration_key = "…""#,
                format!(r#"registration_key = "{registration_key}""#),
            ),
        ];
        if let Some(places) = places {
            fillings.push((
                r##"#control_socket = "xmpp-oauth.sock""##,
                format!(r#"control_socket = "{}""#, places.control_socket),
            ));
            fillings.push((
                r##"#url = "sqlite:xmpp-oauth.db""##,
                format!(r#"url = "sqlite:{}""#, places.database),
            ));
        }
        fillings
    }

    fn for_prosody(&self, file: &Path) -> String {
        let Self {
            host, jid, secret, ..
        } = self;
        let plugin_paths = match prosody_finds_module() {
            true => String::new(),
            false => format!(
                "-- with the global options, at the top (add to plugin_paths if it is there already)\n\
                 plugin_paths = {{ \"{}\" }}\n\n",
                module_folder("prosody").display()
            ),
        };
        format!(
            r#"Wrote {} (mode {:04o}).

Paste this into Prosody's configuration (prosody.cfg.lua):

{plugin_paths}-- in the section of {host} (add to its modules_enabled if it is there already)
VirtualHost "{host}"
    modules_enabled = {{ "oauth_component" }}
    oauth_component = "{jid}"

-- at the end
Component "{jid}"
    component_secret = "{secret}"

Then restart Prosody, {}"#,
            file.display(),
            self.mode(),
            self.last_step(file),
        )
    }

    fn for_ejabberd(&self, file: &Path) -> String {
        let Self {
            host, jid, secret, ..
        } = self;
        format!(
            r#"Wrote {} (mode {:04o}).

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

Then run ejabberdctl reload_config, {}"#,
            file.display(),
            self.mode(),
            module_folder("ejabberd")
                .join("mod_oauth_component")
                .display(),
            self.last_step(file),
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        init: Init,
    }

    fn plan(places: Option<Places>) -> Plan {
        let line = ["init", "--host", "chat.example"];
        Plan::new(&Line::parse_from(line).init, places)
    }

    fn packaged() -> Places {
        Places {
            control_socket: "/run/x/control.sock",
            database: "/var/lib/x/x.db",
        }
    }

    #[test]
    fn everything_that_init_fills_in_stands_in_the_file_of_every_option_once() {
        for (line, _) in plan(Some(packaged())).fillings() {
            let found = EVERY_OPTION.lines().filter(|other| *other == line).count();
            assert_eq!(found, 1, "{line}");
        }
    }

    #[test]
    fn the_service_keeps_its_socket_and_its_database_where_it_may_write() {
        let text = plan(Some(packaged())).component_toml();
        let config = config::parse(&text, Path::new("/etc/x")).unwrap();
        assert_eq!(config.control_socket, Path::new("/run/x/control.sock"));
        let database = config.storage.database.to_string();
        assert_eq!(database, "/var/lib/x/x.db");
        let text = plan(None).component_toml();
        let config = config::parse(&text, Path::new("/etc/x")).unwrap();
        assert_eq!(config.control_socket, Path::new("/etc/x/xmpp-oauth.sock"));
        let database = config.storage.database.to_string();
        assert_eq!(database, "/etc/x/xmpp-oauth.db");
    }
}
