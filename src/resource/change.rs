//! What a resource would do to a host: shown by the preview, run by the engine. Inert data.

use super::{PathState, Subject};
use crate::shell::Script;

/// One planned change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The verb of it.
    pub action: Action,
    /// What the preview shows.
    pub diff: Vec<Diff>,
    /// What makes it so. Runs under `set -e`, as the user of the task.
    pub script: Script,
    /// Paths whose state after the change is known: later steps are planned on top of it.
    pub after: Vec<(String, PathState)>,
    /// What else it touches, with an outcome that cannot be known before: later steps that ask about it are probed again.
    pub moves: Vec<Subject>,
    /// As whom the script runs, when it is not the user of the task: root does not write into folders of others.
    pub run_as: Option<String>,
}

/// The verb of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Something that was not there comes into being.
    Create,
    /// Something that is there changes.
    Update,
    /// Something goes.
    Delete,
    /// Something is done that leaves no state to compare (a command, a restart).
    Run,
}

/// One thing the preview shows of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Diff {
    /// The content of a file.
    Content {
        /// The file.
        path: String,
        /// What is there; `None` when nothing is.
        before: Option<Vec<u8>>,
        /// What will be there; `None` when nothing will.
        after: Option<Vec<u8>>,
        /// Whether a secret is in it.
        secret: bool,
        /// When there is: what will be there, line by line, with what is secret masked. `None`: nothing of it may be shown.
        shown: Option<String>,
    },
    /// A property with one value: mode, owner, state, version.
    Attribute {
        /// Its name, as the parameter is called.
        name: &'static str,
        /// Its value now; empty when there is none.
        before: String,
        /// Its value afterwards; empty when there is none.
        after: String,
    },
    /// A line of words, such as the command that will run.
    Note(String),
}

impl Change {
    /// A change that does `script` and shows nothing yet.
    pub fn new(action: Action, script: Script) -> Self {
        Self { action, diff: Vec::new(), script, after: Vec::new(), moves: Vec::new(), run_as: None }
    }

    /// Shows a property with its old and new value.
    pub fn attribute(mut self, name: &'static str, before: impl Into<String>, after: impl Into<String>) -> Self {
        self.diff.push(Diff::Attribute { name, before: before.into(), after: after.into() });
        self
    }

    /// Shows a line of words.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.diff.push(Diff::Note(text.into()));
        self
    }

    /// Says what will be at `path`.
    pub fn leaves(mut self, path: impl Into<String>, state: PathState) -> Self {
        self.after.push((path.into(), state));
        self
    }

    /// Says that it touches `subject` in a way that cannot be known before.
    pub fn moves(mut self, subject: Subject) -> Self {
        self.moves.push(subject);
        self
    }
}
