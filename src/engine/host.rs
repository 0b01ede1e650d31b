//! One host, one run: connect, facts, probe, plan; then, when the plan was accepted, apply, probing again behind every
//! change of unknown reach, until nothing is left; then the handlers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::apply::{self, StepResult, StepStatus};
use super::facts::{self, Facts};
use super::plan::{Planned, Verdict, plan};
use super::session::Session;
use super::step::{HostValues, PlaySteps, play_steps};
use super::wrap::wrap;
use super::{Event, Job, Phase, Step};
use crate::diagnostic::Diagnostics;
use crate::project::{Given, Manner};
use crate::resource::{Probe, Reply, Unreadable, question};
use crate::shell::Answers;
use crate::transport::{Cause, Connection, Failure};

/// A host to work on.
pub struct Target<'a> {
    /// Its name in the inventory.
    pub name: String,
    /// The winner of each variable's layers.
    pub given: BTreeMap<String, Given<'a>>,
    /// `inventory_hostname`, `groups` and the like; the facts are added.
    pub fixed: Map<String, Json>,
    /// The user that logs in.
    pub login_user: String,
    /// How tasks run where neither task, role nor play says it.
    pub manner: Manner,
}

impl Target<'_> {
    /// Whether the session must become root by sudo.
    pub(super) fn sudo(&self, job: &Job<'_>) -> bool {
        self.login_user != "root" && job.becomes(&self.name, &self.manner)
    }
}

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
    /// Another run holds the lock; who.
    Locked(String),
}

/// A host that was probed and planned, with its line still open.
pub struct Preview {
    /// Its name.
    pub host: String,
    /// What each play will do.
    pub plays: Vec<PlayPreview>,
    /// Handlers that an earlier run left behind.
    pub pending: Vec<String>,
    session: Session,
}

/// A play on a host, planned.
pub struct PlayPreview {
    /// Which play of the job it is, from 0: hosts need not be in all of them.
    pub play: usize,
    /// Its steps and handlers.
    pub steps: PlaySteps,
    /// A verdict for each step.
    pub planned: Vec<Planned>,
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

impl Preview {
    /// Connects to nothing: `connection` is up. Opens the session, asks facts, settles the tasks, probes and plans.
    ///
    /// # Errors
    /// The session cannot be opened, or the tasks have mistakes.
    pub fn make(connection: &mut dyn Connection, job: &Job<'_>, target: &Target<'_>, event: &dyn Fn(Event)) -> Result<Self, HostFailure> {
        let sudo = target.sudo(job);
        let (mut session, facts) = open(connection, sudo).map_err(HostFailure::Unreachable)?;
        event(Event::Phase(Phase::Probing));
        let plays = settle(job, target, &facts).map_err(HostFailure::Tasks)?;
        let all: Vec<&Step> = plays.iter().flat_map(|(_, play)| &play.steps).collect();
        let reply = probe(&mut session, &all).map_err(HostFailure::Unreachable)?;
        let mut verdicts = plan(all.into_iter().enumerate(), reply).into_iter();
        let plays = plays
            .into_iter()
            .map(|(play, steps)| {
                let planned = (0..steps.steps.len()).zip(verdicts.by_ref()).map(|(step, planned)| Planned { step, ..planned }).collect();
                PlayPreview { play, steps, planned }
            })
            .collect();
        Ok(Self { host: target.name.clone(), plays, pending: facts.pending, session })
    }

    /// Steps that nothing sensible can be done about.
    pub fn failures(&self) -> Vec<(String, Unreadable)> {
        let of = |play: &PlayPreview| {
            let failed = play.planned.iter().filter_map(|planned| match &planned.verdict {
                Verdict::Failed(unreadable) => Some((play.steps.steps[planned.step].name.clone(), unreadable.clone())),
                _ => None,
            });
            failed.collect::<Vec<_>>()
        };
        self.plays.iter().flat_map(of).collect()
    }

    /// Whether there is anything to do, sure or not.
    pub fn has_changes(&self) -> bool {
        !self.pending.is_empty() || self.plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict.action().is_some())
    }

    /// Does what was planned. `run` says who runs what, for the lock.
    pub fn apply(mut self, run: &str, event: &dyn Fn(Event)) -> HostReport {
        let mut report = HostReport { host: self.host.clone(), ..HostReport::default() };
        let failures = self.failures();
        if !failures.is_empty() {
            report.failure = Some(HostFailure::Plan(failures));
        } else if self.has_changes() {
            event(Event::Phase(Phase::Applying));
            report.failure = self.work(run, &mut report, event).err();
        } else {
            report.same = self.plays.iter().map(|play| play.planned.len()).sum();
        }
        event(Event::Phase(Phase::Done));
        report
    }

    fn work(&mut self, run: &str, report: &mut HostReport, event: &dyn Fn(Event)) -> Result<(), HostFailure> {
        let answers = self.session.ask(apply::prepare(run).text(), &mut |_| {}).map_err(HostFailure::Unknown)?;
        let lock = answers.get("lock").cloned().unwrap_or_default();
        match lock.status {
            0 => {}
            73 => return Err(HostFailure::Locked(lock.text().trim().to_string())),
            _ => {
                let words = String::from_utf8_lossy(&lock.stderr).trim().to_string();
                return Err(HostFailure::Unreachable(Failure::new(Cause::Protocol, format!("the state folder cannot be used: {words}"))));
            }
        }
        report.pending = self.pending.clone();
        let mut pending = std::mem::take(&mut self.pending);
        for play in std::mem::take(&mut self.plays) {
            let PlayPreview { mut steps, planned, .. } = play;
            let handlers = std::mem::take(&mut steps.handlers);
            // What an earlier run left behind comes first; what is no handler of ours any more is dropped at the end.
            let (left, others): (Vec<String>, Vec<String>) =
                pending.into_iter().partition(|key| handlers.iter().any(|handler| handler.key == *key));
            pending = others;
            let mut notified = left.clone();
            let before = self.handle(&handlers, &mut notified, report, event)?;
            let mut notified = self.steps(&steps.steps, (!before && report.results.is_empty()).then_some(planned), report, event)?;
            self.handle(&handlers, &mut notified, report, event)?;
        }
        if !pending.is_empty() {
            self.session.ask(apply::forget(&pending).text(), &mut |_| {}).map_err(HostFailure::Unknown)?;
        }
        report.pending.clear();
        Ok(())
    }

    /// Runs steps until none is left; returns the handlers that were notified. With a plan at hand, the first batch is
    /// what it says; every later one is probed behind the change that made it necessary.
    fn steps(
        &mut self,
        steps: &[Step],
        mut planned: Option<Vec<Planned>>,
        report: &mut HostReport,
        event: &dyn Fn(Event),
    ) -> Result<Vec<String>, HostFailure> {
        let mut notified: Vec<String> = Vec::new();
        let mut next = 0;
        while next < steps.len() {
            let plan = match planned.take() {
                Some(planned) => planned,
                None => {
                    let left: Vec<&Step> = steps[next..].iter().collect();
                    let reply = probe(&mut self.session, &left).map_err(HostFailure::Unknown)?;
                    plan(left.into_iter().enumerate().map(|(at, step)| (next + at, step)), reply)
                }
            };
            let end = plan.iter().position(|planned| planned.verdict.unsure()).unwrap_or(plan.len());
            let failed: Vec<(String, Unreadable)> = plan[..end]
                .iter()
                .filter_map(|planned| match &planned.verdict {
                    Verdict::Failed(unreadable) => Some((steps[planned.step].name.clone(), unreadable.clone())),
                    _ => None,
                })
                .collect();
            if !failed.is_empty() {
                return Err(HostFailure::Plan(failed));
            }
            let batch: Vec<&Planned> = plan[..end].iter().filter(|planned| planned.verdict.change().is_some()).collect();
            report.same += end - batch.len();
            if !batch.is_empty() {
                let (results, lost) = match apply::run(&mut self.session, steps, &batch, event) {
                    Ok(results) => (results, None),
                    Err((results, failure)) => (results, Some(failure)),
                };
                for (planned, result) in batch.iter().zip(&results) {
                    // The journal is written before the step runs, so a failed one leaves its handlers there too.
                    let fresh = steps[planned.step].notify.iter().filter(|key| !report.pending.contains(key)).cloned().collect::<Vec<_>>();
                    report.pending.extend(fresh);
                    if result.status == StepStatus::Changed {
                        let fresh = steps[planned.step].notify.iter().filter(|key| !notified.contains(key)).cloned().collect::<Vec<_>>();
                        notified.extend(fresh);
                    }
                }
                let failed = results.iter().find(|result| matches!(result.status, StepStatus::Failed(_))).cloned();
                report.results.extend(results);
                if let Some(failure) = lost {
                    return Err(HostFailure::Unknown(failure));
                }
                if let Some(result) = failed {
                    return Err(HostFailure::Step(result));
                }
            }
            next += end;
        }
        Ok(notified)
    }

    /// Runs the notified handlers, in the order of the roles; true when there were any. A handler that notifies
    /// another one is followed by it.
    fn handle(
        &mut self,
        handlers: &[super::Handler],
        notified: &mut Vec<String>,
        report: &mut HostReport,
        event: &dyn Fn(Event),
    ) -> Result<bool, HostFailure> {
        let mut any = false;
        for handler in handlers {
            if !notified.contains(&handler.key) {
                continue;
            }
            any = true;
            let more = self.steps(&handler.steps, None, report, event)?;
            notified.extend(more);
            self.session.ask(apply::forget(std::slice::from_ref(&handler.key)).text(), &mut |_| {}).map_err(HostFailure::Unknown)?;
            report.pending.retain(|key| *key != handler.key);
        }
        Ok(any)
    }
}

/// Opens a session and asks the facts.
pub(super) fn open(connection: &mut dyn Connection, sudo: bool) -> Result<(Session, Facts), Failure> {
    let mut session = Session::open(connection, sudo)?;
    let answers = session.ask(facts::SCRIPT, &mut |_| {})?;
    Ok((session, Facts::read(&answers)))
}

/// The number and the steps of each play for a host with these facts.
pub(super) fn settle(job: &Job<'_>, target: &Target<'_>, facts: &Facts) -> Result<Vec<(usize, PlaySteps)>, Diagnostics> {
    let mut fixed = target.fixed.clone();
    fixed.insert("facts".to_string(), json!(facts.values));
    let values = HostValues { given: &target.given, fixed: &fixed, login_user: &target.login_user, manner: &target.manner };
    let mut problems = Diagnostics::new();
    let plays = job.plays.iter().enumerate().filter(|(_, play)| play.hosts.contains(&target.name));
    let settled: Vec<(usize, PlaySteps)> =
        plays.filter_map(|(number, play)| Some((number, problems.take(play_steps(job, play, &values))?))).collect();
    problems.or(settled)
}

/// Asks everything that `steps` want to know, in one exchange.
fn probe(session: &mut Session, steps: &[&Step]) -> Result<Reply, Failure> {
    let mut all = Probe::new();
    for step in steps {
        step.resource.probe(&mut all);
    }
    if all.is_empty() {
        return Ok(Reply::default());
    }
    let nonce = session.nonce().clone();
    let mut text = String::new();
    for question in question::questions(&all) {
        let id = &question.id;
        text += &match &question.guard {
            None => format!("hoist_b {id}\n{}hoist_e {id} $?\n", question.script.text()),
            Some(guard) => {
                let body = wrap(&question.script, guard.user.as_deref(), &guard.environment, &nonce);
                format!("hoist_b {id}\n(\n{body}) </dev/null\nhoist_e {id} $?\n")
            }
        };
    }
    let answers: Answers = session.ask(&text, &mut |_| {})?;
    Ok(question::read(&all, &answers))
}
