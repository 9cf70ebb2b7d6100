//! What the engine took and what it ignored, by reason.
//!
//! In: one count at a time. Out: names and values for metrics and documents. Nothing is ignored uncounted.

/// What was ignored, by reason, and what was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sightings taken.
    pub sightings: u64,
    /// Outside plausible time.
    pub implausible_time: u64,
    /// Older than the allowed lateness.
    pub too_late: u64,
    /// The table of devices was full.
    pub devices_full: u64,
    /// From a receiver the floor plan does not have.
    pub unknown_receiver: u64,
    /// The registry was full.
    pub registry_full: u64,
    /// Not looked up among the keys of changing beacons, because strangers had spent the budget.
    pub lookups_shed: u64,
    /// Let go before its time because too much waited to be put in order.
    pub released_early: u64,
    /// Probes at queues that were not taken because there were too many.
    pub probes_refused: u64,
    /// Known counts of places the venue does not have.
    pub anchors_unused: u64,
}

impl Counters {
    /// Names and values, in a fixed order.
    pub fn list(&self) -> [(&'static str, u64); 10] {
        [
            ("sightings", self.sightings),
            ("implausible-time", self.implausible_time),
            ("too-late", self.too_late),
            ("devices-full", self.devices_full),
            ("unknown-receiver", self.unknown_receiver),
            ("registry-full", self.registry_full),
            ("lookups-shed", self.lookups_shed),
            ("released-early", self.released_early),
            ("probes-refused", self.probes_refused),
            ("anchors-unused", self.anchors_unused),
        ]
    }
}
