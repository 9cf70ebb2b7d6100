//! How likely each possible offer, and no offer, is to be drawn; and the draw.
//!
//! In: one value per arm, brought to the size of a sure best outcome, how much has been decided before, and
//! one number drawn evenly. Out: the probability of every arm and of no offer, summing to 1, and which of
//! them it is. Same numbers, same bits.
//!
//! Three slices. In 5 % of decisions nobody gets anything, so that the effect of offers can be measured
//! against people who got none. In 5 % any arm is drawn alike, so that the log has every arm in it. In the
//! rest SquareCB (Foster and Rakhlin 2020) weighs arms and no offer (value 0) by how far they lie behind
//! the best: exploration that fades as the square root of what was decided, with probabilities known exactly.

/// Share of decisions that give no offer (the always-on comparison slice).
pub const NO_OFFER_SHARE: f64 = 0.05;
/// Share of decisions that draw among all arms alike.
pub const UNIFORM_SHARE: f64 = 0.05;
/// Least probability of any eligible arm: bounds the weights of an evaluation from the log at 50.
pub const ARM_SHARE_MIN: f64 = 0.02;
/// All arms together are not raised beyond this by their least probability, however many there are.
const FLOORS_SHARE_MAX: f64 = 0.25;
/// SquareCB's first rate of exploitation; it grows with the square root of the decisions. The reference takes
/// 10 where nothing else explores; here the even slice and the floors do, and in the simulated venues 30
/// had 0.57 of the possible gain after 500 offers with a fleet's score where 10 had 0.52.
const GAMMA: f64 = 30.0;

/// Which part of the policy a decision came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// The share that gets no offer.
    Holdout,
    /// The share that draws among all arms alike.
    Uniform,
    /// The rest.
    Policy,
}

impl Slice {
    /// Its name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holdout => "holdout",
            Self::Uniform => "uniform",
            Self::Policy => "policy",
        }
    }
}

/// What was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// Which arm; `None` for no offer.
    pub arm: Option<usize>,
    /// The slice that drew it.
    pub slice: Slice,
}

/// Probabilities within the SquareCB slice: of each arm, and last of no offer, whose value is 0.
fn square_cb(values: &[f64], decided: u64) -> Vec<f64> {
    let count = values.len() + 1;
    let value = |place: usize| values.get(place).copied().unwrap_or(0.0);
    // The first of equals, so that the order of the campaign file decides; no offer loses every tie.
    let best = (1..count).fold(0, |best, place| if value(place) > value(best) { place } else { best });
    let gamma = GAMMA * ((decided + 1) as f64).sqrt();
    let mut shares: Vec<f64> =
        (0..count).map(|place| 1.0 / (count as f64 + gamma * (value(best) - value(place)))).collect();
    let even = UNIFORM_SHARE / values.len() as f64;
    let floor = ARM_SHARE_MIN.min(FLOORS_SHARE_MAX / values.len() as f64);
    let floor = ((floor - even) / (1.0 - NO_OFFER_SHARE - UNIFORM_SHARE)).max(0.0);
    shares[..values.len()].iter_mut().for_each(|share| *share = share.max(floor));
    shares[best] = 0.0;
    shares[best] = 1.0 - shares.iter().sum::<f64>();
    shares
}

/// Probabilities of each arm, and last of no offer. `values` are those of the arms (at least one), where 1
/// is a sure best outcome and 0 no offer; `decided` is the number of decisions before.
pub fn propensities(values: &[f64], decided: u64) -> Vec<f64> {
    let mut shares = square_cb(values, decided);
    let even = UNIFORM_SHARE / values.len() as f64;
    let none = values.len();
    for (place, share) in shares.iter_mut().enumerate() {
        let always = if place == none { NO_OFFER_SHARE } else { even };
        *share = always + (1.0 - NO_OFFER_SHARE - UNIFORM_SHARE) * *share;
    }
    shares
}

/// Draws with one even number from 0 to 1, with exactly the probabilities of [`propensities`].
pub fn draw(values: &[f64], decided: u64, drawn: f64) -> Drawn {
    let uniform_end = NO_OFFER_SHARE + UNIFORM_SHARE;
    if drawn < NO_OFFER_SHARE {
        return Drawn { arm: None, slice: Slice::Holdout };
    }
    if drawn < uniform_end {
        let place = (drawn - NO_OFFER_SHARE) / UNIFORM_SHARE * values.len() as f64;
        return Drawn { arm: Some((place as usize).min(values.len() - 1)), slice: Slice::Uniform };
    }
    let mut left = (drawn - uniform_end) / (1.0 - uniform_end);
    let shares = square_cb(values, decided);
    for (place, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return Drawn { arm: (place < values.len()).then_some(place), slice: Slice::Policy };
        }
    }
    // Only rounding leads here; the largest share is the one that rounding cannot move.
    let best = (0..shares.len()).fold(0, |best, place| if shares[place] > shares[best] { place } else { best });
    Drawn { arm: (best < values.len()).then_some(best), slice: Slice::Policy }
}

#[cfg(test)]
mod tests {
    use super::super::choice::{ARMS_MAX, Lot};
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn propensities_sum_to_one_and_none_is_too_small() {
        for count in 1..=ARMS_MAX {
            for decided in [0, 10, 1_000_000] {
                let values: Vec<f64> = (0..count).map(|arm| (arm as f64 * 0.37).sin()).collect();
                let shares = propensities(&values, decided);
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{count} {decided}");
                let floor = ARM_SHARE_MIN.min(FLOORS_SHARE_MAX / count as f64);
                assert!(shares.iter().take(count).all(|share| *share >= floor - 1e-12), "{count} {decided}");
                assert!(shares[count] >= NO_OFFER_SHARE, "{count} {decided}");
            }
        }
    }

    #[test]
    fn the_best_is_drawn_more_the_more_was_decided_and_a_worthless_offer_gives_way_to_none() {
        let best = |decided| propensities(&[0.1, 0.5, 0.2], decided)[1];
        assert!(best(0) < best(100) && best(100) < best(10_000), "{} {} {}", best(0), best(100), best(10_000));
        assert!(best(1_000_000) > 0.85, "{}", best(1_000_000));
        assert!(propensities(&[-0.3], 10_000)[1] > 0.9);
        // Equal values: the first, not "no offer".
        assert!(propensities(&[0.0, 0.0], 100)[0] > 0.3);
    }

    #[test]
    fn the_draw_decides_by_its_place() {
        let check = |drawn: f64, arm: Option<usize>, slice: Slice| {
            assert_eq!(draw(&[0.1, 0.3, 0.2], 1_000_000, drawn), Drawn { arm, slice }, "{drawn}");
        };
        check(0.0, None, Slice::Holdout);
        check(0.049, None, Slice::Holdout);
        check(0.051, Some(0), Slice::Uniform);
        check(0.099, Some(2), Slice::Uniform);
        check(0.5, Some(1), Slice::Policy);
        check(0.999_999_999, None, Slice::Policy);
    }

    /// Over 40 000 people: how often each arm came up agrees with its stated probability within four
    /// standard errors, and weighting by 1/propensity gives back a mean of 1.
    #[test]
    fn what_is_drawn_agrees_with_what_is_stated() {
        let (values, lot, people) = ([0.1, 0.3, 0.2], Lot::new(11), 40_000);
        let stated = propensities(&values, 50);
        let (mut counts, mut weights) = ([0_u32; 4], 0.0);
        for person in 0..people {
            let drawn = lot.draw(&format!("attendee {person}"), Timestamp::from_micros(1_000 * person));
            let place = draw(&values, 50, drawn).arm.unwrap_or(3);
            counts[place] += 1;
            weights += if place == 2 { 1.0 / stated[2] } else { 0.0 };
        }
        let people = people as f64;
        for (count, share) in counts.into_iter().zip(&stated) {
            let (seen, error) = (f64::from(count) / people, (share * (1.0 - share) / people).sqrt());
            assert!((seen - share).abs() < 4.0 * error, "{seen} against {share}");
        }
        assert!((weights / people - 1.0).abs() < 4.0 * ((1.0 / stated[2] - 1.0) / people).sqrt());
    }

    #[test]
    fn same_numbers_same_bits() {
        let bits = || propensities(&[0.11, 0.3, -0.2], 77).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(), bits());
    }
}
