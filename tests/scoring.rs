//! How far the gateway's fixes are from the truth.
//!
//! In: output lines of `replay` (fixes), lines of truth, the floor plan. Out: position error and share of
//! right zones. Time runs by the truth: every half second of it is asked for its nearest fix, so that
//! keeping silent is not rewarded; the share of moments without a fix near them is told beside.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use venue_engine::venue::{FloorId, Venue};

/// Moments of truth are this far apart: the spacing of the published baselines.
const EVERY_US: i64 = 500_000;
/// A fix further away in time answers no moment of truth.
const NEAR_US: i64 = 1_000_000;

/// Figures of one replay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// Moments of truth.
    pub moments: usize,
    /// Share of them with a fix near in time.
    pub covered: f64,
    /// Mean horizontal error, metres; not a number where the truth knows zones only.
    pub mean_m: f64,
    /// Median error, metres.
    pub median_m: f64,
    /// 95 % of errors are smaller, metres.
    pub p95_m: f64,
    /// Share of moments in a zone for which the fix names that zone; a missing fix names none.
    pub zone_share: f64,
}

impl Score {
    /// Heading of `row`.
    pub const HEADING: &str = "set         moments covered  mean_m median_m  p95_m  zone_%";

    /// One line of a table.
    pub fn row(&self, set: &str) -> String {
        let Self { moments, covered, mean_m, median_m, p95_m, zone_share } = self;
        let (covered, zone) = (covered * 100.0, zone_share * 100.0);
        format!("{set:<11} {moments:>7} {covered:>6.1}% {mean_m:>7.2} {median_m:>8.2} {p95_m:>6.2} {zone:>7.1}")
    }
}

#[derive(Debug, Deserialize)]
struct Fix {
    kind: String,
    #[serde(default)]
    at_us: i64,
    #[serde(default)]
    who: String,
    #[serde(default)]
    x_m: f64,
    #[serde(default)]
    y_m: f64,
    zone: Option<String>,
}

/// A line of truth.
#[derive(Debug, Deserialize)]
pub struct Truth {
    /// `position` or `zone`.
    pub kind: String,
    /// When.
    pub at_us: i64,
    /// Who.
    #[serde(default)]
    pub who: String,
    /// Where, metres, where that is known.
    pub x_m: Option<f64>,
    /// Where, metres, where that is known.
    pub y_m: Option<f64>,
    /// In which zone, where only that is known.
    pub zone: Option<String>,
}

/// Compares the fixes of a replay with the truth.
///
/// # Errors
/// When a line is not JSON or the floor plan is broken.
pub fn score(outputs: &str, truth: &str, venue_toml: &str) -> Result<Score> {
    let venue = Venue::parse(venue_toml).map_err(|faults| anyhow::anyhow!("floor plan: {faults:?}"))?;
    let fixes = fixes_by_name(outputs)?;
    let (mut errors_m, mut zones, mut covered) = (Vec::new(), Vec::new(), 0);
    let moments = moments(truth)?;
    for moment in &moments {
        let fix = fixes.get(&moment.who).and_then(|fixes| nearest(fixes, moment.at_us));
        covered += usize::from(fix.is_some());
        if let (Some(fix), Some(x_m), Some(y_m)) = (fix, moment.x_m, moment.y_m) {
            errors_m.push((fix.x_m - x_m).hypot(fix.y_m - y_m));
        }
        if let Some(zone) = true_zone(moment, &venue) {
            zones.push(fix.and_then(|fix| fix.zone.as_ref()) == Some(&zone));
        }
    }
    errors_m.sort_by(f64::total_cmp);
    Ok(Score {
        moments: moments.len(),
        covered: covered as f64 / moments.len() as f64,
        mean_m: errors_m.iter().sum::<f64>() / errors_m.len() as f64,
        median_m: quantile(&errors_m, 0.5),
        p95_m: quantile(&errors_m, 0.95),
        zone_share: zones.iter().filter(|right| **right).count() as f64 / zones.len() as f64,
    })
}

fn fixes_by_name(outputs: &str) -> Result<BTreeMap<String, Vec<Fix>>> {
    let mut fixes: BTreeMap<String, Vec<Fix>> = BTreeMap::new();
    for line in outputs.lines() {
        let fix: Fix = serde_json::from_str(line).with_context(|| format!("no output line: {line}"))?;
        if fix.kind == "fix" {
            fixes.entry(fix.who.clone()).or_default().push(fix);
        }
    }
    Ok(fixes)
}

/// One truth per name and half second: the first of each.
///
/// # Errors
/// When a line is no truth.
pub fn moments(truth: &str) -> Result<Vec<Truth>> {
    let mut first: BTreeMap<(String, i64), Truth> = BTreeMap::new();
    for line in truth.lines() {
        let truth: Truth = serde_json::from_str(line).with_context(|| format!("no truth line: {line}"))?;
        if truth.kind == "position" || truth.kind == "zone" {
            first.entry((truth.who.clone(), truth.at_us.div_euclid(EVERY_US))).or_insert(truth);
        }
    }
    Ok(first.into_values().collect())
}

fn nearest(fixes: &[Fix], at_us: i64) -> Option<&Fix> {
    let after = fixes.partition_point(|fix| fix.at_us < at_us);
    let around = fixes[after.saturating_sub(1)..].iter().take(2);
    around.min_by_key(|fix| (fix.at_us - at_us).abs()).filter(|fix| (fix.at_us - at_us).abs() <= NEAR_US)
}

fn true_zone(truth: &Truth, venue: &Venue) -> Option<String> {
    if truth.zone.is_some() {
        return truth.zone.clone();
    }
    let zone = venue.zone_at(FloorId(0), [truth.x_m?, truth.y_m?])?;
    Some(venue.zone_name(zone).to_owned())
}

/// A quantile of sorted values; not a number where there are none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 10\ndepth_m = 10\n[[zone]]\nname = \"a\"\npolygon = [[0, 0], [5, 0], [5, 10], [0, 10]]\n";

    #[test]
    fn errors_zones_and_silence_are_told_apart() {
        let truth = concat!(
            r#"{"kind":"position","at_us":0,"who":"t","x_m":1.0,"y_m":1.0,"floor":"g"}"#,
            "\n",
            r#"{"kind":"position","at_us":9000000,"who":"t","x_m":1.0,"y_m":1.0,"floor":"g"}"#,
        );
        let outputs = r#"{"kind":"fix","at_us":600000,"who":"t","x_m":4.0,"y_m":5.0,"zone":"a"}"#;
        let score = score(outputs, truth, PLAN).expect("scores");
        assert_eq!((score.moments, score.covered, score.mean_m, score.zone_share), (2, 0.5, 5.0, 0.5));
    }

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), 2.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
