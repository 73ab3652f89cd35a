//! `make demo`, with the program that the tests have built.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::site::LIMIT;
use crate::support::child::dies_with_us;

fn demo(folder: &Path) -> Command {
    let mut command = dies_with_us("tools/demo");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("XMPP_OAUTH_PROGRAM", env!("CARGO_BIN_EXE_xmpp-oauth"))
        .env("TMPDIR", folder)
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
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(folder.path());
    command.env("AUTO", "1");
    let output = tokio::process::Command::from(command)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("logged in as alice@localhost/"), "{said}");
    assert!(is_empty(folder.path()), "the demo left files behind");
    assert_eq!(
        processes_in(folder.path()),
        0,
        "the demo left processes behind"
    );
}

#[tokio::test]
async fn ctrl_c_ends_the_demo_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = tokio::process::Command::from(command).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.trim().starts_with("http://") && line.contains("/oauth2/authorize?") {
                return line;
            }
        }
        panic!("the demo shows no address to open");
    };
    tokio::time::timeout(LIMIT, address)
        .await
        .expect("the address should be shown by now");
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    tokio::time::timeout(LIMIT, child.wait())
        .await
        .expect("the demo should end")
        .unwrap();
    assert!(is_empty(folder.path()), "the demo left files behind");
    assert_eq!(
        processes_in(folder.path()),
        0,
        "the demo left processes behind"
    );
}
