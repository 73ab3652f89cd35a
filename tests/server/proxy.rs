//! Behind a real nginx with the lines of docs/proxy.md.

use std::process::Stdio;

use serde_json::Value;

use crate::site::settings;
use crate::support::nginx::{Nginx, documented};
use crate::support::ports::free_ports;
use crate::support::process::Program;
use crate::support::release::servers;
use crate::support::server::{Server, Wish};

/// An app's registration.
const APP: &str = r#"{"client_name":"Chat","application_type":"native",
    "token_endpoint_auth_method":"none","redirect_uris":["http://127.0.0.1:9/callback"]}"#;

struct Fronted {
    nginx: Nginx,
    program: Program,
    _server: Server,
}

impl Fronted {
    async fn by(lines: &str) -> Self {
        let server = Wish::of(servers()[0]).start().await;
        let link = server.component().to_string();
        let [port] = free_ports();
        let mut program = Program::new(|http, ops| {
            settings(http, ops, &link, "")
                .replace(
                    &format!("public_url = \"http://127.0.0.1:{http}\""),
                    &format!("public_url = \"https://localhost:{port}\""),
                )
                .replace(
                    "registrations_per_address = 1000",
                    "registrations_per_address = 2",
                )
        });
        program.start().await;
        program.wait_log("the host's module is there", 0).await;
        let nginx = Nginx::start(lines, port, program.http_port).await;
        Self {
            nginx,
            program,
            _server: server,
        }
    }

    /// What `check` says.
    async fn check(&self) -> (String, bool) {
        let ca_file = self.nginx.ca_file();
        let arguments = ["check", "--ca-file", ca_file.to_str().unwrap()];
        let output = self.program.run(&arguments).await;
        let said = String::from_utf8(output.stdout).unwrap();
        (said, output.status.success())
    }

    /// What curl prints; every name leads to nginx.
    async fn curl(&self, arguments: &[&str], url: &str) -> String {
        let port = self.nginx.port;
        let mut command = tokio::process::Command::new("curl");
        command
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--noproxy",
                "*",
            ])
            .arg("--cacert")
            .arg(self.nginx.ca_file())
            .arg("--connect-to")
            .arg(format!("::127.0.0.1:{port}"))
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null());
        let output = command.output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{url}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.nginx.port)
    }

    /// The status of a registration from a loopback address, with this `X-Forwarded-For`.
    async fn register(&self, from: &str, forged: &str) -> String {
        let header = format!("X-Forwarded-For: {forged}");
        let arguments = [
            "--interface",
            from,
            "--header",
            &header,
            "--header",
            "Content-Type: application/json",
            "--data",
            APP,
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ];
        self.curl(&arguments, &self.url("/oauth2/register")).await
    }
}

#[tokio::test]
async fn behind_the_documented_nginx_all_is_well_and_brakes_go_by_who_connects() {
    let site = Fronted::by(&documented()).await;
    let (said, is_well) = site.check().await;
    assert!(is_well, "{said}");
    assert!(
        said.contains("OK    proxy: the one at 127.0.0.1 says truly who asks (127.0.0.1)"),
        "{said}"
    );

    // one machine is one address, whatever it makes up
    assert_eq!(site.register("127.0.0.2", "203.0.113.1").await, "201");
    assert_eq!(site.register("127.0.0.2", "203.0.113.2").await, "201");
    assert_eq!(site.register("127.0.0.2", "203.0.113.3").await, "429");
    assert_eq!(site.register("127.0.0.2", "127.0.0.3").await, "429");
    // and makes nobody else wait, not even whom it claims to be
    assert_eq!(site.register("127.0.0.3", "127.0.0.2").await, "201");

    // what is for the operator is not for the public
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    assert_eq!(site.curl(&status, &site.url("/readyz")).await, "404");
}

#[tokio::test]
async fn who_looks_on_the_xmpp_domain_is_sent_to_the_issuer() {
    let site = Fronted::by(&documented()).await;
    let port = site.nginx.port;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let url = format!("https://example.com:{port}{path}");
        let answer = site.curl(&["--include"], &url).await.to_lowercase();
        let to = format!("location: {}\r\n", site.url(path));
        assert!(answer.starts_with("http/1.1 307"), "{answer}");
        assert!(answer.contains(&to), "{answer}");
        assert!(
            answer.contains("access-control-allow-origin: *\r\n"),
            "{answer}"
        );
        let metadata = site.curl(&["--location"], &url).await;
        let metadata: Value = serde_json::from_str(&metadata).unwrap();
        assert_eq!(metadata["issuer"], site.url(""), "{metadata}");
    }
}

#[tokio::test]
async fn check_finds_an_nginx_that_passes_on_what_clients_make_up() {
    let lines = documented().replace("proxy_set_header X-Forwarded-For $remote_addr;", "");
    let site = Fronted::by(&lines).await;
    let (said, is_well) = site.check().await;
    assert!(!is_well, "{said}");
    assert!(
        said.contains("FAIL  proxy: the one at 127.0.0.1 passes on"),
        "{said}"
    );
}
