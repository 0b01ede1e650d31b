//! The one way to put content into a file: whole or not at all (law 4), and only over what the plan saw (law 1).

use super::mode::octal;
use super::{Access, Action, Change, Diff, FileKind, Owner, PathState, Unreadable};
use crate::shell::{Script, sha256};

/// A file that is to have this content.
#[derive(Debug, Clone, PartialEq)]
pub struct Write<'a> {
    /// Where.
    pub path: &'a str,
    /// What.
    pub content: Origin<'a>,
    /// For whom.
    pub access: &'a Access,
    /// Who creates it: owner and group of a new file when the access names none (the task's user).
    pub creator: Option<&'a str>,
    /// Whether a secret is in the content: a new file is 0600 then, and its diff is not shown.
    pub secret: bool,
    /// What of a secret content may be shown, line by line.
    pub shown: Option<String>,
    /// A shell command that must accept the new file; `%s` stands for its path.
    pub validate: Option<&'a str>,
}

/// Where the content of a file comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin<'a> {
    /// From here.
    Sent(&'a [u8]),
    /// From another file of the host, which is (sha256 included) as it was seen.
    Host {
        /// That file.
        path: &'a str,
        /// As it was seen.
        state: &'a PathState,
    },
}

impl Origin<'_> {
    fn sha256(&self) -> String {
        match self {
            Self::Sent(bytes) => sha256(bytes),
            Self::Host { state, .. } => state.sha256.clone().unwrap_or_default(),
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Sent(bytes) => bytes.len() as u64,
            Self::Host { state, .. } => state.stat.as_ref().map_or(0, |stat| stat.size),
        }
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Sent(bytes) => Some(bytes.to_vec()),
            Self::Host { state, .. } => state.content.clone(),
        }
    }

    /// The mode of a new file for which none is named: a copy stays as it is, but for setuid and setgid.
    fn fresh(&self, secret: bool) -> u32 {
        match self {
            Self::Host { state, .. } => state.stat.as_ref().map_or(0o644, |stat| stat.mode & 0o777),
            Self::Sent(_) if secret => 0o600,
            Self::Sent(_) => 0o644,
        }
    }

    fn diff(&self, write: &Write<'_>, before: Option<Vec<u8>>) -> Diff {
        match self {
            Self::Host { path, .. } => Diff::Note(format!("content of `{path}`")),
            Self::Sent(bytes) => {
                let (path, after) = (write.path.to_string(), Some(bytes.to_vec()));
                Diff::Content { path, before, after, secret: write.secret, shown: write.shown.clone() }
            }
        }
    }
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
                FileKind::File if now.sha256.as_ref() == Some(&self.content.sha256()) => Ok(self.access.plan(self.path, now)),
                FileKind::File | FileKind::Link => Ok(Some(self.change(now, Action::Update))),
                FileKind::Directory => Err(Unreadable::new(format!("`{}` is a directory, a file is expected", self.path))
                    .help(format!("to put the file into it, end the path with a slash: `{}/`", self.path))),
                _ => Err(Unreadable::new(format!("`{}` is a {}, a file is expected", self.path, stat.kind.name()))
                    .help("remove it with a `file` task first (`state: absent`) if it may go")),
            },
        }
    }

    fn change(&self, now: &PathState, action: Action) -> Change {
        // A link is replaced by the file, so what it points at says nothing about the new one.
        let file = now.stat.as_ref().filter(|stat| stat.kind == FileKind::File);
        let fresh = self.content.fresh(self.secret);
        let after = match file {
            Some(file) => self.access.after(file),
            None => self.access.created(FileKind::File, fresh, self.creator),
        };
        let keep = |stat: Option<&Owner>| stat.map(|owner| owner.id.map_or_else(|| owner.name.clone(), |id| id.to_string()));
        let owner = self.access.owner.clone().or_else(|| keep(file.map(|stat| &stat.owner))).unwrap_or_default();
        let group = self.access.group.clone().or_else(|| keep(file.map(|stat| &stat.group))).unwrap_or_default();
        let check = self.validate.map(|command| command.replace("%s", "\"$hoist_tmp\"")).unwrap_or_default();
        let hash = self.content.sha256();
        let mut script = Script::new();
        let words = [self.path, &octal(after.mode), &owner, &group, &hash, &now.fingerprint(), &check];
        match &self.content {
            Origin::Sent(bytes) => {
                script.attach(*bytes);
                script.line("hoist_write {} {} {} {} {} {} {}", &words);
            }
            Origin::Host { path, state } => {
                script.line("hoist_was {} {}", &[path, &state.fingerprint()]);
                let [a, b, c, d, e, f, g] = words;
                script.line("hoist_write {} {} {} {} {} {} {} 4<{}", &[a, b, c, d, e, f, g, path]);
            }
        }

        let mut change = Change::new(action, script);
        if let Some(target) = now.target.as_deref().filter(|_| file.is_none()) {
            change = change.attribute("state", format!("link to {target}"), "file");
        }
        change.diff.push(self.content.diff(self, file.and(now.content.clone())));
        change.diff.extend(match file {
            Some(file) => self.access.differences(file),
            None => self.access.fresh(fresh, false),
        });
        if self.secret && after.mode & 0o077 != 0 {
            let who = if after.mode & 0o007 != 0 { "every user of the host" } else { "its group" };
            change = change.note(format!("warning: a secret is in it, and with mode {} it is open to {who}", octal(after.mode)));
        }
        let stat = super::Stat { size: self.content.size(), ..after };
        change.leaves(self.path, PathState { stat: Some(stat), target: None, sha256: Some(hash), content: self.content.bytes() })
    }
}
