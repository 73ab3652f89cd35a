//! The walls of the house: which room of `src/` may use which other room and which crates.
//! `docs/architecture.md` says why. A broken wall fails here, with the file and the rule.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Room, and the rooms that it may use.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "app", "xmpp", "oauth", "storage", "keys", "model", "config", "clock", "secrets", "tls",
        ],
    ),
    (
        "app",
        &[
            "http", "xmpp", "oauth", "storage", "keys", "accounts", "metrics", "model", "config",
            "clock", "secrets",
        ],
    ),
    (
        "http",
        &[
            "oauth", "limits", "metrics", "model", "config", "clock", "secrets",
        ],
    ),
    (
        "xmpp",
        &[
            "oauth", "accounts", "limits", "metrics", "model", "config", "clock", "secrets", "tls",
        ],
    ),
    (
        "oauth",
        &[
            "storage", "keys", "fetch", "accounts", "limits", "metrics", "model", "config",
            "clock", "secrets",
        ],
    ),
    (
        "storage",
        &["metrics", "model", "config", "clock", "secrets", "tls"],
    ),
    ("keys", &["storage", "model", "config", "clock", "secrets"]),
    ("fetch", &["config", "tls"]),
    ("accounts", &["model", "secrets"]),
    ("limits", &["clock"]),
    ("metrics", &[]),
    ("config", &["model", "secrets"]),
    ("model", &["clock", "secrets"]),
    ("clock", &[]),
    ("secrets", &[]),
    ("tls", &[]),
];

/// Crates that belong to some rooms alone.
const CRATES: &[(&[&str], &[&str])] = &[
    (&["axum", "tower"], &["http", "app", "cli"]),
    (
        &["hyper", "hyper_util", "http_body_util"],
        &["http", "app", "cli", "fetch"],
    ),
    (
        &[
            "minijinja",
            "fluent_bundle",
            "fluent_langneg",
            "unic_langid",
        ],
        &["http"],
    ),
    (
        &["rusqlite", "tokio_postgres", "tokio_postgres_rustls"],
        &["storage"],
    ),
    (
        &["tokio_xmpp", "xmpp_parsers", "rxml", "xso", "sasl"],
        &["xmpp"],
    ),
    (&["tokio_rustls"], &["xmpp", "fetch", "tls"]),
    (&["minidom"], &["xmpp", "cli"]),
    (&["jsonwebtoken", "aws_lc_rs"], &["keys"]),
    (
        &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "sd_notify",
            "tracing_subscriber",
            "hyper_rustls",
        ],
        &["cli"],
    ),
    (&["getrandom", "hmac", "subtle"], &["secrets"]),
    (&["jiff"], &["clock"]),
    (&["prometheus"], &["metrics"]),
    (&["toml"], &["config"]),
];

/// Rooms without async.
const NO_TOKIO: &[&str] = &[
    "model", "config", "clock", "secrets", "limits", "metrics", "accounts",
];

#[derive(Default)]
struct Paths {
    rooms: BTreeSet<String>,
    roots: BTreeSet<String>,
}

impl Paths {
    fn see(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else {
            return;
        };
        self.roots.insert(first.clone());
        if let ("crate", Some(room)) = (first.as_str(), segments.get(1)) {
            self.rooms.insert(room.clone());
        }
    }

    fn see_tree(&mut self, tree: &syn::UseTree, mut before: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.see_tree(&path.tree, before);
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.see(&before);
            }
            syn::UseTree::Rename(rename) => {
                before.push(rename.ident.to_string());
                self.see(&before);
            }
            syn::UseTree::Glob(_) => self.see(&before),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.see_tree(tree, before.clone());
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.see_tree(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A path of one segment is a local name; `crate::x` and `krate::x` are what walls are about.
        if path.segments.len() > 1 {
            let segments: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.see(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        // What stands inside a macro call is only tokens: `crate :: room` is found as text.
        let tokens = mac.tokens.to_string();
        let mut words = tokens.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if word == "crate" && words.peek() == Some(&"::") {
                words.next();
                if let Some(room) = words.peek() {
                    self.rooms.insert((*room).to_owned());
                }
            }
        }
        syn::visit::visit_macro(self, mac);
    }
}

fn sources(of: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(of).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(src()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn broken_walls(room: &str, paths: &Paths) -> Vec<String> {
    let allowed = ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else {
        return vec![format!(
            "{room} is no room: add it to ROOMS and to docs/architecture.md"
        )];
    };
    let is_room = |name: &&String| ROOMS.iter().any(|(room, _)| room == name);
    let mut broken = Vec::new();
    for used in paths.rooms.iter().filter(is_room) {
        if used != room && !allowed.contains(&used.as_str()) {
            broken.push(format!(
                "{room} may not use {used}, only {}",
                allowed.join(", ")
            ));
        }
    }
    for (crates, rooms) in CRATES {
        for used in crates.iter().filter(|name| paths.roots.contains(**name)) {
            if !rooms.contains(&room) {
                broken.push(format!("the crate {used} is for {} only", rooms.join(", ")));
            }
        }
    }
    if NO_TOKIO.contains(&room) && paths.roots.contains("tokio") {
        broken.push(format!("{room} does nothing asynchronous: no tokio"));
    }
    broken
}

fn paths_of(text: &str) -> Paths {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(text).unwrap());
    paths
}

#[test]
fn every_room_uses_only_what_the_house_allows() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    assert!(
        files.len() > 20,
        "the sources are not where they are expected"
    );
    let mut broken = Vec::new();
    for file in files {
        let room = room_of(&file);
        if room == "lib" || room == "main" {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for rule in broken_walls(&room, &paths_of(&text)) {
            broken.push(format!(
                "{}: {rule}",
                file.strip_prefix(src()).unwrap().display()
            ));
        }
    }
    assert!(broken.is_empty(), "broken walls:\n{}", broken.join("\n"));
}

#[test]
fn a_wall_is_broken_by_a_use_by_a_path_and_inside_a_macro() {
    for text in [
        "use crate::http::Web;",
        "use crate::{model::Scope, http::{Web}};",
        "fn f() { crate::http::serve(); }",
        "fn f() { println!(\"{}\", crate::http::X); }",
    ] {
        let broken = broken_walls("oauth", &paths_of(text));
        assert_eq!(broken.len(), 1, "{text}: {broken:?}");
    }
    assert_eq!(
        broken_walls("oauth", &paths_of("use axum::Router;")).len(),
        1
    );
    assert_eq!(
        broken_walls("model", &paths_of("async fn f() { tokio::spawn(g()); }")).len(),
        1
    );
    assert!(broken_walls("oauth", &paths_of("use crate::storage::Store;")).is_empty());
}

#[test]
fn every_file_opens_with_what_it_owns() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_documented = text.starts_with("//!") || text.starts_with("#!");
        assert!(is_documented, "{} does not open with //!", file.display());
    }
}

/// All Rust text of the project.
fn rust_text() -> String {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        &mut files,
    );
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect()
}

#[test]
fn the_table_of_standards_names_only_files_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/specs.md")).unwrap();
    let text = rust_text();
    let mut missing = Vec::new();
    for row in table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("---"))
    {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [_, _, files, tests] = cells[..] else {
            missing.push(format!("four columns in: {row}"));
            continue;
        };
        let names = |cell: &str| -> Vec<String> {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        for file in names(files) {
            let there = src().join(&file).exists() || src().join(format!("{file}.rs")).exists();
            if !there {
                missing.push(file);
            }
        }
        for test in names(tests) {
            let last = test.rsplit("::").next().unwrap();
            let modules = test.split("::").nth(1).unwrap_or(last);
            let wanted = match last {
                "*" => format!("mod {modules}"),
                name => format!("fn {name}("),
            };
            let a_module = format!("mod {last};");
            if !text.contains(&wanted) && !text.contains(&a_module) {
                missing.push(test);
            }
        }
    }
    assert!(
        missing.is_empty(),
        "docs/specs.md names what is not there: {missing:#?}"
    );
}
