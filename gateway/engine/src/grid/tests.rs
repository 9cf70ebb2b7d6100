//! What the filter must do wherever it is used; how well it does it is for the accuracy tests to say.

use super::*;
use crate::beacon::DeviceClass;
use crate::identity::DeviceKey;
use crate::radio_map::Assumptions;
use crate::venue::{FloorId, ReceiverId, ZoneId};

pub(super) const HALL: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 40\ndepth_m = 10\n\
    [[zone]]\nname = \"west\"\npolygon = [[0, 0], [20, 0], [20, 10], [0, 10]]\n\
    [[zone]]\nname = \"east\"\npolygon = [[20, 0], [40, 0], [40, 10], [20, 10]]\n\
    [[receiver]]\nname = \"w\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"m\"\nx_m = 20\ny_m = 5\n\
    [[receiver]]\nname = \"e\"\nx_m = 35\ny_m = 5\n";

const STOREYS: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
    [[floor]]\nname = \"u\"\nwidth_m = 20\ndepth_m = 10\n\
    [[receiver]]\nname = \"g\"\nfloor = \"g\"\nx_m = 10\ny_m = 5\n\
    [[receiver]]\nname = \"u\"\nfloor = \"u\"\nx_m = 10\ny_m = 5\n";

pub(super) fn sighting(at_ms: i64, receiver: u8, rssi_dbm: i8) -> Sighting {
    Sighting {
        at: Timestamp::from_micros(at_ms * 1_000),
        receiver: ReceiverId(receiver),
        key: DeviceKey(1),
        previous_key: None,
        rssi_dbm: Some(rssi_dbm),
        measured_power_dbm: None,
        class: DeviceClass::Beacon,
        followed: true,
    }
}

/// A grid of a plan, and what it believes after each second in which all receivers heard the given levels.
fn believed<S: AsRef<[i8]>>(plan: &str, seconds: &[S]) -> (Grid, Belief, Posterior) {
    let venue = Venue::parse(plan).expect("plan");
    let mut grid = Grid::new(&venue, RadioMap::new(&venue, Assumptions::default()));
    let mut belief = Belief::new(Timestamp::from_micros(0));
    for (second, levels_dbm) in seconds.iter().enumerate() {
        for (receiver, rssi_dbm) in levels_dbm.as_ref().iter().enumerate().filter(|(_, level)| **level < 0) {
            let sighting = sighting(second as i64 * 1_000 + 100, receiver as u8, *rssi_dbm);
            grid.listen(&sighting);
            grid.hear(&mut belief, &sighting);
        }
    }
    let now = Timestamp::from_micros(seconds.len() as i64 * 1_000_000);
    let posterior = grid.posterior(&mut belief, now).expect("heard");
    (grid, belief, posterior)
}

#[test]
fn a_device_near_a_receiver_is_found_there() {
    let (_, _, posterior) = believed(HALL, &[[-60, -83, -90]; 5]);
    assert!((posterior.point[0] - 5.0).abs() < 3.0, "{posterior:?}");
    assert_eq!(posterior.zones[0].0, ZoneId(0));
    assert!(posterior.zones[0].1 > 0.9, "{posterior:?}");
}

#[test]
fn probabilities_sum_to_one_and_cells_are_bounded() {
    let wide = HALL.replace("depth_m = 10", "depth_m = 200");
    let (_, belief, _) = believed(&wide, &[[-75, -75, -75]; 7]);
    let sum: f32 = belief.cells().map(|(_, probability)| probability).sum();
    assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    assert!(belief.cells().count() <= BELIEVED_MAX);
}

#[test]
fn the_silence_of_a_working_receiver_keeps_a_device_away_from_it() {
    let (mut grid, mut alone, _) = believed(HALL, &[[0, -80, 0]; 3]);
    let mut other = alone.clone();
    let now = Timestamp::from_micros(8_000_000);
    let after = |belief: &mut Belief, grid: &mut Grid| {
        grid.hear(belief, &sighting(7_000, 1, -80));
        grid.posterior(belief, now).expect("heard")
    };
    let without = after(&mut alone, &mut grid);
    // Somebody else is heard in the east, so its receiver works.
    grid.listen(&sighting(7_000, 2, -60));
    let with = after(&mut other, &mut grid);
    assert!(with.point[0] < without.point[0] - 0.2, "{with:?} {without:?}");
}

#[test]
fn the_stronger_floor_is_the_floor() {
    let (_, _, posterior) = believed(STOREYS, &[[-84, -66]; 5]);
    assert_eq!(posterior.floor, FloorId(1));
}

#[test]
fn a_device_that_turns_up_elsewhere_is_found_again() {
    let mut seconds = vec![[-60, -83, -90]; 10];
    seconds.extend([[-90, -83, -60]; 8]);
    let (_, _, posterior) = believed(HALL, &seconds);
    assert_eq!(posterior.zones[0].0, ZoneId(1), "{posterior:?}");
}

#[test]
fn receivers_learn_their_gains_from_those_who_walk_by() {
    // The middle receiver hears 8 dB worse than the others.
    let seconds: Vec<Vec<i8>> = (0..300)
        .map(|second| {
            let x_m = 20.0 + 18.0 * (f64::from(second) / 25.0).sin();
            let level = |at_m: f64| -59.0 - 20.0 * (x_m - at_m).hypot(1.2).max(1.0).log10();
            vec![level(5.0) as i8, (level(20.0) - 8.0) as i8, level(35.0) as i8]
        })
        .collect();
    let (grid, _, _) = believed(HALL, &seconds);
    let gain_db = |receiver| grid.map().gain_db(ReceiverId(receiver));
    assert!(gain_db(1) < gain_db(0) - 3.0, "{} {} {}", gain_db(0), gain_db(1), gain_db(2));
}

#[test]
fn adverts_without_a_strength_change_nothing() {
    let (mut grid, mut belief, before) = believed(HALL, &[[-60, -83, -90]; 3]);
    let deaf = Sighting { rssi_dbm: None, ..sighting(7_100, 0, 0) };
    grid.hear(&mut belief, &deaf);
    assert_eq!(grid.posterior(&mut belief, Timestamp::from_micros(8_000_000)), Some(before));
}
