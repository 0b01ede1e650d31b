//! What `command` and `shell` have in common: when a program is needed, and what it takes to run it.

use super::{Action, Change, Guard, Outcome, Probe, Reply, Unreadable, Written, path};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;
use crate::shell::Script;

/// When a program is to run, as the user writes it.
pub(super) struct Wish {
    pub chdir: Option<String>,
    pub creates: Option<String>,
    pub removes: Option<String>,
    pub unless: Option<String>,
    pub only_if: Option<String>,
    pub always: bool,
    pub probe: bool,
    pub stdin: Option<String>,
    pub validate: Option<String>,
}

/// A program that runs when it is needed.
pub(super) struct Run {
    /// What runs it.
    program: Script,
    /// What is shown of it.
    shown: String,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    unless: Option<Guard>,
    only_if: Option<Guard>,
    /// The program itself as a question: it changes nothing.
    probe: Option<Guard>,
    /// What must succeed before.
    validate: Option<String>,
}

/// The ways to say when a program is needed.
const CHOICES: &str = "`creates` or `removes` a path, `unless` or `only_if` a check succeeds, `always: true`, \
                       or `probe: true` if it changes nothing";

impl Run {
    /// Settles when `program` runs. `shell` reads the checks.
    pub fn new(
        wish: Wish,
        program: Script,
        shown: String,
        shell: &str,
        written: &Written<'_>,
        scope: &Scope<'_>,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let chdir = wish.chdir.and_then(|text| problems.take(path::absolute(&text, written.span("chdir"))));
        let mut one_path = |text: Option<String>, argument: &str| {
            let text = text?;
            if text.contains(['*', '?', '[']) {
                let error = written.error(argument, format!("`{argument}` takes one path, not a pattern"));
                problems.push(error.help(format!("a check can have one: `unless: ls {text}`")));
                return None;
            }
            let whole = match &chdir {
                Some(folder) if !text.starts_with(['/', '~']) => format!("{folder}/{text}"),
                _ => text,
            };
            problems.take(path::absolute(&whole, written.span(argument)))
        };
        let creates = one_path(wish.creates, "creates");
        let removes = one_path(wish.removes, "removes");
        let guard = |script: Script| {
            let mut guard = Guard::new(script);
            guard.user = scope.run_as().map(str::to_string);
            guard.environment = scope.environment().to_vec();
            guard
        };
        let inside = |program: &Script| {
            let mut script = Script::new();
            if let Some(folder) = &chdir {
                script.line("cd {} || exit 126", &[folder]);
            }
            guard(script.append(program).clone())
        };
        let check = |text: Option<String>| text.map(|text| inside(&text_in(shell, &text, false)));
        let (unless, only_if) = (check(wish.unless), check(wish.only_if));
        let conditions = ["creates", "removes", "unless", "only_if"].into_iter().filter(|name| written.has(name)).collect::<Vec<_>>();
        if let (Some(first), true) = (conditions.first(), wish.always || wish.probe) {
            let flag = if wish.always { "always" } else { "probe" };
            problems.push(written.error(flag, format!("`{flag}` and `{first}` exclude each other")));
        } else if wish.always && wish.probe {
            problems.push(written.error("probe", "`always` and `probe` exclude each other"));
        } else if conditions.is_empty() && !wish.always && !wish.probe && !scope.is_handler() {
            problems.push(
                Diagnostic::error("this does not say when it is needed, so it would run every time").at(written.key_span).help(CHOICES),
            );
        }
        if wish.probe && wish.stdin.is_some() {
            problems.push(written.error("stdin", "a probe has no input"));
        }
        if wish.validate.is_some() && wish.probe {
            problems.push(written.error("validate", "a probe brings nothing into effect that could be checked before"));
        }
        if wish.validate.is_some() && scope.run_as().is_some() {
            let error = written.error("validate", "`validate` needs root, who puts the files back that it refuses");
            problems.push(error.help("go down to the user inside of the command: `runuser -u USER -- ...`"));
        }
        if written.secret("validate") {
            problems.push(written.error("validate", "a secret in `validate` can be read by every user of the host"));
        }
        let probe = wish.probe.then(|| inside(&program));
        let mut program = program;
        if let Some(mut text) = wish.stdin {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            program.attach(text.into_bytes());
        }
        problems.or(Self { program, shown, chdir, creates, removes, unless, only_if, probe, validate: wish.validate })
    }

    /// What it is called where there is one line for it.
    pub fn subject(&self) -> String {
        let line = self.shown.lines().next().unwrap_or_default();
        match line.char_indices().nth(60) {
            Some((end, _)) => format!("{}...", line[..end].trim_end()),
            None => line.to_string(),
        }
    }

    /// Asks whether it is needed.
    pub fn probe(&self, probe: &mut Probe) {
        [&self.chdir, &self.creates, &self.removes].into_iter().flatten().for_each(|path| probe.stat(path));
        [&self.unless, &self.only_if, &self.probe].into_iter().flatten().for_each(|guard| probe.guard(guard));
    }

    /// See [`super::Kind::validator`].
    pub fn validator(&self) -> Option<Script> {
        let command = self.validate.as_ref()?;
        let mut script = Script::new();
        if let Some(folder) = &self.chdir {
            script.line("cd -- {} || exit", &[folder]);
        }
        script.line("timeout 60 sh -c {}", &[command]);
        Some(script)
    }

    /// Runs it if it is needed, whatever a check says: the files are the old ones again.
    pub fn undo(&self, reply: &Reply) -> Option<Script> {
        let change = self.change(reply, None).ok()??;
        Some(change.script).filter(|script| script.blob().is_none())
    }

    /// Runs it if it is needed.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.change(reply, self.validate.as_deref())
    }

    fn change(&self, reply: &Reply, validator: Option<&str>) -> Result<Option<Change>, Unreadable> {
        let there = |path: &String| Ok(reply.path(path)?.stat.is_some());
        let holds = |guard: &Guard, name: &str| Ok(reply.guard(guard, name)?.status == 0);
        if self.creates.as_ref().map(there).transpose()? == Some(true) || self.removes.as_ref().map(there).transpose()? == Some(false) {
            return Ok(None);
        }
        if let Some(chdir) = &self.chdir
            && !there(chdir)?
        {
            return Err(
                Unreadable::new(format!("the folder `{chdir}` is not there, and this runs in it")).help("make it with a `file` task first")
            );
        }
        if self.unless.as_ref().map(|guard| holds(guard, "`unless`")).transpose()? == Some(true)
            || self.only_if.as_ref().map(|guard| holds(guard, "`only_if`")).transpose()? == Some(false)
        {
            return Ok(None);
        }
        if let Some(guard) = &self.probe {
            return accept(reply.guard(guard, &format!("`{}`", self.subject()))?, &self.shown).map(|()| None);
        }
        let mut script = Script::new();
        let mut change = Change::new(Action::Run, Script::new()).note(&self.shown);
        if let Some(folder) = &self.chdir {
            script.line("cd {}", &[folder]);
            change = change.note(format!("in {folder}"));
        }
        if let Some(command) = validator {
            script.line("hoist_validate {} {}", &[&format!("`{}` was not run", self.subject()), command]);
        }
        script.append(&self.program);
        if let Some(path) = &self.creates {
            // Otherwise it would run again every time, and look as if it had a reason.
            script.line("hoist_created {}", &[path]);
        }
        change.script = script;
        Ok(Some(change))
    }
}

/// Runs `text` in a shell, with descriptor 4 as its input if there is one. The text takes no part in the arguments of a process,
/// where every user of the host could read it.
pub(super) fn text_in(shell: &str, text: &str, input: bool) -> Script {
    let mut script = Script::new();
    script.line(if input { "printf %s {} | {} /dev/fd/3 3<&0 <&4" } else { "printf %s {} | {} /dev/fd/3 3<&0 </dev/null" }, &[text, shell]);
    script
}

/// A probe that failed says that something is wrong with the host.
fn accept(outcome: &Outcome, shown: &str) -> Result<(), Unreadable> {
    if outcome.status == 0 {
        return Ok(());
    }
    let words: Vec<&str> = outcome.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let error = Unreadable::new(format!("`{}` exited {}", shown.lines().next().unwrap_or_default(), outcome.status));
    Err(match words.len() {
        0 => error,
        count => error.help(format!("it said: {}", words[count.saturating_sub(3)..].join(" / "))),
    })
}
