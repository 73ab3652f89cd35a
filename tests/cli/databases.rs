//! The program on PostgreSQL.

use crate::support::postgres::Server;
use crate::support::process::Program;
use crate::{done, json, program_with, refused, serve};

async fn on_postgres() -> Program {
    let server = Server::shared();
    let url = server.url(&server.empty().await);
    program_with(&format!("[storage]\nurl = {url:?}"))
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
