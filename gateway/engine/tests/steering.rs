//! Offers against simulated people: small versions of the scorecard `scorecard_offers`.
//!
//! In: seeded stands and venues. Out: a failure where steering stops helping, sends too many offers, or the
//! venue's own head stops learning.

#[path = "../examples/scorecard/mod.rs"]
mod scorecard;

use scorecard::herd::{Herd, Herded, Steering, run};
use scorecard::lessons::learn;
use scorecard::scores::mean;

/// Mean over runs of the same people under a steering.
fn runs(herd: &Herd, steering: Steering) -> Vec<Herded> {
    (1..5).map(|seed| run(herd, steering, seed)).collect()
}

fn check(herd: Herd, wait_max_min: f64) {
    let (none, ours) = (runs(&herd, Steering::None), runs(&herd, Steering::Ours));
    let wait_min = mean(ours.iter().map(|it| it.mean_min));
    assert!(wait_min <= wait_max_min, "{wait_min:.2} min: {herd:?}");
    for (none, ours) in none.iter().zip(&ours) {
        assert!(ours.mean_min < none.mean_min, "{ours:?} is worse than {none:?}: {herd:?}");
        assert!(ours.p90_min < none.p90_min && ours.spread < none.spread, "{ours:?} beside {none:?}");
    }
    let offers = mean(ours.iter().map(|it| it.offers));
    let theirs = mean(runs(&herd, Steering::ShorterQueue).iter().map(|it| it.offers));
    assert!(offers < 0.7 * theirs, "{offers:.3} offers per arrival beside {theirs:.3}: {herd:?}");
}

#[test]
fn people_are_spread_and_never_herded() {
    let many = Herd { reached: 0.9, follows: 0.9, ..Herd::default() };
    check(Herd::default(), 1.7);
    check(many, 1.4);
    check(Herd { lag_min: (3.0, 12.0), every_min: 10.0, ..many }, 1.95);
    check(Herd { noise: 3.0, ..Herd::default() }, 2.0);
}

#[test]
fn the_last_wait_is_not_what_is_steered_by() {
    let many = Herd { reached: 0.9, follows: 0.9, ..Herd::default() };
    let ours = mean(runs(&many, Steering::Ours).iter().map(|it| it.mean_min));
    let theirs = mean(runs(&many, Steering::LastWait).iter().map(|it| it.mean_min));
    assert!(ours < 0.8 * theirs, "{ours:.2} beside {theirs:.2}");
}

#[test]
fn a_venue_learns_from_its_own_offers() {
    let chosen = |decisions, with_fleet| mean((10..14).map(|seed| learn(decisions, with_fleet, seed).chosen));
    let (fleet, nothing) = (chosen(500, true), chosen(4_000, false));
    assert!(fleet > 0.5 && nothing > 0.65, "{fleet:.2} {nothing:.2}");
}
