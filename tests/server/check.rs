//! `check` against real servers: all is well, and what it says where something is not.

use crate::support::process::Program;
use crate::support::prosody::{COMPONENT, HOST, OTHER_HOST, SECRET};
use crate::support::release::servers;
use crate::support::server::{Server, Wish};

fn program(server: &Server, host: &str, secret: &str) -> Program {
    let component = server.component();
    Program::new(|listen, ops| {
        format!(
            r#"
[component]
jid = "{COMPONENT}"
secret = "{secret}"
server = "{component}"
[xmpp]
hosts = ["{host}"]
[http]
listen = "127.0.0.1:{listen}"
ops_listen = "127.0.0.1:{ops}"
public_url = "http://127.0.0.1:{listen}"
[registration]
registration_key = "0123456789 0123456789 0123456789"
"#
        )
    })
}

/// What `check` prints, and whether it found nothing to be done.
async fn check(program: &Program) -> (String, bool) {
    let output = program.run(&["check"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.success())
}

#[tokio::test]
async fn check_finds_all_well_over_its_own_link_and_over_serves() {
    for release in servers() {
        let server = Wish::of(release).start().await;
        let mut program = program(&server, HOST, SECRET);
        for is_running in [false, true] {
            if is_running {
                program.start().await;
            }
            let (said, is_well) = check(&program).await;
            assert!(is_well, "{release}: {said}");
            assert!(!said.contains("FAIL"), "{release}: {said}");
            for line in [
                "OK    link: up as oauth.localhost",
                "OK    module of localhost: version",
                "OK    passwords of localhost: can be checked",
            ] {
                assert!(said.contains(line), "{release}: no {line:?} in\n{said}");
            }
            assert_eq!(said.contains("OK    public URL: "), is_running, "{said}");
        }
    }
}

#[tokio::test]
async fn check_tells_a_wrong_secret_from_a_missing_module() {
    for release in servers() {
        let server = Wish::of(release).start().await;
        let (said, is_well) = check(&program(&server, HOST, "another secret")).await;
        assert!(!is_well, "{release}: {said}");
        assert!(
            said.contains("FAIL  link: the XMPP server refused the secret"),
            "{release}: {said}"
        );
        let (said, is_well) = check(&program(&server, OTHER_HOST, SECRET)).await;
        assert!(!is_well, "{release}: {said}");
        assert!(
            said.contains("FAIL  module of other.localhost: not loaded there"),
            "{release}: {said}"
        );
    }
}
