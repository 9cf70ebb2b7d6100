//! The queues: who stands in which, how long each is, how long one waits.
//!
//! In: sightings of people's devices near queues, the beliefs of where followed devices are, counts told by
//! tills and staff. Out: the state of each queue. Every device that stands for a person is a probe, whether its owner
//! opted in or not; of those who did not, a belief is kept under the key of the running epoch only while they
//! are near a queue, and nothing of it is told but the queue's figures. It refuses more probes than its limit,
//! counted.

pub mod balance;
pub mod experts;
pub mod line;
pub mod mixture;
pub mod presence;
pub mod stand;
pub mod throughput;

use crate::devices::Device;
use crate::grid::{Belief, Grid};
use crate::identity::{DeviceKey, Sighting};
use crate::time::{Duration, Timestamp};
use crate::venue::{QUEUES_MAX, QueueId, Venue};
use line::Line;
use mixture::Mixture;
use presence::{Change, Presence};
use stand::{Shares, Stands};
use std::collections::BTreeMap;

/// Strangers' devices located at once: 11 kB each, 6 MB. Sixteen queues of thirty heard people; with more of
/// them heard the newest are not probes.
pub const STRANGERS_MAX: usize = 512;

/// How often the probes are looked at: about the pace of adverts.
pub const STEP: Duration = Duration::from_secs(1);

/// A probe not heard for this long is lost: ten adverts of a slow phone.
const LOST_AFTER: Duration = Duration::from_secs(20);

/// A device first heard this shortly before it was found at a queue may be one whose address has just changed.
const NEW_FOR: Duration = Duration::from_secs(12);

/// A stranger's device away from all queues for this long is no longer located.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// One device that may queue.
struct Probe {
    /// Its key in the lines: addresses' keys change with the epoch, this one does not.
    number: DeviceKey,
    presence: Presence,
    /// What is believed of a stranger's device; of a followed one the belief is kept elsewhere.
    belief: Option<Belief>,
    first_at: Timestamp,
    heard_at: Timestamp,
    /// Last near a queue.
    near_at: Timestamp,
    /// Whether its present stay counts in the line.
    in_line: bool,
}

/// All queues of a venue.
pub struct Queues {
    stands: Stands,
    mixture: Mixture,
    /// Probabilities of all regions, probe by probe. Room to work in.
    shares: Vec<f32>,
    lines: Vec<Line>,
    probes: BTreeMap<DeviceKey, Probe>,
    strangers: usize,
    numbers: u64,
    /// When anything was heard first: who is at a queue then has been there before.
    begun: Option<Timestamp>,
    /// Where probes were served lately; emptied at each step.
    served: Vec<QueueId>,
    refused: u64,
}

impl Queues {
    /// Empty queues.
    pub fn new(venue: &Venue, grid: &Grid, penetration: f64, penetration_cv: f64) -> Self {
        let line = |queue| Line::new(queue, penetration, penetration_cv);
        let stands = Stands::new(venue, grid.map().cells());
        let (mut believed, mut areas) = (Vec::new(), Vec::new());
        stands.append_sums(grid.prior(), &mut believed);
        stands.append_sums(grid.prior().map(|(cell, _)| (cell, 1.0)), &mut areas);
        Self {
            stands,
            mixture: Mixture::new(believed, areas),
            shares: Vec::new(),
            lines: venue.queues.iter().map(line).collect(),
            probes: BTreeMap::new(),
            strangers: 0,
            numbers: 0,
            begun: None,
            served: Vec::new(),
            refused: 0,
        }
    }

    /// Whether the venue has none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Probes not taken because there were too many, at once or in one line.
    pub fn refused(&self) -> u64 {
        self.refused + self.lines.iter().map(|line| line.counters().joins_refused).sum::<u64>()
    }

    /// A queue's line.
    pub fn line_mut(&mut self, queue: QueueId) -> &mut Line {
        &mut self.lines[usize::from(queue.0)]
    }

    /// The lines, queue by queue.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// A device that stands for a person was heard; `is_near` a queue by its strongest receiver, `is_believed`
    /// where a belief is kept of it elsewhere.
    pub fn hear(&mut self, grid: &mut Grid, sighting: &Sighting, device: &Device, is_near: bool, is_believed: bool) {
        self.begun.get_or_insert(sighting.at);
        self.rename(sighting);
        if is_near && !self.probes.contains_key(&sighting.key) {
            self.begin(sighting, device, is_believed);
        }
        let Some(probe) = self.probes.get_mut(&sighting.key) else { return };
        probe.heard_at = sighting.at;
        if is_near {
            probe.near_at = sighting.at;
        }
        if let Some(belief) = &mut probe.belief {
            grid.hear(belief, sighting);
        }
    }

    fn begin(&mut self, sighting: &Sighting, device: &Device, is_believed: bool) {
        if !is_believed && self.strangers >= STRANGERS_MAX {
            self.refused += 1;
            return;
        }
        self.strangers += usize::from(!is_believed);
        self.numbers += 1;
        let probe = Probe {
            number: DeviceKey(self.numbers),
            presence: Presence::default(),
            belief: (!is_believed).then(|| Belief::new(sighting.at)),
            first_at: device.first_at,
            heard_at: sighting.at,
            near_at: sighting.at,
            in_line: false,
        };
        self.probes.insert(sighting.key, probe);
    }

    /// The same address in a new epoch has a new key.
    fn rename(&mut self, sighting: &Sighting) {
        let Some(previous) = sighting.previous_key.map(|key| DeviceKey(key.get())) else { return };
        if !self.probes.contains_key(&sighting.key)
            && let Some(probe) = self.probes.remove(&previous)
        {
            self.probes.insert(sighting.key, probe);
        }
    }

    /// Looks at all probes; `believed` gives the belief kept elsewhere.
    pub fn step<'a>(
        &mut self,
        grid: &mut Grid,
        at: Timestamp,
        mut believed: impl FnMut(DeviceKey) -> Option<&'a Belief>,
    ) {
        let begun = self.begun.unwrap_or(at);
        self.shares.clear();
        let mut placed = Vec::new();
        for (key, probe) in self.probes.iter_mut().filter(|(_, probe)| at.since(probe.heard_at) <= LOST_AFTER) {
            let belief = match &mut probe.belief {
                Some(belief) => {
                    grid.advance(belief, at);
                    Some(&*belief)
                }
                None => believed(*key),
            };
            if let Some(belief) = belief.filter(|belief| belief.cells().next().is_some()) {
                self.stands.append_sums(belief.cells(), &mut self.shares);
                placed.push(probe);
            }
        }
        self.mixture.settle(&mut self.shares);
        let (mut counts, mut squares) = (vec![0.0f32; self.lines.len()], vec![0.0f32; self.lines.len()]);
        for (probe, regions) in placed.into_iter().zip(self.shares.chunks_exact(self.stands.regions())) {
            let mut shares: Shares = [0.0; QUEUES_MAX];
            shares[..counts.len()].copy_from_slice(&regions[..counts.len()]);
            for change in probe.presence.update(&shares, at).into_iter().flatten() {
                if probe.change(&mut self.lines, change, begun)
                    && let Change::Left { queue, .. } = change
                {
                    self.served.push(queue);
                }
            }
            counts.iter_mut().zip(regions).for_each(|(count, share)| *count += share);
            squares.iter_mut().zip(regions).for_each(|(square, share)| *square += share * share);
        }
        for ((line, count), square) in self.lines.iter_mut().zip(counts).zip(squares) {
            line.counted(f64::from(count), f64::from(square));
        }
        self.drop_absent(at);
    }

    /// Ends the stays of the lost, and forgets strangers who are away.
    fn drop_absent(&mut self, at: Timestamp) {
        let (lines, strangers) = (&mut self.lines, &mut self.strangers);
        self.probes.retain(|_, probe| {
            let is_lost = at.since(probe.heard_at) > LOST_AFTER;
            let is_away = probe.presence.here().is_none() && at.since(probe.near_at) > AWAY_MAX;
            if is_lost {
                probe.lose(lines);
            }
            let stays = !is_lost && !is_away;
            *strangers -= usize::from(!stays && probe.belief.is_some());
            stays
        });
    }

    /// A device must be forgotten: it was never in a line.
    pub fn forget(&mut self, key: DeviceKey, at: Timestamp) {
        let Some(mut probe) = self.probes.remove(&key) else { return };
        self.strangers -= usize::from(probe.belief.is_some());
        if let Some((queue, _)) = probe.presence.here().filter(|_| probe.in_line) {
            self.lines[usize::from(queue.0)].beside(at, probe.number);
            probe.in_line = false;
        }
    }

    /// Queues at which a probe was served since this was asked last, one entry each.
    pub fn take_served(&mut self) -> Vec<QueueId> {
        std::mem::take(&mut self.served)
    }
}

impl Probe {
    /// Passes a change on to the lines; true when the probe was served.
    fn change(&mut self, lines: &mut [Line], change: Change, begun: Timestamp) -> bool {
        match change {
            Change::Joined { queue, at } => {
                // An address that turns up in the middle of a line is most often an old one that changed.
                let was_outside = at.since(self.first_at) > NEW_FOR;
                let was_there = self.first_at.since(begun) <= NEW_FOR;
                self.in_line = was_outside || was_there;
                if self.in_line {
                    lines[usize::from(queue.0)].joined(at, self.number);
                }
                false
            }
            Change::Left { queue, joined, at } => {
                std::mem::take(&mut self.in_line) && lines[usize::from(queue.0)].left(joined, at, self.number)
            }
        }
    }

    fn lose(&mut self, lines: &mut [Line]) {
        if let Some(Change::Left { queue, .. }) = self.presence.leave(self.heard_at)
            && std::mem::take(&mut self.in_line)
        {
            lines[usize::from(queue.0)].lost(self.heard_at, self.number);
        }
    }
}
