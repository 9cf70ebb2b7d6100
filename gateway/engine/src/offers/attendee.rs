//! What `offers` remembers about one attendee, and the rules that are about her alone.
//!
//! In: her zone at each report, decisions about her, her redemptions. Out: whether she may be asked again,
//! and her history of the last 24 hours. It holds no place and nothing older than a day.

use super::campaign::{Campaign, OFFERS_PER_PERSON_MAX};
use super::choice::Refusal;
use crate::time::{Duration, Timestamp};
use crate::venue::{QueueId, ZoneId};
use std::sync::Arc;

/// After a decision, an offer or none, nothing is decided about her for this long: the outcome of a
/// decision is read off these ten minutes, so no other may fall into them.
pub const DECISION_EVERY: Duration = Duration::from_mins(10);

/// Seen in a queue's area for this long she has come to it: whoever walks through is out again by then.
const CAME_AFTER: Duration = Duration::from_secs(20);

/// Caps and history look back this far.
const HISTORY: Duration = Duration::from_mins(24 * 60);

/// One attendee's state.
#[derive(Debug, Default)]
pub struct Attendee {
    /// Language for her messages, if she chose a known one.
    pub language: Option<&'static str>,
    /// The voucher she holds, until it is redeemed or over; never more than one.
    pub voucher: Option<Arc<str>>,
    /// The last decision about her, until its outcome is known.
    pub pending: Option<Pending>,
    zone: Option<(ZoneId, Timestamp)>,
    decided_at: Option<Timestamp>,
    /// Oldest first, at most `OFFERS_PER_PERSON_MAX`.
    offers: Vec<Offered>,
}

/// A decision whose outcome is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its identity.
    pub decision: i64,
    /// The queue she was at.
    pub here: QueueId,
    /// The stand she was offered, or would have been.
    pub target: QueueId,
    /// Whether she is one of those who get nothing for comparison.
    pub holdout: bool,
    /// The other queue she was last seen in, and since when.
    pub seen: Option<(QueueId, Timestamp)>,
    /// The other queue she came to first.
    pub came: Option<QueueId>,
    /// When the outcome is known at the latest.
    pub due: Timestamp,
}

/// One offer of the last 24 hours.
#[derive(Clone, Copy, Debug)]
struct Offered {
    at: Timestamp,
    campaign: u16,
    redeemed: bool,
}

impl Attendee {
    /// Notes the zone she is in at a moment.
    pub fn note_zone(&mut self, at: Timestamp, zone: Option<ZoneId>) {
        self.zone = match (self.zone, zone) {
            (Some((known, since)), Some(zone)) if known == zone => Some((zone, since)),
            (_, zone) => zone.map(|zone| (zone, at)),
        };
    }

    /// Notes the queue whose area she is in, for the outcome of the last decision.
    pub fn note_queue(&mut self, at: Timestamp, queue: QueueId) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.here != queue && pending.came.is_none())
        else {
            return;
        };
        match pending.seen {
            Some((seen, since)) if seen == queue => {
                pending.came = (at.since(since) >= CAME_AFTER).then_some(queue);
            }
            _ => pending.seen = Some((queue, at)),
        }
    }

    /// How long she has been in her zone.
    pub fn dwell(&self, at: Timestamp) -> Duration {
        self.zone.map_or(Duration::ZERO, |(_, since)| at.since(since))
    }

    /// Whether anything may be decided about her now.
    pub fn may_be_asked(&mut self, at: Timestamp) -> Result<(), Refusal> {
        self.offers.retain(|offer| at.since(offer.at) < HISTORY);
        if self.voucher.is_some() {
            return Err(Refusal::HoldsVoucher);
        }
        if self.decided_at.is_some_and(|decided| at.since(decided) < DECISION_EVERY) {
            return Err(Refusal::DecidedLately);
        }
        if self.offers.len() >= OFFERS_PER_PERSON_MAX {
            return Err(Refusal::PersonCap);
        }
        Ok(())
    }

    /// Whether she may get one more voucher of a campaign.
    pub fn may_get(&self, at: Timestamp, place: usize, campaign: &Campaign) -> Result<(), Refusal> {
        let mut before = self.offers.iter().filter(|offer| usize::from(offer.campaign) == place);
        if before.clone().count() >= campaign.cap_per_person {
            return Err(Refusal::CampaignCap);
        }
        if before.any(|offer| at.since(offer.at) < campaign.cooldown) {
            return Err(Refusal::Cooldown);
        }
        Ok(())
    }

    /// Notes a decision that gave her nothing.
    pub fn note_no_offer(&mut self, at: Timestamp) {
        self.decided_at = Some(at);
    }

    /// Notes a voucher given to her.
    pub fn note_offer(&mut self, at: Timestamp, campaign: usize, voucher: Arc<str>) {
        self.decided_at = Some(at);
        self.voucher = Some(voucher);
        self.offers.push(Offered { at, campaign: campaign as u16, redeemed: false });
    }

    /// Notes an offer from before a restart, oldest first; `voucher` where she still holds it.
    pub fn restore_offer(&mut self, at: Timestamp, campaign: usize, redeemed: bool, voucher: Option<Arc<str>>) {
        if self.offers.len() == OFFERS_PER_PERSON_MAX {
            self.offers.remove(0);
        }
        self.offers.push(Offered { at, campaign: campaign as u16, redeemed });
        self.decided_at = Some(at);
        self.voucher = voucher;
    }

    /// Notes that the voucher she holds was redeemed.
    pub fn note_redeemed(&mut self) {
        self.note_over();
        if let Some(offer) = self.offers.last_mut() {
            offer.redeemed = true;
        }
    }

    /// Notes that the voucher she holds is over.
    pub fn note_over(&mut self) {
        self.voucher = None;
    }

    /// Seconds since her last offer, offers and redemptions, all of the last 24 hours.
    pub fn history(&self, at: Timestamp) -> (Option<f64>, u32, u32) {
        let since_s = self.offers.last().map(|offer| at.since(offer.at).as_secs_f64());
        let redemptions = self.offers.iter().filter(|offer| offer.redeemed).count();
        (since_s, self.offers.len() as u32, redemptions as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn dwell_starts_anew_with_every_zone() {
        let mut attendee = Attendee::default();
        let mut check = |seconds, zone: Option<u8>, dwell_s: i64| {
            attendee.note_zone(at(seconds), zone.map(ZoneId));
            assert_eq!(attendee.dwell(at(seconds)), Duration::from_secs(dwell_s), "{seconds}");
        };
        check(0, Some(1), 0);
        check(5, Some(1), 5);
        check(9, Some(2), 0);
        check(12, Some(2), 3);
        check(15, None, 0);
        check(20, Some(2), 0);
    }

    #[test]
    fn she_is_asked_again_only_after_the_voucher_and_the_ten_minutes() {
        let mut attendee = Attendee::default();
        attendee.note_offer(at(0), 0, "v".into());
        assert_eq!(attendee.may_be_asked(at(700)), Err(Refusal::HoldsVoucher));
        attendee.note_redeemed();
        assert_eq!(attendee.may_be_asked(at(301)), Err(Refusal::DecidedLately));
        assert_eq!(attendee.may_be_asked(at(600)), Ok(()));
        assert_eq!(attendee.history(at(600)), (Some(600.0), 1, 1));
        attendee.note_no_offer(at(700));
        assert_eq!(attendee.may_be_asked(at(1299)), Err(Refusal::DecidedLately));
    }

    #[test]
    fn nobody_gets_more_than_the_day_allows_and_yesterday_is_forgotten() {
        let mut attendee = Attendee::default();
        for round in 0..OFFERS_PER_PERSON_MAX as i64 {
            assert_eq!(attendee.may_be_asked(at(round * 900)), Ok(()));
            attendee.note_offer(at(round * 900), 0, "v".into());
            attendee.note_over();
        }
        assert_eq!(attendee.may_be_asked(at(80_000)), Err(Refusal::PersonCap));
        assert_eq!(attendee.may_be_asked(at(86_400)), Ok(()));
        assert_eq!(attendee.may_be_asked(at(200_000)), Ok(()));
        assert_eq!(attendee.history(at(200_000)), (None, 0, 0));
    }
}
