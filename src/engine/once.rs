//! What the hosts of a play share: steps that one of them does for all (`run_once`), and when failures stop all of them. The
//! first host that is well leads; the others wait at such a step until it is through with it. When it fails before it began
//! the step, the next one that comes takes its place; a step that failed, or may still run, is not done a second time.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Verdict;
use super::fleet::Previewed;
use super::host::Preview;
use super::interrupt::Interrupt;
use super::job::Play;
use super::outcome::HostFailure;
use super::plan::{Planned, plan};

/// How often a host that waits looks up.
const TICK: Duration = Duration::from_millis(200);

/// Who does such steps in a play, and which are done; how many hosts failed.
#[derive(Debug, Default)]
pub(super) struct Once {
    state: Mutex<State>,
    changed: Condvar,
    /// More failures stop all.
    allowed: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    leader: Option<String>,
    done: BTreeSet<String>,
    /// The leader came to its end, so all that was to be done once is done.
    over: bool,
    /// The name of the step that the leader is at.
    at: Option<String>,
    /// Why a step is done by nobody any more.
    spoiled: Option<String>,
    /// How many hosts failed.
    failed: usize,
}

impl Once {
    /// For a play in which so many hosts may fail (`None`: any number), and so many have failed.
    pub fn new(allowed: Option<usize>, failed: usize) -> Self {
        Self { allowed, state: Mutex::new(State { failed, ..State::default() }), ..Self::default() }
    }

    /// Why all hosts are to stop, when more failed than may.
    pub fn stop(&self) -> Option<HostFailure> {
        let failed = self.state.lock().unwrap_or_else(PoisonError::into_inner).failed;
        let too_many = self.allowed.is_some_and(|allowed| failed > allowed);
        too_many.then(|| HostFailure::Skipped(format!("{} failed, which is more than this play allows", hosts(failed))))
    }

    /// `host` does what is left to do, unless somebody else leads.
    pub fn lead(&self, host: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.leader.get_or_insert_with(|| host.to_string());
    }

    /// Whether `host` is the one to do the step `key`; waits for whoever does it.
    ///
    /// # Errors
    /// The user interrupted, too many hosts failed, or the step failed on the host that did it.
    pub fn turn(&self, host: &str, key: &str, interrupt: &Interrupt) -> Result<bool, HostFailure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.over || state.done.contains(key) {
                return Ok(false);
            }
            if let Some(reason) = &state.spoiled {
                return Err(HostFailure::Skipped(reason.clone()));
            }
            if state.leader.get_or_insert_with(|| host.to_string()) == host {
                return Ok(true);
            }
            if interrupt.level() > 0 {
                return Err(HostFailure::Interrupted);
            }
            if self.allowed.is_some_and(|allowed| state.failed > allowed) {
                drop(state);
                return self.stop().map_or(Ok(false), Err);
            }
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The leader is at the step of this name; `None`: it did not come to begin it.
    pub fn at(&self, step: Option<&str>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).at = step.map(str::to_string);
    }

    /// The step is done.
    pub fn done(&self, key: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done.insert(key.to_string());
        state.at = None;
        self.changed.notify_all();
    }

    /// `host` is through with the play, or failed.
    pub fn leave(&self, host: &str, failure: Option<&HostFailure>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed += usize::from(failure.is_some_and(|failure| !matches!(failure, HostFailure::Skipped(_))));
        if state.leader.as_deref() == Some(host) {
            state.over |= failure.is_none();
            if let (Some(step), Some(failure)) = (state.at.take(), failure) {
                let how = if matches!(failure, HostFailure::Unknown(_)) { "may still run" } else { "failed" };
                state.spoiled = Some(format!("`{step}` is done once for all hosts, and {how} on {host}"));
            }
            state.leader = None;
        }
        self.changed.notify_all();
    }
}

fn hosts(number: usize) -> String {
    format!("{number} host{}", if number == 1 { "" } else { "s" })
}

/// Does `work` on all of `items` in the pool of the caller; the first at once, for the others may come to wait for it.
pub(super) fn led<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let work = &work;
    rayon::scope_fifo(|scope| {
        let mut items = items.into_iter();
        let first = items.next();
        items.for_each(|item| scope.spawn_fifo(move |_| work(item)));
        first.into_iter().for_each(work);
    });
}

/// Leaves what is done once per play in the plan of the host that will do it, and in no other.
pub(super) fn share(plays: &[Play], previewed: &mut [Previewed]) {
    let well = |host: &Previewed| host.outcome.as_ref().is_ok_and(|preview| preview.failures().is_empty());
    let leaders: Vec<Option<String>> = plays
        .iter()
        .map(|play| play.hosts.iter().find(|name| previewed.iter().any(|host| host.host == **name && well(host))).cloned())
        .collect();
    for preview in previewed.iter_mut().filter_map(|host| host.outcome.as_mut().ok()) {
        let name = preview.host.clone();
        follow(preview, &|play| leaders[play].as_ref() == Some(&name));
    }
}

/// Plans again without what other hosts do.
fn follow(preview: &mut Preview, leads: &dyn Fn(usize) -> bool) {
    let Some(reply) = preview.reply.take() else { return };
    let all =
        || preview.plays.iter().flat_map(|play| play.steps.steps.iter().map(move |step| (step, step.once.is_none() || leads(play.play))));
    let mut verdicts = plan(all().enumerate().filter(|(_, (_, own))| *own).map(|(at, (step, _))| (at, step)), reply).into_iter();
    let own: Vec<bool> = all().map(|(_, own)| own).collect();
    let mut own = own.into_iter();
    for play in &mut preview.plays {
        for planned in &mut play.planned {
            let verdict = match own.next() {
                Some(true) => verdicts.next().map(|planned: Planned| planned.verdict),
                _ => None,
            };
            planned.verdict = verdict.unwrap_or(Verdict::Elsewhere);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_host_takes_over_when_the_first_fails() {
        let once = Once::default();
        let interrupt = Interrupt::new();
        once.lead("web1");
        assert_eq!(once.turn("web1", "a", &interrupt), Ok(true));
        once.done("a");
        assert_eq!(once.turn("web2", "a", &interrupt), Ok(false), "it is done");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| once.turn("web2", "b", &interrupt));
            once.leave("web1", Some(&HostFailure::Interrupted));
            assert_eq!(second.join().expect("no panic"), Ok(true));
        });
        once.leave("web2", None);
        assert_eq!(once.turn("web3", "b", &interrupt), Ok(false), "a host that is well has done all there was for it");
    }

    #[test]
    fn what_failed_or_may_still_run_is_not_done_again() {
        let interrupt = Interrupt::new();
        let lost = HostFailure::Unknown(crate::transport::Failure::new(crate::transport::Cause::Lost, "gone"));
        for (failure, how) in [(lost, "may still run"), (HostFailure::Reverted(String::new()), "failed")] {
            let once = Once::default();
            once.lead("web1");
            assert_eq!(once.turn("web1", "a", &interrupt), Ok(true));
            once.at(Some("the schema is there"));
            once.leave("web1", Some(&failure));
            let reason = format!("`the schema is there` is done once for all hosts, and {how} on web1");
            assert_eq!(once.turn("web2", "a", &interrupt), Err(HostFailure::Skipped(reason.clone())));
            // Nor in the next batch, whose first host leads.
            once.lead("web3");
            once.leave("web3", Some(&HostFailure::Skipped(reason.clone())));
            assert_eq!(once.turn("web4", "a", &interrupt), Err(HostFailure::Skipped(reason)));
        }
    }

    #[test]
    fn more_failures_than_may_be_stop_all() {
        let once = Once::new(Some(1), 1);
        let interrupt = Interrupt::new();
        once.lead("web1");
        assert_eq!(once.stop(), None);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| once.turn("web2", "a", &interrupt));
            once.leave("web3", Some(&HostFailure::Interrupted));
            let reason = "2 hosts failed, which is more than this play allows".to_string();
            assert_eq!(second.join().expect("no panic"), Err(HostFailure::Skipped(reason)));
        });
        assert!(once.stop().is_some());
    }

    #[test]
    fn an_interruption_ends_the_wait() {
        let once = Once::default();
        let interrupt = Interrupt::new();
        once.lead("web1");
        interrupt.raise();
        assert_eq!(once.turn("web2", "a", &interrupt), Err(HostFailure::Interrupted));
    }

    #[test]
    fn the_first_item_is_worked_on_even_when_all_threads_wait_for_it() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
        let once = Once::default();
        let interrupt = Interrupt::new();
        once.lead("0");
        pool.install(|| {
            led((0..9).collect(), |number: usize| {
                let name = number.to_string();
                if once.turn(&name, "a", &interrupt) == Ok(true) {
                    std::thread::sleep(Duration::from_millis(20));
                    once.done("a");
                }
                once.leave(&name, None);
            });
        });
    }
}
