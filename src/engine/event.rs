//! What happens during a run, for whoever prints it. Hosts send, one printer listens.

use std::time::Duration;

use super::StepStatus;

/// Where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name, TCP, host key, login, sudo, facts.
    Connecting,
    /// The host answers the questions of its steps.
    Probing,
    /// Steps that change something run.
    Applying,
    /// All is done, well or not.
    Done,
}

/// Something that happened on a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It entered a phase.
    Phase(Phase),
    /// A step starts to run; how many of the current batch there are, and which one it is (from 1).
    StepStarted {
        /// Its name.
        name: String,
        /// Which.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// A running step printed a line.
    Output(Vec<u8>),
    /// A step is through.
    StepDone {
        /// Its name.
        name: String,
        /// How it went.
        status: StepStatus,
        /// How long it took.
        elapsed: Duration,
    },
}

/// Takes events, with the name of the host they are about, from any thread.
pub type Events<'a> = &'a (dyn Fn(&str, Event) + Sync);
