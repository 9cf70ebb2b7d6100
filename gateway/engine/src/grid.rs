//! Where a followed device is: a Bayes filter over cells, standing or walking, and transmitter strength.
//!
//! In: sightings of a device, event by event. Out: a posterior over cells for the middle of each window, and
//! from it a position with its error and the probability of each zone. What was heard shortly after a moment
//! counts for that moment too, so a posterior comes `LAG` after the time it describes. Cost follows seconds of
//! followed devices, not adverts: adverts only add to a window, and a window is worked off once it and those it
//! waits for have passed. It refuses to be surer than the radio map allows: what the map is off stays the same
//! from second to second, so a belief fades towards "anywhere" at a pace that follows the map's doubt, and is
//! drawn together again by each window.
//!
//! The state is a cell, one of two modes and one of five transmitter offsets (grid localisation: Thrun, Burgard
//! and Fox, "Probabilistic Robotics", 2005, chapter 8; fading: Kulhavý and Zarrop, "On a general concept of
//! forgetting", 1993; what came after: fixed-lag smoothing, Särkkä, "Bayesian Filtering and Smoothing", 2013).

mod exponents;
mod hearing;
mod lessons;
mod likelihood;
mod motion;
mod posterior;
mod powers;
mod smooth;
mod window;

pub use posterior::{Posterior, ZoneChoice, likeliest};

use crate::geometry::contains;
use crate::identity::Sighting;
use crate::radio_map::cells::Cell;
use crate::radio_map::law::Law;
use crate::radio_map::{Learned, RadioMap};
use crate::time::{Duration, Timestamp};
use crate::venue::{Queue, Venue};
use exponents::Exponents;
use hearing::Hearing;
use likelihood::Likelihood;
use posterior::Told;
use powers::{exp2, log2};
use std::collections::VecDeque;
use window::{WINDOW, Window};

/// Standing and walking.
pub(crate) const MODES: usize = 2;

/// Transmitter offsets believed possible.
pub(crate) const OFFSETS: usize = 5;

/// Distance between two offsets, dB: about the standard deviation of transmitters.
pub(crate) const OFFSET_STEP_DB: f32 = 4.0;

/// Time heard after a window that counts for it. Two windows take most of what the future can tell while
/// beliefs fade by a third in a second or more; each further one costs as much as an update.
pub const HINDSIGHT: Duration = Duration::from_secs(2);

/// A posterior describes a moment this long ago: the window after it must have passed, and its hindsight.
pub const LAG: Duration = Duration::from_micros(HINDSIGHT.as_micros() + WINDOW.as_micros());

/// Cells one device is believed to be in. 256 cells of 42 bytes are 11 kB a device, 22 MB for 2 000; beyond
/// them the least likely are given up.
pub const BELIEVED_MAX: usize = 256;

/// Cells with less probability than this are given up.
const PRUNE: f32 = 1e-9;

/// Every how many updates a little belief goes to everywhere, and how much. What was given up comes back
/// within seconds when a device turns up there.
const SOW_EVERY: u8 = 5;
const SOW: f32 = 1e-3;

/// Cells sown at once, in turn; so the cost of an update does not grow with the venue.
const SOW_CELLS: usize = 512;

/// Share of a belief that fades in a second where the map's doubt is much larger than the fading of adverts.
const FADE: f32 = 0.55;

/// How much less than its due a window counts where the map's doubt is much larger than the fading of adverts:
/// shadowing is the same in the next (methods: tempered likelihood).
const TEMPER: f32 = 0.5;

/// Belief in one cell: by mode, by offset.
pub(crate) type Mass = [[f32; OFFSETS]; MODES];

/// What is believed of one device.
#[derive(Clone, Debug)]
pub struct Belief {
    cells: Vec<u16>,
    mass: Vec<Mass>,
    /// The belief holds for this time.
    at: Timestamp,
    updates: u8,
    /// Being filled.
    window: Window,
    /// Passed, but waiting for hindsight: one a second at most, so no more than `HINDSIGHT` holds.
    waiting: VecDeque<Window>,
    /// Probability of each cell in hindsight of the last window worked off, in the order of `cells`.
    hindsight: Vec<f32>,
    /// What was believed in hindsight of the last two windows.
    told: [Option<Told>; 2],
}

/// The filter of a venue: its map, what the devices teach about it, and room to work in.
#[derive(Debug)]
pub struct Grid {
    map: RadioMap,
    likelihood: Likelihood,
    prior: Prior,
    law: Law,
    hearing: Hearing,
    exponents: Exponents,
    taught_at: Timestamp,
    work: Work,
}

/// Room to work in, kept to spare allocations.
#[derive(Debug, Default)]
struct Work {
    /// Place of each cell in the list of believed cells; `NOWHERE` if it is not.
    place: Vec<u16>,
    next: Vec<[f32; OFFSETS]>,
    /// The belief being updated.
    cells: Vec<u16>,
    mass: Vec<Mass>,
    /// Per believed cell and offset; then the weights that follow.
    log_likelihood: Vec<[f32; OFFSETS]>,
    order: Vec<f32>,
    /// How likely what came later is, by believed cell and state; then the belief in hindsight.
    later: Vec<Mass>,
    /// Per believed cell its probability and the offset expected there times it, dB.
    moments: Vec<(f32, f32)>,
}

const NOWHERE: u16 = u16::MAX;

impl Work {
    /// Notes the place of each cell of a list.
    fn enter(&mut self, cells: &[u16]) {
        for (place, cell) in cells.iter().enumerate() {
            self.place[usize::from(*cell)] = place as u16;
        }
    }

    /// Forgets them again.
    fn leave(&mut self, cells: &[u16]) {
        cells.iter().for_each(|cell| self.place[usize::from(*cell)] = NOWHERE);
    }
}

/// What is believed of a device before it is heard: everywhere, as the product of two tables.
#[derive(Debug)]
struct Prior {
    by_cell: Vec<f32>,
    by_state: Mass,
    log_by_cell: Vec<f32>,
    log_by_state: Mass,
}

impl Belief {
    /// Nothing known yet.
    pub fn new(at: Timestamp) -> Self {
        Self {
            cells: Vec::new(),
            mass: Vec::new(),
            at,
            updates: 0,
            window: Window::new(at),
            waiting: VecDeque::new(),
            hindsight: Vec::new(),
            told: [None, None],
        }
    }

    /// The moment believed in: the middle of the last window worked off.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Cells believed in with their probabilities in hindsight, which sum to 1; in no particular order.
    pub fn cells(&self) -> impl Iterator<Item = (u16, f32)> {
        self.cells.iter().copied().zip(self.hindsight.iter().copied())
    }

    /// All values, cell by cell.
    fn values(&mut self) -> &mut [f32] {
        self.mass.as_flattened_mut().as_flattened_mut()
    }

    fn scale(&mut self, by: f32) {
        self.values().iter_mut().for_each(|value| *value *= by);
    }

    fn normalise(&mut self) {
        let sum: f32 = self.mass.iter().map(total).sum();
        self.scale(1.0 / sum.max(f32::MIN_POSITIVE));
    }
}

/// Sum over modes and offsets.
fn total(mass: &Mass) -> f32 {
    mass.iter().flatten().sum()
}

impl Grid {
    /// A filter over a map.
    pub fn new(venue: &Venue, map: RadioMap) -> Self {
        let likelihood = Likelihood::new(map.assumptions());
        let prior = Prior::new(venue, &map, &likelihood);
        let law = Law::new(&map);
        let work = Work { place: vec![NOWHERE; map.cells().len()], ..Work::default() };
        let (hearing, exponents) = (Hearing::new(venue.receivers.len()), Exponents::new());
        Self { map, likelihood, prior, law, hearing, exponents, taught_at: Timestamp::MIN, work }
    }

    /// How likely each cell is before a device is heard there.
    pub fn prior(&self) -> impl Iterator<Item = (u16, f32)> {
        (0u16..).zip(self.prior.by_cell.iter().copied())
    }

    /// The map in use.
    pub fn map(&self) -> &RadioMap {
        &self.map
    }

    /// Takes over what was learned at labelled places; false when it was learned on another floor plan.
    pub fn apply(&mut self, learned: &Learned) -> bool {
        self.map.apply(learned)
    }

    /// Takes a sighting of any device as a sign that its receiver works.
    pub fn listen(&mut self, sighting: &Sighting) {
        self.map.listen(sighting.receiver, sighting.at);
    }

    /// Takes a sighting of a followed device into account.
    pub fn hear(&mut self, belief: &mut Belief, sighting: &Sighting) {
        let Some(rssi_dbm) = sighting.rssi_dbm else { return };
        self.advance(belief, sighting.at);
        belief.window.add(sighting.receiver, rssi_dbm);
    }

    /// Closes the window that has passed, and works off those whose hindsight has passed too.
    pub fn advance(&mut self, belief: &mut Belief, now: Timestamp) {
        if now >= belief.window.end() {
            let passed = std::mem::replace(&mut belief.window, Window::new(now));
            if !passed.is_empty() {
                belief.waiting.push_back(passed);
            }
        }
        while let Some(window) = belief.waiting.pop_front_if(|first| first.end() + HINDSIGHT <= now) {
            if let Some(next) = belief.waiting.front() {
                self.hearing.learn(&window, next);
            }
            self.update(belief, &window);
            self.look_back(belief);
            if self.map.is_learned() {
                continue;
            }
            self.exponents.judge(&window, &self.map, &self.likelihood, &self.hearing, &self.prior.by_cell);
            if belief.updates.is_multiple_of(lessons::LEARN_EVERY) {
                self.learn(belief, &window);
            }
        }
    }

    /// Moves the belief to the middle of a window and weighs it by what was heard. That is done in the work room,
    /// where the lists may grow, and the belief keeps what it needs.
    fn update(&mut self, belief: &mut Belief, window: &Window) {
        let (mut cells, mut mass) = (std::mem::take(&mut self.work.cells), std::mem::take(&mut self.work.mass));
        cells.clone_from(&belief.cells);
        mass.clone_from(&belief.mass);
        std::mem::swap(&mut belief.cells, &mut cells);
        std::mem::swap(&mut belief.mass, &mut mass);
        self.step(belief, window);
        keep(&belief.cells, &mut cells);
        keep(&belief.mass, &mut mass);
        self.work.cells = std::mem::replace(&mut belief.cells, cells);
        self.work.mass = std::mem::replace(&mut belief.mass, mass);
    }

    fn step(&mut self, belief: &mut Belief, window: &Window) {
        let at = window.middle();
        let passed_s = at.since(belief.at).max(Duration::ZERO).as_secs_f64() as f32;
        belief.at = at;
        belief.updates = belief.updates.wrapping_add(1);
        if belief.cells.is_empty() {
            self.prior.sow(belief, &mut self.work.place, 1.0, 0..1);
        } else {
            self.fade(belief, passed_s);
            motion::predict(belief, &self.map, &mut self.work, self.likelihood.offsets(), passed_s);
        }
        if belief.updates.is_multiple_of(SOW_EVERY) {
            let stride = self.map.cells().len().div_ceil(SOW_CELLS);
            let first = usize::from(belief.updates / SOW_EVERY) % stride;
            self.prior.sow(belief, &mut self.work.place, SOW, first..stride);
        }
        self.weigh(belief, window);
        prune(belief, &mut self.work.order);
    }

    /// Lets a belief fade towards the prior: a weighted mean of their logarithms.
    fn fade(&self, belief: &mut Belief, passed_s: f32) {
        let keep = self.kept(passed_s);
        // Loops over plain floats run in vector registers; that halves the cost of an update.
        belief.values().iter_mut().for_each(|value| *value = keep * log2(*value));
        for (cell, mass) in belief.cells.iter().zip(&mut belief.mass) {
            let by_cell = self.prior.log_by_cell[usize::from(*cell)];
            let by_state = self.prior.log_by_state.as_flattened();
            for (value, by_state) in mass.as_flattened_mut().iter_mut().zip(by_state) {
                *value += (1.0 - keep) * (by_cell + by_state);
            }
        }
        belief.values().iter_mut().for_each(|value| *value = exp2(*value));
        belief.normalise();
    }

    /// Share of a belief's sureness that is left after some seconds.
    fn kept(&self, passed_s: f32) -> f32 {
        // Steeper than the share itself: with a good map nearly all that is off averages out in time.
        let share = FADE * self.lasting_share().powf(1.5);
        exp2(passed_s * log2(1.0 - share))
    }

    /// Share of what levels are off that stays the same from second to second.
    fn lasting_share(&self) -> f32 {
        let doubt = self.map.doubt();
        doubt / (doubt + self.map.assumptions().fading_db.powi(2))
    }

    fn weigh(&mut self, belief: &mut Belief, window: &Window) {
        self.weights(&belief.cells, window);
        for (mass, weights) in belief.mass.iter_mut().zip(&self.work.log_likelihood) {
            for mode in mass.iter_mut() {
                mode.iter_mut().zip(weights).for_each(|(value, weight)| *value *= weight);
            }
        }
        belief.normalise();
    }

    /// How well a window fits each cell and offset, 1 at best, into the work room.
    fn weights(&mut self, cells: &[u16], window: &Window) {
        let temper = 1.0 - TEMPER * self.lasting_share();
        let weights = &mut self.work.log_likelihood;
        self.likelihood.of_window(cells, window, &self.map, &self.hearing, weights);
        let weights = weights.as_flattened_mut();
        let best = weights.iter().fold(f32::MIN, |best, value| best.max(*value));
        weights.iter_mut().for_each(|value| *value = exp2(temper * (*value - best)));
    }
}

/// Copies a list into one that takes no more room than it must.
fn keep<T: Copy>(from: &[T], to: &mut Vec<T>) {
    to.clear();
    to.reserve_exact(from.len());
    to.extend_from_slice(from);
}

/// Gives up cells of no consequence, and the least likely ones where there are too many.
fn prune(belief: &mut Belief, order: &mut Vec<f32>) {
    let mut least = PRUNE;
    if belief.cells.len() > BELIEVED_MAX {
        order.clear();
        order.extend(belief.mass.iter().map(total));
        let place = order.len() - BELIEVED_MAX;
        let (_, kept, _) = order.select_nth_unstable_by(place, f32::total_cmp);
        least = least.max(*kept);
    }
    let mut kept = 0;
    for index in 0..belief.cells.len() {
        if total(&belief.mass[index]) >= least && kept < BELIEVED_MAX {
            belief.cells.swap(kept, index);
            belief.mass.swap(kept, index);
            kept += 1;
        }
    }
    belief.cells.truncate(kept);
    belief.mass.truncate(kept);
    belief.normalise();
}

/// How likely a cell outside all zones is at first, against one in a zone of usual size.
const OUTSIDE_ZONES: f32 = 0.3;

impl Prior {
    /// Each zone and each queue is as likely as another, however small: they are drawn where people are.
    fn new(venue: &Venue, map: &RadioMap, likelihood: &Likelihood) -> Self {
        let zones = venue.zones.len();
        let places_of = |cell: &Cell| {
            let at_queue = |(_, queue): &(usize, &Queue)| {
                queue.floor == cell.floor && (contains(&queue.area, cell.point) || contains(&queue.counter, cell.point))
            };
            let queue = venue.queues.iter().enumerate().find(at_queue).map(|(index, _)| zones + index);
            [cell.zone.map(|zone| usize::from(zone.0)), queue]
        };
        let mut sizes = vec![0.0f32; zones + venue.queues.len()];
        map.cells().iter().flat_map(places_of).flatten().for_each(|place| sizes[place] += 1.0);
        let usual = (sizes.iter().sum::<f32>() / sizes.len().max(1) as f32).max(1.0);
        let weight = |cell: &Cell| match places_of(cell) {
            [None, None] => OUTSIDE_ZONES,
            places => places.iter().flatten().map(|place| usual / sizes[*place]).sum(),
        };
        let mut by_cell: Vec<f32> = map.cells().iter().map(weight).collect();
        let sum: f32 = by_cell.iter().sum();
        by_cell.iter_mut().for_each(|value| *value /= sum);
        let by_state = motion::AT_FIRST.map(|share| likelihood.offsets().shares().map(|offset| share * offset));
        let log_by_cell = by_cell.iter().map(|value| log2(*value)).collect();
        Self { by_cell, by_state, log_by_cell, log_by_state: by_state.map(|mode| mode.map(log2)) }
    }

    /// Adds belief, up to a share of all belief, in every cell, or beginning with a first one in every so manieth.
    fn sow(&self, belief: &mut Belief, place: &mut [u16], share: f32, every: std::ops::Range<usize>) {
        for (index, cell) in belief.cells.iter().enumerate() {
            place[usize::from(*cell)] = index as u16;
        }
        let share = share * every.end as f32;
        for (cell, by_cell) in self.by_cell.iter().enumerate().skip(every.start).step_by(every.end) {
            let mut index = usize::from(place[cell]);
            if place[cell] == NOWHERE {
                index = belief.cells.len();
                belief.cells.push(cell as u16);
                belief.mass.push(Mass::default());
            }
            let values = belief.mass[index].iter_mut().flatten();
            values.zip(self.by_state.iter().flatten()).for_each(|(value, state)| *value += share * by_cell * state);
        }
        belief.cells.iter().for_each(|cell| place[usize::from(*cell)] = NOWHERE);
    }
}

#[cfg(test)]
mod tests;
