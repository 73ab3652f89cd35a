//! A real nginx with the lines of docs/proxy.md, on a free port and with a certificate of its own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::child::{Guarded, dies_with_us};
use super::ports::loopback;
use super::prosody::write_certificates_for;
use super::wait::{START, until};

const NGINX: &str = "/usr/sbin/nginx";

/// A running nginx. Dropped, it is killed.
pub(crate) struct Nginx {
    pub(crate) port: u16,
    dir: TempDir,
    _child: Guarded,
}

/// The lines for nginx as operators copy them.
pub(crate) fn documented() -> String {
    let page = include_str!("../../docs/proxy.md");
    let (_, rest) = page.split_once("```nginx\n").expect("lines for nginx");
    rest.split("```").next().expect("their end").to_owned()
}

impl Nginx {
    /// Listens on `port` with such `lines`, where `localhost` is what the page calls auth.example.com, and
    /// passes on to our program's `http` port.
    ///
    /// # Panics
    /// When it is missing, or refuses the lines.
    pub(crate) async fn start(lines: &str, port: u16, http: u16) -> Self {
        assert!(Path::new(NGINX).exists(), "run tools/install proxy");
        let dir = TempDir::with_prefix("xmpp-oauth-nginx-").expect("a temp folder");
        write_certificates_for(dir.path(), &["localhost", "example.com"]);
        let config = dir.path().join("nginx.conf");
        std::fs::write(&config, whole(lines, port, http, dir.path())).expect("nginx.conf");
        let mut command = dies_with_us(NGINX);
        command.args(["-e", "stderr", "-c"]).arg(&config);
        let mut child = Guarded::spawn(command, &dir.path().join("nginx.log"));
        until("nginx to listen", START, async || {
            assert_eq!(child.ended(), None, "nginx ended");
            TcpStream::connect(loopback(port)).await.ok()
        })
        .await;
        Self {
            port,
            dir,
            _child: child,
        }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

/// The whole configuration: one process, nothing outside of `dir`.
fn whole(lines: &str, port: u16, http: u16, dir: &Path) -> String {
    let dir = dir.display();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/{kind};"))
        .join("\n");
    let mut servers = String::new();
    for line in lines.lines().filter(|line| !line.contains("[::]")) {
        let line = match line.split_whitespace().next() {
            Some("ssl_certificate") => format!("ssl_certificate {dir}/localhost.crt;"),
            Some("ssl_certificate_key") => format!("ssl_certificate_key {dir}/localhost.key;"),
            _ => line
                .replace("443", &format!("127.0.0.1:{port}"))
                .replace(
                    "https://auth.example.com",
                    &format!("https://localhost:{port}"),
                )
                .replace("auth.example.com", "localhost")
                .replace("127.0.0.1:8480", &format!("127.0.0.1:{http}")),
        };
        servers += &line;
        servers.push('\n');
    }
    format!(
        "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nevents {{}}\n\
         http {{\naccess_log off;\n{temp}\n{servers}\n}}\n"
    )
}
