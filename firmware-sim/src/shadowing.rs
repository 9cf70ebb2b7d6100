//! Shadowing: slow deviations of signal strength that belong to a place, not to a moment.
//!
//! In: the size of a floor, a correlation distance and random draws. Out: a field of mean 0 and standard
//! deviation 1 whose correlation over a distance d is exp(-(d / correlation)²): white noise on a 1 m grid
//! under a Gaussian kernel. It never changes during a run.

use crate::random::Random;
use venue_engine::geometry::Point;

/// Distance of the noise points, metres.
const GRID_M: f64 = 1.0;

/// The kernel is cut at this many correlation distances, where it has fallen to exp(-4.5).
const REACH: f64 = 1.5;

/// One field over one floor.
pub struct Shadowing {
    noise: Vec<f64>,
    columns: usize,
    margin: usize,
    correlation_m: f64,
}

impl Shadowing {
    /// Draws a field over a floor.
    pub fn draw(width_m: f64, depth_m: f64, correlation_m: f64, random: &mut Random) -> Self {
        let margin = (REACH * correlation_m / GRID_M).ceil() as usize + 1;
        let columns = (width_m / GRID_M).ceil() as usize + 2 * margin;
        let rows = (depth_m / GRID_M).ceil() as usize + 2 * margin;
        let noise = std::iter::repeat_with(|| random.normal()).take(columns * rows).collect();
        Self { noise, columns, margin, correlation_m }
    }

    /// The field at a point of the floor.
    pub fn at(&self, point: Point) -> f64 {
        let (first_column, across) = self.kernel(point[0]);
        let (first_row, along) = self.kernel(point[1]);
        let mut sum = 0.0;
        for (row, weight) in along.iter().enumerate() {
            let start = (first_row + row) * self.columns + first_column;
            let noise = self.noise.iter().skip(start).zip(&across);
            sum += weight * noise.map(|(noise, weight)| noise * weight).sum::<f64>();
        }
        let power = |kernel: &[f64]| kernel.iter().map(|weight| weight * weight).sum::<f64>();
        sum / (power(&across) * power(&along)).sqrt()
    }

    /// Weights along one axis and the index of the first. A kernel exp(-2 x²/D²) convolved with itself gives
    /// the correlation exp(-x²/D²).
    fn kernel(&self, position_m: f64) -> (usize, Vec<f64>) {
        let place = position_m / GRID_M + self.margin as f64;
        let reach = REACH * self.correlation_m / GRID_M;
        let first = (place - reach).ceil().max(0.0) as usize;
        let last = (place + reach).floor() as usize;
        let weight = |index: usize| (-2.0 * ((index as f64 - place) * GRID_M / self.correlation_m).powi(2)).exp();
        (first, (first..=last).map(weight).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn fields_have_their_spread_and_correlation() {
        let mut random = Random::new(11, Purpose::Shadowing);
        let correlation_m = 3.0;
        let (mut square, mut products) = (0.0, [0.0; 3]);
        let distances_m = [1.5, 3.0, 6.0];
        let fields = 3_000;
        for _ in 0..fields {
            let field = Shadowing::draw(20.0, 10.0, correlation_m, &mut random);
            let here = [5.3, 4.8];
            square += field.at(here).powi(2);
            for (product, distance_m) in products.iter_mut().zip(distances_m) {
                *product += field.at(here) * field.at([here[0] + distance_m, here[1]]);
            }
        }
        let count = f64::from(fields);
        assert!((square / count - 1.0).abs() < 0.08, "variance {}", square / count);
        for (product, distance_m) in products.iter().zip(distances_m) {
            let wanted = (-(distance_m / correlation_m).powi(2)).exp();
            assert!((product / count - wanted).abs() < 0.06, "{distance_m} m: {}, wanted {wanted}", product / count);
        }
    }

    #[test]
    fn a_field_is_smooth() {
        let field = Shadowing::draw(20.0, 10.0, 3.0, &mut Random::new(2, Purpose::Shadowing));
        let step = |i: f64| (field.at([i * 0.1, 5.0]) - field.at([i * 0.1 + 0.1, 5.0])).abs();
        assert!((0..190).map(|i| step(f64::from(i))).fold(0.0, f64::max) < 0.25);
    }
}
