//! How fast people are served: the rate of one till, its regularity, and how many tills are open.
//!
//! In: probes that start service or do not, service times, sales. Out: services a minute, with the number
//! of open tills as a distribution, so that a till that closes or opens is noticed. It refuses nothing:
//! implausible times are clipped.

use super::rates::Gamma;

/// Tills told apart; a longer counter counts as this many.
pub const TILLS_MAX: usize = 16;

/// A till opens or closes about this often, minutes.
const CHANGE_MIN: f64 = 120.0;

/// Service times remembered, as weight: about an hour of a busy stand at half penetration. A rate that was
/// given with more weight keeps it.
const WEIGHT_MIN: f64 = 200.0;

/// A squared coefficient of variation before any was seen, and its weight in service times: typical counters
/// lie between 0.3 and 1 (queue_rush.py has 0.36, an exponential service 1).
const VARIATION_PRIOR: (f64, f64) = (0.6, 10.0);

/// Times of one service outside this are a device left at the counter, or a glance, minutes.
const SERVICE_MIN: (f64, f64) = (0.05, 30.0);

/// What is known of the tills of one queue.
#[derive(Clone, Debug)]
pub struct Tills {
    /// Services a minute of one till.
    rate: Gamma,
    /// Probability that 1, 2, … tills are open.
    open: [f64; TILLS_MAX],
    configured: usize,
    count_max: usize,
    weight_max: f64,
    /// Number, sum and sum of squares of service times over their expected value.
    times: [f64; 3],
}

impl Tills {
    /// Tills as configured; `service` is the belief in the rate of one, services a minute.
    pub fn new(configured: usize, service: Gamma) -> Self {
        let configured = configured.clamp(1, TILLS_MAX);
        let count_max = (configured + 2).min(TILLS_MAX);
        let mut tills = Self {
            rate: service,
            open: [0.0; TILLS_MAX],
            configured,
            count_max,
            weight_max: service.shape.max(WEIGHT_MIN),
            times: [0.0; 3],
        };
        tills.open[configured - 1] = 1.0;
        tills
    }

    /// Services a minute of one till.
    pub fn rate(&self) -> Gamma {
        self.rate
    }

    /// Takes over a rate known from elsewhere.
    pub fn set_rate(&mut self, rate: Gamma) {
        self.rate = rate;
    }

    /// The expected number of open tills.
    pub fn open(&self) -> f64 {
        self.hypotheses().map(|(count, weight)| count as f64 * weight).sum()
    }

    /// The most likely number of open tills.
    pub fn count(&self) -> usize {
        self.hypotheses().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(self.configured, |(count, _)| count)
    }

    /// Services a minute of all open tills when all are busy.
    pub fn busy_rate(&self) -> f64 {
        self.open() * self.rate.mean()
    }

    /// Squared coefficient of variation of service times.
    pub fn variation(&self) -> f64 {
        let [count, sum, squares] = self.times;
        let (prior, weight) = VARIATION_PRIOR;
        if count < 2.0 {
            return prior;
        }
        let mean = sum / count;
        let seen = (squares / count / (mean * mean) - 1.0).max(0.0) * count / (count - 1.0);
        ((seen * count + prior * weight) / (count + weight)).clamp(0.1, 2.0)
    }

    /// One service was seen from start to end.
    pub fn service_seen(&mut self, minutes: f64) {
        if !(SERVICE_MIN.0..=SERVICE_MIN.1).contains(&minutes) {
            return;
        }
        for (sum, power) in self.times.iter_mut().zip([1.0, minutes, minutes * minutes]) {
            *sum = *sum * (1.0 - 1.0 / WEIGHT_MIN) + power;
        }
        // Regular services tell the rate sooner.
        let weight = 1.0 / self.variation();
        self.learned(Gamma { shape: self.rate.shape + weight, exposure: self.rate.exposure + weight * minutes });
    }

    /// Takes a better belief in the rate of one till, and forgets what is old.
    pub fn learned(&mut self, rate: Gamma) {
        let kept = (self.weight_max / rate.shape).min(1.0);
        self.rate = Gamma { shape: rate.shape * kept, exposure: rate.exposure * kept };
    }

    /// Time in which all tills were busy and `idle_share` is the probability that the next service would
    /// have been noticed: none was.
    pub fn nothing_started(&mut self, minutes: f64, noticed_share: f64) {
        let noticed = self.rate.mean() * minutes * noticed_share;
        self.weigh(|count| (-noticed * count).exp());
        self.change(minutes);
    }

    /// A service started while all tills were busy.
    pub fn started(&mut self) {
        self.weigh(|count| count);
    }

    fn weigh(&mut self, likelihood: impl Fn(f64) -> f64) {
        for (index, weight) in self.open.iter_mut().enumerate() {
            *weight *= likelihood(index as f64 + 1.0);
        }
        let sum: f64 = self.open.iter().sum();
        if sum > 0.0 {
            self.open.iter_mut().for_each(|weight| *weight /= sum);
        }
    }

    /// Tills open and close, one at a time, and tend to be as many as configured.
    fn change(&mut self, minutes: f64) {
        let moved = 1.0 - (-minutes / CHANGE_MIN).exp();
        let mut next = [0.0; TILLS_MAX];
        for (count, weight) in self.hypotheses() {
            let (fewer, more) = ((count - 1).max(1), (count + 1).min(self.count_max));
            next[count - 1] += weight * (1.0 - moved);
            next[fewer - 1] += weight * moved / 4.0;
            next[more - 1] += weight * moved / 4.0;
            next[self.configured - 1] += weight * moved / 2.0;
        }
        self.open = next;
    }

    fn hypotheses(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.open[..self.count_max].iter().enumerate().map(|(index, weight)| (index + 1, *weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tills() -> Tills {
        Tills::new(2, Gamma::of(1.0, 20.0))
    }

    #[test]
    fn a_till_that_closes_and_one_that_opens_are_noticed() {
        let run = |starts_every_s: usize| {
            let mut tills = tills();
            for second in 0..1_800 {
                tills.nothing_started(1.0 / 60.0, 1.0);
                if second % starts_every_s == 0 {
                    tills.started();
                }
            }
            tills.count()
        };
        assert_eq!((run(60), run(30), run(20)), (1, 2, 3));
    }

    #[test]
    fn service_times_teach_the_rate_and_its_regularity() {
        let mut tills = tills();
        for number in 0..100 {
            tills.service_seen(if number % 2 == 0 { 1.9 } else { 2.1 });
        }
        assert!((tills.rate().mean() - 0.5).abs() < 0.05, "{}", tills.rate().mean());
        assert!(tills.variation() < 0.15);
    }

    #[test]
    fn a_phone_left_at_the_counter_is_not_a_service() {
        let mut tills = tills();
        tills.service_seen(400.0);
        tills.service_seen(f64::NAN);
        assert_eq!(tills.rate(), Gamma::of(1.0, 20.0));
    }
}
