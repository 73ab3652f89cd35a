//! The commands: one file each. They print for people and decide no rule of the protocol.

mod check;
mod clients;
mod control;
mod grants;
mod help_files;
mod init;
mod installed;
mod keys;
mod log;
mod operations;
mod output;
mod serve;
mod storage;
mod supervisor;
mod try_device;
mod try_login;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config;
use operations::{Failed, Outcome};

/// Wrong usage or configuration.
const WRONG: u8 = 2;

#[derive(Parser)]
#[command(name = "xmpp-oauth", version, about)]
struct Arguments {
    /// The configuration [default: component.toml; for the program that a package has put into
    /// /usr/bin, /etc/xmpp-oauth/component.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
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
    #[command(subcommand)]
    Storage(storage::Storage),
    #[command(hide = true)]
    HelpFiles(help_files::HelpFiles),
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
    let file = arguments.config.unwrap_or_else(installed::config);
    let command = match arguments.command {
        Command::Init(init) => return init::run(&init, &file),
        Command::HelpFiles(command) => {
            return status(help_files::run(&command, Arguments::command()));
        }
        Command::Try(login) => return try_login::run(login).await,
        command => command,
    };
    let config = match config::load(&file) {
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
        Command::Storage(command) => status(storage::run(&config, command).await),
        Command::Check(command) => check::run(&config, &file, &command).await,
        // done above
        Command::Init(_) | Command::Try(_) | Command::HelpFiles(_) => ExitCode::SUCCESS,
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
