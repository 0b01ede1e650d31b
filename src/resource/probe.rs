//! Typed, read-only questions about a host. Equal questions merge, and each type becomes one process for all its
//! subjects: one `stat` and one `sha256sum` for all files, one `dpkg-query` for all packages, one `systemctl show`.

use std::collections::{BTreeMap, BTreeSet};

use super::Subject;
use crate::shell::Script;

/// Questions, collected from any number of resources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probe {
    pub(super) stats: BTreeSet<String>,
    pub(super) contents: BTreeMap<String, Wanted>,
    pub(super) packages: BTreeSet<String>,
    pub(super) candidates: BTreeSet<String>,
    pub(super) newest: BTreeSet<String>,
    pub(super) apt: bool,
    pub(super) units: BTreeSet<String>,
    pub(super) users: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) guards: Vec<Guard>,
}

/// When the content of a file is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Not at all, its SHA-256 is enough.
    Never,
    /// In any case.
    Always,
    /// Unless its SHA-256 is one of these.
    Unless(BTreeSet<String>),
}

/// A read-only script of a task's own (`unless`, `git rev-parse`), as the user and with the environment of the task.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// What runs; it must not change anything.
    pub script: Script,
    /// As whom; `None`: as the user of the session (root, usually).
    pub user: Option<String>,
    /// With these variables.
    pub environment: Vec<(String, String)>,
    /// What its answer depends on, beside the user.
    pub reads: Vec<Subject>,
}

impl Guard {
    /// Runs as the session's user; its answer may depend on anything.
    pub fn new(script: Script) -> Self {
        Self { script, user: None, environment: Vec::new(), reads: vec![Subject::Anything] }
    }

    /// Narrows what its answer depends on.
    pub fn reads(mut self, subjects: Vec<Subject>) -> Self {
        self.reads = subjects;
        self
    }
}

impl Probe {
    /// No questions yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is at `path`: its kind, mode, owner, group, and where it points if it is a link.
    pub fn stat(&mut self, path: &str) {
        self.stats.insert(path.to_string());
    }

    /// [`Probe::stat`], and the content of a regular file (at most 4 MiB are sent).
    pub fn content(&mut self, path: &str) {
        self.stat(path);
        self.contents.insert(path.to_string(), Wanted::Always);
    }

    /// [`Probe::stat`] and the SHA-256 of a file.
    pub fn sum(&mut self, path: &str) {
        self.stat(path);
        self.contents.entry(path.to_string()).or_insert(Wanted::Never);
    }

    /// [`Probe::stat`] and the SHA-256 of a file; the content is sent only if it is not the one with this hash,
    /// so that a run without changes moves no content.
    pub fn content_unless(&mut self, path: &str, sha256: &str) {
        self.stat(path);
        match self.contents.entry(path.to_string()).or_insert(Wanted::Never) {
            Wanted::Unless(hashes) => {
                hashes.insert(sha256.to_string());
            }
            wanted @ Wanted::Never => *wanted = Wanted::Unless(BTreeSet::from([sha256.to_string()])),
            Wanted::Always => {}
        }
    }

    /// The installed version of a package.
    pub fn package(&mut self, name: &str) {
        self.packages.insert(name.to_string());
    }

    /// [`Probe::package`]; and if it is not installed, the version that apt would install, and [`Probe::apt`].
    pub fn candidate(&mut self, name: &str) {
        self.package(name);
        self.candidates.insert(name.to_string());
    }

    /// [`Probe::package`], the version that apt would install in any case, and [`Probe::apt`].
    pub fn newest(&mut self, name: &str) {
        self.candidate(name);
        self.newest.insert(name.to_string());
        self.apt();
    }

    /// How old the package lists are, and whether dpkg is in order.
    pub fn apt(&mut self) {
        self.apt = true;
    }

    /// The state of a systemd unit, by its full name (`nginx.service`).
    pub fn unit(&mut self, name: &str) {
        self.units.insert(name.to_string());
    }

    /// A user, the groups it is in, its password hash.
    pub fn user(&mut self, name: &str) {
        self.users.insert(name.to_string());
    }

    /// A group and its members.
    pub fn group(&mut self, name: &str) {
        self.groups.insert(name.to_string());
    }

    /// The outcome of a read-only script.
    pub fn guard(&mut self, guard: &Guard) {
        if !self.guards.contains(guard) {
            self.guards.push(guard.clone());
        }
    }

    /// Adds the questions of another probe.
    pub fn merge(&mut self, other: &Probe) {
        self.stats.extend(other.stats.iter().cloned());
        for (path, wanted) in &other.contents {
            match wanted {
                Wanted::Never => self.sum(path),
                Wanted::Always => self.content(path),
                Wanted::Unless(hashes) => hashes.iter().for_each(|hash| self.content_unless(path, hash)),
            }
        }
        self.packages.extend(other.packages.iter().cloned());
        self.candidates.extend(other.candidates.iter().cloned());
        self.newest.extend(other.newest.iter().cloned());
        self.apt |= other.apt;
        self.units.extend(other.units.iter().cloned());
        self.users.extend(other.users.iter().cloned());
        self.groups.extend(other.groups.iter().cloned());
        other.guards.iter().for_each(|guard| self.guard(guard));
    }

    /// What the answers depend on: a change to one of these means asking again.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = self.stats.iter().cloned().map(Subject::Path).collect();
        subjects.extend(self.packages.iter().cloned().map(Subject::Package));
        if self.apt || !self.candidates.is_empty() {
            subjects.push(Subject::Tree("/etc/apt".to_string()));
        }
        subjects.extend(self.units.iter().cloned().map(Subject::Unit));
        if !self.users.is_empty() || !self.groups.is_empty() || self.guards.iter().any(|guard| guard.user.is_some()) {
            subjects.push(Subject::Account);
        }
        subjects.extend(self.guards.iter().flat_map(|guard| guard.reads.iter().cloned()));
        subjects
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
