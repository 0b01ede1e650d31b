//! One host, the second half of a run: apply what was planned, probing again behind every change of unknown reach, until
//! nothing is left; then the handlers. A broken line is mended once, and the host's own journal says what happened.

use std::time::{Duration, Instant};

use super::apply::{self, StepResult, StepStatus};
use super::host::{self, HostFailure, HostReport, Line, PlayPreview, Preview};
use super::interrupt::Interrupt;
use super::plan::{Planned, Verdict, plan};
use super::session::Session;
use super::{Event, Handler, Phase, PlaySteps, Step};
use crate::resource::Unreadable;
use crate::shell::{Answer, Nonce};
use crate::transport::{Cause, Connection, Failure};

/// How long a line that broke is tried again.
const RECONNECT: Duration = Duration::from_secs(60);

/// What all workers of a run are told.
pub struct Orders<'a> {
    /// Who runs what, for the lock and the history on the hosts.
    pub run: &'a str,
    /// How long to wait for another run on the same host, in seconds.
    pub lock_wait: u64,
    /// Whether the user wants the run to end.
    pub interrupt: &'a Interrupt,
}

/// Where a worker's line comes from, and where its events go.
pub(super) struct Wires<'a> {
    /// Connects once more when the line broke.
    pub reconnect: Box<dyn Fn() -> Result<Box<dyn Connection>, Failure> + Send + Sync + 'a>,
    /// Takes what happens.
    pub event: Box<dyn Fn(Event) + Send + Sync + 'a>,
}

/// Works on one host.
pub(super) struct Worker<'a> {
    pub(super) orders: &'a Orders<'a>,
    wires: Wires<'a>,
    pub(super) line: Line,
    plays: Vec<PlayPreview>,
    pending: Vec<String>,
    pub(super) report: HostReport,
    id: String,
    /// Nothing more is to be done here.
    pub(super) over: bool,
    /// The lock is ours.
    prepared: bool,
    /// How many batches were begun; the journal names a step by its batch and its number.
    batches: usize,
}

impl<'a> Worker<'a> {
    /// Takes a host over from its plan. Nothing is done yet.
    pub fn new(preview: Preview, orders: &'a Orders<'a>, wires: Wires<'a>) -> Self {
        let mut report = HostReport { host: preview.host.clone(), ..HostReport::default() };
        let failures = preview.failures();
        let idle = !preview.has_changes() && preview.interrupted.is_none();
        if !failures.is_empty() {
            report.failure = Some(HostFailure::Plan(failures));
        } else if idle {
            report.same = preview.plays.iter().map(|play| play.planned.len()).sum();
        }
        let over = idle || report.failure.is_some();
        let id = Nonce::random().as_str().to_string();
        let Preview { plays, pending, line, .. } = preview;
        report.pending = pending.clone();
        Self { orders, wires, line, plays, pending, report, id, over, prepared: false, batches: 0 }
    }

    /// Takes a host over without a plan: its verbs come one by one. What earlier runs left behind is left to them.
    pub fn open(host: &str, line: Line, orders: &'a Orders<'a>, wires: Wires<'a>) -> Self {
        let report = HostReport { host: host.to_string(), ..HostReport::default() };
        let id = Nonce::random().as_str().to_string();
        Self { orders, wires, line, plays: Vec::new(), pending: Vec::new(), report, id, over: false, prepared: false, batches: 0 }
    }

    /// Whether the host failed.
    pub fn failed(&self) -> bool {
        self.report.failure.is_some()
    }

    /// Leaves the host alone from here on, for this reason, unless it is done already.
    pub fn skip(&mut self, reason: &str) {
        if !self.over {
            self.fail(HostFailure::Skipped(reason.to_string()));
        }
    }

    /// Does what the play of this number has for the host.
    pub fn play(&mut self, number: usize) {
        if self.over {
            return;
        }
        let Some(at) = self.plays.iter().position(|play| play.play == number) else { return };
        let play = self.plays.remove(at);
        if let Err(failure) = self.prepare().and_then(|()| self.work(play)) {
            self.fail(failure);
        }
    }

    /// Brings the run to its end on this host.
    pub fn end(mut self) -> HostReport {
        if self.prepared && !self.over {
            // What is no handler of ours any more is dropped, so that it is not told for ever.
            let left = std::mem::take(&mut self.pending);
            if !left.is_empty() {
                let _ = self.line.session.ask(apply::forget(&left).text());
            }
            self.report.pending.retain(|key| !left.contains(key));
        }
        if self.prepared && !matches!(self.report.failure, Some(HostFailure::Unknown(_))) {
            let result = match &self.report.failure {
                None => format!("done, {} changed", self.report.changed()),
                Some(HostFailure::Step(result)) => format!("failed at {}", result.name),
                Some(HostFailure::Interrupted) => "interrupted".to_string(),
                Some(_) => "failed".to_string(),
            };
            let _ = self.line.session.ask(apply::finish(&result).text());
        }
        (self.wires.event)(Event::Phase(Phase::Done));
        self.report
    }

    pub(super) fn fail(&mut self, failure: HostFailure) {
        self.over = true;
        self.report.failure = Some(failure);
        (self.wires.event)(Event::Phase(Phase::Done));
    }

    /// Takes the lock and starts the journal, before the first change.
    pub(super) fn prepare(&mut self) -> Result<(), HostFailure> {
        if self.prepared {
            return Ok(());
        }
        (self.wires.event)(Event::Phase(Phase::Applying));
        self.lock(self.orders.lock_wait)?;
        self.line.session.ask(apply::start_journal(&self.id).text()).map_err(HostFailure::Unknown)?;
        self.prepared = true;
        Ok(())
    }

    fn lock(&mut self, wait: u64) -> Result<(), HostFailure> {
        let answers = self.line.session.ask(apply::prepare(self.orders.run, wait).text()).map_err(HostFailure::Unknown)?;
        let lock = answers.get("lock").cloned().unwrap_or_default();
        match lock.status {
            0 => Ok(()),
            73 => Err(HostFailure::Locked(lock.text().trim().to_string())),
            _ => {
                let words = String::from_utf8_lossy(&lock.stderr).trim().to_string();
                let failure = Failure::new(Cause::Protocol, format!("the state folder /var/lib/hoist cannot be used: {words}"));
                Err(HostFailure::Unreachable(failure.remedy("it must be a folder of root, not a link, on a disk that can be written")))
            }
        }
    }

    fn work(&mut self, play: PlayPreview) -> Result<(), HostFailure> {
        // The plan was made for the host as it was before anything was done on it.
        let fresh = self.report.results.is_empty();
        self.run(play.steps, fresh.then_some(play.planned))
    }

    /// Runs steps and the handlers they notify, with a plan if there is one that holds.
    pub(super) fn run(&mut self, mut steps: PlaySteps, planned: Option<Vec<Planned>>) -> Result<(), HostFailure> {
        let handlers = std::mem::take(&mut steps.handlers);
        // What an earlier run left behind comes first.
        let (left, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.pending).into_iter().partition(|key| handlers.iter().any(|handler| handler.key == *key));
        self.pending = others;
        let (before, due) = self.catch_up(&handlers, left)?;
        let mut notified = self.steps(&steps.steps, planned.filter(|_| !before))?;
        add(&mut notified, &due);
        self.handle(&handlers, &mut notified)?;
        Ok(())
    }

    /// Runs the handlers that an earlier run left behind; whether there were any, and those that are still due. One that
    /// fails stops nothing yet: this run may be the one that repairs its cause, such as a file that `nginx -t` refuses.
    fn catch_up(&mut self, handlers: &[Handler], mut left: Vec<String>) -> Result<(bool, Vec<String>), HostFailure> {
        match self.handle(handlers, &mut left) {
            Ok(any) => Ok((any, Vec::new())),
            Err(HostFailure::Step(_) | HostFailure::Plan(_)) => {
                self.report.results.retain(|result| !matches!(result.status, StepStatus::Failed(_)));
                left.retain(|key| self.report.pending.contains(key));
                Ok((true, left))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Runs steps until none is left; returns the handlers that were notified. With a plan at hand, the first batch is
    /// what it says; every later one is probed behind the change that made it necessary.
    fn steps(&mut self, steps: &[Step], mut planned: Option<Vec<Planned>>) -> Result<Vec<String>, HostFailure> {
        let mut notified: Vec<String> = Vec::new();
        let mut next = 0;
        while next < steps.len() {
            if self.orders.interrupt.level() > 0 {
                return Err(HostFailure::Interrupted);
            }
            let plan = match planned.take() {
                Some(planned) => planned,
                None => {
                    let left: Vec<&Step> = steps[next..].iter().collect();
                    let reply = host::probe(&mut self.line.session, &left).map_err(HostFailure::Unknown)?;
                    plan(left.into_iter().enumerate().map(|(at, step)| (next + at, step)), reply)
                }
            };
            let end = plan.iter().position(|planned| planned.verdict.unsure()).unwrap_or(plan.len());
            let failed = failures(&plan[..end], steps);
            if !failed.is_empty() {
                return Err(HostFailure::Plan(failed));
            }
            let batch: Vec<&Planned> = plan[..end].iter().filter(|planned| planned.verdict.change().is_some()).collect();
            let (results, lost) = if batch.is_empty() { (Vec::new(), None) } else { self.batch(steps, &batch) };
            for (planned, result) in batch.iter().zip(&results) {
                let keys = &steps[planned.step].notify;
                // The journal is written before the step runs, so a failed one leaves its handlers there too.
                add(&mut self.report.pending, keys);
                if result.status == StepStatus::Changed {
                    add(&mut notified, keys);
                }
            }
            let stopped = results.len() < batch.len();
            let failed = results.iter().find(|result| matches!(result.status, StepStatus::Failed(_))).cloned();
            let unknown = results.iter().any(|result| result.status == StepStatus::Unknown);
            let done = if stopped { batch[results.len()].step } else { next + end };
            self.report.same += (done - next).saturating_sub(results.len());
            self.report.results.extend(results);
            match (failed, lost) {
                (Some(result), _) => return Err(HostFailure::Step(result)),
                (_, Some(failure)) if unknown => return Err(HostFailure::Unknown(failure)),
                _ if self.orders.interrupt.level() > 0 && (stopped || end < plan.len()) => return Err(HostFailure::Interrupted),
                // The line was mended: what was not begun is probed anew.
                (None, Some(_)) => {}
                (None, None) if stopped => {
                    return Err(HostFailure::Unknown(Failure::new(
                        Cause::Protocol,
                        "the host stopped before the next step, and nobody told it to",
                    )));
                }
                (None, None) => {}
            }
            next = done;
        }
        Ok(notified)
    }

    /// Runs a batch. A line that breaks is mended once; then the journal says how the steps ended.
    fn batch(&mut self, steps: &[Step], batch: &[&Planned]) -> (Vec<StepResult>, Option<Failure>) {
        self.batches += 1;
        let count = self.batches;
        let Line { connection, session, privilege } = &mut self.line;
        let (interrupt, mut told) = (self.orders.interrupt, 0);
        let mut tick = || {
            let level = interrupt.level().min(2);
            if level > told {
                told = level;
                // Beside the shell that works, which cannot listen now. When that fails, the step that runs goes on as
                // if nobody had asked, and the run ends behind the batch.
                let script = if level == 1 { apply::stop() } else { apply::kill() };
                let _ = Session::open(connection.as_mut(), privilege, script.text());
            }
            Ok(())
        };
        match apply::run(session, steps, (count, batch), &*self.wires.event, &mut tick) {
            Ok(results) => (results, None),
            Err((results, failure)) if interrupt.level() > 1 => (results, Some(failure)),
            Err((results, failure)) => match self.mend() {
                Ok(journal) => (settled(steps, (count, batch), results, &journal), Some(failure)),
                Err(again) => (results, Some(failure.remedy(format!("the line could not be mended: {}", again.message)))),
            },
        }
    }

    /// Connects again, waits until the step that runs is through, takes the lock back; the journal of this run.
    pub(super) fn mend(&mut self) -> Result<String, Failure> {
        let started = Instant::now();
        let lock = |failure: HostFailure| match failure {
            HostFailure::Unknown(failure) | HostFailure::Unreachable(failure) => failure,
            _ => Failure::new(Cause::Lost, "the step still runs on the host"),
        };
        loop {
            let attempt = (self.wires.reconnect)().and_then(|connection| host::open(self.line.privilege.clone(), connection)).and_then(
                |(line, _)| {
                    self.line = line;
                    self.lock(RECONNECT.as_secs()).map_err(lock)?;
                    let answers = self.line.session.ask(apply::read_journal().text())?;
                    Ok(answers.get("journal").map(Answer::text).unwrap_or_default())
                },
            );
            match attempt {
                Ok(journal) if journal.starts_with(&format!("run {} ", self.id)) => return Ok(journal),
                Ok(_) => return Err(Failure::new(Cause::Lost, "another run has been there in between")),
                Err(failure)
                    if started.elapsed() > RECONNECT || !matches!(failure.cause, Cause::Lost | Cause::Timeout | Cause::Refused) =>
                {
                    return Err(failure);
                }
                Err(_) => std::thread::sleep(Duration::from_secs(1)),
            }
        }
    }

    /// Runs the notified handlers, in the order of the roles; true when there were any. A handler that notifies
    /// another one is followed by it.
    fn handle(&mut self, handlers: &[Handler], notified: &mut Vec<String>) -> Result<bool, HostFailure> {
        let mut any = false;
        for handler in handlers {
            if !notified.contains(&handler.key) {
                continue;
            }
            any = true;
            let more = self.steps(&handler.steps, None)?;
            notified.extend(more);
            self.line.session.ask(apply::forget(std::slice::from_ref(&handler.key)).text()).map_err(HostFailure::Unknown)?;
            self.report.pending.retain(|key| *key != handler.key);
        }
        Ok(any)
    }
}

fn add(all: &mut Vec<String>, keys: &[String]) {
    for key in keys {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
}

fn failures(planned: &[Planned], steps: &[Step]) -> Vec<(String, Unreadable)> {
    let failed = planned.iter().filter_map(|planned| match &planned.verdict {
        Verdict::Failed(unreadable) => Some((steps[planned.step].name.clone(), unreadable.clone())),
        _ => None,
    });
    failed.collect()
}

/// The results of a batch whose line broke, completed by the host's journal: a step that ended there has ended.
fn settled(steps: &[Step], (count, batch): (usize, &[&Planned]), mut results: Vec<StepResult>, journal: &str) -> Vec<StepResult> {
    results.retain(|result| result.status != StepStatus::Unknown);
    for planned in &batch[results.len().min(batch.len())..] {
        let step = &steps[planned.step];
        let begun = journal.lines().any(|line| line.starts_with(&format!("begin {count}.{} ", planned.step)));
        let ended = journal.lines().rev().find_map(|line| line.strip_prefix(&format!("end {count}.{} ", planned.step))?.parse().ok());
        let status = match (begun, ended) {
            (_, Some(0)) => StepStatus::Changed,
            (_, Some(status)) => StepStatus::Failed(status),
            (true, None) => StepStatus::Unknown,
            (false, None) => break,
        };
        results.push(StepResult {
            name: step.name.clone(),
            status,
            elapsed: Duration::ZERO,
            output: Vec::new(),
            span: Some(step.span.clone()),
        });
        if status != StepStatus::Changed {
            break;
        }
    }
    results
}
