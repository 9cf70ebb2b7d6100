//! Where a device is: the strongest smoothed receiver with hysteresis.
//!
//! In: sightings of one device. Out: the receiver it is nearest to, a position, its expected error and
//! zone weights. This is the field's usual method and the baseline every better one must beat. It does
//! not know walls or how people move.

use crate::geometry::{self, Point};
use crate::identity::Sighting;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, Receiver, ReceiverId, Venue, ZoneId};

/// Receivers remembered for one device: the strongest ones; further ones add nothing to a centroid.
const LEVELS_MAX: usize = 6;

/// Receivers that share in the centroid (the four nearest surround a device on a grid of receivers).
const CENTROID_RECEIVERS: usize = 4;

/// A level not refreshed for this long says nothing about now: three missed adverts at the slowest common
/// advertising interval of 2 s, and a margin.
const LEVEL_AGE_MAX: Duration = Duration::from_secs(8);

/// Time constant of the smoothing: long enough to average some ten adverts of a wristband, short against a
/// walk across a zone.
const SMOOTHING_S: f32 = 3.0;

/// A receiver must be this much stronger to take over at once.
const TAKE_OVER_DB: f32 = 6.0;

/// Or be stronger at all for this long.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(3);

/// Path loss exponent that turns level differences into distance ratios: indoor line of sight with people
/// (ITU-R P.1238 gives 1.8 to 2.4 for halls at 2.4 GHz).
const PATH_LOSS_EXPONENT: f64 = 2.2;

/// Smallest error claimed, metres: what an ideal filter reaches at usual densities.
const ERROR_MIN_M: f64 = 1.5;

/// The smoothed level at one receiver.
#[derive(Clone, Copy, Debug)]
struct Level {
    at: Millis,
    rssi_dbm: f32,
    receiver: ReceiverId,
}

/// Event time in milliseconds modulo 49 days: levels live for seconds, and there are many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Millis(u32);

impl Millis {
    fn of(at: Timestamp) -> Self {
        Self(at.as_micros().div_euclid(1_000) as u32)
    }

    fn age(self, now: Timestamp) -> Duration {
        Duration::from_millis(i64::from(Self::of(now).0.wrapping_sub(self.0)))
    }
}

/// What is known of one device's radio levels. The first `count` levels are filled.
#[derive(Clone, Debug)]
pub struct Levels {
    levels: [Level; LEVELS_MAX],
    count: u8,
    nearest: Option<ReceiverId>,
    rival: Option<(ReceiverId, Millis)>,
}

impl Default for Levels {
    fn default() -> Self {
        let empty = Level { at: Millis(0), rssi_dbm: 0.0, receiver: ReceiverId(0) };
        Self { levels: [empty; LEVELS_MAX], count: 0, nearest: None, rival: None }
    }
}

/// A position with how sure it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Metres on the floor.
    pub point: Point,
    /// Which floor.
    pub floor: FloorId,
    /// Root mean square error expected, metres.
    pub error_m: f64,
}

impl Levels {
    /// Takes one sighting into account; adverts without a strength only show presence.
    pub fn update(&mut self, sighting: &Sighting) {
        let Some(rssi_dbm) = sighting.rssi_dbm.map(f32::from) else { return };
        let (receiver, at) = (sighting.receiver, sighting.at);
        let known = &mut self.levels[..usize::from(self.count)];
        match known.iter_mut().find(|level| level.receiver == receiver) {
            Some(level) => {
                level.rssi_dbm += smoothing_weight(level.at.age(at)) * (rssi_dbm - level.rssi_dbm);
                level.at = Millis::of(at);
            }
            None => self.remember(Level { at: Millis::of(at), rssi_dbm, receiver }, at),
        }
        self.choose_nearest(at);
    }

    /// The receiver the device is nearest to, after hysteresis.
    pub fn nearest(&self) -> Option<ReceiverId> {
        self.nearest
    }

    /// The smoothed level at that receiver, dBm.
    pub fn nearest_level_dbm(&self) -> Option<f32> {
        let known = &self.levels[..usize::from(self.count)];
        known.iter().find(|level| Some(level.receiver) == self.nearest).map(|level| level.rssi_dbm)
    }

    /// The centroid of the strongest receivers on the nearest one's floor, weighted by the inverse of the
    /// distance ratio their levels imply.
    pub fn position(&self, venue: &Venue, now: Timestamp) -> Option<Position> {
        let nearest = &venue.receivers[usize::from(self.nearest?.0)];
        let (count, weighted) = self.weighted(venue, now, nearest);
        let weighted = &weighted[..count];
        let total: f64 = weighted.iter().map(|(weight, _)| weight).sum();
        if total <= 0.0 {
            let point = [nearest.x_m, nearest.y_m];
            return Some(Position { point, floor: nearest.floor, error_m: 2.0 * ERROR_MIN_M });
        }
        let mean = |axis: usize| weighted.iter().map(|(weight, point)| weight * point[axis]).sum::<f64>() / total;
        let point = [mean(0), mean(1)];
        let spread = weighted.iter().map(|(weight, at)| weight * geometry::distance_m(*at, point).powi(2)).sum::<f64>();
        Some(Position { point, floor: nearest.floor, error_m: (spread / total).sqrt().max(ERROR_MIN_M) })
    }

    /// Share of each zone among the receivers' weights, largest first; the nearest receiver's zone leads.
    pub fn zones(&self, venue: &Venue, zone_of: &[Option<ZoneId>], now: Timestamp) -> Vec<(ZoneId, f64)> {
        let Some(nearest) = self.nearest else { return Vec::new() };
        let nearest = &venue.receivers[usize::from(nearest.0)];
        let mut zones: Vec<(ZoneId, f64)> = Vec::with_capacity(CENTROID_RECEIVERS);
        let mut total = 0.0;
        for (level, weight) in self.fresh(venue, now, nearest) {
            // Squared: a zone twice as far is four times less likely, as areas go.
            let weight = weight * weight;
            total += weight;
            let Some(zone) = zone_of[usize::from(level.receiver.0)] else { continue };
            match zones.iter_mut().find(|(known, _)| *known == zone) {
                Some((_, sum)) => *sum += weight,
                None => zones.push((zone, weight)),
            }
        }
        zones.iter_mut().for_each(|(_, weight)| *weight /= total);
        zones.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        zones
    }

    /// Puts a level in a free place, or in that of the stalest, of equals the weakest.
    fn remember(&mut self, level: Level, now: Timestamp) {
        if usize::from(self.count) < LEVELS_MAX {
            self.levels[usize::from(self.count)] = level;
            self.count += 1;
            return;
        }
        let worth = |level: &Level| (level.at.age(now) <= LEVEL_AGE_MAX, level.rssi_dbm);
        let order = |a: &&mut Level, b: &&mut Level| {
            let (a, b) = (worth(a), worth(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        };
        if let Some(least) = self.levels.iter_mut().min_by(order) {
            *least = level;
        }
    }

    fn choose_nearest(&mut self, now: Timestamp) {
        let fresh = || self.levels[..usize::from(self.count)].iter().filter(|level| level.at.age(now) <= LEVEL_AGE_MAX);
        let by_strength = |a: &&Level, b: &&Level| a.rssi_dbm.total_cmp(&b.rssi_dbm).then(b.receiver.cmp(&a.receiver));
        let Some(best) = fresh().max_by(by_strength).copied() else { return };
        let Some(current) = fresh().find(|level| Some(level.receiver) == self.nearest) else {
            (self.nearest, self.rival) = (Some(best.receiver), None);
            return;
        };
        if best.receiver == current.receiver {
            self.rival = None;
            return;
        }
        let since = match self.rival {
            Some((rival, since)) if rival == best.receiver => since,
            _ => Millis::of(now),
        };
        let takes_over = best.rssi_dbm >= current.rssi_dbm + TAKE_OVER_DB || since.age(now) >= TAKE_OVER_AFTER;
        (self.nearest, self.rival) =
            if takes_over { (Some(best.receiver), None) } else { (self.nearest, Some((best.receiver, since))) };
    }

    /// Fresh levels on one floor with the inverse of their distance, relative to the strongest.
    fn fresh<'a>(
        &'a self,
        venue: &'a Venue,
        now: Timestamp,
        on: &'a Receiver,
    ) -> impl Iterator<Item = (&'a Level, f64)> {
        let fresh = move |level: &&Level| level.at.age(now) <= LEVEL_AGE_MAX;
        let same_floor = move |level: &&Level| venue.receivers[usize::from(level.receiver.0)].floor == on.floor;
        self.levels[..usize::from(self.count)]
            .iter()
            .filter(fresh)
            .filter(same_floor)
            .map(|level| (level, 10f64.powf(f64::from(level.rssi_dbm) / (10.0 * PATH_LOSS_EXPONENT))))
    }

    fn weighted(&self, venue: &Venue, now: Timestamp, on: &Receiver) -> (usize, [(f64, Point); LEVELS_MAX]) {
        let mut weighted = [(0.0, [0.0; 2]); LEVELS_MAX];
        let mut count = 0;
        for (level, weight) in self.fresh(venue, now, on) {
            let receiver = &venue.receivers[usize::from(level.receiver.0)];
            weighted[count] = (weight, [receiver.x_m, receiver.y_m]);
            count += 1;
        }
        weighted[..count].sort_by(|a, b| b.0.total_cmp(&a.0));
        (count.min(CENTROID_RECEIVERS), weighted)
    }
}

/// Weight of a new level after a gap; a stale level counts for nothing. The floor of 50 ms keeps a burst
/// of copies from freezing the level.
fn smoothing_weight(gap: Duration) -> f32 {
    if gap > LEVEL_AGE_MAX {
        return 1.0;
    }
    1.0 - (-(gap.as_secs_f64() as f32).max(0.05) / SMOOTHING_S).exp()
}

/// The zone each receiver stands in.
pub fn zones_of_receivers(venue: &Venue) -> Vec<Option<ZoneId>> {
    venue.receivers.iter().map(|receiver| venue.zone_at(receiver.floor, [receiver.x_m, receiver.y_m])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beacon::DeviceClass;
    use crate::identity::DeviceKey;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
        [[zone]]\nname = \"west\"\npolygon = [[0, 0], [10, 0], [10, 10], [0, 10]]\n\
        [[zone]]\nname = \"east\"\npolygon = [[10, 0], [20, 0], [20, 10], [10, 10]]\n\
        [[receiver]]\nname = \"w\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"e\"\nx_m = 15\ny_m = 5\n";

    /// Feeds (milliseconds, receiver, dBm) and returns the nearest receiver after each.
    fn nearest(heard: &[(i64, u8, i8)]) -> Vec<u8> {
        let mut levels = Levels::default();
        let mut out = Vec::new();
        for &(ms, receiver, rssi_dbm) in heard {
            levels.update(&sighting(ms, receiver, rssi_dbm));
            out.push(levels.nearest().expect("heard").0);
        }
        out
    }

    fn sighting(ms: i64, receiver: u8, rssi_dbm: i8) -> Sighting {
        Sighting {
            at: Timestamp::from_micros(ms * 1_000),
            receiver: ReceiverId(receiver),
            key: DeviceKey(1),
            previous_key: None,
            rssi_dbm: Some(rssi_dbm),
            measured_power_dbm: None,
            class: DeviceClass::Beacon,
            followed: true,
        }
    }

    #[test]
    fn a_little_stronger_takes_over_only_after_three_seconds() {
        let heard = [(0, 0, -60), (100, 1, -58), (1_000, 0, -60), (1_100, 1, -58), (3_200, 1, -58)];
        assert_eq!(nearest(&heard), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn much_stronger_takes_over_at_once_and_silence_gives_way() {
        assert_eq!(nearest(&[(0, 0, -60), (100, 1, -50)]), [0, 1]);
        assert_eq!(nearest(&[(0, 0, -60), (20_000, 1, -80)]), [0, 1]);
    }

    #[test]
    fn equal_levels_put_the_device_in_the_middle_with_both_zones() {
        let venue = Venue::parse(PLAN).expect("plan");
        let mut levels = Levels::default();
        levels.update(&sighting(0, 0, -60));
        levels.update(&sighting(0, 1, -60));
        let now = Timestamp::from_micros(0);
        let position = levels.position(&venue, now).expect("located");
        assert!((position.point[0] - 10.0).abs() < 1e-9, "{position:?}");
        let zones = levels.zones(&venue, &zones_of_receivers(&venue), now);
        assert_eq!(zones.len(), 2);
        assert!((zones[0].1 - 0.5).abs() < 1e-9, "{zones:?}");
    }
}
