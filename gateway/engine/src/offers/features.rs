//! What the model is told about one offer to one attendee.
//!
//! In: a `Situation`, plain facts about the person, the queue here and the stand there. Out: a row of
//! numbers in the fixed order of `FEATURES`, each held within its range, so that the model is never asked
//! about something it has not been trained on. `models/voucher.toml` says the same list to the training
//! code; a test compares the two.

use crate::time::Timestamp;
use std::f64::consts::TAU;

/// Changes whenever a name, a unit, a range or the order changes; a model of another version is refused.
pub const FEATURES_VERSION: u32 = 1;

/// Numbers a row has.
pub const WIDTH: usize = 16;

/// One number the model is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    /// Its name, with the unit last.
    pub name: &'static str,
    /// Its unit; `1` for a pure number.
    pub unit: &'static str,
    /// Smaller values are raised to this.
    pub low: f32,
    /// Larger values are lowered to this.
    pub high: f32,
}

const fn feature(name: &'static str, unit: &'static str, low: f32, high: f32) -> Feature {
    Feature { name, unit, low, high }
}

/// All features, in the order of the model's input.
pub const FEATURES: [Feature; WIDTH] = [
    feature("wait_here_s", "s", 0.0, 3600.0),
    feature("wait_there_s", "s", 0.0, 3600.0),
    feature("wait_gain_s", "s", -3600.0, 3600.0),
    feature("length_here_people", "people", 0.0, 200.0),
    feature("length_there_people", "people", 0.0, 200.0),
    feature("under_way_people", "people", 0.0, 100.0),
    feature("walk_m", "m", 0.0, 500.0),
    feature("slack_s", "s", -600.0, 3600.0),
    feature("dwell_zone_s", "s", 0.0, 3600.0),
    feature("since_offer_min", "min", 0.0, 240.0),
    feature("offers_so_far", "1", 0.0, 12.0),
    feature("redemptions_so_far", "1", 0.0, 12.0),
    feature("hour_sin", "1", -1.0, 1.0),
    feature("hour_cos", "1", -1.0, 1.0),
    feature("percent", "%", 0.0, 100.0),
    feature("validity_min", "min", 0.0, 60.0),
];

/// Plain facts about one possible offer. Waits are those a person who joins meets; unknowns do not occur,
/// since an offer with an unknown wait is not eligible.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Situation {
    /// When.
    pub at: Timestamp,
    /// Wait at the queue where she is, seconds.
    pub wait_here_s: f64,
    /// Wait at the stand, those under way counted, seconds.
    pub wait_there_s: f64,
    /// People waiting here.
    pub length_here: f64,
    /// People waiting at the stand.
    pub length_there: f64,
    /// People expected to come to the stand on vouchers already given out.
    pub under_way: f64,
    /// Way to the stand, metres.
    pub walk_m: f64,
    /// Time for that way, seconds.
    pub walk_s: f64,
    /// How long she has been in her zone, seconds.
    pub dwell_zone_s: f64,
    /// Time since her last offer, seconds; `None` before the first.
    pub since_offer_s: Option<f64>,
    /// Offers she got in the last 24 hours.
    pub offers_so_far: u32,
    /// Vouchers she redeemed in the last 24 hours.
    pub redemptions_so_far: u32,
    /// Benefit, percent off.
    pub percent: f64,
    /// How long the voucher would be valid, seconds.
    pub validity_s: f64,
}

impl Situation {
    /// Time she saves by going: the wait here less the wait there, seconds.
    pub fn gain_s(&self) -> f64 {
        self.wait_here_s - self.wait_there_s
    }

    /// Time left of the voucher once she is served there, seconds; negative where she comes too late.
    pub fn slack_s(&self) -> f64 {
        self.validity_s - self.walk_s - self.wait_there_s
    }

    /// Appends the row of this situation, `WIDTH` numbers.
    pub fn append_to(&self, rows: &mut Vec<f32>) {
        let hour_angle = self.at.as_micros().rem_euclid(DAY_US) as f64 / DAY_US as f64 * TAU;
        // In the order of `FEATURES`.
        let values: [f64; WIDTH] = [
            self.wait_here_s,
            self.wait_there_s,
            self.gain_s(),
            self.length_here,
            self.length_there,
            self.under_way,
            self.walk_m,
            self.slack_s(),
            self.dwell_zone_s,
            self.since_offer_s.map_or(f64::INFINITY, |seconds| seconds / 60.0),
            f64::from(self.offers_so_far),
            f64::from(self.redemptions_so_far),
            hour_angle.sin(),
            hour_angle.cos(),
            self.percent,
            self.validity_s / 60.0,
        ];
        rows.extend(values.iter().zip(FEATURES).map(|(value, feature)| within(*value as f32, feature)));
    }
}

/// A day, microseconds; the hour is that of UTC, since a floor plan knows no time zone.
const DAY_US: i64 = 86_400_000_000;

fn within(value: f32, feature: Feature) -> f32 {
    if value.is_nan() { feature.low } else { value.clamp(feature.low, feature.high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn row(situation: Situation) -> Vec<f32> {
        let mut row = Vec::new();
        situation.append_to(&mut row);
        row
    }

    #[test]
    fn every_fact_stands_at_the_place_of_its_name() {
        let situation = Situation {
            at: Timestamp::from_micros(6 * 3_600_000_000),
            wait_here_s: 400.0,
            wait_there_s: 60.0,
            length_here: 12.0,
            length_there: 2.0,
            under_way: 1.5,
            walk_m: 30.0,
            walk_s: 25.0,
            dwell_zone_s: 90.0,
            since_offer_s: Some(1200.0),
            offers_so_far: 3,
            redemptions_so_far: 1,
            percent: 20.0,
            validity_s: 300.0,
        };
        let check = |name: &str, expected: f32| {
            let place = FEATURES.iter().position(|feature| feature.name == name).expect("known");
            assert!((row(situation)[place] - expected).abs() < 1e-6, "{name}: {}", row(situation)[place]);
        };
        check("wait_here_s", 400.0);
        check("wait_there_s", 60.0);
        check("wait_gain_s", 340.0);
        check("length_here_people", 12.0);
        check("length_there_people", 2.0);
        check("under_way_people", 1.5);
        check("walk_m", 30.0);
        check("slack_s", 215.0);
        check("dwell_zone_s", 90.0);
        check("since_offer_min", 20.0);
        check("offers_so_far", 3.0);
        check("redemptions_so_far", 1.0);
        check("hour_sin", 1.0);
        check("hour_cos", 0.0);
        check("percent", 20.0);
        check("validity_min", 5.0);
    }

    #[test]
    fn numbers_outside_their_range_are_held_at_its_end() {
        let situation = Situation { wait_here_s: 1e9, length_here: f64::NAN, walk_m: -1.0, ..Situation::default() };
        let row = row(situation);
        assert_eq!((row[0], row[3], row[6], row[9]), (3600.0, 0.0, 0.0, 240.0));
        assert!(row.iter().zip(FEATURES).all(|(value, feature)| (feature.low..=feature.high).contains(value)));
    }

    #[test]
    fn the_list_beside_the_model_is_this_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/voucher.toml");
        let text = std::fs::read_to_string(path).expect("models/voucher.toml is part of the tree");
        let document = Document::parse(&text);
        let root = document.root();
        assert_eq!(root.integer("features_version", 0..=1000), Some(i64::from(FEATURES_VERSION)));
        let listed: Vec<_> = root
            .tables("feature")
            .iter()
            .map(|table| {
                let number = |key| table.required_number(key, -1e9..=1e9).map(|number| number as f32);
                (table.text("name"), table.text("unit"), number("low"), number("high"))
            })
            .collect();
        let here = FEATURES.map(|f| (Some(f.name.to_owned()), Some(f.unit.to_owned()), Some(f.low), Some(f.high)));
        assert_eq!(listed, here);
    }
}
