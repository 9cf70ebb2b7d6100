//! Named baselines on measured walks: strongest receiver, nearest fingerprints, logistic regression.
//!
//! In: the parts of a data set, each with the survey it may be learned from. Out: fixes in the form of `replay`, so
//! that baselines are scored as the gateway is. They see windows of three seconds, as those of the data's notes do.

use crate::convert_positioning::Converted;
use crate::scoring::{Score, moments, score};
use crate::surveys::Part;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use venue_engine::venue::{FloorId, Venue};

/// What is looked at before a moment.
const WINDOW_US: i64 = 3_000_000;

/// Strength taken for a receiver that heard nothing, dBm: weaker than any can hear.
const UNHEARD_DBM: f64 = -100.0;

/// Fingerprints whose places are averaged (methods: 3 to 5).
const NEAREST: usize = 4;

/// Steps of the regression's descent and their length; further ones change no figure in the second digit.
const STEPS: usize = 300;
const STEP: f64 = 0.5;

/// Which baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// At the receiver that heard best.
    Strongest,
    /// The mean of the nearest fingerprints.
    Fingerprints,
    /// The likeliest zone of a multinomial logistic regression, in its middle.
    Logistic,
}

#[derive(Deserialize)]
struct Reception {
    at_us: i64,
    receiver: String,
    address: String,
    rssi_dbm: f64,
}

/// What was heard of one tag, in order of time.
type Heard = Vec<(i64, usize, f64)>;

/// Strengths by receiver.
type Strengths = Vec<f64>;

/// A place with what is heard from it.
struct Fingerprint {
    strengths_dbm: Strengths,
    point: [f64; 2],
    zone: usize,
}

/// The score of a baseline on a set in parts.
///
/// # Errors
/// When the set is not as expected.
pub fn baseline(which: Baseline, set: &Converted, parts: &[Part]) -> Result<Score> {
    let venue = Venue::parse(&set.venue_toml).map_err(|faults| anyhow::anyhow!("floor plan: {faults:?}"))?;
    let mut fixes = String::new();
    for part in parts {
        let learned = match which {
            Baseline::Strongest => Vec::new(),
            _ => fingerprints(&venue, part)?,
        };
        let weights = if which == Baseline::Logistic { regression(&learned, venue.zones.len()) } else { Vec::new() };
        let heard = by_tag(&venue, &part.recording)?;
        for moment in moments(&set.truth)? {
            let Some(heard) = heard.get(&address_of(&moment.who)?) else { continue };
            let Some(strengths_dbm) = window(&venue, heard, moment.at_us) else { continue };
            let point = match which {
                Baseline::Strongest => strongest(&venue, &strengths_dbm),
                Baseline::Fingerprints => nearest(&learned, &strengths_dbm),
                Baseline::Logistic => {
                    venue_engine::geometry::centroid(&venue.zones[likeliest(&weights, &strengths_dbm)].polygon)
                }
            };
            write_fix(&mut fixes, &venue, moment.at_us, &moment.who, point);
        }
    }
    score(&fixes, &set.truth, &set.venue_toml)
}

fn write_fix(fixes: &mut String, venue: &Venue, at_us: i64, who: &str, [x_m, y_m]: [f64; 2]) {
    let zone = venue.zone_at(FloorId(0), [x_m, y_m]).map(|zone| venue.zone_name(zone).to_owned());
    let fix = serde_json::json!({"kind": "fix", "at_us": at_us, "who": who, "x_m": x_m, "y_m": y_m, "zone": zone});
    let _ = writeln!(fixes, "{fix}");
}

/// The address a converted tag has, by its identity: both end in the tag's number.
fn address_of(who: &str) -> Result<String> {
    let tag: u16 = who.rsplit(':').next().and_then(|tag| tag.parse().ok()).with_context(|| format!("no tag: {who}"))?;
    Ok(format!("c0:ff:ee:00:{:02x}:{:02x}", tag >> 8, tag & 0xff))
}

fn by_tag(venue: &Venue, recording: &str) -> Result<BTreeMap<String, Heard>> {
    let mut tags: BTreeMap<String, Heard> = BTreeMap::new();
    for line in recording.lines() {
        let heard: Reception = serde_json::from_str(line).with_context(|| format!("no recording line: {line}"))?;
        let receiver = venue.receiver(&heard.receiver).context("a receiver the plan lacks")?;
        tags.entry(heard.address).or_default().push((heard.at_us, usize::from(receiver.0), heard.rssi_dbm));
    }
    tags.values_mut().for_each(|heard| heard.sort_by_key(|(at_us, ..)| *at_us));
    Ok(tags)
}

/// Mean strengths in a window around a moment; `None` where nothing was heard.
fn window(venue: &Venue, heard: &Heard, at_us: i64) -> Option<Strengths> {
    let from = heard.partition_point(|(heard_us, ..)| *heard_us < at_us - WINDOW_US / 2);
    let within = heard[from..].iter().take_while(|(heard_us, ..)| *heard_us < at_us + WINDOW_US / 2);
    let mut sums = vec![(0.0, 0.0); venue.receivers.len()];
    within.for_each(|(_, receiver, rssi_dbm)| {
        sums[*receiver].0 += rssi_dbm;
        sums[*receiver].1 += 1.0;
    });
    let any = sums.iter().any(|(_, count)| *count > 0.0);
    any.then(|| sums.iter().map(|(sum, count)| if *count > 0.0 { sum / count } else { UNHEARD_DBM }).collect())
}

/// Windows of a survey with their places.
fn fingerprints(venue: &Venue, part: &Part) -> Result<Vec<Fingerprint>> {
    let heard = by_tag(venue, &part.survey.recording)?;
    let mut all = Vec::new();
    for row in part.survey.positions.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("no number");
        let Some(heard) = heard.get(&address_of(fields[0])?) else { continue };
        let (from_us, to_us, point) = (number(1)? as i64, number(2)? as i64, [number(3)?, number(4)?]);
        let Some(zone) = venue.zone_at(FloorId(0), point) else { continue };
        for at_us in (from_us..=to_us).step_by(WINDOW_US as usize) {
            let strengths_dbm = window(venue, heard, at_us);
            all.extend(strengths_dbm.map(|strengths_dbm| Fingerprint {
                strengths_dbm,
                point,
                zone: usize::from(zone.0),
            }));
        }
    }
    Ok(all)
}

fn strongest(venue: &Venue, strengths_dbm: &[f64]) -> [f64; 2] {
    let best = (0..strengths_dbm.len()).max_by(|a, b| strengths_dbm[*a].total_cmp(&strengths_dbm[*b]));
    let receiver = &venue.receivers[best.expect("a venue with receivers")];
    [receiver.x_m, receiver.y_m]
}

fn nearest(learned: &[Fingerprint], strengths_dbm: &[f64]) -> [f64; 2] {
    let far =
        |one: &Fingerprint| -> f64 { one.strengths_dbm.iter().zip(strengths_dbm).map(|(a, b)| (a - b).powi(2)).sum() };
    let mut by_distance: Vec<(f64, &Fingerprint)> = learned.iter().map(|one| (far(one), one)).collect();
    let count = NEAREST.min(by_distance.len() - 1);
    by_distance.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0));
    let near = &by_distance[..count];
    [0, 1].map(|axis| near.iter().map(|(_, one)| one.point[axis]).sum::<f64>() / count as f64)
}

/// Strengths in units in which a step of the descent suits all, and a constant.
fn features(strengths_dbm: &[f64]) -> Vec<f64> {
    strengths_dbm.iter().map(|strength| (strength + 75.0) / 15.0).chain([1.0]).collect()
}

fn scores(weights: &[Vec<f64>], features: &[f64]) -> Vec<f64> {
    weights.iter().map(|weights| weights.iter().zip(features).map(|(a, b)| a * b).sum()).collect()
}

fn likeliest(weights: &[Vec<f64>], strengths_dbm: &[f64]) -> usize {
    let scores = scores(weights, &features(strengths_dbm));
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).expect("a zone")
}

/// Weights by zone, by gradient descent from nothing.
fn regression(learned: &[Fingerprint], zones: usize) -> Vec<Vec<f64>> {
    let rows: Vec<(Vec<f64>, usize)> = learned.iter().map(|one| (features(&one.strengths_dbm), one.zone)).collect();
    let width = rows.first().map_or(1, |(features, _)| features.len());
    let mut weights = vec![vec![0.0; width]; zones];
    for _ in 0..STEPS {
        let mut gradient = vec![vec![0.0; width]; zones];
        for (features, zone) in &rows {
            let scores = scores(&weights, features);
            let best = scores.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - best).exp()).sum();
            for (class, gradient) in gradient.iter_mut().enumerate() {
                let off = f64::from(u8::from(class == *zone)) - (scores[class] - best).exp() / sum;
                gradient.iter_mut().zip(features).for_each(|(value, feature)| *value += off * feature);
            }
        }
        for (weights, gradient) in weights.iter_mut().zip(&gradient) {
            let step = STEP / rows.len().max(1) as f64;
            weights.iter_mut().zip(gradient).for_each(|(weight, value)| *weight += step * value);
        }
    }
    weights
}
