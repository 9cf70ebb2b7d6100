//! `convert SET DATA OUT`: measured data as recording, floor plan and truth, for looking at by hand.
//!
//! In: the name of a data set and the folder of measured data. Out: files in the folder OUT.

use anyhow::{Result, bail};
use std::path::Path;
use venue_tests::convert_positioning;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, data, out] = arguments.as_slice() else {
        bail!("usage: convert SET DATA OUT, with SET one of {}", convert_positioning::SETS.join(", "));
    };
    let converted = convert_positioning::convert(set, Path::new(data))?;
    converted.write(Path::new(out))?;
    println!("{} receptions, {} dropped", converted.recording.lines().count(), converted.dropped);
    Ok(())
}
