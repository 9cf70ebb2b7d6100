//! `export`: what the database holds, for a desk elsewhere.
//!
//! In: the database. Out: decisions as JSON lines on standard output, heat maps as files. It reads beside a running gateway
//! and writes nothing. It refuses a folder without a database.

use crate::cli::Failure;
use crate::session::DATABASE;
use crate::store::{self, decisions};
use clap::{Args, Subcommand};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

pub mod heat;

/// Options of `export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every decision about an offer with its outcome; no attendee and no voucher is named.
    Decisions {
        /// Folder of the database.
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Where people were.
    Heat(heat::HeatArguments),
}

/// Writes what was asked for to standard output.
///
/// # Errors
/// Where there is no database, or it cannot be read.
pub fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let data = match &arguments.what {
        What::Decisions { data } => data,
        What::Heat(asked) => return heat::run(asked),
    };
    let path = data.join(DATABASE);
    if !path.exists() {
        let told = format!("{}: no database here; give the gateway's folder with --data", path.display());
        return Err(Failure::Configuration(told));
    }
    let reader = store::open_reader(&path).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    decisions::export(&reader, |line| Ok(writeln!(out, "{line}")?))?;
    Ok(out.flush()?)
}
