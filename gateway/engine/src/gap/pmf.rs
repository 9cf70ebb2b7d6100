//! A distribution over a number of people, and what happens to it in a line.
//!
//! In: closed forms (Poisson, negative binomial) and rates. Out: the distribution after service, arrivals
//! or both, its moments and quantiles. Support is 0 to [`LENGTH`] - 1; mass that would leave it at the top
//! stays in the last entry and shows in [`Pmf::at_end`], so a line longer than the vector is noticed.

/// Entries kept, in single precision: 2 kB. The longest line of the simulations is 302 people (overload for hours).
pub const LENGTH: usize = 512;

/// Mass beyond which the tail is not worth computing with: far below any quantile asked for.
const TAIL: f64 = 1e-12;

/// Less mass than this is impossible: about the smallest normal number of single precision.
const POSSIBLE: f64 = 1e-37;

/// Services or jumps of a chain taken in one step at most, on average; a longer time is cut in pieces,
/// each made to sum to 1 again, so that nothing underflows. Long steps need fewer terms in all.
const STEP_MEAN_MAX: f64 = 64.0;

/// Probabilities of 0, 1, 2, … people.
#[derive(Clone, Debug)]
pub struct Pmf {
    mass: [f32; LENGTH],
    /// Entries from here on are zero.
    end: usize,
}

/// What a chain of arrivals and departures assumes.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Arrivals a minute.
    pub arrivals_per_min: f64,
    /// Services a minute of one busy server.
    pub service_per_min: f64,
    /// Servers.
    pub servers: usize,
    /// Departures are told by somebody else: in the time of this step there was none.
    pub departures_seen: bool,
}

impl Pmf {
    /// Certainly `people`, or the end of the support.
    pub fn point(people: usize) -> Self {
        let people = people.min(LENGTH - 1);
        let mut mass = [0.0; LENGTH];
        mass[people] = 1.0;
        Self { mass, end: people + 1 }
    }

    /// Nothing yet: a sum to which [`Pmf::add`] adds.
    pub fn empty() -> Self {
        Self { mass: [0.0; LENGTH], end: 0 }
    }

    /// Poisson of a mean.
    pub fn poisson(mean: f64) -> Self {
        Self::from_ratios((-mean).exp(), |count| mean / (count + 1.0))
    }

    /// Negative binomial: Poisson with a gamma mean of this shape. Its variance is `mean + mean²/shape`.
    pub fn negative_binomial(mean: f64, shape: f64) -> Self {
        let odds = mean / (mean + shape);
        Self::from_ratios((shape / (mean + shape)).powf(shape), |count| odds * (shape + count) / (count + 1.0))
    }

    /// A distribution by its first entry and the ratio of neighbours.
    fn from_ratios(first: f64, ratio: impl Fn(f64) -> f64) -> Self {
        if first.is_nan() || first < f64::MIN_POSITIVE {
            // A mean of many hundreds: longer than any line this can hold.
            return Self::point(LENGTH - 1);
        }
        let mut pmf = Self::empty();
        let mut mass = first;
        for count in 0..LENGTH {
            pmf.mass[count] = mass as f32;
            pmf.end = count + 1;
            let next = ratio(count as f64);
            mass *= next;
            if mass < TAIL && next < 1.0 {
                break;
            }
        }
        pmf.normalise();
        pmf
    }

    /// Adds `weight` times another distribution, `shift` people further up.
    pub fn add(&mut self, weight: f64, other: &Self, shift: usize) {
        let fits = other.end.min(LENGTH.saturating_sub(shift));
        let weight = weight as f32;
        for (sum, mass) in self.mass[LENGTH.min(shift)..].iter_mut().zip(&other.mass[..fits]) {
            *sum += weight * mass;
        }
        self.mass[LENGTH - 1] += weight * other.mass[fits..other.end].iter().sum::<f32>();
        self.end = self.end.max((other.end + shift).min(LENGTH));
    }

    /// The probability of a number of people.
    pub fn at(&self, people: usize) -> f64 {
        self.mass.get(people).map_or(0.0, |mass| f64::from(*mass))
    }

    /// The probability of the last entry: how much the support is too short.
    pub fn at_end(&self) -> f64 {
        f64::from(self.mass[LENGTH - 1])
    }

    /// The entries that are not zero, with their number of people.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (usize, f64)> + '_ {
        self.mass[..self.end].iter().map(|mass| f64::from(*mass)).enumerate()
    }

    /// The probability of fewer than `people`.
    pub fn below(&self, people: usize) -> f64 {
        self.mass[..people.min(self.end)].iter().map(|mass| f64::from(*mass)).sum()
    }

    /// Mean and variance.
    pub fn moments(&self) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for (count, mass) in self.entries() {
            let count = count as f64;
            mean += mass * count;
            square += mass * count * count;
        }
        (mean, (square - mean * mean).max(0.0))
    }

    /// The smallest number of people whose cumulative probability reaches `share`.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sum = 0.0;
        for (count, mass) in self.entries() {
            sum += mass;
            if sum >= share {
                return count as f64;
            }
        }
        self.end.saturating_sub(1) as f64
    }

    /// The distribution of the sum of two independent numbers.
    pub fn sum(&self, other: &Self) -> Self {
        let mut sum = Self::empty();
        for (count, mass) in self.entries().filter(|(_, mass)| *mass > TAIL) {
            sum.add(mass, other, count);
        }
        sum.normalise();
        sum
    }

    /// Those beyond `people`, if there are at least so many; `None` when that is impossible.
    pub fn given_at_least(&self, people: usize) -> Option<Self> {
        let mut rest = Self::empty();
        for (count, mass) in self.entries().skip(people) {
            rest.mass[count - people] = mass as f32;
        }
        rest.end = self.end.saturating_sub(people);
        (rest.normalise() > POSSIBLE).then_some(rest)
    }

    /// The same numbers if there are fewer than `people`; `None` when that is impossible.
    pub fn given_below(&self, people: usize) -> Option<Self> {
        let mut rest = self.clone();
        rest.mass[people.min(LENGTH)..].fill(0.0);
        rest.end = rest.end.min(people);
        (rest.normalise() > POSSIBLE).then_some(rest)
    }

    /// `people` more.
    pub fn and(&self, people: usize) -> Self {
        let mut more = Self::empty();
        more.add(1.0, self, people);
        more
    }

    /// The people ahead of somebody who has not been served, after services of which `services` were
    /// expected, Poisson: `f(x) <- sum over k of Pois(k) f(x + k)`. What would have reached that person is
    /// dropped. Methods (c), the gap filter's time step.
    pub fn serve(&mut self, services: f64) {
        let steps = (services / STEP_MEAN_MAX).ceil().max(1.0);
        for _ in 0..steps.min(LENGTH as f64) as usize {
            self.serve_step(services / steps);
        }
    }

    fn serve_step(&mut self, services: f64) {
        let served = Self::poisson(services);
        let mut left = Self::empty();
        for ahead in 0..self.end {
            let reach = served.end.min(self.end - ahead);
            left.mass[ahead] = dot(&served.mass[..reach], &self.mass[ahead..ahead + reach]);
        }
        left.end = self.end;
        *self = if left.normalise() > POSSIBLE { left } else { Self::point(0) };
    }

    /// One person fewer, if there is anybody.
    pub fn serve_one(&mut self) {
        *self = self.given_at_least(1).unwrap_or_else(|| Self::point(0));
    }

    /// Lets a birth-death chain run for some minutes, by uniformisation: exact up to the support.
    pub fn run(&mut self, chain: &Chain, minutes: f64) {
        let jumps_per_min = chain.arrivals_per_min + chain.service_per_min * chain.servers as f64;
        let jumps = jumps_per_min * minutes;
        if jumps <= 0.0 || !jumps.is_finite() {
            return;
        }
        let steps = (jumps / STEP_MEAN_MAX).ceil();
        for _ in 0..steps.min(4.0 * LENGTH as f64) as usize {
            self.run_step(chain, jumps_per_min, jumps / steps);
        }
    }

    fn run_step(&mut self, chain: &Chain, jumps_per_min: f64, jumps: f64) {
        let up = (chain.arrivals_per_min / jumps_per_min) as f32;
        let down_each = (chain.service_per_min / jumps_per_min) as f32;
        let count_max = (jumps + 6.0 * jumps.sqrt() + 6.0) as usize;
        let mut weight = (-jumps).exp();
        let (mut current, mut next, mut sum) = (self.clone(), Self::empty(), Self::empty());
        sum.add(weight, &current, 0);
        for count in 1..=count_max {
            weight *= jumps / count as f64;
            current.jump(&mut next, up, down_each, chain);
            std::mem::swap(&mut current, &mut next);
            if weight > TAIL {
                sum.add(weight, &current, 0);
            }
        }
        sum.trim();
        *self = if sum.normalise() > POSSIBLE { sum } else { Self::point(0) };
    }

    /// One jump of the chain made uniform: up, down, or none. Beyond the servers all entries are alike, and
    /// that loop is the one that costs.
    fn jump(&self, next: &mut Self, up: f32, down_each: f32, chain: &Chain) {
        let end = (self.end + 1).min(LENGTH);
        next.end = end;
        let alike = (chain.servers + 1).min(end);
        let leaves = |count: usize| down_each * count.min(chain.servers) as f32;
        let comes = |count: usize| if chain.departures_seen { 0.0 } else { leaves(count) };
        for count in 0..alike {
            let below = if count > 0 { up * self.mass[count - 1] } else { 0.0 };
            let above = self.mass.get(count + 1).map_or(0.0, |mass| comes(count + 1) * mass);
            next.mass[count] = below + (1.0 - up - leaves(count)) * self.mass[count] + above;
        }
        let (stays, comes, last) = (1.0 - up - leaves(alike), comes(alike), end - 1);
        let neighbours = self.mass[alike - 1..end].windows(3);
        for (mass, around) in next.mass[alike..end].iter_mut().zip(neighbours) {
            *mass = up * around[0] + stays * around[1] + comes * around[2];
        }
        if last >= alike {
            // Nobody comes from above the last entry; at the end of the support an arrival stays there.
            let full = if end == LENGTH { up } else { 0.0 };
            next.mass[last] = up * self.mass[last - 1] + (stays + full) * self.mass[last];
        }
    }

    /// Forgets a tail that is not worth computing with.
    fn trim(&mut self) {
        while self.end > 1 && f64::from(self.mass[self.end - 1]) < TAIL {
            self.mass[self.end - 1] = 0.0;
            self.end -= 1;
        }
    }

    /// Weights each number of people by a likelihood; false when that leaves nothing, and nothing changes.
    pub fn weigh(&mut self, likelihood: impl Fn(usize) -> f64) -> bool {
        let mut weighed = Self::empty();
        for (count, mass) in self.entries() {
            weighed.mass[count] = (mass * likelihood(count)) as f32;
        }
        weighed.end = self.end;
        let possible = weighed.normalise() > POSSIBLE;
        if possible {
            *self = weighed;
        }
        possible
    }

    /// Makes the mass sum to 1; returns what it summed to.
    pub fn normalise(&mut self) -> f64 {
        let sum: f64 = self.mass[..self.end].iter().map(|mass| f64::from(*mass)).sum();
        if sum > POSSIBLE {
            let scale = (1.0 / sum) as f32;
            self.mass[..self.end].iter_mut().for_each(|mass| *mass *= scale);
        }
        sum
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pmf: &Pmf, mean: f64, variance: f64) {
        let (found_mean, found_variance) = pmf.moments();
        assert!((found_mean - mean).abs() < 1e-5 * (1.0 + mean), "mean {found_mean}, not {mean}");
        assert!(
            (found_variance - variance).abs() < 1e-4 * (1.0 + variance),
            "variance {found_variance}, not {variance}"
        );
    }

    #[test]
    fn closed_forms_have_their_moments() {
        check(&Pmf::poisson(0.0), 0.0, 0.0);
        check(&Pmf::poisson(12.5), 12.5, 12.5);
        check(&Pmf::negative_binomial(10.0, 4.0), 10.0, 35.0);
        check(&Pmf::poisson(3.0).sum(&Pmf::poisson(4.0)), 7.0, 7.0);
        check(&Pmf::point(7).and(3), 10.0, 0.0);
    }

    #[test]
    fn service_of_a_poisson_gap_is_the_bessel_posterior() {
        // Given that the gap's probe starts now: P(G = g) ~ (a b)^g / (g!)^2, mean (z/2) I1(z)/I0(z), z = 2 sqrt(a b).
        let (gap, services) = (6.0, 4.0);
        let mut ahead = Pmf::poisson(gap);
        let before: f64 = (0..LENGTH).map(|g| Pmf::poisson(gap).at(g) * Pmf::poisson(services).at(g)).sum();
        ahead.serve(services);
        let survived: f64 = (0..60).map(|g| Pmf::poisson(gap).at(g) * Pmf::poisson(services).below(g + 1)).sum();
        assert!((ahead.at(0) - before / survived).abs() < 1e-6);
    }

    #[test]
    fn a_chain_finds_its_stationary_distribution() {
        // M/M/1 at load 0.5: geometric, mean 1, variance 2.
        let chain = Chain { arrivals_per_min: 0.5, service_per_min: 1.0, servers: 1, departures_seen: false };
        let mut pmf = Pmf::point(5);
        pmf.run(&chain, 400.0);
        check(&pmf, 1.0, 2.0);
    }

    #[test]
    fn silence_of_the_till_says_that_nobody_is_there() {
        let chain = Chain { arrivals_per_min: 0.1, service_per_min: 1.0, servers: 1, departures_seen: true };
        let mut pmf = Pmf::poisson(2.0);
        pmf.run(&chain, 5.0);
        assert!(pmf.at(0) > 0.8, "{}", pmf.at(0));
    }

    #[test]
    fn conditions_that_cannot_hold_are_told() {
        assert!(Pmf::point(2).given_at_least(3).is_none() && Pmf::point(2).given_below(2).is_none());
        assert_eq!(Pmf::point(5).given_at_least(3).map(|rest| rest.quantile(0.5)), Some(2.0));
        assert!(Pmf::poisson(2_000.0).at_end() > 0.99);
    }

    #[test]
    fn a_long_silence_does_not_underflow() {
        let mut ahead = Pmf::poisson(3.0);
        ahead.serve(3_000.0);
        assert!((ahead.moments().0).is_finite() && ahead.at(0) > 0.9);
    }
}
