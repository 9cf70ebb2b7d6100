//! `export`: what the database holds, for a desk elsewhere.
//!
//! In: the folder of the database. Out: JSON lines on standard output. It reads beside a running gateway
//! and writes nothing. It refuses a folder without a database.

use crate::cli::Failure;
use crate::session::DATABASE;
use crate::store::{self, decisions};
use clap::{Args, ValueEnum};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Options of `export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// What to export.
    what: What,
    /// Folder of the database.
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Every decision about an offer with its outcome; no attendee and no voucher is named.
    Decisions,
}

/// Writes what was asked for to standard output.
///
/// # Errors
/// Where there is no database, or it cannot be read.
pub fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let What::Decisions = arguments.what;
    let path = arguments.data.join(DATABASE);
    if !path.exists() {
        let told = format!("{}: no database here; give the gateway's folder with --data", path.display());
        return Err(Failure::Configuration(told));
    }
    let reader = store::open_reader(&path).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    decisions::export(&reader, |line| Ok(writeln!(out, "{line}")?))?;
    Ok(out.flush()?)
}
