//! What the gap filter of one queue is told beside its events, and what it ignored.

use crate::time::Duration;

/// What one queue is told beside its events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapSettings {
    /// Tills open side by side, as a rule.
    pub servers: usize,
    /// Services a minute of one till, before any was seen.
    pub service_per_min: f64,
    /// How many services that belief is worth.
    pub service_weight: f64,
    /// A probe that starts service within this time had not to wait: the walk to the counter.
    pub served_at_once: Duration,
    /// Share of parties (people who stand in line together) with a probe, 0 to 1.
    pub penetration: f64,
    /// Coefficient of variation of that share.
    pub penetration_cv: f64,
    /// People in a party, on average.
    pub party_size: f64,
    /// Whether waits are seen so clearly that forecasts are corrected by them and open tills told from them. One
    /// who stands beside a line would be taken for a long wait at closed tills.
    pub trusts_waits: bool,
    /// A longer wait counts as over the limit, seconds.
    pub wait_limit_s: f64,
}

impl Default for GapSettings {
    fn default() -> Self {
        Self {
            servers: 1,
            service_per_min: 1.0,
            service_weight: 4.0,
            served_at_once: Duration::from_secs(10),
            penetration: 0.5,
            penetration_cv: 0.1,
            party_size: 1.0,
            trusts_waits: true,
            wait_limit_s: 300.0,
        }
    }
}

/// What was ignored, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapCounters {
    /// Probes not taken: the line was full of probes, or knew the probe already.
    pub joins_refused: u64,
    /// Starts and departures of probes not known to be there.
    pub unknown_probes: u64,
    /// The line was longer than the vector can tell.
    pub longer_than_support: u64,
}
