//! The one way to put content into a file: whole or not at all (law 4), and only over what the plan saw (law 1).

use super::mode::octal;
use super::{Action, Change, Diff, FileKind, Mode, Owner, PathState, Stat, Unreadable};
use crate::shell::{Script, sha256};

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

/// A file that is to have this content.
#[derive(Debug, Clone, PartialEq)]
pub struct Write<'a> {
    /// Where.
    pub path: &'a str,
    /// What.
    pub bytes: &'a [u8],
    /// For whom.
    pub access: &'a Access,
    /// Who creates it: owner and group of a new file when the access names none (the task's user).
    pub creator: Option<&'a str>,
    /// Whether a secret is in the content: a new file is 0600 then, and its diff is not shown.
    pub secret: bool,
    /// A shell command that must accept the new file; `%s` stands for its path.
    pub validate: Option<&'a str>,
}

impl Write<'_> {
    /// The change from what is there, `None` when there is nothing to do.
    ///
    /// # Errors
    /// Something else than a file is there.
    pub fn plan(&self, now: &PathState) -> Result<Option<Change>, Unreadable> {
        match &now.stat {
            None => Ok(Some(self.change(now, Action::Create))),
            Some(stat) => match stat.kind {
                FileKind::File if now.sha256.as_deref() == Some(&sha256(self.bytes)) => Ok(self.access.plan(self.path, now)),
                FileKind::File | FileKind::Link => Ok(Some(self.change(now, Action::Update))),
                _ => Err(Unreadable::new(format!("`{}` is a {}, a file is expected", self.path, stat.kind.name()))
                    .help("remove it with a `file` task first (`state: absent`) if it may go")),
            },
        }
    }

    fn change(&self, now: &PathState, action: Action) -> Change {
        // A link is replaced by the file, so what it points at says nothing about the new one.
        let file = now.stat.as_ref().filter(|stat| stat.kind == FileKind::File);
        let fresh = if self.secret { 0o600 } else { 0o644 };
        let before = file.map_or(fresh, |stat| stat.mode);
        let mode = self.access.mode.as_ref().map_or(before, |mode| mode.apply(before, false));
        let keep = |stat: Option<&Owner>| stat.map(|owner| owner.id.map_or_else(|| owner.name.clone(), |id| id.to_string()));
        let owner = self.access.owner.clone().or_else(|| keep(file.map(|stat| &stat.owner)));
        let group = self.access.group.clone().or_else(|| keep(file.map(|stat| &stat.group)));
        let was = match (&now.stat, file, &now.sha256) {
            (None, ..) => "absent",
            (_, Some(_), Some(hash)) => hash,
            _ => "other",
        };
        let mut script = Script::new();
        let hash = script.attach(self.bytes);
        let check = self.validate.map(|command| command.replace("%s", "\"$hoist_tmp\"")).unwrap_or_default();
        let (owner_word, group_word) = (owner.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default());
        script.line("hoist_write {} {} {} {} {} {} {}", &[self.path, &octal(mode), owner_word, group_word, &hash, was, &check]);

        let mut change = Change::new(action, script);
        if let Some(target) = now.target.as_deref().filter(|_| file.is_none()) {
            change = change.attribute("state", format!("link to {target}"), "file");
        }
        change.diff.push(Diff::Content {
            path: self.path.to_string(),
            before: file.and(now.content.clone()),
            after: Some(self.bytes.to_vec()),
            secret: self.secret,
        });
        let creator = Owner::named(self.creator.unwrap_or("root"));
        let settled = |written: &Option<String>, had: Option<&Owner>| match written {
            Some(name) if had.is_none_or(|had| !had.is(name)) => Owner::named(name),
            _ => had.cloned().unwrap_or_else(|| creator.clone()),
        };
        let stat = Stat {
            kind: FileKind::File,
            mode,
            owner: settled(&self.access.owner, file.map(|stat| &stat.owner)),
            group: settled(&self.access.group, file.map(|stat| &stat.group)),
            size: self.bytes.len() as u64,
        };
        if let Some(file) = file {
            change.diff.extend(self.access.differences(file));
        } else if mode != fresh {
            change = change.attribute("mode", "", octal(mode));
        }
        change.leaves(self.path, PathState { stat: Some(stat), target: None, sha256: Some(hash), content: Some(self.bytes.to_vec()) })
    }
}

impl Access {
    /// The change of owner, group and mode alone, `None` when they are as wanted or nothing is there.
    pub fn plan(&self, path: &str, now: &PathState) -> Option<Change> {
        let stat = now.stat.as_ref()?;
        let diff = self.differences(stat);
        if diff.is_empty() {
            return None;
        }
        let mut change = Change::new(Action::Update, Script::new());
        change.script = self.script(path, stat);
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
        if let Some(mode) =
            self.mode.as_ref().map(|mode| mode.apply(now.mode, now.kind == FileKind::Directory)).filter(|mode| *mode != now.mode)
        {
            differs("mode", octal(now.mode), octal(mode));
        }
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
        let mode = self.mode.as_ref().map_or(now.mode, |mode| mode.apply(now.mode, now.kind == FileKind::Directory));
        // chown clears setuid, so mode comes last. A link has no mode of its own.
        if now.kind != FileKind::Link && (mode != now.mode || owner.or(group).is_some() && mode & 0o6000 != 0) {
            script.line("chmod {} -- {}", &[&octal(mode), path]);
        }
        script
    }

    /// What a path that has `now` has afterwards.
    pub fn after(&self, now: &Stat) -> Stat {
        let settled = |written: &Option<String>, had: &Owner| match written {
            Some(name) if !had.is(name) => Owner::named(name),
            _ => had.clone(),
        };
        Stat {
            mode: self.mode.as_ref().map_or(now.mode, |mode| mode.apply(now.mode, now.kind == FileKind::Directory)),
            owner: settled(&self.owner, &now.owner),
            group: settled(&self.group, &now.group),
            ..now.clone()
        }
    }
}
