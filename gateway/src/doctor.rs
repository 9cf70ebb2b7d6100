//! `doctor`: what is missing on this machine, and the command that mends it.
//!
//! In: this board's configuration. Out: one line a matter: `ok`, `note` or `FAULT`, what it is about and what
//! was found; below a note or fault the mend. It changes nothing: nothing is reset, created or switched on.

mod bluetooth;
mod files;
mod machine;
mod network;

use crate::cli::Failure;
use crate::config::Config;
use clap::Args;
use serde_json::json;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Configuration of this board; without the file, the built-in one.
    #[arg(long, default_value = "gateway.toml")]
    config: PathBuf,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// How a matter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Ok,
    /// It works, but somebody should know.
    Note,
    Fault,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Fault => "fault",
        }
    }
}

/// One matter looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What kind of matter: `adapter`, `disk`, …
    about: &'static str,
    standing: Standing,
    found: String,
    /// What to do; empty where all is well.
    mend: String,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, standing: Standing::Ok, found: found.into(), mend: String::new() }
    }

    fn note(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { about, standing: Standing::Note, found: found.into(), mend: mend.into() }
    }

    fn fault(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { about, standing: Standing::Fault, found: found.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = match self.standing {
            Standing::Fault => "FAULT",
            standing => standing.as_str(),
        };
        write!(f, "{standing:<6} {:<14} {}", self.about, self.found)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n{:21} mend: {}", "", self.mend) }
    }
}

/// Looks at everything and prints what it found.
///
/// # Errors
/// Where anything is a fault; what, has been printed.
pub fn run(arguments: &DoctorArguments) -> Result<(), Failure> {
    let findings = look(&arguments.config)?;
    let faults = findings.iter().filter(|finding| finding.standing == Standing::Fault).count();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let checks = findings.iter().map(|Finding { about, standing, found, mend }| {
            json!({"about": about, "state": standing.as_str(), "found": found, "mend": mend})
        });
        writeln!(out, "{}", json!({"ok": faults == 0, "checks": checks.collect::<Vec<_>>()}))?;
    } else {
        findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))?;
    }
    match faults {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("1 fault").into()),
        faults => Err(anyhow::anyhow!("{faults} faults").into()),
    }
}

fn look(path: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let config = configuration(path, &mut findings);
    findings.extend(files::look(&config));
    findings.extend(machine::look(&config, &machine::Places::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    findings.extend(runtime.block_on(bluetooth::look(&config)));
    findings.extend(runtime.block_on(network::look(&config)));
    Ok(findings)
}

/// The configuration, or the built-in one where it is absent or wrong: the rest is worth looking at all the same.
fn configuration(path: &Path, findings: &mut Vec<Finding>) -> Config {
    let about = "configuration";
    if !path.exists() {
        let found = format!("{} is not there; looking with the built-in one", path.display());
        let mend = format!("venue-gateway config > {}", path.display());
        findings.push(Finding::note(about, found, mend));
        return Config::shipped();
    }
    match Config::load(path) {
        Ok(config) => {
            findings.push(Finding::ok(about, format!("{}: no faults", path.display())));
            config
        }
        Err(lines) => {
            let fault = |line: &str| Finding::fault(about, line, "edit the file at that line");
            findings.extend(lines.lines().map(fault));
            Config::shipped()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_and_its_mend() {
        let finding = Finding::fault("adapter", "there is none", "plug one in");
        let text = format!("FAULT  adapter        there is none\n{:21} mend: plug one in", "");
        assert_eq!(finding.to_string(), text);
        assert_eq!(Finding::ok("disk", "3.0 GiB free").to_string(), "ok     disk           3.0 GiB free");
    }

    #[test]
    fn a_wrong_configuration_is_told_line_by_line_and_does_not_end_the_visit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, "[engine]\npenetratoin = 1\nabsent_after_s = 1\n").expect("written");
        let mut findings = Vec::new();
        configuration(&path, &mut findings);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.standing == Standing::Fault));
    }
}
