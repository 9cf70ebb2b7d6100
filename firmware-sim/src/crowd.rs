//! People: coming, walking, queueing, being served, standing about, leaving. The ground truth.
//!
//! In: the scenario's crowd and the floor plan. Out: what changed, in order of time, and where anybody is at
//! any moment. People walk around walls, join lines at their end and are served in order. It knows nothing of
//! devices. One event is handled at a time; positions are computed only when asked.

use crate::line::Line;
use crate::people::Change;
use crate::random::{Purpose, Random};
use crate::route::{Pose, Route, direction};
use crate::scenario::{self, Scenario, VisitKind};
use anyhow::Result;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use venue_engine::geometry::Point;
use venue_engine::venue::{FloorId, QueueId, Venue};

mod arrivals;
mod places;

use arrivals::Newcomer;
use places::{Places, Target};

/// Speed of moving up in a line and to the counter, metres a second (chosen, about half of walking).
const MOVE_UP_MPS: f64 = 0.7;

/// How much later each person in line moves up than the one before, microseconds (chosen; a start wave in a
/// standing crowd runs at about 1 to 2 m/s).
const MOVE_UP_DELAY_US: i64 = 300_000;

/// Most people of one run: twice the devices one board is designed to see in a day.
pub const PEOPLE_MAX: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Outside,
    Walking(Goal),
    Dwelling,
    Waiting { queue: QueueId, joined_us: i64 },
    Served,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    Dwell { length_us: i64 },
    Queue(QueueId),
    Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(usize),
    Reached(usize),
    DwellOver(usize),
    ServiceOver { person: usize, queue: usize, server: usize },
    GiveUp { person: usize, turn: u32 },
    Till(usize),
}

struct Person {
    floor: FloorId,
    state: State,
    route: Route,
    speed_mps: f64,
    stay_us: i64,
    departs_us: i64,
    /// After a queue people first go somewhere with what they got.
    queued_last: bool,
    /// Counts lines joined, so that an old patience is not applied to a new line.
    turn: u32,
}

/// The people of one run.
pub struct Crowd {
    venue: Venue,
    plan: scenario::Crowd,
    starts_at_us: i64,
    random: Random,
    people: Vec<Person>,
    inside: BTreeSet<usize>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    sequence: u64,
    places: Places,
    lines: Vec<Line>,
}

impl Crowd {
    /// Draws who comes when, and prepares the walks.
    ///
    /// # Errors
    /// Where a place cannot be reached, or more than `PEOPLE_MAX` people would come.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self> {
        let venue = scenario.venue.clone();
        let mut random = Random::new(seed, Purpose::Crowd);
        let mut crowd = Self {
            plan: scenario.crowd.clone(),
            starts_at_us: scenario.starts_at_us,
            people: Vec::new(),
            inside: BTreeSet::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            places: Places::new(&venue, &scenario.crowd.visits, &mut random)?,
            lines: venue.queues.iter().map(|queue| Line::new(queue.servers as usize)).collect(),
            random,
            venue,
        };
        for newcomer in arrivals::draw(scenario, &crowd.places, seed)? {
            crowd.add(newcomer);
        }
        for (index, change) in crowd.plan.till_changes.clone().iter().enumerate() {
            crowd.schedule(crowd.starts_at_us + (change.at_s * 1e6) as i64, Event::Till(index));
        }
        Ok(crowd)
    }

    /// How many people come in all.
    pub fn people_count(&self) -> usize {
        self.people.len()
    }

    /// People inside now, by index.
    pub fn inside(&self) -> impl Iterator<Item = usize> + '_ {
        self.inside.iter().copied()
    }

    /// People waiting in a queue, those being served left out.
    pub fn queue_length(&self, queue: QueueId) -> usize {
        self.lines[usize::from(queue.0)].waiting().len()
    }

    /// Where a person is.
    pub fn pose(&self, person: usize, at_us: i64) -> (FloorId, Pose) {
        let person = &self.people[person];
        (person.floor, person.route.pose(at_us))
    }

    /// Somebody who waits or stands about goes to a line; false where she does neither, or cannot get there.
    pub fn send(&mut self, person: usize, queue: QueueId, at_us: i64) -> bool {
        let (Some(known), Some(to)) = (self.people.get(person), self.venue.queues.get(usize::from(queue.0))) else {
            return false;
        };
        let from = match known.state {
            State::Waiting { queue: from, .. } => Some(from),
            State::Dwelling => None,
            _ => return false,
        };
        if from == Some(queue) || to.floor != known.floor {
            return false;
        }
        if let Some(from) = from {
            self.lines[usize::from(from.0)].leave(person);
            self.move_up(usize::from(from.0), at_us);
        }
        let waiting = self.lines[usize::from(queue.0)].waiting().len();
        let to = self.places.line_plans[usize::from(queue.0)].place(waiting, waiting + 1);
        self.walk(person, to, Target::Queue(queue), Goal::Queue(queue), at_us);
        true
    }

    /// When something happens next.
    pub fn next_us(&self) -> i64 {
        self.events.peek().map_or(i64::MAX, |Reverse((at_us, ..))| *at_us)
    }

    /// Handles everything up to and including `until_us`.
    pub fn advance(&mut self, until_us: i64, changes: &mut Vec<Change>) {
        while self.next_us() <= until_us {
            let Some(Reverse((at_us, _, event))) = self.events.pop() else { return };
            self.handle(at_us, event, changes);
        }
    }

    fn handle(&mut self, at_us: i64, event: Event, changes: &mut Vec<Change>) {
        match event {
            Event::Arrive(person) => {
                self.inside.insert(person);
                self.people[person].departs_us = at_us + self.people[person].stay_us;
                changes.push(Change::Entered { person, at_us });
                // Those present at the begin already stand somewhere.
                match self.people[person].state {
                    State::Dwelling => self.dwell_on(person, at_us),
                    _ => self.choose(person, at_us),
                }
            }
            Event::Reached(person) => self.reached(person, at_us, changes),
            // Who was sent to a stand meanwhile no longer dwells.
            Event::DwellOver(person) if self.people[person].state != State::Dwelling => {}
            Event::DwellOver(person) => self.choose(person, at_us),
            Event::ServiceOver { person, queue, server } => {
                self.people[person].queued_last = true;
                self.choose(person, at_us);
                if let Some((next, server)) = self.lines[queue].service_over(server) {
                    self.serve(next, queue, server, at_us, changes);
                    self.move_up(queue, at_us);
                }
            }
            Event::GiveUp { person, turn } => self.give_up(person, turn, at_us),
            Event::Till(index) => {
                let change = self.plan.till_changes[index];
                let queue = usize::from(change.queue.0);
                for (person, server) in self.lines[queue].set_open(change.servers) {
                    self.serve(person, queue, server, at_us, changes);
                }
                self.move_up(queue, at_us);
            }
        }
    }

    fn reached(&mut self, person: usize, at_us: i64, changes: &mut Vec<Change>) {
        let State::Walking(goal) = self.people[person].state else { return };
        match goal {
            Goal::Dwell { length_us } => {
                self.people[person].state = State::Dwelling;
                self.schedule(at_us + length_us, Event::DwellOver(person));
            }
            Goal::Queue(queue) => self.join(person, queue, at_us, changes),
            Goal::Exit => {
                self.people[person].state = State::Gone;
                self.inside.remove(&person);
                changes.push(Change::Left { person, at_us });
            }
        }
    }

    fn join(&mut self, person: usize, queue: QueueId, at_us: i64, changes: &mut Vec<Change>) {
        let index = usize::from(queue.0);
        let service = self.plan.services[index];
        if service.balk_length > 0 && self.lines[index].waiting().len() >= service.balk_length {
            self.people[person].queued_last = true;
            return self.choose(person, at_us);
        }
        let turn = self.people[person].turn.wrapping_add(1);
        self.people[person].turn = turn;
        self.people[person].state = State::Waiting { queue, joined_us: at_us };
        if let Some(server) = self.lines[index].join(person) {
            return self.serve(person, index, server, at_us, changes);
        }
        self.move_up(index, at_us);
        if service.patience_s > 0.0 {
            let patience_us = (self.random.exponential(service.patience_s) * 1e6) as i64;
            self.schedule(at_us + patience_us, Event::GiveUp { person, turn });
        }
    }

    fn give_up(&mut self, person: usize, turn: u32, at_us: i64) {
        let State::Waiting { queue, .. } = self.people[person].state else { return };
        if self.people[person].turn != turn {
            return;
        }
        let queue = usize::from(queue.0);
        self.lines[queue].leave(person);
        self.move_up(queue, at_us);
        self.people[person].queued_last = true;
        self.choose(person, at_us);
    }

    /// The person steps up; service begins now and includes the step.
    fn serve(&mut self, person: usize, queue: usize, server: usize, at_us: i64, changes: &mut Vec<Change>) {
        if let State::Waiting { joined_us, .. } = self.people[person].state {
            changes.push(Change::Called { person, queue: QueueId(queue as u8), joined_us, at_us });
        }
        let plan = &self.places.line_plans[queue];
        let place = plan.serving_place(server, self.venue.queues[queue].servers as usize);
        let facing = direction(plan.places[0], plan.counter);
        let here = self.people[person].route.pose(at_us).at;
        self.people[person].route = Route::walk(vec![here, place], at_us, MOVE_UP_MPS).facing_at_end(facing);
        self.people[person].state = State::Served;
        let service = self.plan.services[queue];
        let service_us = (self.random.gamma(service.mean_s, service.cv) * 1e6) as i64;
        self.schedule(at_us + service_us, Event::ServiceOver { person, queue, server });
    }

    /// Everybody in line goes to their place, one after the other.
    fn move_up(&mut self, queue: usize, at_us: i64) {
        let plan = &self.places.line_plans[queue];
        let count = self.lines[queue].waiting().len();
        for (index, person) in self.lines[queue].waiting().iter().enumerate() {
            let place = plan.place(index, count);
            let person = &mut self.people[*person];
            if person.route.end() == place {
                continue;
            }
            let ahead = if index == 0 { plan.counter } else { plan.place(index - 1, count) };
            let facing = if ahead == place { direction(place, plan.counter) } else { direction(place, ahead) };
            let here = person.route.pose(at_us).at;
            let from_us = at_us + MOVE_UP_DELAY_US * (index as i64).min(20);
            person.route = Route::walk(vec![here, place], from_us, MOVE_UP_MPS).facing_at_end(facing);
        }
    }

    /// What a person does next.
    fn choose(&mut self, person: usize, at_us: i64) {
        if at_us >= self.people[person].departs_us {
            return self.walk_out(person, at_us);
        }
        let only_zones = std::mem::take(&mut self.people[person].queued_last);
        match self.pick_visit(self.people[person].floor, only_zones, at_us) {
            Some(VisitKind::Zone { zone, dwell_mean_s, dwell_cv }) => {
                let length_us = (self.random.gamma(dwell_mean_s, dwell_cv) * 1e6) as i64;
                let to = self.places.in_zone(&self.venue, zone, &mut self.random);
                self.walk(person, to, Target::Zone(zone), Goal::Dwell { length_us }, at_us);
            }
            Some(VisitKind::Queue(queue)) => {
                let index = usize::from(queue.0);
                let waiting = self.lines[index].waiting().len();
                let to = self.places.line_plans[index].place(waiting, waiting + 1);
                self.walk(person, to, Target::Queue(queue), Goal::Queue(queue), at_us);
            }
            None => self.walk_out(person, at_us),
        }
    }

    fn pick_visit(&mut self, floor: FloorId, only_zones: bool, at_us: i64) -> Option<VisitKind> {
        let time_s = (at_us - self.starts_at_us) as f64 / 1e6;
        let floor_of = |kind: &VisitKind| match kind {
            VisitKind::Zone { zone, .. } => (self.venue.zones[usize::from(zone.0)].floor, true),
            VisitKind::Queue(queue) => (self.venue.queues[usize::from(queue.0)].floor, false),
        };
        let possible = |kind: &VisitKind| {
            let (on, is_zone) = floor_of(kind);
            on == floor && (is_zone || !only_zones)
        };
        let visits = self.plan.visits.iter().filter(|visit| possible(&visit.kind));
        let weighed: Vec<(f64, VisitKind)> = visits.map(|visit| (visit.weight.at(time_s), visit.kind)).collect();
        let mut left = self.random.unit() * weighed.iter().map(|(weight, _)| weight).sum::<f64>();
        for (weight, kind) in &weighed {
            left -= weight;
            if left < 0.0 {
                return Some(*kind);
            }
        }
        weighed.last().map(|(_, kind)| *kind)
    }

    fn walk_out(&mut self, person: usize, at_us: i64) {
        let floor = self.people[person].floor;
        let on_floor = |index: &usize| self.venue.entrances[*index].floor == floor;
        let doors: Vec<usize> = (0..self.venue.entrances.len()).filter(on_floor).collect();
        let door = doors[self.random.below(doors.len())];
        let to = [self.venue.entrances[door].x_m, self.venue.entrances[door].y_m];
        self.walk(person, to, Target::Door(door), Goal::Exit, at_us);
    }

    fn walk(&mut self, person: usize, to: Point, target: Target, goal: Goal, at_us: i64) {
        let from = self.people[person].route.pose(at_us).at;
        let floor = self.people[person].floor;
        let Some(points) = self.places.walk(floor, from, to, target) else {
            // Walls were checked at the begin; a point grazing one may still see no cell. Wait and try again.
            self.people[person].state = State::Dwelling;
            return self.schedule(at_us + 10_000_000, Event::DwellOver(person));
        };
        let facing = self.random.between(0.0, std::f64::consts::TAU).sin_cos();
        let route = Route::walk(points, at_us, self.people[person].speed_mps).facing_at_end([facing.1, facing.0]);
        self.schedule(route.arrival_us(), Event::Reached(person));
        self.people[person].route = route;
        self.people[person].state = State::Walking(goal);
    }

    /// Stays where it is for a while: people present at the begin.
    fn dwell_on(&mut self, person: usize, at_us: i64) {
        let length_us = (self.random.exponential(120.0) * 1e6) as i64;
        self.schedule(at_us + length_us, Event::DwellOver(person));
    }

    fn schedule(&mut self, at_us: i64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at_us, self.sequence, event)));
    }

    fn add(&mut self, newcomer: Newcomer) {
        let person = self.people.len();
        self.people.push(Person {
            floor: newcomer.floor,
            state: if newcomer.is_inside { State::Dwelling } else { State::Outside },
            route: Route::still(newcomer.at, newcomer.facing),
            speed_mps: newcomer.speed_mps,
            stay_us: (newcomer.stay_s * 1e6) as i64,
            departs_us: i64::MAX,
            queued_last: false,
            turn: 0,
        });
        self.schedule(newcomer.from_us, Event::Arrive(person));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use venue_engine::geometry::distance_m;

    fn crowd(text: &str, seed: u64) -> Crowd {
        Crowd::new(&crate::simulation::parse(text), seed).expect("a good scenario")
    }

    fn run(crowd: &mut Crowd, until_s: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        crowd.advance(crowd.starts_at_us + until_s * 1_000_000, &mut changes);
        changes
    }

    fn waits_s(changes: &[Change]) -> Vec<f64> {
        let wait = |change: &Change| match change {
            Change::Called { joined_us, at_us, .. } => Some((at_us - joined_us) as f64 / 1e6),
            _ => None,
        };
        changes.iter().filter_map(wait).collect()
    }

    /// People come, queue once and leave: a queue by itself. Two tills, 30 s each, a load of 0.6.
    const ONE_QUEUE: &str = r#"
name = "one queue"
starts_at_us = 1780659000000000
duration_s = 600000
venue_file = "hall.toml"
[crowd]
stay_mean_s = 1
stay_cv = 0
[[arrivals]]
entrance = "main"
per_min = [[0, 2.4]]
[[visit]]
zone = "merch"
weight = [[0, 0]]
[[visit]]
queue = "merch"
[[service]]
queue = "merch"
mean_s = 30
cv = 1
"#;

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn waits_agree_with_erlang() {
        let waits = waits_s(&run(&mut crowd(ONE_QUEUE, 5), 600_000));
        // Erlang C for two servers: P(wait) = 2 rho^2 / (1 + rho), mean wait P / (c mu - lambda).
        let must_wait = 2.0 * 0.36 / 1.6;
        let wanted_s = must_wait / (2.0 / 30.0 * 0.4);
        assert!((mean(&waits) / wanted_s - 1.0).abs() < 0.1, "mean {} s, {wanted_s} s expected", mean(&waits));
        let waited = waits.iter().filter(|wait| **wait > 0.0).count() as f64 / waits.len() as f64;
        assert!((waited - must_wait).abs() < 0.02, "{waited} had to wait, {must_wait} expected");
    }

    #[test]
    fn regular_service_halves_the_wait() {
        // Allen and Cunneen: the wait of M/G/c is about (1 + CV^2) / 2 times that of M/M/c, here 8.4 s.
        let wait_s = mean(&waits_s(&run(&mut crowd(&ONE_QUEUE.replace("cv = 1", "cv = 0"), 5), 600_000)));
        assert!((7.5..10.0).contains(&wait_s), "mean wait {wait_s} s");
    }

    #[test]
    fn people_are_called_in_the_order_in_which_they_joined() {
        let mut crowd = crowd(crate::scenario("lunch_rush").expect("built in"), 2);
        let changes = run(&mut crowd, 7_200);
        for queue in 0..4 {
            let joined = changes.iter().filter_map(|change| match change {
                Change::Called { queue: QueueId(of), joined_us, .. } if *of == queue => Some(*joined_us),
                _ => None,
            });
            let joined: Vec<i64> = joined.collect();
            assert!(joined.len() > 50 && joined.is_sorted(), "queue {queue}: {} people", joined.len());
        }
    }

    #[test]
    fn nobody_walks_through_a_wall_or_off_the_floor_or_jumps() {
        let mut crowd = crowd(crate::scenario("lunch_rush").expect("built in"), 1);
        let mut before: Vec<Option<Point>> = vec![None; crowd.people_count()];
        let mut changes = Vec::new();
        for tenth in 24_000..27_000 {
            let at_us = crowd.starts_at_us + tenth * 100_000;
            crowd.advance(at_us, &mut changes);
            for person in crowd.inside() {
                let here = crowd.pose(person, at_us).1.at;
                assert!((0.0..=40.0).contains(&here[0]) && (0.0..=24.0).contains(&here[1]));
                if let Some(there) = before[person].replace(here) {
                    assert!(crowd.places.sees(there, here), "from {there:?} to {here:?} is a wall");
                    assert!(distance_m(there, here) < 0.25, "from {there:?} to {here:?} in 0.1 s");
                }
            }
        }
    }

    #[test]
    fn a_long_line_turns_people_away_and_wears_out_the_patient() {
        let busy = ONE_QUEUE.replace("2.4", "8");
        let longest = |text: &str| {
            let mut crowd = crowd(text, 3);
            let mut changes = Vec::new();
            let lengths = (0..2_000).map(|second| {
                crowd.advance(crowd.starts_at_us + second * 1_000_000, &mut changes);
                crowd.queue_length(QueueId(3))
            });
            lengths.max().unwrap_or(0)
        };
        assert!(longest(&busy) > 60);
        assert_eq!(longest(&busy.replace("cv = 1", "cv = 1\nbalk_length = 10")), 10);
        // Half of those who come must give up: with patience 60 s the line stays short.
        assert!(longest(&busy.replace("cv = 1", "cv = 1\npatience_s = 60")) < 20);
    }

    #[test]
    fn who_is_sent_away_from_a_line_is_served_at_another() {
        let mut crowd = crowd(crate::scenario("lunch_rush").expect("built in"), 2);
        let (mut changes, from) = (Vec::new(), QueueId(0));
        let start_us = crowd.starts_at_us;
        let waits = |crowd: &Crowd| {
            let waiting =
                |person: &usize| matches!(crowd.people[*person].state, State::Waiting { queue, .. } if queue == from);
            crowd.inside().filter(waiting).last()
        };
        let mut second = 0;
        let person = loop {
            second += 1;
            crowd.advance(start_us + second * 1_000_000, &mut changes);
            if let Some(person) = waits(&crowd).filter(|_| crowd.queue_length(from) > 3) {
                break person;
            }
        };
        let (at_us, before) = (start_us + second * 1_000_000, crowd.queue_length(from));
        assert!(!crowd.send(person, from, at_us), "she is there already");
        assert!(!crowd.send(crowd.people_count(), QueueId(1), at_us), "nobody");
        assert!(crowd.send(person, QueueId(1), at_us));
        assert!(!crowd.send(person, QueueId(2), at_us), "she is on her way");
        assert_eq!(crowd.queue_length(from), before - 1);
        changes.clear();
        crowd.advance(at_us + 3_600_000_000, &mut changes);
        let called = changes
            .iter()
            .any(|change| matches!(change, Change::Called { person: who, queue: QueueId(1), .. } if *who == person));
        assert!(called, "she is served where she was sent");
    }

    #[test]
    fn a_till_that_closes_lengthens_the_line() {
        let mean_s = |text: &str| mean(&waits_s(&run(&mut crowd(text, 4), 3_600)));
        let closing = format!("{ONE_QUEUE}[[till]]\nqueue = \"merch\"\nat_s = 600\nservers = 1\n");
        assert!(mean_s(&closing) > 3.0 * mean_s(ONE_QUEUE));
    }
}
