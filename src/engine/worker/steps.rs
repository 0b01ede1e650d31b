//! The steps of a play, batch by batch: each as far as what it changes is known, and what follows is asked for again.

use super::{Worker, add};
use crate::engine::apply;
use crate::engine::deadline::Deadlines;
use crate::engine::host::{self, Line};
use crate::engine::journal;
use crate::engine::plan::{Planned, Verdict, plan};
use crate::engine::session::Session;
use crate::engine::{HostFailure, Step, StepResult, StepStatus};
use crate::resource::Unreadable;
use crate::transport::{Cause, Failure};

use super::mend::{settled, unsettled};

impl Worker<'_> {
    /// Runs steps until none is left; returns the handlers that were notified. With a plan at hand, the first batch is
    /// what it says; every later one is probed behind the change that made it necessary.
    pub(super) fn steps(&mut self, steps: &[Step], mut planned: Option<Vec<Planned>>) -> Result<Vec<String>, HostFailure> {
        let mut notified: Vec<String> = Vec::new();
        let (mut next, mut through) = (0, 0);
        while next < steps.len() {
            if let Some(reason) = self.told_to_stop() {
                return Err(reason);
            }
            let once = steps[next].once.as_deref();
            if let Some(key) = once {
                if !self.turn(key)? {
                    planned = planned.map(|mut planned| planned.split_off(1));
                    self.report.same += 1;
                    next += 1;
                    continue;
                }
                planned = planned.filter(|planned| planned[0].verdict != Verdict::Elsewhere);
            }
            let mut plan = match planned.take() {
                Some(planned) => planned,
                None => self.planned(steps, next)?,
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
            let of = through + plan.iter().filter(|planned| planned.verdict.unsure() || planned.verdict.change().is_some()).count();
            let (results, lost) = if batch.is_empty() { (Vec::new(), None) } else { self.batch(steps, &batch, (through, of))? };
            through += results.len();
            let stopped = results.len() < batch.len();
            let done = if stopped { batch[results.len()].step } else { next + end };
            self.report.same += (done - next).saturating_sub(results.len());
            let failure = stop(&results, lost.as_ref());
            self.record(steps, &batch, results, &mut notified);
            if let Some(failure) = failure {
                return Err(failure);
            }
            if let Some(reason) = self.told_to_stop().filter(|_| stopped || end < plan.len()) {
                return Err(reason);
            }
            // Where the line was mended, what was not begun is probed anew.
            if stopped && lost.is_none() {
                let failure = Failure::new(Cause::Protocol, "the host stopped before the next step, and nobody told it to");
                return Err(HostFailure::Unknown(failure));
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

    /// Why nothing more is to be begun here: the user interrupted, or too many hosts failed.
    fn told_to_stop(&self) -> Option<HostFailure> {
        if self.orders.interrupt.level() > 0 { Some(HostFailure::Interrupted) } else { self.once.stop() }
    }

    /// Whether this host is the one to do the step `key` for all; waits for the one that does it.
    fn turn(&mut self, key: &str) -> Result<bool, HostFailure> {
        self.hold_on(true);
        let ours = self.once.turn(&self.report.host, key, self.orders.interrupt);
        self.hold_on(false);
        ours
    }

    /// Plans the steps from number `next` on, for the host as it is now.
    pub(super) fn planned(&mut self, steps: &[Step], next: usize) -> Result<Vec<Planned>, HostFailure> {
        let left: Vec<&Step> = steps[next..].iter().collect();
        let reply = self.mended(|worker| host::probe(&mut worker.line.session, &left))?;
        Ok(plan(left.into_iter().enumerate().map(|(at, step)| (next + at, step)), reply))
    }

    /// Takes the results of a batch into the report.
    fn record(&mut self, steps: &[Step], batch: &[&Planned], results: Vec<StepResult>, notified: &mut Vec<String>) {
        let first = self.report.results.len();
        for (at, (planned, result)) in batch.iter().zip(&results).enumerate() {
            let step = &steps[planned.step];
            // The journal is written before the step runs, so a failed one leaves its handlers there too, if it wrote anything.
            let one_file = planned.verdict.change().is_some_and(|change| apply::one_file(step, change));
            if result.status != StepStatus::Failed(journal::REFUSED) || !one_file {
                add(&mut self.report.pending, &step.notify);
            }
            if result.status == StepStatus::Changed {
                add(notified, &step.notify);
            }
            // What a command did, nobody knows how to put back.
            let known = planned.verdict.change().is_some_and(|change| !change.after.is_empty());
            if !step.sets.is_empty() && known {
                self.members.push((first + at, step.sets.clone()));
            }
        }
        self.report.results.extend(results);
        self.note(steps, batch, first);
    }

    /// Runs a batch, behind so many steps of so many. A line that breaks is mended once; then the journal says how the steps
    /// ended.
    fn batch(
        &mut self,
        steps: &[Step],
        batch: &[&Planned],
        progress: (usize, usize),
    ) -> Result<(Vec<StepResult>, Option<Failure>), HostFailure> {
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
        let (interrupt, once, mut told) = (self.orders.interrupt, &self.once, 0);
        let mut tick = || {
            let level = interrupt.level().min(2).max(usize::from(once.stop().is_some()));
            if level > told {
                told = level;
                // Beside the shell that works, which cannot listen now. When that fails, the step that runs goes on as
                // if nobody had asked, and the run ends behind the batch.
                let script = if level == 1 { journal::stop() } else { journal::kill() };
                let _ = Session::open(connection.as_mut(), privilege, patience, &|_| script.text().to_string());
            }
            deadlines.watch()
        };
        let step = batch.first().map(|planned| &steps[planned.step]).filter(|step| step.once.is_some());
        step.iter().for_each(|step| self.once.at(Some(&step.name)));
        let ran = match apply::run(session, steps, (count, batch), (guard, deadlines), progress, &*self.wires.event, &mut tick) {
            Ok(results) => (results, None),
            Err((results, _)) if interrupt.level() > 1 => {
                (results, Some(Failure::new(Cause::Interrupted, "the step that ran was ended at once, so it may be half done")))
            }
            Err((results, failure)) => match self.mend(None) {
                Ok(journal) => (settled(steps, (count, batch), results, &journal), Some(failure)),
                Err(again) => {
                    (unsettled(steps, batch, results), Some(failure.remedy(format!("the line could not be mended: {}", again.message))))
                }
            },
        };
        if step.is_some() && ran.0.is_empty() {
            self.once.at(None);
        }
        Ok(ran)
    }
}

/// What ends the work on a host behind these results of a batch, if anything does.
fn stop(results: &[StepResult], lost: Option<&Failure>) -> Option<HostFailure> {
    if let Some(result) = results.iter().find(|result| result.status.stops()).cloned() {
        let rolled_back = result.status == StepStatus::RolledBack;
        return Some(if rolled_back { HostFailure::RolledBack(result) } else { HostFailure::Step(result) });
    }
    let unknown = results.iter().any(|result| result.status == StepStatus::Unknown);
    lost.filter(|_| unknown).map(|failure| HostFailure::Unknown(failure.clone()))
}

fn failures(planned: &[Planned], steps: &[Step]) -> Vec<(String, Unreadable)> {
    let failed = planned.iter().filter_map(|planned| match &planned.verdict {
        Verdict::Failed(unreadable) => Some((steps[planned.step].name.clone(), unreadable.clone())),
        _ => None,
    });
    failed.collect()
}
