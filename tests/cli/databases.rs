//! The program on PostgreSQL.

use crate::support::postgres::Server;
use crate::support::process::Program;
use crate::{column, done, json, program_with, refused, serve};

async fn on_postgres() -> Program {
    with_name().await.0
}

/// With its database's name.
async fn with_name() -> (Program, String) {
    let server = Server::shared();
    let name = server.empty().await;
    let url = server.url(&name);
    (program_with(&format!("[storage]\nurl = {url:?}")), name)
}

#[tokio::test]
async fn the_program_keeps_in_postgresql_what_must_outlive_it() {
    let mut program = on_postgres().await;
    serve(&mut program).await;
    let keys = json(&program, &["keys", "list", "--json"]).await;
    let says = refused(&program, &["check"], 1).await;
    assert!(
        says.contains("OK    storage: postgres://postgres@"),
        "{says}"
    );
    program.stop().await;
    serve(&mut program).await;
    assert_eq!(json(&program, &["keys", "list", "--json"]).await, keys);
    assert!(!done(&program, &["keys", "list"]).await.is_empty());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_and_its_password_is_not() {
    let more = "[storage]\nurl = \"postgres://oauth:hunter2@127.0.0.1:1/tokens\"";
    let program = program_with(more);
    for command in [["check"].as_slice(), &["grants", "list"]] {
        let says = refused(&program, command, 1).await;
        assert!(
            says.contains("postgres://oauth@127.0.0.1:1/tokens: "),
            "{says}"
        );
        assert!(
            says.contains("refused") && !says.contains("hunter2"),
            "{says}"
        );
    }
}

#[tokio::test]
async fn a_backup_of_postgresql_is_for_its_own_tools() {
    let program = on_postgres().await;
    let says = refused(&program, &["storage", "backup", "copy.db"], 1).await;
    assert!(says.contains("pg_dump"), "{says}");
    assert!(!program.dir().join("copy.db").exists());
}

/// As docs/operate.md has it.
#[tokio::test]
async fn a_dump_that_is_restored_is_what_there_was_when_it_was_made() {
    let server = Server::shared();
    let (mut program, name) = with_name().await;
    serve(&mut program).await;
    let add = async |client: &str| {
        let uri = "https://app.example/cb";
        let add = ["clients", "add", "--name", client, "--redirect-uri", uri];
        done(&program, &add).await;
    };
    add("Before").await;
    let keys = column(&program, &["keys", "list", "--json"], "kid").await;
    let dump = program.dir().join("xmpp-oauth.dump");
    let mut tool = server.tool("pg_dump");
    tool.args(["--format=custom", "--file"])
        .arg(&dump)
        .arg(&name);
    assert!(tool.status().unwrap().success());

    add("After").await;
    done(&program, &["keys", "rotate"]).await;
    program.stop().await;
    let mut tool = server.tool("pg_restore");
    tool.args(["--clean", "--if-exists", "--dbname", &name]);
    assert!(tool.arg(&dump).status().unwrap().success());

    let list = ["clients", "list", "--json"];
    serve(&mut program).await;
    assert_eq!(column(&program, &list, "client_name").await, ["Before"]);
    let restored = column(&program, &["keys", "list", "--json"], "kid").await;
    assert_eq!(restored, keys);
    // and numbers go on where they were
    let uri = "https://app.example/cb";
    let add = ["clients", "add", "--name", "New", "--redirect-uri", uri];
    done(&program, &add).await;
    assert_eq!(
        column(&program, &list, "client_name").await,
        ["Before", "New"]
    );
}
