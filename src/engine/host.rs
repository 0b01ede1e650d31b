//! One host, the first half of a run: connect, facts, probe, plan. `worker` does the second, when the plan was accepted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::facts::{self, Facts};
use super::outcome::HostFailure;
use super::plan::{Planned, Verdict, plan};
use super::privilege::Privilege;
use super::questions;
use super::session::Session;
use super::step::{HostValues, PlaySteps, play_steps};
use super::wrap::wrap;
use super::{Event, Job, Phase, Step};
use crate::diagnostic::Diagnostics;
use crate::project::{Given, Manner};
use crate::resource::{Probe, Reply, Unreadable, question};
use crate::shell::{Answers, Nonce};
use crate::transport::{Connection, Failure};

/// A host to work on.
#[derive(Clone)]
pub struct Target<'a> {
    /// Its name in the inventory.
    pub name: String,
    /// The winner of each variable's layers.
    pub given: BTreeMap<String, Given<'a>>,
    /// `inventory_hostname`, `groups` and the like; the facts are added.
    pub fixed: Map<String, Json>,
    /// How that user becomes root.
    pub root: Privilege,
    /// How tasks run where neither task, role nor play says it.
    pub manner: Manner,
    /// Its facts as they were last time.
    pub remembered: Option<Map<String, Json>>,
}

impl Target<'_> {
    /// What the session of `login_user` must become for the job.
    pub(super) fn privilege(&self, job: &Job<'_>, login_user: &str) -> Privilege {
        let needed = login_user != "root" && job.becomes(&self.name, &self.manner);
        if needed { self.root.clone() } else { Privilege::login() }
    }

    /// Opens a session with that privilege and asks the facts.
    pub(super) fn open(&self, job: &Job<'_>, connection: Box<dyn Connection>) -> Result<(Line, Facts), Failure> {
        let privilege = self.privilege(job, connection.user());
        open(connection, privilege, job.patience)
    }
}

/// A host that was probed and planned, with its line still open.
pub struct Preview {
    /// Its name.
    pub host: String,
    /// What each play will do.
    pub plays: Vec<PlayPreview>,
    /// Handlers that an earlier run left behind.
    pub pending: Vec<String>,
    /// An earlier run that did not come to its end: who, and at which step.
    pub interrupted: Option<String>,
    /// Its facts, to be remembered.
    pub facts: Map<String, Json>,
    /// What the host answered, kept when some steps may be for another host to do.
    pub(super) reply: Option<Reply>,
    pub(super) line: Line,
}

/// The open line to a host.
pub(super) struct Line {
    pub connection: Box<dyn Connection>,
    pub session: Session,
    pub privilege: Privilege,
}

/// A play on a host, planned.
pub struct PlayPreview {
    /// Which play of the job it is, from 0: hosts need not be in all of them.
    pub play: usize,
    /// Its steps and handlers.
    pub steps: PlaySteps,
    /// A verdict for each step.
    pub planned: Vec<Planned>,
}

impl Preview {
    /// `connection` is up. Opens the session, asks facts, settles the tasks, probes and plans.
    ///
    /// # Errors
    /// The session cannot be opened, or the tasks have mistakes.
    pub fn make(connection: Box<dyn Connection>, job: &Job<'_>, target: &Target<'_>, event: &dyn Fn(Event)) -> Result<Self, HostFailure> {
        // Facts are as a rule what they were, so the questions that follow from them go out with those for the facts.
        let guess = target.remembered.as_ref().and_then(|values| Guess::make(job, target, values, connection.user()));
        let first = |nonce: &Nonce| guess.as_ref().map_or(String::new(), |guess| text(&guess.probe, nonce));
        let privilege = target.privilege(job, connection.user());
        let (mut line, facts, answers) = begin(connection, privilege, job.patience, &first).map_err(HostFailure::Unreachable)?;
        event(Event::Phase(Phase::Probing));
        let (plays, reply) = match guess.filter(|guess| guess.facts.values == facts.values) {
            Some(guess) => (guess.plays, read(&guess.probe, answers, job.patience).map_err(HostFailure::Unreachable)?),
            None => {
                let plays = settle(job, target, &facts).map_err(HostFailure::Tasks)?;
                let all: Vec<&Step> = plays.iter().flat_map(|(_, play)| &play.steps).collect();
                let reply = probe(&mut line.session, &all).map_err(HostFailure::Unreachable)?;
                (plays, reply)
            }
        };
        let all: Vec<&Step> = plays.iter().flat_map(|(_, play)| &play.steps).collect();
        let kept = all.iter().any(|step| step.once.is_some()).then(|| reply.clone());
        let mut verdicts = plan(all.into_iter().enumerate(), reply).into_iter();
        let plays = plays
            .into_iter()
            .map(|(play, steps)| {
                let planned = (0..steps.steps.len()).zip(verdicts.by_ref()).map(|(step, planned)| Planned { step, ..planned }).collect();
                PlayPreview { play, steps, planned }
            })
            .collect();
        let (pending, interrupted) = (facts.pending, facts.interrupted);
        Ok(Self { host: target.name.clone(), plays, pending, interrupted, facts: facts.values, reply: kept, line })
    }

    /// Remote processes started so far.
    pub fn execs(&self) -> usize {
        self.line.connection.execs()
    }

    /// Steps that nothing sensible can be done about.
    pub fn failures(&self) -> Vec<(String, Unreadable)> {
        let of = |play: &PlayPreview| {
            let failed = play.planned.iter().filter_map(|planned| match &planned.verdict {
                Verdict::Failed(unreadable) => Some((play.steps.steps[planned.step].name.clone(), unreadable.clone())),
                _ => None,
            });
            failed.collect::<Vec<_>>()
        };
        self.plays.iter().flat_map(of).collect()
    }

    /// Whether there is anything to do, sure or not.
    pub fn has_changes(&self) -> bool {
        !self.pending.is_empty() || self.plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict.action().is_some())
    }
}

/// What would be asked of a host if its facts were still the same.
struct Guess {
    facts: Facts,
    plays: Vec<(usize, PlaySteps)>,
    probe: Probe,
}

impl Guess {
    fn make(job: &Job<'_>, target: &Target<'_>, values: &Map<String, Json>, login_user: &str) -> Option<Self> {
        let facts = Facts { values: values.clone(), login_user: login_user.to_owned(), ..Facts::default() };
        let plays = settle(job, target, &facts).ok()?;
        let probe = questions(plays.iter().flat_map(|(_, play)| &play.steps));
        Some(Self { facts, plays, probe })
    }
}

/// Opens a session whose questions may take so long, and asks the facts.
pub(super) fn open(connection: Box<dyn Connection>, privilege: Privilege, patience: Duration) -> Result<(Line, Facts), Failure> {
    begin(connection, privilege, patience, &|_| String::new()).map(|(line, facts, _)| (line, facts))
}

/// Opens a session, asks the facts and more.
fn begin(
    mut connection: Box<dyn Connection>,
    privilege: Privilege,
    patience: Duration,
    more: &dyn Fn(&Nonce) -> String,
) -> Result<(Line, Facts, Answers), Failure> {
    let script = |nonce: &Nonce| format!("{}{}", facts::SCRIPT, more(nonce));
    let (session, answers) = Session::open(connection.as_mut(), &privilege, patience, &script)?;
    let answers = questions::in_time(answers, patience, |id| !facts::FRAMES.contains(&id))?;
    let facts = Facts { login_user: connection.user().to_owned(), ..Facts::read(&answers) };
    Ok((Line { connection, session, privilege }, facts, answers))
}

/// The number and the steps of each play for a host with these facts.
pub(super) fn settle(job: &Job<'_>, target: &Target<'_>, facts: &Facts) -> Result<Vec<(usize, PlaySteps)>, Diagnostics> {
    let mut fixed = target.fixed.clone();
    fixed.insert("facts".to_string(), json!(facts.values));
    let values = HostValues { given: &target.given, fixed: &fixed, login_user: &facts.login_user, manner: &target.manner };
    let mut problems = Diagnostics::new();
    let plays = job.plays.iter().enumerate().filter(|(_, play)| play.hosts.contains(&target.name));
    let settled: Vec<(usize, PlaySteps)> =
        plays.filter_map(|(number, play)| Some((number, problems.take(play_steps(job, play, &values))?))).collect();
    problems.or(settled)
}

/// Asks everything that `steps` want to know, in one exchange.
pub(super) fn probe(session: &mut Session, steps: &[&Step]) -> Result<Reply, Failure> {
    let all = questions(steps.iter().copied());
    if all.is_empty() {
        return Ok(Reply::default());
    }
    let text = text(&all, &session.nonce().clone());
    read(&all, session.question(&text)?, session.patience())
}

/// Reads the answers. A guard that took too long spoils its own step, and services that do not answer spoil theirs; without the
/// other answers nothing can be said about the host.
fn read(all: &Probe, answers: Answers, patience: Duration) -> Result<Reply, Failure> {
    let answers = questions::in_time(answers, patience, |id| id == "units" || id.starts_with("guard"))?;
    Ok(question::read(all, &answers, patience))
}

/// Everything that `steps` want to know.
fn questions<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Probe {
    let mut all = Probe::new();
    for step in steps {
        step.resource.probe(&mut all);
    }
    all
}

/// The script that asks it.
fn text(all: &Probe, nonce: &Nonce) -> String {
    let mut text = String::new();
    for question in question::questions(all) {
        let id = &question.id;
        text += &match &question.guard {
            None => format!("hoist_b {id}\n{}hoist_e {id} $?\n", question.script.text()),
            Some(guard) => {
                let body = wrap(&question.script, guard.user.as_deref(), &guard.environment, nonce);
                format!("hoist_b {id}\n(\n{body}) </dev/null 9<&-\nhoist_e {id} $?\n")
            }
        };
    }
    text
}
