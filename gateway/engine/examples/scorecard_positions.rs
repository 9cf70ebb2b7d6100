//! Prints how well devices are located in simulated halls and on a published scenario, beside baselines and goals.
//!
//! In: nothing. Out: tables in the form of the other scorecards.

mod scorecard;

#[path = "../tests/positions/main.rs"]
#[allow(dead_code, unused_imports, reason = "the tests' harness; its measured walks are scored by the whole gateway")]
mod positions;

use positions::{Figure, companion, density, halls, storeys};
use scorecard::scores::{Goal, Row, print};

fn main() {
    print("Halls of 40 m by 24 m, 8 zones, learned map; baseline strongest receiver", &rows(halls::with_map()));
    print("The same halls, nothing learned before", &rows(halls::without_map()));
    print("The same halls, what goes wrong", &rows(halls::troubled()));
    print("Heat over the same halls; baseline positions under a kernel of 2 m", &rows(density::density()));
    print("Four nodes, 6 m by 4 m; baseline as published by ESPresense-companion", &rows(companion::companion()));
    print("Two storeys of 30 m by 20 m with three receivers each", &rows(storeys::storeys()));
}

fn rows(figures: Vec<Figure>) -> Vec<Row> {
    let row = |figure: Figure| Row {
        metric: figure.name,
        ours: figure.ours,
        baseline: Some(figure.baseline).filter(|baseline| baseline.is_finite()),
        floor: None,
        goal: match figure.goal {
            positions::Goal::AtMost(goal) => Goal::Below(goal),
            positions::Goal::AtLeast(goal) => Goal::Above(goal),
        },
    };
    figures.into_iter().map(row).collect()
}
