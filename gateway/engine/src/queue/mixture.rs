//! Who is where, when everybody is looked at together.
//!
//! In: each second, for each probe the probability of each region: the queues, and what is left of the zones. Out:
//! the same, with how many probes seem to be in each region taken into account. A position is off by some metres;
//! of one person alone it hardly says whether she queues or stands beside. Of fifty together it does: where the
//! queue is empty, none of them is surely in it. It refuses to take a region for empty altogether.
//!
//! The shares of regions are those of a mixture, found by expectation and maximisation (Dempster, Laird and Rubin,
//! "Maximum likelihood from incomplete data via the EM algorithm", 1977), online, with a part of them kept as
//! large as the regions are.

/// Shares of regions follow what is seen within so many seconds.
const MEMORY_S: f32 = 30.0;

/// Part of the probes that is anywhere, by area: a queue may begin where nobody was.
const ANYWHERE: f32 = 0.15;

/// What one look tells counts with this power: as long as somebody stands, her position is off the same way.
const POWER: f32 = 0.6;

/// Passes each second; the seconds before have brought the shares close.
const PASSES: usize = 3;

/// Least probability of a region, so that its logarithm exists.
const SHARE_MIN: f32 = 1e-6;

/// Shares of the regions.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// How likely each region is in a belief before anything is heard.
    believed: Vec<f32>,
    /// How large each region is, as a share of all.
    areas: Vec<f32>,
    /// Expected number of probes by region, over the last half minute.
    probes: Vec<f32>,
    weights: Vec<f32>,
}

impl Mixture {
    /// Regions of which nothing is known but their sizes; `believed` is what beliefs begin with.
    pub fn new(believed: Vec<f32>, areas: Vec<f32>) -> Self {
        let share_of = |values: Vec<f32>| {
            let sum = values.iter().sum::<f32>().max(f32::MIN_POSITIVE);
            values.into_iter().map(|value| (value / sum).max(SHARE_MIN)).collect::<Vec<f32>>()
        };
        let (believed, areas) = (share_of(believed), share_of(areas));
        let probes = areas.clone();
        Self { believed, areas, probes, weights: Vec::new() }
    }

    /// Takes one second's probabilities, probe by probe, and replaces them by what they are among the others.
    pub fn settle(&mut self, shares: &mut [f32]) {
        let regions = self.areas.len();
        if shares.is_empty() {
            return;
        }
        for row in shares.chunks_exact_mut(regions) {
            for (share, believed) in row.iter_mut().zip(&self.believed) {
                *share = (share.max(SHARE_MIN) / believed).powf(POWER);
            }
        }
        let mut counts = vec![0.0f32; regions];
        let mut probes = self.probes.clone();
        for _ in 0..PASSES {
            self.weigh(&probes);
            counts.fill(0.0);
            for row in shares.chunks_exact(regions) {
                let sum = self.joint(row).sum::<f32>();
                counts.iter_mut().zip(self.joint(row)).for_each(|(count, weight)| *count += weight / sum);
            }
            for ((probes, before), count) in probes.iter_mut().zip(&self.probes).zip(&counts) {
                *probes = before + (count - before) / MEMORY_S;
            }
        }
        self.probes = probes;
        for row in shares.chunks_exact_mut(regions) {
            let sum = self.joint(row).sum::<f32>();
            row.iter_mut().zip(&self.weights).for_each(|(share, weight)| *share *= weight / sum);
        }
    }

    fn joint<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        row.iter().zip(&self.weights).map(|(fit, weight)| fit * weight)
    }

    /// Shares of the regions when so many probes are expected in each.
    fn weigh(&mut self, probes: &[f32]) {
        let sum = probes.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        self.weights.clear();
        let mixed = |(probes, area): (&f32, &f32)| (1.0 - ANYWHERE) * probes / sum + ANYWHERE * area;
        self.weights.extend(probes.iter().zip(&self.areas).map(mixed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After two minutes of the same looks: expected number in the queue, the first of two regions.
    fn queueing(looks: &[f32]) -> f32 {
        let mut mixture = Mixture::new(vec![0.5, 0.5], vec![0.3, 0.7]);
        let mut shares = Vec::new();
        for _ in 0..120 {
            shares = looks.iter().flat_map(|share| [*share, 1.0 - share]).collect();
            mixture.settle(&mut shares);
        }
        shares.chunks_exact(2).map(|row| row[0]).sum()
    }

    #[test]
    fn where_nobody_surely_queues_nobody_does() {
        // One by one it would be 14.
        assert!(queueing(&[0.35; 40]) < 5.0, "{}", queueing(&[0.35; 40]));
    }

    #[test]
    fn where_many_surely_queue_the_unsure_do_too() {
        let mut looks = vec![0.9; 20];
        looks.extend([0.05; 20]);
        let clear = queueing(&looks);
        assert!((clear - 20.0).abs() < 5.0, "{clear}");
        looks.push(0.5);
        assert!(queueing(&looks) - clear > 0.3, "{} {clear}", queueing(&looks));
    }

    #[test]
    fn nobody_is_lost() {
        let mut mixture = Mixture::new(vec![0.2, 0.3, 0.5], vec![1.0, 1.0, 1.0]);
        let mut shares = vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        mixture.settle(&mut shares);
        assert!(shares.chunks_exact(3).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5), "{shares:?}");
    }
}
