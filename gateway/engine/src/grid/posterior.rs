//! What a belief says: a position with its error, zones with their probabilities, one zone after hysteresis.
//!
//! In: a belief. Out: plain values. It refuses to name a zone more often than people change them: a zone
//! takes over at once only when it is likely, otherwise when it has led for some seconds.

use super::{Belief, Grid, LAG, Mass, total};
use crate::geometry::Point;
use crate::time::{Duration, Timestamp};
use crate::venue::{FLOORS_MAX, FloorId, ZONES_MAX, ZoneId};

/// A zone this likely takes over at once (methods: 0.7).
const TAKE_OVER: f64 = 0.7;

/// A zone that led for this long takes over, if it is likelier than the zone chosen by `LEAD`. Measured walks
/// lose half as many moments to hysteresis as with 3 s and no margin, at the same number of changes.
const TAKE_OVER_AFTER: Duration = Duration::from_millis(1_500);
const LEAD: f64 = 1.3;

/// Zones less likely than this are not told.
const TOLD_MIN: f64 = 0.005;

/// Where a device is.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// Mean over the likeliest floor, metres.
    pub point: Point,
    /// The likeliest floor.
    pub floor: FloorId,
    /// Root mean square error expected, metres.
    pub error_m: f64,
    /// Probability of each zone, largest first; what is missing to 1 lies outside all zones.
    pub zones: Vec<(ZoneId, f64)>,
}

/// A posterior and the moment it describes.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) posterior: Posterior,
}

impl Grid {
    /// What is believed of a moment, given everything heard until `LAG` after it; `None` before anything was
    /// heard. Between two windows it lies between what is believed of them.
    pub fn posterior(&mut self, belief: &mut Belief, at: Timestamp) -> Option<Posterior> {
        self.advance(belief, at + LAG);
        match &belief.told {
            [_, None] => None,
            [Some(before), Some(after)] if at < after.at => Some(between(before, after, at)),
            [_, Some(last)] => Some(last.posterior.clone()),
        }
    }

    /// What masses over cells say.
    pub(super) fn describe(&self, cells: &[u16], masses: &[Mass]) -> Posterior {
        let mut floors = [0.0f64; FLOORS_MAX];
        let mut zones = [0.0f64; ZONES_MAX];
        for (cell, mass) in cells.iter().zip(masses) {
            let (cell, mass) = (self.map.cells().cell(*cell), f64::from(total(mass)));
            floors[usize::from(cell.floor.0)] += mass;
            if let Some(zone) = cell.zone {
                zones[usize::from(zone.0)] += mass;
            }
        }
        let likelier = |a: &usize, b: &usize| floors[*a].total_cmp(&floors[*b]).then(b.cmp(a));
        let floor = FloorId((0..self.map.cells().floors()).max_by(likelier).unwrap_or(0) as u8);
        let (point, error_m) = self.mean(cells, masses, floor);
        Posterior { point, floor, error_m, zones: largest_first(&zones) }
    }

    /// Mean and spread of the cells of one floor.
    fn mean(&self, cells: &[u16], masses: &[Mass], floor: FloorId) -> (Point, f64) {
        let (mut sum, mut x, mut y, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for (cell, mass) in cells.iter().zip(masses) {
            let cell = self.map.cells().cell(*cell);
            if cell.floor == floor {
                let mass = f64::from(total(mass));
                sum += mass;
                x += mass * cell.point[0];
                y += mass * cell.point[1];
                squares += mass * (cell.point[0].powi(2) + cell.point[1].powi(2));
            }
        }
        let point = [x / sum, y / sum];
        // A cell's own extent: side² / 12 along each axis.
        let within = self.map.cells().side_m().powi(2) / 6.0;
        let variance = (squares / sum - point[0].powi(2) - point[1].powi(2)).max(0.0) + within;
        (point, variance.sqrt())
    }
}

/// A posterior at a moment between two: their mean, weighted by how near they are. Somebody who changed floor is on
/// the nearer one's.
fn between(before: &Told, after: &Told, at: Timestamp) -> Posterior {
    let weight = at.since(before.at).as_secs_f64() / after.at.since(before.at).as_secs_f64();
    let weight = weight.clamp(0.0, 1.0);
    let (before, after) = (&before.posterior, &after.posterior);
    let nearer = if weight < 0.5 { before } else { after };
    let mean = |a: f64, b: f64| a + weight * (b - a);
    let mut zones = [0.0f64; ZONES_MAX];
    before.zones.iter().for_each(|(zone, share)| zones[usize::from(zone.0)] += (1.0 - weight) * share);
    after.zones.iter().for_each(|(zone, share)| zones[usize::from(zone.0)] += weight * share);
    let zones = largest_first(&zones);
    if before.floor != after.floor {
        return Posterior { zones, ..nearer.clone() };
    }
    let point = [0, 1].map(|axis| mean(before.point[axis], after.point[axis]));
    Posterior { point, floor: nearer.floor, error_m: mean(before.error_m, after.error_m), zones }
}

fn largest_first(zones: &[f64]) -> Vec<(ZoneId, f64)> {
    let told = zones.iter().enumerate().filter(|(_, share)| **share >= TOLD_MIN);
    let mut zones: Vec<(ZoneId, f64)> = told.map(|(zone, share)| (ZoneId(zone as u8), *share)).collect();
    zones.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    zones
}

/// The likeliest zone; `None` where outside all zones is likelier.
pub fn likeliest(zones: &[(ZoneId, f64)]) -> Option<ZoneId> {
    let (zone, share) = zones.first()?;
    (*share >= outside(zones)).then_some(*zone)
}

fn outside(zones: &[(ZoneId, f64)]) -> f64 {
    1.0 - zones.iter().map(|(_, share)| share).sum::<f64>()
}

/// One zone at a time, after hysteresis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneChoice {
    zone: Option<ZoneId>,
    rival: Option<(Option<ZoneId>, Timestamp)>,
}

impl ZoneChoice {
    /// The zone chosen last.
    pub fn zone(&self) -> Option<ZoneId> {
        self.zone
    }

    /// Takes the zones of a posterior into account; the zone chosen now. Outside all zones is a place too.
    pub fn update(&mut self, zones: &[(ZoneId, f64)], now: Timestamp) -> Option<ZoneId> {
        let outside = outside(zones);
        let leader = likeliest(zones);
        let share = leader.map_or(outside, |_| zones[0].1);
        let of_zone = |chosen| zones.iter().find(|(zone, _)| *zone == chosen).map_or(0.0, |(_, share)| *share);
        if leader == self.zone || share < LEAD * self.zone.map_or(outside, of_zone) {
            self.rival = None;
            return self.zone;
        }
        let since = match self.rival {
            Some((rival, since)) if rival == leader => since,
            _ => now,
        };
        if self.zone.is_none() || share > TAKE_OVER || now.since(since) >= TAKE_OVER_AFTER {
            (self.zone, self.rival) = (leader, None);
        } else {
            self.rival = Some((leader, since));
        }
        self.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds (milliseconds, probabilities of zones 0 and 1) and returns the zone after each.
    fn chosen(seen: &[(i64, f64, f64)]) -> Vec<Option<u8>> {
        let mut choice = ZoneChoice::default();
        let zones = |first: f64, second: f64| largest_first(&[first, second]);
        let at = |ms: i64| Timestamp::from_micros(ms * 1_000);
        let choose = |(ms, first, second): &(i64, f64, f64)| choice.update(&zones(*first, *second), at(*ms));
        seen.iter().map(choose).map(|zone| zone.map(|zone| zone.0)).collect()
    }

    #[test]
    fn a_likely_zone_takes_over_at_once() {
        assert_eq!(chosen(&[(0, 0.6, 0.4), (500, 0.2, 0.8)]), [Some(0), Some(1)]);
    }

    #[test]
    fn a_leading_zone_takes_over_when_it_keeps_the_lead() {
        let seen = [(0, 0.6, 0.4), (500, 0.4, 0.6), (1_000, 0.4, 0.6), (1_500, 0.4, 0.6), (2_000, 0.4, 0.6)];
        assert_eq!(chosen(&seen), [Some(0), Some(0), Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn a_zone_hardly_likelier_never_does() {
        assert_eq!(chosen(&[(0, 0.6, 0.4), (500, 0.48, 0.52), (60_000, 0.48, 0.52)]), [Some(0); 3]);
    }
}
