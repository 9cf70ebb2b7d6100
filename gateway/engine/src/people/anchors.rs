//! What known counts teach: the share of people who are heard, and how the crowd of now differs from it.
//!
//! In: counts of people (heads in a place, through a turnstile, served at a till) and the devices there at that
//! moment. Out: lessons for the penetration, and estimates that remember the last count of heads: right after it
//! people are as many as were counted, and as the crowd turns over that knowledge fades. People in groups come and
//! go together, so the spread of counts is learned too. It refuses counts that contradict what was heard, and those
//! of places it does not know.

use super::Devices;
use crate::event::{Anchor, AnchorKind};
use crate::live_count::{ROTATION_MIN, Weight};
use crate::penetration::{Penetration, PeopleEstimate, Share};
use crate::time::{Duration, Timestamp};
use crate::venue::{QueueId, Venue};
use std::collections::{BTreeMap, VecDeque};

/// How often the devices in each place are noted for counts that come late, and for how long: whoever counts a
/// hall types the number in within the hour.
const NOTE_EVERY: Duration = Duration::from_secs(30);
const NOTES_MAX: usize = 120;

/// Counts that wait for their time; a till that sends ahead of time has a wrong clock.
const PENDING_MAX: usize = 1_024;

/// All who are there at the start have been heard after this long.
const TURNING_UP: Duration = Duration::from_mins(1);

/// A crowd of which heads were counted has turned over after about so long, minutes: half an hour at a stand, an
/// hour or two in a hall. What is remembered of a count fades at this pace.
const TURNOVER_MIN: f64 = 45.0;

/// A count that says more than three times or less than a third of what was believed corrects no more than that.
const RATIO_MAX: f64 = 3.0;

/// Heads are not counted without fault either: so much of the usual interval is left right after a count.
const LEFT_MIN: f64 = 0.1;

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// More devices than people at a door, beyond counting errors: then the count is of something else.
const CONSISTENT_MAX: f64 = 1.05;

/// One in so many counts' worth is believed of ordinary spread before counts show otherwise.
const SPREAD_PRIOR: f64 = 25.0;

/// Counts vary at most so many times as much as independent people do: groups of a family or a team.
const SPREAD_MAX: f64 = 4.0;

/// What is known beside the share.
pub struct Anchors {
    notes: VecDeque<Note>,
    pending: VecDeque<Anchor>,
    heard_since: Option<Timestamp>,
    /// The last count of heads by zone; of the venue last.
    counted: Vec<Option<Counted>>,
    /// Squared deviations of counts in units of what was expected, and how many.
    spread: (f64, f64),
    passages: Passages,
    /// Devices served at each queue since its till last told.
    served: Vec<f64>,
}

/// Devices at a moment: by zone, outside all zones last.
#[derive(Clone, Debug)]
struct Note {
    at: Timestamp,
    zones: Vec<Weight>,
    venue: Weight,
}

/// What a count of heads said over what was believed.
#[derive(Clone, Copy, Debug)]
struct Counted {
    at: Timestamp,
    log_ratio: f64,
}

/// Devices that came and went since all entrances last told.
#[derive(Clone, Debug, Default)]
struct Passages {
    came: f64,
    went: f64,
    /// Addresses that devices alive have changed, at the usual pace.
    rotations: f64,
    at: Option<Timestamp>,
    /// Devices when the entrances last told, and now.
    before: f64,
    now: f64,
    /// People told since, by entrance.
    people: BTreeMap<usize, f64>,
}

impl Anchors {
    /// No counts yet.
    pub fn new(venue: &Venue) -> Self {
        Self {
            notes: VecDeque::new(),
            pending: VecDeque::new(),
            heard_since: None,
            counted: vec![None; venue.zones.len() + 1],
            spread: (SPREAD_PRIOR, SPREAD_PRIOR),
            passages: Passages::default(),
            served: vec![0.0; venue.queues.len()],
        }
    }

    /// A device appeared.
    pub fn came(&mut self) {
        self.passages.came += 1.0;
    }

    /// A device is gone.
    pub fn went(&mut self) {
        self.passages.went += 1.0;
    }

    /// A device was served at a queue.
    pub fn was_served(&mut self, queue: QueueId) {
        if let Some(served) = self.served.get_mut(usize::from(queue.0)) {
            *served += 1.0;
        }
    }

    /// Notes the devices of a moment.
    pub fn remember(&mut self, at: Timestamp, devices: &Devices) {
        self.heard_since.get_or_insert(at);
        self.passages.pass(at, devices.venue.sum);
        let before = self.notes.len().checked_sub(2).and_then(|index| self.notes.get(index));
        if before.is_some_and(|before| at.since(before.at) < NOTE_EVERY) {
            // The newest note is that of now.
            self.notes.pop_back();
        } else if self.notes.len() >= NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { at, zones: devices.zones.clone(), venue: devices.venue });
    }

    /// Keeps a count until its time; false when its place is none of the venue's.
    pub fn keep(&mut self, venue: &Venue, anchor: Anchor) -> bool {
        if place_of(venue, &anchor).is_none() {
            return false;
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
        }
        let place = self.pending.partition_point(|known| known.at <= anchor.at);
        self.pending.insert(place, anchor);
        true
    }

    /// When the next count is due. Nothing is before a minute has been heard: until then addresses are only
    /// just turning up.
    pub fn due(&self) -> Option<Timestamp> {
        let heard_since = self.heard_since?;
        self.pending.front().map(|anchor| anchor.at.max(heard_since + TURNING_UP))
    }

    /// Takes the first count that waits.
    pub fn take(&mut self, venue: &Venue, penetration: &mut Penetration, now: Timestamp) {
        let Some(anchor) = self.pending.pop_front() else { return };
        let people = f64::from(anchor.people);
        match place_of(venue, &anchor) {
            Some(Place::Heads(zone)) => {
                let turned_up = self.heard_since.map_or(now, |since| since + TURNING_UP);
                self.heads(penetration, anchor.at.max(turned_up).min(now), zone, people);
            }
            Some(Place::Till(queue)) => {
                let served = std::mem::take(&mut self.served[queue]);
                if served <= people * CONSISTENT_MAX + 1.0 {
                    penetration.anchor(now, Some(venue.zones.len() + queue), people, served);
                }
            }
            Some(Place::Door(entrance)) => {
                *self.passages.people.entry(entrance).or_default() += people;
                if entrance == WHOLE || self.passages.people.len() >= venue.entrances.len() {
                    self.doors(penetration, now);
                }
            }
            None => {}
        }
    }

    /// People over devices, beyond the share: what the last count of heads here, or in the venue, still says.
    pub fn ratio(&self, now: Timestamp, zone: Option<usize>) -> f64 {
        self.fresh(now, zone).map_or(1.0, |(log_ratio, _)| log_ratio.exp())
    }

    /// People that so many devices stand for.
    pub fn estimate(&self, now: Timestamp, zone: Option<usize>, share: Share, devices: Weight) -> PeopleEstimate {
        let doubt_of_devices = devices.variance.sqrt() / devices.sum.max(1.0);
        let Some((log_ratio, known)) = self.fresh(now, zone) else {
            return share.loosened(doubt_of_devices).people_in_groups(devices.sum, self.spread());
        };
        let plain = share.people_in_groups(devices.sum, self.spread());
        // Of a crowd just counted only those who came and went since are unknown. With r of it still there, chance
        // in who carries what is heard is left by 1 - r², doubt about the share by (1 - r)² of its variance; the
        // devices were counted anew, now and then.
        let chance = share.made_sure().people_in_groups(devices.sum, self.spread());
        let people = plain.people * log_ratio.exp();
        let half = |plain_half: f64, chance_half: f64| {
            let doubt = (plain_half * plain_half - chance_half * chance_half).max(0.0) * (1.0 - known).powi(2);
            let counting = (NORMAL_95 * doubt_of_devices * plain.people).powi(2) * (1.0 + known * known);
            let left = chance_half * chance_half * (1.0 - known * known) + doubt + counting;
            left.sqrt().max(LEFT_MIN * plain_half) * log_ratio.exp()
        };
        let low = people - half(plain.people - plain.low, chance.people - chance.low);
        let high = people + half(plain.high - plain.people, chance.high - chance.people);
        PeopleEstimate { people, low: low.max(0.0), high }
    }

    /// The zone's own last count or the venue's, whichever says more now: its logarithm, and how much of the crowd
    /// is still that of then.
    fn fresh(&self, now: Timestamp, zone: Option<usize>) -> Option<(f64, f64)> {
        let faded = |counted: &Option<Counted>| {
            let counted = counted.as_ref()?;
            let kept = (-now.since(counted.at).as_secs_f64().max(0.0) / 60.0 / TURNOVER_MIN).exp();
            (kept > 0.01).then_some((counted.log_ratio * kept, kept))
        };
        let own = zone.and_then(|zone| faded(&self.counted[zone]));
        let venue = self.counted.last().and_then(faded);
        match (own, venue) {
            (Some(own), Some(venue)) => Some(if own.1 >= venue.1 { own } else { venue }),
            // A count of the venue says little of how its people are spread over zones.
            (None, Some((log_ratio, kept))) if zone.is_some() => Some((log_ratio, kept * 0.5)),
            (own, venue) => own.or(venue),
        }
    }

    fn spread(&self) -> f64 {
        (self.spread.0 / self.spread.1).clamp(1.0, SPREAD_MAX)
    }

    fn heads(&mut self, penetration: &mut Penetration, at: Timestamp, zone: Option<usize>, people: f64) {
        let Some(devices) = self.devices_at(at, zone) else { return };
        let before = penetration.share(at, zone);
        self.learn_spread(before, people, devices);
        // Devices that may have been in the next zone make the count say less.
        let binomial = people * before.mean() * (1.0 - before.mean());
        let says = (binomial / (binomial + devices.variance)).clamp(0.0, 1.0) / self.spread();
        if !penetration.anchor(at, zone, says * people, says * devices.sum) || devices.sum < 0.5 {
            return;
        }
        let believed = devices.sum * penetration.share(at, zone).people_per_device();
        let log_ratio = (people / believed).ln().clamp(-RATIO_MAX.ln(), RATIO_MAX.ln());
        let place = zone.unwrap_or(self.counted.len() - 1);
        self.counted[place] = Some(Counted { at, log_ratio });
        if zone.is_none() {
            // The zones' own counts are older; the venue's must hold for their sum.
            let zones = self.counted.len() - 1;
            self.counted[..zones].fill(None);
        }
    }

    fn learn_spread(&mut self, share: Share, people: f64, devices: Weight) {
        let (mean, people) = (share.mean(), people.max(1.0));
        let expected = people * mean * (1.0 - mean) + (people * mean * share.cv()).powi(2) + devices.variance;
        let deviation = (devices.sum - people * mean).powi(2) / expected.max(0.1);
        // One count that is far off is a mistake rather than a lesson.
        self.spread.0 = self.spread.0 * 0.98 + deviation.min(9.0);
        self.spread.1 = self.spread.1 * 0.98 + 1.0;
    }

    /// Devices at the noted moment nearest to a time.
    fn devices_at(&self, at: Timestamp, zone: Option<usize>) -> Option<Weight> {
        let after = self.notes.partition_point(|note| note.at < at);
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|index| self.notes.get(index));
        let note = near.min_by_key(|note| (note.at.since(at).as_micros()).abs())?;
        Some(match zone {
            Some(zone) => note.zones[zone],
            None => note.venue,
        })
    }

    /// All entrances have told how many came in. Devices that came are addresses begun less those begun by a change
    /// of address; they are told apart only while the venue fills, so the lesson weighs by how much it filled.
    fn doors(&mut self, penetration: &mut Penetration, now: Timestamp) {
        let passages = std::mem::take(&mut self.passages);
        self.passages.at = passages.at;
        (self.passages.before, self.passages.now) = (passages.now, passages.now);
        let people: f64 = passages.people.values().sum();
        let grown = passages.now - passages.before;
        // Devices that hardly ever go do not change their addresses at the usual pace.
        let rotations = if passages.went < 0.5 * passages.rotations { 0.0 } else { passages.rotations };
        let came = (passages.came - rotations).max(grown);
        if grown <= 0.0 || came > people * CONSISTENT_MAX {
            return;
        }
        let says = (grown / came).clamp(0.0, 1.0);
        penetration.anchor(now, None, says * people, says * came);
    }
}

impl Passages {
    fn pass(&mut self, at: Timestamp, devices: f64) {
        let passed_min = self.at.map_or(0.0, |from| at.since(from).as_secs_f64().max(0.0) / 60.0);
        self.rotations += devices * passed_min / ROTATION_MIN;
        (self.at, self.now) = (Some(at), devices);
    }
}

/// All entrances together.
const WHOLE: usize = usize::MAX;

/// What a count is of.
enum Place {
    Heads(Option<usize>),
    Till(usize),
    Door(usize),
}

/// The place of a count; none where the venue does not have it.
fn place_of(venue: &Venue, anchor: &Anchor) -> Option<Place> {
    match (anchor.kind, anchor.place.as_ref()) {
        (AnchorKind::HeadCount, "") => Some(Place::Heads(None)),
        (AnchorKind::HeadCount, zone) => venue.zone(zone).map(|zone| Place::Heads(Some(usize::from(zone.0)))),
        (AnchorKind::Till, queue) => venue.queue(queue).map(|queue| Place::Till(usize::from(queue.0))),
        (AnchorKind::Turnstile, "") => Some(Place::Door(WHOLE)),
        (AnchorKind::Turnstile, name) => {
            venue.entrances.iter().position(|entrance| entrance.name == name).map(Place::Door)
        }
    }
}
