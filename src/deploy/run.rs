//! Carries a plan out, across all hosts: stage, migrate once, start, switch, check, and keep it or put everything back.
//! A failure before the switch leaves the live release untouched; one after it puts every host back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::app::App;
use super::hooks;
use super::ledger::{self, State};
use super::plan::{self, Plan, archive_path};
use crate::engine::{Crew, HostFailure, Job, Orders};
use crate::shell::Script;

/// What a deploy works with.
pub struct Work<'w, 'a> {
    /// The hosts, with their lines open.
    pub crew: &'w mut Crew<'a>,
    /// The application, as each host has it.
    pub apps: &'w BTreeMap<String, App>,
    /// What is to be done.
    pub plan: &'w Plan,
    /// The run of a verb.
    pub job: &'w dyn Fn(&'static str) -> Job<'w>,
    /// What is obeyed while everything is put back: no interruption.
    pub calm: &'a Orders<'a>,
    /// Takes a line about what comes next.
    pub tell: &'w dyn Fn(&str),
    /// Why it failed, where that was not on a host.
    pub cause: Option<String>,
}

/// How it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The release is live and good on all hosts. From the first host that switched to the last.
    Live(Duration),
    /// Nothing was done: a host was not reached, or another run is on it.
    NotBegun,
    /// It failed before the switch: what was live is.
    Untouched,
    /// It failed after the switch, and every host is back where it was.
    Reverted,
    /// It failed, and not every host could be put back.
    Stuck,
}

/// Carries it out.
pub fn execute(work: &mut Work<'_, '_>) -> Outcome {
    if work.crew.failed() || !work.crew.hold() {
        work.leave("another host cannot be worked on, so nothing was begun");
        return Outcome::NotBegun;
    }
    let hosts = work.plan.names();
    let made = work.plan.rollback || work.make(&hosts);
    if !made {
        work.discard(&hosts);
    }
    if !made || !work.plan.rollback && !work.migrate(&hosts) || !work.crew.goes_on() {
        if work.plan.maintenance {
            work.crew.revive(work.calm);
            work.lift(&hosts);
        }
        work.note_failed();
        work.leave("nothing was switched, for the release could not be made ready everywhere");
        return Outcome::Untouched;
    }
    let outcome = switch(work, &hosts);
    if !matches!(outcome, Outcome::Live(_)) {
        work.lift(&hosts);
    }
    outcome
}

/// From the first process that is started to the last that is stopped.
fn switch(work: &mut Work<'_, '_>, hosts: &[String]) -> Outcome {
    let mut begun: Vec<String> = Vec::new();
    let mut switched: Vec<String> = Vec::new();
    let mut first: Option<Instant> = None;
    let mut spread = Duration::ZERO;
    let mut rest = hosts;
    for size in work.plan.rolling.sizes(hosts.len()) {
        let (batch, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        begun.extend(batch.iter().cloned());
        if !work.verb("start", batch, false) || !work.hook("before_switch") || !work.crew.goes_on() {
            return work.back(&begun, &switched);
        }
        (work.tell)(&format!("switching {}", batch.join(", ")));
        switched.extend(batch.iter().cloned());
        let live = work.verb("switch", batch, false);
        let last = Instant::now();
        spread = last - *first.get_or_insert_with(|| last.checked_sub(work.crew.spread(batch)).unwrap_or(last));
        work.note(batch, State::Live);
        // The check goes through the site, so the page must be gone.
        if !live || !work.lift(batch) || !work.verb("check", batch, true) || !work.hook("after_switch") || !work.crew.goes_on() {
            return work.back(&begun, &switched);
        }
    }
    work.note(hosts, State::Good);
    work.leave_behind();
    work.verb("retire", hosts, true);
    work.gone();
    if !work.hook("after_good")
        && let Some(why) = work.cause.take()
    {
        work.fail_well(&HostFailure::Afterwards(format!("the release is live, and {why}")));
    }
    Outcome::Live(spread)
}

impl Work<'_, '_> {
    /// Makes the release ready on all hosts.
    fn make(&mut self, hosts: &[String]) -> bool {
        let plan = self.plan;
        self.note(hosts, State::Staging);
        (self.tell)(&format!("making {} ready on {}", plan.id, hosts.join(", ")));
        if !self.hook("before_stage") || !self.send(hosts) || !self.verb("stage", hosts, false) || !self.hook("after_build") {
            return false;
        }
        self.note(hosts, State::Staged);
        true
    }

    /// Takes away what there is of a release that could not be made ready: it may be why a disk is full.
    fn discard(&mut self, hosts: &[String]) {
        let (apps, plan) = (self.apps, self.plan);
        self.crew.tell(&|host| {
            let app = apps.get(host).filter(|_| hosts.iter().any(|name| name == host))?;
            let mut script = Script::new();
            script.line("rm -rf -- {} {}", &[&plan.folder(app), &plan.store(app)]);
            script.line("rm -f -- {}", &[&archive_path(app, &plan.id)]);
            Some(script)
        });
    }

    /// Migrates, on the first host.
    fn migrate(&mut self, hosts: &[String]) -> bool {
        let plan = self.plan;
        if plan.maintenance && !self.crew.verb(&(self.job)("maintenance_on"), hosts, &|_| serde_json::Map::new()) {
            return false;
        }
        let Some((first, app)) = hosts.first().and_then(|first| Some((first, self.apps.get(first)?))) else { return true };
        if app.migrate.is_empty() {
            return true;
        }
        (self.tell)(&format!("migrating on {first}"));
        if !self.hook("before_migrate") {
            return false;
        }
        let done = self.verb("migrate", std::slice::from_ref(first), false);
        if plan.migrates(app) {
            // Half of it may have happened.
            self.note(hosts, State::Migrated);
        }
        done && self.hook("after_migrate")
    }

    /// Takes the maintenance page away, if it was for this deploy.
    fn lift(&mut self, hosts: &[String]) -> bool {
        !self.plan.maintenance || self.crew.verb(&(self.job)("maintenance_off"), hosts, &|_| serde_json::Map::new())
    }

    /// Sends the archive, if there is one.
    fn send(&mut self, hosts: &[String]) -> bool {
        let Some(archive) = &self.plan.archive else { return true };
        let (apps, plan) = (self.apps, self.plan);
        self.crew.push(hosts, &archive.bytes, &|host| {
            let app = apps.get(host)?;
            Some((archive_path(app, &plan.id), app.user.clone()))
        })
    }

    fn verb(&mut self, verb: &'static str, hosts: &[String], switched: bool) -> bool {
        let (apps, plan) = (self.apps, self.plan);
        let job = (self.job)(verb);
        self.crew.verb(&job, hosts, &|host| apps.get(host).map(|app| plan.variables(app, host, switched)).unwrap_or_default())
    }

    /// Writes into the ledgers of those hosts that can still be talked to.
    fn note(&mut self, hosts: &[String], state: State) {
        self.write(&|host| hosts.iter().any(|name| name == host).then_some(state));
    }

    /// Writes what the release is now that this failed.
    fn note_failed(&mut self) {
        let plan = self.plan;
        self.write(&|host| plan.state(host).map(|_| plan.failed(host)));
    }

    fn write(&mut self, state: &(dyn Fn(&str) -> Option<State> + Sync)) {
        let (apps, release) = (self.apps, self.plan.release());
        self.crew.tell(&|host| {
            let (app, state) = (apps.get(host)?, state(host)?);
            let mut script = Script::new();
            ledger::append(&mut script, &app.name, &release, state);
            Some(script)
        });
    }

    /// Notes what is left behind by a rollback: it is not gone back to by itself.
    fn leave_behind(&mut self) {
        if !self.plan.rollback {
            return;
        }
        let (apps, plan) = (self.apps, self.plan);
        self.crew.tell(&|host| {
            let (app, state) = (apps.get(host)?, plan.state(host)?);
            let mut script = Script::new();
            let left = state.ledger.releases.iter().filter(|release| release.id > plan.id && release.state != State::Gone);
            left.for_each(|release| ledger::append(&mut script, &app.name, release, State::Bad));
            Some(script)
        });
    }

    /// Notes what was removed. What a host still has, for it was interrupted or a step failed, goes another time.
    fn gone(&mut self) {
        let (apps, plan) = (self.apps, self.plan);
        self.crew.tell(&|host| {
            let (app, state) = (apps.get(host)?, plan.state(host)?);
            let mut script = Script::new();
            let prunes = plan.prunes(app, state);
            for release in state.ledger.releases.iter().filter(|release| prunes.contains(&release.id)) {
                script.line("if [ ! -e {} ] && [ ! -e {} ]; then", &[&plan::folder(app, &release.id), &plan::store(app, &release.id)]);
                ledger::append(&mut script, &app.name, release, State::Gone);
                script.line("fi", &[]);
            }
            Some(script)
        });
    }

    fn hook(&mut self, moment: &str) -> bool {
        let Some(app) = self.plan.hosts.first().and_then(|(host, _)| self.apps.get(host)) else { return true };
        let Err(why) = hooks::run(app, self.plan, moment) else { return true };
        // What follows from the first one is not the cause.
        self.cause.get_or_insert(why);
        false
    }

    /// Says of every host that is well why it did not go on.
    fn leave(&mut self, why: &str) {
        let why = self.cause.take().unwrap_or_else(|| why.to_string());
        self.fail_well(&HostFailure::Skipped(why));
    }

    fn fail_well(&mut self, failure: &HostFailure) {
        let names = self.plan.names();
        for host in self.crew.well().into_iter().filter(|host| names.iter().any(|name| name == host)) {
            self.crew.fail(host, failure);
        }
    }

    /// Puts every host back that was begun with.
    fn back(&mut self, begun: &[String], switched: &[String]) -> Outcome {
        let well: Vec<String> = self.crew.well().into_iter().map(str::to_string).collect();
        (self.tell)(&format!("going back on {}", begun.join(", ")));
        self.crew.revive(self.calm);
        let (on, off): (Vec<String>, Vec<String>) = begun.iter().cloned().partition(|host| switched.contains(host));
        let back = [self.verb("revert", &on, true), self.verb("revert", &off, false)];
        self.note_failed();
        let cause = self.cause.take();
        let after = self.hook("after_revert");
        let because = |failed: &str, what: &str| {
            let text = cause.as_ref().map_or_else(|| format!("{failed}, {what}"), |why| format!("{what}, for {why}"));
            self.cause.iter().fold(text, |text, more| format!("{text}\n{more}"))
        };
        for host in well.into_iter().filter(|host| self.plan.names().contains(host)) {
            let failure = match (switched.contains(&host), begun.contains(&host)) {
                (true, _) if self.plan.state(&host).is_some_and(|state| state.live.is_some()) => {
                    HostFailure::Reverted(because("the release failed", "what was live before is live again"))
                }
                (true, _) => HostFailure::Reverted(because("the release failed", "nothing is live, as before")),
                (_, true) => HostFailure::Reverted(because("the release failed before the switch", "its processes are stopped")),
                _ => HostFailure::Skipped(because("the release failed on other hosts", "it was not begun here")),
            };
            self.crew.fail(&host, &failure);
        }
        match (back.iter().all(|back| *back), switched.is_empty()) {
            (true, true) if after => Outcome::Untouched,
            (true, _) => Outcome::Reverted,
            (false, _) => Outcome::Stuck,
        }
    }
}
