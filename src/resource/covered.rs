//! A resource with secrets among its arguments: nothing that it says of itself shows them.

use super::{Change, Diff, Probe, Reach, Reply, Resource, Unreadable};
use crate::secret::Cover;
use crate::yaml::{Node, Value};

/// The resource, with what hides its secrets.
pub struct Covered {
    inner: Box<dyn Resource>,
    cover: Cover,
}

impl Covered {
    /// Hides what `cover` knows.
    pub fn new(inner: Box<dyn Resource>, cover: Cover) -> Self {
        Self { inner, cover }
    }

    fn change(&self, change: Change) -> Change {
        let cover = |text: String| self.cover.text(&text);
        let diff = |diff| match diff {
            Diff::Note(text) => Diff::Note(cover(text)),
            Diff::Attribute { name, before, after } => Diff::Attribute { name, before: cover(before), after: cover(after) },
            Diff::Content { path, before, after, secret, shown } => Diff::Content { path: cover(path), before, after, secret, shown },
        };
        Change { diff: change.diff.into_iter().map(diff).collect(), ..change }
    }
}

/// What hides the secret values of `node`.
pub fn cover(node: &Node) -> Cover {
    fn values(node: &Node, all: &mut Vec<String>) {
        match &node.value {
            Value::String(text) | Value::Number(_, text) if node.secret => {
                all.push(text.clone());
                // What came of the secret, without the words around it.
                let shown = node.shown.iter().flat_map(|shown| shown.lines());
                let parts = text.lines().zip(shown).filter_map(|(line, shown)| {
                    let (before, after) = shown.split_once(crate::secret::MASK)?;
                    line.strip_prefix(before)?.strip_suffix(after).map(str::to_string)
                });
                all.extend(parts);
            }
            Value::Sequence(items) => items.iter().for_each(|item| values(item, all)),
            Value::Mapping(entries) => entries.iter().for_each(|entry| values(&entry.node, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    values(node, &mut all);
    Cover::new(all)
}

impl Resource for Covered {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    fn undo(&self, reply: &Reply) -> Option<crate::shell::Script> {
        self.inner.undo(reply)
    }

    fn validator(&self) -> Option<crate::shell::Script> {
        self.inner.validator()
    }

    fn subject(&self) -> String {
        self.cover.text(&self.inner.subject())
    }

    fn probe(&self, probe: &mut Probe) {
        self.inner.probe(probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let cover = |text: &str| self.cover.text(text);
        let change = self.inner.plan(reply).map_err(|unreadable| Unreadable {
            message: cover(&unreadable.message),
            help: unreadable.help.as_deref().map(cover),
            folder: unreadable.folder,
            would: unreadable.would.map(|change| Box::new(self.change(*change))),
        })?;
        Ok(change.map(|change| self.change(change)))
    }
}
