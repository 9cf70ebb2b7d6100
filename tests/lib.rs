//! What the end-to-end tests share.
//!
//! In: the binaries of this workspace, a data folder where one is at hand. Out: running processes with a
//! deadline, converted recordings, scores. It refuses to hide a test that could not run: `skip` prints
//! its name and reason, and `check.sh` lists them at the end.

pub mod baselines;
pub mod controller;
pub mod convert_positioning;
pub mod convert_trajectories;
pub mod csv;
pub mod demo;
pub mod dice;
pub mod peers;
pub mod programs;
pub mod queueing;
pub mod recording;
pub mod scan;
pub mod scorecard;
pub mod scoring;
pub mod simulation;
pub mod surveys;
pub mod waiting;

use std::io::Write;
use std::path::{Path, PathBuf};

/// Says that a test cannot run here, on standard output and in the list that `check.sh` shows.
pub fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED {name}: {reason}");
    println!("{line}");
    let Some(list) = std::env::var_os("VENUE_SKIPPED") else { return };
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(list);
    if let Ok(mut list) = opened {
        // The list is a convenience: the line above is the message.
        let _ = writeln!(list, "{line}");
    }
}

/// The top folder of the source tree.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests package lies in a folder of the workspace").to_path_buf()
}

/// The folder of measured data: `VENUE_DATA`, else `shared/data` beside the source tree, else none.
pub fn data_folder() -> Option<PathBuf> {
    let beside = || workspace().parent().map(|parent| parent.join("shared").join("data"));
    let folder = std::env::var_os("VENUE_DATA").map(PathBuf::from).or_else(beside)?;
    folder.join("positioning").is_dir().then_some(folder)
}

/// The data folder, or a printed line that this test is skipped.
pub fn data_folder_or_skip(name: &str) -> Option<PathBuf> {
    let folder = data_folder();
    if folder.is_none() {
        skip(name, "no measured data here; name its folder in VENUE_DATA");
    }
    folder
}
