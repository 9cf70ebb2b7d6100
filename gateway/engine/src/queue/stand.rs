//! The places of all queues: which part of each cell belongs to which queue, and to which zone what is left.
//!
//! In: the floor plan and the cells of the radio map. Out: for a belief over cells, the probability of each region:
//! the queues (in line or at the counter), the zones without them, and what is outside. Line and counter are not
//! told apart, because a line's front and the counter lie closer together than signal strength can tell. It refuses
//! nothing; a queue narrower than a cell has its share of the cell.

use crate::geometry::{self, Point};
use crate::radio_map::cells::{Cell, Cells};
use crate::venue::{QUEUES_MAX, Queue, Venue};

/// Points tried along each side of a cell to find the part that belongs to a queue.
const POINTS: usize = 5;

/// Where no zone is drawn, people this far beside a queue are taken to be in it, metres: a belief is that wide,
/// and somebody has said where people stand.
const BESIDE_M: f64 = 3.0;

/// Probability of being at each queue, by its index.
pub type Shares = [f32; QUEUES_MAX];

/// The regions' parts of the cells.
pub struct Stands {
    /// By cell: region and the part of the cell, 0 to 1. Queues come first, then zones, then what is outside.
    parts: Vec<Vec<(u8, f32)>>,
    regions: usize,
}

impl Stands {
    /// The parts of all cells.
    pub fn new(venue: &Venue, cells: &Cells) -> Self {
        let (queues, zones) = (venue.queues.len(), venue.zones.len());
        let parts_of = |cell: &Cell| {
            let on_floor = venue.queues.iter().enumerate().filter(|(_, queue)| queue.floor == cell.floor);
            let part = |(index, queue): (usize, &Queue)| (index as u8, part(queue, cell, cells.side_m()));
            let mut parts: Vec<(u8, f32)> = on_floor.map(part).filter(|(_, part)| *part > 0.0).collect();
            // Where queues overlap they share the cell.
            let taken = parts.iter().map(|(_, part)| part).sum::<f32>();
            parts.iter_mut().for_each(|(_, part)| *part /= taken.max(1.0));
            let left = queues + cell.zone.map_or(zones, |zone| usize::from(zone.0));
            parts.push((left as u8, (1.0 - taken).max(0.0)));
            parts
        };
        Self { parts: cells.iter().map(parts_of).collect(), regions: queues + zones + 1 }
    }

    /// How many regions there are.
    pub fn regions(&self) -> usize {
        self.regions
    }

    /// Sums values of cells by region and appends the sums.
    pub fn append_sums(&self, values: impl Iterator<Item = (u16, f32)>, sums: &mut Vec<f32>) {
        let first = sums.len();
        sums.resize(first + self.regions, 0.0);
        for (cell, value) in values {
            for (region, part) in &self.parts[usize::from(cell)] {
                sums[first + usize::from(*region)] += part * value;
            }
        }
    }
}

/// The part of a cell that is a queue's.
fn part(queue: &Queue, cell: &Cell, side_m: f64) -> f32 {
    let is_beside = |outline: &[Point]| geometry::distance_to_outline_m(outline, cell.point) <= BESIDE_M;
    if cell.zone.is_none() && (is_beside(&queue.area) || is_beside(&queue.counter)) {
        return 1.0;
    }
    let step_m = side_m / POINTS as f64;
    let offset_m = |place: usize| (place as f64 - (POINTS / 2) as f64) * step_m;
    let points = (0..POINTS * POINTS).map(|place| [offset_m(place % POINTS), offset_m(place / POINTS)]);
    let inside = points.filter(|[dx, dy]| {
        let point = [cell.point[0] + dx, cell.point[1] + dy];
        geometry::contains(&queue.area, point) || geometry::contains(&queue.counter, point)
    });
    inside.count() as f32 / (POINTS * POINTS) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
        [[zone]]\nname = \"west\"\npolygon = [[0, 0], [10, 0], [10, 10], [0, 10]]\n\
        [[receiver]]\nname = \"w\"\nx_m = 5\ny_m = 5\n\
        [[queue]]\nname = \"bar\"\narea = [[4, 2], [8, 2], [8, 5], [4, 5]]\n\
        counter = [[4, 5], [8, 5], [8, 6], [4, 6]]\n\
        [[queue]]\nname = \"gate\"\narea = [[14, 2], [18, 2], [18, 5], [14, 5]]\n\
        counter = [[14, 5], [18, 5], [18, 6], [14, 6]]\n";

    #[test]
    fn a_queue_in_a_zone_ends_at_its_outline_and_one_outside_zones_a_little_beside() {
        let venue = Venue::parse(PLAN).expect("plan");
        let cells = Cells::new(&venue, 1.0);
        let stands = Stands::new(&venue, &cells);
        let part = |x_m: f64, y_m: f64| {
            let cell = cells.at(venue.queues[0].floor, [x_m, y_m]).expect("on the floor");
            let whole = stands.parts[usize::from(cell)].iter().find(|(_, part)| *part == 1.0);
            whole.map(|(region, _)| *region)
        };
        // Two queues, one zone, outside.
        assert_eq!(stands.regions(), 4);
        assert_eq!(part(5.5, 3.5), Some(0));
        assert_eq!(part(5.5, 5.5), Some(0), "the counter");
        assert_eq!(part(3.5, 3.5), Some(2));
        assert_eq!(part(12.5, 3.5), Some(1));
        assert_eq!(part(10.5, 8.5), Some(3));
    }
}
