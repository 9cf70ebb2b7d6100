//! Where somebody is between two decisions.
//!
//! In: the points of a walk, when it begins and how fast it goes. Out: position and facing at any moment,
//! computed only when asked. It knows nothing of walls; the points come from `paths`.

use venue_engine::geometry::{Point, distance_m};

/// Somebody's position and the way they face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Metres on the floor.
    pub at: Point,
    /// Unit vector of the way the person faces.
    pub facing: Point,
}

/// A walk along straight legs; before its begin one stands at its first point, after its end at the last.
#[derive(Clone, Debug, Default)]
pub struct Route {
    points: Vec<Point>,
    reached_us: Vec<i64>,
    facing: Point,
}

impl Route {
    /// Standing still.
    pub fn still(at: Point, facing: Point) -> Self {
        Self { points: vec![at], reached_us: vec![i64::MIN], facing: unit(facing) }
    }

    /// Walking through `points` (at least one), beginning at `from_us`.
    pub fn walk(points: Vec<Point>, from_us: i64, speed_mps: f64) -> Self {
        let mut reached_us = Vec::with_capacity(points.len());
        let mut at_us = from_us;
        reached_us.push(at_us);
        for leg in points.windows(2) {
            at_us += (distance_m(leg[0], leg[1]) / speed_mps * 1e6) as i64;
            reached_us.push(at_us);
        }
        let last = points.len() - 1;
        let facing = if last > 0 { direction(points[last - 1], points[last]) } else { [1.0, 0.0] };
        Self { points, reached_us, facing }
    }

    /// The way to face once arrived.
    pub fn facing_at_end(mut self, facing: Point) -> Self {
        self.facing = unit(facing);
        self
    }

    /// When the last point is reached, microseconds.
    pub fn arrival_us(&self) -> i64 {
        self.reached_us.last().copied().unwrap_or(i64::MIN)
    }

    /// The last point.
    pub fn end(&self) -> Point {
        self.points.last().copied().unwrap_or_default()
    }

    /// Position and facing at a moment.
    pub fn pose(&self, at_us: i64) -> Pose {
        let next = self.reached_us.partition_point(|reached| *reached <= at_us);
        if next == self.points.len() || self.points.len() < 2 {
            return Pose { at: self.end(), facing: self.facing };
        }
        let next = next.max(1);
        let (from, to) = (self.points[next - 1], self.points[next]);
        let (from_us, to_us) = (self.reached_us[next - 1], self.reached_us[next]);
        let share = ((at_us - from_us) as f64 / (to_us - from_us).max(1) as f64).clamp(0.0, 1.0);
        let at = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
        Pose { at, facing: direction(from, to) }
    }
}

/// The unit vector from one point to another; along x where they are the same.
pub fn direction(from: Point, to: Point) -> Point {
    unit([to[0] - from[0], to[1] - from[1]])
}

fn unit(vector: Point) -> Point {
    let length = vector[0].hypot(vector[1]);
    if length < 1e-9 { [1.0, 0.0] } else { [vector[0] / length, vector[1] / length] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_interpolated_and_faces_its_leg() {
        let route = Route::walk(vec![[0.0, 0.0], [2.0, 0.0], [2.0, 3.0]], 1_000_000, 1.0).facing_at_end([-2.0, 0.0]);
        let check =
            |at_s: f64, at, facing| assert_eq!(route.pose((at_s * 1e6) as i64), Pose { at, facing }, "{at_s} s");
        check(0.0, [0.0, 0.0], [1.0, 0.0]);
        check(2.0, [1.0, 0.0], [1.0, 0.0]);
        check(4.5, [2.0, 1.5], [0.0, 1.0]);
        check(6.0, [2.0, 3.0], [-1.0, 0.0]);
        assert_eq!(route.arrival_us(), 6_000_000);
    }

    #[test]
    fn standing_still_is_a_route_too() {
        assert_eq!(Route::still([3.0, 4.0], [0.0, 2.0]).pose(7), Pose { at: [3.0, 4.0], facing: [0.0, 1.0] });
    }
}
