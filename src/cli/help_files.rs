//! `help-files`, for those who make packages: man pages and shell completions, from what `--help` says.

use std::fs::{File, create_dir_all};
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::operations::Failed;

/// Write man pages and shell completions.
#[derive(Args, Debug)]
pub(super) struct HelpFiles {
    /// Into which folder.
    folder: PathBuf,
}

pub(super) fn run(arguments: &HelpFiles, program: Command) -> Result<(), Failed> {
    let folder = &arguments.folder;
    write(folder, program).map_err(|error| format!("{}: {error}", folder.display()))
}

fn write(folder: &Path, program: Command) -> io::Result<()> {
    create_dir_all(folder)?;
    let mut program = program.disable_help_subcommand(true);
    clap_mangen::generate_to(program.clone(), folder)?;
    for (shell, name) in [
        (Shell::Bash, "xmpp-oauth.bash"),
        (Shell::Zsh, "_xmpp-oauth"),
        (Shell::Fish, "xmpp-oauth.fish"),
    ] {
        let mut file = File::create(folder.join(name))?;
        generate(shell, &mut program, "xmpp-oauth", &mut file);
    }
    Ok(())
}
