//! Where devices are that nobody follows: spread over what their strongest receiver covers.
//!
//! In: the floor plan and its radio map. Out: for each receiver the probability of each zone, and of each cell of
//! the heat map, of a device that it hears best. A receiver covers the places where its level is likely to be the
//! strongest, walls taken into account; so a zone without a receiver of its own still gets its share. It refuses
//! to say more: of devices that are not followed, one receiver is all that is looked at.

use crate::geometry::Point;
use crate::heat::Lattice;
use crate::radio_map::{RadioMap, STEPS_PER_DB};
use crate::venue::{FloorId, ReceiverId, Venue, ZoneId};

/// Standard deviation of the difference between two receivers' levels at a place, dB: shadowing of 5 dB each
/// (methods (a)), as the scale of a logistic distribution (times the root of 3, over pi).
const CONTEST_DB: f64 = 5.0 * std::f64::consts::SQRT_2 * 0.5513;

/// How likely a place outside all zones is, against one of the same size within: zones are drawn where people are.
const OUTSIDE_ZONES: f64 = 0.3;

/// Cells of less than this share are left out of a receiver's list.
const SHARE_MIN: f64 = 1e-4;

/// What one receiver covers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cover {
    /// Probability of each zone that has any; what is missing to 1 lies outside all zones.
    pub zones: Vec<(ZoneId, f64)>,
    /// Probability of each cell of the heat map that has any; they sum to 1.
    pub cells: Vec<(u32, f64)>,
}

/// What each receiver covers, and who stands nowhere in particular.
#[derive(Clone, Debug)]
pub struct Spread {
    covers: Vec<Cover>,
    /// Everywhere: for devices heard without a strength.
    anywhere: Cover,
    /// By cell of the radio map: the cells of the heat map it covers, in shares that sum to 1.
    heat_cells: Vec<Vec<(u32, f64)>>,
}

impl Spread {
    /// The covers of a venue's receivers.
    pub fn new(venue: &Venue, map: &RadioMap, lattice: &Lattice) -> Self {
        let mut sums = vec![Sums::new(venue, lattice); venue.receivers.len() + 1];
        for (index, cell) in map.cells().iter().enumerate() {
            let likely = if cell.zone.is_some() { 1.0 } else { OUTSIDE_ZONES };
            let shares = contest(map, index as u16);
            let zone = cell.zone.map_or(venue.zones.len(), |zone| usize::from(zone.0));
            for (sums, share) in sums.iter_mut().zip(shares.iter().chain([&1.0])) {
                sums.zones[zone] += likely * share;
            }
        }
        for (cell, (floor, point)) in lattice.centres().enumerate() {
            let Some(near) = map.cells().at(floor, point) else { continue };
            let likely = likely(venue, floor, point);
            for (sums, share) in sums.iter_mut().zip(contest(map, near).iter().chain([&1.0])) {
                sums.cells[cell] += likely * share;
            }
        }
        let mut heat_cells: Vec<Vec<(u32, f64)>> = vec![Vec::new(); map.cells().len()];
        for (cell, (floor, point)) in lattice.centres().enumerate() {
            if let Some(near) = map.cells().at(floor, point) {
                heat_cells[usize::from(near)].push((cell as u32, 1.0));
            }
        }
        for (cells, cell) in heat_cells.iter_mut().zip(map.cells().iter()) {
            if cells.is_empty() {
                cells.push((lattice.cell(cell.floor, cell.point), 1.0));
            }
            let share = 1.0 / cells.len() as f64;
            cells.iter_mut().for_each(|(_, own)| *own = share);
        }
        let mut covers: Vec<Cover> = sums.into_iter().map(Sums::cover).collect();
        let anywhere = covers.pop().unwrap_or_default();
        Self { covers, anywhere, heat_cells }
    }

    /// The cells of the heat map that a cell of the radio map covers, in shares that sum to 1.
    pub fn heat_cells(&self, cell: u16) -> &[(u32, f64)] {
        &self.heat_cells[usize::from(cell)]
    }

    /// What a receiver covers; everywhere where none is known.
    pub fn of(&self, receiver: Option<ReceiverId>) -> &Cover {
        receiver.and_then(|receiver| self.covers.get(usize::from(receiver.0))).unwrap_or(&self.anywhere)
    }
}

/// How likely each receiver is to be the strongest in a cell.
fn contest(map: &RadioMap, cell: u16) -> Vec<f64> {
    let levels: Vec<f64> = map
        .receivers()
        .map(|receiver| f64::from(map.levels(receiver)[usize::from(cell)]) / f64::from(STEPS_PER_DB))
        .collect();
    let best = levels.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = levels.iter().map(|level| ((level - best) / CONTEST_DB).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum.max(f64::MIN_POSITIVE)).collect()
}

fn likely(venue: &Venue, floor: FloorId, point: Point) -> f64 {
    if venue.zone_at(floor, point).is_some() { 1.0 } else { OUTSIDE_ZONES }
}

/// Likelihoods of one receiver, before they are shares.
#[derive(Clone, Debug)]
struct Sums {
    /// By zone; outside all zones last.
    zones: Vec<f64>,
    cells: Vec<f64>,
}

impl Sums {
    fn new(venue: &Venue, lattice: &Lattice) -> Self {
        Self { zones: vec![0.0; venue.zones.len() + 1], cells: vec![0.0; lattice.len()] }
    }

    fn cover(self) -> Cover {
        let all: f64 = self.zones.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let zones = self.zones[..self.zones.len() - 1].iter().enumerate();
        let zones = zones.filter(|(_, sum)| **sum > 0.0).map(|(zone, sum)| (ZoneId(zone as u8), sum / all)).collect();
        let all: f64 = self.cells.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let cells = self.cells.iter().enumerate().filter(|(_, sum)| **sum / all >= SHARE_MIN);
        let cells: Vec<(u32, f64)> = cells.map(|(cell, sum)| (cell as u32, *sum)).collect();
        let kept: f64 = cells.iter().map(|(_, sum)| sum).sum::<f64>().max(f64::MIN_POSITIVE);
        Cover { zones, cells: cells.into_iter().map(|(cell, sum)| (cell, sum / kept)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio_map::Assumptions;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 30\ndepth_m = 10\n\
        [[zone]]\nname = \"west\"\npolygon = [[0, 0], [10, 0], [10, 10], [0, 10]]\n\
        [[zone]]\nname = \"middle\"\npolygon = [[10, 0], [20, 0], [20, 10], [10, 10]]\n\
        [[zone]]\nname = \"east\"\npolygon = [[20, 0], [30, 0], [30, 10], [20, 10]]\n\
        [[receiver]]\nname = \"w\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"e\"\nx_m = 25\ny_m = 5\n";

    #[test]
    fn a_zone_without_a_receiver_gets_its_share() {
        let venue = Venue::parse(PLAN).expect("plan");
        let lattice = Lattice::new(&venue, 2.0);
        let spread = Spread::new(&venue, &RadioMap::new(&venue, Assumptions::default()), &lattice);
        let cover = spread.of(Some(ReceiverId(0)));
        let share = |zone: u8| cover.zones.iter().find(|(known, _)| known.0 == zone).map_or(0.0, |(_, share)| *share);
        assert!(share(0) > 0.5 && share(1) > 0.2 && share(2) < 0.1, "{:?}", cover.zones);
        let cells: f64 = cover.cells.iter().map(|(_, share)| share).sum();
        assert!((cells - 1.0).abs() < 1e-9, "{cells}");
        let zones: f64 = spread.of(None).zones.iter().map(|(_, share)| share).sum();
        assert!((zones - 1.0).abs() < 1e-9, "all of the floor lies in zones: {zones}");
    }
}
