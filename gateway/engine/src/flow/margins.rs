//! A table of movements that fits what is known of its rows and columns.
//!
//! In: counted movements between places, and how many people left and entered each. Out: people for each movement,
//! so that rows and columns add up to those numbers (iterative proportional fitting: Deming and Stephan 1940). It
//! refuses to invent movements nobody was seen to make.

use std::collections::BTreeMap;

/// Sweeps over rows and columns; methods (d) ask for 10 to 20.
const SWEEPS: usize = 20;

/// Scales movements until the people who left each place and those who entered it are as many as known. Places
/// without a known number keep what the others make of them.
pub fn fit(pairs: &mut BTreeMap<(u8, u8), f64>, left: &BTreeMap<u8, f64>, entered: &BTreeMap<u8, f64>) {
    let (out, into): (f64, f64) = (left.values().sum(), entered.values().sum());
    // Both sums are estimates of the same movements; rows and columns can only agree on one.
    let balance = if into > 0.0 { (out / into).sqrt() } else { 1.0 };
    for _ in 0..SWEEPS {
        sweep(pairs, left, 1.0 / balance, |pair| pair.0);
        sweep(pairs, entered, balance, |pair| pair.1);
    }
}

fn sweep(
    pairs: &mut BTreeMap<(u8, u8), f64>,
    known: &BTreeMap<u8, f64>,
    balance: f64,
    place: impl Fn(&(u8, u8)) -> u8,
) {
    let mut sums: BTreeMap<u8, f64> = BTreeMap::new();
    for (pair, people) in pairs.iter() {
        *sums.entry(place(pair)).or_default() += people;
    }
    for (pair, people) in pairs.iter_mut() {
        let at = place(pair);
        if let (Some(known), Some(sum)) = (known.get(&at), sums.get(&at).filter(|sum| **sum > 0.0)) {
            *people *= known * balance / sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_fit() {
        let mut pairs: BTreeMap<(u8, u8), f64> = BTreeMap::new();
        for origin in 0..4u8 {
            for destination in (0..4u8).filter(|destination| *destination != origin) {
                pairs.insert((origin, destination), f64::from(origin * 3 + destination + 1));
            }
        }
        let left = BTreeMap::from([(0, 100.0), (1, 60.0), (2, 80.0), (3, 40.0)]);
        let entered = BTreeMap::from([(0, 70.0), (1, 90.0), (2, 50.0), (3, 70.0)]);
        fit(&mut pairs, &left, &entered);
        for place in 0..4u8 {
            let row: f64 = pairs.iter().filter(|(pair, _)| pair.0 == place).map(|(_, people)| people).sum();
            let column: f64 = pairs.iter().filter(|(pair, _)| pair.1 == place).map(|(_, people)| people).sum();
            assert!((row / left[&place] - 1.0).abs() < 1e-3 && (column / entered[&place] - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn nobody_is_invented() {
        let mut pairs = BTreeMap::from([((0, 1), 3.0)]);
        fit(&mut pairs, &BTreeMap::from([(0, 6.0), (2, 9.0)]), &BTreeMap::new());
        assert_eq!(pairs, BTreeMap::from([((0, 1), 6.0)]));
    }
}
