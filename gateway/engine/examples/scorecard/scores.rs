//! Scores over samples, and the table they are printed in.

use super::watch::Sample;

/// A line from this length on is one staff act on; relative errors are told for those, as in the literature.
pub const LONG_LINE: f64 = 10.0;

/// One row: what was measured, ours, the best baseline, the floor, and the goal with its direction.
pub struct Row {
    /// Name.
    pub metric: String,
    /// Our value.
    pub ours: f64,
    /// The named baseline's value, where there is one.
    pub baseline: Option<f64>,
    /// What no estimator can beat, where known.
    pub floor: Option<f64>,
    /// The goal.
    pub goal: Goal,
}

/// What a value should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At most.
    Below(f64),
    /// At least.
    Above(f64),
    /// Between two values.
    Within(f64, f64),
    /// Only told.
    Told,
}

impl Goal {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::Below(limit) => Some(value <= limit),
            Self::Above(limit) => Some(value >= limit),
            Self::Within(low, high) => Some((low..=high).contains(&value)),
            Self::Told => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Below(limit) => format!("<= {limit:.3}"),
            Self::Above(limit) => format!(">= {limit:.3}"),
            Self::Within(low, high) => format!("{low:.2}-{high:.2}"),
            Self::Told => String::new(),
        }
    }
}

/// Prints rows as one table.
pub fn print(title: &str, rows: &[Row]) {
    println!("{title}");
    println!("{:<64} {:>8} {:>8} {:>8} {:>12}", "metric", "ours", "baseline", "floor", "goal");
    let cell = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
    for row in rows {
        let verdict = match row.goal.met(row.ours) {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let (baseline, floor) = (cell(row.baseline), cell(row.floor));
        println!("{:<64} {:>8.3} {baseline:>8} {floor:>8} {:>12} {verdict}", row.metric, row.ours, row.goal.text());
    }
}

/// Mean over samples; zero for none.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Root mean square error of an estimate of the length.
pub fn rmse(samples: &[Sample], estimate: impl Fn(&Sample) -> f64) -> f64 {
    mean(samples.iter().map(|sample| (estimate(sample) - sample.length).powi(2))).sqrt()
}

/// Mean absolute relative error of the length where at least ten wait.
pub fn mare(samples: &[Sample], estimate: impl Fn(&Sample) -> f64) -> f64 {
    let long = samples.iter().filter(|sample| sample.length >= LONG_LINE);
    mean(long.map(|sample| (estimate(sample) - sample.length).abs() / sample.length))
}

/// Mean absolute error of the wait, minutes.
pub fn wait_mae(samples: &[Sample], estimate: impl Fn(&Sample) -> f64) -> f64 {
    mean(samples.iter().map(|sample| (estimate(sample) - sample.wait_min).abs()))
}

/// Share of lengths inside the interval.
pub fn length_covered(samples: &[Sample]) -> f64 {
    let inside = |sample: &Sample| sample.length >= sample.ours[1] && sample.length <= sample.ours[2];
    mean(samples.iter().map(|sample| f64::from(u8::from(inside(sample)))))
}

/// Share of waits inside the interval.
pub fn wait_covered(samples: &[Sample]) -> f64 {
    let inside = |sample: &Sample| {
        sample.wait_min >= sample.ours_wait_min[1] - 1e-9 && sample.wait_min <= sample.ours_wait_min[2]
    };
    mean(samples.iter().map(|sample| f64::from(u8::from(inside(sample)))))
}
