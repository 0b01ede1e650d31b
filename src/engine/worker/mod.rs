//! One host, the second half of a run: apply what was planned, probing again behind every change of unknown reach, until
//! nothing is left; then the handlers. A broken line is mended once, and the host's own journal says what happened.

mod handlers;
mod mend;
mod steps;
mod verbs;

pub(super) use mend::RECONNECT;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::Limits;
use super::host::{Line, PlayPreview, Preview};
use super::interrupt::Interrupt;
use super::once::Once;
use super::plan::{Planned, Verdict};
use super::switch::Switch;
use super::{Event, Handler, HostFailure, HostReport, Phase, PlaySteps, journal};
use crate::shell::Nonce;
use crate::transport::{Cause, Connection, Failure};

/// What all workers of a run are told.
pub struct Orders<'a> {
    /// Who runs what, for the lock and the history on the hosts; asked when there is something to do.
    pub run: &'a (dyn Fn() -> String + Sync),
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
    /// What the run is about, for the history: the release of a deploy.
    pub(super) about: String,
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
            about: String::new(),
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
        if let Err(failure) = self.among(once).alone(|worker| worker.work(play)) {
            self.fail(failure);
        }
    }

    /// Does `work`, whose panic is a failure of this host: a mistake of ours on one is not to end the others.
    pub(super) fn alone(&mut self, work: impl FnOnce(&mut Self) -> Result<(), HostFailure>) -> Result<(), HostFailure> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(debug_assertions)]
            super::fault::panic(&self.report.host);
            work(self)
        }));
        let broken = |_| Err(HostFailure::Unknown(Failure::new(Cause::Protocol, "hoist itself broke down while it worked on this host")));
        done.unwrap_or_else(broken)
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
                let _ = self.line.session.ask(journal::forget(&left).text());
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
            let about = Some(&self.about).filter(|about| !about.is_empty()).map(|about| format!("{about}: ")).unwrap_or_default();
            let _ = self.line.session.ask(journal::finish(&format!("{about}{result}")).text());
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
        self.line.session.ask(journal::start(&self.id).text()).map_err(HostFailure::Unknown)?;
        self.prepared = true;
        self.began = Instant::now();
        Ok(())
    }

    pub(super) fn lock(&mut self, wait: u64) -> Result<(), HostFailure> {
        let (interrupt, before) = (self.orders.interrupt, self.orders.interrupt.level());
        let mut tick = || match interrupt.level() > before {
            true => Err(Failure::new(Cause::Interrupted, "it waited for another run")),
            false => Ok(()),
        };
        let text = journal::prepare(&(self.orders.run)(), &self.id, wait);
        let answers = self.line.session.follow(text.text(), &mut |_| {}, &mut tick).map_err(|failure| match failure.cause {
            Cause::Interrupted => HostFailure::Interrupted,
            _ => HostFailure::Unknown(failure),
        })?;
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
}

fn add(all: &mut Vec<String>, keys: &[String]) {
    for key in keys {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
}
