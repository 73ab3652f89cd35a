//! The commands: one file each. They print for people and decide no rule of the protocol.

mod serve;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::config;

#[derive(Parser)]
#[command(name = "xmpp-oauth", version, about)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = "component.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run.
    Serve,
}

/// Does what the command line says. Exit status 0: done; 1: failed; 2: wrong usage or configuration.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match config::load(&arguments.config) {
        Ok(config) => Arc::new(config),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command line's errors go there")]
            {
                eprintln!("{error}");
            }
            return ExitCode::from(2);
        }
    };
    match arguments.command {
        Command::Serve => serve::run(&config),
    }
}
