//! Whether forecasts came true, and what to make of it.
//!
//! In: what was told at each moment, and the waits of probes that followed. Out: probabilities and
//! intervals corrected so that they hold in the long run. Probabilities are corrected by a logistic
//! regression with fading memory (Platt), intervals by adaptive conformal inference (Gibbs and Candes
//! 2021). It refuses to correct while few forecasts have come true.

use crate::gap::estimate::AHEAD;
use crate::time::{Duration, Timestamp};

/// A forecast is kept once a minute, for so many minutes: waits of up to an hour and a half, and the quarter
/// of an hour ahead.
const KEPT: usize = 105;
const GRAIN: Duration = Duration::from_mins(1);

/// Outcomes remembered, as weight, from methods (h).
const OUTCOMES: f64 = 2_000.0;

/// The line "as told" is worth so many outcomes: corrections come slowly.
const TRUST: f64 = 200.0;

/// Outcomes closer than this are of one and the same busy spell and count as one, minutes.
const APART_MIN: i64 = 5;

/// Share of intervals that may miss.
const MISS: f64 = 0.1;

/// Step of the adaptive interval, within the 0.005 to 0.02 of methods (h).
const STEP: f64 = 0.01;

/// The nominal miss share stays in here, so that an interval is never empty nor endless.
const MISS_RANGE: (f64, f64) = (0.01, 0.4);

/// What was told at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    minute: i64,
    p_now: f32,
    p_ahead: f32,
    low_min: f32,
    high_min: f32,
}

/// The forecasts of one queue and how they came true.
#[derive(Clone, Debug)]
pub struct Calibration {
    told: Vec<Told>,
    now: Platt,
    ahead: Platt,
    interval_miss: f64,
    learned_minute: i64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            told: Vec::new(),
            now: Platt::default(),
            ahead: Platt::default(),
            interval_miss: MISS,
            learned_minute: i64::MIN,
        }
    }
}

impl Calibration {
    /// The nominal share an interval should leave out, so that a tenth is missed.
    pub fn interval_miss(&self) -> f64 {
        self.interval_miss
    }

    /// The corrected probability of a wait over the limit now.
    pub fn now(&self, probability: f64) -> f64 {
        self.now.correct(probability)
    }

    /// The same for the time ahead.
    pub fn ahead(&self, probability: f64) -> f64 {
        self.ahead.correct(probability)
    }

    /// Keeps what was told, uncorrected; `interval_min` is the wait's.
    pub fn told(&mut self, at: Timestamp, p_now: f64, p_ahead: f64, interval_min: (f64, f64)) {
        let minute = minute_of(at);
        if self.told.last().is_some_and(|last| last.minute >= minute) {
            return;
        }
        if self.told.len() >= KEPT {
            self.told.remove(0);
        }
        let (p_now, p_ahead) = (p_now as f32, p_ahead as f32);
        self.told.push(Told {
            minute,
            p_now,
            p_ahead,
            low_min: interval_min.0 as f32,
            high_min: interval_min.1 as f32,
        });
    }

    /// Somebody who joined then waited so long.
    pub fn outcome(&mut self, joined: Timestamp, wait_min: f64, limit_min: f64) {
        let over = wait_min > limit_min;
        let apart = minute_of(joined) >= self.learned_minute.saturating_add(APART_MIN);
        if apart {
            self.learned_minute = minute_of(joined);
        }
        if let Some(told) = self.told_at(joined) {
            if apart {
                self.now.learn(f64::from(told.p_now), over);
            }
            let missed = wait_min < f64::from(told.low_min) || wait_min > f64::from(told.high_min);
            let step = STEP * (MISS - f64::from(u8::from(missed)));
            self.interval_miss = (self.interval_miss + step).clamp(MISS_RANGE.0, MISS_RANGE.1);
        }
        if let Some(told) = self.told_at(joined - AHEAD).filter(|_| apart) {
            self.ahead.learn(f64::from(told.p_ahead), over);
        }
    }

    /// What was told last before a moment, if that was within two minutes.
    fn told_at(&self, at: Timestamp) -> Option<Told> {
        let minute = minute_of(at);
        let place = self.told.partition_point(|told| told.minute <= minute);
        let told = self.told.get(place.checked_sub(1)?)?;
        (minute - told.minute <= 2).then_some(*told)
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(GRAIN.as_micros())
}

/// `logit(corrected) = offset + slope logit(told)`, learned by Newton steps with fading memory.
#[derive(Clone, Copy, Debug)]
struct Platt {
    offset: f64,
    slope: f64,
    /// Second derivatives of the fading log-likelihood: offset, mixed, slope.
    curvature: [f64; 3],
}

impl Default for Platt {
    fn default() -> Self {
        // A quarter is the curvature of one outcome at even odds.
        Self { offset: 0.0, slope: 1.0, curvature: [TRUST / 4.0, 0.0, TRUST / 4.0] }
    }
}

impl Platt {
    fn correct(&self, probability: f64) -> f64 {
        logistic(self.offset + self.slope * logit(probability))
    }

    fn learn(&mut self, probability: f64, over: bool) {
        let told = logit(probability);
        let corrected = logistic(self.offset + self.slope * told);
        let weight = (corrected * (1.0 - corrected)).max(1e-3);
        let prior = Self::default().curvature;
        let kept = 1.0 - 1.0 / OUTCOMES;
        for (index, gained) in [weight, weight * told, weight * told * told].into_iter().enumerate() {
            self.curvature[index] = prior[index] + (self.curvature[index] - prior[index]) * kept + gained;
        }
        let error = f64::from(u8::from(over)) - corrected;
        let [a, b, c] = self.curvature;
        let determinant = (a * c - b * b).max(1e-9);
        self.offset += (c - b * told) * error / determinant;
        self.slope = (self.slope + (a * told - b) * error / determinant).clamp(0.3, 2.0);
    }
}

/// Told probabilities of 0 and 1 are not meant so strictly.
fn logit(probability: f64) -> f64 {
    let bounded = probability.clamp(0.002, 0.998);
    (bounded / (1.0 - bounded)).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells `p` each minute while the truth is `share`, spread evenly; gives what is told in the end.
    fn after(p: f64, share: f64) -> f64 {
        let mut calibration = Calibration::default();
        let mut due = 0.0;
        for number in 0..3_000 {
            let at = Timestamp::from_micros(number * APART_MIN * 60_000_000);
            calibration.told(at, p, p, (0.0, 1.0));
            due += share;
            let over = due >= 1.0;
            due -= if over { 1.0 } else { 0.0 };
            calibration.outcome(at, if over { 9.0 } else { 0.5 }, 5.0);
        }
        calibration.now(p)
    }

    #[test]
    fn forecasts_that_hold_stay_and_others_are_corrected() {
        assert!((after(0.3, 0.3) - 0.3).abs() < 0.02);
        assert!((after(0.6, 0.3) - 0.3).abs() < 0.04, "{}", after(0.6, 0.3));
        assert!((after(0.1, 0.4) - 0.4).abs() < 0.05, "{}", after(0.1, 0.4));
    }

    #[test]
    fn intervals_that_miss_too_often_widen() {
        let mut calibration = Calibration::default();
        for minute in 0..200 {
            let at = Timestamp::from_micros(minute * 60_000_000);
            calibration.told(at, 0.5, 0.5, (0.0, 1.0));
            calibration.outcome(at, if minute % 3 == 0 { 2.0 } else { 0.5 }, 5.0);
        }
        assert!(calibration.interval_miss() < 0.03, "{}", calibration.interval_miss());
    }

    #[test]
    fn an_outcome_nothing_was_told_about_teaches_nothing() {
        let mut calibration = Calibration::default();
        calibration.outcome(Timestamp::from_micros(0), 9.0, 5.0);
        assert!((calibration.now(0.3) - 0.3).abs() < 1e-9 && calibration.interval_miss() == MISS);
    }
}
