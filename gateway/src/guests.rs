//! What the simulated crowd of the demo does with its offers, so that the loop is seen to close.
//!
//! In: word of new offers, who was served where. Out: some who wait leave their line for the stand they were
//! offered, and once served there their voucher is redeemed, on the way a till's request takes. One in four
//! follows, and pays late; the attendee whose page the demo links to never acts by herself. It decides by the
//! voucher, so that nothing hangs on the machine's pace more than the simulation itself does.

use crate::runtime::{EngineHandle, OwnedEvent};
use crate::store::{OfferRow, RedeemRequest, Redemption, StoreHandle};
use firmware_sim::{Simulation, Truth};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::broadcast::Receiver;
use venue_engine::venue::{QueueId, Venue};

/// One in so many follows an offer: a venue's share of movable people.
const FOLLOWS_ONE_IN: u64 = 4;
/// A voucher is shown to the till no earlier than this share of its validity, percent: people pay last.
const PAYS_AFTER_PERCENT: i64 = 60;
/// Vouchers carried at once; whoever gets one beyond stays in line.
const CARRIED_MAX: usize = 1_000;
/// Vouchers looked at and remembered; then the oldest names are forgotten.
const SEEN_MAX: usize = 10_000;
/// News taken at once; the rest waits for the next step.
const NEWS_MAX: usize = 32;

/// A voucher on its way.
struct Carried {
    offer: OfferRow,
    stand: QueueId,
    served: bool,
}

/// The crowd's side of the offers.
pub struct Guests {
    venue: Arc<Venue>,
    news: Receiver<Arc<str>>,
    store: StoreHandle,
    engine: EngineHandle,
    runtime: Handle,
    /// Who is left to whoever watches her page.
    watched: Option<String>,
    seen: BTreeSet<String>,
    carried: BTreeMap<Arc<str>, Carried>,
}

impl Guests {
    /// Guests who have no vouchers yet.
    pub fn new(
        venue: Arc<Venue>,
        news: Receiver<Arc<str>>,
        store: StoreHandle,
        engine: EngineHandle,
        runtime: Handle,
        watched: Option<String>,
    ) -> Self {
        Self { venue, news, store, engine, runtime, watched, seen: BTreeSet::new(), carried: BTreeMap::new() }
    }

    /// Takes in what happened and acts on it.
    pub fn step(&mut self, simulation: &mut Simulation, truths: &[Truth]) {
        for _ in 0..NEWS_MAX {
            let Ok(who) = self.news.try_recv() else { break };
            if self.watched.as_deref() != Some(&*who) && self.carried.len() < CARRIED_MAX {
                self.look(simulation, who);
            }
        }
        for truth in truths {
            if let Truth::Wait { queue, who, .. } = truth
                && let Some(carried) = self.carried.get_mut(who)
            {
                carried.served |= carried.stand == *queue;
            }
        }
        self.pay();
    }

    /// Whether somebody's newest offer is followed.
    fn look(&mut self, simulation: &mut Simulation, who: Arc<str>) {
        let Ok(offers) = self.runtime.block_on(self.store.attendee_offers(who.to_string())) else { return };
        let Some(offer) = offers.into_iter().next().filter(|offer| offer.state == "issued") else { return };
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        if !self.seen.insert(offer.voucher.clone()) || !follows(&offer.voucher) {
            return;
        }
        let Some(stand) = self.venue.queue(&offer.stand) else { return };
        if simulation.send(&who, stand) {
            self.carried.insert(who, Carried { offer, stand, served: false });
        }
    }

    /// Those who were served pay with their voucher; what ran out is thrown away.
    fn pay(&mut self) {
        let at = self.engine.now();
        let at_us = at.as_micros();
        let due = |offer: &OfferRow| offer.at_us + (offer.expires_at_us - offer.at_us) / 100 * PAYS_AFTER_PERCENT;
        let paying = self.carried.extract_if(.., |_, it| it.served && at_us >= due(&it.offer));
        let paying: Vec<Carried> = paying.map(|(_, carried)| carried).collect();
        for Carried { offer, .. } in paying {
            let request = RedeemRequest {
                code: offer.code,
                voucher: None,
                till: offer.stand,
                request_id: format!("guest {}", offer.voucher),
                at_us,
            };
            // A till that gets no answer would ask again; a guest of the demo just goes.
            if let Ok(Redemption::Redeemed { voucher, .. }) = self.runtime.block_on(self.store.redeem(request)) {
                self.engine.send(OwnedEvent::Redeemed { at, voucher: voucher.as_str().into() });
            }
        }
        self.carried.retain(|_, carried| at_us <= carried.offer.expires_at_us);
    }
}

/// The voucher's identity is even; so is the choice of those who follow.
fn follows(voucher: &str) -> bool {
    let digits = voucher.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.is_some_and(|number| number.is_multiple_of(FOLLOWS_ONE_IN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_in_four_follows() {
        let count = (0..4_000_u64).filter(|number| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            follows(&format!("{mixed:016x}{mixed:016x}"))
        });
        let count = count.count();
        assert!((900..1_100).contains(&count), "{count}");
        assert!(!follows("") && !follows("zz"));
    }
}
