//! A file of which only a part is ours: what `lineinfile`, `blockinfile` and the tables of cron share. The edit is made here,
//! on the content that the host sent, and the whole file is written.

use super::target::Target;
use super::{Change, FileKind, Origin, Probe, Reply, Unreadable};

/// A file that is edited.
#[derive(Debug)]
pub struct Edit {
    /// The file.
    pub target: Target,
    /// What to do when it is missing.
    pub missing: Missing,
}

/// What to do about a file that is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Missing {
    /// It is made.
    Create,
    /// It cannot be edited.
    Refuse,
    /// All the better.
    Leave,
}

impl Edit {
    /// Asks for the file, with its content, and its folder.
    pub fn probe(&self, probe: &mut Probe) {
        self.target.probe(probe);
        probe.content(&self.target.path);
    }

    /// What is in the file; `None` when it is missing and that is fine.
    ///
    /// # Errors
    /// It is missing, no file, or cannot be read.
    pub fn content<'a>(&self, reply: &'a Reply) -> Result<Option<&'a [u8]>, Unreadable> {
        let path = &self.target.path;
        let now = reply.path(path)?;
        match &now.stat {
            None => match self.missing {
                Missing::Create => self.target.now(reply).map(|_| Some(&[][..])),
                Missing::Leave => Ok(None),
                Missing::Refuse => Err(Unreadable::new(format!("`{path}` does not exist")).help("`create: true` makes it")),
            },
            Some(stat) => match (&stat.kind, &now.content) {
                (FileKind::File, Some(content)) => Ok(Some(content)),
                (FileKind::File, None) => Err(Unreadable::new(format!("the content of `{path}` could not be read"))
                    .help("hoist edits files of up to 4 MiB that its user may read")),
                (FileKind::Link, _) => {
                    let target = now.target.as_deref().unwrap_or_default();
                    Err(Unreadable::new(format!("`{path}` is a link to `{target}`, a file is expected"))
                        .help("links are not followed: name what it points at"))
                }
                (kind, _) => Err(Unreadable::new(format!("`{path}` is a {}, a file is expected", kind.name()))),
            },
        }
    }

    /// The change that `edit` makes, `None` when it makes none.
    ///
    /// # Errors
    /// As [`Edit::content`]; or the edit would change its own outcome, and so something in every run (law 2).
    pub fn plan(&self, reply: &Reply, edit: impl Fn(&[u8]) -> Result<Vec<u8>, Unreadable>) -> Result<Option<Change>, Unreadable> {
        let Some(before) = self.content(reply)? else { return Ok(None) };
        let after = edit(before)?;
        if edit(&after)? != after {
            let message = format!("this edit would change `{}` again in every run", self.target.path);
            return Err(Unreadable::new(message).help("write it so that it leaves its own outcome alone"));
        }
        self.target.write(reply.path(&self.target.path)?, Origin::Sent(&after))
    }
}
