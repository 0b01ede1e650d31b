//! `shell`: a text that a shell runs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::run::{Run, Wish, text_in};
use super::{Change, Kind, Probe, Reach, Reply, Unreadable, Written, path};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::Script;

/// Runs a text in a shell, with all that a shell can do. Where none of it is needed, `command` is safer.
///
/// ```yaml
/// - name: node is installed
///   shell: { cmd: ". ~/.nvm/nvm.sh && nvm install 20", executable: /bin/bash, creates: /home/app/.nvm/alias/default }
///   become_user: app
/// ```
///
/// It must say when it is needed, as `command` must: `creates`, `removes`, `unless`, `only_if`, `always: true` or
/// `probe: true`; a handler need not. When it has run, the path in `creates` must be there.
///
/// The text reaches the shell as a file, not as an argument, so that other users of the host cannot read it; a text that
/// holds a secret is not shown. Without `set -e` it goes on after a command that fails, as everywhere.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What the shell runs.
    cmd: String,
    /// The shell, `/bin/sh` when not given.
    executable: Option<String>,
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

/// A text for a shell.
pub struct Shell(Run);

impl Kind for Shell {
    const NAME: &'static str = "shell";
    const REACH: Reach = Reach::Wide;
    const SHORTHAND: Option<&'static str> = Some("cmd");
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let shell = args.executable.as_deref().unwrap_or("/bin/sh");
        let shell = problems.take(path::absolute(shell, written.span("executable"))).unwrap_or_default();
        if args.cmd.trim().is_empty() {
            problems.push(written.error("cmd", "there is nothing to run"));
        }
        let shown = if written.secret("cmd") { "(holds a secret, not shown)".to_string() } else { args.cmd.trim_end().to_string() };
        let program = text_in(&shell, &args.cmd, args.stdin.is_some());
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
        match problems.take(Run::new(wish, program, shown, &shell, written, scope)) {
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
