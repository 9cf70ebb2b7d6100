//! People who really walked: recorded paths that carry simulated beacons.
//!
//! In: CSV text with the columns `id,t_s,x_m,y_m`, seconds since the begin of the scenario. Out: the same
//! changes and positions as a simulated crowd. A person comes in with the first sample and leaves with the
//! last. People count as waiting while they are within a queue's area, walkers too, and as called when they
//! leave it: a recording does not say more. It refuses what is not such a table.

use crate::people::Change;
use crate::route::{Pose, direction};
use crate::scenario::Scenario;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use venue_engine::geometry::{Point, contains};
use venue_engine::venue::{FloorId, QueueId};

/// Most samples of a recording: an hour of 250 people at 5 Hz, about 130 MB.
const SAMPLES_MAX: usize = 4_500_000;

struct Path {
    samples: Vec<(i64, Point)>,
}

/// The people of a recording.
pub struct Recorded {
    paths: Vec<Path>,
    /// Time and change, in order.
    changes: Vec<(i64, Change)>,
    next: usize,
    /// Per queue: from, to.
    waits: Vec<Vec<(i64, i64)>>,
    now_us: i64,
}

impl Recorded {
    /// Reads the recording of a scenario.
    ///
    /// # Errors
    /// Where the text is not such a table, with the line.
    pub fn new(csv: &str, scenario: &Scenario) -> Result<Self> {
        let paths: Vec<Path> = read_paths(csv, scenario)?;
        let mut changes = Vec::new();
        let mut waits = vec![Vec::new(); scenario.venue.queues.len()];
        for (person, path) in paths.iter().enumerate() {
            let (first_us, last_us) = (path.samples[0].0, path.samples[path.samples.len() - 1].0);
            changes.push((first_us, Change::Entered { person, at_us: first_us }));
            changes.push((last_us, Change::Left { person, at_us: last_us }));
            for (index, queue) in scenario.venue.queues.iter().enumerate() {
                let Some((joined_us, at_us)) = path.spell(&queue.area) else { continue };
                waits[index].push((joined_us, at_us));
                let queue = QueueId(index as u8);
                changes.push((at_us, Change::Called { person, queue, joined_us, at_us }));
            }
        }
        // Stable: a person is called before they leave, in the order of the table.
        changes.sort_by_key(|(at_us, change)| (*at_us, matches!(change, Change::Left { .. })));
        Ok(Self { paths, changes, next: 0, waits, now_us: i64::MIN })
    }

    /// How many people there are in all.
    pub fn people_count(&self) -> usize {
        self.paths.len()
    }

    /// People inside now.
    pub fn inside(&self) -> impl Iterator<Item = usize> + '_ {
        let now_us = self.now_us;
        let here = move |path: &Path| path.samples[0].0 <= now_us && now_us < path.samples[path.samples.len() - 1].0;
        self.paths.iter().enumerate().filter(move |(_, path)| here(path)).map(|(person, _)| person)
    }

    /// People within a queue's area now.
    pub fn queue_length(&self, queue: QueueId) -> usize {
        let waits = &self.waits[usize::from(queue.0)];
        waits.iter().filter(|(from_us, to_us)| (*from_us..*to_us).contains(&self.now_us)).count()
    }

    /// Where a person is.
    pub fn pose(&self, person: usize, at_us: i64) -> (FloorId, Pose) {
        (FloorId(0), self.paths[person].pose(at_us))
    }

    /// When something happens next.
    pub fn next_us(&self) -> i64 {
        self.changes.get(self.next).map_or(i64::MAX, |(at_us, _)| *at_us)
    }

    /// Tells everything up to and including `until_us`.
    pub fn advance(&mut self, until_us: i64, changes: &mut Vec<Change>) {
        while self.next_us() <= until_us {
            changes.push(self.changes[self.next].1);
            self.next += 1;
        }
        self.now_us = until_us;
    }
}

impl Path {
    fn pose(&self, at_us: i64) -> Pose {
        let last = self.samples.len() - 1;
        let next = self.samples.partition_point(|(sample_us, _)| *sample_us <= at_us).clamp(1, last.max(1));
        let ((from_us, from), (to_us, to)) = (self.samples[next - 1], self.samples[next.min(last)]);
        let share = ((at_us - from_us) as f64 / (to_us - from_us).max(1) as f64).clamp(0.0, 1.0);
        let at = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
        Pose { at, facing: direction(from, to) }
    }

    /// From the first sample within an area to the first after it that is outside for good.
    fn spell(&self, area: &[Point]) -> Option<(i64, i64)> {
        let first = self.samples.iter().position(|(_, at)| contains(area, *at))?;
        let last = self.samples.iter().rposition(|(_, at)| contains(area, *at))?;
        let after = (last + 1).min(self.samples.len() - 1);
        Some((self.samples[first].0, self.samples[after].0))
    }
}

fn read_paths(csv: &str, scenario: &Scenario) -> Result<Vec<Path>> {
    let mut lines = csv.lines();
    ensure!(
        lines.next().map(str::trim) == Some("id,t_s,x_m,y_m"),
        "trajectories: the first line must be `id,t_s,x_m,y_m`"
    );
    let mut people: BTreeMap<&str, Vec<(i64, Point)>> = BTreeMap::new();
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 2;
        ensure!(index < SAMPLES_MAX, "trajectories: more than {SAMPLES_MAX} lines; cut the recording");
        let (id, sample) =
            read_sample(line.trim(), scenario).with_context(|| format!("trajectories, line {number}"))?;
        people.entry(id).or_default().push(sample);
    }
    if people.is_empty() {
        bail!("trajectories: no samples");
    }
    let mut paths: Vec<Path> = people.into_values().map(|samples| Path { samples }).collect();
    for path in &mut paths {
        path.samples.sort_by_key(|(at_us, _)| *at_us);
    }
    // In order of appearance; equal times keep the order of their names.
    paths.sort_by_key(|path| path.samples[0].0);
    Ok(paths)
}

fn read_sample<'l>(line: &'l str, scenario: &Scenario) -> Result<(&'l str, (i64, Point))> {
    let fields: Vec<&str> = line.split(',').collect();
    let [id, time_s, x_m, y_m] = fields[..] else { bail!("{} columns; there must be 4", fields.len()) };
    let number = |text: &str| {
        text.parse::<f64>().ok().filter(|n| n.is_finite()).with_context(|| format!("\"{text}\" is not a number"))
    };
    let [shift_x_m, shift_y_m] = scenario.crowd.shift_m;
    let at = [number(x_m)? + shift_x_m, number(y_m)? + shift_y_m];
    let floor = &scenario.venue.floors[0];
    let on_floor = (0.0..=floor.width_m).contains(&at[0]) && (0.0..=floor.depth_m).contains(&at[1]);
    ensure!(on_floor, "({}, {}) is off the floor; set `shift_x_m` and `shift_y_m` in [crowd]", at[0], at[1]);
    Ok((id, (scenario.starts_at_us + (number(time_s)? * 1e6) as i64, at)))
}

#[cfg(test)]
mod tests {
    use crate::simulation::Simulation;
    use crate::truth::Truth;

    const SCENARIO: &str = r#"
name = "corridor"
starts_at_us = 1780659000000000
duration_s = 20
venue_text = """
name = "corridor"
[[floor]]
name = "ground"
width_m = 4
depth_m = 12
[[receiver]]
name = "gate"
x_m = 2
y_m = 6
[[queue]]
name = "gate"
area = [[0, 2], [4, 2], [4, 10], [0, 10]]
counter = [[0, 1], [4, 1], [4, 2], [0, 2]]
"""
[crowd]
trajectories = "paths.csv"
share = 1.0
shift_y_m = 6
[[carried]]
kind = "wristband"
interval_ms = 200
frames = ["altbeacon"]
"#;

    /// Two people: one walks through in 10 s, the other follows 4 s later and twice as slowly.
    const PATHS: &str = "id,t_s,x_m,y_m\n1,0,2,5\n1,10,2,-5\n2,4,1,5\n2,14,1,0\n2,19.5,1,-5.5\n";

    fn simulation(scenario: &str, paths: &str) -> anyhow::Result<Simulation> {
        let fetch = |name: &str| match name {
            "paths.csv" => Ok(paths.to_owned()),
            _ => Err(format!("no {name}")),
        };
        Simulation::with_files(scenario, 1, &fetch)
    }

    #[test]
    fn people_walk_their_paths_and_carry_beacons() {
        let mut simulation = simulation(SCENARIO, PATHS).expect("a good recording");
        let (mut adverts, mut truths) = (Vec::new(), Vec::new());
        let from_us = simulation.starts_at_us();
        simulation.advance(i64::MAX, &mut adverts, &mut truths);
        let position = |who_wanted: &str, time_s: i64| {
            truths.iter().find_map(|truth| match truth {
                Truth::Position { at_us, who, x_m, y_m, .. } => {
                    (*at_us == from_us + time_s * 1_000_000 && **who == *who_wanted).then_some([*x_m, *y_m])
                }
                _ => None,
            })
        };
        assert_eq!(position("attendee-0001", 4), Some([2.0, 7.0]));
        assert_eq!(position("attendee-0002", 9), Some([1.0, 8.5]));
        assert_eq!((position("attendee-0001", 12), position("attendee-0002", 2)), (None, None));
        let heard = |minor: u8| adverts.iter().filter(|advert| advert.payload[28] == minor).count();
        assert!(heard(1) > 35 && heard(2) > 55, "{} and {}", heard(1), heard(2));
    }

    #[test]
    fn time_in_the_area_is_the_wait() {
        // Samples every second, so that the moment of leaving the area is known to the second.
        let dense: String = (0..=10).map(|t| format!("1,{t},2,{}\n", 5 - t)).collect();
        let mut simulation = simulation(SCENARIO, &format!("id,t_s,x_m,y_m\n{dense}")).expect("a good recording");
        let mut truths = Vec::new();
        simulation.advance(i64::MAX, &mut Vec::new(), &mut truths);
        let waits: Vec<f64> = truths
            .iter()
            .filter_map(|t| if let Truth::Wait { wait_s, .. } = t { Some(*wait_s) } else { None })
            .collect();
        assert_eq!(waits, [8.0], "in the area from y 9 at 2 s to y 1 at 10 s; its upper edge is outside");
        let lengths: Vec<usize> = truths
            .iter()
            .filter_map(|t| if let Truth::Queue { length, .. } = t { Some(*length) } else { None })
            .collect();
        assert_eq!(lengths, [0, 1, 0, 0, 0], "at 0, 5, 10, 15 and 20 s");
    }

    #[test]
    fn what_is_not_a_recording_is_refused_with_its_line() {
        let check = |paths: &str, wanted: &str| {
            let told = simulation(SCENARIO, paths).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(told.contains(wanted), "{told}");
        };
        check("", "the first line must be `id,t_s,x_m,y_m`");
        check("id,t_s,x_m,y_m\n", "no samples");
        check("id,t_s,x_m,y_m\n1,0,2,5\n1,x,2,5\n", "line 3: \"x\" is not a number");
        check("id,t_s,x_m,y_m\n1,0,2\n", "line 2: 3 columns");
        check("id,t_s,x_m,y_m\n1,0,2,50\n", "off the floor; set `shift_x_m`");
    }
}
