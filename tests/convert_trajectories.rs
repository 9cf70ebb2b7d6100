//! Paths that people really walked through a gate, as a crowd of the simulator.
//!
//! In: the folder of measured data. Out: a scenario whose people walk the recorded paths, its floor plan,
//! and the queue length that was counted. Beyond the last recorded point, two metres behind the gate, each
//! person walks straight on and stays in a hall behind it: that tail is ours, so that people who were
//! served are heard leaving as they would be in a venue. Everything before it is as recorded.

use crate::csv::Csv;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Simulated time at the begin: any moment will do, and a fixed one keeps recordings equal.
const STARTS_AT_US: i64 = 1_763_700_000_000_000;
/// Free walking (Weidmann 1993: 1.34 m/s).
const WALK_M_PER_S: f64 = 1.34;
/// The hall behind the gate is this deep, metres: out of the queue's radio reach.
const HALL_M: f64 = 16.0;
/// Floor on the three other sides, metres.
const BORDER_M: f64 = 6.0;
/// The crowd is watched for this long after the last recorded point, seconds.
const AFTER_S: f64 = 30.0;
/// Distance of a receiver that must not count as the queue's, metres from area and counter.
const APART_M: f64 = 9.0;

/// One recorded experiment and where its queue stood, in its own coordinates (metres).
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Name of its files.
    pub name: &'static str,
    /// Where people waited: x from, y from, x to, y to.
    area: [f64; 4],
    /// Beyond the gate, where the recorded paths end.
    counter: [f64; 4],
    /// 1 when people walked towards larger y, -1 towards smaller.
    towards: f64,
}

/// The experiments, zones and gates as the data notes state them; sides are those of the recorded paths.
pub const EXPERIMENTS: [Experiment; 5] = [
    Experiment { name: "hermes_uo-180-180-070", area: CORRIDOR, counter: CORRIDOR_END, towards: -1.0 },
    Experiment { name: "hermes_uo-180-180-120", area: CORRIDOR, counter: CORRIDOR_END, towards: -1.0 },
    Experiment { name: "hermes_uo-180-180-180", area: CORRIDOR, counter: CORRIDOR_END, towards: -1.0 },
    Experiment {
        name: "hermes_ao_300",
        area: [-2.2, -8.0, 4.0, -0.53],
        counter: [-2.2, -0.53, 4.0, 6.2],
        towards: 1.0,
    },
    Experiment { name: "wdg_040_c_56_h-", area: [-2.7, 0.0, 2.3, 6.0], counter: [-2.7, -1.9, 2.3, 0.0], towards: -1.0 },
];

/// 1.8 m wide, with room where people spread before they enter.
const CORRIDOR: [f64; 4] = [-0.6, -4.0, 2.8, 4.0];
const CORRIDOR_END: [f64; 4] = [-0.6, -6.2, 2.8, -4.0];

/// One person's path: seconds and metres.
type Path3 = Vec<[f64; 3]>;

/// A scenario and its truth.
#[derive(Debug)]
pub struct Crowd {
    /// The scenario; it names the two files below.
    pub scenario_toml: String,
    /// The floor plan, `venue.toml`.
    pub venue_toml: String,
    /// The paths, `people.csv` with columns `id,t_s,x_m,y_m`.
    pub people_csv: String,
    /// Counted queue length: time and people.
    pub queue: Vec<(i64, f64)>,
}

impl Crowd {
    /// Writes the scenario and the files it names into a folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (name, text) in
            [("scenario.toml", &self.scenario_toml), ("venue.toml", &self.venue_toml), ("people.csv", &self.people_csv)]
        {
            std::fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }
}

/// Converts an experiment. `share` of the people carry a phone that is heard.
///
/// # Errors
/// When a file is missing or not as expected.
pub fn convert(experiment: &Experiment, data: &Path, share: f64) -> Result<Crowd> {
    let folder = data.join("queues");
    let mut people = read_people(&folder.join(format!("{}_traj.csv.gz", experiment.name)))?;
    let last_s = people.values().flatten().map(|point| point[0]).fold(0.0, f64::max);
    let ends_s = last_s + AFTER_S;
    for (path, lane) in people.values_mut().zip((0u32..).map(|index| f64::from(index % 7) - 3.0)) {
        walk_on(path, experiment, lane, ends_s);
    }
    let queue = Csv::read(&folder.join(format!("{}_truth_queue.csv", experiment.name)))?
        .rows()
        .map(|row| Ok((STARTS_AT_US + (row.number("t_s")? * 1e6) as i64, row.number("queue_len")?)))
        .collect::<Result<Vec<_>>>()?;
    let floor = Floor::of(experiment);
    Ok(Crowd {
        scenario_toml: scenario(experiment, ends_s, share),
        venue_toml: venue(experiment, &floor),
        people_csv: people_csv(&people, &floor),
        queue,
    })
}

fn read_people(path: &Path) -> Result<BTreeMap<u32, Path3>> {
    let mut people: BTreeMap<u32, Path3> = BTreeMap::new();
    for row in Csv::read(path)?.rows() {
        let id = row.number("id")? as u32;
        people.entry(id).or_default().push([row.number("t_s")?, row.number("x_m")?, row.number("y_m")?]);
    }
    Ok(people)
}

/// Appends the walk into the hall: to one of seven places side by side, then standing there to the end.
fn walk_on(path: &mut Path3, experiment: &Experiment, lane: f64, ends_s: f64) {
    let Some([at_s, x_m, y_m]) = path.last().copied() else { return };
    let place = [middle(experiment.counter)[0] + lane, hall_y_m(experiment)];
    let arrives_s = at_s + (place[0] - x_m).hypot(place[1] - y_m) / WALK_M_PER_S;
    path.push([arrives_s, place[0], place[1]]);
    if arrives_s < ends_s {
        path.push([ends_s, place[0], place[1]]);
    }
}

/// The middle of the hall behind the gate, y in metres.
fn hall_y_m(experiment: &Experiment) -> f64 {
    middle(experiment.counter)[1] + experiment.towards * (APART_M + 2.0)
}

fn middle([x0, y0, x1, y1]: [f64; 4]) -> [f64; 2] {
    [(x0 + x1) / 2.0, (y0 + y1) / 2.0]
}

/// The floor's extent in the experiment's coordinates.
struct Floor {
    corner: [f64; 2],
    size: [f64; 2],
}

impl Floor {
    fn of(experiment: &Experiment) -> Self {
        let (area, counter) = (experiment.area, experiment.counter);
        let hall = |towards: f64| if experiment.towards == towards { HALL_M } else { BORDER_M };
        let low = [area[0].min(counter[0]) - BORDER_M, area[1].min(counter[1]) - hall(-1.0)];
        let high = [area[2].max(counter[2]) + BORDER_M, area[3].max(counter[3]) + hall(1.0)];
        Self { corner: low, size: [high[0] - low[0], high[1] - low[1]] }
    }

    /// Experiment to floor plan coordinates.
    fn on(&self, [x_m, y_m]: [f64; 2]) -> [f64; 2] {
        [x_m - self.corner[0], y_m - self.corner[1]]
    }

    fn polygon(&self, [x0, y0, x1, y1]: [f64; 4]) -> String {
        let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(|corner| self.on(corner));
        let corners: Vec<String> = corners.iter().map(|[x_m, y_m]| format!("[{x_m:.3}, {y_m:.3}]")).collect();
        format!("[{}]", corners.join(", "))
    }
}

fn venue(experiment: &Experiment, floor: &Floor) -> String {
    let [width_m, depth_m] = floor.size;
    let (area, counter, towards) = (experiment.area, experiment.counter, experiment.towards);
    let mut plan = format!(
        "name = \"gate\"\n\n[[floor]]\nname = \"ground\"\nwidth_m = {width_m:.3}\ndepth_m = {depth_m:.3}\n\n\
         [[queue]]\nname = \"gate\"\narea = {}\ncounter = {}\nservers = 1\nwait_limit_s = 30\n",
        floor.polygon(area),
        floor.polygon(counter),
    );
    let before_m = middle(area)[1] - towards * APART_M;
    let receivers = [
        ("before", [middle(area)[0], before_m]),
        ("queue", middle(area)),
        ("gate", [middle(area)[0], if towards > 0.0 { area[3] } else { area[1] }]),
        ("after", [middle(counter)[0], hall_y_m(experiment)]),
    ];
    for (name, place) in receivers {
        let [x_m, y_m] = floor.on(place);
        let _ = write!(plan, "\n[[receiver]]\nname = \"{name}\"\nx_m = {x_m:.3}\ny_m = {y_m:.3}\nz_m = 2.5\n");
    }
    plan
}

fn scenario(experiment: &Experiment, ends_s: f64, share: f64) -> String {
    let name = experiment.name;
    format!(
        "name = \"{name}\"\nstarts_at_us = {STARTS_AT_US}\nduration_s = {ends_s:.1}\nvenue_file = \"venue.toml\"\n\n\
         [crowd]\nshare = {share:.2}\ntrajectories = \"people.csv\"\n\n\
         [[carried]]\nkind = \"phone\"\ninterval_ms = 500.0\nframes = [\"apple-nearby\"]\n"
    )
}

fn people_csv(people: &BTreeMap<u32, Path3>, floor: &Floor) -> String {
    let mut text = String::from("id,t_s,x_m,y_m\n");
    for (id, path) in people {
        for &[at_s, x_m, y_m] in path {
            let [x_m, y_m] = floor.on([x_m, y_m]);
            let _ = writeln!(text, "{id},{at_s:.3},{x_m:.3},{y_m:.3}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use venue_engine::venue::Venue;

    #[test]
    fn every_experiment_has_a_valid_floor_plan() {
        for experiment in &EXPERIMENTS {
            let plan = venue(experiment, &Floor::of(experiment));
            let read = Venue::parse(&plan).unwrap_or_else(|faults| panic!("{}: {faults:?}", experiment.name));
            let queue = &read.queues[0];
            assert_eq!((read.receivers.len(), queue.servers), (4, 1));
        }
    }

    #[test]
    fn people_walk_on_and_stay() {
        let mut path = vec![[10.0, 1.1, -6.0]];
        walk_on(&mut path, &EXPERIMENTS[0], 0.0, 60.0);
        let hall_m = hall_y_m(&EXPERIMENTS[0]);
        assert_eq!(path[1][1..], [middle(CORRIDOR_END)[0], hall_m]);
        assert!((path[1][0] - (10.0 + (-6.0 - hall_m) / WALK_M_PER_S)).abs() < 1e-6);
        assert_eq!(path[2], [60.0, path[1][1], hall_m]);
    }
}
