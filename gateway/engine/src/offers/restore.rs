//! Going on after a restart as if there had been none.
//!
//! In: what the ledger says was given out, redeemed and is still under way, and the bytes of what was
//! learned. Out: the same caps, budgets, cooldowns, stock and estimates as before. It refuses bytes it
//! cannot read and what is about campaigns or stands that are gone; then those begin anew.

use super::features::WIDTH;
use super::head::{self, Head, INPUTS};
use super::prices::Price;
use super::under_way::Held;
use super::{Offers, decision::Learned};
use crate::output::Output;
use crate::time::{Duration, Timestamp};
use std::sync::Arc;

/// First byte of what is common to all campaigns.
const VERSION: u8 = 1;
/// Offers older than this bind nobody any more.
pub const HISTORY: Duration = Duration::from_mins(24 * 60);
/// How often what was learned is told: a power cut loses at most this much of it.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// What is known from before.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// What was learned, as it was told.
    pub learned: Vec<(Arc<str>, Vec<u8>)>,
    /// What each campaign has given out.
    pub spent: Vec<Spent>,
    /// Offers of the last 24 hours and all still open, oldest first.
    pub offers: Vec<PastOffer>,
}

/// What a campaign has given out.
#[derive(Clone, Debug)]
pub struct Spent {
    /// Which campaign.
    pub campaign: Arc<str>,
    /// Vouchers given out.
    pub issued: u64,
    /// Vouchers redeemed.
    pub redeemed: u64,
}

/// An offer from before.
#[derive(Clone, Debug)]
pub struct PastOffer {
    /// Identity of the voucher.
    pub voucher: Arc<str>,
    /// Who got it.
    pub attendee: Arc<str>,
    /// Of which campaign.
    pub campaign: Arc<str>,
    /// Where it is valid.
    pub stand: Arc<str>,
    /// When it was offered.
    pub at: Timestamp,
    /// Not valid after.
    pub expires_at: Timestamp,
    /// Whether it was redeemed.
    pub redeemed: bool,
    /// Whether it may still be redeemed.
    pub open: bool,
    /// The decision it came from.
    pub decision: i64,
    /// Features and score of that decision, where the log still has them.
    pub told: Option<([f32; WIDTH], f32)>,
}

impl Offers {
    /// Takes over what was before. Call it before anything is considered.
    pub fn restore(&mut self, restored: Restored) {
        for (name, bytes) in &restored.learned {
            if name.is_empty() {
                self.restore_policy(bytes);
            } else if let Some(place) = self.campaign_place(name) {
                self.restore_campaign(place, bytes);
            }
        }
        for spent in &restored.spent {
            if let Some(place) = self.campaign_place(&spent.campaign) {
                (self.campaigns[place].issued, self.campaigns[place].redeemed) = (spent.issued, spent.redeemed);
            }
        }
        let newest = restored.offers.iter().map(|offer| offer.at).max();
        for offer in restored.offers {
            self.last_decision = self.last_decision.max(offer.decision);
            self.restore_offer(offer, newest);
        }
    }

    pub(super) fn campaign_place(&self, name: &str) -> Option<usize> {
        self.campaigns.iter().position(|spending| &*spending.campaign.name == name)
    }

    fn restore_offer(&mut self, offer: PastOffer, newest: Option<Timestamp>) {
        // A campaign or stand that is gone has no place in any cap.
        let Some(place) = self.campaign_place(&offer.campaign) else { return };
        let Some(stand) = self.stands.named(&offer.stand) else { return };
        let Some(attendee) = self.attendee(&offer.attendee) else { return };
        let voucher = offer.open.then(|| Arc::clone(&offer.voucher));
        attendee.restore_offer(offer.at, place, offer.redeemed, voucher);
        let price = &mut self.campaigns[place].price;
        let in_hour = price.in_hour(offer.at) + 1;
        if newest.is_some_and(|newest| newest.window_start(HOUR) == offer.at.window_start(HOUR)) {
            price.spent_before(offer.at, in_hour);
        }
        if !offer.open {
            return;
        }
        let told = offer.told.map_or([0.0; INPUTS], |(row, score)| head::input(&row, score));
        let held = Held {
            attendee: offer.attendee,
            campaign: place,
            stand,
            expires_at: offer.expires_at,
            decision: offer.decision,
            told,
            arrived: false,
        };
        self.under_way.issue(offer.voucher, held);
    }

    /// What was learned since it was last told, once a minute; everything changed at the end.
    pub(super) fn tell_learned(&mut self, at: Timestamp, now: bool, outputs: &mut Vec<Output>) {
        let due = self.told_at.is_none_or(|told| at.since(told) >= TOLD_EVERY);
        if !due && !now {
            return;
        }
        self.told_at = Some(at);
        let policy = self.policy_bytes();
        if self.policy_told != policy {
            outputs.push(Output::Learned(Learned { at, name: "".into(), bytes: policy.as_slice().into() }));
            self.policy_told = policy;
        }
        for spending in self.campaigns.iter_mut().filter(|spending| spending.changed) {
            spending.changed = false;
            let mut bytes = spending.price.now().to_le_bytes().to_vec();
            bytes.extend(spending.head.iter().flat_map(Head::to_bytes));
            let name = Arc::clone(&spending.campaign.name);
            outputs.push(Output::Learned(Learned { at, name, bytes: bytes.into() }));
        }
    }

    fn restore_campaign(&mut self, place: usize, bytes: &[u8]) {
        let Some((price, rest)) = bytes.split_first_chunk() else { return };
        self.campaigns[place].price = Price::restored(f64::from_le_bytes(*price));
        let head = Head::from_bytes(rest);
        self.campaigns[place].head = head.filter(|head| head.width() == INPUTS);
    }

    /// Version, decisions, the last decision, follow rate, then each stand's name with its rate of people
    /// who came by themselves.
    pub(super) fn policy_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.decided.to_le_bytes());
        bytes.extend(self.last_decision.to_le_bytes());
        let (followed, ended) = self.under_way.follow_rate();
        [followed, ended].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        for stand in self.stands.ids() {
            let name = self.stands.name(stand).as_bytes();
            bytes.push(name.len() as u8);
            bytes.extend(name);
            let (came, asked) = self.without.of(stand);
            [came, asked].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        bytes
    }

    fn restore_policy(&mut self, bytes: &[u8]) {
        let Some((&[VERSION], rest)) = bytes.split_first_chunk() else { return };
        let Some((numbers, mut rest)) = rest.split_first_chunk::<32>() else { return };
        let [decided, last, followed, ended] = [0, 1, 2, 3].map(|place| numbers.as_chunks::<8>().0[place]);
        (self.decided, self.last_decision) = (u64::from_le_bytes(decided), i64::from_le_bytes(last));
        self.under_way.restore_follow_rate(f64::from_le_bytes(followed), f64::from_le_bytes(ended));
        while let Some((len, left)) = rest.split_first() {
            let Some((name, left)) = left.split_at_checked(usize::from(*len)) else { return };
            let Some((came, left)) = left.split_first_chunk() else { return };
            let Some((asked, left)) = left.split_first_chunk() else { return };
            rest = left;
            let stand = std::str::from_utf8(name).ok().and_then(|name| self.stands.named(name));
            if let Some(stand) = stand {
                self.without.restore(stand, (f64::from_le_bytes(*came), f64::from_le_bytes(*asked)));
            }
        }
    }
}

/// A clock hour.
const HOUR: Duration = Duration::from_mins(60);
