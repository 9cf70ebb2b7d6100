//! Movements and stays: what counts, what is held back, what is forgotten.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(900_000_000_000 + seconds * 1_000_000)
}

fn flow(group_min: u32, epsilon: f64) -> Flow {
    Flow::new(&Settings { group_min, movement_epsilon: epsilon, ..Settings::default() }, 3)
}

/// Devices that stay in each of some zones for so many seconds, seen twice a second.
fn walk(flow: &mut Flow, devices: std::ops::Range<u64>, zones: &[(u8, i64)]) {
    let mut second = 0;
    for (zone, stay_s) in zones {
        for step in 0..stay_s * 2 {
            for device in devices.clone() {
                let zone = ZoneId(*zone);
                flow.see(DeviceKey(device), at(second + step / 2), Some(zone), &[(zone, 1.0)]);
            }
        }
        second += stay_s;
    }
}

fn pairs(told: &Told) -> Vec<(u8, u8, f64)> {
    told.movements.iter().map(|one| (one.origin.0, one.destination.0, one.people)).collect()
}

#[test]
fn a_movement_counts_after_half_a_minute() {
    let mut flow = flow(3, 0.0);
    walk(&mut flow, 0..4, &[(0, 60), (1, 5), (0, 40), (1, 60)]);
    flow.note(0.0, [(ZoneId(0), 16.0), (ZoneId(1), 16.0)].into_iter());
    let told = flow.close(at(900));
    assert_eq!(pairs(&told).len(), 1, "the five seconds were a border: {told:?}");
    assert_eq!(pairs(&told)[0].0, 0);
    assert!(told.movements[0].low <= told.movements[0].people && told.movements[0].people <= told.movements[0].high);
    assert_eq!(flow.window_end(), None);
}

#[test]
fn small_groups_are_held_back() {
    let mut flow = flow(5, 0.0);
    walk(&mut flow, 0..4, &[(0, 40), (1, 40)]);
    let told = flow.close(at(900));
    assert_eq!((pairs(&told), flow.held_back), (Vec::new(), 1));
    assert_eq!(told.dwells, []);
}

#[test]
fn doubtful_zones_share_a_movement() {
    let mut flow = flow(1, 0.0);
    for (second, zone, shares) in
        [(0, 0, [(ZoneId(0), 1.0), (ZoneId(2), 0.0)]), (40, 1, [(ZoneId(1), 0.75), (ZoneId(2), 0.25)])]
    {
        for step in 0..80 {
            flow.see(DeviceKey(1), at(second + step / 2), Some(ZoneId(zone)), &shares);
        }
    }
    let sums: Vec<f64> = flow.pairs.values().map(|pair| pair.sum).filter(|sum| *sum > 0.0).collect();
    assert_eq!(sums, [0.75, 0.25]);
}

#[test]
fn a_forgotten_device_leaves_no_movement() {
    let mut flow = flow(1, 0.0);
    walk(&mut flow, 0..1, &[(0, 40), (1, 40)]);
    flow.forget(DeviceKey(0));
    assert_eq!(pairs(&flow.close(at(900))), []);
}

#[test]
fn with_noise_one_device_gives_no_more_than_its_part() {
    let mut flow = flow(1, 1.0);
    walk(&mut flow, 0..1, &[(0, 40), (1, 40), (0, 40), (1, 40), (0, 40), (1, 40), (0, 40), (1, 40)]);
    assert_eq!(flow.pairs.values().map(|pair| pair.sum).sum::<f64>(), GIVEN_MAX as f64);
}

#[test]
fn with_noise_only_large_counts_are_told() {
    let mut flow = flow(5, 1.0);
    walk(&mut flow, 0..300, &[(0, 40), (1, 40)]);
    walk(&mut flow, 300..306, &[(1, 40), (2, 40)]);
    let told = flow.close(at(900));
    assert_eq!(pairs(&told).len(), 1, "six may be noise: {told:?}");
    assert!((pairs(&told)[0].2 - 300.0).abs() < 30.0, "{told:?}");
}

#[test]
fn stays_are_told_with_those_that_go_on() {
    let mut flow = flow(5, 0.0);
    walk(&mut flow, 0..10, &[(0, 100), (1, 40)]);
    walk(&mut flow, 10..15, &[(0, 100)]);
    for device in 10..15 {
        flow.gone(DeviceKey(device), at(100));
    }
    let told = flow.close(at(900));
    let dwell = told.dwells.iter().find(|dwell| dwell.zone == ZoneId(0)).expect("ten ended");
    assert_eq!((dwell.stays, dwell.unique_devices), (10.0, 15.0));
    assert!((dwell.median_s.expect("half ended") / 100.0 - 1.0).abs() < 0.1, "{dwell:?}");
}
