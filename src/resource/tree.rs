//! All files of a folder of the project, as `copy` puts them on a host.

use super::content::Content;
use super::target::Target;
use super::{Access, Action, Change, Diff, Mode, Probe, Reply, Unreadable, folders, path};
use crate::project::{Asset, Files};
use crate::shell::Script;

/// The most that one `copy` holds, in bytes: every host of a run keeps it in memory.
const LIMIT: usize = 32 << 20;

/// Files that go into one folder of a host, and the folders below it.
#[derive(Debug)]
pub struct Tree {
    target: Target,
    folders: Vec<String>,
    files: Vec<Content>,
    access: Access,
}

impl Tree {
    /// `files` by their path below `target`. Folders get the owner and group of the target, and `mode`.
    ///
    /// # Errors
    /// In words: nothing in it, or too much.
    pub fn new(target: Target, files: Files, mode: Option<Mode>, force: bool) -> Result<Self, String> {
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        if files.is_empty() {
            return Err("there are no files in this folder".into());
        }
        if size > LIMIT {
            return Err(format!("this folder holds {} MiB, `copy` takes up to {}", size >> 20, LIMIT >> 20));
        }
        let mut folders = vec![target.path.clone()];
        let inner = |path: &str| path::above(&format!("/{path}")).into_iter().map(|above| target.path.clone() + above).collect::<Vec<_>>();
        folders.extend(files.iter().flat_map(|file| inner(&file.path)));
        folders.sort();
        folders.dedup();
        let access = Access { mode, ..target.access.clone() };
        let content = |file: Asset| Content::new(target.below(&file.path).with_secret(file.secret), file.bytes, force);
        let files = files.into_iter().map(content).collect();
        Ok(Self { target, folders, files, access })
    }

    /// Where it goes.
    pub fn path(&self) -> &str {
        &self.target.path
    }

    /// Asks for all files and folders.
    pub fn probe(&self, probe: &mut Probe) {
        folders::probe(probe, self.path());
        self.folders.iter().for_each(|folder| probe.stat(folder));
        self.files.iter().for_each(|file| file.probe(probe));
    }

    /// What there is to do: missing folders, then the files that differ.
    ///
    /// # Errors
    /// A file stands where a folder goes, or the other way round.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let mut missing = folders::missing(reply, self.path())?;
        let new = !missing.is_empty();
        for folder in self.folders.iter().filter(|folder| *folder != self.path()) {
            missing.extend(folders::missing(reply, folder)?.into_iter().filter(|path| path == folder));
        }
        let mut all = Change::new(if new { Action::Create } else { Action::Update }, Script::new());
        let mut parts = Vec::new();
        if !missing.is_empty() {
            let made = folders::create(&missing, &self.access, self.target.creator());
            parts.push(made.script);
            all.diff.push(Diff::Note(format!("new folders: {}", missing.join(", "))));
            all.after.extend(made.after);
        }
        for file in &self.files {
            let Some(change) = file.put(reply)? else { continue };
            if change.diff.iter().all(|diff| matches!(diff, Diff::Attribute { .. })) {
                all.diff.push(Diff::Note(file.path().to_string()));
            }
            parts.push(change.script);
            all.diff.extend(change.diff);
            all.after.extend(change.after);
        }
        all.script = Script::joined(&parts);
        Ok((!parts.is_empty()).then_some(all))
    }
}
