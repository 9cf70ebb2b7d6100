//! The floor plan: floors, zones, walls, receivers, entrances and queues of one venue.
//!
//! In: the text of `venue.toml` (metres, origin at one corner, x to the right, y up, z above the floor).
//! Out: a `Venue` in which every name is unique, every reference resolves and every shape lies on its
//! floor and does not cross itself. It refuses anything else, telling every fault with its line.

use crate::document::{Document, Fault, Table};
use crate::geometry::{self, Point};

/// Receivers one board fuses.
pub const RECEIVERS_MAX: usize = 32;
/// Zones of a venue.
pub const ZONES_MAX: usize = 64;
/// Queues of a venue.
pub const QUEUES_MAX: usize = 16;
/// Floors of a venue; each is a separate heat map.
pub const FLOORS_MAX: usize = 16;
/// Walls of a venue; each costs a crossing test per path of the simulator and per cell of a radio map.
pub const WALLS_MAX: usize = 1_000;
/// Stairs and lifts of a venue.
pub const STAIRS_MAX: usize = 64;
/// Longest name; names become MQTT topic levels and table headings.
pub const NAME_LEN_MAX: usize = 64;
/// Longest side of a floor: beyond it a heat map of 2 m cells no longer fits its memory budget.
pub const FLOOR_SIDE_MAX_M: f64 = 1_000.0;

/// A floor's place in the venue's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloorId(pub u8);
/// A zone's place in the venue's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u8);
/// A receiver's place in the venue's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId(pub u8);
/// A queue's place in the venue's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u8);

/// A validated floor plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Venue {
    /// The venue's name, the first level of its topics.
    pub name: String,
    /// At least one.
    pub floors: Vec<Floor>,
    /// Named areas. They may overlap; the first that contains a point has it.
    pub zones: Vec<Zone>,
    /// Obstacles to radio and to people.
    pub walls: Vec<Wall>,
    /// Radios that hear.
    pub receivers: Vec<Receiver>,
    /// Where people come in and leave.
    pub entrances: Vec<Entrance>,
    /// Where people change floor. Empty where nobody drew any: then they may anywhere, rarely.
    pub stairs: Vec<Stairs>,
    /// Where people wait.
    pub queues: Vec<Queue>,
}

/// One storey.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Unique name.
    pub name: String,
    /// Extent along x, metres.
    pub width_m: f64,
    /// Extent along y, metres.
    pub depth_m: f64,
    /// Drawing to show beneath, a file beside `venue.toml`.
    pub plan: Option<String>,
}

/// A named area of one floor.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Unique name.
    pub name: String,
    /// Its floor.
    pub floor: FloorId,
    /// Its outline, which does not cross itself.
    pub polygon: Vec<Point>,
}

/// A line of wall segments on one floor.
#[derive(Clone, Debug, PartialEq)]
pub struct Wall {
    /// Its floor.
    pub floor: FloorId,
    /// At least two points.
    pub points: Vec<Point>,
    /// What a radio path through it loses, dB.
    pub loss_db: f64,
}

/// A radio that hears adverts.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Unique name, as in recordings and topics.
    pub name: String,
    /// Its floor.
    pub floor: FloorId,
    /// Metres from the floor's corner.
    pub x_m: f64,
    /// Metres from the floor's corner.
    pub y_m: f64,
    /// Height above the floor, metres.
    pub z_m: f64,
}

/// A door to the outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrance {
    /// Unique name.
    pub name: String,
    /// Its floor.
    pub floor: FloorId,
    /// Metres from the floor's corner.
    pub x_m: f64,
    /// Metres from the floor's corner.
    pub y_m: f64,
}

/// Stairs, a ramp or a lift: a door between floors.
#[derive(Clone, Debug, PartialEq)]
pub struct Stairs {
    /// Unique name.
    pub name: String,
    /// The floors it joins, two or more, each with the next.
    pub floors: Vec<FloorId>,
    /// Metres from each floor's corner.
    pub x_m: f64,
    /// Metres from each floor's corner.
    pub y_m: f64,
}

/// A place where people wait to be served.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// Unique name.
    pub name: String,
    /// Its floor.
    pub floor: FloorId,
    /// Where people stand in line.
    pub area: Vec<Point>,
    /// Where they are served.
    pub counter: Vec<Point>,
    /// Tills open side by side.
    pub servers: u32,
    /// A longer wait is worth an alert, seconds.
    pub wait_limit_s: f64,
}

impl Venue {
    /// Reads and validates a floor plan.
    ///
    /// # Errors
    /// Every fault found, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::parse(text);
        let venue = read_venue(&document.root());
        document.finish(venue)
    }

    /// The first zone of a floor that contains a point.
    pub fn zone_at(&self, floor: FloorId, point: Point) -> Option<ZoneId> {
        let found =
            self.zones.iter().position(|zone| zone.floor == floor && geometry::contains(&zone.polygon, point))?;
        Some(ZoneId(found as u8))
    }

    /// The receiver of a name.
    pub fn receiver(&self, name: &str) -> Option<ReceiverId> {
        self.receivers.iter().position(|receiver| receiver.name == name).map(|found| ReceiverId(found as u8))
    }

    /// The zone of a name.
    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        self.zones.iter().position(|zone| zone.name == name).map(|found| ZoneId(found as u8))
    }

    /// The queue of a name.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        self.queues.iter().position(|queue| queue.name == name).map(|found| QueueId(found as u8))
    }

    /// The name of a zone.
    pub fn zone_name(&self, zone: ZoneId) -> &str {
        &self.zones[usize::from(zone.0)].name
    }

    /// What a straight path between two points of one floor loses in walls, dB.
    pub fn wall_loss_db(&self, floor: FloorId, from: Point, to: Point) -> f64 {
        let on_floor = self.walls.iter().filter(|wall| wall.floor == floor);
        let crossed = |wall: &&Wall| wall.points.windows(2).any(|w| geometry::segments_meet((w[0], w[1]), (from, to)));
        on_floor.filter(crossed).map(|wall| wall.loss_db).sum()
    }
}

fn read_venue(root: &Table<'_, '_>) -> Option<Venue> {
    let name = read_name(root);
    let floors: Vec<Floor> = limited(root, "floor", FLOORS_MAX, read_floor);
    if !root.has("floor") {
        root.fault("floor", "no [[floor]]; add one with name, width_m and depth_m");
    }
    let zones = limited(root, "zone", ZONES_MAX, |table| read_zone(table, &floors));
    let walls = limited(root, "wall", WALLS_MAX, |table| read_wall(table, &floors));
    let receivers = limited(root, "receiver", RECEIVERS_MAX, |table| read_receiver(table, &floors));
    let entrances = limited(root, "entrance", 64, |table| read_entrance(table, &floors));
    let stairs = limited(root, "stairs", STAIRS_MAX, |table| read_stairs(table, &floors));
    let queues = limited(root, "queue", QUEUES_MAX, |table| read_queue(table, &floors));
    root.refuse_unknown_keys();
    Some(Venue { name: name?, floors, zones, walls, receivers, entrances, stairs, queues })
}

/// Reads the tables of one kind; refuses more than `count_max` and a name used twice.
fn limited<T>(
    root: &Table<'_, '_>,
    kind: &'static str,
    count_max: usize,
    read: impl Fn(&Table<'_, '_>) -> Option<T>,
) -> Vec<T> {
    let tables = root.tables(kind);
    if tables.len() > count_max {
        root.fault(kind, format_args!("{} [[{kind}]] tables; at most {count_max} are possible", tables.len()));
        return Vec::new();
    }
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut values = Vec::with_capacity(tables.len());
    for table in tables {
        if let Some(name) = table.text("name") {
            match names.iter().find(|(known, _)| *known == name) {
                Some((_, line)) => {
                    table.fault("name", format_args!("name already used at line {line}; give each {kind} its own"));
                }
                None => names.push((name, table.line)),
            }
        }
        values.extend(read(&table));
        table.refuse_unknown_keys();
    }
    values
}

fn read_name(table: &Table<'_, '_>) -> Option<String> {
    let name = table.required_text("name")?;
    if let Some(bad) = name.chars().find(|c| c.is_control() || "/+#".contains(*c)) {
        table.fault("name", format_args!("{bad:?} is not allowed in a name; MQTT topics use it"));
        return None;
    }
    if name.len() > NAME_LEN_MAX {
        table.fault("name", format_args!("the name is {} bytes long; use at most {NAME_LEN_MAX}", name.len()));
        return None;
    }
    Some(name)
}

fn read_floor(table: &Table<'_, '_>) -> Option<Floor> {
    let name = read_name(table);
    let width_m = table.required_number("width_m", 0.5..=FLOOR_SIDE_MAX_M);
    let depth_m = table.required_number("depth_m", 0.5..=FLOOR_SIDE_MAX_M);
    let plan = table.text("plan");
    Some(Floor { name: name?, width_m: width_m?, depth_m: depth_m?, plan })
}

fn read_zone(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Zone> {
    let name = read_name(table);
    let floor = read_floor_id(table, floors);
    let polygon = read_polygon(table, "polygon", floor.map(|id| &floors[usize::from(id.0)]));
    Some(Zone { name: name?, floor: floor?, polygon: polygon? })
}

fn read_wall(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Wall> {
    let floor = read_floor_id(table, floors);
    let points = table.points("points", 2);
    let loss_db = table.number("loss_db", 0.0..=60.0).unwrap_or(6.0);
    if let (Some(floor), Some(points)) = (floor, &points) {
        check_on_floor(table, "points", &floors[usize::from(floor.0)], points);
    }
    Some(Wall { floor: floor?, points: points?, loss_db })
}

fn read_receiver(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Receiver> {
    let name = read_name(table);
    let floor = read_floor_id(table, floors);
    let at = read_place(table, floor, floors);
    let z_m = table.number("z_m", -10.0..=100.0).unwrap_or(2.5);
    let [x_m, y_m] = at?;
    Some(Receiver { name: name?, floor: floor?, x_m, y_m, z_m })
}

fn read_entrance(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Entrance> {
    let name = read_name(table);
    let floor = read_floor_id(table, floors);
    let [x_m, y_m] = read_place(table, floor, floors)?;
    Some(Entrance { name: name?, floor: floor?, x_m, y_m })
}

fn read_stairs(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Stairs> {
    let name = read_name(table);
    let named = table.texts("floors").unwrap_or_default();
    if named.len() < 2 {
        table.fault("floors", "`floors` must name the floors it joins, for example [\"ground\", \"first\"]");
    }
    let mut joined = Vec::new();
    for floor in &named {
        match floors.iter().position(|known| known.name == *floor) {
            Some(index) => joined.push(FloorId(index as u8)),
            None => table.fault("floors", format_args!("no floor \"{floor}\"; name floors of this plan")),
        }
    }
    let places = joined.iter().map(|floor| read_place(table, Some(*floor), floors));
    let [x_m, y_m] = places.last().unwrap_or_else(|| read_place(table, None, floors))?;
    Some(Stairs { name: name?, floors: joined, x_m, y_m })
}

fn read_queue(table: &Table<'_, '_>, floors: &[Floor]) -> Option<Queue> {
    let name = read_name(table);
    let floor = read_floor_id(table, floors);
    let on = floor.map(|id| &floors[usize::from(id.0)]);
    let area = read_polygon(table, "area", on);
    let counter = read_polygon(table, "counter", on);
    let servers = table.integer("servers", 1..=64).unwrap_or(1) as u32;
    let wait_limit_s = table.number("wait_limit_s", 1.0..=86_400.0).unwrap_or(300.0);
    Some(Queue { name: name?, floor: floor?, area: area?, counter: counter?, servers, wait_limit_s })
}

fn read_floor_id(table: &Table<'_, '_>, floors: &[Floor]) -> Option<FloorId> {
    let Some(name) = table.text("floor") else {
        if floors.len() > 1 {
            table.fault("floor", "`floor` is missing; with several floors each thing must name its own");
            return None;
        }
        return (!floors.is_empty()).then_some(FloorId(0));
    };
    let found = floors.iter().position(|floor| floor.name == name);
    if found.is_none() {
        let known: Vec<&str> = floors.iter().map(|floor| floor.name.as_str()).collect();
        table.fault("floor", format_args!("no floor \"{name}\"; known floors: {}", known.join(", ")));
    }
    found.map(|index| FloorId(index as u8))
}

fn read_place(table: &Table<'_, '_>, floor: Option<FloorId>, floors: &[Floor]) -> Option<Point> {
    let anywhere = -1e6..=1e6;
    let (x_m, y_m) = (table.required_number("x_m", anywhere.clone()), table.required_number("y_m", anywhere));
    let place = [x_m?, y_m?];
    check_on_floor(table, "x_m", &floors[usize::from(floor?.0)], &[place]);
    Some(place)
}

fn read_polygon(table: &Table<'_, '_>, key: &'static str, floor: Option<&Floor>) -> Option<Vec<Point>> {
    let polygon = table.points(key, 3)?;
    if let Some((first, second)) = geometry::crossing(&polygon) {
        let (first, second) = (first + 1, second + 1);
        table.fault(
            key,
            format_args!(
                "`{key}` crosses itself: edges {first} and {second} meet; list the corners in order around the outline"
            ),
        );
    } else if geometry::area_m2(&polygon) < 0.01 {
        table.fault(key, format_args!("`{key}` encloses no area; give corners that span one"));
    }
    check_on_floor(table, key, floor?, &polygon);
    Some(polygon)
}

fn check_on_floor(table: &Table<'_, '_>, key: &str, floor: &Floor, points: &[Point]) {
    let (width_m, depth_m) = (floor.width_m, floor.depth_m);
    let off = |p: &&Point| !(0.0..=width_m).contains(&p[0]) || !(0.0..=depth_m).contains(&p[1]);
    if let Some([x, y]) = points.iter().find(off) {
        table.fault(
            key,
            format_args!(
                "({x}, {y}) is off floor \"{}\", which is {width_m} m by {depth_m} m; move it onto the floor",
                floor.name
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "arena"
[[floor]]
name = "ground"
width_m = 40
depth_m = 24.0
[[zone]]
name = "bar"
polygon = [[0, 0], [10, 0], [10, 12], [0, 12]]
[[wall]]
points = [[10, 0], [10, 12]]
loss_db = 5
[[receiver]]
name = "north-1"
x_m = 5
y_m = 6
z_m = 3
[[entrance]]
name = "main"
x_m = 20
y_m = 0
[[queue]]
name = "bar"
area = [[1, 1], [4, 1], [4, 6], [1, 6]]
counter = [[1, 6], [4, 6], [4, 7], [1, 7]]
servers = 2
wait_limit_s = 300
"#;

    fn faults(text: &str) -> Vec<String> {
        Venue::parse(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_plan_reads() {
        let venue = Venue::parse(GOOD).expect("good");
        assert_eq!(venue.zone_at(FloorId(0), [5.0, 5.0]), Some(ZoneId(0)));
        assert_eq!(venue.zone_at(FloorId(0), [15.0, 5.0]), None);
        assert_eq!(venue.wall_loss_db(FloorId(0), [5.0, 5.0], [15.0, 5.0]), 5.0);
        assert_eq!(venue.receiver("north-1"), Some(ReceiverId(0)));
    }

    #[test]
    fn each_broken_plan_gets_one_line_with_its_place_and_mend() {
        let crossing = GOOD.replace("[[0, 0], [10, 0], [10, 12], [0, 12]]", "[[0, 0], [10, 12], [10, 0], [0, 12]]");
        assert_eq!(
            faults(&crossing),
            [
                "9: zone \"bar\": `polygon` crosses itself: edges 1 and 3 meet; list the corners in order around the outline"
            ]
        );
        let off = GOOD.replace("x_m = 5\n", "x_m = 55\n");
        assert_eq!(
            faults(&off),
            [
                "15: receiver \"north-1\": (55, 6) is off floor \"ground\", which is 40 m by 24 m; move it onto the floor"
            ]
        );
        let unknown = GOOD.replace("servers = 2", "server = 2");
        assert_eq!(faults(&unknown), ["26: queue \"bar\": unknown key `server`; did you mean `servers`?"]);
        let twice = format!("{GOOD}[[zone]]\nname = \"bar\"\npolygon = [[20, 0], [30, 0], [30, 12]]\n");
        assert_eq!(faults(&twice), ["29: zone \"bar\": name already used at line 7; give each zone its own"]);
    }

    #[test]
    fn several_faults_are_told_in_one_go() {
        let text = GOOD.replace("width_m = 40", "width_m = -4").replace("servers = 2", "servers = 0");
        assert_eq!(faults(&text).len(), 2, "{:?}", faults(&text));
    }

    #[test]
    fn stairs_join_floors_of_the_plan() {
        let plan = GOOD.replace(
            "[[zone]]",
            "[[floor]]\nname = \"roof\"\nwidth_m = 30\ndepth_m = 24\n[[zone]]\nfloor = \"ground\"",
        );
        let plan = ["wall", "receiver", "entrance", "queue"].iter().fold(plan, |plan, kind| {
            plan.replace(&format!("[[{kind}]]\n"), &format!("[[{kind}]]\nfloor = \"ground\"\n"))
        });
        let stairs = |floors: &str, x_m: u8| {
            format!("{plan}[[stairs]]\nname = \"main\"\nfloors = {floors}\nx_m = {x_m}\ny_m = 5\n")
        };
        let venue = Venue::parse(&stairs("[\"ground\", \"roof\"]", 9)).expect("good");
        assert_eq!(venue.stairs[0].floors, [FloorId(0), FloorId(1)]);
        assert_eq!(faults(&stairs("[\"ground\", \"cellar\"]", 9)).len(), 1);
        assert_eq!(faults(&stairs("[\"ground\"]", 9)).len(), 1);
        assert!(faults(&stairs("[\"ground\", \"roof\"]", 35))[0].contains("off floor \"roof\""));
    }

    #[test]
    fn an_empty_plan_says_what_to_add() {
        assert_eq!(
            faults(""),
            ["1: `name` is missing; add it", "1: no [[floor]]; add one with name, width_m and depth_m"]
        );
    }
}
