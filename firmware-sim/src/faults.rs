//! What goes wrong between a receiver and the recording.
//!
//! In: reports in true time. Out: adverts in the order in which they arrive, some lost, doubled, late, with a
//! flipped bit or a wrong time. A late advert keeps the time its receiver gave it; a wrong clock changes that
//! time and nothing else. Without delays and wrong clocks the adverts come in order of `at_us`.

use crate::SimAdvert;
use crate::random::{Purpose, Random};
use crate::scenario::{self, Scenario};

/// A second report of one packet comes this much later, microseconds (chosen; seen where two radios or two
/// host queues report one packet).
const DUPLICATE_AFTER_US: i64 = 800;

/// Adverts on their way; beyond it the latest are lost. At 20 000 adverts/s for ten seconds it is not reached.
const ON_THE_WAY_MAX: usize = 1 << 20;

/// Injects faults and puts adverts in order of arrival.
pub struct Faults {
    plan: scenario::Faults,
    starts_at_us: i64,
    random: Random,
    /// Arrival time and advert, sorted up to `sorted`.
    on_the_way: Vec<(i64, SimAdvert)>,
}

impl Faults {
    /// The faults of a scenario.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        Self {
            plan: scenario.faults.clone(),
            starts_at_us: scenario.starts_at_us,
            random: Random::new(seed, Purpose::Faults),
            on_the_way: Vec::new(),
        }
    }

    /// Takes one report in true time.
    pub fn accept(&mut self, mut advert: SimAdvert) {
        let true_us = advert.at_us;
        let time_s = (true_us - self.starts_at_us) as f64 / 1e6;
        let silent = |silent: &scenario::Silent| {
            u16::from(silent.receiver.0) == advert.receiver && (silent.from_s..silent.to_s).contains(&time_s)
        };
        if self.plan.silent.iter().any(silent) || self.random.chance(self.plan.drop) {
            return;
        }
        if self.random.chance(self.plan.bit_flip) && advert.len > 0 {
            let bit = self.random.below(usize::from(advert.len) * 8);
            advert.payload[bit / 8] ^= 1 << (bit % 8);
        }
        advert.at_us = self.stamped(&advert, time_s);
        let mut arrives_us = true_us;
        if self.random.chance(self.plan.delay) {
            arrives_us += (self.random.exponential(self.plan.delay_mean_ms) * 1e3) as i64;
        }
        self.send(arrives_us, advert);
        if self.random.chance(self.plan.duplicate) {
            let again = SimAdvert { at_us: advert.at_us + DUPLICATE_AFTER_US, ..advert };
            self.send(arrives_us + DUPLICATE_AFTER_US, again);
        }
    }

    /// Hands over what has arrived by `until_us`, in order.
    pub fn deliver(&mut self, until_us: i64, adverts: &mut Vec<SimAdvert>) {
        // A stable sort of what is nearly sorted is nearly linear, and keeps equal times in order of sending.
        self.on_the_way.sort_by_key(|(arrives_us, advert)| (*arrives_us, advert.receiver));
        let arrived = self.on_the_way.partition_point(|(arrives_us, _)| *arrives_us <= until_us);
        adverts.extend(self.on_the_way.drain(..arrived).map(|(_, advert)| advert));
    }

    fn send(&mut self, arrives_us: i64, advert: SimAdvert) {
        if self.on_the_way.len() < ON_THE_WAY_MAX {
            self.on_the_way.push((arrives_us, advert));
        }
    }

    fn stamped(&self, advert: &SimAdvert, time_s: f64) -> i64 {
        let clocks = self.plan.clocks.iter().filter(|clock| u16::from(clock.receiver.0) == advert.receiver);
        let ahead_us: f64 = clocks.map(|clock| clock.offset_ms * 1e3 + clock.skew_ppm * time_s).sum();
        advert.at_us + ahead_us as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tables: &str) -> Vec<SimAdvert> {
        let text = format!("{}{tables}", crate::scenario("quiet_hour").expect("built in"));
        let fetch = |name: &str| crate::built_in_file(name).map(String::from).ok_or_else(String::new);
        let scenario = Scenario::parse(&text, &fetch).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut faults = Faults::new(&scenario, 4);
        for number in 0..10_000_i64 {
            faults.accept(SimAdvert {
                at_us: scenario.starts_at_us + number * 10_000,
                receiver: (number % 2) as u16,
                len: 31,
                ..SimAdvert::default()
            });
        }
        let mut adverts = Vec::new();
        faults.deliver(i64::MAX, &mut adverts);
        for advert in &mut adverts {
            advert.at_us -= scenario.starts_at_us;
        }
        adverts
    }

    #[test]
    fn without_faults_everything_comes_in_order() {
        let adverts = run("");
        assert_eq!(adverts.len(), 10_000);
        assert!(adverts.is_sorted_by_key(|advert| advert.at_us));
    }

    #[test]
    fn drops_and_duplicates_have_their_share() {
        assert!((8_850..9_150).contains(&run("[faults]\ndrop = 0.1").len()));
        assert!((10_850..11_150).contains(&run("[faults]\nduplicate = 0.1").len()));
    }

    #[test]
    fn a_flipped_bit_is_one_bit() {
        let ones = |advert: &SimAdvert| advert.payload.iter().map(|byte| byte.count_ones()).sum::<u32>();
        let adverts = run("[faults]\nbit_flip = 0.1");
        let flipped = adverts.iter().filter(|advert| ones(advert) == 1).count();
        assert!((850..1_150).contains(&flipped) && adverts.iter().all(|advert| ones(advert) <= 1));
    }

    #[test]
    fn a_late_advert_keeps_its_time() {
        let adverts = run("[faults]\ndelay = 0.1\ndelay_mean_ms = 100");
        assert_eq!(adverts.len(), 10_000);
        assert!(!adverts.is_sorted_by_key(|advert| advert.at_us));
        assert!(adverts.iter().all(|advert| advert.at_us % 10_000 == 0));
    }

    #[test]
    fn a_wrong_clock_is_ahead_and_gains() {
        let adverts = run("[[clock]]\nreceiver = \"west-2\"\noffset_ms = 2000\nskew_ppm = 40");
        let receiver = 1;
        let ahead = |nth: usize| {
            let own: Vec<i64> = adverts.iter().filter(|a| a.receiver == receiver).map(|a| a.at_us).collect();
            own[nth] - (2 * nth as i64 + 1) * 10_000
        };
        assert_eq!(ahead(0), 2_000_000);
        assert!((2_003_900..2_004_100).contains(&ahead(4_999)), "{}", ahead(4_999));
        assert!(adverts.iter().filter(|a| a.receiver == 0).all(|a| a.at_us % 20_000 == 0));
    }

    #[test]
    fn a_silent_receiver_is_silent_from_then_to_then() {
        let adverts = run("[[silent]]\nreceiver = \"west-2\"\nfrom_s = 20\nto_s = 50");
        let between = adverts.iter().filter(|a| (20_000_000..50_000_000).contains(&a.at_us));
        assert!(between.clone().all(|a| a.receiver == 0) && between.count() == 1_500);
        assert_eq!(adverts.len(), 8_500);
    }
}
