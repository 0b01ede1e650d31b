//! What became of a host.

use std::time::Duration;

use super::result::{StepResult, StepStatus};
use crate::diagnostic::Diagnostics;
use crate::resource::Unreadable;
use crate::transport::Failure;

/// Why a host did not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum HostFailure {
    /// It was not reached, or the line broke before anything was begun.
    Unreachable(Failure),
    /// The line broke after work had begun.
    Unknown(Failure),
    /// Its tasks have mistakes that only show with its facts.
    Tasks(Diagnostics),
    /// Steps that nothing sensible can be done about, by name.
    Plan(Vec<(String, Unreadable)>),
    /// A step failed.
    Step(StepResult),
    /// This step took back what the run had changed: the old state is there.
    RolledBack(StepResult),
    /// Another run holds the lock; who.
    Locked(String),
    /// The user interrupted the run; what was begun was finished.
    Interrupted,
    /// It was left alone, for this reason.
    Skipped(String),
    /// What had been done on it was undone, for this reason.
    Reverted(String),
    /// All that was to be done on it is; what follows was not, for this reason.
    Afterwards(String),
}

/// What became of a host.
#[derive(Debug, Clone, Default)]
pub struct HostReport {
    /// Its name.
    pub host: String,
    /// Steps that were as wanted.
    pub same: usize,
    /// Steps and handlers that changed something or failed, in the order in which they ran.
    pub results: Vec<StepResult>,
    /// How many of them had changed something that was put back.
    pub taken_back: usize,
    /// Handlers that were notified and did not run, by key: the next run starts with them.
    pub pending: Vec<String>,
    /// How long it took, from the first connection; without the time in which a plan waited for an answer.
    pub elapsed: Duration,
    /// Why it did not come to its end, if it did not.
    pub failure: Option<HostFailure>,
}

impl HostReport {
    /// How many steps changed something.
    pub fn changed(&self) -> usize {
        self.results.iter().filter(|result| result.status == StepStatus::Changed).count()
    }
}
