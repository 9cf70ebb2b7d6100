//! The files a board works with: floor plan, campaigns, model, data folder.
//!
//! In: the configuration. Out: whether each can be used. It writes one file into the data folder and removes
//! it again, since permissions alone do not tell whether a disk takes anything.

use super::Finding;
use crate::config::{Config, read_file};
use crate::model::Model;
use crate::session::DATABASE;
use std::io::Read;
use std::path::Path;
use venue_engine::offers::campaign;
use venue_engine::venue::Venue;

/// First bytes of every database (sqlite.org/fileformat2.html, 1.3.1).
const DATABASE_BEGINS: &[u8; 16] = b"SQLite format 3\0";

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match read_file(&config.venue, Venue::parse) {
        Ok(venue) => {
            findings.push(plan(config, &venue));
            findings.extend(campaigns(config, &venue));
        }
        Err(lines) => {
            let mend = "name it with [gateway] venue; docs/floor-plan.md says what is in it";
            findings.extend(lines.lines().map(|line| Finding::fault("floor plan", line, mend)));
        }
    }
    findings.push(model(config));
    findings.push(data(&config.data));
    findings.extend(database(&config.data.join(DATABASE)));
    findings
}

/// Whether every source has its receiver.
fn plan(config: &Config, venue: &Venue) -> Finding {
    let adapter = Some(&config.bluetooth.receiver).filter(|_| config.bluetooth.enabled);
    let wanted = adapter.into_iter().chain(config.hci.iter().map(|hci| &hci.receiver));
    let missing: Vec<&str> =
        wanted.filter(|name| venue.receiver(name).is_none()).map(std::string::String::as_str).collect();
    let path = config.venue.display();
    if missing.is_empty() {
        return Finding::ok("floor plan", format!("{path}: {} receivers", venue.receivers.len()));
    }
    let known: Vec<&str> = venue.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let found = format!("{path}: no receiver called {}", missing.join(", "));
    Finding::fault("floor plan", found, format!("add it, or write one of {} in gateway.toml", known.join(", ")))
}

fn campaigns(config: &Config, venue: &Venue) -> Vec<Finding> {
    let Some(path) = &config.campaigns else { return vec![Finding::ok("campaigns", "the built-in one")] };
    match read_file(path, |text| campaign::parse(text, venue)) {
        Ok(campaigns) => vec![Finding::ok("campaigns", format!("{}: {}", path.display(), campaigns.len()))],
        Err(lines) => {
            lines.lines().map(|line| Finding::fault("campaigns", line, "edit the file at that line")).collect()
        }
    }
}

fn model(config: &Config) -> Finding {
    let (name, loaded) = match &config.model {
        None => ("the built-in one".to_owned(), Model::shipped()),
        Some(path) => (path.display().to_string(), Model::from_file(path)),
    };
    match loaded {
        Ok(_) => Finding::ok("model", format!("{name}: loads, and its examples give the expected scores")),
        Err(error) => {
            let mend = "set [offers] model = \"\" for the built-in one; until then offers go by rules alone";
            Finding::fault("model", format!("{name}: {error}"), mend)
        }
    }
}

fn data(folder: &Path) -> Finding {
    let shown = folder.display();
    if !folder.exists() {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return match try_to_write(above) {
            Ok(()) => Finding::ok("data folder", format!("{shown}: will be created")),
            Err(error) => {
                let found = format!("{shown} cannot be created: {error}");
                Finding::fault("data folder", found, format!("mkdir -p {shown} && chown $(id -un) {shown}"))
            }
        };
    }
    match try_to_write(folder) {
        Ok(()) => Finding::ok("data folder", format!("{shown}: can be written")),
        Err(error) if folder.is_dir() => {
            let mend = format!("chown -R $(id -un) {shown}, or name another folder with [gateway] data");
            Finding::fault("data folder", format!("{shown} cannot be written: {error}"), mend)
        }
        Err(_) => {
            Finding::fault("data folder", format!("{shown} is no folder"), "name another one with [gateway] data")
        }
    }
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".venue-gateway-doctor-{}", std::process::id()));
    std::fs::write(&path, b"written by venue-gateway doctor\n")?;
    std::fs::remove_file(path)
}

/// Nothing to say where there is none yet: it is created at the first start.
fn database(path: &Path) -> Option<Finding> {
    let mut begins = [0; DATABASE_BEGINS.len()];
    let mut file = std::fs::File::open(path).ok()?;
    let shown = path.display();
    Some(match file.read_exact(&mut begins) {
        Ok(()) if begins == *DATABASE_BEGINS => Finding::ok("database", shown.to_string()),
        // SQLite makes a database of an empty file.
        Err(_) if file.metadata().is_ok_and(|file| file.len() == 0) => {
            Finding::ok("database", format!("{shown}: empty"))
        }
        _ => Finding::fault("database", format!("{shown} is no database"), format!("mv {shown} {shown}.broken")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    fn check(finding: &Finding, standing: Standing, found: &str) {
        assert_eq!(finding.standing, standing, "{finding}");
        assert!(finding.found.contains(found), "{finding}");
        assert_eq!(finding.mend.is_empty(), standing == Standing::Ok, "{finding}");
    }

    #[test]
    fn a_data_folder_is_tried_out() {
        let folder = tempfile::tempdir().expect("a folder");
        check(&data(folder.path()), Standing::Ok, "can be written");
        check(&data(&folder.path().join("new")), Standing::Ok, "will be created");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 0, "nothing is left behind");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").expect("written");
        check(&data(&file), Standing::Fault, "is no folder");
        check(&data(&file.join("below")), Standing::Fault, "cannot be created");
    }

    #[test]
    fn a_shopping_list_is_no_database() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("venue.sqlite");
        assert_eq!(database(&path), None);
        std::fs::write(&path, "milk, bread, butter, eggs").expect("written");
        check(&database(&path).expect("a finding"), Standing::Fault, "is no database");
        std::fs::write(&path, [&DATABASE_BEGINS[..], b"more"].concat()).expect("written");
        check(&database(&path).expect("a finding"), Standing::Ok, "venue.sqlite");
    }

    #[test]
    fn receivers_that_are_missing_are_named_with_those_there_are() {
        let text = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
            [[receiver]]\nname = \"n\"\nx_m = 1\ny_m = 1\n";
        let venue = Venue::parse(text).expect("a plan");
        let config = |text: &str| Config::parse(text).expect("a configuration");
        check(&plan(&config("[bluetooth]\nreceiver = \"n\""), &venue), Standing::Ok, "1 receivers");
        check(&plan(&config("[bluetooth]\nreceiver = \"m\""), &venue), Standing::Fault, "no receiver called m");
        check(&plan(&config("[bluetooth]\nenabled = false"), &venue), Standing::Ok, "1 receivers");
    }

    #[test]
    fn the_shipped_model_is_well() {
        check(&model(&Config::shipped()), Standing::Ok, "loads");
        let broken = Config { model: Some("/nowhere.onnx".into()), ..Config::shipped() };
        check(&model(&broken), Standing::Fault, "/nowhere.onnx");
    }
}
