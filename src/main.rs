//! Arguments → subcommand → exit code; nothing else.

use std::process::ExitCode;

use clap::Parser;
use mailchute::cli::{Cli, exit};
use mailchute::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap prints each where it belongs.
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match commands::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("mailchute: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
