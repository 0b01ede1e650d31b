//! What is directly in a folder and is not to be there. The host says what there is; what goes is decided here.

use super::{FileKind, Guard, Probe, Reply, Subject, Unreadable, Written};
use crate::diagnostic::Diagnostics;
use crate::shell::Script;

/// The names of a folder that stay; all others go.
pub struct Purge {
    keep: Vec<String>,
}

/// What there is to do about a folder.
#[derive(Default)]
pub struct Strays {
    /// How each of them is shown.
    pub notes: Vec<String>,
    /// Removes them.
    pub script: Script,
    /// Their paths.
    pub paths: Vec<String>,
}

impl Purge {
    /// All but `keep`.
    ///
    /// # Errors
    /// What is no name of a file, at `keep`.
    pub fn new(keep: Vec<String>, written: &Written<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        for name in &keep {
            if ["", ".", ".."].contains(&name.as_str()) || name.contains(['/', '\n', '\0']) {
                let error = written.error("keep", format!("`{}` is no name of something in a folder", name.escape_debug()));
                problems.push(error.help("`keep` takes names, such as `shop.conf`, and no paths"));
            }
        }
        problems.or(Self { keep })
    }

    /// The question, for the folder at `path`: a line with kind and name of each entry, one with where it points if it is a link. A line
    /// break inside of them comes as a NUL.
    fn question(&self, path: &str) -> Guard {
        let mut script = Script::new();
        script.line("find -P {} -mindepth 1 -maxdepth 1 -printf '%y%f\\0%l\\0' | tr '\\0\\n' '\\n\\0'", &[path]);
        Guard::new(script).reads(vec![Subject::Others(path.to_string(), self.keep.clone())])
    }

    /// Asks.
    pub fn probe(&self, probe: &mut Probe, path: &str) {
        probe.guard(&self.question(path));
    }

    /// What goes, by name. `None`: nothing.
    ///
    /// # Errors
    /// The host cannot look into the folder, or a name in it is one that cannot be written down.
    pub fn plan(&self, reply: &Reply, path: &str) -> Result<Option<Strays>, Unreadable> {
        let outcome = reply.guard(&self.question(path), &format!("the look into `{path}`"))?;
        if let Some(line) = outcome.stderr.lines().find(|line| !line.is_empty() && !line.ends_with("No such file or directory")) {
            return Err(Unreadable::new(format!("what is in `{path}` cannot be listed: {line}")));
        }
        let mut strays = Strays::default();
        for (name, entry) in read(&outcome.stdout) {
            let below = format!("{}/{name}", path.trim_end_matches('/'));
            // An earlier step of this plan may be about to remove it.
            let goes = reply.path(&below).is_ok_and(|state| state.stat.is_none());
            if self.keep.contains(&name) || goes {
                continue;
            }
            if name.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                let shown = name.replace('\0', "\n");
                return Err(Unreadable::new(format!("`{path}` holds a name that hoist does not touch: `{}`", shown.escape_debug()))
                    .help("remove it by hand: a name with a line break, or that is no UTF-8, cannot be shown as it is"));
            }
            let folder = entry.is_folder();
            strays.script.line("hoist_was {} {}", &[&below, &entry.shape]);
            strays.script.line(if folder { "rm -rf --one-file-system -- {}" } else { "rm -f -- {}" }, &[&below]);
            strays.notes.push(format!("removes {name}, {}", entry.words));
            strays.paths.push(below);
        }
        Ok((!strays.paths.is_empty()).then_some(strays))
    }
}

/// What an entry is.
struct Entry {
    shape: String,
    words: String,
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.shape == FileKind::Directory.name()
    }
}

/// The entries, sorted by name.
fn read(text: &str) -> Vec<(String, Entry)> {
    let mut fields = text.split('\n');
    let mut all = Vec::new();
    while let (Some(entry), Some(target)) = (fields.next(), fields.next()) {
        let mut letters = entry.chars();
        let kind = letters.next().map(|kind| match kind {
            'd' => FileKind::Directory,
            'f' => FileKind::File,
            'l' => FileKind::Link,
            'p' => FileKind::Fifo,
            's' => FileKind::Socket,
            _ => FileKind::Device,
        });
        let Some(kind) = kind else { continue };
        let words = match kind {
            FileKind::Directory => "a directory with all that is in it".to_string(),
            FileKind::Link => format!("a link to {}", target.replace('\0', "\n")),
            _ => format!("a {}", kind.name()),
        };
        all.push((letters.as_str().to_string(), Entry { shape: shape(&kind, target), words }));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

/// As the shell function `hoist_was` reads it.
fn shape(kind: &FileKind, target: &str) -> String {
    match kind {
        // What `readlink` prints is compared, and a target with a line break is nothing that can be.
        FileKind::Link if !target.contains('\0') => format!("link:{target}"),
        FileKind::File | FileKind::Directory => kind.name().to_string(),
        _ => "other".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_is_left_to_people() {
        let purge = Purge { keep: vec!["kept".to_string()] };
        let plan = |stdout: &str| {
            let outcome = crate::resource::Outcome { stdout: stdout.to_string(), ..Default::default() };
            let reply = Reply { guards: vec![(purge.question("/etc/shop"), outcome)], ..Reply::default() };
            purge.plan(&reply, "/etc/shop").map(|strays| strays.map(|strays| strays.paths)).map_err(|unreadable| unreadable.message)
        };
        assert_eq!(plan("fkept\n\nfa b\n\n"), Ok(Some(vec!["/etc/shop/a b".to_string()])));
        assert_eq!(plan("fkept\0\n\n"), Err("`/etc/shop` holds a name that hoist does not touch: `kept\\n`".to_string()));
        assert_eq!(plan(""), Ok(None));
    }
}
