//! What the engine has learned about the venue's people and queues, to be kept over a restart.
//!
//! In: the arrivals of each queue by time of day, the known counts of each place. Out: named bytes after every
//! heat-map window, and the same taken up at the next start. It refuses bytes that do not fit this venue, and
//! what it does not find it learns anew.

use super::Engine;
use crate::arrivals::SlotState;
use crate::offers::decision::Learned;
use crate::output::Output;
use crate::penetration::Anchored;
use crate::time::Timestamp;
use std::sync::Arc;

/// Names of what is kept begin so; campaigns' names stand beside them.
const ARRIVALS: &str = "@arrivals/";
const COUNTS: &str = "@counts";

impl Engine {
    /// Tells what has been learned.
    pub(super) fn tell_memory(&self, at: Timestamp, outputs: &mut Vec<Output>) {
        let mut tell = |name: String, numbers: Vec<f64>| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            outputs.push(Output::Learned(Learned { at, name: name.into(), bytes: bytes.into() }));
        };
        for (queue, line) in self.venue.queues.iter().zip(self.queues.lines()) {
            let slots = line.profile().iter().flat_map(|slot| [slot.people, slot.minutes]).collect();
            tell(format!("{ARRIVALS}{}", queue.name), slots);
        }
        let (venue, places) = self.crowd.penetration().state();
        let counts = std::iter::once(&venue).chain(places.iter().flatten());
        tell(COUNTS.into(), counts.flat_map(|one| [one.past, one.today].concat()).collect());
    }

    /// Takes up what was told before. Call it before the first event.
    pub fn restore_memory(&mut self, learned: &[(Arc<str>, Vec<u8>)]) {
        for (name, bytes) in learned {
            let Some(numbers) = numbers(bytes) else { continue };
            if let Some(queue) = name.strip_prefix(ARRIVALS).and_then(|name| self.venue.queue(name)) {
                let pairs = numbers.chunks_exact(2);
                let slots: Vec<SlotState> = pairs.map(|pair| SlotState { people: pair[0], minutes: pair[1] }).collect();
                self.queues.line_mut(queue).restore(&slots);
            } else if &**name == COUNTS {
                self.restore_counts(&numbers);
            }
        }
    }

    fn restore_counts(&mut self, numbers: &[f64]) {
        let anchored = |four: &[f64]| Anchored { past: [four[0], four[1]], today: [four[2], four[3]] };
        let counts: Vec<Anchored> = numbers.chunks_exact(4).map(anchored).collect();
        let Some((venue, places)) = counts.split_first() else { return };
        let (places, rest) = places.as_chunks();
        if rest.is_empty() {
            self.crowd.penetration_mut().restore(*venue, places);
        }
    }
}

/// Bytes as numbers; `None` for a broken row.
fn numbers(bytes: &[u8]) -> Option<Vec<f64>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
