//! One host, the second half of a run: apply what was planned, probing again behind every change of unknown reach, until
//! nothing is left; then the handlers. A broken line is mended once, and the host's own journal says what happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::apply::{self, StepResult, StepStatus};
use super::deadline::{Deadlines, Limits};
use super::host::{self, HostFailure, HostReport, Line, PlayPreview, Preview};
use super::interrupt::Interrupt;
use super::mend::settled;
use super::once::Once;
use super::plan::{Planned, Verdict, plan};
use super::session::Session;
use super::switch::Switch;
use super::{Event, Handler, Phase, PlaySteps, Step};
use crate::resource::Unreadable;
use crate::shell::Nonce;
use crate::transport::{Cause, Connection, Failure};

/// What all workers of a run are told.
pub struct Orders<'a> {
    /// Who runs what, for the lock and the history on the hosts.
    pub run: &'a str,
    /// How long to wait for another run on the same host, in seconds.
    pub lock_wait: u64,
    /// How long the host waits for a new connection after a change to the ways in, before it puts the old state back.
    pub confirm: Duration,
    /// How long steps and hosts may take.
    pub limits: Limits,
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
    pub(super) wires: Wires<'a>,
    pub(super) line: Line,
    plays: Vec<PlayPreview>,
    pending: Vec<String>,
    pub(super) report: HostReport,
    /// Results of steps whose files belong to a set, by their place in the report, with the keys of the sets.
    members: Vec<(usize, Vec<String>)>,
    pub(super) id: String,
    /// The handlers of the play that runs.
    pub(super) handlers: Arc<Vec<Handler>>,
    /// What was changed of the ways to the host and is not confirmed yet.
    pub(super) switch: Switch,
    /// The host was put back in order after the plan was made.
    moved: bool,
    /// Nothing more is to be done here.
    pub(super) over: bool,
    /// The lock is ours.
    pub(super) prepared: bool,
    /// Since when.
    began: Instant,
    /// There is nothing to do but what another host does for all: it needs no lock, as long as that one does it.
    waits: bool,
    /// Who does what is done once for all hosts of the play.
    once: Arc<Once>,
    /// How many batches were begun; the journal names a step by its batch and its number.
    batches: usize,
}

impl<'a> Worker<'a> {
    /// Takes a host over from its plan. Nothing is done yet.
    pub fn new(preview: Preview, orders: &'a Orders<'a>, wires: Wires<'a>) -> Self {
        let failures = preview.failures();
        let waits = preview.plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict == Verdict::Elsewhere);
        let nothing = !preview.has_changes() && preview.interrupted.is_none();
        let (waits, idle) = (nothing && waits, nothing && !waits);
        let Preview { host, plays, pending, line, .. } = preview;
        let mut worker = Self::open(&host, line, orders, wires);
        if !failures.is_empty() {
            worker.report.failure = Some(HostFailure::Plan(failures));
        } else if idle {
            worker.report.same = plays.iter().map(|play| play.planned.len()).sum();
        }
        worker.over = idle || worker.report.failure.is_some();
        worker.report.pending = pending.clone();
        Self { plays, pending, waits, ..worker }
    }

    /// Takes a host over without a plan: its verbs come one by one. What earlier runs left behind is left to them.
    pub fn open(host: &str, line: Line, orders: &'a Orders<'a>, wires: Wires<'a>) -> Self {
        let report = HostReport { host: host.to_string(), ..HostReport::default() };
        Self {
            orders,
            wires,
            line,
            plays: Vec::new(),
            pending: Vec::new(),
            report,
            members: Vec::new(),
            handlers: Arc::default(),
            switch: Switch::default(),
            moved: false,
            id: Nonce::random().as_str().to_string(),
            over: false,
            prepared: false,
            began: Instant::now(),
            waits: false,
            once: Arc::default(),
            batches: 0,
        }
    }

    /// Whether the host failed.
    pub fn failed(&self) -> bool {
        self.report.failure.is_some()
    }

    /// Whether nothing is left to do here.
    pub fn through(&self) -> bool {
        self.over || self.plays.is_empty()
    }

    /// Leaves the host alone from here on, for this reason, unless it is done already.
    pub fn skip(&mut self, reason: &str) {
        if !self.over {
            self.fail(HostFailure::Skipped(reason.to_string()));
        }
    }

    /// Does what the play of this number has for the host.
    pub fn play(&mut self, number: usize, once: &Arc<Once>) {
        if self.over {
            return;
        }
        let Some(at) = self.plays.iter().position(|play| play.play == number) else { return };
        let play = self.plays.remove(at);
        // A mistake of ours on one host is not to end the others.
        let done = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(debug_assertions)]
            super::fault::panic(&self.report.host);
            self.among(once).work(play)
        }));
        let broken = |_| Err(HostFailure::Unknown(Failure::new(Cause::Protocol, "hoist itself broke down while it worked on this host")));
        if let Err(failure) = done.unwrap_or_else(broken) {
            self.fail(failure);
        }
    }

    /// Works beside other hosts from here on.
    pub fn among(&mut self, once: &Arc<Once>) -> &mut Self {
        self.once = Arc::clone(once);
        self
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
                Some(HostFailure::RolledBack(result)) => format!("rolled back at {}", result.name),
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
        // The first one is the cause; what follows from it is not.
        self.report.failure.get_or_insert(failure);
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
        self.began = Instant::now();
        Ok(())
    }

    pub(super) fn lock(&mut self, wait: u64) -> Result<(), HostFailure> {
        let answers = self.line.session.ask(apply::prepare(self.orders.run, &self.id, wait).text()).map_err(HostFailure::Unknown)?;
        let lock = answers.get("lock").cloned().unwrap_or_default();
        match lock.status {
            0 => {
                self.moved |= lock.text().contains("hoist-put-back");
                Ok(())
            }
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
        if !self.waits {
            self.prepare()?;
        }
        self.run(play.steps, fresh.then_some(play.planned))
    }

    /// Runs steps and the handlers they notify, with a plan if there is one that holds.
    pub(super) fn run(&mut self, mut steps: PlaySteps, planned: Option<Vec<Planned>>) -> Result<(), HostFailure> {
        self.handlers = Arc::new(std::mem::take(&mut steps.handlers));
        let ran = self.all(&steps.steps, planned);
        self.settle_ways(ran)
    }

    fn all(&mut self, steps: &[Step], planned: Option<Vec<Planned>>) -> Result<(), HostFailure> {
        let handlers = Arc::clone(&self.handlers);
        // What an earlier run left behind comes first.
        let (left, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.pending).into_iter().partition(|key| handlers.iter().any(|handler| handler.key == *key));
        self.pending = others;
        let (before, due) = self.catch_up(&handlers, left)?;
        let mut notified = self.steps(steps, planned.filter(|_| !before && !self.moved))?;
        add(&mut notified, &due);
        self.handle(&handlers, &mut notified)?;
        Ok(())
    }

    /// Runs the handlers that an earlier run left behind; whether there were any, and those that are still due. One that
    /// fails stops nothing yet: this run may be the one that repairs its cause, such as a file that `nginx -t` refuses.
    fn catch_up(&mut self, handlers: &[Handler], mut left: Vec<String>) -> Result<(bool, Vec<String>), HostFailure> {
        match self.handle(handlers, &mut left) {
            Ok(any) => Ok((any, Vec::new())),
            Err(HostFailure::Step(_) | HostFailure::RolledBack(_) | HostFailure::Plan(_)) => {
                self.report.results.retain(|result| !matches!(result.status, StepStatus::Failed(_)));
                self.members.clear();
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
            let once = steps[next].once.as_deref();
            if let Some(key) = once {
                self.hold_on(true);
                let ours = self.once.turn(&self.report.host, key, self.orders.interrupt);
                self.hold_on(false);
                if !ours? {
                    planned = planned.map(|mut planned| planned.split_off(1));
                    self.report.same += 1;
                    next += 1;
                    continue;
                }
                planned = planned.filter(|planned| planned[0].verdict != Verdict::Elsewhere);
            }
            let mut plan = match planned.take() {
                Some(planned) => planned,
                None => {
                    let left: Vec<&Step> = steps[next..].iter().collect();
                    let reply = host::probe(&mut self.line.session, &left).map_err(HostFailure::Unknown)?;
                    plan(left.into_iter().enumerate().map(|(at, step)| (next + at, step)), reply)
                }
            };
            let sure = plan.iter().position(|planned| planned.verdict.unsure()).unwrap_or(plan.len());
            // What one host does for all stands alone, so that the others wait no longer than needed.
            let alone = if once.is_some() { Some(1) } else { steps[next..].iter().position(|step| step.once.is_some()) };
            let end = alone.map_or(sure, |alone| alone.min(sure));
            let failed = failures(&plan[..end], steps);
            if !failed.is_empty() {
                return Err(HostFailure::Plan(failed));
            }
            let batch: Vec<&Planned> = plan[..end].iter().filter(|planned| planned.verdict.change().is_some()).collect();
            let (results, lost) = if batch.is_empty() { (Vec::new(), None) } else { self.batch(steps, &batch)? };
            for (planned, result) in batch.iter().zip(&results) {
                let keys = &steps[planned.step].notify;
                // The journal is written before the step runs, so a failed one leaves its handlers there too.
                add(&mut self.report.pending, keys);
                if result.status == StepStatus::Changed {
                    add(&mut notified, keys);
                }
            }
            let stopped = results.len() < batch.len();
            let failed = results.iter().find(|result| result.status.stops()).cloned();
            let unknown = results.iter().any(|result| result.status == StepStatus::Unknown);
            let done = if stopped { batch[results.len()].step } else { next + end };
            self.report.same += (done - next).saturating_sub(results.len());
            let sets = batch.iter().zip(0..results.len()).map(|(planned, at)| (self.report.results.len() + at, &steps[planned.step].sets));
            self.members.extend(sets.filter(|(_, sets)| !sets.is_empty()).map(|(at, sets)| (at, sets.clone())));
            let first = self.report.results.len();
            self.report.results.extend(results);
            self.note(&batch, first);
            match (failed, &lost) {
                (Some(result), _) if result.status == StepStatus::RolledBack => return Err(HostFailure::RolledBack(result)),
                (Some(result), _) => return Err(HostFailure::Step(result)),
                (_, Some(failure)) if unknown => return Err(HostFailure::Unknown(failure.clone())),
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
            if let Some(key) = once.filter(|_| done > next) {
                self.once.done(key);
            }
            // What stands behind a step that is done once is still as it was planned.
            planned = (lost.is_none() && end < sure).then(|| plan.split_off(end));
            next = done;
        }
        Ok(notified)
    }

    /// Runs a batch. A line that breaks is mended once; then the journal says how the steps ended.
    fn batch(&mut self, steps: &[Step], batch: &[&Planned]) -> Result<(Vec<StepResult>, Option<Failure>), HostFailure> {
        self.prepare()?;
        let deadlines = Deadlines::new(self.orders.limits, self.began);
        if let Some(late) = batch.first().and_then(|planned| deadlines.over(&steps[planned.step])) {
            return Err(HostFailure::Step(late));
        }
        let guard = self.guard(steps, batch)?;
        self.batches += 1;
        let count = self.batches;
        let Line { connection, session, privilege } = &mut self.line;
        let patience = session.patience();
        let (interrupt, mut told) = (self.orders.interrupt, 0);
        let mut tick = || {
            let level = interrupt.level().min(2);
            if level > told {
                told = level;
                // Beside the shell that works, which cannot listen now. When that fails, the step that runs goes on as
                // if nobody had asked, and the run ends behind the batch.
                let script = if level == 1 { apply::stop() } else { apply::kill() };
                let _ = Session::open(connection.as_mut(), privilege, patience, &|_| script.text().to_string());
            }
            deadlines.watch()
        };
        Ok(match apply::run(session, steps, (count, batch), (guard, deadlines), &*self.wires.event, &mut tick) {
            Ok(results) => (results, None),
            Err((results, failure)) if interrupt.level() > 1 => (results, Some(failure)),
            Err((results, failure)) => match self.mend() {
                Ok(journal) => (settled(steps, (count, batch), results, &journal), Some(failure)),
                Err(again) => (results, Some(failure.remedy(format!("the line could not be mended: {}", again.message)))),
            },
        })
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
            let more = match self.steps(&handler.steps, None) {
                Err(failure @ HostFailure::RolledBack(_)) => {
                    self.rolled_back(&handler.key);
                    return Err(failure);
                }
                ran => ran?,
            };
            notified.extend(more);
            self.line.session.ask(apply::forget(std::slice::from_ref(&handler.key)).text()).map_err(HostFailure::Unknown)?;
            self.report.pending.retain(|key| *key != handler.key);
        }
        Ok(any)
    }

    /// The set of this handler is back as it was, so nothing is due for it.
    fn rolled_back(&mut self, key: &String) {
        self.report.pending.retain(|pending| pending != key);
        for (at, _) in self.members.iter().filter(|(_, sets)| sets.contains(key)) {
            self.report.results[*at].status = StepStatus::RolledBack;
            self.report.taken_back += 1;
        }
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
