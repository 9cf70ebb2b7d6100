//! Points, polygons and line segments on one floor, in metres.
//!
//! Pure functions over slices of `[x, y]`. They accept any finite numbers and refuse nothing; whether a
//! polygon is a sensible one is for `venue` to say, with `crossing` and `area_m2`.

/// A point on a floor: x to the right, y up, metres from the floor's corner.
pub type Point = [f64; 2];

/// Straight distance between two points, metres.
pub fn distance_m(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Whether a point lies in a polygon (even–odd rule). Points on the left and lower edges are inside.
pub fn contains(polygon: &[Point], point: Point) -> bool {
    let mut inside = false;
    for (a, b) in edges(polygon) {
        let straddles = (a[1] > point[1]) != (b[1] > point[1]);
        if straddles && point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0] {
            inside = !inside;
        }
    }
    inside
}

/// Area of a polygon, square metres, whichever way round it is written (shoelace formula).
pub fn area_m2(polygon: &[Point]) -> f64 {
    edges(polygon).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

/// Centre of area of a polygon; of its corners where the area is nothing.
pub fn centroid(polygon: &[Point]) -> Point {
    let (mut x, mut y, mut doubled_area) = (0.0, 0.0, 0.0);
    for (a, b) in edges(polygon) {
        let cross = a[0] * b[1] - b[0] * a[1];
        x += (a[0] + b[0]) * cross;
        y += (a[1] + b[1]) * cross;
        doubled_area += cross;
    }
    if doubled_area.abs() < 1e-9 {
        let corners = polygon.len().max(1) as f64;
        return [
            polygon.iter().map(|p| p[0]).sum::<f64>() / corners,
            polygon.iter().map(|p| p[1]).sum::<f64>() / corners,
        ];
    }
    [x / (3.0 * doubled_area), y / (3.0 * doubled_area)]
}

/// The first two edges of a polygon that cross or touch though they are not neighbours, by index from 0.
pub fn crossing(polygon: &[Point]) -> Option<(usize, usize)> {
    let count = polygon.len();
    let edge = |i: usize| (polygon[i], polygon[(i + 1) % count]);
    for first in 0..count {
        for second in first + 2..count {
            let neighbours = first == 0 && second == count - 1;
            if !neighbours && segments_meet(edge(first), edge(second)) {
                return Some((first, second));
            }
        }
    }
    None
}

/// Whether two line segments have a point in common.
pub fn segments_meet(a: (Point, Point), b: (Point, Point)) -> bool {
    let side = |p: Point, q: Point, r: Point| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
    let on = |p: Point, q: Point, r: Point| {
        r[0] >= p[0].min(q[0]) && r[0] <= p[0].max(q[0]) && r[1] >= p[1].min(q[1]) && r[1] <= p[1].max(q[1])
    };
    let (a0, a1) = (side(b.0, b.1, a.0), side(b.0, b.1, a.1));
    let (b0, b1) = (side(a.0, a.1, b.0), side(a.0, a.1, b.1));
    if ((a0 > 0.0 && a1 < 0.0) || (a0 < 0.0 && a1 > 0.0)) && ((b0 > 0.0 && b1 < 0.0) || (b0 < 0.0 && b1 > 0.0)) {
        return true;
    }
    (a0 == 0.0 && on(b.0, b.1, a.0))
        || (a1 == 0.0 && on(b.0, b.1, a.1))
        || (b0 == 0.0 && on(a.0, a.1, b.0))
        || (b1 == 0.0 && on(a.0, a.1, b.1))
}

fn edges(polygon: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    let next = polygon.iter().cycle().skip(1);
    polygon.iter().copied().zip(next.copied())
}

/// Distance from a point to the nearest side of a polygon, metres; inside as outside.
pub fn distance_to_outline_m(polygon: &[Point], point: Point) -> f64 {
    let sides = polygon.iter().zip(polygon.iter().cycle().skip(1));
    sides.map(|(from, to)| distance_to_segment_m((*from, *to), point)).fold(f64::INFINITY, f64::min)
}

fn distance_to_segment_m((from, to): (Point, Point), point: Point) -> f64 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let along = (point[0] - from[0]) * dx + (point[1] - from[1]) * dy;
    let share = (along / (dx * dx + dy * dy).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    distance_m(point, [from[0] + share * dx, from[1] + share * dy])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];
    const BOW_TIE: [Point; 4] = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]];

    #[test]
    fn inside_and_outside() {
        assert!(contains(&SQUARE, [1.0, 1.0]));
        assert!(!contains(&SQUARE, [3.0, 1.0]));
        assert!(!contains(&[], [0.0, 0.0]));
    }

    #[test]
    fn area_and_centre() {
        assert_eq!(area_m2(&SQUARE), 4.0);
        assert_eq!(centroid(&SQUARE), [1.0, 1.0]);
    }

    #[test]
    fn a_bow_tie_crosses_itself_and_a_square_does_not() {
        assert_eq!(crossing(&SQUARE), None);
        assert_eq!(crossing(&BOW_TIE), Some((0, 2)));
    }

    #[test]
    fn touching_segments_meet() {
        assert!(segments_meet(([0.0, 0.0], [2.0, 0.0]), ([1.0, 0.0], [1.0, 5.0])));
        assert!(!segments_meet(([0.0, 0.0], [2.0, 0.0]), ([1.0, 0.1], [1.0, 5.0])));
    }
}
