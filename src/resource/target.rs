//! Where a file goes and how it comes there: what all kinds that write one have in common.

use std::collections::BTreeSet;

use super::{Access, Change, Diff, Mode, Origin, PathState, Probe, Reply, Unreadable, Write, Written, path};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::secret::MASK;
use crate::shell::Script;

/// A file of a host that a kind writes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is.
    pub path: String,
    /// For whom.
    pub access: Access,
    /// Whether a secret goes into it.
    pub secret: bool,
    /// What of its whole content may be shown, line by line.
    shown: Option<String>,
    /// The lines that secrets are in, each with what of it may be shown.
    lines: Vec<(String, String)>,
    creator: Option<String>,
    validate: Option<String>,
    backup: bool,
}

/// The arguments that all of these kinds take.
#[derive(Debug, Default)]
pub struct Settings {
    /// Permissions.
    pub mode: Option<Mode>,
    /// User that owns it.
    pub owner: Option<String>,
    /// Group that owns it.
    pub group: Option<String>,
    /// A command that must accept the new file.
    pub validate: Option<String>,
    /// Whether the old file is kept beside the new one.
    pub backup: bool,
}

impl Target {
    /// Settles the path (the value of `argument`) and the settings.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn new(dest: &str, argument: &str, settings: Settings, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let Settings { mode, owner, group, validate, backup } = settings;
        let path = problems.take(path::absolute(dest, written.span(argument)));
        let access = problems.take(Access::new(mode, owner, group, written));
        if validate.as_ref().is_some_and(|command| !command.contains("%s")) {
            problems.push(
                written
                    .error("validate", "`validate` does not say where the new file goes")
                    .help("write `%s` for its path, as in `nginx -t -c %s`"),
            );
        }
        let (path, access) = (path.unwrap_or_default(), access.unwrap_or_default());
        let creator = scope.run_as().map(str::to_string);
        let lines = written.secret_lines();
        problems.or(Self { path, access, secret: written.any_secret(), shown: None, lines, creator, validate, backup })
    }

    /// The same with what of its whole content may be shown, which is secret, then.
    pub fn with_shown(self, shown: Option<String>) -> Self {
        Self { secret: self.secret || shown.is_some(), shown, ..self }
    }

    /// The same for a content that is a secret as a whole, or not.
    pub fn with_secret(self, secret: bool) -> Self {
        let shown = if secret { Some(MASK.to_string()) } else { self.shown };
        Self { secret: self.secret || secret, shown, ..self }
    }

    /// The same for another file: `path` below this one.
    pub fn below(&self, path: &str) -> Self {
        Self { path: path::join(&self.path, path), ..self.clone() }
    }

    /// Who creates it, when it is not root.
    pub fn creator(&self) -> Option<&str> {
        self.creator.as_deref()
    }

    /// Asks for the folder it goes into; what there is to know of the file itself depends on the kind.
    pub fn probe(&self, probe: &mut Probe) {
        path::ask_folder(probe, &self.path);
    }

    /// What is there now.
    ///
    /// # Errors
    /// Nothing, and the folder for it is missing too.
    pub fn now<'a>(&self, reply: &'a Reply) -> Result<&'a PathState, Unreadable> {
        let now = reply.path(&self.path)?;
        if now.stat.is_none() {
            path::folder(reply, &self.path)?;
        }
        Ok(now)
    }

    /// What may be shown of a file that was edited: lines that were there before and are none of the secret ones, and
    /// of those what their arguments let through. A line that came otherwise may be made of a secret.
    fn edited(&self, after: &[u8], before: &[u8]) -> Option<String> {
        let (after, before) = (std::str::from_utf8(after).ok()?, std::str::from_utf8(before).ok()?);
        let there: BTreeSet<&str> = before.lines().collect();
        let line = |line: &str| {
            let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
            let shown = match self.lines.iter().find(|(secret, _)| secret == text) {
                Some((_, shown)) => shown,
                None if there.contains(text) => text,
                None => MASK,
            };
            format!("{shown}{end}")
        };
        Some(after.split_inclusive('\n').map(line).collect())
    }

    /// The change from `now` that gives it this content, `None` when there is nothing to do.
    ///
    /// # Errors
    /// Something else than a file is there.
    pub fn write(&self, now: &PathState, content: Origin<'_>) -> Result<Option<Change>, Unreadable> {
        let shown = match (&self.shown, &content) {
            (Some(shown), _) => Some(shown.clone()),
            (None, Origin::Sent(after)) if self.secret => self.edited(after, now.content.as_deref().unwrap_or_default()),
            _ => None,
        };
        let write = Write {
            path: &self.path,
            content,
            access: &self.access,
            creator: self.creator.as_deref(),
            secret: self.secret,
            shown,
            validate: self.validate.as_deref(),
        };
        let Some(mut change) = write.plan(now)? else { return Ok(None) };
        let replaced = change.diff.iter().any(|diff| !matches!(diff, Diff::Attribute { .. }));
        if self.backup && replaced && now.stat.is_some() {
            let mut script = Script::new();
            script.line("hoist_was {} {}", &[&self.path, &now.fingerprint()]);
            script.line("cp -a -- {} {}\"$(date +.%Y-%m-%d@%H:%M:%S~)\"", &[&self.path, &self.path]);
            script.append(&change.script);
            change.script = script;
            change = change.note(format!("the old one is kept as `{}.DATE~`", self.path));
        }
        Ok(Some(change))
    }
}
