//! The gap filter on lines short enough to be told in words.

use super::*;
use crate::venue::QueueId;

fn at(minutes: f64) -> Timestamp {
    Timestamp::from_micros((minutes * 60e6) as i64)
}

fn filter(settings: GapSettings) -> GapFilter {
    let profile = ArrivalProfile::given(Duration::from_mins(15), &[1.0]).expect("known here");
    let settings = GapSettings { service_weight: 1e3, served_at_once: Duration::ZERO, ..settings };
    GapFilter::new(settings, profile)
}

/// Probes that join a minute apart.
fn joined(filter: &mut GapFilter, count: u64) {
    for number in 0..count {
        filter.probe_joined(at(number as f64), DeviceKey(number));
    }
}

#[test]
fn where_everybody_is_heard_the_length_is_known() {
    let mut filter = filter(GapSettings { penetration: 1.0, penetration_cv: 0.0, ..GapSettings::default() });
    joined(&mut filter, 5);
    let state = filter.report(QueueId(0), at(4.5));
    assert!((state.length - 5.0).abs() < 1e-6, "{state:?}");
    assert_eq!((state.length_low, state.length_high), (5.0, 5.0));
}

#[test]
fn unseen_people_behind_the_first_are_expected_and_unsure() {
    let mut filter = filter(GapSettings { penetration: 0.5, ..GapSettings::default() });
    joined(&mut filter, 5);
    let state = filter.report(QueueId(0), at(4.5));
    assert!(state.length > 6.0 && state.length < 11.0, "{state:?}");
    assert!(state.length_low >= 5.0 && state.length_high > state.length + 1.0, "{state:?}");
    assert!(
        state.wait_s.expect("known here") > 240.0 && state.p_wait_over_limit.expect("known here") > 0.5,
        "{state:?}"
    );
    assert!(state.p_wait_over_limit_15min.expect("known here") > 0.1, "{state:?}");
}

#[test]
fn one_served_at_once_says_that_a_till_was_free() {
    let mut filter = filter(GapSettings { penetration: 0.3, ..GapSettings::default() });
    filter.probe_joined(at(1.0), DeviceKey(1));
    filter.probe_started(at(1.0), DeviceKey(1));
    let state = filter.report(QueueId(0), at(1.0));
    assert!(state.length < 0.1, "{state:?}");
}

#[test]
fn the_wait_of_a_probe_says_how_many_joined_behind_it() {
    let mut filter = filter(GapSettings { penetration: 0.2, ..GapSettings::default() });
    filter.probe_joined(at(0.0), DeviceKey(1));
    filter.probe_started(at(10.0), DeviceKey(1));
    // Ten minutes at 0.8 unseen people a minute; no probe among them says rather fewer.
    let length = filter.line(at(10.0)).moments().0;
    assert!(length > 4.0 && length < 9.0, "{length}");
}

#[test]
fn tills_that_tell_their_sales_and_that_one_is_free_are_believed() {
    let mut filter = filter(GapSettings { penetration: 0.2, ..GapSettings::default() });
    filter.probe_joined(at(0.0), DeviceKey(1));
    filter.probe_started(at(10.0), DeviceKey(1));
    let before = filter.line(at(10.0)).moments().0;
    for sale in 1..=3 {
        filter.till_sale(at(10.0 + f64::from(sale) * 0.1));
    }
    assert!(filter.line(at(10.3)).moments().0 < before - 1.5);
    filter.tills_busy(at(10.4), 0);
    assert_eq!(filter.line(at(10.4)).moments().0, 0.0);
}

#[test]
fn one_who_gives_up_leaves_those_ahead_and_behind() {
    let mut filter = filter(GapSettings { penetration: 0.5, ..GapSettings::default() });
    joined(&mut filter, 3);
    let before = filter.line(at(3.0)).moments().0;
    filter.probe_left(at(3.0), DeviceKey(0));
    let after = filter.line(at(3.0)).moments().0;
    assert!((before - after - 1.0).abs() < 0.5, "{before} {after}");
    filter.probe_left(at(3.0), DeviceKey(1));
    filter.probe_left(at(3.0), DeviceKey(2));
    assert_eq!(filter.probes_waiting(), 0);
}

#[test]
fn what_cannot_be_is_counted_and_changes_nothing() {
    let mut filter = filter(GapSettings::default());
    filter.probe_started(at(1.0), DeviceKey(9));
    filter.probe_left(at(1.0), DeviceKey(8));
    filter.probe_joined(at(2.0), DeviceKey(1));
    filter.probe_joined(at(2.0), DeviceKey(1));
    let counters = filter.counters();
    assert_eq!((counters.unknown_probes, counters.joins_refused), (2, 1));
    // Time does not go back, and a night passes.
    filter.probe_joined(at(1.0), DeviceKey(2));
    assert!(filter.report(QueueId(0), at(0.0)).length.is_finite());
    filter.probe_left(at(3.0), DeviceKey(1));
    filter.probe_left(at(3.0), DeviceKey(2));
    assert!(filter.report(QueueId(0), at(700.0)).length < 1.0);
}

#[test]
fn one_more_till_shortens_the_wait_ahead() {
    let mut filter = filter(GapSettings { penetration: 0.5, ..GapSettings::default() });
    joined(&mut filter, 10);
    let ahead = estimate::AHEAD;
    let (as_now, more) = (filter.outlook(at(10.0), ahead, 0), filter.outlook(at(10.0), ahead, 1));
    assert!(more.wait_s < 0.5 * as_now.wait_s, "{more:?} {as_now:?}");
    assert!(more.p_wait_over_limit < as_now.p_wait_over_limit);
}

#[test]
fn any_order_of_events_keeps_every_number_finite() {
    let mut filter = filter(GapSettings { servers: 3, penetration: 0.1, ..GapSettings::default() });
    let mut mixed = 1_u64;
    for step in 0..2_000 {
        mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (what, key) = ((mixed >> 33) % 6, DeviceKey((mixed >> 40) % 50));
        let time = at(step as f64 * 0.2 - f64::from(u8::from(what == 5)));
        match what {
            0 | 5 => filter.probe_joined(time, key),
            1 => filter.probe_started(time, key),
            2 => filter.probe_left(time, key),
            3 => filter.till_sale(time),
            _ => filter.tills_busy(time, (mixed >> 50) as usize % 5),
        }
        if step % 20 == 0 {
            let state = filter.report(QueueId(0), time);
            let told = [state.length, state.length_low, state.length_high, state.wait_s.expect("known here")];
            assert!(told.iter().all(|value| value.is_finite() && *value >= 0.0), "step {step}: {state:?}");
            let shares =
                [state.p_wait_over_limit.expect("known here"), state.p_wait_over_limit_15min.expect("known here")];
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "step {step}: {state:?}");
        }
    }
}
