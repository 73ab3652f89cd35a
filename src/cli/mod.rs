//! The commands: one file each. They print for people and decide no rule of the protocol.

mod check;
mod clients;
mod control;
mod grants;
mod init;
mod keys;
mod log;
mod operations;
mod output;
mod serve;
mod try_device;
mod try_login;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::config;
use operations::{Failed, Outcome};

/// Wrong usage or configuration.
const WRONG: u8 = 2;

#[derive(Parser)]
#[command(name = "xmpp-oauth", version, about)]
struct Arguments {
    /// The configuration.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "component.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run, until SIGTERM or SIGINT; SIGHUP reads templates again.
    Serve,
    Init(init::Init),
    Check(check::Check),
    Try(try_login::TryArguments),
    #[command(subcommand)]
    Clients(clients::Clients),
    #[command(subcommand)]
    Grants(grants::Grants),
    #[command(subcommand)]
    Keys(keys::Keys),
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
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> ExitCode {
    let command = match arguments.command {
        Command::Init(init) => return init::run(&init, &arguments.config),
        Command::Try(login) => return try_login::run(login).await,
        command => command,
    };
    let config = match config::load(&arguments.config) {
        Ok(config) => Arc::new(config),
        Err(error) => {
            output::error(&error);
            return ExitCode::from(WRONG);
        }
    };
    if !matches!(command, Command::Serve) {
        log::start_quiet();
    }
    match command {
        Command::Serve => serve::run(&config).await,
        Command::Clients(command) => status(clients::run(&config, command).await),
        Command::Grants(command) => status(grants::run(&config, command).await),
        Command::Keys(command) => status(keys::run(&config, command).await),
        Command::Check(command) => check::run(&config, &arguments.config, &command).await,
        // done above
        Command::Init(_) | Command::Try(_) => ExitCode::SUCCESS,
    }
}

fn status(result: Result<(), Failed>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(error);
            ExitCode::FAILURE
        }
    }
}

/// `serve` is of another version.
fn unexpected(outcome: &Outcome) -> Failed {
    format!(
        "serve answered something else than was asked for ({outcome:?}): is it another version?"
    )
}
