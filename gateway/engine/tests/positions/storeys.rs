//! Two storeys of 30 m by 20 m with stairs at one end: is somebody found on the right floor?
//!
//! The model of radio is that of the halls, with 19 dB through the slab (ITU-R P.1238) and shadowing drawn anew each
//! ten seconds. Somebody walks at 1 m/s to random places of either floor, by the stairs.

use super::dice::Dice;
use super::{Figure, Goal, Heard, LAG_US, Located, check};
use std::fmt::Write;
use venue_engine::radio_map::{Assumptions, RadioMap};
use venue_engine::venue::{FloorId, ReceiverId, Venue};

const RECEIVERS: [[f64; 2]; 3] = [[6.0, 6.0], [24.0, 6.0], [15.0, 15.0]];
const STAIRS: [f64; 2] = [2.0, 10.0];
const STAIRS_S: u32 = 10;
const WALKS: u64 = 12;
const SECONDS: usize = 400;

fn plan(has_stairs: bool) -> Venue {
    let mut plan = String::from("name = \"house\"\n");
    for floor in ["low", "high"] {
        let _ = write!(plan, "[[floor]]\nname = \"{floor}\"\nwidth_m = 30\ndepth_m = 20\n");
    }
    for floor in ["low", "high"] {
        for (index, [x, y]) in RECEIVERS.iter().enumerate() {
            let _ = write!(
                plan,
                "[[receiver]]\nname = \"{floor}-{index}\"\nfloor = \"{floor}\"\nx_m = {x}\ny_m = {y}\nz_m = 2.5\n"
            );
        }
    }
    if has_stairs {
        let [x, y] = STAIRS;
        let _ = write!(plan, "[[stairs]]\nname = \"s\"\nfloors = [\"low\", \"high\"]\nx_m = {x}\ny_m = {y}\n");
    }
    Venue::parse(&plan).expect("a plan")
}

/// Where somebody is each second: floor and place. On the stairs, half of the time counts to either floor.
fn walk(dice: &mut Dice) -> Vec<(u8, [f64; 2])> {
    let (mut floor, mut point, mut all) = (0u8, [15.0, 10.0], Vec::new());
    while all.len() < SECONDS {
        let (to_floor, to) = (u8::from(dice.share() < 0.3) ^ floor, [dice.share() * 30.0, dice.share() * 20.0]);
        if to_floor != floor {
            go(&mut all, floor, &mut point, STAIRS);
            all.extend((0..STAIRS_S).map(|second| (if second < STAIRS_S / 2 { floor } else { to_floor }, STAIRS)));
            floor = to_floor;
        }
        go(&mut all, floor, &mut point, to);
        let pause_s = (-20.0 * (1.0 - dice.share()).ln()) as usize;
        all.extend(std::iter::repeat_n((floor, point), pause_s));
    }
    all.truncate(SECONDS);
    all
}

fn go(all: &mut Vec<(u8, [f64; 2])>, floor: u8, point: &mut [f64; 2], to: [f64; 2]) {
    let mut far_m = venue_engine::geometry::distance_m(*point, to);
    while far_m > 1.0 {
        *point = [0, 1].map(|axis| point[axis] + (to[axis] - point[axis]) / far_m);
        all.push((floor, *point));
        far_m = venue_engine::geometry::distance_m(*point, to);
    }
    *point = to;
}

fn hear(located: &mut Located, second: usize, (floor, point): (u8, [f64; 2]), shadow_db: &[f64], dice: &mut Dice) {
    for (index, shadow_db) in shadow_db.iter().enumerate() {
        let on = (index / RECEIVERS.len()) as u8;
        let at = RECEIVERS[index % RECEIVERS.len()];
        let height_m = 1.2 + if on == floor { 0.0 } else { 2.8 };
        let distance_m = venue_engine::geometry::distance_m(at, point).hypot(height_m).max(1.0);
        let slab_db = if on == floor { 0.0 } else { 19.0 };
        let level_dbm = -59.0 - 22.0 * distance_m.log10() - slab_db + shadow_db + 5.0 * dice.normal();
        if level_dbm > -98.0 {
            let (receiver, rssi_dbm) = (ReceiverId(index as u8), level_dbm.round() as i8);
            located.hear(&Heard { at_us: second as i64 * 1_000_000 + 500_000, device: 0, receiver, rssi_dbm });
        }
    }
}

/// Shares of moments on the right floor: ours, and the strongest receiver's in the second.
fn right_floors(has_stairs: bool) -> f64 {
    let venue = plan(has_stairs);
    let (mut right, mut all) = (0.0, 0.0);
    for seed in 0..WALKS {
        let mut dice = Dice::new(seed + 77);
        let walk = walk(&mut dice);
        let mut located = Located::new(&venue, RadioMap::new(&venue, Assumptions::default()), 1);
        let lag_s = (LAG_US / 1_000_000) as usize;
        let mut shadow_db = vec![0.0; 2 * RECEIVERS.len()];
        for (second, place) in walk.iter().enumerate() {
            if second % 10 == 0 {
                shadow_db.iter_mut().for_each(|shadow_db| *shadow_db = 4.0 * dice.normal());
            }
            hear(&mut located, second, *place, &shadow_db, &mut dice);
            let Some(told) = second.checked_sub(lag_s) else { continue };
            let Some((posterior, _)) = located.locate(0, told as i64 * 1_000_000 + 500_000) else { continue };
            right += f64::from(u8::from(posterior.floor == FloorId(walk[told].0)));
            all += 1.0;
        }
    }
    right / all
}

/// Drawn stairs must help, and a floor be right nearly always.
pub fn storeys() -> Vec<Figure> {
    let (with, without) = (right_floors(true), right_floors(false));
    vec![Figure {
        name: "two storeys, stairs drawn: floor; baseline not drawn".into(),
        ours: with,
        baseline: without,
        goal: Goal::AtLeast(0.95),
    }]
}

#[test]
fn the_floor_is_right_and_drawn_stairs_help() {
    check(&storeys());
}
