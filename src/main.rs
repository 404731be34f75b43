//! Arguments → subcommand → exit code; nothing else.

use std::process::ExitCode;

use clap::Parser;
use mailchute::cli::Cli;
use mailchute::commands::{self, Exit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap prints each where it belongs.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            drop(error.print());
            return ExitCode::from(code.code());
        }
    };
    match commands::run(cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            eprintln!("mailchute: {failure}");
            ExitCode::from(failure.exit().code())
        }
    }
}
