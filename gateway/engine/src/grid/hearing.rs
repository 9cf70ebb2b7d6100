//! How many of the adverts that are strong enough each receiver hears.
//!
//! In: two windows of a device in a row. Out: by receiver the share heard, in classes. A receiver that scans one
//! channel at a time hears a third, one in a full hall loses some to collisions; how much its silence tells depends
//! on it, and nobody states it. It refuses to learn from weak adverts, which are lost for another reason.

use super::HINDSIGHT;
use super::window::Window;
use crate::venue::ReceiverId;

/// Shares are told apart this finely.
pub(crate) const HEARING_CLASSES: usize = 20;

/// Share assumed before anything is learned, and the adverts that is worth.
const SHARE_AT_FIRST: f32 = 0.4;
const WORTH: f32 = 100.0;

/// Adverts remembered, about.
const REMEMBERED_MAX: f32 = 4.0 * WORTH;

/// A device is well within reach of a receiver that hears it so strongly, dBm: 14 dB above where half is lost.
const STRONG_DBM: f32 = -78.0;

/// Adverts heard and sent, by receiver.
#[derive(Debug)]
pub(crate) struct Hearing {
    receivers: Vec<(f32, f32)>,
}

impl Hearing {
    /// Nothing learned.
    pub(crate) fn new(receivers: usize) -> Self {
        Self { receivers: vec![(SHARE_AT_FIRST * WORTH, WORTH); receivers] }
    }

    /// A receiver that heard a device well in one window should hear it in the next.
    pub(crate) fn learn(&mut self, window: &Window, next: &Window) {
        if next.middle().since(window.middle()) > HINDSIGHT {
            return;
        }
        for strong in window.heard().iter().filter(|heard| heard.mean_dbm() >= STRONG_DBM) {
            let (heard, sent) = &mut self.receivers[usize::from(strong.receiver.0)];
            *heard += f32::from(next.of(strong.receiver).map_or(0, |heard| heard.count));
            *sent += f32::from(next.sent());
            if *sent > REMEMBERED_MAX {
                (*heard, *sent) = (*heard / 2.0, *sent / 2.0);
            }
        }
    }

    /// The class a receiver is in.
    pub(crate) fn class(&self, receiver: ReceiverId) -> usize {
        let (heard, sent) = self.receivers[usize::from(receiver.0)];
        ((heard / sent * HEARING_CLASSES as f32) as usize).min(HEARING_CLASSES - 1)
    }

    /// The share of adverts heard by receivers of a class: its middle.
    pub(crate) fn share_of(class: usize) -> f32 {
        (class as f32 + 0.5) / HEARING_CLASSES as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_receiver_that_hears_every_other_strong_advert_is_known_by_it() {
        let mut hearing = Hearing::new(3);
        let window = |second: i64| {
            let mut window = Window::new(Timestamp::from_micros(second * 1_000_000));
            window.add(ReceiverId(0), -60);
            if second % 2 == 0 {
                window.add(ReceiverId(1), -60);
            }
            window.add(ReceiverId(2), -90);
            window
        };
        (0..2_000).for_each(|second| hearing.learn(&window(second), &window(second + 1)));
        let share = |receiver| Hearing::share_of(hearing.class(ReceiverId(receiver)));
        assert!(share(0) > 0.95, "{}", share(0));
        // Heard in even seconds only: after each of them it is silent.
        assert!(share(1) < 0.1, "{}", share(1));
        assert_eq!(hearing.class(ReceiverId(2)), Hearing::new(1).class(ReceiverId(0)), "weak ones teach nothing");
    }
}
