//! `make demo`, with the program that the tests have built.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::site::LIMIT;
use crate::support::child::dies_with_us;
use crate::support::release::{Source, servers};
use crate::support::wait::START;

/// Of the servers to test on, those of the machine: the demo takes no others.
fn of_machine() -> impl Iterator<Item = String> {
    let machines = servers()
        .into_iter()
        .filter(|release| release.source == Source::Machine);
    machines.map(|release| release.software.to_string())
}

fn demo(folder: &Path, server: &str) -> Command {
    let mut command = dies_with_us("env");
    // who runs the tests in the background has made them, and all below them, deaf to Ctrl-C
    command
        .args(["--default-signal=INT", "tools/demo"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("XMPP_OAUTH_PROGRAM", env!("CARGO_BIN_EXE_xmpp-oauth"))
        .env("TMPDIR", folder)
        .env("SERVER", server)
        .stdin(Stdio::null());
    command
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

/// Command lines that name the folder.
fn processes_in(folder: &Path) -> usize {
    let folder = folder.to_str().unwrap();
    let lines = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(folder)).count()
}

#[tokio::test]
async fn the_demo_logs_alice_in_without_a_person_and_leaves_nothing_behind() {
    for server in of_machine() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = demo(folder.path(), &server);
        command.env("AUTO", "1");
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{server}: {said}{errors}");
        assert!(
            said.contains("logged in as alice@localhost/"),
            "{server}: {said}"
        );
        assert!(
            is_empty(folder.path()),
            "{server}: the demo left files behind"
        );
        assert_eq!(
            processes_in(folder.path()),
            0,
            "{server}: the demo left processes behind"
        );
    }
}

#[tokio::test]
async fn ctrl_c_ends_the_demo_and_leaves_nothing_behind() {
    for server in of_machine() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = demo(folder.path(), &server);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = tokio::process::Command::from(command).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.trim().starts_with("http://") && line.contains("/oauth2/authorize?") {
                    return;
                }
            }
            panic!("{server}: the demo shows no address to open");
        };
        let shown = tokio::time::timeout(START, address).await;
        shown.expect("the address should be shown by now");
        let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let ended = tokio::time::timeout(LIMIT, child.wait()).await;
        ended.expect("the demo should end").unwrap();
        assert!(
            is_empty(folder.path()),
            "{server}: the demo left files behind"
        );
        assert_eq!(
            processes_in(folder.path()),
            0,
            "{server}: the demo left processes behind"
        );
    }
}
