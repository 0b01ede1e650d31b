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

/// What a step is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The kind of the thing.
    pub kind: &'static str,
    /// Which thing: a path, a package.
    pub subject: String,
}

/// Something that happened on a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It entered a phase.
    Phase(Phase),
    /// A step starts to run; which one it is (from 1) of all of the play that have something to do, or may have.
    StepStarted {
        /// The step.
        step: About,
        /// Which.
        number: usize,
        /// Of how many, as far as it can be told now.
        of: usize,
    },
    /// A running step printed a line.
    Output(Vec<u8>),
    /// A step is through.
    StepDone {
        /// The step.
        step: About,
        /// How it went.
        status: StepStatus,
        /// How long it took.
        elapsed: Duration,
    },
}

/// Takes events, with the name of the host they are about, from any thread.
pub type Events<'a> = &'a (dyn Fn(&str, Event) + Sync);
