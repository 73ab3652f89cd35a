//! Several of our programs on one database of PostgreSQL, each a component of one server.

use crate::site::{Site, settings};
use crate::support::network::Network;
use crate::support::ports::free_ports;
use crate::support::postgres;
use crate::support::process::Program;
use crate::support::prosody::COMPONENT;
use crate::support::server::Wish;

const PASSWORD: &str = "of the database";

pub(crate) struct Cluster {
    /// The server and the first of the programs.
    pub(crate) site: Site,
    pub(crate) others: Vec<Program>,
    pub(crate) postgres: postgres::Server,
    /// Where the last one is.
    pub(crate) network: Option<Network>,
}

impl Cluster {
    /// So many of them.
    pub(crate) async fn start(wish: Wish, programs: usize) -> Self {
        Self::made(wish, programs, None).await
    }

    /// So many, the last of which is in a network of its own.
    pub(crate) async fn with_one_apart(wish: Wish, programs: usize) -> Self {
        let network = Network::new().await;
        let wish = wish.reached_at(network.address);
        Self::made(wish, programs, Some(network)).await
    }

    async fn made(wish: Wish, programs: usize, mut network: Option<Network>) -> Self {
        let wish = wish.with_components(programs);
        let [port] = free_ports();
        let mut addresses = "127.0.0.1".to_owned();
        if let Some(network) = &network {
            addresses += &format!(",{}", network.address);
        }
        let postgres = postgres::Server::own_at(port, &addresses);
        for sql in [
            format!("CREATE ROLE oauth LOGIN PASSWORD '{PASSWORD}'"),
            "CREATE DATABASE oauth OWNER oauth".to_owned(),
        ] {
            postgres.sql("postgres", &sql).await;
        }
        let storage = |host: &str| {
            format!(
                "[storage]\nurl = \"postgres://oauth@{host}:{port}/oauth?sslmode=disable\"\npassword = \"{PASSWORD}\"\n\
                 [limits]\nregistrations_per_address = 1000"
            )
        };
        let quiet = |program: Program| program.env("RUST_LOG", "info");
        let server = wish.start().await;
        let component = server.component();
        let site = Site::prepared(server, &storage("127.0.0.1"), quiet).await;
        let mut others = Vec::new();
        for name in &wish.known_components()[1..] {
            let apart = network.as_mut().filter(|_| others.len() + 2 == programs);
            let host = apart
                .as_ref()
                .map_or_else(|| "127.0.0.1".to_owned(), |one| one.address.to_string());
            let plaintext = match apart {
                Some(_) => "\nallow_plaintext_network = true",
                None => "",
            };
            let link = format!("{host}:{}", component.port());
            let mut program = quiet(Program::new(|http, ops| {
                let public = |port| format!("public_url = \"http://127.0.0.1:{port}\"");
                settings(http, ops, &link, &storage(&host))
                    .replace(
                        &format!("jid = \"{COMPONENT}\""),
                        &format!("jid = \"{name}\"{plaintext}"),
                    )
                    .replace(&public(http), &public(site.program.http_port))
            }));
            if let Some(network) = apart {
                program = program.under(&network.launcher().each_ref().map(String::as_str));
                network.open_door(program.http_port);
                network.open_door(program.ops_port);
            }
            program.start().await;
            program.wait_log("the host's module is there", 0).await;
            others.push(program);
        }
        Self {
            site,
            others,
            postgres,
            network,
        }
    }

    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    pub(crate) fn program(&self, no: usize) -> &Program {
        match no.checked_sub(1) {
            None => &self.site.program,
            Some(other) => &self.others[other],
        }
    }

    pub(crate) fn program_mut(&mut self, no: usize) -> &mut Program {
        match no.checked_sub(1) {
            None => &mut self.site.program,
            Some(other) => &mut self.others[other],
        }
    }
}
