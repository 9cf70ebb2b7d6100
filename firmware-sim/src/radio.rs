//! The air: which receiver hears which packet, and how loud.
//!
//! In: an advertising event, where its device is and which way its owner faces. Out: reports. Strength is
//! the device's power at 1 m, less log-distance path loss and walls, plus shadowing (all three fixed per
//! place and run, on a grid), channel, body and fading. A packet is heard on the channel the receiver scans,
//! if it is strong enough and meets no other packet. The grid holds all that does not change, so that an
//! event costs a few additions a receiver.

use crate::random::{Purpose, Random};
use crate::route::Pose;
use crate::scenario::{self, Scenario};
use crate::shadowing::Shadowing;
use venue_engine::geometry::Point;
use venue_engine::venue::{FloorId, Receiver, Venue};

/// Side of a grid cell, metres; within it strength changes by less than 1 dB beyond 2.5 m (n = 2.2).
const CELL_M: f64 = 0.25;

/// Most cells of a floor; larger floors get larger cells. With 32 receivers that is 8 MiB a floor.
const CELLS_MAX: f64 = 65_536.0;

/// Height at which devices are carried, metres: hip to hand (chosen).
const CARRIED_Z_M: f64 = 1.1;

/// Height of a storey, metres (chosen).
const STOREY_M: f64 = 4.0;

/// Loss through one floor, dB: ITU-R P.1238 gives 15 dB and more at 2.4 GHz.
const FLOOR_LOSS_DB: f64 = 15.0;

/// Distance below which a device gets no louder, metres: the reference distance of the model.
const REFERENCE_M: f64 = 1.0;

/// How steeply hearing falls around the sensitivity, dB (logistic; 10 to 90 % within 6.6 dB, chosen).
const HEARING_SLOPE_DB: f64 = 1.5;

/// Below the sensitivity by this much nothing is heard: the logistic is below 1 in 2 900. Places whose mean lies
/// this much or four standard deviations of fading below it are not even tried.
const DEAF_BELOW_DB: f64 = 12.0;

/// Time on air of the longest legacy packet, seconds: 47 bytes at 1 Mbit/s (Core 5.4, Vol 6 Part B, 2.1).
const PACKET_S: f64 = 376e-6;

/// From one channel's packet to the next, microseconds (chosen; at most 10 ms by Core 5.4, Vol 6 Part B, 4.4.2.1).
const CHANNEL_STEP_US: i64 = 450;

/// One advert as heard by one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When, by true time.
    pub at_us: i64,
    /// Which receiver, in the order of the floor plan.
    pub receiver: u16,
    /// Strength.
    pub rssi_dbm: i8,
    /// Channel 37 to 39.
    pub channel: u8,
}

/// What the radio must know of a device when it sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Its floor.
    pub floor: FloorId,
    /// Where it is and which way its owner faces.
    pub pose: Pose,
    /// Strength at 1 m, dBm.
    pub power_dbm: f32,
    /// Cosine and sine of the angle at which it is worn; `None` where no body is near.
    pub worn: Option<[f32; 2]>,
}

struct Grid {
    columns: usize,
    rows: usize,
    cell_m: f64,
    /// Gain against 1 m, dB: cells by row, receivers within a cell.
    gain_db: Vec<f32>,
}

/// The radio of one venue in one run.
pub struct Radio {
    plan: scenario::Radio,
    receivers: Vec<Receiver>,
    grids: Vec<Grid>,
    /// Per receiver and channel, dB.
    channel_db: Vec<[f32; 3]>,
    phase_us: Vec<i64>,
    /// Audible advertising events of this second and of the last, by receiver.
    audible: Vec<u32>,
    per_s: Vec<f64>,
    second: i64,
    random: Random,
}

impl Radio {
    /// Draws the hall.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let (venue, plan) = (&scenario.venue, scenario.radio.clone());
        let mut random = Random::new(seed, Purpose::Shadowing);
        let grids =
            (0..venue.floors.len()).map(|floor| Grid::draw(venue, &plan, FloorId(floor as u8), &mut random)).collect();
        let count = venue.receivers.len();
        let mut channel = || (plan.channel_sd_db * random.normal()) as f32;
        let channel_db = (0..count).map(|_| [channel(), channel(), channel()]).collect();
        let period_us = 3e3 * plan.scan_interval_ms;
        let phase_us = (0..count).map(|_| random.between(0.0, period_us) as i64).collect();
        Self {
            receivers: venue.receivers.clone(),
            grids,
            channel_db,
            phase_us,
            audible: vec![0; count],
            per_s: vec![0.0; count],
            second: i64::MIN,
            random: Random::new(seed, Purpose::Packets),
            plan,
        }
    }

    /// Who hears an advertising event that begins at `at_us`.
    pub fn transmit(&mut self, at_us: i64, source: &Source, reports: &mut Vec<Report>) {
        self.count_seconds(at_us);
        let count = self.receivers.len();
        let floor = usize::from(source.floor.0);
        let cell = self.grids[floor].cell(source.pose.at) * count;
        let device = source.worn.map(|worn| turned(source.pose.facing, worn));
        for receiver in 0..count {
            let mut mean_dbm = f64::from(source.power_dbm + self.grids[floor].gain_db[cell + receiver]);
            if mean_dbm < self.plan.sensitivity_dbm - DEAF_BELOW_DB.max(4.0 * self.plan.fading_sd_db) {
                continue;
            }
            if let Some(device) = device {
                mean_dbm -= self.plan.body_loss_db * body_share(device, source.pose.at, &self.receivers[receiver]);
            }
            if mean_dbm > self.plan.sensitivity_dbm {
                self.audible[receiver] += 1;
            }
            let Some(channel) = self.scanned(receiver, at_us) else { continue };
            let channel_db = f64::from(self.channel_db[receiver][channel]);
            let rssi_dbm = mean_dbm + channel_db + self.plan.fading_sd_db * self.random.normal();
            if self.is_heard(receiver, rssi_dbm) {
                reports.push(Report {
                    at_us: at_us + channel as i64 * CHANNEL_STEP_US,
                    receiver: receiver as u16,
                    // +127 means "not available" (Core 5.4, Vol 4 Part E, 7.7.65.2); 20 dBm is its largest value.
                    rssi_dbm: rssi_dbm.round().clamp(-127.0, 20.0) as i8,
                    channel: 37 + channel as u8,
                });
            }
        }
    }

    /// The mean strength at a place with no body near, dBm: for tests and for maps.
    pub fn mean_dbm(&self, floor: FloorId, at: Point, receiver: usize, power_dbm: f64) -> f64 {
        let grid = &self.grids[usize::from(floor.0)];
        power_dbm + f64::from(grid.gain_db[grid.cell(at) * self.receivers.len() + receiver])
    }

    fn is_heard(&mut self, receiver: usize, rssi_dbm: f64) -> bool {
        let above_db = rssi_dbm - self.plan.sensitivity_dbm;
        if above_db < -DEAF_BELOW_DB {
            return false;
        }
        let heard = 1.0 / (1.0 + (-above_db / HEARING_SLOPE_DB).exp());
        self.random.unit() < heard * alone(self.per_s[receiver])
    }

    /// Index of the channel a receiver listens to; `None` in the pause of its scan interval.
    fn scanned(&self, receiver: usize, at_us: i64) -> Option<usize> {
        let interval_us = (self.plan.scan_interval_ms * 1e3) as i64;
        let time_us = at_us + self.phase_us[receiver];
        let within = time_us.rem_euclid(interval_us) as f64;
        let listens = within < self.plan.scan_duty * interval_us as f64;
        listens.then(|| (time_us.div_euclid(interval_us)).rem_euclid(3) as usize)
    }

    /// Each new second the load of the last one becomes the chance of collisions.
    fn count_seconds(&mut self, at_us: i64) {
        let second = at_us.div_euclid(1_000_000);
        if second == self.second {
            return;
        }
        self.second = second;
        for (audible, per_s) in self.audible.iter_mut().zip(&mut self.per_s) {
            *per_s = f64::from(*audible) + self.plan.other_adverts_per_s;
            *audible = 0;
        }
    }
}

impl Grid {
    fn draw(venue: &Venue, plan: &scenario::Radio, floor: FloorId, random: &mut Random) -> Self {
        let size = &venue.floors[usize::from(floor.0)];
        let cell_m = CELL_M.max((size.width_m * size.depth_m / CELLS_MAX).sqrt());
        let columns = ((size.width_m / cell_m).ceil() as usize).max(1);
        let rows = ((size.depth_m / cell_m).ceil() as usize).max(1);
        let count = venue.receivers.len();
        let mut grid = Self { columns, rows, cell_m, gain_db: vec![0.0; columns * rows * count] };
        for (index, receiver) in venue.receivers.iter().enumerate() {
            let shadowing = Shadowing::draw(size.width_m, size.depth_m, plan.shadowing_correlation_m, random);
            for cell in 0..columns * rows {
                let at = grid.centre(cell);
                let gain = gain_db(venue, plan.path_loss_exponent, receiver, floor, at);
                grid.gain_db[cell * count + index] = (gain + plan.shadowing_sd_db * shadowing.at(at)) as f32;
            }
        }
        grid
    }

    fn centre(&self, cell: usize) -> Point {
        let (column, row) = (cell % self.columns, cell / self.columns);
        [(column as f64 + 0.5) * self.cell_m, (row as f64 + 0.5) * self.cell_m]
    }

    fn cell(&self, at: Point) -> usize {
        let column = ((at[0] / self.cell_m).max(0.0) as usize).min(self.columns - 1);
        let row = ((at[1] / self.cell_m).max(0.0) as usize).min(self.rows - 1);
        row * self.columns + column
    }
}

/// Gain against 1 m by distance, walls and floors, dB.
fn gain_db(venue: &Venue, exponent: f64, receiver: &Receiver, floor: FloorId, at: Point) -> f64 {
    let storeys = f64::from(receiver.floor.0) - f64::from(floor.0);
    let up_m = receiver.z_m - CARRIED_Z_M + storeys * STOREY_M;
    let distance_m = (at[0] - receiver.x_m).hypot(at[1] - receiver.y_m).hypot(up_m);
    let walls_db = match receiver.floor == floor {
        true => venue.wall_loss_db(floor, at, [receiver.x_m, receiver.y_m]),
        false => FLOOR_LOSS_DB * storeys.abs(),
    };
    -10.0 * exponent * distance_m.max(REFERENCE_M).log10() - walls_db
}

/// The way a device looks: the way its owner faces, turned by the angle at which it is worn.
fn turned(facing: Point, worn: [f32; 2]) -> Point {
    let [cosine, sine] = worn.map(f64::from);
    [facing[0] * cosine - facing[1] * sine, facing[0] * sine + facing[1] * cosine]
}

/// How much of the body stands in the way: 0 when the device looks at the receiver, 1 when it looks away. The
/// cosine shape follows the PACT body rotation runs (MIT Lincoln Laboratory, 2020), where loss rises evenly
/// from facing to turned away.
fn body_share(device: Point, at: Point, receiver: &Receiver) -> f64 {
    let (x, y) = (receiver.x_m - at[0], receiver.y_m - at[1]);
    let distance_m = (x * x + y * y).sqrt().max(0.1);
    (1.0 - (device[0] * x + device[1] * y) / distance_m) / 2.0
}

/// Probability that a packet meets no other on its channel, with so many advertising events a second: every
/// event puts one packet on each channel (pure ALOHA; Abramson, "The ALOHA System", 1970).
fn alone(per_s: f64) -> f64 {
    (-2.0 * PACKET_S * per_s).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
name = "air"
starts_at_us = 1780659000000000
duration_s = 10
venue_text = '''
name = "air"
[[floor]]
name = "ground"
width_m = 40
depth_m = 10
[[wall]]
points = [[20, 0], [20, 10]]
loss_db = 7
[[receiver]]
name = "west"
x_m = 1
y_m = 5
z_m = 1.1
'''
[crowd]
[radio]
channel_sd_db = 0
sensitivity_dbm = -120
"#;

    fn radio(changes: &[(&str, &str)]) -> Radio {
        let text = changes.iter().fold(SCENARIO.to_owned(), |text, (from, to)| text.replace(from, to));
        let scenario = Scenario::parse(&text, &|_| Err(String::new())).unwrap_or_else(|faults| panic!("{faults:?}"));
        Radio::new(&scenario, 3)
    }

    fn source(x_m: f64, worn: Option<[f32; 2]>) -> Source {
        let pose = Pose { at: [x_m, 5.0], facing: [-1.0, 0.0] };
        Source { floor: FloorId(0), pose, power_dbm: -59.0, worn }
    }

    fn send(radio: &mut Radio, count: i64, gap_us: i64, source: Source) -> Vec<Report> {
        let mut reports = Vec::new();
        for event in 0..count {
            radio.transmit(event * gap_us, &source, &mut reports);
        }
        reports
    }

    fn mean_and_sd(reports: &[Report]) -> (f64, f64) {
        let count = reports.len() as f64;
        let mean = reports.iter().map(|r| f64::from(r.rssi_dbm)).sum::<f64>() / count;
        (mean, (reports.iter().map(|r| (f64::from(r.rssi_dbm) - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    #[test]
    fn strength_follows_distance_and_walls() {
        let radio = radio(&[("[radio]", "[radio]\nshadowing_sd_db = 0")]);
        let at = |x_m| radio.mean_dbm(FloorId(0), [x_m, 5.1], 0, -59.0);
        assert!((at(11.1) - (-59.0 - 22.0)).abs() < 0.3, "10 m: {}", at(11.1));
        assert!((at(31.1) - (-59.0 - 22.0 * 30.0_f64.log10() - 7.0)).abs() < 0.3, "30 m and a wall: {}", at(31.1));
        assert_eq!(at(1.1), -59.0);
    }

    #[test]
    fn fading_has_its_spread_and_body_loss_its_size() {
        let mut radio = radio(&[]);
        // Slow enough that collisions are rare; rounding to whole dBm adds 1/12 of variance.
        let (facing, sd) = mean_and_sd(&send(&mut radio, 20_000, 10_000, source(8.0, Some([1.0, 0.0]))));
        assert!((sd - 5.0).abs() < 0.15, "sd {sd}");
        let (turned, _) = mean_and_sd(&send(&mut radio, 20_000, 10_000, source(8.0, Some([-1.0, 0.0]))));
        assert!((facing - turned - 8.0).abs() < 0.3, "facing {facing}, turned away {turned}");
    }

    #[test]
    fn collisions_follow_aloha() {
        let mut radio = radio(&[]);
        for per_s in [100, 500, 2_000] {
            send(&mut radio, 2 * per_s, 1_000_000 / per_s, source(8.0, None));
            let heard = send(&mut radio, 20 * per_s, 1_000_000 / per_s, source(8.0, None)).len() as f64;
            let share = heard / (20 * per_s) as f64;
            let wanted = (-2.0 * 376e-6 * per_s as f64).exp();
            assert!((share - wanted).abs() < 0.03, "{per_s}/s: {share} heard, {wanted} expected");
        }
    }

    #[test]
    fn sensitivity_and_scan_duty_cost_packets() {
        let mut half = radio(&[("[radio]", "[radio]\nscan_duty = 0.5")]);
        let share = send(&mut half, 10_000, 10_101, source(5.0, None)).len() as f64 / 10_000.0;
        assert!((share - 0.5 * alone(99.0)).abs() < 0.03, "{share}");
        let mut deaf = radio(&[("-120", "-60"), ("[radio]", "[radio]\nshadowing_sd_db = 0")]);
        assert_eq!(send(&mut deaf, 1_000, 10_000, source(35.0, None)), []);
    }

    #[test]
    fn a_receiver_hears_one_channel_at_a_time_and_all_three_in_turn() {
        let reports = send(&mut radio(&[]), 3_000, 10_000, source(5.0, None));
        let count = |channel| reports.iter().filter(|report| report.channel == channel).count();
        assert!([37, 38, 39].iter().all(|channel| (800..1_200).contains(&count(*channel))));
        assert!(reports.windows(2).all(|pair| pair[1].at_us - pair[0].at_us > 5_000), "one report an event");
    }
}
