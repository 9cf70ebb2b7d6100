//! The people of a run, simulated or recorded.
//!
//! In: a scenario. Out: one interface to both kinds of crowd. It decides nothing itself.

use crate::crowd::Crowd;
use crate::recorded::Recorded;
use crate::route::Pose;
use crate::scenario::Scenario;
use anyhow::Result;
use venue_engine::venue::{FloorId, QueueId};

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

/// The people of a run.
pub enum People {
    /// Drawn from the scenario's rates.
    Simulated(Box<Crowd>),
    /// Walking recorded paths.
    Recorded(Recorded),
}

impl People {
    /// The people a scenario asks for.
    ///
    /// # Errors
    /// Where a place cannot be reached or a recording cannot be read.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self> {
        match &scenario.crowd.trajectories {
            Some(csv) => Ok(Self::Recorded(Recorded::new(csv, scenario)?)),
            None => Ok(Self::Simulated(Box::new(Crowd::new(scenario, seed)?))),
        }
    }

    /// How many people come in all.
    pub fn count(&self) -> usize {
        match self {
            Self::Simulated(crowd) => crowd.people_count(),
            Self::Recorded(recorded) => recorded.people_count(),
        }
    }

    /// People inside now, by index.
    pub fn inside(&self) -> Vec<usize> {
        match self {
            Self::Simulated(crowd) => crowd.inside().collect(),
            Self::Recorded(recorded) => recorded.inside().collect(),
        }
    }

    /// People waiting in a queue.
    pub fn queue_length(&self, queue: QueueId) -> usize {
        match self {
            Self::Simulated(crowd) => crowd.queue_length(queue),
            Self::Recorded(recorded) => recorded.queue_length(queue),
        }
    }

    /// Where a person is.
    pub fn pose(&self, person: usize, at_us: i64) -> (FloorId, Pose) {
        match self {
            Self::Simulated(crowd) => crowd.pose(person, at_us),
            Self::Recorded(recorded) => recorded.pose(person, at_us),
        }
    }

    /// Somebody who waits or stands about goes to a line; false where that is not possible.
    pub fn send(&mut self, person: usize, queue: QueueId, at_us: i64) -> bool {
        match self {
            Self::Simulated(crowd) => crowd.send(person, queue, at_us),
            // Recorded people went where they went.
            Self::Recorded(_) => false,
        }
    }

    /// When something happens next.
    pub fn next_us(&self) -> i64 {
        match self {
            Self::Simulated(crowd) => crowd.next_us(),
            Self::Recorded(recorded) => recorded.next_us(),
        }
    }

    /// Handles everything up to and including `until_us`.
    pub fn advance(&mut self, until_us: i64, changes: &mut Vec<Change>) {
        match self {
            Self::Simulated(crowd) => crowd.advance(until_us, changes),
            Self::Recorded(recorded) => recorded.advance(until_us, changes),
        }
    }
}
