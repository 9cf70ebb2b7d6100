//! Shortest walks around walls on one floor.
//!
//! In: the floor's walls and queue areas, and the hubs (doors, places in zones, ends of lines) people walk
//! to. Out: the points of a walk from anywhere to a point near a hub. Each hub has one distance field over
//! the grid, computed when first needed (Dijkstra 1959). Walks never cross a wall; they go around queue
//! areas where that is not much longer. It says `None` where walls leave no way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use venue_engine::geometry::{Point, contains, distance_m, segments_meet};
use venue_engine::venue::{FloorId, Venue};

/// Side of a grid cell, metres: about a shoulder width, so that a door of 1 m is passable (chosen).
const CELL_M: f64 = 0.5;

/// Most cells of a floor; larger floors get larger cells. Bounds a field to 128 kB.
const CELLS_MAX: f64 = 65_536.0;

/// Cost of a straight and of a diagonal step; 7/5 is within 1 % of the root of two.
const STEP_COSTS: [u16; 2] = [5, 7];

/// Steps through a queue's area count as this many: people rather walk around a line (chosen).
const LINE_PENALTY: u16 = 3;

/// Not reachable.
const FAR: u16 = u16::MAX;

/// Neighbours: x and y steps, straight ones first.
const NEIGHBOURS: [(isize, isize); 8] = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];

/// A place that walks lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubId(usize);

struct Hub {
    at: Point,
    field: Option<Vec<u16>>,
}

/// The walkable grid of one floor with its hubs.
pub struct Paths {
    columns: usize,
    rows: usize,
    cell_m: f64,
    walls: Vec<(Point, Point)>,
    lines: Vec<Vec<Point>>,
    /// Bit i: the step to neighbour i meets no wall.
    open: Vec<u8>,
    in_line: Vec<bool>,
    hubs: Vec<Hub>,
}

impl Paths {
    /// The grid of a floor.
    pub fn new(venue: &Venue, floor: FloorId) -> Self {
        let plan = &venue.floors[usize::from(floor.0)];
        let cell_m = CELL_M.max((plan.width_m * plan.depth_m / CELLS_MAX).sqrt());
        let columns = ((plan.width_m / cell_m).ceil() as usize).max(1);
        let rows = ((plan.depth_m / cell_m).ceil() as usize).max(1);
        let on_floor = venue.walls.iter().filter(|wall| wall.floor == floor);
        let walls = on_floor.flat_map(|wall| wall.points.windows(2).map(|pair| (pair[0], pair[1]))).collect();
        let lines: Vec<Vec<Point>> =
            venue.queues.iter().filter(|queue| queue.floor == floor).map(|queue| queue.area.clone()).collect();
        let mut paths =
            Self { columns, rows, cell_m, walls, lines, open: Vec::new(), in_line: Vec::new(), hubs: Vec::new() };
        paths.open = (0..columns * rows).map(|cell| paths.open_steps(cell)).collect();
        let in_line = |cell| paths.lines.iter().any(|area| contains(area, paths.centre(cell)));
        paths.in_line = (0..columns * rows).map(in_line).collect();
        paths
    }

    /// Adds a place to walk to.
    pub fn add_hub(&mut self, at: Point) -> HubId {
        self.hubs.push(Hub { at, field: None });
        HubId(self.hubs.len() - 1)
    }

    /// Where a hub is.
    pub fn hub(&self, hub: HubId) -> Point {
        self.hubs[hub.0].at
    }

    /// Whether there is a way from a point to a hub.
    pub fn reaches(&mut self, from: Point, hub: HubId) -> bool {
        self.descend(from, hub).is_some()
    }

    /// Whether a straight step between two points meets no wall.
    pub fn sees(&self, from: Point, to: Point) -> bool {
        !self.walls.iter().any(|wall| segments_meet(*wall, (from, to)))
    }

    /// The points of a walk to `to`, through one of `hubs` where the straight way is blocked. `None` where no
    /// hub can be reached or none sees `to`.
    pub fn walk(&mut self, from: Point, to: Point, hubs: &[HubId]) -> Option<Vec<Point>> {
        if self.is_clear(from, to) {
            return Some(vec![from, to]);
        }
        let seeing = hubs.iter().filter(|hub| self.sees(self.hubs[hub.0].at, to));
        let hub =
            *seeing.min_by(|a, b| distance_m(self.hubs[a.0].at, to).total_cmp(&distance_m(self.hubs[b.0].at, to)))?;
        let mut points = self.descend(from, hub)?;
        points.push(self.hubs[hub.0].at);
        points.push(to);
        Some(self.straightened(&points))
    }

    /// Grid points from `from` down the hub's field.
    fn descend(&mut self, from: Point, hub: HubId) -> Option<Vec<Point>> {
        if self.hubs[hub.0].field.is_none() {
            self.hubs[hub.0].field = Some(self.field_to(self.hubs[hub.0].at));
        }
        let field = self.hubs[hub.0].field.as_ref()?;
        let mut cell = self.cell_seen_from(from)?;
        let mut points = vec![from, self.centre(cell)];
        while field[cell] > 0 {
            let steps = self.steps(cell).map(|(next, cost)| (field[next].saturating_add(cost), next));
            let (cost, next) = steps.min()?;
            if cost == FAR || field[next] >= field[cell] {
                return None;
            }
            cell = next;
            points.push(self.centre(cell));
        }
        Some(points)
    }

    /// Leaves out points that the walk can do without.
    fn straightened(&self, points: &[Point]) -> Vec<Point> {
        let mut kept = vec![points[0]];
        let mut from = 0;
        while from + 1 < points.len() {
            // A leg of at most 40 points (20 m) keeps the work of a long walk linear.
            let last = (from + 40).min(points.len() - 1);
            let next = (from + 1..=last).rev().find(|to| self.is_clear(points[from], points[*to]));
            from = next.unwrap_or(from + 1);
            kept.push(points[from]);
        }
        kept
    }

    /// Whether the straight way meets no wall and crosses no queue area other than one it begins or ends in.
    fn is_clear(&self, from: Point, to: Point) -> bool {
        let crossed = |area: &&Vec<Point>| {
            let next = area.iter().cycle().skip(1);
            area.iter().zip(next).any(|(a, b)| segments_meet((*a, *b), (from, to)))
        };
        self.sees(from, to) && self.lines.iter().filter(crossed).all(|area| contains(area, from) || contains(area, to))
    }

    fn field_to(&self, target: Point) -> Vec<u16> {
        let mut field = vec![FAR; self.columns * self.rows];
        let mut heap = BinaryHeap::new();
        if let Some(cell) = self.cell_seen_from(target) {
            field[cell] = 0;
            heap.push(Reverse((0, cell)));
        }
        while let Some(Reverse((cost, cell))) = heap.pop() {
            if cost > field[cell] {
                continue;
            }
            for (next, step) in self.steps(cell) {
                let cost = cost.saturating_add(step);
                if cost < field[next] {
                    field[next] = cost;
                    heap.push(Reverse((cost, next)));
                }
            }
        }
        field
    }

    /// Open steps from a cell with their costs. The cost depends on both ends alike, so fields are symmetric.
    fn steps(&self, cell: usize) -> impl Iterator<Item = (usize, u16)> + '_ {
        let open = self.open[cell];
        (0..8).filter(move |bit| open & (1 << bit) != 0).map(move |bit| {
            let (dx, dy) = NEIGHBOURS[bit];
            let next = cell.wrapping_add_signed(dy * self.columns as isize + dx);
            let penalty = if self.in_line[cell] || self.in_line[next] { LINE_PENALTY } else { 1 };
            (next, STEP_COSTS[bit / 4] * penalty)
        })
    }

    fn open_steps(&self, cell: usize) -> u8 {
        let (column, row) = (cell % self.columns, cell / self.columns);
        let mut open = 0;
        for (bit, (dx, dy)) in NEIGHBOURS.iter().enumerate() {
            let (Some(x), Some(y)) = (column.checked_add_signed(*dx), row.checked_add_signed(*dy)) else { continue };
            let inside = x < self.columns && y < self.rows;
            if inside && self.sees(self.centre(cell), self.centre(y * self.columns + x)) {
                open |= 1 << bit;
            }
        }
        open
    }

    /// The nearest cell whose centre can be seen: a thin wall may cut a cell in two.
    fn cell_seen_from(&self, point: Point) -> Option<usize> {
        let clamp = |metres: f64, count: usize| ((metres / self.cell_m).max(0.0) as usize).min(count - 1);
        let (column, row) = (clamp(point[0], self.columns), clamp(point[1], self.rows));
        let around = (row.saturating_sub(1)..(row + 2).min(self.rows))
            .flat_map(|y| (column.saturating_sub(1)..(column + 2).min(self.columns)).map(move |x| (x, y)));
        let cells = around.map(|(x, y)| y * self.columns + x).filter(|cell| self.sees(point, self.centre(*cell)));
        cells.min_by(|a, b| distance_m(self.centre(*a), point).total_cmp(&distance_m(self.centre(*b), point)))
    }

    fn centre(&self, cell: usize) -> Point {
        let (column, row) = (cell % self.columns, cell / self.columns);
        [(column as f64 + 0.5) * self.cell_m, (row as f64 + 0.5) * self.cell_m]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Random};

    const PLAN: &str = r#"
name = "two rooms"
[[floor]]
name = "ground"
width_m = 20
depth_m = 10
[[wall]]
points = [[10, 0], [10, 7]]
[[wall]]
points = [[10, 8.2], [10, 10]]
[[wall]]
points = [[2, 2], [5, 2], [5, 5], [2, 5], [2, 2]]
[[queue]]
name = "bar"
area = [[12, 2], [18, 2], [18, 4], [12, 4]]
counter = [[12, 1], [18, 1], [18, 2], [12, 2]]
"#;

    fn length_m(points: &[Point]) -> f64 {
        points.windows(2).map(|leg| distance_m(leg[0], leg[1])).sum()
    }

    #[test]
    fn walks_go_through_the_door_and_never_through_a_wall() {
        let venue = Venue::parse(PLAN).expect("a good plan");
        let mut paths = Paths::new(&venue, FloorId(0));
        let hub = paths.add_hub([15.0, 6.0]);
        let mut random = Random::new(3, Purpose::Crowd);
        for _ in 0..500 {
            let from = [random.between(0.3, 19.7), random.between(0.3, 9.7)];
            let boxed = (2.0..5.0).contains(&from[0]) && (2.0..5.0).contains(&from[1]);
            let walk = paths.walk(from, [16.0, 6.5], &[hub]);
            assert_eq!(walk.is_none(), boxed, "from {from:?}");
            for leg in walk.unwrap_or_default().windows(2) {
                assert!(paths.sees(leg[0], leg[1]), "{leg:?} goes through a wall");
            }
        }
    }

    #[test]
    fn walks_are_nearly_as_short_as_can_be() {
        let venue = Venue::parse(PLAN).expect("a good plan");
        let mut paths = Paths::new(&venue, FloorId(0));
        let hub = paths.add_hub([15.0, 6.0]);
        let walk = paths.walk([8.0, 1.0], [15.0, 6.0], &[hub]).expect("a way");
        // By hand: to the door's lower corner and on.
        let shortest = distance_m([8.0, 1.0], [10.0, 7.0]) + distance_m([10.0, 7.0], [15.0, 6.0]);
        assert!((shortest..shortest * 1.12).contains(&length_m(&walk)), "{} against {shortest}", length_m(&walk));
    }

    #[test]
    fn walks_go_around_a_line_of_people() {
        let venue = Venue::parse(PLAN).expect("a good plan");
        let mut paths = Paths::new(&venue, FloorId(0));
        let hub = paths.add_hub([15.0, 1.0]);
        let walk = paths.walk([15.0, 6.0], [15.0, 0.5], &[hub]).expect("a way");
        assert!(length_m(&walk) > 6.0, "straight through would be 5.5 m: {walk:?}");
    }
}
