//! A queue: who waits, in which order, and who is being served.
//!
//! In: people joining, giving up, services ending, tills opening and closing. Out: who is called to which
//! server. First come, first served, always; the same person never waits twice. It knows neither time nor
//! place: service times come from `crowd`, standing places from `LinePlan`.

use std::collections::VecDeque;
use venue_engine::geometry::{Point, centroid, contains, distance_m};
use venue_engine::venue::Queue;

/// Room between two people in line, metres: within the close personal distance, 0.46 to 0.76 m
/// (Hall, "The Hidden Dimension", 1966).
const SPACING_M: f64 = 0.6;

/// Room between two lanes of a winding line, metres; common barrier belts stand 0.9 to 1.2 m apart (chosen).
const LANE_M: f64 = 1.0;

/// One queue's order of people, by their index.
#[derive(Clone, Debug)]
pub struct Line {
    servers: Vec<Option<usize>>,
    open: usize,
    waiting: VecDeque<usize>,
}

impl Line {
    /// An empty line before `servers` open tills.
    pub fn new(servers: usize) -> Self {
        Self { servers: vec![None; servers], open: servers, waiting: VecDeque::new() }
    }

    /// People waiting, in order; those being served are not among them.
    pub fn waiting(&self) -> &VecDeque<usize> {
        &self.waiting
    }

    /// A person joins at the end; the server that takes them at once, if one is free.
    pub fn join(&mut self, person: usize) -> Option<usize> {
        if self.waiting.is_empty()
            && let Some(server) = self.free_server()
        {
            self.servers[server] = Some(person);
            return Some(server);
        }
        self.waiting.push_back(person);
        None
    }

    /// A service ends; the next person and their server, if somebody waits and the till stays open.
    pub fn service_over(&mut self, server: usize) -> Option<(usize, usize)> {
        self.servers[server] = None;
        self.call()
    }

    /// A waiting person gives up.
    pub fn leave(&mut self, person: usize) {
        self.waiting.retain(|waiting| *waiting != person);
    }

    /// Opens or closes tills. A closing till finishes its customer. Returns who is called where.
    pub fn set_open(&mut self, open: usize) -> Vec<(usize, usize)> {
        self.open = open;
        if self.servers.len() < open {
            self.servers.resize(open, None);
        }
        std::iter::from_fn(|| self.call()).collect()
    }

    fn call(&mut self) -> Option<(usize, usize)> {
        let server = self.free_server()?;
        let person = self.waiting.pop_front()?;
        self.servers[server] = Some(person);
        Some((person, server))
    }

    fn free_server(&self) -> Option<usize> {
        self.servers.iter().take(self.open).position(Option::is_none)
    }
}

/// Where the people of one queue stand.
#[derive(Clone, Debug)]
pub struct LinePlan {
    /// Standing places, the first next to the counter.
    pub places: Vec<Point>,
    /// Centre of the counter.
    pub counter: Point,
    counter_edge: (Point, Point),
}

impl LinePlan {
    /// Winds a line through the queue's area, beginning at its counter.
    pub fn new(queue: &Queue) -> Self {
        let counter = centroid(&queue.counter);
        let mut places = winding(&queue.area, counter);
        if places.is_empty() {
            places.push(centroid(&queue.area));
        }
        Self { places, counter, counter_edge: longest_edge(&queue.counter) }
    }

    /// Where the `index`th of `count` waiting people stands. A line longer than its area stands closer.
    pub fn place(&self, index: usize, count: usize) -> Point {
        let capacity = self.places.len();
        let place = if count <= capacity { index } else { index * capacity / count };
        self.places[place.min(capacity - 1)]
    }

    /// Where one is served by the `server`th of `servers`: spread along the counter, inside it.
    pub fn serving_place(&self, server: usize, servers: usize) -> Point {
        let share = (server as f64 + 0.5) / servers.max(server + 1) as f64;
        let (from, to) = self.counter_edge;
        let along = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
        let middle = [(from[0] + to[0]) / 2.0, (from[1] + to[1]) / 2.0];
        // Half-way from the edge to the middle line of the counter.
        [along[0] + (self.counter[0] - middle[0]) / 2.0, along[1] + (self.counter[1] - middle[1]) / 2.0]
    }
}

/// Points of a winding line inside an area: lanes across the direction to the counter, nearest first.
fn winding(area: &[Point], counter: Point) -> Vec<Point> {
    let centre = centroid(area);
    let (across, along) = if (counter[1] - centre[1]).abs() > (counter[0] - centre[0]).abs() { (0, 1) } else { (1, 0) };
    let range = |axis: usize| {
        area.iter().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point[axis]), high.max(point[axis])))
    };
    let steps = |(low, high): (f64, f64), step: f64| {
        let count = (((high - low) / step).floor() as usize).max(1);
        let margin = ((high - low) - (count - 1) as f64 * step) / 2.0;
        (0..count).map(move |i| low + margin + i as f64 * step).collect::<Vec<f64>>()
    };
    let mut lanes = steps(range(along), LANE_M);
    lanes.sort_by(|a, b| (a - counter[along]).abs().total_cmp(&(b - counter[along]).abs()));
    let mut places: Vec<Point> = Vec::new();
    for lane in lanes {
        let mut row: Vec<Point> = steps(range(across), SPACING_M)
            .into_iter()
            .map(|step| if across == 0 { [step, lane] } else { [lane, step] })
            .filter(|place| contains(area, *place))
            .collect();
        let towards = places.last().copied().unwrap_or(counter);
        let ends = |row: &[Point]| Some((distance_m(*row.first()?, towards), distance_m(*row.last()?, towards)));
        if ends(&row).is_some_and(|(first, last)| last < first) {
            row.reverse();
        }
        places.extend(row);
    }
    places
}

fn longest_edge(polygon: &[Point]) -> (Point, Point) {
    let next = polygon.iter().cycle().skip(1);
    let edges = polygon.iter().copied().zip(next.copied());
    edges.max_by(|a, b| distance_m(a.0, a.1).total_cmp(&distance_m(b.0, b.1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served() {
        let mut line = Line::new(2);
        assert_eq!([10, 11, 12, 13, 14].map(|person| line.join(person)), [Some(0), Some(1), None, None, None]);
        assert_eq!(line.service_over(1), Some((12, 1)));
        line.leave(13);
        assert_eq!(line.service_over(0), Some((14, 0)));
        assert_eq!(line.service_over(0), None);
        assert_eq!(line.join(15), Some(0));
    }

    #[test]
    fn a_closed_till_finishes_its_customer_and_takes_no_other() {
        let mut line = Line::new(2);
        for person in 0..5 {
            line.join(person);
        }
        assert_eq!(line.set_open(1), []);
        assert_eq!(line.service_over(1), None);
        assert_eq!(line.service_over(0), Some((2, 0)));
        assert_eq!(line.set_open(3), [(3, 1), (4, 2)]);
    }

    #[test]
    fn places_wind_through_the_area_from_the_counter_and_stay_inside() {
        let area = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 5.0], [0.0, 5.0]];
        let counter = vec![[0.0, 5.0], [4.0, 5.0], [4.0, 6.0], [0.0, 6.0]];
        let queue = Queue {
            name: "bar".into(),
            floor: venue_engine::venue::FloorId(0),
            area: area.clone(),
            counter: counter.clone(),
            servers: 2,
            wait_limit_s: 300.0,
        };
        let plan = LinePlan::new(&queue);
        assert_eq!(plan.places.len(), 30);
        assert!(plan.places.iter().all(|place| contains(&area, *place)));
        assert!(plan.places[0][1] > plan.places[29][1], "the first place is next to the counter");
        let longest = plan.places.windows(2).map(|pair| distance_m(pair[0], pair[1])).fold(0.0, f64::max);
        assert!(longest < 1.2, "neighbours in line stand near each other, found {longest} m");
        assert!(contains(&counter, plan.serving_place(0, 2)) && contains(&counter, plan.serving_place(1, 2)));
        assert_eq!(plan.place(59, 60), plan.places[29]);
    }
}
