//! `lineinfile`: one line of a file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::edit::{Edit, Missing};
use super::lines::{Finder, Lines, Wanted};
use super::pattern::Pattern;
use super::place::Place;
use super::target::{Settings, Target};
use super::{Change, Kind, Mode, Probe, Reply, Unreadable, Written};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;

/// Sees to it that a line is in a file, or that lines are not.
///
/// ```yaml
/// - name: passwords are not taken for logins
///   lineinfile:
///     path: /etc/ssh/sshd_config
///     regexp: '^#?\s*PasswordAuthentication\b'
///     line: PasswordAuthentication no
///     validate: sshd -t -f %s
///   notify: reload ssh
/// - name: the database listens to the private network
///   lineinfile:
///     path: /etc/mysql/my.cnf
///     regexp: '^(bind-address\s*=).*'
///     line: '\1 10.0.0.5'
///     backrefs: true
/// - name: the old alias is gone
///   lineinfile: { path: /etc/hosts, regexp: '\sold\.example\.com$', state: absent }
/// ```
///
/// With `state: present`:
///
/// 1. The last line in which `regexp` (or `search_string`) is found becomes `line`.
/// 2. Is there none, and no such line yet, `line` is put where `insertafter` or `insertbefore` says, else at the end.
///
/// With `state: absent` all lines go in which `regexp` (or `search_string`) is found, or that are `line`.
///
/// Nothing is done when the line is there. For a whole file use `template`, for several lines `blockinfile`.
///
/// Lines end with a newline; one that is written here does, also in a file with Windows line ends. The other lines stay
/// byte for byte what they are, in any encoding.
///
/// Differs from Ansible: when `line` is there and `regexp` does not find it, other lines that `regexp` finds are left alone
/// (there, each run replaces another one). An edit that would change its own outcome is an error. A line that is inserted
/// after one without an end does not run into it. With `firstmatch`, a line that is anywhere in the file is not put in a second
/// time. A newline at the end of `line` is dropped, one inside is an error. The folder of a file that is created must be there.
/// A link is not followed, but an error.
///
/// Regular expressions are Python's, searched in one line at a time, but without what needs backtracking: `(?=...)`, `(?!...)`,
/// `(?<=...)`, and `\1` inside the pattern.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file, an absolute path.
    #[serde(alias = "dest", alias = "destfile", alias = "name")]
    path: String,
    /// The line. With `backrefs`, `\1` or `\g<name>` stand for what a group of `regexp` matched.
    #[serde(alias = "value")]
    line: Option<String>,
    /// Finds the line to replace, or the lines to remove. Write it so that it finds the wanted line too.
    #[serde(alias = "regex")]
    regexp: Option<String>,
    /// Finds the line by a plain text that is in it.
    search_string: Option<String>,
    /// `absent`: lines are removed.
    state: Option<State>,
    /// A new line goes behind the last line that this regular expression finds; `EOF`: to the end.
    insertafter: Option<String>,
    /// A new line goes before the last line that this regular expression finds; `BOF`: to the beginning.
    insertbefore: Option<String>,
    /// `true`: fill what the groups of `regexp` matched into `line`; no match, no change.
    backrefs: Option<bool>,
    /// `true`: the first match counts, not the last one.
    firstmatch: Option<bool>,
    /// `true`: a missing file is made.
    create: Option<bool>,
    /// Permissions of the file. Left as they are when not given.
    mode: Option<Mode>,
    /// User that owns the file.
    owner: Option<String>,
    /// Group that owns the file.
    group: Option<String>,
    /// `true`: keep the old file beside the new one, with the time in its name.
    backup: Option<bool>,
    /// A command that must accept the new file before it goes live; `%s` is its path.
    validate: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The line is there.
    Present,
    /// It is not.
    Absent,
}

/// A line of a file.
pub struct LineInFile {
    edit: Edit,
    lines: Lines,
}

impl Kind for LineInFile {
    const NAME: &'static str = "lineinfile";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        for (one, other, both) in [
            ("regexp", "search_string", args.regexp.is_some() && args.search_string.is_some()),
            ("search_string", "backrefs", args.search_string.is_some() && args.backrefs == Some(true)),
        ] {
            if both {
                problems.push(written.error(other, format!("`{one}` and `{other}` exclude each other")));
            }
        }
        let absent = args.state == Some(State::Absent);
        let lines = problems.take(lines(&args, absent, written));
        let Args { path, mode, owner, group, validate, .. } = args;
        let settings = Settings { mode, owner, group, validate, backup: args.backup.unwrap_or(false) };
        let target = problems.take(Target::new(&path, "path", settings, written, scope));
        let missing = match (absent, args.create) {
            (true, _) => Missing::Leave,
            (false, Some(true)) => Missing::Create,
            (false, _) => Missing::Refuse,
        };
        match (lines, target) {
            (Some(lines), Some(target)) if !problems.has_errors() => Ok(Self { edit: Edit { target, missing }, lines }),
            _ => Err(problems),
        }
    }

    fn subject(&self) -> String {
        self.edit.target.path.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        self.edit.probe(probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        self.edit.plan(reply, |text| Ok(self.lines.edit(text)))
    }
}

fn lines(args: &Args, absent: bool, written: &Written<'_>) -> Result<Lines, Diagnostics> {
    let mut problems = Diagnostics::new();
    let regexp = args.regexp.as_ref().and_then(|text| problems.take(Pattern::new(text, "regexp", written)));
    let place = problems.take(Place::new(args.insertafter.as_deref(), args.insertbefore.as_deref(), written));
    if args.search_string.as_deref() == Some("") {
        problems.push(written.error("search_string", "`search_string` is empty, so every line would match"));
    }
    let line = args.line.as_ref().map(|line| line.strip_suffix('\n').unwrap_or(line));
    if line.is_some_and(|line| line.contains('\n')) {
        problems.push(written.error("line", "`line` is more than one line").help("`blockinfile` takes several"));
    }
    let backrefs = args.backrefs == Some(true);
    let finder = match (&regexp, &args.search_string) {
        (Some(pattern), _) => Some(Finder::Pattern(pattern.clone())),
        (None, Some(text)) => Some(Finder::Text(text.clone())),
        (None, None) => None,
    };
    let first = args.firstmatch.unwrap_or(false);
    if absent {
        let finder = finder.or_else(|| line.map(|line| Finder::Line(line.to_string())));
        if finder.is_none() && !problems.has_errors() {
            problems.push(
                Diagnostic::error("`lineinfile` does not know which lines are to go")
                    .at(written.key_span)
                    .help("name them by `regexp`, `search_string` or `line`"),
            );
        }
        return problems.or(Lines { wanted: Wanted::Absent, finder, place: Place::End, first });
    }
    let mut wanted = Wanted::Line(line.unwrap_or_default().to_string());
    match (line, &regexp) {
        (None, _) => problems.push(Diagnostic::error("`line` is missing").at(written.key_span)),
        (Some(line), Some(pattern)) if backrefs => match pattern.template(line) {
            Ok(pieces) => wanted = Wanted::Expanded(pieces),
            Err(reason) => problems.push(written.error("line", format!("`line` cannot be filled in: {reason}"))),
        },
        (Some(_), None) if backrefs && args.regexp.is_none() => {
            problems.push(written.error("backrefs", "`backrefs` needs `regexp`, whose groups it fills in"));
        }
        _ => {}
    }
    problems.or(Lines { wanted, finder, place: place.unwrap_or(Place::End), first })
}
