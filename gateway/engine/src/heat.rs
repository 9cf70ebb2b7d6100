//! Where people are over time: person-time per cell and window.
//!
//! In: how long a device was in a cell. Out: sums per cell of a floor for each window. Sums are whole
//! device-microseconds, so any order of addition gives the same map; people come in only when a window
//! is told. Windows are aligned to the epoch.

use crate::geometry::Point;
use crate::output::HeatWindow;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, Venue};

/// The grid of one floor with the sums of the running window.
struct Grid {
    floor: FloorId,
    columns: u16,
    rows: u16,
    device_micros: Vec<u64>,
}

/// Heat maps of all floors.
pub struct Heat {
    cell_m: f64,
    window: Duration,
    from: Option<Timestamp>,
    grids: Vec<Grid>,
}

impl Heat {
    /// Empty grids for every floor of a venue.
    pub fn new(venue: &Venue, cell_m: f64, window: Duration) -> Self {
        let grid = |(index, floor): (usize, &crate::venue::Floor)| {
            let (columns, rows) = ((floor.width_m / cell_m).ceil() as u16, (floor.depth_m / cell_m).ceil() as u16);
            let cells = usize::from(columns) * usize::from(rows);
            Grid { floor: FloorId(index as u8), columns, rows, device_micros: vec![0; cells] }
        };
        Self { cell_m, window, from: None, grids: venue.floors.iter().enumerate().map(grid).collect() }
    }

    /// The cell of a point on a floor, numbered over all floors; points off the floor count at its edge.
    pub fn cell(&self, floor: FloorId, point: Point) -> u32 {
        let before: usize = self.grids[..usize::from(floor.0)].iter().map(|grid| grid.device_micros.len()).sum();
        let grid = &self.grids[usize::from(floor.0)];
        let along = |metres: f64, cells: u16| ((metres / self.cell_m).max(0.0) as u16).min(cells - 1);
        let (column, row) = (along(point[0], grid.columns), along(point[1], grid.rows));
        before as u32 + u32::from(row) * u32::from(grid.columns) + u32::from(column)
    }

    /// Adds a stay in a cell to the running window.
    pub fn add(&mut self, cell: u32, stay: Duration) {
        let mut index = cell as usize;
        for grid in &mut self.grids {
            if let Some(sum) = grid.device_micros.get_mut(index) {
                *sum += stay.as_micros().max(0) as u64;
                return;
            }
            index -= grid.device_micros.len();
        }
    }

    /// End of the running window; `None` before the first event.
    pub fn window_end(&self) -> Option<Timestamp> {
        self.from.map(|from| from + self.window)
    }

    /// Opens the window that `at` lies in, if none is open.
    pub fn open(&mut self, at: Timestamp) {
        self.from.get_or_insert(at.window_start(self.window));
    }

    /// The sums so far as people: devices over `penetration`. Empty floors are told too, as empty.
    pub fn windows(&self, now: Timestamp, penetration: f64, closed: bool) -> Vec<HeatWindow> {
        let Some(from) = self.from else { return Vec::new() };
        let people = |micros: u64| (micros as f64 / 1e6 / penetration).round() as u32;
        let told = |grid: &Grid| {
            let cells = grid.device_micros.iter().enumerate().map(|(index, micros)| (index as u32, people(*micros)));
            HeatWindow {
                from,
                to: now,
                closed,
                floor: grid.floor,
                cell_m: self.cell_m,
                columns: grid.columns,
                rows: grid.rows,
                cells: cells.filter(|(_, seconds)| *seconds > 0).collect(),
            }
        };
        self.grids.iter().map(told).collect()
    }

    /// Ends the running window; the next opens with the next event.
    pub fn close(&mut self) {
        self.from = None;
        self.grids.iter_mut().for_each(|grid| grid.device_micros.fill(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
        [[floor]]\nname = \"up\"\nwidth_m = 3\ndepth_m = 3\n";

    #[test]
    fn stays_add_up_in_their_cell_and_floor() {
        let venue = Venue::parse(PLAN).expect("plan");
        let mut heat = Heat::new(&venue, 2.0, Duration::from_mins(15));
        let now = Timestamp::from_micros(1_000_000_000);
        heat.open(now);
        heat.add(heat.cell(FloorId(0), [4.9, 3.9]), Duration::from_secs(3));
        heat.add(heat.cell(FloorId(1), [0.1, 0.1]), Duration::from_secs(1));
        heat.add(heat.cell(FloorId(1), [-7.0, 0.1]), Duration::from_secs(1));
        let windows = heat.windows(now, 0.5, true);
        assert_eq!((windows[0].columns, windows[0].rows), (3, 2));
        assert_eq!(windows[0].cells, [(5, 6)]);
        assert_eq!(windows[1].cells, [(0, 4)]);
        assert_eq!(windows[0].from, Timestamp::from_micros(900_000_000));
        heat.close();
        assert_eq!(heat.window_end(), None);
    }
}
