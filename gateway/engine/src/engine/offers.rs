//! The engine's side of the offers: when decisions are taken, and how they go on after a restart.
//!
//! In: the reports of the engine, what the ledger remembers. Out: decisions about every attendee followed,
//! at each report. Assets and strangers are never considered.

use super::{Engine, whereabouts};
use crate::event::SubjectKind;
use crate::offers::Offers;
use crate::offers::restore::Restored;
use crate::output::Output;
use crate::time::Timestamp;

impl Engine {
    /// The offers' own books.
    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Goes on where the ledger says the last run ended. Call it before the first event.
    pub fn restore_offers(&mut self, restored: Restored) {
        self.restore_memory(&restored.learned);
        self.offers.restore(restored);
    }

    pub(super) fn consider_offers(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        if !self.offers.has_campaigns() {
            return;
        }
        self.offers.pass_time(at, outputs);
        for (who, key) in self.followed.list() {
            let attendee = self.identity.subject(key).is_some_and(|s| s.kind == Some(SubjectKind::Attendee));
            let Some(device) = self.devices.get(key).filter(|_| attendee) else { continue };
            let Some((point, floor)) = whereabouts(&self.followed, &self.venue, key, device, at) else { continue };
            self.offers.consider(at, &who, point, floor, device.zone, outputs);
        }
    }
}
