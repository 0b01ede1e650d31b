//! The handlers of a play: those that an earlier run left behind first, those that were notified at its end.

use std::sync::Arc;
use std::time::Duration;

use super::{Worker, add};
use crate::engine::plan::Planned;
use crate::engine::wrap::wrap;
use crate::engine::{Handler, HostFailure, Step, StepResult, StepStatus};
use crate::engine::{aside, journal};

/// How long a validator may take that is asked when a run ends early, and what it refuses to go back.
const JUDGE: Duration = Duration::from_secs(90);

impl Worker<'_> {
    /// Runs steps, and the handlers that are due before and behind them.
    pub(super) fn all(&mut self, steps: &[Step], planned: Option<Vec<Planned>>) -> Result<(), HostFailure> {
        let handlers = Arc::clone(&self.handlers);
        match self.in_order(&handlers, steps, planned) {
            Err(failure) => Err(self.judge(&handlers, failure)),
            done => done,
        }
    }

    fn in_order(&mut self, handlers: &[Handler], steps: &[Step], planned: Option<Vec<Planned>>) -> Result<(), HostFailure> {
        // What an earlier run left behind comes first.
        let (left, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.pending).into_iter().partition(|key| handlers.iter().any(|handler| handler.key == *key));
        self.pending = others;
        let (before, due) = self.catch_up(handlers, left)?;
        let mut notified = self.steps(steps, planned.filter(|_| !before && !self.moved))?;
        add(&mut notified, &due);
        self.handle(handlers, &mut notified)?;
        Ok(())
    }

    /// Runs the handlers that an earlier run left behind; whether there were any, and those that are still due. One that
    /// fails stops nothing yet: this run may be the one that repairs its cause, such as a file that `nginx -t` refuses.
    fn catch_up(&mut self, handlers: &[Handler], mut left: Vec<String>) -> Result<(bool, Vec<String>), HostFailure> {
        match self.handle(handlers, &mut left) {
            Ok(any) => Ok((any, Vec::new())),
            Err(HostFailure::Step(_) | HostFailure::RolledBack(_) | HostFailure::Plan(_)) => {
                self.forget_failures();
                left.retain(|key| self.report.pending.contains(key));
                Ok((true, left))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Takes what failed out of the report, and tells those who know results by their place there.
    fn forget_failures(&mut self) {
        let failed = |result: &StepResult| matches!(result.status, StepStatus::Failed(_));
        let mut next = 0..;
        let places: Vec<Option<usize>> = self.report.results.iter().map(|result| if failed(result) { None } else { next.next() }).collect();
        self.report.results.retain(|result| !failed(result));
        self.members = std::mem::take(&mut self.members).into_iter().filter_map(|(at, sets)| Some((places[at]?, sets))).collect();
        self.switch.moved(&places);
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
            self.mended(|worker| worker.ask(journal::forget(std::slice::from_ref(&handler.key)).text()))?;
            self.report.pending.retain(|key| *key != handler.key);
        }
        Ok(any)
    }

    /// A run that ends before its handlers leaves no set behind that its validator refuses: a boot would bring it into effect.
    fn judge(&mut self, handlers: &[Handler], mut failure: HostFailure) -> HostFailure {
        if matches!(failure, HostFailure::Unknown(_) | HostFailure::Unreachable(_) | HostFailure::Locked(_)) {
            return failure;
        }
        for handler in handlers {
            let ours = self.members.iter().any(|(_, sets)| sets.contains(&handler.key)) && self.report.pending.contains(&handler.key);
            if !ours {
                continue;
            }
            // As it would run now, if it would.
            let Ok(planned) = self.planned(&handler.steps, 0) else { return failure };
            let nonce = self.line.session.nonce().clone();
            let runs = planned.iter().filter(|planned| planned.verdict.change().is_some()).map(|planned| &handler.steps[planned.step]);
            for (step, script) in runs.filter_map(|step| Some((step, step.resource.validator()?))).collect::<Vec<_>>() {
                let text = aside::judge(&aside::name(&handler.key), &wrap(&script, None, &step.environment, &nonce));
                let Some(answer) = self.ask_within(JUDGE, &text).ok().and_then(|mut answers| answers.remove("set")) else { return failure };
                if answer.status == aside::ROLLED_BACK {
                    self.rolled_back(&handler.key);
                }
                if let (HostFailure::Step(result), true) = (&mut failure, answer.status != 0) {
                    result.output.extend([&b"\n"[..], answer.stderr.trim_ascii()].concat());
                }
            }
        }
        failure
    }

    /// The set of this handler is back as it was, so nothing is due for it.
    fn rolled_back(&mut self, key: &String) {
        self.report.pending.retain(|pending| pending != key);
        for (at, _) in self.members.iter().filter(|(_, sets)| sets.contains(key)) {
            let status = &mut self.report.results[*at].status;
            if *status == StepStatus::Changed {
                *status = StepStatus::RolledBack;
                self.report.taken_back += 1;
            }
        }
    }
}
