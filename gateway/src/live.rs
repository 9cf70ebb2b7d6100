//! What the pages show now, and the stream that keeps them up to date.
//!
//! In: committed outputs, voucher changes, the health of other parts. Out: one snapshot as JSON, lines for
//! everybody who watches, and a word to each attendee whose offers changed. It refuses to grow: each list
//! has a limit, and state that changes faster than people read is told at most four times a second.
//!
//! Codes of vouchers never come out of here: whoever reads one can use it, and only its holder should.

mod snapshot;

use crate::lines::Line;
use crate::mqtt::messages::VoucherChange;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use venue_engine::output::{Alert, AlertKind, Dwell, Fix, HeatWindow, Offer, Output, People, QueueState};
use venue_engine::time::Duration as EventDuration;
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// Lines that wait for a slow reader, shared by all readers: 80 state lines and 500 positions are told in
/// the busiest second, so this is two of them. A reader that falls further behind is told to fetch anew.
const LINES_MAX: usize = 1_024;
/// Words to attendees that wait for their streams; each is one pointer, and a lost one means fetching anew.
const NEWS_MAX: usize = 1_024;
/// How often state is told. Faster is not read, and the demo at sixty times real time would say a thousand
/// lines a second.
const STATE_EVERY: Duration = Duration::from_millis(250);
/// How often one followed subject's position is told.
const FIX_EVERY: Duration = Duration::from_secs(1);
/// Positions shown. More dots than this are no longer a picture; those who come later are counted.
const FOLLOWED_MAX: usize = 500;
/// A position older than this, against the latest event, is no longer where somebody is.
const FOLLOWED_FOR: EventDuration = EventDuration::from_secs(60);
/// Latest offers shown to staff.
const OFFERS_MAX: usize = 50;
/// Vouchers whose holder is known here, to tell the right stream of a change: what a venue gives out within
/// an hour. Older holders see the change at their next visit.
const HOLDERS_MAX: usize = 4_096;
/// Alerts at once: every queue and every receiver of the largest venue, and some.
const ALERTS_MAX: usize = 64;

/// What the pages show now.
#[derive(Debug)]
pub struct Live {
    venue: Arc<Venue>,
    shown: Mutex<Shown>,
    lines: broadcast::Sender<Arc<str>>,
    news: broadcast::Sender<Arc<str>>,
}

/// What was told and lost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Lines told to whoever watched.
    pub lines: u64,
    /// State replaced by newer before it was told.
    pub states_replaced: u64,
    /// Positions passed over because the same subject's was told within the second.
    pub fixes_thinned: u64,
    /// Positions not shown because too many are followed.
    pub fixes_beyond_limit: u64,
    /// Alerts not shown because too many hold.
    pub alerts_beyond_limit: u64,
    /// Streams that fell behind and were told to fetch anew.
    pub readers_behind: u64,
}

/// How old the figures are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// Latest event time told; `None` before the first.
    pub at_us: Option<i64>,
    /// Seconds since figures last came.
    pub age_s: Option<f64>,
    /// Seconds between the last two reports: when the next is due.
    pub report_every_s: Option<f64>,
}

/// One statement of state; a newer one replaces it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    People(Option<ZoneId>),
    Queue(QueueId),
    Heat(FloorId),
    Fix(Arc<str>),
}

#[derive(Debug)]
struct Followed {
    fix: Fix,
    told: Option<Instant>,
}

#[derive(Debug)]
struct ShownOffer {
    offer: Offer,
    state: String,
}

#[derive(Debug, Default)]
struct Shown {
    at_us: Option<i64>,
    people: BTreeMap<Option<ZoneId>, People>,
    queues: BTreeMap<QueueId, QueueState>,
    /// Stays as of the last window that told them, by zone.
    dwells: BTreeMap<ZoneId, Dwell>,
    heat: BTreeMap<FloorId, HeatWindow>,
    /// The last window that ended, for the minutes in which the running one says little.
    heat_before: BTreeMap<FloorId, HeatWindow>,
    /// What staff must act on first comes first.
    alerts: BTreeMap<(AlertKind, Arc<str>), Alert>,
    offers: VecDeque<ShownOffer>,
    followed: BTreeMap<Arc<str>, Followed>,
    holders: BTreeMap<String, Arc<str>>,
    holders_by_age: VecDeque<String>,
    health: Value,
    /// State that changed and was not told yet.
    untold: BTreeSet<Slot>,
    told: Option<Instant>,
    applied: Option<Instant>,
    reported: Option<Instant>,
    report_every: Option<Duration>,
    counts: LiveCounts,
}

impl Live {
    /// Nothing known yet.
    pub fn new(venue: Arc<Venue>) -> Self {
        let (lines, news) = (broadcast::Sender::new(LINES_MAX), broadcast::Sender::new(NEWS_MAX));
        Self { venue, shown: Mutex::default(), lines, news }
    }

    /// Takes committed outputs.
    pub fn apply(&self, outputs: &[Output]) {
        self.apply_at(outputs, Instant::now());
    }

    /// Takes a voucher's change of state.
    pub fn voucher(&self, change: &VoucherChange) {
        let mut shown = self.lock();
        // The offer itself has told of its issue, and a refusal at a till changes nothing for the holder.
        if !matches!(change.state.as_str(), "issued" | "refused") {
            if let Some(shown_offer) = shown.offers.iter_mut().find(|shown| *shown.offer.voucher == *change.voucher) {
                shown_offer.state.clone_from(&change.state);
            }
            if let Some(attendee) = shown.holders.get(&change.voucher) {
                // Without listeners there is nobody to tell.
                let _ = self.news.send(attendee.clone());
            }
        }
        self.tell(&mut shown, || change.to_json().into());
    }

    /// Drops everything about an attendee who opted out.
    pub fn forget(&self, attendee: &str) {
        let mut shown = self.lock();
        shown.followed.remove(attendee);
        shown.offers.retain(|shown| *shown.offer.attendee != *attendee);
        shown.holders.retain(|_, holder| **holder != *attendee);
        let Shown { holders, holders_by_age, .. } = &mut *shown;
        holders_by_age.retain(|voucher| holders.contains_key(voucher));
        let _ = self.news.send(attendee.into());
    }

    /// Tells how other parts are: broker, disk, radios. Any JSON object; it is shown as it is.
    pub fn set_health(&self, health: Value) {
        self.lock().health = health;
    }

    /// Whether each receiver hears, as pages are told.
    pub fn receivers(&self) -> Value {
        snapshot::receivers(&self.lock(), &self.venue)
    }

    /// How other parts are, as they last said.
    pub fn health_json(&self) -> String {
        self.lock().health.to_string()
    }

    /// Everything known now, for a page that begins: see `/api/v1/state`.
    pub fn snapshot(&self) -> Value {
        serde_json::from_str(&self.snapshot_json()).expect("composed of JSON values")
    }

    /// The same as text, without building a tree of a large heat map.
    pub fn snapshot_json(&self) -> String {
        snapshot::compose(&self.lock(), &self.venue, Instant::now())
    }

    /// Lines from now on, each one JSON object in the shape of `Line` or `VoucherChange`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.lines.subscribe()
    }

    /// Names of attendees whose offers changed, from now on.
    pub fn subscribe_news(&self) -> broadcast::Receiver<Arc<str>> {
        self.news.subscribe()
    }

    /// Tells state that waited for company. The pages' server calls it a few times a second.
    pub fn flush(&self) {
        self.flush_at(Instant::now());
    }

    /// How old the figures are now.
    pub fn pulse(&self) -> Pulse {
        self.lock().pulse(Instant::now())
    }

    /// People and queues as shown now, for metrics: the venue, zones and queues in the venue's order.
    pub fn figures(&self) -> (Vec<People>, Vec<QueueState>) {
        let shown = self.lock();
        (shown.people.values().cloned().collect(), shown.queues.values().cloned().collect())
    }

    /// Counts a stream that fell behind.
    pub fn count_reader_behind(&self) {
        self.lock().counts.readers_behind += 1;
    }

    /// What was told and lost so far.
    pub fn counts(&self) -> LiveCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        // A panic elsewhere leaves each figure whole, and the next report replaces it.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply_at(&self, outputs: &[Output], now: Instant) {
        let mut shown = self.lock();
        shown.applied = Some(now);
        for output in outputs {
            shown.at_us = shown.at_us.max(Some(output.at().as_micros()));
            match output {
                Output::People(people) => shown.people(people, now),
                Output::Queue(queue) => {
                    shown.queues.insert(queue.queue, queue.clone());
                    shown.replace(Slot::Queue(queue.queue));
                }
                Output::Dwell(dwell) => {
                    shown.dwells.insert(dwell.zone, dwell.clone());
                }
                Output::Heat(window) => shown.heat(window),
                Output::Fix(fix) => shown.fix(fix),
                Output::Alert(alert) => shown.alert(alert),
                Output::Offer(offer) => {
                    shown.offer(offer);
                    let _ = self.news.send(offer.attendee.clone());
                }
                // Movements are history; who entered where is nobody's business but the engine's.
                Output::Movement(_) | Output::ZoneChange(_) => continue,
                // The log of decisions is exported, not shown.
                Output::Decision(_) | Output::Outcome(_) | Output::Learned(_) => continue,
            }
            if matches!(output, Output::Alert(_) | Output::Offer(_)) {
                self.tell(&mut shown, || public_line(output, &self.venue));
            }
        }
        drop(shown);
        self.flush_at(now);
    }

    fn flush_at(&self, now: Instant) {
        let mut shown = self.lock();
        if shown.untold.is_empty() || shown.told.is_some_and(|told| now.duration_since(told) < STATE_EVERY) {
            return;
        }
        shown.told = Some(now);
        shown.forget_old_positions();
        for slot in std::mem::take(&mut shown.untold) {
            if let Some(output) = shown.due(slot, now) {
                self.tell(&mut shown, || public_line(&output, &self.venue));
            }
        }
    }

    /// Without listeners no line is written: a burst of offers has thousands.
    fn tell(&self, shown: &mut Shown, line: impl FnOnce() -> Arc<str>) {
        if self.lines.receiver_count() > 0 && self.lines.send(line()).is_ok() {
            shown.counts.lines += 1;
        }
    }
}

/// An output's line as everybody at the staff page may read it: without the code of an offer.
fn public_line(output: &Output, venue: &Venue) -> Arc<str> {
    let mut line = Line::new(output, venue);
    if let Line::Offer { code, .. } = &mut line {
        code.clear();
    }
    line.to_json().into()
}

impl Shown {
    fn replace(&mut self, slot: Slot) {
        if !self.untold.insert(slot) {
            self.counts.states_replaced += 1;
        }
    }

    fn people(&mut self, people: &People, now: Instant) {
        if people.zone.is_none() {
            let since = self.reported.map(|reported| now.duration_since(reported));
            // Reports of one batch came late together; the time between them says nothing.
            if since.is_none_or(|since| since > Duration::from_millis(1)) {
                self.report_every = since;
            }
            self.reported = Some(now);
        }
        self.people.insert(people.zone, people.clone());
        self.replace(Slot::People(people.zone));
    }

    fn heat(&mut self, window: &HeatWindow) {
        let floor = window.floor;
        if window.closed {
            self.heat.remove(&floor);
            self.heat_before.insert(floor, window.clone());
        } else {
            self.heat.insert(floor, window.clone());
        }
        self.replace(Slot::Heat(floor));
    }

    fn fix(&mut self, fix: &Fix) {
        if let Some(followed) = self.followed.get_mut(&fix.who) {
            followed.fix = fix.clone();
        } else if self.followed.len() < FOLLOWED_MAX {
            self.followed.insert(fix.who.clone(), Followed { fix: fix.clone(), told: None });
        } else {
            self.counts.fixes_beyond_limit += 1;
            return;
        }
        if !self.untold.insert(Slot::Fix(fix.who.clone())) {
            self.counts.fixes_thinned += 1;
        }
    }

    fn alert(&mut self, alert: &Alert) {
        let key = (alert.kind, alert.place.clone());
        if !alert.active {
            self.alerts.remove(&key);
        } else if self.alerts.len() < ALERTS_MAX || self.alerts.contains_key(&key) {
            self.alerts.insert(key, alert.clone());
        } else {
            self.counts.alerts_beyond_limit += 1;
        }
    }

    fn offer(&mut self, offer: &Offer) {
        if self.offers.len() == OFFERS_MAX {
            self.offers.pop_back();
        }
        self.offers.push_front(ShownOffer { offer: offer.clone(), state: "issued".to_owned() });
        if self.holders_by_age.len() == HOLDERS_MAX
            && let Some(oldest) = self.holders_by_age.pop_front()
        {
            self.holders.remove(&oldest);
        }
        if self.holders.insert(offer.voucher.to_string(), offer.attendee.clone()).is_none() {
            self.holders_by_age.push_back(offer.voucher.to_string());
        }
    }

    fn forget_old_positions(&mut self) {
        let Some(at_us) = self.at_us else { return };
        let oldest_us = at_us.saturating_sub(FOLLOWED_FOR.as_micros());
        self.followed.retain(|_, followed| followed.fix.at.as_micros() >= oldest_us);
    }

    /// What a slot says now, where it is due; a position that is not waits for the next time.
    fn due(&mut self, slot: Slot, now: Instant) -> Option<Output> {
        match slot {
            Slot::People(zone) => self.people.get(&zone).cloned().map(Output::People),
            Slot::Queue(queue) => self.queues.get(&queue).cloned().map(Output::Queue),
            Slot::Heat(floor) => {
                let window = self.heat.get(&floor).or_else(|| self.heat_before.get(&floor));
                window.cloned().map(Output::Heat)
            }
            Slot::Fix(who) => {
                let followed = self.followed.get_mut(&who)?;
                if followed.told.is_some_and(|told| now.duration_since(told) < FIX_EVERY) {
                    self.untold.insert(Slot::Fix(who));
                    return None;
                }
                followed.told = Some(now);
                Some(Output::Fix(followed.fix.clone()))
            }
        }
    }

    fn pulse(&self, now: Instant) -> Pulse {
        Pulse {
            at_us: self.at_us,
            age_s: self.applied.map(|applied| now.saturating_duration_since(applied).as_secs_f64()),
            report_every_s: self.report_every.map(|every| every.as_secs_f64()),
        }
    }
}

#[cfg(test)]
#[path = "live/tests.rs"]
mod tests;
