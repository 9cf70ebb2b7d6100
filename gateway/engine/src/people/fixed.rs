//! Which devices stand still for hours: printers, signs, phones in a drawer.
//!
//! In: the receiver that hears a device best, and its level there. Out: whether it is fixed. It keeps two means of
//! the level, a quick and a slow one; a device that is moved, turned or carried makes them part. It refuses to call
//! anything fixed that has not stayed for hours: people sit through an evening, but not that still.

use crate::time::{Duration, Timestamp};
use crate::venue::ReceiverId;

/// A device that stayed this long is equipment. An address of a phone lives for 15 minutes at most, and whoever
/// carries something whose address stays goes to the bar, to the toilet or home within two hours.
pub const FIXED_AFTER: Duration = Duration::from_mins(120);

/// The two means may part by this much, dB: what a crowd that fills a hall takes from a level over minutes, and
/// less than a walk across a room does.
const STEADY_DB: f32 = 6.0;

/// Time constants of the means, seconds.
const QUICK_S: f32 = 60.0;
const SLOW_S: f32 = 1_800.0;

/// How a device stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stay {
    place: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    receiver: ReceiverId,
    since: Timestamp,
    at: Timestamp,
    quick_dbm: f32,
    slow_dbm: f32,
}

impl Stay {
    /// Takes a level into account.
    pub fn update(&mut self, receiver: ReceiverId, level_dbm: f32, at: Timestamp) {
        let fresh = Place { receiver, since: at, at, quick_dbm: level_dbm, slow_dbm: level_dbm };
        let Some(place) = self.place.as_mut().filter(|place| place.receiver == receiver) else {
            self.place = Some(fresh);
            return;
        };
        let passed_s = at.since(place.at).as_secs_f64().max(0.0) as f32;
        place.at = at;
        place.quick_dbm += (1.0 - (-passed_s / QUICK_S).exp()) * (level_dbm - place.quick_dbm);
        // At first both means are of the same few levels.
        let slow_s = SLOW_S.min(at.since(place.since).as_secs_f64() as f32).max(QUICK_S);
        place.slow_dbm += (1.0 - (-passed_s / slow_s).exp()) * (level_dbm - place.slow_dbm);
        if (place.quick_dbm - place.slow_dbm).abs() > STEADY_DB {
            self.place = Some(fresh);
        }
    }

    /// Whether the device has stayed for hours.
    pub fn is_fixed(&self) -> bool {
        self.place.is_some_and(|place| place.at.since(place.since) >= FIXED_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three hours of a level every ten seconds; whether the device is fixed at the end.
    fn check(level: impl Fn(u32) -> (u8, f32)) -> bool {
        let mut stay = Stay::default();
        for step in 0..1_080 {
            let (receiver, level_dbm) = level(step);
            stay.update(ReceiverId(receiver), level_dbm, Timestamp::from_micros(i64::from(step) * 10_000_000));
        }
        stay.is_fixed()
    }

    #[test]
    fn only_what_stays_is_fixed() {
        let fading = |step: u32| ((step * 7_919) % 13) as f32 - 6.0;
        assert!(check(|step| (1, -70.0 + fading(step))), "fading is no movement");
        assert!(check(|step| (1, -70.0 - step as f32 / 100.0)), "a hall that fills slowly takes some dB");
        assert!(!check(|step| (u8::from(step > 900), -70.0)), "it went to another receiver half an hour ago");
        assert!(!check(|step| (1, if step > 900 { -58.0 } else { -70.0 })), "it was moved half an hour ago");
    }
}
