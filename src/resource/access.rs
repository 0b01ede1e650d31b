//! Who may do what with a file or folder.

use super::mode::octal;
use super::{Action, Change, Diff, FileKind, Mode, Owner, PathState, Stat, Written, name};
use crate::diagnostic::Diagnostics;
use crate::shell::Script;

/// Who may do what with a file; `None` leaves it as it is, or as it comes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    /// Permission bits.
    pub mode: Option<Mode>,
    /// User, by name or number.
    pub owner: Option<String>,
    /// Group, by name or number.
    pub group: Option<String>,
}

impl Access {
    /// From the arguments `mode`, `owner` and `group`.
    ///
    /// # Errors
    /// A name that is none.
    pub fn new(mode: Option<Mode>, owner: Option<String>, group: Option<String>, written: &Written<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        for (what, argument, name) in [("a user", "owner", &owner), ("a group", "group", &group)] {
            if let Some(name) = name.as_ref().filter(|name| name.parse::<u32>().is_err()) {
                problems.take(name::account(name, what, written.span(argument)));
            }
        }
        problems.or(Self { mode, owner, group })
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The change of owner, group and mode alone, `None` when they are as wanted or nothing is there.
    pub fn plan(&self, path: &str, now: &PathState) -> Option<Change> {
        let stat = now.stat.as_ref()?;
        let diff = self.differences(stat);
        if diff.is_empty() {
            return None;
        }
        let mut change = Change::new(Action::Update, Script::new());
        // chmod would follow a link that took the place of the file.
        change.script.line("hoist_was {} {}", &[path, &now.shape()]);
        change.script.append(&self.script(path, stat));
        change.diff = diff;
        Some(change.leaves(path, PathState { stat: Some(self.after(stat)), ..now.clone() }))
    }

    /// What differs between what is wanted and `now`, for the preview.
    pub fn differences(&self, now: &Stat) -> Vec<Diff> {
        let mut diff = Vec::new();
        let mut differs = |name, before: String, after: String| diff.push(Diff::Attribute { name, before, after });
        if let Some(owner) = self.owner.as_ref().filter(|owner| !now.owner.is(owner)) {
            differs("owner", now.owner.name.clone(), owner.clone());
        }
        if let Some(group) = self.group.as_ref().filter(|group| !now.group.is(group)) {
            differs("group", now.group.name.clone(), group.clone());
        }
        let mode = self.mode_after(now);
        if mode != now.mode {
            differs("mode", octal(now.mode), octal(mode));
        }
        diff
    }

    /// What is asked of something new that comes with the mode `fresh`, for the preview.
    pub fn fresh(&self, fresh: u32, directory: bool) -> Vec<Diff> {
        let attribute = |name, after: &String| Diff::Attribute { name, before: String::new(), after: after.clone() };
        let mode = self.mode.as_ref().map(|mode| mode.apply(fresh, directory)).filter(|mode| *mode != fresh).map(octal);
        let mut diff: Vec<Diff> = self.owner.iter().map(|owner| attribute("owner", owner)).collect();
        diff.extend(self.group.iter().map(|group| attribute("group", group)));
        diff.extend(mode.iter().map(|mode| attribute("mode", mode)));
        diff
    }

    /// Sets what differs on an existing path, never through a link.
    pub fn script(&self, path: &str, now: &Stat) -> Script {
        let mut script = Script::new();
        let owner = self.owner.as_ref().filter(|owner| !now.owner.is(owner));
        let group = self.group.as_ref().filter(|group| !now.group.is(group));
        if let Some(owner) = owner {
            script.line("chown -h -- {} {}", &[owner, path]);
        }
        if let Some(group) = group {
            script.line("chgrp -h -- {} {}", &[group, path]);
        }
        let mode = self.mode_after(now);
        // chown clears setuid, so mode comes last.
        if mode != now.mode || owner.or(group).is_some() && mode & 0o6000 != 0 {
            script.line("chmod {} -- {}", &[&exact(mode, now.kind == FileKind::Directory), path]);
        }
        script
    }

    /// What a path that has `now` has afterwards.
    pub fn after(&self, now: &Stat) -> Stat {
        let settled = |written: &Option<String>, had: &Owner| match written {
            Some(name) if !had.is(name) => Owner::named(name),
            _ => had.clone(),
        };
        Stat { mode: self.mode_after(now), owner: settled(&self.owner, &now.owner), group: settled(&self.group, &now.group), ..now.clone() }
    }

    /// What something new has that `creator` (root, when not said) makes with the mode `fresh`.
    pub fn created(&self, kind: FileKind, fresh: u32, creator: Option<&str>) -> Stat {
        let creator = Owner::named(creator.unwrap_or("root"));
        self.after(&Stat { kind, mode: fresh, owner: creator.clone(), group: creator, size: 0 })
    }

    /// The mode afterwards. A link has none of its own.
    fn mode_after(&self, now: &Stat) -> u32 {
        match &self.mode {
            Some(mode) if now.kind != FileKind::Link => mode.apply(now.mode, now.kind == FileKind::Directory),
            _ => now.mode,
        }
    }

    /// `OWNER`, `OWNER:GROUP` or `:GROUP` for chown; `None` when neither is wanted.
    pub fn ownership(&self) -> Option<String> {
        match (&self.owner, &self.group) {
            (None, None) => None,
            (owner, group) => {
                Some(owner.clone().unwrap_or_default() + &group.as_ref().map(|group| format!(":{group}")).unwrap_or_default())
            }
        }
    }
}

/// The mode as chmod must be told it: with fewer than five digits it leaves setuid and setgid of a folder as they are.
pub fn exact(mode: u32, directory: bool) -> String {
    if directory { format!("{mode:05o}") } else { octal(mode) }
}
