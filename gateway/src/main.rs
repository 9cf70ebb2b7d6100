//! The command line: what the user typed, turned into one call, one exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.

use clap::Parser;
use std::process::ExitCode;
use venue_gateway::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed pipe is the reader's business.
            let _ = error.print();
            return if wrong { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    cli::run(arguments)
}
