//! Hosts that go through several verbs together: each keeps its line and its lock from the first to the last, and
//! whoever leads them decides between the verbs what comes next. `hoist deploy` is made of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value as Json};

use super::facts::Facts;
use super::fleet::{Connect, Fleet};
use super::host::{self, PlayPreview, Target};
use super::once::{self, Once};
use super::outcome::{HostFailure, HostReport};
use super::worker::{Orders, Worker};
use super::wrap::wrap;
use super::{Event, Events, Job, Phase, PlaySteps};
use crate::diagnostic::Diagnostics;
use crate::project::{RoleScope, Scope};
use crate::shell::{Answer, Answers, Script};
use crate::transport::{Cause, Failure};

/// Variables that hoist itself sets for a host, by its name.
pub type Extra<'a> = &'a (dyn Fn(&str) -> Map<String, Json> + Sync);

/// The path of a file on a host, and its owner; `None` for a host that does not get it.
pub type Place<'a> = &'a (dyn Fn(&str) -> Option<(String, String)> + Sync);

/// Hosts with open lines.
pub struct Crew<'a> {
    targets: &'a [Target<'a>],
    members: Vec<Member<'a>>,
    pool: rayon::ThreadPool,
}

struct Member<'a> {
    at: usize,
    facts: Facts,
    began: Instant,
    state: Result<Worker<'a>, HostReport>,
    /// When its last verb ended, well.
    through: Option<Instant>,
}

impl<'a> Crew<'a> {
    /// Connects to all hosts of the fleet and reads their facts. Nothing is done on them yet.
    pub fn open(fleet: &'a Fleet<'a>, job: &Job<'_>, connect: Connect<'a>, orders: &'a Orders<'a>, events: Events<'a>) -> Self {
        let pool = fleet.pool();
        let one = |(at, target): (usize, &'a Target<'a>)| {
            let began = Instant::now();
            events(&target.name, Event::Phase(Phase::Connecting));
            let opened = connect(target).and_then(|connection| target.open(job, connection));
            let (state, facts) = match opened {
                Ok((line, facts)) => (Ok(Worker::open(&target.name, line, orders, fleet.wires(&target.name, connect, events))), facts),
                Err(failure) => (Err(failed(&target.name, HostFailure::Unreachable(failure))), Facts::default()),
            };
            Member { at, facts, began, state, through: None }
        };
        let members = pool.install(|| fleet.targets.par_iter().enumerate().map(one).collect());
        Self { targets: &fleet.targets, members, pool }
    }

    /// The hosts that are well, in their order.
    pub fn well(&self) -> Vec<&'a str> {
        let well = self.members.iter().filter(|member| member.state.as_ref().is_ok_and(|worker| !worker.failed()));
        well.map(|member| self.targets[member.at].name.as_str()).collect()
    }

    /// Whether a host failed so far.
    pub fn failed(&self) -> bool {
        self.well().len() < self.members.len()
    }

    /// What hosts that are well answer to a script that only looks; `None` asks nothing of one. A host whose line broke
    /// has failed.
    pub fn ask(&mut self, script: &(dyn Fn(&str) -> Option<Script> + Sync)) -> BTreeMap<String, Answers> {
        let targets = self.targets;
        let one = |member: &mut Member<'a>| {
            let name = targets[member.at].name.as_str();
            let worker = member.state.as_mut().ok().filter(|worker| !worker.failed())?;
            let answers = worker.line.session.look(script(name)?.text());
            Some((name.to_string(), answers.map_err(|failure| worker.fail(HostFailure::Unknown(failure))).ok()?))
        };
        self.pool.install(|| self.members.par_iter_mut().filter_map(one).collect::<Vec<_>>()).into_iter().collect()
    }

    /// What a host answers to a script that only looks, as a user.
    ///
    /// # Errors
    /// The line is gone.
    pub fn ask_as(&mut self, host: &str, user: &str, script: &Script) -> Result<Answer, Failure> {
        let member = self.members.iter_mut().find(|member| self.targets[member.at].name == host);
        let worker = member.and_then(|member| member.state.as_mut().ok()).filter(|worker| !worker.over);
        let Some(worker) = worker else { return Err(Failure::new(Cause::Lost, format!("{host} cannot be asked any more"))) };
        let session = &mut worker.line.session;
        let body = wrap(script, Some(user), &[], &session.nonce().clone());
        let answers = session.look(&format!("hoist_b asked\n(\n{body}) </dev/null 9<&-\nhoist_e asked $?\n"))?;
        Ok(answers.get("asked").cloned().unwrap_or_default())
    }

    /// Runs a short script on every host whose lock is ours, also on one where a step failed. It cannot fail.
    pub fn tell(&mut self, script: &(dyn Fn(&str) -> Option<Script> + Sync)) {
        let targets = self.targets;
        let one = |member: &mut Member<'a>| {
            let Some(worker) = member.state.as_mut().ok().filter(|worker| worker.holds()) else { return };
            if let Some(script) = script(&targets[member.at].name)
                && let Err(failure) = worker.line.session.ask(script.text())
            {
                worker.fail(HostFailure::Unknown(failure));
            }
        };
        self.pool.install(|| self.members.par_iter_mut().for_each(one));
    }

    /// Puts content into a file on these hosts: `place` says where, and whose it is; true when all of them have it.
    pub fn push(&mut self, hosts: &[String], bytes: &[u8], place: Place<'_>) -> bool {
        let (targets, sum) = (self.targets, crate::shell::sha256(bytes));
        let one = |member: &mut Member<'a>| {
            let host = targets[member.at].name.as_str();
            let Some((path, owner)) = place(host).filter(|_| hosts.iter().any(|name| name == host)) else { return true };
            let Some(worker) = member.state.as_mut().ok().filter(|worker| !worker.over && worker.holds()) else { return false };
            let mut script = Script::new();
            script.line("hoist_b push; ( set -e; [ \"$(sha256sum <\"$hoist_stage/\"{})\" = {} ]", &[&sum, &format!("{sum}  -")]);
            script.line("chown {} \"$hoist_stage/\"{}; mv -fT \"$hoist_stage/\"{} {} ); hoist_e push $?", &[&owner, &sum, &sum, &path]);
            let session = &mut worker.line.session;
            let answer = session.stage("pushed", &sum, bytes).and_then(|()| session.ask(script.text()));
            let failure = match answer.map(|answers| answers.get("push").cloned().unwrap_or_default()) {
                Ok(answer) if answer.status == 0 => return true,
                Ok(answer) => {
                    HostFailure::Skipped(format!("{path} could not be written: {}", String::from_utf8_lossy(&answer.stderr).trim()))
                }
                Err(failure) => HostFailure::Unknown(failure),
            };
            worker.fail(failure);
            false
        };
        self.pool.install(|| self.members.par_iter_mut().map(one).reduce(|| true, |all, one| all && one))
    }

    /// The value of each of the inputs of `role` for a host, by its name, as tasks would see them.
    ///
    /// # Errors
    /// All that is wrong in them.
    pub fn inputs(&self, job: &Job<'_>, host: &str, role: &str, extra: Extra<'_>) -> Result<Option<Map<String, Json>>, Diagnostics> {
        let Some(member) = self.members.iter().find(|member| self.targets[member.at].name == host) else { return Ok(None) };
        host_inputs(job, &with(&self.targets[member.at], extra), &member.facts, role)
    }

    /// What a verb would do on these hosts, as far as they are well, for the preview.
    pub fn preview(&mut self, job: &Job<'_>, hosts: &[String], extra: Extra<'_>) -> BTreeMap<String, Vec<PlayPreview>> {
        let targets = self.targets;
        let one = |member: &mut Member<'a>| {
            let target = &targets[member.at];
            let worker = member.state.as_mut().ok().filter(|worker| !worker.failed() && hosts.contains(&target.name))?;
            let plays = settle(job, &with(target, extra), &member.facts).and_then(|plays| worker.look(plays));
            let plays = plays.map_err(|failure| worker.fail(failure)).ok()?;
            Some((target.name.clone(), plays))
        };
        self.pool.install(|| self.members.par_iter_mut().filter_map(one).collect::<Vec<_>>()).into_iter().collect()
    }

    /// Says what the run is about, for the histories of the hosts.
    pub fn about(&mut self, what: &str) {
        let what: String = what.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        self.members.iter_mut().filter_map(|member| member.state.as_mut().ok()).for_each(|worker| worker.about.clone_from(&what));
    }

    /// Takes the locks of all hosts that are well, in the order of their names, so that two runs cannot wait for each
    /// other; true when it has all of them.
    pub fn hold(&mut self) -> bool {
        let mut members: Vec<&mut Member<'a>> = self.members.iter_mut().collect();
        members.sort_by_key(|member| self.targets[member.at].name.clone());
        members.iter_mut().filter_map(|member| member.state.as_mut().ok()).all(|worker| worker.hold())
    }

    /// Runs a verb of the roles on these hosts; true when all of them came through.
    pub fn verb(&mut self, job: &Job<'_>, hosts: &[String], extra: Extra<'_>) -> bool {
        let targets = self.targets;
        let named = |member: &&mut Member<'a>| hosts.contains(&targets[member.at].name);
        let one = |member: &mut Member<'a>| {
            let worker = member.state.as_mut().ok().filter(|worker| !worker.over)?;
            let plays = settle(job, &with(&targets[member.at], extra), &member.facts);
            plays.map_err(|failure| worker.fail(failure)).ok()
        };
        let Self { members, pool, .. } = self;
        let mut plays: Vec<Vec<(usize, PlaySteps)>> =
            pool.install(|| members.par_iter_mut().filter(named).map(|member| one(member).unwrap_or_default()).collect());
        for number in 0..job.plays.len() {
            let once = Arc::new(Once::default());
            let steps = plays.iter_mut().map(|plays| Some(plays.remove(plays.iter().position(|(play, _)| *play == number)?).1));
            let work: Vec<(&mut Member<'a>, PlaySteps)> =
                members.iter_mut().filter(named).zip(steps).filter_map(|(member, steps)| Some((member, steps?))).collect();
            pool.install(|| {
                once::led(work, |(member, steps)| {
                    let Some(worker) = member.state.as_mut().ok().filter(|worker| !worker.over) else { return };
                    let done = worker.among(&once).alone(|worker| worker.run(steps, None));
                    member.through = done.is_ok().then(Instant::now);
                    once.leave(&targets[member.at].name, done.as_ref().err());
                    if let Err(failure) = done {
                        worker.fail(failure);
                    }
                });
            });
        }
        self.members.iter_mut().filter(named).all(|member| member.state.as_ref().is_ok_and(|worker| !worker.over))
    }

    /// Whether all hosts go on. A verb whose last step ran when somebody interrupted came through; what follows is not begun.
    pub fn goes_on(&mut self) -> bool {
        let mut all = true;
        for worker in self.members.iter_mut().filter_map(|member| member.state.as_mut().ok()) {
            all &= worker.goes_on();
        }
        all
    }

    /// From the first host that came through the last verb to the last one.
    pub fn spread(&self, hosts: &[String]) -> std::time::Duration {
        let of = self.members.iter().filter(|member| hosts.contains(&self.targets[member.at].name));
        let times: Vec<Instant> = of.filter_map(|member| member.through).collect();
        times.iter().max().zip(times.iter().min()).map(|(last, first)| *last - *first).unwrap_or_default()
    }

    /// Lets hosts that failed take part again, to be put back; their failure stays in their report. One whose line broke
    /// is connected to once more. Interruptions are not heeded from here on.
    pub fn revive(&mut self, orders: &'a Orders<'a>) {
        self.pool.install(|| {
            self.members.par_iter_mut().filter_map(|member| member.state.as_mut().ok()).for_each(|worker| worker.revive(orders));
        });
    }

    /// A host that is not to go on, and why.
    pub fn fail(&mut self, host: &str, failure: &HostFailure) {
        let member = self.members.iter_mut().find(|member| self.targets[member.at].name == host);
        if let Some(worker) = member.and_then(|member| member.state.as_mut().ok()) {
            worker.fail(failure.clone());
        }
    }

    /// Brings the run to its end on every host.
    pub fn end(self) -> Vec<HostReport> {
        let end = |member: Member<'a>| {
            let report = member.state.map_or_else(|report| report, Worker::end);
            HostReport { elapsed: member.began.elapsed(), ..report }
        };
        let Self { members, pool, .. } = self;
        pool.install(|| members.into_par_iter().map(end).collect())
    }
}

/// The target with what hoist sets for it.
fn with<'t>(target: &Target<'t>, extra: Extra<'_>) -> Target<'t> {
    let mut target = target.clone();
    let more = extra(&target.name);
    target.fixed.extend(more);
    target
}

fn settle(job: &Job<'_>, target: &Target<'_>, facts: &Facts) -> Result<Vec<(usize, PlaySteps)>, HostFailure> {
    host::settle(job, target, facts).map_err(HostFailure::Tasks)
}

/// The inputs of `role` as the tasks of a target would see them; `None` when no play of the target has that role.
///
/// # Errors
/// All that is wrong in them.
pub fn host_inputs(job: &Job<'_>, target: &Target<'_>, facts: &Facts, role: &str) -> Result<Option<Map<String, Json>>, Diagnostics> {
    let plays = job.plays.iter().filter(|play| play.hosts.contains(&target.name));
    let found = plays.flat_map(|play| play.roles.iter().map(move |call| (play, call))).find(|(_, call)| call.role.name == role);
    let Some((play, call)) = found else { return Ok(None) };
    let mut fixed = target.fixed.clone();
    fixed.insert("facts".to_string(), Json::Object(facts.values.clone()));
    let base = RoleScope::new(job.templates, job.library, &call.role, call.given(&target.given), fixed);
    let scope = Scope::new(&base).with(play.vars.iter().chain(&call.vars).cloned());
    let mut problems = Diagnostics::new();
    problems.take(scope.check_inputs());
    let mut values = Map::new();
    for input in &call.role.inputs {
        let value = problems.take(scope.variable(&input.name)).flatten();
        values.insert(input.name.clone(), value.unwrap_or_default());
    }
    problems.or(Some(values))
}

fn failed(host: &str, failure: HostFailure) -> HostReport {
    HostReport { host: host.to_string(), failure: Some(failure), ..HostReport::default() }
}
