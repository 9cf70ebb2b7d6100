//! Who comes when and where, how long they stay and how fast they walk.
//!
//! In: a scenario's rates and the places of the floor plan. Out: people in the order of their coming, those
//! present at the begin first. It refuses more people than `PEOPLE_MAX`.

use super::PEOPLE_MAX;
use super::places::Places;
use crate::random::{Purpose, Random};
use crate::scenario::{self, Scenario, VisitKind};
use anyhow::{Result, bail};
use std::f64::consts::TAU;
use venue_engine::geometry::Point;
use venue_engine::venue::{FloorId, ZoneId};

/// Free walking speed, metres a second: mean and standard deviation (Weidmann, "Transporttechnik der
/// Fussgänger", ETH Zürich, 1993).
const WALK_MPS: [f64; 2] = [1.34, 0.26];

/// Somebody who will come.
pub(super) struct Newcomer {
    /// Where: a door, or a place inside.
    pub(super) floor: FloorId,
    /// Metres on the floor.
    pub(super) at: Point,
    /// Unit vector of the way they face.
    pub(super) facing: Point,
    /// Whether they are already inside.
    pub(super) is_inside: bool,
    /// When.
    pub(super) from_us: i64,
    /// After this time they leave.
    pub(super) stay_s: f64,
    /// How fast they walk.
    pub(super) speed_mps: f64,
}

/// Everybody who comes in a run.
pub(super) fn draw(scenario: &Scenario, places: &Places, seed: u64) -> Result<Vec<Newcomer>> {
    let mut random = Random::new(seed, Purpose::Arrivals);
    let (plan, venue) = (&scenario.crowd, &scenario.venue);
    let zones: Vec<(f64, ZoneId)> = plan.visits.iter().filter_map(zone_visit).collect();
    let mut people = Vec::new();
    for _ in 0..plan.present {
        let Some(zone) = pick(&zones, &mut random) else { break };
        let floor = venue.zones[usize::from(zone.0)].floor;
        let at = places.in_zone(venue, zone, &mut random);
        // Somebody met at a random moment is at a uniform point of their stay.
        let stay_s = random.gamma(plan.stay_mean_s, plan.stay_cv) * random.unit();
        people.push(newcomer(floor, at, true, scenario.starts_at_us, stay_s, &mut random));
    }
    for (door, from_us) in draw_arrivals(&plan.arrivals, scenario, &mut random)? {
        let door = &venue.entrances[door];
        let stay_s = random.gamma(plan.stay_mean_s, plan.stay_cv);
        people.push(newcomer(door.floor, [door.x_m, door.y_m], false, from_us, stay_s, &mut random));
    }
    Ok(people)
}

fn newcomer(floor: FloorId, at: Point, is_inside: bool, from_us: i64, stay_s: f64, random: &mut Random) -> Newcomer {
    let speed_mps = (WALK_MPS[0] + WALK_MPS[1] * random.normal()).clamp(0.5, 2.2);
    let (sine, cosine) = random.between(0.0, TAU).sin_cos();
    Newcomer { floor, at, facing: [cosine, sine], is_inside, from_us, stay_s, speed_mps }
}

fn pick(zones: &[(f64, ZoneId)], random: &mut Random) -> Option<ZoneId> {
    let mut left = random.unit() * zones.iter().map(|(weight, _)| weight).sum::<f64>();
    let chosen = zones.iter().find(|(weight, _)| {
        left -= weight;
        left < 0.0
    });
    chosen.or(zones.last()).map(|(_, zone)| *zone)
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
        if per_s_max <= 0.0 {
            continue;
        }
        loop {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_follow_their_profile() {
        let scenario = crate::simulation::parse_built_in("lunch_rush");
        let mut random = Random::new(1, Purpose::Arrivals);
        let mut early = 0;
        let mut busy = 0;
        for _ in 0..50 {
            let drawn = draw_arrivals(&scenario.crowd.arrivals, &scenario, &mut random).expect("few enough");
            assert!(drawn.is_sorted_by_key(|(_, at_us)| *at_us));
            let within = |from_s: i64, to_s: i64| {
                let since = drawn.iter().map(|(_, at_us)| (at_us - scenario.starts_at_us) / 1_000_000);
                since.filter(|time_s| (from_s..to_s).contains(time_s)).count()
            };
            early += within(0, 60);
            busy += within(2_400, 2_460);
        }
        // 7 and 15 people a minute by both doors together, 50 times over.
        assert!((290..440).contains(&early), "{early}");
        assert!((660..860).contains(&busy), "{busy}");
    }
}
