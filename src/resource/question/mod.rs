//! How the typed questions of a [`Probe`] are asked on a host and how its answers are read. Each type is one frame
//! (a script run by `hoist_frame`, see `engine::session`), so a failing question spoils only its own answer.

use std::time::Duration;

mod accounts;
mod packages;
mod paths;
mod units;

pub(super) use packages::candidates;

use super::{Guard, Outcome, Probe, Reply};
use crate::shell::{Answers, Script};

/// One frame of a probe: its id, and what runs in it.
pub struct Question {
    /// Names the answer.
    pub id: String,
    /// What runs; under no `set -e`, for one bad subject must not hide the others.
    pub script: Script,
    /// Set for a task's own script, which runs apart: as its user, with its variables, in a shell of its own.
    /// The typed questions share a shell, so that they need no process but the one that answers.
    pub guard: Option<Guard>,
}

impl Question {
    fn new(id: &str, script: Script) -> Self {
        Self { id: id.to_string(), script, guard: None }
    }
}

/// The frames that ask everything in `probe`.
pub fn questions(probe: &Probe) -> Vec<Question> {
    let mut all = Vec::new();
    all.extend(paths::questions(probe));
    all.extend(packages::questions(probe));
    all.extend(units::questions(probe));
    all.extend(accounts::questions(probe));
    all.extend(probe.guards.iter().enumerate().map(|(number, guard)| Question {
        id: format!("guard{number}"),
        script: guard.script.clone(),
        guard: Some(guard.clone()),
    }));
    all
}

/// Reads the answers to [`questions`] of the same probe, each of which could take as long as `patience` says.
pub fn read(probe: &Probe, answers: &Answers, patience: Duration) -> Reply {
    let mut reply = Reply { patience: patience.as_secs(), ..Reply::default() };
    paths::read(probe, answers, &mut reply);
    packages::read(probe, answers, &mut reply);
    units::read(probe, answers, &mut reply);
    accounts::read(probe, answers, &mut reply);
    for (number, guard) in probe.guards.iter().enumerate() {
        if let Some(answer) = answers.get(&format!("guard{number}")) {
            let stderr = String::from_utf8_lossy(&answer.stderr).into_owned();
            reply.guards.push((guard.clone(), Outcome { status: answer.status, stdout: answer.text(), stderr }));
        }
    }
    reply
}
