//! `command`: a program with its arguments, without a shell.

use schemars::JsonSchema;
use serde::Deserialize;

use super::run::{Run, Wish};
use super::{Change, Kind, Probe, Reach, Reply, Unreadable, Written};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;
use crate::shell::{Script, quote};

/// Runs a program with its arguments, without a shell: no pipes, no `&&`, no variables. For these there is `shell`.
///
/// ```yaml
/// - name: the assets are built
///   command: { cmd: make build, chdir: /srv/app, creates: dist/index.html }
/// - name: the database is migrated
///   command: { argv: [./manage.py, migrate], chdir: /srv/app, unless: ./manage.py migrate --check }
///   become_user: app
/// ```
///
/// It must say when it is needed: `creates`, `removes`, `unless`, `only_if`, or `always: true` for one that runs every time.
/// Several of them must all agree. `probe: true` is for one that only looks: it runs in the plan too, never counts as a
/// change, and stops the host when it fails. A handler needs none of this, for it runs when it is notified.
///
/// When it has run, the path in `creates` must be there: a mistake in it would otherwise make it run every time.
/// Secrets are refused in arguments, where every user of the host can read them: put them into `environment` or `stdin`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The program and its arguments, as one text; quotes keep words together.
    cmd: Option<String>,
    /// The program and its arguments, as a list.
    argv: Option<Vec<String>>,
    /// The folder it runs in, which must be there; the user's home folder when not given.
    chdir: Option<String>,
    /// A path that it creates: when something is there, it is not needed. A relative one starts at `chdir`.
    creates: Option<String>,
    /// A path that makes it needed: when nothing is there, it is not.
    removes: Option<String>,
    /// A shell command: when it succeeds, this is not needed.
    unless: Option<String>,
    /// A shell command: only when it succeeds, this is needed.
    only_if: Option<String>,
    /// Whether it runs every time.
    #[serde(default)]
    always: bool,
    /// Whether it only looks and changes nothing.
    #[serde(default)]
    probe: bool,
    /// What it reads from standard input.
    stdin: Option<String>,
    /// A shell command that must succeed before this runs. In a handler, the files and links that notified it are put back as they
    /// were before the run when it fails.
    validate: Option<String>,
}

/// A program with its arguments.
pub struct Command(Run);

impl Kind for Command {
    const NAME: &'static str = "command";
    const REACH: Reach = Reach::Wide;
    const SHORTHAND: Option<&'static str> = Some("cmd");
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let words = match (args.cmd, args.argv) {
            (Some(text), None) => problems.take(split(&text).map_err(|error| error.at(written.span("cmd")))),
            (None, Some(words)) => Some(words),
            (Some(_), Some(_)) => problems.take(Err(written.error("argv", "`cmd` and `argv` exclude each other"))),
            (None, None) => problems.take(Err(Diagnostic::error("`command` needs `cmd` or `argv`").at(written.key_span))),
        };
        let words = words.unwrap_or_default();
        let argument = if written.has("argv") { "argv" } else { "cmd" };
        if !problems.has_errors() {
            problems.take(check(&words).map_err(|error| error.at(written.span(argument))));
        }
        if written.secret(argument) {
            let error = written.error(argument, "a secret in the arguments of a program can be read by every user of the host");
            problems.push(error.help("put it into `environment:` of the task, or into `stdin`"));
        }
        let shown = words.iter().filter_map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        let mut program = Script::new();
        program.words(if args.stdin.is_some() { "<&4 env --" } else { "env --" }, words.iter().map(String::as_str));
        let wish = Wish {
            chdir: args.chdir,
            creates: args.creates,
            removes: args.removes,
            unless: args.unless,
            only_if: args.only_if,
            always: args.always,
            probe: args.probe,
            stdin: args.stdin,
            validate: args.validate,
        };
        let run = problems.take(Run::new(wish, program, shown, "/bin/sh", written, scope));
        match run {
            Some(run) => problems.or(Self(run)),
            None => Err(problems),
        }
    }

    fn subject(&self) -> String {
        self.0.subject()
    }

    fn undo(&self, reply: &Reply) -> Option<Script> {
        self.0.undo(reply)
    }

    fn validator(&self) -> Option<Script> {
        self.0.validator()
    }

    fn probe(&self, probe: &mut Probe) {
        self.0.probe(probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.0.plan(reply)
    }
}

/// Words that only mean something to a shell.
const OPERATORS: [&str; 9] = ["|", "||", "&&", "&", ">", ">>", "<", "2>&1", "2>/dev/null"];

/// Splits a command line as a shell would, and nothing more.
fn split(text: &str) -> Result<Vec<String>, Diagnostic> {
    let words = shlex::split(text).ok_or_else(|| Diagnostic::error("a quote is not closed, or a `\\` has nothing behind it"))?;
    match words.iter().find(|word| OPERATORS.contains(&word.as_str())) {
        Some(word) => Err(Diagnostic::error(format!("`command` runs without a shell, so `{word}` would be an argument like others"))
            .help("use `shell` for this, or `argv` if it is meant")),
        None => Ok(words),
    }
}

fn check(words: &[String]) -> Result<(), Diagnostic> {
    match words.first().map(String::as_str) {
        None | Some("") => Err(Diagnostic::error("there is no program to run")),
        Some(word) if word.contains('=') => {
            Err(Diagnostic::error(format!("`{word}` is no program")).help("variables go into `environment:` of the task"))
        }
        Some(word) if word.starts_with('-') => Err(Diagnostic::error(format!("`{word}` is no program"))),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        let words = |text| split(text).map_err(|error| error.summary);
        assert_eq!(words("a 'b c' \"d\\\"e\" f\\ g $HOME *"), Ok(["a", "b c", "d\"e", "f g", "$HOME", "*"].map(String::from).to_vec()));
        assert_eq!(words("find . -exec rm {} ;").map(|words| words.len()), Ok(6));
        assert!(words("a 'b").is_err() && words("a | b").is_err() && words("a && b").is_err());
    }
}
