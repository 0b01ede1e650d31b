//! All hosts side by side: one worker a host, at most `forks` at a time. A host that fails stops alone.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::host::{self, HostFailure, HostReport, Preview, Target};
use super::{Event, Events, Facts, Job, Phase};
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
    connection: Option<Box<dyn Connection>>,
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
            let sudo = target.sudo(job);
            let outcome = connect(target).and_then(|mut connection| host::open(connection.as_mut(), sudo)).map(|(_, facts)| facts);
            Pong { host: target.name.clone(), outcome, elapsed: started.elapsed() }
        };
        self.pool().install(|| self.targets.par_iter().map(one).collect())
    }

    /// Probes and plans all hosts.
    pub fn preview(&self, job: &Job<'_>, connect: Connect<'_>, events: Events<'_>) -> Vec<Previewed> {
        let one = |target: &Target<'_>| {
            let started = Instant::now();
            let event = |event| events(&target.name, event);
            event(Event::Phase(Phase::Connecting));
            let mut connection = match connect(target) {
                Ok(connection) => connection,
                Err(failure) => {
                    event(Event::Phase(Phase::Done));
                    return Previewed {
                        host: target.name.clone(),
                        outcome: Err(HostFailure::Unreachable(failure)),
                        execs: 0,
                        elapsed: started.elapsed(),
                        connection: None,
                    };
                }
            };
            let outcome = Preview::make(connection.as_mut(), job, target, &event);
            event(Event::Phase(Phase::Done));
            let (execs, elapsed) = (connection.execs(), started.elapsed());
            Previewed { host: target.name.clone(), outcome, execs, elapsed, connection: Some(connection) }
        };
        self.pool().install(|| self.targets.par_iter().map(one).collect())
    }

    /// Applies what was planned on every host that has a plan; the others are reported with why they have none.
    pub fn apply(&self, previewed: Vec<Previewed>, run: &str, events: Events<'_>) -> Vec<HostReport> {
        let one = |previewed: Previewed| {
            let started = Instant::now();
            let mut report = match previewed.outcome {
                Ok(preview) => preview.apply(run, &|event| events(&previewed.host, event)),
                Err(failure) => HostReport { host: previewed.host, failure: Some(failure), ..HostReport::default() },
            };
            drop(previewed.connection);
            report.elapsed = previewed.elapsed + started.elapsed();
            report
        };
        self.pool().install(|| previewed.into_par_iter().map(one).collect())
    }

    // The work waits for the network, so the pool has a thread for each host and not for each processor.
    fn pool(&self) -> rayon::ThreadPool {
        let threads = self.forks.clamp(1, self.targets.len().max(1));
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("the system can start a few threads")
    }
}
