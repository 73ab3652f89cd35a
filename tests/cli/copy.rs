//! `storage copy`: a database moves, also where it is killed on its way.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::ports::free_ports;
use crate::support::postgres::Server;
use crate::support::process::Program;
use crate::{column, database, done, json, program_with, refused, serve, shown, text, with_grants};

async fn new_url(server: &Server) -> String {
    server.url(&server.empty().await)
}

fn copy(to: &str) -> [&str; 4] {
    ["storage", "copy", "--to", to]
}

/// Has the configuration name another database.
fn point_to(program: &Program, url: &str) {
    let file = program.dir().join("component.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let (others, _) = settings.split_once("[storage]").unwrap_or((&settings, ""));
    std::fs::write(&file, format!("{others}[storage]\nurl = {url:?}\n")).unwrap();
}

/// Many more grants than are copied at once.
fn fill(file: &Path) {
    let db = rusqlite::Connection::open(file).unwrap();
    let fill = "
        INSERT INTO clients (client_id, metadata, issued_at)
        SELECT 'many', metadata, issued_at FROM clients LIMIT 1;
        WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 30000)
        INSERT INTO grants (grant_id, host, localpart, client_no, client_name, scopes, created_at, auth_time)
        SELECT 'm-' || n, 'example.org', 'user' || n, (SELECT max(no) FROM clients), 'Many', 'openid', n, n
        FROM numbers;";
    db.execute_batch(fill).unwrap();
}

#[tokio::test]
async fn a_database_moves_to_postgresql_and_back() {
    let server = Server::shared();
    let mut program = with_grants().await;
    serve(&mut program).await;
    let keys = column(&program, &["keys", "list", "--json"], "kid").await;
    let grants = column(&program, &["grants", "list", "--json"], "id").await;
    for to in [new_url(server).await, "sqlite:back.db".to_owned()] {
        program.stop().await;
        let says = done(&program, &copy(&to)).await;
        assert!(says.contains("storage.url"), "{says}");
        point_to(&program, &to);
        serve(&mut program).await;
        let kept = column(&program, &["keys", "list", "--json"], "kid").await;
        assert_eq!(kept, keys);
        let kept = column(&program, &["grants", "list", "--json"], "id").await;
        assert_eq!(kept, grants);
    }
    let clients = json(&program, &["clients", "list", "--json"]).await;
    assert_eq!(clients.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_under_way_is_told_on_stderr_and_the_end_on_stdout() {
    let program = with_grants().await;
    let output = program.run(&copy("sqlite:copy.db")).await;
    assert!(output.status.success(), "{}", shown(&output));
    let told = text(&output.stderr);
    for line in [
        "clients: 2 of 2 rows copied",
        "grants: 3 of 3 rows copied",
        "grants: 3 of 3 rows compared",
    ] {
        assert!(told.lines().any(|one| one == line), "{told}");
    }
    let says = text(&output.stdout);
    assert_eq!(says.lines().count(), 1, "{says}");
    let [from, to] = ["/xmpp-oauth.db", "in copy.db"];
    assert!(says.contains(from) && says.contains(to), "{says}");
}

#[tokio::test]
async fn nothing_is_copied_while_serve_runs() {
    let server = Server::shared();
    let mut program = with_grants().await;
    let file = format!("sqlite:{}", program.dir().join("xmpp-oauth.db").display());
    for used in [file, new_url(server).await] {
        point_to(&program, &used);
        serve(&mut program).await;
        for to in [new_url(server).await.as_str(), "sqlite:copy.db"] {
            let says = refused(&program, &copy(to), 1).await;
            assert!(says.contains("stop it first"), "{says}");
        }
        assert!(!program.dir().join("copy.db").exists());
        // nor by a command that does not know this `serve`
        let elsewhere = program_with("");
        let arguments = ["storage", "copy", "--from", &used, "--to", "sqlite:copy.db"];
        let says = refused(&elsewhere, &arguments, 1).await;
        assert!(says.contains("is in use: stop `serve`"), "{says}");
        program.stop().await;
    }
}

#[tokio::test]
async fn a_copy_that_is_killed_is_not_served_and_goes_on_until_it_is_whole() {
    let program = with_grants().await;
    fill(&program.dir().join("xmpp-oauth.db"));
    for to in [new_url(Server::shared()).await, "sqlite:copy.db".to_owned()] {
        let elsewhere = program_with("");
        let there = match to.starts_with("sqlite:") {
            true => format!("sqlite:{}", program.dir().join("copy.db").display()),
            false => to.clone(),
        };
        point_to(&elsewhere, &there);
        let mut kills = 0;
        // each run gets a little further than the one before
        for lines in 1.. {
            let mut command = program.command(&copy(&to));
            let mut child = command
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let told = BufReader::new(child.stderr.take().unwrap()).lines();
            let told: Vec<_> = told.take(lines).map(Result::unwrap).collect();
            if told.len() < lines {
                let status = child.wait().unwrap();
                assert!(status.success(), "{told:?}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            // the first lines are of small tables; behind the last one, it may have come to its end
            let command = if kills == 0 {
                ["serve"].as_slice()
            } else {
                &["clients", "list"]
            };
            let output = elsewhere.run(command).await;
            if output.status.success() {
                break;
            }
            let says = shown(&output);
            assert_eq!(output.status.code(), Some(1), "{says}");
            assert!(says.contains("finish it with `storage copy`"), "{says}");
            kills += 1;
        }
        assert!(kills > 1, "{kills}");
        let says = done(&program, &copy(&to)).await;
        assert!(says.contains("all 30"), "{says}");
        let grants = column(&elsewhere, &["grants", "list", "--json"], "id").await;
        assert_eq!(grants.len(), 30_003);
    }
}

#[tokio::test]
async fn a_source_that_changed_on_the_way_is_named_with_what_to_do() {
    let program = with_grants().await;
    let file = program.dir().join("xmpp-oauth.db");
    fill(&file);
    let mut child = program
        .command(&copy("sqlite:copy.db"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // the clients are there, their grants are under way
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().starts_with("clients: ")));
    child.kill().unwrap();
    child.wait().unwrap();
    let store = database(&program);
    crate::grant(
        &store,
        "g-4",
        "bob@localhost",
        &crate::client("Conversations"),
    )
    .await;
    xmpp_oauth::storage::Store::close(&store).await;
    let change =
        "UPDATE clients SET metadata = '{\"client_name\":\"Other\"}' WHERE client_id = 'many'";
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch(change).unwrap();
    drop(db);
    let says = refused(&program, &copy("sqlite:copy.db"), 1).await;
    let last = says.lines().last().unwrap();
    assert!(
        last.contains("clients of copy.db is not clients of "),
        "{says}"
    );
    assert!(last.contains("drop copy.db and copy anew"), "{says}");
}

#[tokio::test]
async fn passwords_of_databases_come_from_files_and_stand_in_no_output() {
    let [port] = free_ports();
    let server = Server::own(port);
    let roles = "CREATE ROLE oauth LOGIN PASSWORD 'hunter2'; CREATE DATABASE tokens OWNER oauth";
    for statement in roles.split(';') {
        server.sql("postgres", statement).await;
    }
    let program = with_grants().await;
    let address = format!("127.0.0.1:{port}/tokens?sslmode=disable");
    let url = format!("postgres://oauth@{address}");
    let file = |name: &str, password: &str| {
        std::fs::write(program.dir().join(name), format!("{password}\n")).unwrap();
    };
    file("right", "hunter2");
    file("wrong", "correct horse");

    let says = refused(&program, &copy(&url), 1).await;
    assert!(
        says.contains(&format!("postgres://oauth@127.0.0.1:{port}/tokens")),
        "{says}"
    );
    let named = ["storage", "copy", "--to", &url, "--to-password-file"];
    let says = refused(&program, &[&named[..], &["wrong"]].concat(), 1).await;
    assert!(says.contains("password"), "{says}");
    assert!(!says.contains("horse"), "{says}");
    let output = program.run(&[&named[..], &["right"]].concat()).await;
    assert!(output.status.success(), "{}", shown(&output));
    assert!(!shown(&output).contains("hunter2"));

    // as for the configured database, where none is named
    let password = "[storage]\npassword_file = \"right\"";
    let other = program_with(password);
    std::fs::write(other.dir().join("right"), "hunter2").unwrap();
    let back = ["storage", "copy", "--from", &url, "--to", "sqlite:back.db"];
    done(&other, &back).await;

    // one in the URL is taken, too, and what that means is said
    let with_password = format!("postgres://oauth:hunter2@{address}");
    let output = program.run(&copy(&with_password)).await;
    let says = shown(&output);
    assert!(output.status.success(), "{says}");
    assert!(says.contains("--to-password-file"), "{says}");
    assert!(!says.contains("hunter2"), "{says}");
    let both = [
        "storage",
        "copy",
        "--to",
        &with_password,
        "--to-password-file",
        "right",
    ];
    let says = refused(&program, &both, 1).await;
    assert!(
        says.contains("keep one") && !says.contains("hunter2"),
        "{says}"
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused_without_its_password() {
    let program = with_grants().await;
    for (argument, says) in [
        ("postgres://oauth:hunter2@db/x?y=z", "--to has a parameter"),
        (
            "mysql://oauth:hunter2@db/x",
            "--to must be \"sqlite:PATH\" or",
        ),
        ("copy.db", "--to must be \"sqlite:PATH\" or"),
    ] {
        let said = refused(&program, &copy(argument), 1).await;
        assert!(said.contains(says) && !said.contains("hunter2"), "{said}");
    }
}
