//! Vouchers given out and neither redeemed nor over: who holds them and where they send to.
//!
//! In: each voucher as it is issued, redeemed, or forgotten with its holder. Out: how many people are
//! expected to come to a stand on vouchers, and how many vouchers of a campaign are outstanding. Refuses
//! (and says so) a redemption of a voucher it does not know: one issued before a restart, or long over.

use super::head::INPUTS;
use crate::time::{Duration, Timestamp};
use crate::venue::QueueId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A redemption may be told this long after the voucher's end: tills allow a minute of grace for clocks
/// that are off, and the word takes a moment.
pub const REDEEMED_LATE_MAX: Duration = Duration::from_secs(90);

/// How many people follow an offer, before any outcome is known: 3 of 10 (an assumption between the 2.5 %
/// who react to posted waits in hospitals and the 20 to 80 % that simulations of venues call movable).
const FOLLOWED_PRIOR: f64 = 3.0;
const ENDED_PRIOR: f64 = 10.0;
/// When this many outcomes are counted both counts are halved, so that the rate follows the day.
const ENDED_MAX: f64 = 200.0;

/// One voucher that may still be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Who holds it.
    pub attendee: Arc<str>,
    /// Place of its campaign in the list.
    pub campaign: usize,
    /// Where it is valid.
    pub stand: QueueId,
    /// Not valid after.
    pub expires_at: Timestamp,
    /// The decision it came from.
    pub decision: i64,
    /// What the campaign's head was told about it.
    pub told: [f32; INPUTS],
    /// Whether she has been seen at the stand: then the queue there counts her already.
    pub arrived: bool,
}

/// All vouchers under way. At most one per attendee, so no more than there may be attendees.
#[derive(Debug)]
pub struct UnderWay {
    by_voucher: BTreeMap<Arc<str>, Held>,
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
    per_stand: Vec<u32>,
    per_campaign: Vec<u32>,
    followed: f64,
    ended: f64,
}

impl UnderWay {
    /// Nothing under way, for a number of stands and campaigns.
    pub fn new(stands: usize, campaigns: usize) -> Self {
        Self {
            by_voucher: BTreeMap::new(),
            by_end: BTreeSet::new(),
            per_stand: vec![0; stands],
            per_campaign: vec![0; campaigns],
            followed: FOLLOWED_PRIOR,
            ended: ENDED_PRIOR,
        }
    }

    /// Makes room for one more campaign.
    pub fn add_campaign(&mut self) {
        self.per_campaign.push(0);
    }

    /// Notes a voucher that was given out.
    pub fn issue(&mut self, voucher: Arc<str>, held: Held) {
        self.per_stand[usize::from(held.stand.0)] += u32::from(!held.arrived);
        self.per_campaign[held.campaign] += 1;
        self.by_end.insert((held.expires_at, Arc::clone(&voucher)));
        self.by_voucher.insert(voucher, held);
    }

    /// Notes that the holder of a voucher is at a stand; says whether it is hers, seen for the first time.
    pub fn arrived(&mut self, voucher: &str, stand: QueueId) -> bool {
        let Some(held) = self.by_voucher.get_mut(voucher).filter(|held| held.stand == stand && !held.arrived) else {
            return false;
        };
        held.arrived = true;
        self.per_stand[usize::from(stand.0)] -= 1;
        true
    }

    /// A voucher under way.
    pub fn held(&self, voucher: &str) -> Option<&Held> {
        self.by_voucher.get(voucher)
    }

    /// Takes a voucher out because it was redeemed.
    pub fn redeem(&mut self, voucher: &str) -> Option<Held> {
        let held = self.remove(voucher)?;
        self.learn(1.0);
        Some(held)
    }

    /// Takes a voucher out without an outcome, because its holder is forgotten.
    pub fn remove(&mut self, voucher: &str) -> Option<Held> {
        let (voucher, held) = self.by_voucher.remove_entry(voucher)?;
        self.per_stand[usize::from(held.stand.0)] -= u32::from(!held.arrived);
        self.per_campaign[held.campaign] -= 1;
        self.by_end.remove(&(held.expires_at, voucher));
        Some(held)
    }

    /// Takes out one voucher that is over and was not redeemed; `None` when there is no more.
    pub fn next_expired(&mut self, at: Timestamp) -> Option<Held> {
        let (expires_at, voucher) = self.by_end.first()?;
        if at <= *expires_at + REDEEMED_LATE_MAX {
            return None;
        }
        let voucher = Arc::clone(voucher);
        self.learn(0.0);
        self.remove(&voucher)
    }

    /// People expected to come to a stand on vouchers and not seen there yet.
    pub fn expected_at(&self, stand: QueueId) -> f64 {
        f64::from(self.per_stand[usize::from(stand.0)]) * self.followed / self.ended
    }

    /// Vouchers of a campaign that may still be redeemed.
    pub fn of_campaign(&self, campaign: usize) -> u64 {
        u64::from(self.per_campaign[campaign])
    }

    /// Vouchers that may still be redeemed.
    pub fn count(&self) -> usize {
        self.by_voucher.len()
    }

    /// How many followed, and out of how many whose voucher ended.
    pub fn follow_rate(&self) -> (f64, f64) {
        (self.followed, self.ended)
    }

    /// Goes on from the counts of before a restart; refuses what is no rate.
    pub fn restore_follow_rate(&mut self, followed: f64, ended: f64) {
        if (1.0..=ENDED_MAX).contains(&ended) && (0.0..=ended).contains(&followed) {
            (self.followed, self.ended) = (followed, ended);
        }
    }

    fn learn(&mut self, followed: f64) {
        self.followed += followed;
        self.ended += 1.0;
        if self.ended > ENDED_MAX {
            self.followed /= 2.0;
            self.ended /= 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn issue(under_way: &mut UnderWay, voucher: &str, expires_s: i64) {
        let held = Held {
            attendee: "ada".into(),
            campaign: 0,
            stand: QueueId(1),
            expires_at: at(expires_s),
            decision: 1,
            told: [0.0; INPUTS],
            arrived: false,
        };
        under_way.issue(voucher.into(), held);
    }

    #[test]
    fn people_under_way_are_counted_until_they_come_or_time_is_up() {
        let mut under_way = UnderWay::new(2, 1);
        issue(&mut under_way, "a", 300);
        issue(&mut under_way, "b", 200);
        assert_eq!((under_way.count(), under_way.of_campaign(0)), (2, 2));
        assert!((under_way.expected_at(QueueId(1)) - 0.6).abs() < 1e-12);
        assert_eq!(under_way.expected_at(QueueId(0)), 0.0);
        assert!(under_way.redeem("a").is_some());
        assert_eq!(under_way.redeem("a"), None);
        // Four of eleven have followed, one is still out.
        assert!((under_way.expected_at(QueueId(1)) - 4.0 / 11.0).abs() < 1e-12);
        assert_eq!(under_way.next_expired(at(290)), None);
        assert_eq!(under_way.next_expired(at(291)).map(|held| held.expires_at), Some(at(200)));
        assert_eq!((under_way.next_expired(at(999)), under_way.count(), under_way.by_end.len()), (None, 0, 0));
    }

    #[test]
    fn who_has_arrived_is_counted_by_the_queue_alone() {
        let mut under_way = UnderWay::new(2, 1);
        issue(&mut under_way, "a", 300);
        assert!(!under_way.arrived("a", QueueId(0)) && !under_way.arrived("b", QueueId(1)));
        assert!(under_way.arrived("a", QueueId(1)) && !under_way.arrived("a", QueueId(1)));
        assert_eq!((under_way.expected_at(QueueId(1)), under_way.count()), (0.0, 1));
        assert!(under_way.redeem("a").is_some());
        assert_eq!(under_way.expected_at(QueueId(1)), 0.0);
    }

    #[test]
    fn the_follow_rate_is_learned_and_stays_a_rate() {
        let mut under_way = UnderWay::new(2, 1);
        for round in 0..1_000 {
            let voucher = format!("{round}");
            issue(&mut under_way, &voucher, round);
            assert!(under_way.redeem(&voucher).is_some());
        }
        issue(&mut under_way, "last", 0);
        let rate = under_way.expected_at(QueueId(1));
        assert!((0.97..=1.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_forgotten_holder_leaves_nothing() {
        let mut under_way = UnderWay::new(2, 1);
        issue(&mut under_way, "a", 300);
        under_way.remove("a");
        assert_eq!((under_way.count(), under_way.by_end.len(), under_way.of_campaign(0)), (0, 0, 0));
        assert_eq!(under_way.expected_at(QueueId(1)), 0.0);
    }
}
