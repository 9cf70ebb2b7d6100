//! The cells people can stand in, and which of them one can step between.
//!
//! In: a floor plan and the side of a cell. Out: the cells of all floors, for each its four neighbours a
//! step away, the same place one floor up and down, and its zone. A step through a wall is refused; a door is a
//! gap in a wall. It refuses to make more than `CELLS_MAX` cells and widens them instead.

use crate::geometry::{self, Point};
use crate::venue::{FloorId, Venue, Wall, ZoneId};

/// Cells of a venue. At 2 m they cover 16 000 m²; a larger venue gets wider cells. With 32 receivers the
/// tables of the radio map then take 2 MB.
pub const CELLS_MAX: usize = 4_096;

/// Cells a venue should have at least, where they do not become smaller than `CELL_MIN_M`: small rooms are
/// told apart by fine cells, and cost follows the number of cells.
const CELLS_AIM: f64 = 256.0;

/// Cells smaller than this say more than any signal strength can (a person takes as much room).
const CELL_MIN_M: f64 = 0.5;

/// Widest cell where there are not too many of them: half of what a person walks between two estimates
/// and a stand's width.
const CELL_USUAL_MAX_M: f64 = 2.0;

/// Cells this near to stairs lead to the other floor, metres: half of what stairs take, and the cell they are in.
const STAIRS_REACH_M: f64 = 1.5;

/// Paths tried between two neighbouring cells, side by side, so that a door narrower than a cell is found.
const PATHS: usize = 9;

/// Where a cell is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its floor.
    pub floor: FloorId,
    /// Its middle, metres.
    pub point: Point,
    /// The zone its middle lies in.
    pub zone: Option<ZoneId>,
}

/// Steps out of one cell. A blocked one leads back to the cell itself, so that mass moved along it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// West and east.
    pub across: [u16; 2],
    /// South and north.
    pub along: [u16; 2],
    /// One floor down and up, at the same place.
    pub floors: [u16; 2],
}

/// All cells of a venue.
#[derive(Clone, Debug)]
pub struct Cells {
    side_m: f64,
    cells: Vec<Cell>,
    steps: Vec<Steps>,
    lattices: Vec<Lattice>,
    has_stairs: bool,
}

/// How the cells of one floor lie: row by row from the origin.
#[derive(Clone, Copy, Debug)]
struct Lattice {
    first: usize,
    columns: usize,
    rows: usize,
    column_m: f64,
    row_m: f64,
}

impl Lattice {
    fn cell_at(&self, point: Point) -> usize {
        let place = |at: f64, width: f64, count: usize| ((at / width).max(0.0) as usize).min(count - 1);
        let (column, row) = (place(point[0], self.column_m, self.columns), place(point[1], self.row_m, self.rows));
        self.first + row * self.columns + column
    }
}

/// The side of a cell that suits a venue, metres: fine in small rooms, at most 2 m, and wider only where
/// there would be too many.
pub fn suitable_side_m(venue: &Venue) -> f64 {
    let area_m2: f64 = venue.floors.iter().map(|floor| floor.width_m * floor.depth_m).sum();
    (area_m2 / CELLS_AIM).sqrt().clamp(CELL_MIN_M, CELL_USUAL_MAX_M)
}

impl Cells {
    /// The cells of a venue, about `side_m` wide, wider where there would be more than `CELLS_MAX`.
    pub fn new(venue: &Venue, side_m: f64) -> Self {
        let mut side_m = side_m.max(CELL_MIN_M);
        while count(venue, side_m) > CELLS_MAX {
            side_m *= 1.1;
        }
        let has_stairs = !venue.stairs.is_empty();
        let mut cells = Self { side_m, cells: Vec::new(), steps: Vec::new(), lattices: Vec::new(), has_stairs };
        for index in 0..venue.floors.len() {
            cells.add_floor(venue, FloorId(index as u8));
        }
        for index in 0..cells.cells.len() {
            let steps = cells.find_steps(venue, index);
            cells.steps.push(steps);
        }
        for stairs in &venue.stairs {
            let place = [stairs.x_m, stairs.y_m];
            stairs.floors.windows(2).for_each(|pair| cells.join(pair[0], pair[1], place));
        }
        cells
    }

    /// Joins two floors around a place. Each cell has one way down and one up; the first stairs have it.
    fn join(&mut self, one: FloorId, other: FloorId, place: Point) {
        let (lower, upper) = (one.min(other), one.max(other));
        let here = self.at(lower, place);
        for index in 0..self.cells.len() {
            let Cell { floor, point, .. } = self.cells[index];
            let near = geometry::distance_m(point, place) <= STAIRS_REACH_M || Some(index as u16) == here;
            let Some(above) = self.at(upper, point).filter(|_| floor == lower && near) else { continue };
            let is_free =
                self.steps[index].floors[1] == index as u16 && self.steps[usize::from(above)].floors[0] == above;
            if is_free && lower != upper {
                self.steps[index].floors[1] = above;
                self.steps[usize::from(above)].floors[0] = index as u16;
            }
        }
    }

    /// Whether the plan says where people change floor.
    pub fn has_stairs(&self) -> bool {
        self.has_stairs
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none; a venue has at least one floor and so at least one cell.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Side of a cell, metres.
    pub fn side_m(&self) -> f64 {
        self.side_m
    }

    /// Number of floors.
    pub fn floors(&self) -> usize {
        self.lattices.len()
    }

    /// All cells, floor by floor, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter()
    }

    /// A cell.
    pub fn cell(&self, index: u16) -> &Cell {
        &self.cells[usize::from(index)]
    }

    /// The steps out of a cell.
    pub fn steps(&self, index: u16) -> &Steps {
        &self.steps[usize::from(index)]
    }

    /// The cell a place lies in; places off the floor belong to its border cells.
    pub fn at(&self, floor: FloorId, point: Point) -> Option<u16> {
        self.lattices.get(usize::from(floor.0)).map(|lattice| lattice.cell_at(point) as u16)
    }

    fn add_floor(&mut self, venue: &Venue, floor: FloorId) {
        let plan = &venue.floors[usize::from(floor.0)];
        let (columns, rows) = lattice_size(plan.width_m, plan.depth_m, self.side_m);
        let (column_m, row_m) = (plan.width_m / columns as f64, plan.depth_m / rows as f64);
        self.lattices.push(Lattice { first: self.cells.len(), columns, rows, column_m, row_m });
        for row in 0..rows {
            for column in 0..columns {
                let point = [(column as f64 + 0.5) * column_m, (row as f64 + 0.5) * row_m];
                self.cells.push(Cell { floor, point, zone: venue.zone_at(floor, point) });
            }
        }
    }

    fn find_steps(&self, venue: &Venue, index: usize) -> Steps {
        let Cell { floor, point, .. } = self.cells[index];
        let lattice = self.lattices[usize::from(floor.0)];
        let (column, row) = ((index - lattice.first) % lattice.columns, (index - lattice.first) / lattice.columns);
        let to = |exists: bool, neighbour: usize| {
            let open = exists && passable(&venue.walls, floor, point, self.cells[neighbour].point);
            if open { neighbour as u16 } else { index as u16 }
        };
        let level = |exists: bool, other: u8| {
            let above = if exists && !self.has_stairs { self.at(FloorId(other), point) } else { None };
            above.unwrap_or(index as u16)
        };
        Steps {
            across: [to(column > 0, index.wrapping_sub(1)), to(column + 1 < lattice.columns, index + 1)],
            along: [
                to(row > 0, index.wrapping_sub(lattice.columns)),
                to(row + 1 < lattice.rows, index + lattice.columns),
            ],
            floors: [
                level(floor.0 > 0, floor.0.wrapping_sub(1)),
                level(usize::from(floor.0) + 1 < venue.floors.len(), floor.0.wrapping_add(1)),
            ],
        }
    }
}

fn lattice_size(width_m: f64, depth_m: f64, side_m: f64) -> (usize, usize) {
    let count = |extent_m: f64| ((extent_m / side_m).round() as usize).max(1);
    (count(width_m), count(depth_m))
}

fn count(venue: &Venue, side_m: f64) -> usize {
    let size = |floor: &crate::venue::Floor| lattice_size(floor.width_m, floor.depth_m, side_m);
    venue.floors.iter().map(size).map(|(columns, rows)| columns * rows).sum()
}

/// Whether some path between two neighbouring cells meets no wall. The paths lie side by side over the
/// width of the cells.
fn passable(walls: &[Wall], floor: FloorId, from: Point, to: Point) -> bool {
    let along = [to[0] - from[0], to[1] - from[1]];
    (0..PATHS).any(|path| {
        let aside = (path as f64 + 0.5) / PATHS as f64 - 0.5;
        let shifted = |point: Point| [point[0] - aside * along[1], point[1] + aside * along[0]];
        !crosses(walls, floor, shifted(from), shifted(to))
    })
}

fn crosses(walls: &[Wall], floor: FloorId, from: Point, to: Point) -> bool {
    let on_floor = walls.iter().filter(|wall| wall.floor == floor);
    on_floor.flat_map(|wall| wall.points.windows(2)).any(|ends| geometry::segments_meet((ends[0], ends[1]), (from, to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(walls: &str) -> Cells {
        let plan = format!("name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 6\ndepth_m = 4\n{walls}");
        Cells::new(&Venue::parse(&plan).expect("plan"), 2.0)
    }

    #[test]
    fn the_border_leads_back_to_the_cell() {
        let cells = cells("");
        assert_eq!(cells.len(), 6);
        assert_eq!(*cells.steps(0), Steps { across: [0, 1], along: [0, 3], floors: [0, 0] });
        assert_eq!(cells.at(FloorId(0), [5.9, 3.9]), Some(5));
        assert_eq!(cells.at(FloorId(0), [99.0, -1.0]), Some(2));
    }

    #[test]
    fn a_wall_blocks_and_a_narrow_door_in_it_does_not() {
        assert_eq!(cells("[[wall]]\npoints = [[2, 0], [2, 4]]\n").steps(0).across, [0, 0]);
        let with_door = "[[wall]]\npoints = [[2, 0], [2, 0.3]]\n[[wall]]\npoints = [[2, 0.9], [2, 4]]\n";
        assert_eq!(cells(with_door).steps(0).across, [0, 1]);
        assert_eq!(cells(with_door).steps(3).across, [3, 3]);
    }

    #[test]
    fn stairs_are_the_only_way_between_floors() {
        let plan = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 6\ndepth_m = 4\n\
            [[floor]]\nname = \"u\"\nwidth_m = 6\ndepth_m = 4\n\
            [[stairs]]\nname = \"s\"\nfloors = [\"g\", \"u\"]\nx_m = 1\ny_m = 1\n";
        let cells = Cells::new(&Venue::parse(plan).expect("plan"), 2.0);
        assert_eq!((cells.steps(0).floors, cells.steps(6).floors), ([0, 6], [0, 6]));
        assert_eq!(cells.steps(5).floors, [5, 5]);
    }

    #[test]
    fn a_huge_venue_gets_wider_cells() {
        let plan = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 1000\ndepth_m = 1000\n";
        let cells = Cells::new(&Venue::parse(plan).expect("plan"), 2.0);
        assert!(cells.len() <= CELLS_MAX && cells.side_m() > 15.0, "{} of {} m", cells.len(), cells.side_m());
    }
}
