//! How people move between zones: ordered pairs counted in windows.
//!
//! In: zone changes of followed devices. Out: one movement per pair and window, as people. Pairs with
//! fewer followed devices than the group minimum are not told (group privacy); how many were held back is
//! counted. Only followed devices make movements: nobody else's zones are linked over time.

use crate::output::Movement;
use crate::time::{Duration, Timestamp};
use crate::venue::ZoneId;
use std::collections::BTreeMap;

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// Counts of the running window. At most one entry per pair of zones.
pub struct Flow {
    window: Duration,
    group_min: u32,
    from: Option<Timestamp>,
    pairs: BTreeMap<(ZoneId, ZoneId), u32>,
    /// Pairs held back so far because too few people made them.
    pub held_back: u64,
}

impl Flow {
    /// No movements yet; pairs under `group_min` devices a window will not be told.
    pub fn new(window: Duration, group_min: u32) -> Self {
        Self { window, group_min, from: None, pairs: BTreeMap::new(), held_back: 0 }
    }

    /// A followed device that was in `origin` entered `destination`.
    pub fn moved(&mut self, origin: ZoneId, destination: ZoneId, at: Timestamp) {
        self.from.get_or_insert(at.window_start(self.window));
        *self.pairs.entry((origin, destination)).or_default() += 1;
    }

    /// End of the running window; `None` while nobody moved.
    pub fn window_end(&self) -> Option<Timestamp> {
        self.from.map(|from| from + self.window)
    }

    /// Ends the window; each device stands for `1 / penetration` people.
    pub fn close(&mut self, to: Timestamp, penetration: f64) -> Vec<Movement> {
        let Some(from) = self.from.take() else { return Vec::new() };
        let pairs = std::mem::take(&mut self.pairs);
        let (told, held_back): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, count)| *count >= self.group_min);
        self.held_back += held_back.len() as u64;
        let movement = |((origin, destination), count): ((ZoneId, ZoneId), u32)| {
            let devices = f64::from(count);
            // Binomial thinning, as for counts of people.
            let half = NORMAL_95 * (devices * (1.0 - penetration)).sqrt() / penetration;
            let people = devices / penetration;
            Movement { from, to, origin, destination, people, low: (people - half).max(devices), high: people + half }
        };
        told.into_iter().map(movement).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_are_held_back() {
        let mut flow = Flow::new(Duration::from_mins(15), 3);
        let now = Timestamp::from_micros(1_000_000);
        for _ in 0..4 {
            flow.moved(ZoneId(0), ZoneId(1), now);
        }
        flow.moved(ZoneId(1), ZoneId(0), now);
        let told = flow.close(now, 0.5);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].origin, told[0].people, flow.held_back), (ZoneId(0), 8.0, 1));
        assert_eq!(flow.window_end(), None);
    }
}
