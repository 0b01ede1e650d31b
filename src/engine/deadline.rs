//! How long steps and hosts may take. The host itself ends a step that takes longer, with all that came from it: neither a
//! broken line nor a controller that is gone lets it run on.

use std::time::{Duration, Instant};

use super::Step;
use super::result::{StepResult, StepStatus};
use crate::shell::{DEADLINE, Script};
use crate::transport::{Cause, Failure};

/// The status of a step that took too long, as `timeout` has it.
const LATE: i32 = 124;

/// How long the host may take beyond its time to say that it is over.
const GRACE: Duration = Duration::from_secs(30);

/// What the settings say; `None`: as long as it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// For a step that says nothing itself.
    pub step: Option<Duration>,
    /// For all that a run does on a host.
    pub host: Option<Duration>,
}

/// The limits of a batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Deadlines {
    limits: Limits,
    /// When the time of the host is over.
    until: Option<Instant>,
}

impl Deadlines {
    /// For a host that began its work then.
    pub fn new(limits: Limits, began: Instant) -> Self {
        Self { limits, until: limits.host.map(|host| began + host) }
    }

    /// The failure of a host whose time is over before `step` began.
    pub fn over(&self, step: &Step) -> Option<StepResult> {
        self.until.filter(|until| Instant::now() >= *until)?;
        let output = format!("not begun: {}", self.words()).into_bytes();
        Some(StepResult { output, ..StepResult::new(step, StepStatus::Failed(LATE), Duration::ZERO) })
    }

    /// A host that is long over its time and says nothing is given up.
    pub fn watch(&self) -> Result<(), Failure> {
        match self.until {
            Some(until) if Instant::now() > until + GRACE => {
                Err(Failure::new(Cause::Timeout, format!("nothing is heard; {}", self.words())))
            }
            _ => Ok(()),
        }
    }

    /// What stands before a batch.
    pub fn before(&self, steps: &[&Step]) -> String {
        if !steps.iter().any(|step| self.of(step)) {
            return String::new();
        }
        let mut script = Script::new();
        script.line("hoist_until= hoist_host_words={}", &[&self.words()]);
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now()).as_secs().max(1);
            script.line("hoist_uptime; hoist_until=$((hoist_now + {}))", &[&left.to_string()]);
        }
        format!("{}{}", *DEADLINE, script.text())
    }

    /// What stands behind the subshell of a step: nothing, or what runs it aside and waits for it.
    pub fn behind(&self, step: &Step) -> String {
        if !self.of(step) {
            return String::new();
        }
        let (seconds, setting) = match (step.timeout, self.limits.step) {
            (Some(own), _) => (Some(own), "timeout"),
            (None, all) => (all, "step_timeout"),
        };
        let seconds = seconds.map(|seconds| seconds.as_secs().to_string()).unwrap_or_default();
        let words = format!("it took longer than {seconds} s (`{setting}`), so it was ended");
        let mut script = Script::new();
        script.line("hoist_limited {} {}", &[&seconds, &words]);
        format!(" &\n{}", script.text().trim_end())
    }

    fn of(&self, step: &Step) -> bool {
        step.timeout.or(self.limits.step).is_some() || self.until.is_some()
    }

    fn words(&self) -> String {
        format!("the host took longer than {} s (`host_timeout`)", self.limits.host.unwrap_or_default().as_secs())
    }
}
