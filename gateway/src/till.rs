//! `till`: a till that is cut off, and `keys`: what it needs for that.
//!
//! In: scanned tokens, one a line, public keys, a file of its own. Out: one JSON line for each, yes or no with
//! a reason, as the board would answer. It asks nobody, and takes nothing it could not note as taken. A line
//! that is the board's signed time sets its clock.

use crate::cli::Failure;
use crate::session::open_keys;
use crate::voucher::desk::{Answer, Desk};
use crate::voucher::keys::{Keys, read_public};
use crate::voucher::spent::Spent;
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

/// Longest line read; a token has under 300 characters.
const LINE_LEN_MAX: u64 = 1_024;

/// Options of `till`.
#[derive(Args, Debug)]
pub struct TillArguments {
    /// Public keys, as `venue-gateway keys` prints them.
    #[arg(long)]
    keys: PathBuf,
    /// The stand it is at, a queue of the floor plan.
    #[arg(long)]
    stand: String,
    /// Its number at the stand, from 1 to the stand's tills.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    till: u8,
    /// Its own file of vouchers taken; made where it is missing.
    #[arg(long, default_value = "spent.txt")]
    spent: PathBuf,
}

/// Options of `keys`.
#[derive(Args, Debug)]
pub struct KeysArguments {
    /// Folder of the database.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Sign with a new key from the next start on; the earlier public keys stay accepted.
    #[arg(long)]
    rotate: bool,
}

/// Answers what is scanned until the input ends.
///
/// # Errors
/// Where a file cannot be used.
pub fn run(arguments: &TillArguments) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&arguments.keys)
        .map_err(|error| Failure::Configuration(format!("{}: {error}", arguments.keys.display())))?;
    let keys = read_public(&arguments.keys, &text).map_err(|error| Failure::Configuration(error.to_string()))?;
    let spent = Spent::open(&arguments.spent).map_err(|error| Failure::Configuration(format!("{error:#}")))?;
    let stand = arguments.stand.clone();
    let mut desk = Desk { keys, stand, till: arguments.till, spent, clock_off_us: 0 };
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = Vec::new();
    while (&mut input).take(LINE_LEN_MAX).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            writeln!(out, "{}", told(&desk.answer(text.trim(), now_us())))?;
            out.flush()?;
        }
        line.clear();
    }
    Ok(())
}

/// Prints the public keys, after making a new one where that is asked for.
///
/// # Errors
/// Where the file of keys cannot be used.
pub fn keys(arguments: &KeysArguments) -> Result<(), Failure> {
    if !arguments.data.is_dir() {
        let told = format!("{}: no such folder; give the gateway's with --data", arguments.data.display());
        return Err(Failure::Configuration(told));
    }
    let mut keys: Keys = open_keys(&arguments.data)?;
    if arguments.rotate {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        keys = keys.rotate(&arguments.data, secret).map_err(anyhow::Error::from)?;
        eprintln!("a new key signs from the next start of the gateway on; give the tills these keys");
    }
    Ok(std::io::stdout().write_all(keys.public_text().as_bytes())?)
}

fn told(answer: &Answer) -> Value {
    match answer {
        Answer::Taken(token) => json!({
            "state": "redeemed", "voucher": token.voucher_hex(), "stand": token.stand,
            "percent": f64::from(token.percent_hundredths) / 100.0,
        }),
        Answer::Refused(reason) => {
            json!({"state": "refused", "reason": reason.as_str(), "message": reason.sentence()})
        }
        Answer::ClockSet(off_us) => json!({"state": "clock-set", "off_s": *off_us as f64 / 1e6}),
    }
}

#[expect(clippy::disallowed_methods, reason = "a till goes by its own clock until the board tells it better")]
fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
