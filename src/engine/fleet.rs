//! All hosts side by side: one worker a host, at most `forks` at a time. A host that fails stops alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::host::{Preview, Target};
use super::once::{self, Once};
use super::outcome::{HostFailure, HostReport};
use super::pool::{self, side_by_side};
use super::worker::{Orders, Wires, Worker};
use super::{Event, Events, Facts, Job, Phase, Play};
use crate::shell::{Answers, Script};
use crate::transport::{Connection, Failure};

/// Connects to a target.
pub type Connect<'a> = &'a (dyn Fn(&Target<'_>) -> Result<Box<dyn Connection>, Failure> + Sync);

/// The hosts of a run.
pub struct Fleet<'a> {
    /// In the order in which reports come.
    pub targets: Vec<Target<'a>>,
    /// How many are worked on at a time.
    pub forks: usize,
}

/// A host after the first half of a run: its line, to be kept open, and what was planned or went wrong.
pub struct Previewed {
    /// Its name.
    pub host: String,
    /// The plan, or why there is none.
    pub outcome: Result<Preview, HostFailure>,
    /// Remote processes started so far.
    pub execs: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a host says to a ping.
pub struct Pong {
    /// Its name.
    pub host: String,
    /// Its facts, or why there are none.
    pub outcome: Result<Facts, Failure>,
    /// From the first packet to the last answer.
    pub elapsed: Duration,
}

impl Fleet<'_> {
    /// Connects to all hosts, becomes root where the job would, and reads the facts.
    pub fn ping(&self, job: &Job<'_>, connect: Connect<'_>) -> Vec<Pong> {
        let one = |target: &Target<'_>| {
            let started = Instant::now();
            let outcome = connect(target).and_then(|connection| target.open(job, connection)).map(|(_, facts)| facts);
            Pong { host: target.name.clone(), outcome, elapsed: started.elapsed() }
        };
        side_by_side(&self.targets, self.forks, one)
    }

    /// Connects to all hosts, becomes root where the job would, and runs a script that only looks.
    pub fn look(&self, job: &Job<'_>, connect: Connect<'_>, script: &Script) -> Vec<(String, Result<Answers, Failure>)> {
        let one = |target: &Target<'_>| {
            let opened = connect(target).and_then(|connection| target.open(job, connection));
            (target.name.clone(), opened.and_then(|(mut line, _)| line.session.look(script.text())))
        };
        side_by_side(&self.targets, self.forks, one)
    }

    /// Probes and plans all hosts.
    pub fn preview(&self, job: &Job<'_>, connect: Connect<'_>, events: Events<'_>) -> Vec<Previewed> {
        let one = |target: &Target<'_>| {
            let started = Instant::now();
            let event = |event| events(&target.name, event);
            event(Event::Phase(Phase::Connecting));
            let outcome =
                connect(target).map_err(HostFailure::Unreachable).and_then(|connection| Preview::make(connection, job, target, &event));
            event(Event::Phase(Phase::Done));
            let execs = outcome.as_ref().map_or(0, Preview::execs);
            Previewed { host: target.name.clone(), outcome, execs, elapsed: started.elapsed() }
        };
        let mut previewed = side_by_side(&self.targets, self.forks, one);
        once::share(job.plays, &mut previewed);
        previewed
    }

    /// Applies what was planned on every host that has a plan; the others are reported with why they have none. Plays
    /// come one after the other, for all their hosts; inside a play no host waits for another, unless it is `serial` or a step
    /// is done once for all (`run_once`).
    pub fn apply(
        &self,
        previewed: Vec<Previewed>,
        job: &Job<'_>,
        connect: Connect<'_>,
        orders: &Orders<'_>,
        events: Events<'_>,
    ) -> Vec<HostReport> {
        let started = Instant::now();
        let mut hosts: Vec<Host<'_>> = Vec::new();
        for previewed in previewed {
            let state = match previewed.outcome {
                Ok(preview) => Ok(Worker::new(preview, orders, self.wires(&previewed.host, connect, events))),
                Err(failure) => Err(HostReport { host: previewed.host.clone(), failure: Some(failure), ..HostReport::default() }),
            };
            hosts.push(Host { name: previewed.host, before: previewed.elapsed, took: Duration::ZERO, state });
        }
        self.pool().install(|| {
            for (number, play) in job.plays.iter().enumerate() {
                for_play(number, play, &mut hosts);
            }
            let end = |host: Host<'_>| {
                let began = Instant::now();
                let report = host.state.map_or_else(|report| report, Worker::end);
                HostReport { elapsed: host.before + host.took + began.elapsed().min(started.elapsed()), ..report }
            };
            hosts.into_par_iter().map(end).collect()
        })
    }

    /// What the worker of a host talks through.
    pub(super) fn wires<'w>(&'w self, host: &str, connect: Connect<'w>, events: Events<'w>) -> Wires<'w> {
        let target = self.targets.iter().find(|target| target.name == host).expect("every host of a run is a target");
        Wires { reconnect: Box::new(move || connect(target)), event: Box::new(move |event| events(&target.name, event)) }
    }

    pub(super) fn pool(&self) -> rayon::ThreadPool {
        pool::pool(self.targets.len(), self.forks)
    }
}

/// A host in the second half of a run.
struct Host<'a> {
    name: String,
    before: Duration,
    took: Duration,
    state: Result<Worker<'a>, HostReport>,
}

impl Host<'_> {
    fn failure(&self) -> Option<&HostFailure> {
        let report = match &self.state {
            Ok(worker) => &worker.report,
            Err(report) => report,
        };
        report.failure.as_ref()
    }

    fn failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Whether it failed, and was not left alone because of others.
    fn broke(&self) -> bool {
        self.failure().is_some_and(|failure| !matches!(failure, HostFailure::Skipped(_)))
    }
}

/// One play on all its hosts, batch by batch. When more hosts failed than it allows, the rest is left alone.
fn for_play(number: usize, play: &Play, hosts: &mut [Host<'_>]) {
    let members: Vec<usize> = play.order(hosts.iter().map(|host| host.name.as_str()).collect());
    let before = members.iter().filter(|at| hosts[**at].broke()).count();
    let once = Arc::new(Once::new(play.rolling.allowed(members.len()), before));
    let mut rest = &members[..];
    for size in play.rolling.sizes(members.len()) {
        let (batch, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        let leader = batch.iter().copied().find(|at| !hosts[*at].failed());
        leader.iter().for_each(|at| once.lead(&hosts[*at].name));
        let mut at_work: Vec<(usize, &mut Host<'_>)> = hosts.iter_mut().enumerate().filter(|(at, _)| batch.contains(at)).collect();
        at_work.sort_by_key(|(at, _)| (Some(*at) != leader, batch.iter().position(|member| member == at)));
        once::led(at_work, |(_, host)| {
            let (began, ill) = (Instant::now(), host.failed());
            if let Ok(worker) = &mut host.state {
                worker.play(number, &once);
            }
            // A host that is through lets go of its lock: two runs that wait for each other's hosts would never end.
            if host.state.as_ref().is_ok_and(Worker::through) {
                let state = std::mem::replace(&mut host.state, Err(HostReport::default()));
                host.state = Err(state.map_or_else(|report| report, Worker::end));
            }
            once.leave(&host.name, host.failure().filter(|_| !ill));
            host.took += began.elapsed();
        });
        let failed = members.iter().filter(|at| hosts[**at].broke()).count();
        if play.rolling.stops(failed, failed - before, members.len()) {
            let reason = format!("{failed} of {} hosts failed, which is more than this play allows", members.len());
            // Whoever is not through with the run stops here, in this play and in those behind it.
            hosts.iter_mut().filter_map(|host| host.state.as_mut().ok()).for_each(|worker| worker.skip(&reason));
            return;
        }
    }
}
