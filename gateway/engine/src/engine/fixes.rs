//! Where followed devices were, told as late as it takes to know it well.
//!
//! In: a deadline. Out: a fix of every followed device for the moment `LAG` before it, and the changes of zone that
//! follow. A fix names the likeliest zone of its moment; a change of zone waits for hysteresis, so that somebody on a
//! border does not come and go. It refuses to say where somebody was before being heard.

use super::Engine;
use crate::devices::Device;
use crate::geometry;
use crate::grid::{LAG, likeliest};
use crate::output::{Fix, Output};
use crate::radio_map::Learned;
use crate::time::Timestamp;
use crate::venue::{Venue, ZoneId};
use std::sync::Arc;

impl Engine {
    /// Takes over what calibration learned about the venue's radio; false when it was learned on another floor plan.
    pub fn use_map(&mut self, learned: &Learned) -> bool {
        self.followed.use_map(learned)
    }

    /// A voucher was used: its holder stands at the stand's counter, which teaches the receivers something.
    pub(super) fn redeemed(&mut self, at: Timestamp, voucher: &str, outputs: &mut Vec<Output>) {
        if let Some((who, stand)) = self.offers.holder(voucher) {
            let queue = &self.venue.queues[usize::from(stand.0)];
            self.followed.stands_at(&who, queue.floor, geometry::centroid(&queue.counter));
        }
        self.offers.redeemed(at, voucher, outputs);
    }

    /// Tells the fixes that are due.
    pub(super) fn tell_fixes(&mut self, due: Timestamp, outputs: &mut Vec<Output>) {
        let at = due - LAG;
        for (who, key) in self.followed.list() {
            let Some(device) = self.devices.get(key).filter(|device| device.first_at <= at) else { continue };
            let (zone_before, located) = (device.zone, self.followed.locate(key, at));
            let (fix, zone) = match located {
                Some((posterior, chosen)) => {
                    let zones = posterior.zones.clone();
                    let (position, floor, error_m) = (posterior.point, posterior.floor, posterior.error_m);
                    (Fix { at, who, position, floor, error_m, zone: likeliest(&zones), zones }, chosen)
                }
                None => match baseline_fix(&self.venue, &self.zone_of, device, who, at) {
                    Some(fix) => (fix, zone_before),
                    None => continue,
                },
            };
            if zone != zone_before {
                self.change_zone(key, zone, at, outputs);
            }
            if self.devices.get(key).is_some_and(|device| device.counted) {
                self.flow.see(key, at, zone, &fix.zones);
            }
            outputs.push(Output::Fix(fix));
        }
        self.next_fixes = (!self.followed.is_empty()).then(|| due + self.settings.fix_every);
    }

    /// At the end of a recording: the fixes of moments up to its last sighting.
    pub(super) fn tell_last_fixes(&mut self, outputs: &mut Vec<Output>) {
        while let Some(due) = self.next_fixes.filter(|due| *due - LAG <= self.clock) {
            self.tell_fixes(due, outputs);
        }
    }
}

/// The fix of a device of which no belief is kept.
fn baseline_fix(
    venue: &Venue,
    zone_of: &[Option<ZoneId>],
    device: &Device,
    who: Arc<str>,
    at: Timestamp,
) -> Option<Fix> {
    let position = device.levels.position(venue, at)?;
    let zones = device.levels.zones(venue, zone_of, at);
    let (zone, error_m) = (device.zone, position.error_m);
    Some(Fix { at, who, position: position.point, floor: position.floor, error_m, zone, zones })
}
