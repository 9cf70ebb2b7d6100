//! Where people are over time: person-time per cell and window, and a live layer that fades.
//!
//! In: how many people are in each cell, every few seconds. Out: sums per cell of a floor for each window, and the
//! people of the last minutes. Sums are whole person-microseconds, so any order of addition gives the same map;
//! they are told as whole person-seconds that add up to the same total. Windows are aligned to the epoch. It
//! refuses to tell where fewer devices than a group were: their time is told for the area around (`groups`).

pub mod groups;

use crate::geometry::Point;
use crate::output::HeatWindow;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, Venue, ZoneId};
use groups::Seen;

/// After this long half of the live layer is gone: long enough to show where a crowd stands, short enough to show
/// it leave (methods (e)).
pub const HALF_LIFE: Duration = Duration::from_mins(5);

/// The live layer is told in thousandths of a person.
const LIVE_TOLD: f64 = 1_000.0;

/// The cells of all floors, numbered floor by floor, row by row from the origin.
#[derive(Clone, Debug)]
pub struct Lattice {
    cell_m: f64,
    floors: Vec<Floor>,
    zones: Vec<Option<ZoneId>>,
}

#[derive(Clone, Copy, Debug)]
struct Floor {
    first: usize,
    columns: u16,
    rows: u16,
}

/// Heat maps of all floors.
pub struct Heat {
    lattice: Lattice,
    window: Duration,
    group_min: u32,
    from: Option<Timestamp>,
    /// The presence up to this time has been added.
    until: Timestamp,
    person_micros: Vec<u64>,
    /// People in each cell over the last minutes, and those to be added.
    live: Vec<f64>,
    present: Vec<f64>,
    /// Devices seen in each cell in this window, and in the one before.
    seen: Vec<Seen>,
    seen_before: Vec<Seen>,
}

impl Lattice {
    /// Cells of about `cell_m` for every floor of a venue.
    pub fn new(venue: &Venue, cell_m: f64) -> Self {
        let mut lattice = Self { cell_m, floors: Vec::new(), zones: Vec::new() };
        let mut first = 0;
        for floor in &venue.floors {
            let along = |metres: f64| (metres / cell_m).ceil().max(1.0) as u16;
            let (columns, rows) = (along(floor.width_m), along(floor.depth_m));
            lattice.floors.push(Floor { first, columns, rows });
            first += usize::from(columns) * usize::from(rows);
        }
        lattice.zones = lattice.centres().map(|(floor, point)| venue.zone_at(floor, point)).collect();
        lattice
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.floors.last().map_or(0, |floor| floor.first + floor.cells())
    }

    /// Whether there are none; a venue has at least one floor.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Floor and middle of each cell, in the order of numbers.
    pub fn centres(&self) -> impl Iterator<Item = (FloorId, Point)> {
        self.floors.iter().enumerate().flat_map(move |(index, floor)| {
            (0..floor.cells()).map(move |cell| {
                let (column, row) = (cell % usize::from(floor.columns), cell / usize::from(floor.columns));
                let middle = |place: usize| (place as f64 + 0.5) * self.cell_m;
                (FloorId(index as u8), [middle(column), middle(row)])
            })
        })
    }

    /// The cell of a point on a floor; points off the floor count at its edge.
    pub fn cell(&self, floor: FloorId, point: Point) -> u32 {
        let floor = &self.floors[usize::from(floor.0)];
        let along = |metres: f64, cells: u16| usize::from(((metres / self.cell_m).max(0.0) as u16).min(cells - 1));
        let (column, row) = (along(point[0], floor.columns), along(point[1], floor.rows));
        (floor.first + row * usize::from(floor.columns) + column) as u32
    }

    /// The zone a cell's middle lies in.
    pub fn zone(&self, cell: u32) -> Option<ZoneId> {
        self.zones.get(cell as usize).copied().flatten()
    }
}

impl Floor {
    fn cells(&self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }
}

impl Heat {
    /// Nobody anywhere.
    pub fn new(lattice: Lattice, window: Duration, group_min: u32) -> Self {
        let cells = lattice.len();
        Self {
            lattice,
            window,
            group_min,
            from: None,
            until: Timestamp::MIN,
            person_micros: vec![0; cells],
            live: vec![0.0; cells],
            present: vec![0.0; cells],
            seen: vec![Seen::default(); cells],
            seen_before: vec![Seen::default(); cells],
        }
    }

    /// The cells.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// So many people are in a cell now.
    pub fn put(&mut self, cell: u32, people: f64) {
        if let Some(present) = self.present.get_mut(cell as usize) {
            *present += people;
        }
    }

    /// These devices are in a cell now.
    pub fn see(&mut self, cell: u32, devices: Seen) {
        if let Some(seen) = self.seen.get_mut(cell as usize) {
            seen.join(devices);
        }
    }

    /// Adds who was put since the last time, for the time since then. All in all they are so many people.
    pub fn pass(&mut self, at: Timestamp, people: f64) {
        let passed = at.since(self.until.max(self.from.unwrap_or(at)));
        let put: f64 = self.present.iter().sum();
        let scale = if put > 0.0 { people / put } else { 0.0 };
        let micros = passed.as_micros().max(0) as f64 * scale;
        let kept = (-passed.as_secs_f64().max(0.0) / HALF_LIFE.as_secs_f64()).exp2();
        for ((sum, live), present) in self.person_micros.iter_mut().zip(&mut self.live).zip(&mut self.present) {
            *sum = sum.saturating_add((*present * micros) as u64);
            *live = *live * kept + (1.0 - kept) * *present * scale;
            *present = 0.0;
        }
        self.until = at;
    }

    /// End of the running window; `None` before the first event.
    pub fn window_end(&self) -> Option<Timestamp> {
        self.from.map(|from| from + self.window)
    }

    /// Opens the window that `at` lies in, if none is open.
    pub fn open(&mut self, at: Timestamp) {
        if self.from.is_none() {
            self.from = Some(at.window_start(self.window));
            self.until = at.max(self.until.min(at));
        }
    }

    /// The sums so far. Empty floors are told too, as empty.
    pub fn windows(&self, now: Timestamp, closed: bool) -> Vec<HeatWindow> {
        let Some(from) = self.from else { return Vec::new() };
        let told = |(index, floor): (usize, &Floor)| {
            let range = floor.first..floor.first + floor.cells();
            let seconds: Vec<f64> = self.person_micros[range.clone()].iter().map(|sum| *sum as f64 / 1e6).collect();
            let cells = whole(&groups::blur(&seconds, &self.seen[range.clone()], floor.columns, self.group_min));
            let live = if closed { Vec::new() } else { self.live_cells(range, floor.columns) };
            HeatWindow {
                from,
                to: now,
                closed,
                floor: FloorId(index as u8),
                cell_m: self.lattice.cell_m,
                columns: floor.columns,
                rows: floor.rows,
                cells,
                live,
            }
        };
        self.lattice.floors.iter().enumerate().map(told).collect()
    }

    /// Ends the running window; the next opens with the next event.
    pub fn close(&mut self) {
        self.from = None;
        self.person_micros.fill(0);
        self.seen_before.copy_from_slice(&self.seen);
        self.seen.fill(Seen::default());
    }

    fn live_cells(&self, range: std::ops::Range<usize>, columns: u16) -> Vec<(u32, u32)> {
        let thousandths: Vec<f64> = self.live[range.clone()].iter().map(|people| people * LIVE_TOLD).collect();
        let mut seen = self.seen[range.clone()].to_vec();
        seen.iter_mut().zip(&self.seen_before[range]).for_each(|(seen, before)| seen.join(*before));
        whole(&groups::blur(&thousandths, &seen, columns, self.group_min))
    }
}

/// Whole numbers that add up to the rounded sum: each cell gets what its running total has grown by.
fn whole(values: &[f64]) -> Vec<(u32, u32)> {
    let (mut total, mut told) = (0.0, 0u64);
    let mut cells = Vec::new();
    for (cell, value) in values.iter().enumerate() {
        total += value;
        let due = (total.round() as u64).saturating_sub(told).min(u64::from(u32::MAX));
        if due > 0 && *value > 0.0 {
            cells.push((cell as u32, due as u32));
            told += due;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::DeviceKey;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
        [[floor]]\nname = \"up\"\nwidth_m = 3\ndepth_m = 3\n";

    fn heat(group_min: u32) -> Heat {
        let venue = Venue::parse(PLAN).expect("plan");
        Heat::new(Lattice::new(&venue, 2.0), Duration::from_mins(15), group_min)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((900_000 + seconds) * 1_000_000)
    }

    #[test]
    fn presence_adds_up_in_its_cell_and_floor() {
        let mut heat = heat(0);
        heat.open(at(10));
        heat.put(heat.lattice.cell(FloorId(0), [4.9, 3.9]), 3.0);
        heat.put(heat.lattice.cell(FloorId(1), [-7.0, 0.1]), 1.0);
        heat.pass(at(12), 4.0);
        let windows = heat.windows(at(12), true);
        assert_eq!((windows[0].columns, windows[0].rows), (3, 2));
        assert_eq!(
            (windows[0].cells.as_slice(), windows[1].cells.as_slice()),
            ([(5, 6)].as_slice(), [(0, 2)].as_slice())
        );
        assert_eq!(windows[0].from, at(0));
        heat.close();
        assert_eq!(heat.window_end(), None);
    }

    #[test]
    fn half_of_the_live_layer_is_gone_after_its_half_life() {
        let mut heat = heat(0);
        heat.open(at(0));
        for minute in 1..=60 {
            heat.put(0, 2.0);
            heat.pass(at(minute * 60), 2.0);
            heat.open(at(minute * 60));
        }
        let live = |heat: &Heat, seconds: i64| heat.windows(at(seconds), false)[0].live.clone();
        assert_eq!(live(&heat, 3_600), [(0, 2_000)]);
        heat.pass(at(3_900), 0.0);
        assert_eq!(live(&heat, 3_900), [(0, 1_000)]);
    }

    #[test]
    fn nothing_is_lost_to_rounding() {
        let told: u32 = whole(&vec![0.3; 1_000]).iter().map(|(_, count)| count).sum();
        assert_eq!(told, 300);
        assert_eq!(whole(&[0.0, 1.2, 0.0, 0.4]), [(1, 1), (3, 1)]);
    }

    #[test]
    fn the_time_of_few_is_told_for_a_larger_area() {
        let mut heat = heat(2);
        heat.open(at(0));
        heat.put(0, 6.0);
        heat.see(0, Seen::of(DeviceKey(7)));
        heat.pass(at(10), 6.0);
        let cells = heat.windows(at(10), true)[0].cells.clone();
        assert_eq!(cells.iter().map(|(_, person_s)| person_s).sum::<u32>(), 60);
        assert_eq!(cells.len(), 6, "one device: all of the floor");
    }
}
