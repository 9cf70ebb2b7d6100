//! How long people stay: a distribution from stays that ended and stays that were lost.
//!
//! In: stays in seconds, each with whether it was seen to end. Out: mean and quantiles after Kaplan and Meier (1958):
//! whoever fell silent stayed at least that long, and that is all that is made of it. Stays are counted in bins that
//! grow with their length, so a zone takes as much room however many people pass. It refuses quantiles beyond the
//! longest stay seen.

/// Bins a doubling; a bin is a fifth wide and quantiles lie within it.
const BINS_PER_OCTAVE: f64 = 4.0;

/// Bins: from one second to 18 hours.
const BINS: usize = 65;

/// Stays of one zone.
#[derive(Clone, Debug)]
pub struct Stays {
    ended: [f64; BINS],
    lost: [f64; BINS],
}

/// What stays say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dwell {
    /// Mean, seconds.
    pub mean_s: f64,
    /// Half stay longer, seconds.
    pub median_s: Option<f64>,
    /// One in ten stays longer, seconds.
    pub p90_s: Option<f64>,
}

impl Default for Stays {
    fn default() -> Self {
        Self { ended: [0.0; BINS], lost: [0.0; BINS] }
    }
}

impl Stays {
    /// Adds a stay.
    pub fn add(&mut self, dwell_s: f64, ended: bool) {
        let bin = ((dwell_s.max(1.0).log2() * BINS_PER_OCTAVE) as usize).min(BINS - 1);
        if ended { self.ended[bin] += 1.0 } else { self.lost[bin] += 1.0 }
    }

    /// Stays that ended.
    pub fn ended(&self) -> f64 {
        self.ended.iter().sum()
    }

    /// Lets what is known fade.
    pub fn fade(&mut self, kept: f64) {
        self.ended.iter_mut().chain(&mut self.lost).for_each(|count| *count *= kept);
    }

    /// The distribution; `None` before any stay ended.
    pub fn dwell(&self) -> Option<Dwell> {
        let mut there: f64 = self.ended.iter().chain(&self.lost).sum();
        let (mut alive, mut mean_s, mut last_s, mut hazard_per_s) = (1.0, 0.0, 0.0, 0.0);
        let (mut median_s, mut p90_s) = (None, None);
        for bin in 0..BINS {
            let (from_s, to_s) = (edge_s(bin), edge_s(bin + 1));
            // Those lost within a bin were there for half of it.
            let exposed = there - self.lost[bin] / 2.0;
            let goes = if exposed > 0.0 { (self.ended[bin] / exposed).min(1.0) } else { 0.0 };
            let after = alive * (1.0 - goes);
            let crossing = |level: f64| from_s + (to_s - from_s) * (alive - level) / (alive - after).max(1e-12);
            median_s = median_s.or((after <= 0.5).then(|| crossing(0.5)));
            p90_s = p90_s.or((after <= 0.1).then(|| crossing(0.1)));
            there -= self.ended[bin] + self.lost[bin];
            if goes > 0.0 || there > 0.5 {
                mean_s += (to_s - from_s) * (alive + after) / 2.0;
                last_s = to_s;
                // The pace at which the longest stays ended, for those who were lost then.
                if goes > 0.0 && goes < 1.0 {
                    hazard_per_s = -(1.0 - goes).ln() / (to_s - from_s);
                }
            }
            alive = after;
        }
        if alive > 0.0 && last_s > 0.0 && hazard_per_s > 0.0 {
            mean_s += alive / hazard_per_s;
        }
        (self.ended() > 0.0).then_some(Dwell { mean_s, median_s, p90_s })
    }
}

fn edge_s(bin: usize) -> f64 {
    if bin == 0 { 0.0 } else { (bin as f64 / BINS_PER_OCTAVE).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exponential stays of a mean of which a share is lost at a random moment; errors of mean and median.
    fn check(mean_s: f64, lost_share: f64) -> (f64, f64) {
        let mut state = 88_172_645_463_325_252u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 11) as f64 + 1.0) / (1u64 << 53) as f64
        };
        let mut stays = Stays::default();
        // Lost at a rate that loses the share of all stays.
        let lost_after_s = mean_s * (1.0 - lost_share) / lost_share.max(1e-9);
        for _ in 0..20_000 {
            let (stay_s, lost_s) = (-mean_s * uniform().ln(), -lost_after_s * uniform().ln());
            stays.add(stay_s.min(lost_s), stay_s <= lost_s);
        }
        let dwell = stays.dwell().expect("stays ended");
        let median_s = dwell.median_s.expect("most ended");
        (dwell.mean_s / mean_s - 1.0, median_s / (mean_s * std::f64::consts::LN_2) - 1.0)
    }

    #[test]
    fn a_fifth_of_stays_lost_does_not_bend_mean_and_median() {
        for mean_s in [60.0, 300.0, 3_000.0] {
            let (mean, median) = check(mean_s, 0.2);
            println!("stays of {mean_s} s, 20 % lost: mean off by {mean:+.3}, median by {median:+.3}");
            assert!(mean.abs() < 0.05 && median.abs() < 0.08, "{mean} {median}");
        }
    }

    #[test]
    fn nobody_has_no_dwell() {
        assert_eq!(Stays::default().dwell(), None);
        let mut stays = Stays::default();
        stays.add(50.0, false);
        assert_eq!(stays.dwell(), None, "who was lost may still be there");
    }
}
