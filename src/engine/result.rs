//! How a step went.

use std::time::Duration;

use super::{Step, aside};
use crate::diagnostic::Span;

/// How a step went.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// Kind and thing, `shell make test`; empty: no task is behind it.
    pub what: String,
    /// How it went.
    pub status: StepStatus,
    /// How long it took.
    pub elapsed: Duration,
    /// The last lines that it printed, standard error behind standard output; of a failed step.
    pub output: Vec<u8>,
    /// The task.
    pub span: Option<Span>,
}

impl StepResult {
    /// Of this step, without output.
    pub(super) fn new(step: &Step, status: StepStatus, elapsed: Duration) -> Self {
        let what = format!("{} {}", step.resource.kind(), step.resource.subject());
        Self { name: step.name.clone(), what, status, elapsed, output: Vec::new(), span: Some(step.span.clone()) }
    }
}

/// The ways a step can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// All was as wanted.
    Same,
    /// It changed something.
    Changed,
    /// It failed with this status.
    Failed(i32),
    /// It was taken back, or it is what took others back: the old state is there.
    RolledBack,
    /// The line broke while it ran: it may have happened or not.
    Unknown,
}

impl StepStatus {
    /// How a step went that exited with `status`.
    pub(super) fn of(step: &Step, status: i32) -> Self {
        match status {
            0 => Self::Changed,
            aside::ROLLED_BACK if step.set.is_some() => Self::RolledBack,
            status => Self::Failed(status),
        }
    }

    /// Whether nothing may follow it.
    pub(super) fn stops(self) -> bool {
        matches!(self, Self::Failed(_) | Self::RolledBack)
    }
}
