//! `calibrate` as an installer uses it: what it writes, what it refuses, and when its map is void.
//!
//! In: a simulated ten minutes with the truth as positions. Out: failures where the map is not taken up, a moved
//! receiver is not noticed, or a fault of a table is not told with its line.

use std::path::{Path, PathBuf};
use venue_tests::programs::{self, Ended, PATIENCE};
use venue_tests::recording::{Reception, lines, who};

const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
    [[receiver]]\nname = \"a\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"b\"\nx_m = 15\ny_m = 5\n";

const START_US: i64 = 1_763_700_000_000_000;

/// Places a walk stands at, a minute each.
const PLACES_X_M: [f64; 3] = [4.0, 10.0, 16.0];

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// A venue, a walk through it as a recording, and the table of where it stood.
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        site.write("venue.toml", PLAN);
        let mut receptions = Vec::new();
        let mut positions = String::from("beacon,from_us,to_us,x_m,y_m,floor\n");
        for (minute, x_m) in PLACES_X_M.iter().enumerate() {
            let from_us = START_US + minute as i64 * 60_000_000;
            positions += &format!("{},{from_us},{},{x_m},5,\n", who(1), from_us + 59_000_000);
            for second in 0..60 {
                for (receiver, at_m) in [("a", 5.0), ("b", 15.0)] {
                    let level_dbm = -50.0 - 25.0 * (x_m - at_m).hypot(1.2).max(1.0).log10();
                    let (at_us, rssi_dbm) = (from_us + second * 1_000_000, level_dbm as i8);
                    receptions.push(Reception { at_us, receiver: receiver.to_owned(), tag: 1, rssi_dbm });
                }
            }
        }
        site.write("walk.jsonl", &lines(&mut receptions));
        site.write("positions.csv", &positions);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writes");
    }

    fn run(&self, command: &str, further: &[&Path]) -> Ended {
        let (walk, venue) = (self.path("walk.jsonl"), self.path("venue.toml"));
        let mut process =
            programs::gateway_command(&[command.as_ref(), walk.as_os_str(), "--venue".as_ref(), venue.as_os_str()]);
        programs::run(process.args(further), b"", PATIENCE).expect("runs")
    }

    fn calibrate(&self) -> Ended {
        self.run("calibrate", &[Path::new("--positions"), &self.path("positions.csv")])
    }

    fn replay(&self) -> Ended {
        self.run("replay", &[Path::new("--track-all"), Path::new("--emit"), Path::new("fixes")])
    }
}

#[test]
fn a_map_is_written_and_taken_up_and_void_when_a_receiver_moves() {
    let site = Site::new();
    let before = site.replay().succeeded("replay without a map").expect("replays").text();
    let told = site.calibrate().succeeded("calibrate").expect("calibrates").text();
    assert!(told.contains("path loss exponent") && told.contains("venue.map.json"), "{told}");
    let after = site.replay().succeeded("replay with a map").expect("replays").text();
    assert!(!before.is_empty() && before != after, "the map changed nothing");
    site.write("venue.toml", &PLAN.replace("x_m = 15", "x_m = 14"));
    let void = site.replay();
    assert_eq!(void.code(), Some(2), "{}", void.stderr);
    assert!(void.stderr.contains("receiver \"b\" stood at [15.0, 5.0, 2.5]"), "{}", void.stderr);
    assert!(void.stderr.contains("calibrate again"), "{}", void.stderr);
}

#[test]
fn zones_may_change_under_a_map() {
    let site = Site::new();
    site.calibrate().succeeded("calibrate").expect("calibrates");
    let zone = "[[zone]]\nname = \"z\"\npolygon = [[0, 0], [10, 0], [10, 10], [0, 10]]\n";
    site.write("venue.toml", &format!("{PLAN}{zone}"));
    site.replay().succeeded("replay with a new zone").expect("replays");
}

#[test]
fn what_cannot_calibrate_says_why_and_writes_nothing() {
    let site = Site::new();
    site.write("positions.csv", "beacon,from_us,to_us,x_m,y_m,floor\nnorth,1,2,3,4,\n");
    let refused = site.calibrate();
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("positions.csv:2: \"north\" is no beacon"), "{}", refused.stderr);
    site.write("positions.csv", &format!("beacon,from_us,to_us,x_m,y_m,floor\n{},1,2,3,4,\n", who(1)));
    let nothing = site.calibrate();
    assert_eq!(nothing.code(), Some(1), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no advert of the recording belongs to a noted position"), "{}", nothing.stderr);
    assert!(!site.path("venue.map.json").exists());
}
