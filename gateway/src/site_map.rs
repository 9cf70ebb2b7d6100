//! The learned site map beside a floor plan, both directions: `venue.toml` has `venue.map.json`.
//!
//! In: what calibration learned, or the file. Out: the file, or what was learned. It refuses a map of another venue:
//! one whose floors, walls or receivers are not those of the floor plan any more, naming the first that differs,
//! since levels learned at one place mislead at another.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};
use venue_engine::radio_map::{Assumptions, Learned, LearnedReceiver, RadioMap};
use venue_engine::venue::Venue;

/// Version of the file's shape. Another one is refused, since its numbers may mean something else.
const VERSION: u32 = 1;

/// Longest file read: 32 receivers and 4 096 cells of two numbers take under 3 MB.
const FILE_LEN_MAX: u64 = 16 << 20;

/// Places differ when they are further apart than this, metres: plans are rounded when edited.
const PLACE_M: f64 = 0.01;

/// Corrections are kept to hundredths of a decibel.
const PER_DB: f32 = 100.0;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    venue: String,
    floors: Vec<FloorPart>,
    walls: Vec<WallPart>,
    cells: usize,
    exponent: f64,
    receivers: Vec<ReceiverPart>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FloorPart {
    name: String,
    width_m: f64,
    depth_m: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WallPart {
    floor: u8,
    points: Vec<[f64; 2]>,
    loss_db: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiverPart {
    name: String,
    floor: u8,
    x_m: f64,
    y_m: f64,
    z_m: f64,
    gain_db: f64,
    /// By cell, hundredths of a decibel.
    corrections: Vec<i32>,
    /// By cell, hundredths of a decibel.
    spreads: Vec<i32>,
}

/// Where the map of a floor plan is.
pub fn path_beside(venue: &Path) -> PathBuf {
    venue.with_extension("map.json")
}

/// Writes what was learned about a venue beside its floor plan, at once or not at all; the path written.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(venue_path: &Path, venue: &Venue, learned: &Learned) -> anyhow::Result<PathBuf> {
    let path = path_beside(venue_path);
    let text = serde_json::to_string(&to_file(venue, learned)).context("a site map that cannot be written as JSON")?;
    let draft = path.with_extension("json.new");
    std::fs::write(&draft, text + "\n").with_context(|| format!("{}: cannot be written", draft.display()))?;
    std::fs::rename(&draft, &path).with_context(|| format!("{}: cannot be replaced", path.display()))?;
    Ok(path)
}

/// Reads the map beside a floor plan; `None` where there is none.
///
/// # Errors
/// One line: what is wrong with it and how to mend it.
pub fn read_beside(venue_path: &Path, venue: &Venue) -> Result<Option<Learned>, String> {
    let path = path_beside(venue_path);
    let name = path.display();
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{name}: cannot be read: {error}; check its permissions")),
    };
    let mut text = String::new();
    file.take(FILE_LEN_MAX)
        .read_to_string(&mut text)
        .map_err(|error| format!("{name}: cannot be read: {error}; calibrate again, or remove the file"))?;
    from_text(&text, venue).map(Some).map_err(|why| {
        format!("{name}: {why}; calibrate again (venue-gateway calibrate), or remove the file to go without")
    })
}

fn to_file(venue: &Venue, learned: &Learned) -> File {
    let hundredths = |db: f32| (db * PER_DB).round() as i32;
    let receiver = |(receiver, learned): (&venue_engine::venue::Receiver, &LearnedReceiver)| ReceiverPart {
        name: receiver.name.clone(),
        floor: receiver.floor.0,
        x_m: receiver.x_m,
        y_m: receiver.y_m,
        z_m: receiver.z_m,
        gain_db: learned.gain_db,
        corrections: learned.corrections_db.iter().map(|(correction_db, _)| hundredths(*correction_db)).collect(),
        spreads: learned.corrections_db.iter().map(|(_, spread_db)| hundredths(*spread_db)).collect(),
    };
    File {
        version: VERSION,
        venue: venue.name.clone(),
        floors: floors(venue),
        walls: walls(venue),
        cells: learned.receivers.first().map_or(0, |receiver| receiver.corrections_db.len()),
        exponent: learned.exponent,
        receivers: venue.receivers.iter().zip(&learned.receivers).map(receiver).collect(),
    }
}

fn floors(venue: &Venue) -> Vec<FloorPart> {
    let part = |floor: &venue_engine::venue::Floor| FloorPart {
        name: floor.name.clone(),
        width_m: floor.width_m,
        depth_m: floor.depth_m,
    };
    venue.floors.iter().map(part).collect()
}

fn walls(venue: &Venue) -> Vec<WallPart> {
    let part = |wall: &venue_engine::venue::Wall| WallPart {
        floor: wall.floor.0,
        points: wall.points.clone(),
        loss_db: wall.loss_db,
    };
    venue.walls.iter().map(part).collect()
}

fn from_text(text: &str, venue: &Venue) -> Result<Learned, String> {
    let file: File = serde_json::from_str(text).map_err(|error| format!("not a site map: {error}"))?;
    if file.version != VERSION {
        return Err(format!("a site map of version {}, and this program reads version {VERSION}", file.version));
    }
    check_plan(&file, venue)?;
    let decibels = |hundredths: &i32| *hundredths as f32 / PER_DB;
    let learned = |receiver: &ReceiverPart| LearnedReceiver {
        gain_db: receiver.gain_db,
        corrections_db: receiver.corrections.iter().map(decibels).zip(receiver.spreads.iter().map(decibels)).collect(),
    };
    let learned = Learned { exponent: file.exponent, receivers: file.receivers.iter().map(learned).collect() };
    // The number of cells follows from floors and settings of the program, so this asks the program itself.
    match RadioMap::new(venue, Assumptions::default()).apply(&learned) {
        true => Ok(learned),
        false => Err(format!("learned on {} cells, which are not those of the floor plan", file.cells)),
    }
}

/// Compares the plan a map was learned on with the one it is to serve.
fn check_plan(file: &File, venue: &Venue) -> Result<(), String> {
    if file.floors != floors(venue) {
        return Err("learned on floors of other names or sizes".to_owned());
    }
    if file.walls != walls(venue) {
        return Err("learned with other walls".to_owned());
    }
    for receiver in &venue.receivers {
        let Some(known) = file.receivers.iter().find(|known| known.name == receiver.name) else {
            return Err(format!("learned without receiver \"{}\"", receiver.name));
        };
        let (was, is) = ([known.x_m, known.y_m, known.z_m], [receiver.x_m, receiver.y_m, receiver.z_m]);
        if known.floor != receiver.floor.0 || was.iter().zip(&is).any(|(was, is)| (was - is).abs() > PLACE_M) {
            return Err(format!(
                "receiver \"{}\" stood at {was:?} when it was learned, and stands at {is:?}",
                known.name
            ));
        }
    }
    let names = || file.receivers.iter().map(|receiver| &receiver.name);
    if let Some(gone) = names().find(|name| venue.receiver(name).is_none()) {
        return Err(format!("learned with receiver \"{gone}\", which the floor plan does not have any more"));
    }
    match names().eq(venue.receivers.iter().map(|receiver| &receiver.name)) {
        true => Ok(()),
        false => Err("learned with the receivers in another order".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
        [[wall]]\npoints = [[10, 0], [10, 5]]\n\
        [[receiver]]\nname = \"a\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"b\"\nx_m = 15\ny_m = 5\n";

    fn venue(plan: &str) -> Venue {
        Venue::parse(plan).expect("a plan")
    }

    fn learned() -> Learned {
        let cells = RadioMap::new(&venue(PLAN), Assumptions::default()).cells().len();
        let receiver = LearnedReceiver { gain_db: 1.5, corrections_db: vec![(-2.25, 4.5); cells] };
        Learned { exponent: 2.2, receivers: vec![receiver.clone(), receiver] }
    }

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("venue.toml");
        assert_eq!(read_beside(&path, &venue(PLAN)), Ok(None));
        let written = write(&path, &venue(PLAN), &learned()).expect("writes");
        assert_eq!(written, folder.path().join("venue.map.json"));
        assert_eq!(read_beside(&path, &venue(PLAN)), Ok(Some(learned())));
    }

    #[test]
    fn a_map_of_another_plan_is_refused_with_the_difference() {
        let text = serde_json::to_string(&to_file(&venue(PLAN), &learned())).expect("JSON");
        let why = |plan: &str| from_text(&text, &venue(plan)).expect_err("refused");
        let moved = why(&PLAN.replace("x_m = 15", "x_m = 14"));
        assert_eq!(
            moved,
            "receiver \"b\" stood at [15.0, 5.0, 2.5] when it was learned, and stands at [14.0, 5.0, 2.5]"
        );
        assert_eq!(why(&PLAN.replace("\"b\"", "\"c\"")), "learned without receiver \"c\"");
        assert_eq!(why(&PLAN.replace("depth_m = 10", "depth_m = 11")), "learned on floors of other names or sizes");
        assert_eq!(why(&PLAN.replace("[10, 5]", "[10, 6]")), "learned with other walls");
        let fewer = PLAN.replace("[[receiver]]\nname = \"a\"\nx_m = 5\ny_m = 5\n", "");
        assert_eq!(why(&fewer), "learned with receiver \"a\", which the floor plan does not have any more");
        assert!(from_text(&text[..text.len() / 2], &venue(PLAN)).expect_err("cut off").starts_with("not a site map"));
    }
}
