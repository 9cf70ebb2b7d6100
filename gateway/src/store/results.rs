//! Did it help? What each campaign has brought, against people who got nothing.
//!
//! In: the log of decisions, totals of campaigns, minutes of queues. Out: per campaign vouchers, redemptions,
//! uplift with its interval, minutes of waiting saved; and the mean wait of blocks with and without steering.
//! It compares like with like: of the decisions whose best offer was the campaign's, those that were given it
//! against those the draw left without. It refuses verdicts: a wide interval says that nobody knows yet.

use crate::decisions::DecisionLine;
use rusqlite::Connection;
use std::collections::BTreeMap;
use venue_engine::offers::campaign::is_on_block;
use venue_engine::offers::features::FEATURES;
use venue_engine::time::{Duration, Timestamp};

/// Decisions looked at, the newest: half a second on a board.
const DECISIONS_MAX: i64 = 20_000;
/// Minutes of queues looked at: two weeks of four queues.
const MINUTES_MAX: i64 = 80_640;
/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_964;

/// An estimate with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a campaign has brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignResult {
    /// Vouchers given out in all.
    pub issued: i64,
    /// Vouchers redeemed in all.
    pub redeemed: i64,
    /// Decisions compared: offered, and left without.
    pub compared: (u64, u64),
    /// Of those offered it, how many came to the stand.
    pub came_offered: u64,
    /// Of those left without, how many came there by themselves.
    pub came_without: u64,
    /// Share of people an offer brings beyond those who would have come; `None` without anybody to compare.
    pub uplift: Option<Interval>,
    /// Minutes of waiting saved to those offered it, as far as compared.
    pub saved_min: Option<Interval>,
    /// Sum of the minutes each of them would save by going.
    gain_min: f64,
}

/// Results of all campaigns of which anything is known, by name.
///
/// # Errors
/// Whatever SQLite says.
pub fn campaigns(connection: &Connection) -> rusqlite::Result<BTreeMap<String, CampaignResult>> {
    let mut results: BTreeMap<String, CampaignResult> = BTreeMap::new();
    let mut select = connection.prepare_cached("SELECT campaign, issued, redeemed FROM campaign_total")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let result = results.entry(row.get(0)?).or_default();
        (result.issued, result.redeemed) = (row.get(1)?, row.get(2)?);
    }
    let mut select = connection
        .prepare_cached("SELECT body, came FROM decision WHERE outcome_at_us IS NOT NULL ORDER BY id DESC LIMIT ?1")?;
    let mut rows = select.query([DECISIONS_MAX])?;
    while let Some(row) = rows.next()? {
        let (body, came): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        if let Ok(line) = DecisionLine::parse(&body) {
            add(&mut results, &line, came.as_deref());
        }
    }
    results.values_mut().for_each(conclude);
    Ok(results)
}

/// Counts a decision where it can be compared: its best offer was made, or the draw left her without.
fn add(results: &mut BTreeMap<String, CampaignResult>, line: &DecisionLine, came: Option<&str>) {
    let best = (0..line.arms.len()).reduce(|a, b| if line.arms[b].value > line.arms[a].value { b } else { a });
    let Some(best) = best else { return };
    let arm = &line.arms[best];
    let came = u64::from(came == Some(arm.stand.as_str()));
    let result = results.entry(arm.campaign.clone()).or_default();
    if line.slice == "holdout" {
        result.compared.1 += 1;
        result.came_without += came;
    } else if line.chosen == Some(best) {
        result.compared.0 += 1;
        result.came_offered += came;
        let place = FEATURES.iter().position(|feature| feature.name == "wait_gain_s").unwrap_or(0);
        result.gain_min += f64::from(arm.features.get(place).copied().unwrap_or(0.0)) / 60.0;
    }
}

fn conclude(result: &mut CampaignResult) {
    let (offered, without) = result.compared;
    if offered == 0 || without == 0 {
        return;
    }
    let uplift = difference((result.came_offered, offered), (result.came_without, without));
    result.uplift = Some(uplift);
    let Interval { mean, low, high } = uplift;
    let gain = result.gain_min;
    result.saved_min = Some(Interval { mean: mean * gain, low: low * gain, high: high * gain });
}

/// The difference of two shares with the interval of Agresti and Caffo (2000): one success and one failure
/// are added to each, which holds its 95 % from ten cases on.
fn difference(first: (u64, u64), second: (u64, u64)) -> Interval {
    let plain = |(hits, count): (u64, u64)| hits as f64 / count as f64;
    let padded = |(hits, count): (u64, u64)| ((hits + 1) as f64 / (count + 2) as f64, (count + 2) as f64);
    let ((p, n), (q, m)) = (padded(first), padded(second));
    let half = Z * (p * (1.0 - p) / n + q * (1.0 - q) / m).sqrt();
    Interval { mean: plain(first) - plain(second), low: p - q - half, high: p - q + half }
}

/// Mean waits of blocks of time with and without steering.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Switchback {
    /// Blocks with, and without.
    pub blocks: (u64, u64),
    /// Mean wait with steering, seconds.
    pub with_s: f64,
    /// Mean wait without, seconds.
    pub without_s: f64,
    /// What steering changes, seconds; less than 0 is shorter. `None` with under two blocks of each.
    pub change_s: Option<Interval>,
}

/// Compares blocks of so many minutes in which steering was on with those in which it was off. A block is the
/// unit: an offer changes the waits of people who got none, so people cannot be compared with each other.
///
/// # Errors
/// Whatever SQLite says.
pub fn switchback(connection: &Connection, block: Duration) -> rusqlite::Result<Switchback> {
    let mut select = connection.prepare_cached(
        "SELECT minute_us, sum(wait_sum_s), sum(wait_samples) FROM queue_minute
         GROUP BY minute_us ORDER BY minute_us DESC LIMIT ?1",
    )?;
    let mut rows = select.query([MINUTES_MAX])?;
    let mut blocks: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (minute_us, sum_s, samples): (i64, f64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let start = Timestamp::from_micros(minute_us).window_start(block);
        let entry = blocks.entry(start.as_micros()).or_default();
        (entry.0, entry.1) = (entry.0 + sum_s, entry.1 + samples as f64);
    }
    let known = blocks.into_iter().filter(|(_, (_, samples))| *samples > 0.0);
    let mut means = (Vec::new(), Vec::new());
    for (start_us, (sum_s, samples)) in known {
        let on = is_on_block(Timestamp::from_micros(start_us), block);
        if on { means.0.push(sum_s / samples) } else { means.1.push(sum_s / samples) }
    }
    Ok(compared(&means.0, &means.1))
}

fn compared(with: &[f64], without: &[f64]) -> Switchback {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let variance = |values: &[f64]| {
        let middle = mean(values);
        let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
        squares / values.len().saturating_sub(1).max(1) as f64 / values.len().max(1) as f64
    };
    let (with_s, without_s) = (mean(with), mean(without));
    let change_s = (with.len() > 1 && without.len() > 1).then(|| {
        let half = Z * (variance(with) + variance(without)).sqrt();
        let mean = with_s - without_s;
        Interval { mean, low: mean - half, high: mean + half }
    });
    Switchback { blocks: (with.len() as u64, without.len() as u64), with_s, without_s, change_s }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, decisions, samples};
    use venue_engine::offers::decision::Outcome;
    use venue_engine::offers::policy::Slice;
    use venue_engine::output::Output;

    /// 200 who got the offer, of whom 80 came, and 40 left without, of whom 4 came by themselves.
    #[test]
    fn uplift_is_what_an_offer_brings_beyond_those_who_come_anyway() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        for number in 0..240_i64 {
            let Output::Decision(mut decision) = samples::decision(number) else { panic!("a decision") };
            let held_back = number >= 200;
            if held_back {
                (decision.chosen, decision.slice) = (None, Slice::Holdout);
            }
            decision.arms[0].features[2] = 120.0;
            let comes = if held_back { number % 10 == 0 } else { number % 5 < 2 };
            let came = comes.then(|| "bar".into());
            let outcome = Outcome { decision: decision.id, at: decision.at, redeemed: comes && !held_back, came };
            decisions::enter(&transaction, &decision, &mut 0).expect("enters");
            decisions::conclude(&transaction, &outcome).expect("concludes");
        }
        let results = campaigns(&transaction).expect("reads");
        let result = &results["short-queue"];
        assert_eq!((result.compared, result.came_offered, result.came_without), ((200, 40), 80, 4));
        let uplift = result.uplift.expect("compared");
        assert!((uplift.mean - 0.3).abs() < 1e-12 && uplift.low > 0.15 && uplift.high < 0.45, "{uplift:?}");
        let saved = result.saved_min.expect("compared");
        assert!((saved.mean - 0.3 * 200.0 * 2.0).abs() < 1e-9, "{saved:?}");
    }

    #[test]
    fn with_nobody_to_compare_there_is_no_uplift() {
        let mut result = CampaignResult { compared: (5, 0), ..CampaignResult::default() };
        conclude(&mut result);
        assert_eq!((result.uplift, result.saved_min), (None, None));
    }

    #[test]
    fn blocks_are_compared_with_blocks() {
        let found = compared(&[100.0, 120.0, 110.0, 90.0], &[200.0, 180.0, 190.0]);
        let change = found.change_s.expect("enough");
        assert!((change.mean + 85.0).abs() < 1e-9 && change.high < -60.0, "{change:?}");
        assert_eq!(compared(&[1.0], &[2.0]).change_s, None);
    }
}
