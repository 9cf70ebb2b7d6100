//! How many devices are there, from the addresses alive, without linking any of them.
//!
//! In: addresses that appear, are heard again, and are given up, by device class. Out: devices now, with next to
//! no delay. Each address counts with the probability that it is still on the air, given how long it has been
//! silent and how often it is usually heard. What that misses (an address before it is first heard) and what it
//! counts twice (a device that has just changed its address) is corrected by one factor a class, measured on the
//! addresses themselves: time they were on the air over the weight they were given. The factor makes the count
//! right in the mean whatever the weights are; the weights make it quick and steady. It keeps a few sums a class
//! and three numbers an address, and nothing that tells two addresses of a device from two devices.

use crate::beacon::DeviceClass;
use crate::time::{Duration, Timestamp};

/// Classes told apart, in this order.
pub const CLASSES: [DeviceClass; 7] = [
    DeviceClass::Phone,
    DeviceClass::Watch,
    DeviceClass::Audio,
    DeviceClass::Tag,
    DeviceClass::Beacon,
    DeviceClass::Fixed,
    DeviceClass::Unknown,
];

/// Hearings closer than this are one: an advert goes out on three channels, and several receivers hear each.
pub const ONE_HEARING: Duration = Duration::from_millis(500);

/// Sums fade over this time: a crowd that comes changes how well devices are heard within minutes, and this
/// still holds some hundred gaps of twenty devices.
const FADE_MIN: f64 = 30.0;

/// Before anything was heard, the correction is one with the weight of so many device-seconds: a minute of a
/// small crowd outweighs it.
const PRIOR_S: f64 = 1_000.0;

/// Time between two hearings of a device of which nothing is known, seconds, worth so many gaps: phones at
/// rest advertise every second or two, and indoors every third advert or so is heard.
const PRIOR_GAP_S: f64 = 3.0;
const PRIOR_GAPS: f64 = 20.0;

/// Lives of addresses are believed to be `LIFE_S` with the weight of so many of them.
const PRIOR_TRACKS: f64 = 5.0;

/// A class's usual gap counts as so many gaps of the address's own.
const OWN_PRIOR_GAPS: f64 = 5.0;

/// How long an address is on the air, as far as weights go, seconds: phones change theirs after 8 to 15 minutes
/// (Bluetooth 6.1).
const LIFE_S: f64 = 690.0;

/// Addresses silent for so long are given up, however seldom they are heard: a phone in a bag is heard once a
/// minute, and beyond this it has probably changed its address.
pub const SILENT_MAX: Duration = Duration::from_mins(5);

const SILENT_MAX_S: f64 = 300.0;

/// An address less likely to be alive than this may be given up.
const ALIVE_MIN: f64 = 0.01;

/// Mean time between two addresses of a phone, minutes (8 to 15 by default, Bluetooth 6.1).
pub const ROTATION_MIN: f64 = 11.5;

/// What is known of one address: for how long and how often it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// First and last hearing.
    first: Timestamp,
    last: Timestamp,
    /// Gaps between hearings.
    gaps: u32,
}

/// What was seen of one class, fading.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Time between hearings of addresses, and how many of these gaps there were.
    observed_s: f64,
    gaps: f64,
    /// Time on the air that no gap shows: before first hearings and after last ones.
    unseen_s: f64,
    /// Weight times seconds given to addresses.
    weighted_s: f64,
    /// Addresses given up.
    ended: f64,
    /// Addresses begun.
    begun: f64,
    watched_min: f64,
    faded_at: Option<Timestamp>,
}

/// Weight of the addresses of a class or a place: their number, each by the probability that it is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// Sum of the probabilities.
    pub sum: f64,
    /// Sum of their variances.
    pub variance: f64,
}

/// The counts of all classes.
#[derive(Clone, Debug, Default)]
pub struct LiveCount {
    sums: [Sums; CLASSES.len()],
}

impl Track {
    /// An address first heard then.
    pub fn new(at: Timestamp) -> Self {
        Self { first: at, last: at, gaps: 0 }
    }

    /// Mean time between two hearings, seconds, where its class usually has so many.
    fn gap_s(&self, usual_s: f64) -> f64 {
        let heard_s = self.last.since(self.first).as_secs_f64();
        ((heard_s + OWN_PRIOR_GAPS * usual_s) / (f64::from(self.gaps) + OWN_PRIOR_GAPS)).max(1e-3)
    }
}

/// The law of silence of one address: heard at rate `1/gap`, taken off the air at rate `1/life`.
///
/// Silent for s it is still alive with probability `1 / (1 + c (e^(k s) - 1))`, where `k = 1/gap + 1/life` and
/// `c = (1/life) / k` (Bayes' rule for two exponential times).
#[derive(Clone, Copy, Debug)]
struct Silence {
    k: f64,
    c: f64,
}

impl Silence {
    fn of(gap_s: f64) -> Self {
        let k = 1.0 / gap_s + 1.0 / LIFE_S;
        Self { k, c: 1.0 / (LIFE_S * k) }
    }

    fn alive(self, silent_s: f64) -> f64 {
        1.0 / (1.0 + self.c * (self.k * silent_s).exp_m1())
    }

    /// Integral of `alive` from hearing to `silent_s`.
    fn alive_s(self, silent_s: f64) -> f64 {
        let exponent = self.k * silent_s;
        // Beyond e^40 the one in the sum is lost in rounding.
        let log = if exponent > 40.0 { self.c.ln() + exponent } else { (self.c * exponent.exp_m1()).ln_1p() };
        (silent_s - log / self.k) / (1.0 - self.c)
    }
}

impl LiveCount {
    /// Place of a class in `CLASSES`.
    pub fn index(class: DeviceClass) -> usize {
        CLASSES.iter().position(|known| *known == class).unwrap_or(CLASSES.len() - 1)
    }

    /// An address was heard for the first time.
    pub fn appeared(&mut self, class: DeviceClass, at: Timestamp) -> Track {
        let sums = &mut self.sums[Self::index(class)];
        sums.fade(at);
        sums.begun += 1.0;
        Track::new(at)
    }

    /// An address was heard again.
    pub fn heard(&mut self, class: DeviceClass, at: Timestamp, track: &mut Track) {
        let silent = at.since(track.last);
        if silent < ONE_HEARING {
            return;
        }
        let sums = &mut self.sums[Self::index(class)];
        sums.fade(at);
        let silent_s = silent.as_secs_f64().min(SILENT_MAX_S);
        let gap_s = track.gap_s(sums.usual_gap_s());
        sums.observed_s += silent_s;
        sums.gaps += 1.0;
        sums.weighted_s += Silence::of(gap_s).alive_s(silent_s);
        (track.last, track.gaps) = (at, track.gaps.saturating_add(1));
    }

    /// An address was given up.
    pub fn ended(&mut self, class: DeviceClass, track: &Track) {
        let sums = &mut self.sums[Self::index(class)];
        let gap_s = track.gap_s(sums.usual_gap_s());
        sums.unseen_s += 2.0 * sums.whole_gap_s(gap_s);
        sums.ended += 1.0;
        sums.weighted_s += Silence::of(gap_s).alive_s(SILENT_MAX_S);
    }

    /// Probability that an address is still on the air, and its variance.
    pub fn weight(&self, class: DeviceClass, track: &Track, now: Timestamp) -> Weight {
        let silent_s = now.since(track.last).as_secs_f64().max(0.0);
        let gap_s = track.gap_s(self.sums[Self::index(class)].usual_gap_s());
        let alive = Silence::of(gap_s).alive(silent_s);
        Weight { sum: alive, variance: alive * (1.0 - alive) }
    }

    /// Whether an address that has fallen silent should be kept for now: it may well be heard again.
    pub fn keeps(&self, class: DeviceClass, track: &Track, now: Timestamp) -> bool {
        now.since(track.last) < SILENT_MAX && self.weight(class, track, now).sum >= ALIVE_MIN
    }

    /// Devices a unit of weight stands for.
    pub fn factor(&self, class: DeviceClass) -> f64 {
        let sums = &self.sums[Self::index(class)];
        (PRIOR_S + sums.observed_s + sums.unseen_s) / (PRIOR_S + sums.weighted_s)
    }

    /// Devices that came a minute: addresses begun less those begun by a change of address, where so many
    /// devices change theirs. It amplifies errors by the changes in a visit; a door or a till counts better.
    pub fn arrivals_per_min(&self, class: DeviceClass, devices: f64) -> f64 {
        let sums = &self.sums[Self::index(class)];
        let begun = sums.begun.max(0.0) / sums.watched_min.max(1.0);
        let rotations = devices / ROTATION_MIN;
        let mut arrivals = (begun - rotations).max(0.0);
        for _ in 0..3 {
            // Addresses cut short by somebody's leaving may never be heard at all.
            let unheard = (arrivals / 60.0 * sums.usual_gap_s() / devices.max(1.0)).min(0.5);
            arrivals = (begun / (1.0 - unheard) - rotations).max(0.0);
        }
        arrivals
    }
}

impl Weight {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.variance += other.variance;
    }
}

impl Sums {
    /// Mean gap of the class, seconds.
    fn usual_gap_s(&self) -> f64 {
        (self.observed_s + PRIOR_GAPS * PRIOR_GAP_S) / (self.gaps + PRIOR_GAPS)
    }

    /// The mean gap of an address that never goes off the air: those of short lives end before their long gaps
    /// do, so gaps come at the rates of hearing and of ending together.
    fn whole_gap_s(&self, gap_s: f64) -> f64 {
        let on_air_s = PRIOR_TRACKS * LIFE_S + self.observed_s + self.unseen_s;
        let life_s = on_air_s / (PRIOR_TRACKS + self.ended);
        gap_s / (1.0 - gap_s / life_s).max(0.5)
    }

    fn fade(&mut self, at: Timestamp) {
        let passed_s = self.faded_at.map_or(0.0, |faded_at| at.since(faded_at).as_secs_f64());
        // A second's grain keeps the exponential out of the way of thousands of adverts a second.
        if self.faded_at.is_none() || passed_s >= 1.0 {
            let kept = (-passed_s / 60.0 / FADE_MIN).exp();
            for sum in [
                &mut self.observed_s,
                &mut self.gaps,
                &mut self.unseen_s,
                &mut self.weighted_s,
                &mut self.ended,
                &mut self.begun,
                &mut self.watched_min,
            ] {
                *sum *= kept;
            }
            self.watched_min += FADE_MIN * (1.0 - kept);
            self.faded_at = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: DeviceClass = DeviceClass::Phone;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_micros((seconds * 1e6) as i64)
    }

    /// Tracks of so many hearings `gap_s` apart, beginning five seconds after each other, all ended.
    fn heard(tracks: u32, hearings: u32, gap_s: f64) -> LiveCount {
        let mut count = LiveCount::default();
        for number in 0..tracks {
            let start = f64::from(number) * 5.0;
            let mut track = count.appeared(CLASS, at(start));
            for hearing in 1..=hearings {
                count.heard(CLASS, at(start + f64::from(hearing) * gap_s), &mut track);
            }
            count.ended(CLASS, &track);
        }
        count
    }

    #[test]
    fn silence_makes_an_address_less_likely_to_be_alive() {
        let count = heard(200, 60, 2.0);
        let mut track = Track::new(at(2_000.0));
        track = Track { last: at(2_060.0), gaps: 30, ..track };
        let alive = |silent_s: f64| count.weight(CLASS, &track, at(2_060.0 + silent_s)).sum;
        assert!(alive(0.0) > 0.999 && alive(4.0) > 0.97 && alive(10.0) < 0.75 && alive(30.0) < 0.001);
    }

    #[test]
    fn the_weight_of_a_track_is_the_integral_of_its_probability() {
        for (gap_s, silent_s) in [(1.0, 5.0), (20.0, 60.0), (0.5, 60.0)] {
            let silence = Silence::of(gap_s);
            let steps = 20_000;
            let step_s = silent_s / f64::from(steps);
            let sum: f64 = (0..steps).map(|step| silence.alive((f64::from(step) + 0.5) * step_s)).sum();
            assert!((sum * step_s - silence.alive_s(silent_s)).abs() < 1e-3, "{gap_s} {silent_s}");
        }
    }

    #[test]
    fn copies_of_one_advert_are_one_hearing() {
        let mut count = LiveCount::default();
        let mut track = count.appeared(CLASS, at(0.0));
        for hearing in [0.001, 0.002, 0.4, 2.0, 2.001] {
            count.heard(CLASS, at(hearing), &mut track);
        }
        assert_eq!((track.gaps, track.last), (1, at(2.0)));
    }

    #[test]
    fn arrivals_are_addresses_begun() {
        let count = heard(200, 10, 1.0);
        // Twelve a minute, of whom two are there at a time; some may never have been heard.
        let arrivals = count.arrivals_per_min(CLASS, 2.0);
        assert!((12.0..14.0).contains(&arrivals), "{arrivals}");
        assert_eq!(count.arrivals_per_min(CLASS, 1_000.0), 0.0);
    }
}
