//! A line that broke: connect again, and let the host's own journal say what happened.

use std::time::{Duration, Instant};

use super::Worker;
use crate::engine::plan::Planned;
use crate::engine::{HostFailure, Step, StepResult, StepStatus, host, journal};
use crate::shell::Answer;
use crate::transport::{Cause, Failure};

/// How long a line that broke is tried again.
pub(in crate::engine) const RECONNECT: Duration = Duration::from_secs(60);

/// How often it is asked whether a step still runs, in seconds.
const ASK_AGAIN: u64 = 2;

impl Worker<'_> {
    /// Connects again, waits until the step that runs is through (no longer than `limit`, if there is one), takes the lock back; the
    /// journal of this run. When that fails, the lock is not ours any more.
    pub(in crate::engine) fn mend(&mut self, limit: Option<Duration>) -> Result<String, Failure> {
        let mended = self.come_back(limit);
        self.prepared &= mended.is_ok();
        mended
    }

    fn come_back(&mut self, limit: Option<Duration>) -> Result<String, Failure> {
        let started = Instant::now();
        loop {
            let attempt = (self.wires.reconnect)()
                .and_then(|connection| host::open(connection, self.line.privilege.clone(), self.line.session.patience()))
                .and_then(|(line, _)| {
                    self.line = line;
                    self.line.session.watch(self.switch.armed());
                    self.lock_again(limit.map(|limit| started + limit))?;
                    let answers = self.line.session.ask(journal::read().text())?;
                    Ok(answers.get("journal").map(Answer::text).unwrap_or_default())
                });
            match attempt {
                Ok(journal) if journal.starts_with(&format!("run {} ", self.id)) => return Ok(journal),
                Ok(_) => return Err(Failure::new(Cause::Lost, "another run has been there in between")),
                Err(failure) if started.elapsed() > RECONNECT || !failure.may_pass() => return Err(failure),
                Err(_) => std::thread::sleep(Duration::from_secs(1)),
            }
        }
    }
}

impl Worker<'_> {
    /// Takes the lock back from the shell that the broken line left behind, when the step that runs there is through.
    fn lock_again(&mut self, until: Option<Instant>) -> Result<(), Failure> {
        loop {
            let answers = self.line.session.ask(journal::leave(&self.id).text())?;
            let runs = answers.get("left").is_some_and(|answer| answer.status == journal::RUNS);
            match self.lock(ASK_AGAIN) {
                Ok(()) => return Ok(()),
                Err(HostFailure::Locked(_)) if runs && until.is_none_or(|until| Instant::now() < until) => {}
                Err(HostFailure::Locked(_)) if runs => return Err(Failure::new(Cause::Lost, "the step still runs on the host")),
                Err(HostFailure::Locked(who)) => return Err(Failure::new(Cause::Lost, format!("another run holds the lock now: {who}"))),
                Err(HostFailure::Unknown(failure) | HostFailure::Unreachable(failure)) => return Err(failure),
                Err(_) => return Err(Failure::new(Cause::Interrupted, "the step still runs on the host")),
            }
        }
    }

    /// Asks something that may be asked twice. A line that is found broken then is mended: nothing was running.
    pub(in crate::engine) fn mended<T>(&mut self, ask: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<T, HostFailure> {
        let answer = match ask(self) {
            Err(failure) if self.prepared && failure.cause == Cause::Lost => match self.mend(None) {
                Ok(_) => ask(self),
                Err(again) => Err(failure.remedy(format!("the line could not be mended: {}", again.message))),
            },
            answer => answer,
        };
        answer.map_err(HostFailure::Unknown)
    }
}

/// The results of a batch whose line broke for good: the step that would be next may run, for nobody hears it begin.
pub(super) fn unsettled(steps: &[Step], batch: &[&Planned], mut results: Vec<StepResult>) -> Vec<StepResult> {
    let goes_on = results.iter().all(|result| result.status == StepStatus::Changed);
    let next = batch.get(results.len()).filter(|_| goes_on);
    results.extend(next.map(|planned| StepResult::new(&steps[planned.step], StepStatus::Unknown, Duration::ZERO)));
    results
}

/// The results of a batch whose line broke, completed by the host's journal: a step that ended there has ended.
pub(super) fn settled(
    steps: &[Step],
    (count, batch): (usize, &[&Planned]),
    mut results: Vec<StepResult>,
    journal: &str,
) -> Vec<StepResult> {
    results.retain(|result| result.status != StepStatus::Unknown);
    for planned in &batch[results.len().min(batch.len())..] {
        let step = &steps[planned.step];
        let begun = journal.lines().any(|line| line.starts_with(&format!("begin {count}.{} ", planned.step)));
        let ended = journal.lines().rev().find_map(|line| line.strip_prefix(&format!("end {count}.{} ", planned.step))?.parse().ok());
        let status = match (begun, ended) {
            (_, Some(status)) => StepStatus::of(step, status),
            (true, None) => StepStatus::Unknown,
            (false, None) => break,
        };
        results.push(StepResult::new(step, status, Duration::ZERO));
        if status != StepStatus::Changed {
            break;
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, Span};
    use crate::engine::plan::Verdict;
    use crate::engine::sample;

    fn step(name: &str) -> Step {
        sample::step("test", name, "shell", "", Span::whole(&Source::new("role.yml", "x")))
    }

    #[test]
    fn where_the_line_stays_broken_the_next_step_may_run() {
        let steps = ["a", "b"].map(step);
        let planned = [0, 1].map(|step| Planned { step, verdict: Verdict::Same });
        let batch: Vec<&Planned> = planned.iter().collect();
        let after = |heard: &[StepStatus]| {
            let heard = heard.iter().zip(&steps).map(|(status, step)| StepResult::new(step, *status, Duration::ZERO)).collect();
            unsettled(&steps, &batch, heard).into_iter().map(|result| (result.name, result.status)).collect::<Vec<_>>()
        };
        let [a, b] = ["a", "b"].map(str::to_string);
        assert_eq!(after(&[]), [(a.clone(), StepStatus::Unknown)], "nobody heard it begin");
        assert_eq!(after(&[StepStatus::Unknown]), [(a.clone(), StepStatus::Unknown)]);
        assert_eq!(after(&[StepStatus::Changed]), [(a.clone(), StepStatus::Changed), (b.clone(), StepStatus::Unknown)]);
        assert_eq!(after(&[StepStatus::Failed(1)]), [(a.clone(), StepStatus::Failed(1))], "nothing follows it");
        assert_eq!(after(&[StepStatus::Changed; 2]), [(a, StepStatus::Changed), (b, StepStatus::Changed)]);
    }
}
