//! Queues, waits, devices and people against simulated truth: small versions of the two scorecards.
//!
//! In: seeded scenarios. Out: a failure when an estimate falls behind its named baseline or its interval
//! no longer holds. The full tables are the examples `scorecard_queues` and `scorecard_counts`.

#[path = "../examples/scorecard/mod.rs"]
mod scorecard;

use scorecard::addresses::{Crowd, count, evening, people};
use scorecard::foretold::{foretell, skill};
use scorecard::line::{Scenario, Shape};
use scorecard::scores::{length_covered, rmse, wait_mae};
use scorecard::watch::{Sample, watch};

/// One run, shortened; our length must beat both baselines, and its interval hold.
fn check(scenario: Scenario, seed: u64, sales: bool) -> Vec<Sample> {
    let scenario = Scenario { parties: 1_200, ..scenario };
    let samples = watch(&scenario, seed, sales);
    let ours = rmse(&samples, |sample| sample.ours[0]);
    let scaled = rmse(&samples, |sample| sample.scaled);
    let rate_times_last = rmse(&samples, |sample| sample.rate_times_last);
    assert!(ours < scaled.min(rate_times_last), "{ours:.2} beside {scaled:.2} and {rate_times_last:.2}: {scenario:?}");
    let covered = length_covered(&samples);
    assert!(covered > 0.82, "covered {covered:.3}: {scenario:?}");
    samples
}

#[test]
fn a_rush_is_estimated_better_than_by_counting_and_by_waits() {
    let samples = check(Scenario::default(), 3, false);
    let (ours, last) =
        (wait_mae(&samples, |sample| sample.ours_wait_min[0]), wait_mae(&samples, |sample| sample.last_wait_min));
    assert!(ours < 0.9 * last, "wait off by {ours:.2} min, the last wait by {last:.2}");
}

#[test]
fn till_events_help() {
    let scenario = Scenario::at(Shape::Rush(0.2), 0.1);
    let (without, with) = (check(scenario, 4, false), check(scenario, 4, true));
    let off = |samples: &[Sample]| wait_mae(samples, |sample| sample.ours_wait_min[0]);
    assert!(off(&with) < off(&without), "{:.2} with, {:.2} without", off(&with), off(&without));
}

#[test]
fn a_till_that_closes_and_people_who_give_up_do_no_harm() {
    let steady = Scenario { shape: Shape::Steady(0.7), ..Scenario::default() };
    check(Scenario { closed: Some((150.0, 220.0)), ..steady }, 5, true);
    check(Scenario { patience_min: Some(15.0), ..Scenario::default() }, 5, false);
    check(Scenario { party_size: 2.0, ..Scenario::default() }, 5, false);
}

#[test]
fn forecasts_are_better_than_the_base_rate() {
    let told: Vec<_> = (0..2).flat_map(|seed| foretell(0.95, 10.0, 0.2, seed)).collect();
    let (ours, ideal) = (skill(&told, |one| one.ours), skill(&told, |one| one.ideal));
    assert!(ours > 0.7 * ideal, "skill {ours:.2} of {ideal:.2}");
}

#[test]
fn devices_are_counted_without_bias_while_they_change_addresses() {
    let crowd = Crowd { devices: 100.0, rotation_min: (8.0, 15.0), heard_a_minute: 0.95, minutes: 240.0 };
    let counted = count(&crowd, 1);
    assert!(counted.now[0] < 0.035 && counted.now[1].abs() < 0.015, "{counted:?}");
    assert!(counted.naive[0] > counted.now[0], "{counted:?}");
}

#[test]
fn a_count_of_heads_sets_people_right() {
    let [ours, naive] = evening(0.7, 100.0, 3);
    assert!(ours.error < 0.15 && ours.error < naive.error / 3.0, "{ours:?} {naive:?}");
    assert!(ours.covered > 0.7 && ours.covered > naive.covered, "{ours:?} {naive:?}");
}

#[test]
fn intervals_of_people_hold() {
    let score = people(0.3, 100.0, 400, 1);
    assert!((0.85..=0.95).contains(&score.covered) && score.error < 0.25, "{score:?}");
}
