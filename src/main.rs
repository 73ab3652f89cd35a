//! The program `xmpp-oauth`: see `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmpp_oauth::cli::main()
}
