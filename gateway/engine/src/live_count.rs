//! How many devices are there, from the addresses alive, without linking any of them.
//!
//! In: addresses that appear, are heard again, and are given up, by device class. Out: devices now, with
//! little delay, and devices a close-out time ago, exactly. An address is missing before it is first heard
//! and after it is last heard, and counted twice while a device changes its address: both are corrected
//! from the hearing rate, which the gaps inside tracks tell, and from how long addresses live. It keeps
//! three sums and a ring of counts a class and nothing about any address.

use crate::beacon::DeviceClass;
use crate::time::{Duration, Timestamp};

/// Classes told apart, in this order.
const CLASSES: [DeviceClass; 7] = [
    DeviceClass::Phone,
    DeviceClass::Watch,
    DeviceClass::Audio,
    DeviceClass::Tag,
    DeviceClass::Beacon,
    DeviceClass::Fixed,
    DeviceClass::Unknown,
];

/// Sums fade over this time: a crowd that comes changes how well devices are heard within minutes, and this
/// still holds some hundred gaps of twenty devices.
const FADE_MIN: f64 = 30.0;

/// Before anything was heard: tracks of ten minutes heard three times a minute, worth so many tracks. Address
/// changes come after 8 to 15 minutes (Bluetooth 6.1).
const PRIOR_TRACKS: f64 = 5.0;
const PRIOR_LIFE_S: f64 = 600.0;
const PRIOR_GAP_S: f64 = 20.0;

/// Mean time between two addresses of a phone, minutes (8 to 15 by default, Bluetooth 6.1).
pub const ROTATION_MIN: f64 = 11.5;

/// Grain of the exact count.
const SLOT: Duration = Duration::from_secs(5);

/// Slots kept: close-out times of up to eight minutes.
const SLOTS: usize = 100;

/// What was seen of one class, fading.
#[derive(Clone, Copy, Debug)]
struct Sums {
    /// Time between first and last hearing of tracks.
    observed_s: f64,
    /// Gaps between neighbouring hearings of a track.
    gaps: f64,
    /// Tracks begun, with the prior's.
    tracks: f64,
    /// Tracks begun, and minutes watched.
    begun: f64,
    watched_min: f64,
    faded_at: Option<Timestamp>,
}

/// How one class is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// Hearings of one device a second.
    pub rate_per_s: f64,
    /// How long an address lives, seconds.
    pub life_s: f64,
    /// Devices over addresses between their first and last hearing.
    pub edge_factor: f64,
    /// Addresses begun a minute.
    pub births_per_min: f64,
}

/// Addresses alive by slot of time.
#[derive(Clone, Debug)]
struct Alive {
    changes: [i32; SLOTS],
    /// First slot that is still open, and the count before it.
    open: Option<i64>,
    count: i64,
}

/// The counts of all classes.
#[derive(Clone, Debug)]
pub struct LiveCount {
    /// An address not heard for this long is given up.
    absent_after: Duration,
    sums: [Sums; CLASSES.len()],
    alive: [Alive; CLASSES.len()],
}

impl LiveCount {
    /// Nobody heard yet; `absent_after` is when the caller gives an address up.
    pub fn new(absent_after: Duration) -> Self {
        let nobody = Alive { changes: [0; SLOTS], open: None, count: 0 };
        Self { absent_after, sums: [Sums::default(); CLASSES.len()], alive: std::array::from_fn(|_| nobody.clone()) }
    }

    /// An address was heard for the first time.
    pub fn appeared(&mut self, class: DeviceClass, at: Timestamp) {
        let index = index(class);
        self.sums[index].fade(at);
        self.sums[index].tracks += 1.0;
        self.sums[index].begun += 1.0;
        self.alive[index].change(at, 1);
    }

    /// An address was heard again, so long after the last time.
    pub fn heard(&mut self, class: DeviceClass, at: Timestamp, gap: Duration) {
        let sums = &mut self.sums[index(class)];
        sums.fade(at);
        sums.observed_s += gap.as_secs_f64().clamp(0.0, self.absent_after.as_secs_f64());
        sums.gaps += 1.0;
    }

    /// An address was given up that was last heard then.
    pub fn ended(&mut self, class: DeviceClass, last: Timestamp) {
        self.alive[index(class)].change(last, -1);
    }

    /// How a class is heard.
    pub fn hearing(&self, class: DeviceClass) -> Hearing {
        self.sums[index(class)].hearing(self.absent_after.as_secs_f64())
    }

    /// Devices now, where `heard` addresses of the class were heard within `window` before now.
    ///
    /// Of the addresses of a device, on the air for R each and heard at rate h, so many are expected to be heard
    /// in a window w, with m the smaller of R and w: `(|R - w| (1 - e^-hm) + 2 (m - (1 - e^-hm)/h)) / R`. The
    /// second term are those whose life began or ended within the window: devices that changed their address
    /// count twice there.
    pub fn now(&self, class: DeviceClass, heard: f64, window: Duration) -> f64 {
        let hearing = self.hearing(class);
        let window_s = window.as_secs_f64().max(1e-3);
        let both_s = hearing.life_s.min(window_s);
        let heard_share = -(-hearing.rate_per_s * both_s).exp_m1();
        let edges_s = 2.0 * (both_s - heard_share / hearing.rate_per_s);
        heard * hearing.life_s / ((hearing.life_s - window_s).abs() * heard_share + edges_s)
    }

    /// Devices of a class one close-out time before `at`: the latest moment of which it is known who was alive.
    pub fn settled(&mut self, class: DeviceClass, at: Timestamp) -> f64 {
        let index = index(class);
        self.alive[index].settle(at - self.absent_after) * self.hearing(class).edge_factor
    }

    /// Devices that came a minute: addresses begun less those begun by a change of address. It amplifies
    /// errors by the changes in a visit; a door or a till counts better.
    pub fn arrivals_per_min(&self, class: DeviceClass, devices: f64) -> f64 {
        let hearing = self.hearing(class);
        let rotations = devices / ROTATION_MIN;
        let mut arrivals = (hearing.births_per_min - rotations).max(0.0);
        for _ in 0..3 {
            // Addresses cut short by somebody's leaving may never be heard at all.
            let unheard = (arrivals / (devices.max(1.0) * hearing.rate_per_s * 60.0)).min(0.5);
            arrivals = (hearing.births_per_min / (1.0 - unheard) - rotations).max(0.0);
        }
        arrivals
    }
}

impl Default for Sums {
    fn default() -> Self {
        let gaps = PRIOR_TRACKS * PRIOR_LIFE_S / PRIOR_GAP_S;
        Self {
            observed_s: PRIOR_TRACKS * PRIOR_LIFE_S,
            gaps,
            tracks: PRIOR_TRACKS,
            begun: 0.0,
            watched_min: 0.0,
            faded_at: None,
        }
    }
}

impl Sums {
    fn fade(&mut self, at: Timestamp) {
        let passed = self.faded_at.map_or(0.0, |faded_at| at.since(faded_at).as_secs_f64());
        // A second's grain keeps the exponential out of the way of thousands of adverts a second.
        if self.faded_at.is_none() || passed >= 1.0 {
            let kept = (-passed / 60.0 / FADE_MIN).exp();
            self.observed_s *= kept;
            self.gaps *= kept;
            self.tracks *= kept;
            self.begun *= kept;
            self.watched_min = self.watched_min * kept + FADE_MIN * (1.0 - kept);
            self.faded_at = Some(at);
        }
    }

    /// Hearings come at rate h while an address lives, and it ends at rate d. A gap inside a track is cut at the
    /// close-out time w, so `1/(h + d) = mean gap + w/(e^((h + d) w) - 1)`. A longer gap splits a track; each
    /// split lost `w + 1/h` of an address's life, each end `1/h`.
    fn hearing(&self, absent_after_s: f64) -> Hearing {
        let (observed_s, gaps) = (self.observed_s.max(1e-3), self.gaps.max(1e-3));
        let mut both = gaps / observed_s;
        let (mut rate, mut ends, mut whole_s) = (both, self.tracks, observed_s);
        for _ in 0..12 {
            let missed = (-both * absent_after_s).exp().min(0.9);
            both = 1.0 / (observed_s / gaps + absent_after_s * missed / (1.0 - missed));
            rate = (both - ends / whole_s).max(0.2 * both);
            let splits = (gaps + self.tracks) * rate / both * missed;
            ends = (self.tracks - splits).max(0.05 * self.tracks).max(1e-3);
            whole_s = observed_s + splits * (absent_after_s + 1.0 / rate) + ends * 2.0 / rate;
        }
        Hearing {
            rate_per_s: rate,
            life_s: whole_s / ends,
            edge_factor: whole_s / observed_s,
            births_per_min: self.begun * ends / self.tracks.max(1e-3) / self.watched_min.max(1.0),
        }
    }
}

impl Alive {
    fn change(&mut self, at: Timestamp, by: i32) {
        let slot = slot_of(at);
        let open = *self.open.get_or_insert(slot);
        // Beyond the ring's ends the change counts at its end: later than it was, never lost.
        if slot >= open + SLOTS as i64 {
            self.close_until(slot - SLOTS as i64 + 1);
        }
        let slot = slot.max(self.open.unwrap_or(slot));
        self.changes[slot.rem_euclid(SLOTS as i64) as usize] += by;
    }

    fn settle(&mut self, until: Timestamp) -> f64 {
        self.close_until(slot_of(until));
        self.count.max(0) as f64
    }

    fn close_until(&mut self, end: i64) {
        let Some(open) = self.open else { return };
        for slot in open..end.min(open + SLOTS as i64) {
            self.count += i64::from(std::mem::take(&mut self.changes[slot.rem_euclid(SLOTS as i64) as usize]));
        }
        self.open = Some(open.max(end));
    }
}

fn slot_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(SLOT.as_micros())
}

fn index(class: DeviceClass) -> usize {
    CLASSES.iter().position(|known| *known == class).unwrap_or(CLASSES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_micros((seconds * 1e6) as i64)
    }

    #[test]
    fn the_hearing_rate_comes_from_gaps_inside_tracks() {
        let mut count = LiveCount::new(Duration::from_mins(3));
        for track in 0..200 {
            let start = f64::from(track) * 5.0;
            count.appeared(DeviceClass::Phone, at(start));
            for hearing in 1..=60 {
                count.heard(DeviceClass::Phone, at(start + f64::from(hearing) * 10.0), Duration::from_secs(10));
            }
        }
        let hearing = count.hearing(DeviceClass::Phone);
        assert!((hearing.rate_per_s - 0.1).abs() < 0.005, "{hearing:?}");
        assert!((hearing.life_s - 620.0).abs() < 30.0 && hearing.edge_factor > 1.02, "{hearing:?}");
    }

    #[test]
    fn the_settled_count_is_that_of_a_close_out_time_ago() {
        let mut count = LiveCount::new(Duration::from_secs(60));
        for device in 0..10 {
            count.appeared(DeviceClass::Watch, at(f64::from(device)));
        }
        count.ended(DeviceClass::Watch, at(100.0));
        let factor = count.hearing(DeviceClass::Watch).edge_factor;
        assert!((count.settled(DeviceClass::Watch, at(120.0)) / factor - 10.0).abs() < 1e-9);
        assert!((count.settled(DeviceClass::Watch, at(200.0)) / factor - 9.0).abs() < 1e-9);
        assert_eq!(count.settled(DeviceClass::Audio, at(200.0)), 0.0);
    }

    #[test]
    fn all_heard_all_the_time_are_as_many_as_heard() {
        let mut count = LiveCount::new(Duration::from_secs(60));
        for second in 0..3_600 {
            count.heard(DeviceClass::Unknown, at(f64::from(second)), Duration::from_secs(1));
        }
        let devices = count.now(DeviceClass::Unknown, 100.0, Duration::from_secs(10));
        assert!((devices - 100.0).abs() < 2.0, "{devices}");
    }
}
