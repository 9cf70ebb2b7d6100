//! How people move between two updates.
//!
//! In: a belief and the time that passed. Out: the belief for now: some who stood walk, some who walked
//! stand, and those walking spread over the cells they can step to. Walls stop them; a door lets them through.

use super::likelihood::Offsets;
use super::{Belief, MODES, Mass, NOWHERE, OFFSETS, Work};
use crate::radio_map::RadioMap;
use crate::radio_map::cells::Steps;

/// How long people stand and walk on average, seconds (methods: 40 and 14).
const STANDING_S: f32 = 20.0;
const WALKING_S: f32 = 14.0;

/// Shares of standing and walking people at any time, from the above.
pub(crate) const AT_FIRST: [f32; MODES] = [STANDING_S / (STANDING_S + WALKING_S), WALKING_S / (STANDING_S + WALKING_S)];

/// How far walking people spread along each axis in a second, standard deviation, metres (methods: 1.5).
const SPREAD_M: f32 = 1.5;

/// Share that goes to each neighbour in one pass, at most: a smooth spread of three cells.
const SHARE_MAX: f32 = 0.3;

/// Passes of one prediction; in small rooms of fine cells people spread less far than they could.
const PASSES_MAX: usize = 4;

/// Share of walking people who change floor in a second, anywhere, where the plan draws no stairs.
const FLOOR_SHARE: f32 = 0.005;

/// The same of those at stairs, where it does: every other one takes them, in some seconds.
const STAIRS_SHARE: f32 = 0.1;

/// Share of transmitters that change by one step in a second: a body turns, a phone is put away.
const OFFSET_SHARE: f32 = 0.01;

/// Cells with fewer walking people than this send nobody out, so that the list of cells stays short.
const NEGLIGIBLE: f32 = 1e-6;

/// Nothing more happens in a gap longer than this, seconds: the shares above are then a chain's stable ones.
const GAP_MAX_S: f32 = 10.0;

/// Moves a belief on by some seconds.
pub(crate) fn predict(belief: &mut Belief, map: &RadioMap, work: &mut Work, offsets: &Offsets, passed_s: f32) {
    switch_modes(belief, passed_s);
    let passed_s = passed_s.min(GAP_MAX_S);
    change_offsets(belief, offsets, passed_s);
    work.enter(&belief.cells);
    let (passes, share) = blur(map, passed_s);
    for _ in 0..passes {
        pass(belief, map, work, share, |steps| steps.across);
        pass(belief, map, work, share, |steps| steps.along);
    }
    if map.cells().floors() > 1 {
        pass(belief, map, work, floor_share(map, passed_s), |steps| steps.floors);
    }
    work.leave(&belief.cells);
}

fn floor_share(map: &RadioMap, passed_s: f32) -> f32 {
    let share = if map.cells().has_stairs() { STAIRS_SHARE } else { FLOOR_SHARE };
    (share * passed_s).min(SHARE_MAX)
}

/// How often to spread, and what share goes to each neighbour.
fn blur(map: &RadioMap, passed_s: f32) -> (usize, f32) {
    let side_m = map.cells().side_m() as f32;
    let spread = SPREAD_M * SPREAD_M * passed_s / (side_m * side_m);
    let passes = ((spread / (2.0 * SHARE_MAX)).ceil() as usize).clamp(1, PASSES_MAX);
    (passes, (spread / (2.0 * passes as f32)).min(SHARE_MAX))
}

/// Moves how likely something later is, by believed cell and state, back by some seconds: the transpose of
/// `predict`. Steps are as likely in either direction, so spreading is its own transpose. Cells that are not
/// believed in are taken for as likely as their neighbours.
pub(crate) fn retrace(cells: &[u16], map: &RadioMap, work: &mut Work, offsets: &Offsets, passed_s: f32) {
    let passed_s = passed_s.min(GAP_MAX_S);
    work.enter(cells);
    if map.cells().floors() > 1 {
        gather(cells, map, work, floor_share(map, passed_s), |steps| steps.floors);
    }
    let (passes, share) = blur(map, passed_s);
    for _ in 0..passes {
        gather(cells, map, work, share, |steps| steps.along);
        gather(cells, map, work, share, |steps| steps.across);
    }
    work.leave(cells);
    let flows = offset_flows(offsets, passed_s);
    for mode in work.later.iter_mut().flatten() {
        let after = *mode;
        for (offset, (up, down)) in flows.iter().enumerate() {
            let gain = after[offset + 1] - after[offset];
            mode[offset] += gain * up;
            mode[offset + 1] -= gain * down;
        }
    }
    let (start, stop) = mode_flows(passed_s);
    for [standing, walking] in &mut work.later {
        for (standing, walking) in standing.iter_mut().zip(walking) {
            let gain = *walking - *standing;
            *standing += gain * start;
            *walking -= gain * stop;
        }
    }
}

/// Shares of those standing who walk after some seconds, and of those walking who stand.
fn mode_flows(passed_s: f32) -> (f32, f32) {
    // The exact two-state chain: it forgets at the sum of both rates.
    let forgotten = 1.0 - (-passed_s * (1.0 / STANDING_S + 1.0 / WALKING_S)).exp();
    (AT_FIRST[1] * forgotten, AT_FIRST[0] * forgotten)
}

fn switch_modes(belief: &mut Belief, passed_s: f32) {
    let (start, stop) = mode_flows(passed_s);
    for [standing, walking] in &mut belief.mass {
        for (standing, walking) in standing.iter_mut().zip(walking) {
            let moved = *standing * start - *walking * stop;
            *standing -= moved;
            *walking += moved;
        }
    }
}

/// Shares that go from each offset to the next and back. Steps to a rarer offset are as much rarer, so that the
/// shares of all transmitters stay.
fn offset_flows(offsets: &Offsets, passed_s: f32) -> [(f32, f32); OFFSETS - 1] {
    let shares = offsets.shares();
    let mut flows = [(0.0, 0.0); OFFSETS - 1];
    for (offset, flow) in flows.iter_mut().enumerate() {
        let ratio = shares[offset + 1] / shares[offset];
        *flow = (OFFSET_SHARE * passed_s * ratio.min(1.0), OFFSET_SHARE * passed_s * (1.0 / ratio).min(1.0));
    }
    flows
}

fn change_offsets(belief: &mut Belief, offsets: &Offsets, passed_s: f32) {
    let flows = offset_flows(offsets, passed_s);
    for mode in belief.mass.iter_mut().flatten() {
        let before = *mode;
        for (offset, (up, down)) in flows.iter().enumerate() {
            let moved = before[offset] * up - before[offset + 1] * down;
            mode[offset] -= moved;
            mode[offset + 1] += moved;
        }
    }
}

/// Spreads those walking to two neighbours of each cell. A blocked step leads back, so nobody is lost.
fn pass(belief: &mut Belief, map: &RadioMap, work: &mut Work, share: f32, to: impl Fn(&Steps) -> [u16; 2]) {
    for index in 0..belief.cells.len() {
        if belief.mass[index][1].iter().sum::<f32>() < NEGLIGIBLE {
            continue;
        }
        for cell in to(map.cells().steps(belief.cells[index])) {
            if work.place[usize::from(cell)] == NOWHERE {
                work.place[usize::from(cell)] = belief.cells.len() as u16;
                belief.cells.push(cell);
                belief.mass.push(Mass::default());
            }
        }
    }
    work.next.clear();
    for (cell, mass) in belief.cells.iter().zip(&belief.mass) {
        let mut next = mass[1].map(|value| value * (1.0 - 2.0 * share));
        for neighbour in to(map.cells().steps(*cell)) {
            let place = work.place[usize::from(neighbour)];
            if place == NOWHERE {
                continue;
            }
            for (value, from) in next.iter_mut().zip(&belief.mass[usize::from(place)][1]) {
                *value += share * from;
            }
        }
        work.next.push(next);
    }
    belief.mass.iter_mut().zip(&work.next).for_each(|(mass, next)| mass[1] = *next);
}

/// Spreads what is likely later among those walking; the counterpart of `pass` that adds no cells.
fn gather(cells: &[u16], map: &RadioMap, work: &mut Work, share: f32, to: impl Fn(&Steps) -> [u16; 2]) {
    work.next.clear();
    for (cell, later) in cells.iter().zip(&work.later) {
        let mut next = later[1].map(|value| value * (1.0 - 2.0 * share));
        for neighbour in to(map.cells().steps(*cell)) {
            let place = work.place[usize::from(neighbour)];
            let from = work.later.get(usize::from(place)).unwrap_or(later);
            next.iter_mut().zip(&from[1]).for_each(|(value, from)| *value += share * from);
        }
        work.next.push(next);
    }
    work.later.iter_mut().zip(&work.next).for_each(|(later, next)| later[1] = *next);
}
