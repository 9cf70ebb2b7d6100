//! `check`: validates files and tells every fault with its file, line and mend.
//!
//! In: paths of floor plans, configurations and campaign files. Out: one line a file that is right, or one
//! line a fault. What a file is, its tables tell: a floor plan has `[[floor]]`, campaigns `[[campaign]]`.

use crate::config::{Config, read_file};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use venue_engine::document::Fault;
use venue_engine::offers::campaign;
use venue_engine::venue::Venue;

/// Checks the files; prints a line for each that is right.
///
/// # Errors
/// All faults of all files, one a line.
pub fn run(files: &[PathBuf]) -> Result<(), String> {
    let mut faults = Vec::new();
    for file in files {
        match check(file, files) {
            Ok(what) => println!("{}: {what}, no faults", file.display()),
            Err(lines) => faults.push(lines),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn check(file: &Path, all: &[PathBuf]) -> Result<&'static str, String> {
    let text = read_file(file, |text| Ok::<_, Vec<Fault>>(text.to_owned()))?;
    match kind_of(file, &text) {
        Kind::Venue => read_file(file, Venue::parse).map(|_| "floor plan"),
        Kind::Campaigns => check_campaigns(file, all),
        Kind::Config => check_config(file),
    }
}

enum Kind {
    Venue,
    Campaigns,
    Config,
}

fn kind_of(file: &Path, text: &str) -> Kind {
    let has = |header: &str| text.lines().any(|line| line.trim_start().starts_with(header));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if has("[[campaign]]") || name.contains("campaign") {
        return Kind::Campaigns;
    }
    let sections = ["[gateway]", "[engine]", "[mqtt]", "[http]", "[bluetooth]", "[[hci]]", "[offers]"];
    let configures = sections.into_iter().any(has) || name.contains("gateway");
    if configures && !has("[[floor]]") { Kind::Config } else { Kind::Venue }
}

/// A configuration is right when the files it names are, too.
fn check_config(file: &Path) -> Result<&'static str, String> {
    let config = Config::load(file)?;
    let venue = read_file(&config.venue, Venue::parse).map(Arc::new)?;
    let adapter = config.bluetooth.enabled.then_some(("[bluetooth]", &config.bluetooth.receiver));
    let controllers = config.hci.iter().map(|hci| ("[[hci]]", &hci.receiver));
    for (section, name) in adapter.into_iter().chain(controllers) {
        if venue.receiver(name).is_none() {
            let known: Vec<&str> = venue.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
            let (file, known) = (file.display(), known.join(", "));
            return Err(format!(
                "{file}: {section}: the floor plan has no receiver \"{name}\"; known receivers: {known}"
            ));
        }
    }
    match &config.campaigns {
        Some(campaigns) => read_file(campaigns, |text| campaign::parse(text, &venue)).map(|_| "configuration"),
        None => Ok("configuration"),
    }
}

/// Campaigns name queues, so they are checked against the floor plan given beside them.
fn check_campaigns(file: &Path, all: &[PathBuf]) -> Result<&'static str, String> {
    let plans = all.iter().filter(|other| other.as_path() != file);
    let beside = file.parent().unwrap_or(Path::new("")).join("venue.toml");
    let venue = plans.chain([&beside]).find_map(|path| read_file(path, Venue::parse).ok());
    let Some(venue) = venue else {
        return Err(format!("{}: name the floor plan too: check campaigns.toml venue.toml", file.display()));
    };
    read_file(file, |text| campaign::parse(text, &venue)).map(|_| "campaigns")
}
