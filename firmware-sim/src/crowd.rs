//! People: coming, walking, queueing, being served, standing about, leaving. The ground truth.
//!
//! In: the scenario's crowd and the floor plan. Out: what changed, in order of time, and where anybody is at
//! any moment. People walk around walls, join lines at their end and are served in order. It knows nothing of
//! devices. One event is handled at a time; positions are computed only when asked.

use crate::line::{Line, LinePlan};
use crate::paths::{HubId, Paths};
use crate::random::{Purpose, Random};
use crate::route::{Pose, Route, direction};
use crate::scenario::{self, Scenario, VisitKind};
use anyhow::{Result, bail};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use venue_engine::geometry::{Point, contains};
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// Free walking speed, metres a second: mean and standard deviation (Weidmann, "Transporttechnik der
/// Fussgänger", ETH Zürich, 1993).
const WALK_MPS: [f64; 2] = [1.34, 0.26];

/// Speed of moving up in a line and to the counter, metres a second (chosen, about half of walking).
const MOVE_UP_MPS: f64 = 0.7;

/// How much later each person in line moves up than the one before, microseconds (chosen; a start wave in a
/// standing crowd runs at about 1 to 2 m/s).
const MOVE_UP_DELAY_US: i64 = 300_000;

/// Places in a zone that walks lead over, when the straight way is blocked (chosen).
const ZONE_HUBS: usize = 6;

/// Most people of one run: twice the devices one board is designed to see in a day.
pub const PEOPLE_MAX: usize = 200_000;

/// Something that changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A person came in.
    Entered {
        /// Who.
        person: usize,
        /// When.
        at_us: i64,
    },
    /// A person went out.
    Left {
        /// Who.
        person: usize,
        /// When.
        at_us: i64,
    },
    /// A person was called to be served.
    Called {
        /// Who.
        person: usize,
        /// By which queue.
        queue: QueueId,
        /// When the person had joined.
        joined_us: i64,
        /// When the service began.
        at_us: i64,
    },
}

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
    paths: Vec<Paths>,
    zone_hubs: Vec<Vec<HubId>>,
    queue_hubs: Vec<Vec<HubId>>,
    exit_hubs: Vec<HubId>,
    lines: Vec<Line>,
    line_plans: Vec<LinePlan>,
}

impl Crowd {
    /// Draws who comes when, and prepares the walks.
    ///
    /// # Errors
    /// Where a place cannot be reached, or more than `PEOPLE_MAX` people would come.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self> {
        let venue = scenario.venue.clone();
        let paths = (0..venue.floors.len()).map(|floor| Paths::new(&venue, FloorId(floor as u8))).collect();
        let mut crowd = Self {
            plan: scenario.crowd.clone(),
            starts_at_us: scenario.starts_at_us,
            random: Random::new(seed, Purpose::Crowd),
            people: Vec::new(),
            inside: BTreeSet::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            paths,
            zone_hubs: vec![Vec::new(); venue.zones.len()],
            queue_hubs: Vec::new(),
            exit_hubs: Vec::new(),
            lines: venue.queues.iter().map(|queue| Line::new(queue.servers as usize)).collect(),
            line_plans: venue.queues.iter().map(LinePlan::new).collect(),
            venue,
        };
        crowd.add_hubs()?;
        crowd.draw_people(scenario, seed)?;
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
        let plan = &self.line_plans[queue];
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
        let plan = &self.line_plans[queue];
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
                let to = self.place_in_zone(zone);
                let hubs = self.zone_hubs[usize::from(zone.0)].clone();
                self.walk(person, to, &hubs, Goal::Dwell { length_us }, at_us);
            }
            Some(VisitKind::Queue(queue)) => {
                let index = usize::from(queue.0);
                let waiting = self.lines[index].waiting().len();
                let to = self.line_plans[index].place(waiting, waiting + 1);
                let hubs = self.queue_hubs[index].clone();
                self.walk(person, to, &hubs, Goal::Queue(queue), at_us);
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
        self.walk(person, to, &[self.exit_hubs[door]], Goal::Exit, at_us);
    }

    fn walk(&mut self, person: usize, to: Point, hubs: &[HubId], goal: Goal, at_us: i64) {
        let from = self.people[person].route.pose(at_us).at;
        let floor = usize::from(self.people[person].floor.0);
        let Some(points) = self.paths[floor].walk(from, to, hubs) else {
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

    /// A random place in a zone that a hub of it sees, outside lines and counters where there is one.
    fn place_in_zone(&mut self, zone: ZoneId) -> Point {
        let index = usize::from(zone.0);
        let paths = &self.paths[usize::from(self.venue.zones[index].floor.0)];
        let hubs = &self.zone_hubs[index];
        for _ in 0..40 {
            let place = random_place(&self.venue, zone, &mut self.random);
            if hubs.is_empty() || hubs.iter().any(|hub| paths.sees(paths.hub(*hub), place)) {
                return place;
            }
        }
        paths.hub(hubs[0])
    }

    fn add_hubs(&mut self) -> Result<()> {
        for entrance in &self.venue.entrances {
            let paths = &mut self.paths[usize::from(entrance.floor.0)];
            self.exit_hubs.push(paths.add_hub([entrance.x_m, entrance.y_m]));
        }
        for plan in &self.line_plans {
            let floor = self.venue.queues[self.queue_hubs.len()].floor;
            let paths = &mut self.paths[usize::from(floor.0)];
            // Every sixth place of the line, and the last.
            let mut places: Vec<Point> = plan.places.iter().copied().step_by(6).collect();
            places.extend(plan.places.last());
            self.queue_hubs.push(places.into_iter().map(|place| paths.add_hub(place)).collect());
        }
        for visit in self.plan.visits.clone() {
            if let VisitKind::Zone { zone, .. } = visit.kind {
                self.add_zone_hubs(zone)?;
            }
        }
        self.check_reachable()
    }

    fn add_zone_hubs(&mut self, zone: ZoneId) -> Result<()> {
        let index = usize::from(zone.0);
        let floor = self.venue.zones[index].floor;
        let Some(door) = self.venue.entrances.iter().position(|entrance| entrance.floor == floor) else {
            bail!(
                "floor \"{}\" has visits but no [[entrance]]; add one to the floor plan",
                self.venue.floors[usize::from(floor.0)].name
            );
        };
        for _ in 0..200 {
            if self.zone_hubs[index].len() >= ZONE_HUBS {
                break;
            }
            let place = random_place(&self.venue, zone, &mut self.random);
            let paths = &mut self.paths[usize::from(floor.0)];
            if paths.reaches(place, self.exit_hubs[door]) {
                self.zone_hubs[index].push(paths.add_hub(place));
            }
        }
        if self.zone_hubs[index].is_empty() {
            let (zone, door) = (&self.venue.zones[index].name, &self.venue.entrances[door].name);
            bail!("zone \"{zone}\" cannot be reached from entrance \"{door}\"; open a wall of at least 1 m");
        }
        Ok(())
    }

    fn check_reachable(&mut self) -> Result<()> {
        for visit in &self.plan.visits {
            let VisitKind::Queue(queue) = visit.kind else { continue };
            let queue = &self.venue.queues[usize::from(queue.0)];
            let line = &self.line_plans[usize::from(self.venue.queue(&queue.name).map_or(0, |id| id.0))];
            for (door, entrance) in self.venue.entrances.iter().enumerate() {
                let paths = &mut self.paths[usize::from(queue.floor.0)];
                if entrance.floor == queue.floor && !paths.reaches(line.places[0], self.exit_hubs[door]) {
                    bail!(
                        "queue \"{}\" cannot be reached from entrance \"{}\"; open a wall of at least 1 m",
                        queue.name,
                        entrance.name
                    );
                }
            }
        }
        Ok(())
    }

    fn draw_people(&mut self, scenario: &Scenario, seed: u64) -> Result<()> {
        let mut random = Random::new(seed, Purpose::Arrivals);
        let zones: Vec<(f64, ZoneId)> = self.plan.visits.iter().filter_map(zone_visit).collect();
        for _ in 0..self.plan.present {
            let mut left = random.unit() * zones.iter().map(|(weight, _)| weight).sum::<f64>();
            let chosen = zones.iter().find(|(weight, _)| {
                left -= weight;
                left < 0.0
            });
            let Some((_, zone)) = chosen.or(zones.last()) else { break };
            let floor = self.venue.zones[usize::from(zone.0)].floor;
            let place = self.place_in_zone(*zone);
            // Somebody met at a random moment is at a uniform point of their stay.
            let stay_s = random.gamma(self.plan.stay_mean_s, self.plan.stay_cv) * random.unit();
            self.add_person(floor, place, State::Dwelling, stay_s, self.starts_at_us, &mut random);
        }
        for (arrivals, at_us) in draw_arrivals(&self.plan.arrivals, scenario, &mut random)? {
            let entrance = &self.venue.entrances[arrivals];
            let (floor, place) = (entrance.floor, [entrance.x_m, entrance.y_m]);
            let stay_s = random.gamma(self.plan.stay_mean_s, self.plan.stay_cv);
            self.add_person(floor, place, State::Outside, stay_s, at_us, &mut random);
        }
        Ok(())
    }

    fn add_person(&mut self, floor: FloorId, at: Point, state: State, stay_s: f64, from_us: i64, random: &mut Random) {
        let speed_mps = (WALK_MPS[0] + WALK_MPS[1] * random.normal()).clamp(0.5, 2.2);
        let (sine, cosine) = random.between(0.0, std::f64::consts::TAU).sin_cos();
        let person = self.people.len();
        self.people.push(Person {
            floor,
            state,
            route: Route::still(at, [cosine, sine]),
            speed_mps,
            stay_us: (stay_s * 1e6) as i64,
            departs_us: i64::MAX,
            queued_last: false,
            turn: 0,
        });
        self.schedule(from_us, Event::Arrive(person));
    }
}

fn zone_visit(visit: &scenario::Visit) -> Option<(f64, ZoneId)> {
    match visit.kind {
        VisitKind::Zone { zone, .. } => Some((visit.weight.at(0.0), zone)),
        VisitKind::Queue(_) => None,
    }
}

/// Arrivals in order of time: entrance and moment. Poisson with a varying rate, by thinning (Lewis and
/// Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979).
fn draw_arrivals(
    arrivals: &[scenario::Arrivals],
    scenario: &Scenario,
    random: &mut Random,
) -> Result<Vec<(usize, i64)>> {
    let mut drawn = Vec::new();
    for arrivals in arrivals {
        let per_s_max = arrivals.per_min.max() / 60.0;
        let mut time_s = 0.0;
        while per_s_max > 0.0 {
            time_s += random.exponential(1.0 / per_s_max);
            if time_s >= scenario.duration_s {
                break;
            }
            if random.unit() * per_s_max < arrivals.per_min.at(time_s) / 60.0 {
                drawn.push((arrivals.entrance, scenario.starts_at_us + (time_s * 1e6) as i64));
            }
            if drawn.len() > PEOPLE_MAX {
                bail!("more than {PEOPLE_MAX} people would come; lower `per_min` or `duration_s`");
            }
        }
    }
    drawn.sort_by_key(|(entrance, at_us)| (*at_us, *entrance));
    Ok(drawn)
}

/// A random place in a zone's outline; where tries permit, not in a line or at a counter.
fn random_place(venue: &Venue, zone: ZoneId, random: &mut Random) -> Point {
    let zone = &venue.zones[usize::from(zone.0)];
    let range = |axis: usize| {
        zone.polygon.iter().fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p[axis]), high.max(p[axis])))
    };
    let (x, y) = (range(0), range(1));
    let queued = |place| {
        let here = venue.queues.iter().filter(|queue| queue.floor == zone.floor);
        here.into_iter().any(|queue| contains(&queue.area, place) || contains(&queue.counter, place))
    };
    let mut place = venue_engine::geometry::centroid(&zone.polygon);
    for _ in 0..60 {
        let tried = [random.between(x.0, x.1), random.between(y.0, y.1)];
        if contains(&zone.polygon, tried) {
            place = tried;
            if !queued(tried) {
                break;
            }
        }
    }
    place
}
