//! Simulated recordings for tests.
//!
//! In: a scenario file and a seed. Out: a recording and its truth in a folder of their own.

use crate::programs;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What the simulator wrote; removed when dropped.
#[derive(Debug)]
pub struct Simulated {
    folder: TempDir,
    /// What it said on standard error.
    pub said: String,
}

impl Simulated {
    /// Simulates the small hall of `tests/scenarios`.
    ///
    /// # Errors
    /// What the simulator said.
    pub fn small(seed: u64) -> Result<Self> {
        Self::run(&small_scenario(), seed)
    }

    /// Simulates a scenario file.
    ///
    /// # Errors
    /// What the simulator said.
    pub fn run(scenario: &Path, seed: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(programs::simulator());
        command.arg("run").arg("--scenario").arg(scenario).args(["--seed", &seed.to_string()]);
        command.arg("--out").arg(folder.path().join("recording.jsonl.zst"));
        command.arg("--truth").arg(folder.path().join("truth.jsonl"));
        let ended = programs::run(&mut command, b"", programs::PATIENCE)?.succeeded("simulate")?;
        Ok(Self { folder, said: format!("{}{}", ended.text(), ended.stderr) })
    }

    /// The recording, compressed.
    pub fn recording(&self) -> PathBuf {
        self.folder.path().join("recording.jsonl.zst")
    }

    /// The recording's lines.
    ///
    /// # Errors
    /// When it is not zstd or not text.
    pub fn lines(&self) -> Result<Vec<String>> {
        let text = String::from_utf8(zstd::decode_all(std::fs::File::open(self.recording())?)?)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The truth's text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn truth(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("truth.jsonl"))?)
    }
}

/// The small hall with its crowd.
pub fn small_scenario() -> PathBuf {
    crate::workspace().join("tests/scenarios/small.toml")
}

/// The floor plan of the small hall.
pub fn small_venue() -> PathBuf {
    crate::workspace().join("tests/scenarios/small_venue.toml")
}
