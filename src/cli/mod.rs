//! The commands: one file each. They print for people and decide no rule of the protocol.

mod output;
mod serve;
mod try_login;
mod web;

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
    Try(try_login::TryArguments),
}

/// Does what the command line says. Exit status 0: done; 1: failed; 2: wrong usage or configuration.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&error);
            return ExitCode::FAILURE;
        }
    };
    if let Command::Try(arguments) = arguments.command {
        return runtime.block_on(try_login::run(arguments));
    }
    let config = match config::load(&arguments.config) {
        Ok(config) => Arc::new(config),
        Err(error) => {
            output::error(&error);
            return ExitCode::from(2);
        }
    };
    match arguments.command {
        Command::Serve => runtime.block_on(serve::run(&config)),
        Command::Try(_) => ExitCode::SUCCESS,
    }
}
