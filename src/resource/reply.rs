//! The answers of a host, and on top of them what earlier steps of the same plan will have made of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::state::within;
use super::{Apt, Change, Group, Guard, Outcome, Package, PathState, Unit, User};
use crate::shell::Answer;

/// Answers to the questions of a probe.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    pub(super) paths: BTreeMap<String, PathState>,
    pub(super) packages: BTreeMap<String, Package>,
    pub(super) apt: Option<Apt>,
    pub(super) units: BTreeMap<String, Unit>,
    pub(super) users: BTreeMap<String, Option<User>>,
    pub(super) groups: BTreeMap<String, Option<Group>>,
    /// Seconds that a question may take.
    pub(super) patience: u64,
    #[serde(skip)]
    pub(super) guards: Vec<(Guard, Outcome)>,
    /// Case files give the outcomes of scripts in the order in which they are asked.
    #[serde(rename = "guards")]
    pub(super) outcomes: Vec<Outcome>,
}

/// A question whose answer is missing, or does not let the step be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// What is wrong, in one line: "`/etc/x` is a directory, a file is expected".
    pub message: String,
    /// What to do, if anything can be said.
    pub help: Option<String>,
    /// The folder that is missing, if that is all: an earlier change may bring it.
    pub folder: Option<String>,
    /// What would be done if an earlier change puts that right, as far as it can be told now.
    pub would: Option<Box<Change>>,
}

impl Unreadable {
    /// With a message alone.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, folder: None, would: None }
    }

    /// A question that was ended because it took too long.
    fn late(what: &str, seconds: u64, outcome: &Outcome) -> Self {
        let last = outcome.stderr.lines().map(str::trim).rfind(|line| !["", "Terminated", "Killed"].contains(line));
        let last = last.map(|line| format!("its last words: {line}; ")).unwrap_or_default();
        Self::new(format!("{what} took longer than {seconds} s (`probe_timeout`), so it was ended"))
            .help(format!("{last}does it wait for something? if it only needs longer, raise `probe_timeout` in the settings of hoist.yml"))
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says that a missing folder is all that is wrong.
    pub fn folder(mut self, path: &str) -> Self {
        self.folder = Some(path.to_string());
        self
    }

    /// Says what would be done once an earlier change has put this right. It is only shown: by then all is read again.
    pub fn would(mut self, change: Change) -> Self {
        self.would = Some(Box::new(change));
        self
    }

    fn unanswered(what: &str, name: &str) -> Self {
        Self::new(format!("the host did not say what {what} `{name}` is")).help("is it readable for the user that hoist runs as?")
    }
}

impl Reply {
    /// All that is known of a path.
    ///
    /// # Errors
    /// It could not be read (a folder above it is closed to the user).
    pub fn path(&self, path: &str) -> Result<&PathState, Unreadable> {
        self.paths.get(path).ok_or_else(|| Unreadable::unanswered("path", path))
    }

    /// A package.
    ///
    /// # Errors
    /// The host has no dpkg.
    pub fn package(&self, name: &str) -> Result<&Package, Unreadable> {
        let missing = || Unreadable::new("this host has no dpkg").help("hoist installs packages on Debian and its relatives");
        self.packages.get(name).ok_or_else(missing)
    }

    /// apt and dpkg themselves.
    ///
    /// # Errors
    /// The host has no apt, or it was not asked.
    pub fn apt(&self) -> Result<&Apt, Unreadable> {
        let missing = || Unreadable::new("this host has no apt").help("hoist installs packages on Debian and its relatives");
        self.apt.as_ref().ok_or_else(missing)
    }

    /// A unit, by its full name.
    ///
    /// # Errors
    /// The host does not run systemd.
    pub fn unit(&self, name: &str) -> Result<&Unit, Unreadable> {
        let missing = || Unreadable::new("systemd does not answer on this host").help("is systemd PID 1 there? `systemctl status` says");
        self.units.get(name).ok_or_else(missing)
    }

    /// A user, if there is one of that name.
    ///
    /// # Errors
    /// The user database could not be read.
    pub fn user(&self, name: &str) -> Result<Option<&User>, Unreadable> {
        self.users.get(name).map(Option::as_ref).ok_or_else(|| Unreadable::unanswered("user", name))
    }

    /// A group, if there is one of that name.
    ///
    /// # Errors
    /// The group database could not be read.
    pub fn group(&self, name: &str) -> Result<Option<&Group>, Unreadable> {
        self.groups.get(name).map(Option::as_ref).ok_or_else(|| Unreadable::unanswered("group", name))
    }

    /// How a task's own read-only script went; `what` is what it is called: "`unless`", "`git ls-remote`".
    ///
    /// # Errors
    /// It was not run, or took too long.
    pub fn guard(&self, guard: &Guard, what: &str) -> Result<&Outcome, Unreadable> {
        let found = self.guards.iter().find(|(asked, _)| asked == guard).map(|(_, outcome)| outcome);
        let outcome = found.ok_or_else(|| Unreadable::new("the host did not answer a question of this task"))?;
        if outcome.status == Answer::LATE {
            return Err(Unreadable::late(what, self.patience, outcome));
        }
        Ok(outcome)
    }

    /// Takes `state` as what is at `path` from here on: a step that was just planned leaves it so.
    pub fn assume(&mut self, path: &str, state: PathState) {
        if state.stat.is_none() {
            // With a folder goes all that is in it.
            self.paths.iter_mut().filter(|(below, _)| within(below, path)).for_each(|(_, below)| *below = PathState::default());
        }
        self.paths.insert(path.to_string(), state);
    }

    /// Takes an ordinary folder of root as what is at `path`.
    pub fn assume_folder(&mut self, path: &str) {
        self.assume(path, PathState::folder());
    }

    /// Adds the answers of another reply.
    pub fn merge(&mut self, other: Reply) {
        self.paths.extend(other.paths);
        self.packages.extend(other.packages);
        self.apt = other.apt.or(self.apt.take());
        self.units.extend(other.units);
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.guards.extend(other.guards);
    }

    /// Completes the reply of a case file: outcomes in the order asked, nothing at every path that it does not name but
    /// the folders above others, which are ordinary ones of root.
    pub fn complete(&mut self, probe: &super::Probe) {
        let outcomes = std::mem::take(&mut self.outcomes);
        self.guards = probe.guards.iter().cloned().zip(outcomes.into_iter().chain(std::iter::repeat_with(Outcome::default))).collect();
        for path in probe.stats.iter().flat_map(|path| super::path::above(path)).filter(|path| probe.stats.contains(*path)) {
            self.paths.entry(path.to_string()).or_insert_with(PathState::folder);
        }
        for path in &probe.stats {
            let state = self.paths.entry(path.clone()).or_default();
            if let (None, Some(content)) = (&state.sha256, &state.content) {
                state.sha256 = Some(crate::shell::sha256(content));
            }
        }
        for name in &probe.packages {
            self.packages.entry(name.clone()).or_default();
        }
        if probe.apt || !probe.candidates.is_empty() {
            self.apt.get_or_insert_default();
        }
        for name in &probe.users {
            self.users.entry(name.clone()).or_default();
        }
        for name in &probe.groups {
            self.groups.entry(name.clone()).or_default();
        }
    }
}
