//! `cron`: a job that runs at set times, or a variable of such jobs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::crontab::{with_job, with_variable};
use super::edit::{Edit, Missing};
use super::schedule::FIELDS;
use super::target::{Settings, Target};
use super::user_table::UserTable;
use super::{Action, Change, Kind, Probe, Reply, Unreadable, Written, file, name, path};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;

/// Sees to it that a job is in a user's crontab or in a file of `/etc/cron.d`, or is not.
///
/// ```yaml
/// - name: reports are made at night
///   cron: { name: shop reports, user: shop, hour: 3, minute: 15, job: "cd /srv/shop/current && bin/reports >> log/reports.log 2>&1" }
/// - name: sessions are cleared every ten minutes
///   cron: { name: shop sessions, cron_file: shop, user: shop, minute: "*/10", job: /srv/shop/current/bin/clear_sessions }
/// - name: mail of the jobs goes to the team
///   cron: { name: MAILTO, env: true, user: shop, job: team@example.com }
/// - name: the old job is gone
///   cron: { name: shop feed, user: shop, state: absent }
/// ```
///
/// A job is found by its `name`, which stands in a line above it (`#hoist: NAME`). One that Ansible wrote (`#Ansible: NAME`) is
/// taken over as it is, so that it does not run twice; the same job written by hand gets a name line. The other lines of the
/// table are left alone. Nothing is done when the job is there with this schedule and command.
///
/// Cron takes `%` in a command for a newline, and what follows for its input: write `\%`, as in `date +\%F`. A job has a short
/// `PATH` (`/usr/bin:/bin`) and `/bin/sh`; what it prints is mailed.
///
/// The schedule is checked here, for cron ignores a file with a bad line. A table that becomes empty is removed.
///
/// Differs from Ansible: a job with a line break is an error, and so is a `cron_file` name that cron ignores. A second entry of
/// the same name is removed. `insertafter` and `insertbefore` of variables are unknown: a new variable goes to the top.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name of the job, by which it is found again; with `env`, the name of the variable.
    name: String,
    /// The command, one line for `/bin/sh`; with `env`, the value of the variable.
    #[serde(alias = "value")]
    job: Option<String>,
    /// Minute: `0` to `59`, `*`, `*/5`, `1,31`, `0-29`.
    minute: Option<String>,
    /// Hour: `0` to `23`, written as `minute` is.
    hour: Option<String>,
    /// Day of the month: `1` to `31`.
    #[serde(alias = "dom")]
    day: Option<String>,
    /// Month: `1` to `12`, or `jan` to `dec`.
    month: Option<String>,
    /// Day of the week: `0` to `7` (both are Sunday), or `sun` to `sat`.
    #[serde(alias = "dow")]
    weekday: Option<String>,
    /// A schedule by name, instead of the fields.
    special_time: Option<SpecialTime>,
    /// Whose crontab it is; in a `cron_file`, as whom the job runs. The user of the task when not given.
    user: Option<String>,
    /// A file in `/etc/cron.d` (or an absolute path) instead of a crontab. It needs `user`.
    cron_file: Option<String>,
    /// `absent`: the job is removed.
    state: Option<State>,
    /// `true`: the job stays in the table, but does not run.
    disabled: Option<bool>,
    /// `true`: it is a variable for the jobs of the table, not a job.
    env: Option<bool>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The job is there.
    Present,
    /// It is not.
    Absent,
}

/// Schedules that cron knows by name.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum SpecialTime {
    Annually,
    Daily,
    Hourly,
    Monthly,
    /// When the host has booted.
    Reboot,
    Weekly,
    Yearly,
}

/// A line in a table of cron.
pub struct Cron {
    table: Table,
    entry: Entry,
    secret: bool,
}

/// Which table.
enum Table {
    /// The crontab of a user.
    User(UserTable),
    /// A file.
    File(Edit),
}

/// What is wanted in it.
enum Entry {
    /// A job of this name, as the line that cron reads.
    Job(String, Option<String>),
    /// A variable of this name, and its value.
    Variable(String, Option<String>),
}

impl Kind for Cron {
    const NAME: &'static str = "cron";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let entry = problems.take(entry(&args, written));
        let table = problems.take(table(&args, written, scope));
        match (entry, table) {
            (Some(entry), Some(table)) if !problems.has_errors() => Ok(Self { table, entry, secret: written.any_secret() }),
            _ => Err(problems),
        }
    }

    fn subject(&self) -> String {
        match &self.entry {
            Entry::Job(name, _) | Entry::Variable(name, _) => name.clone(),
        }
    }

    fn probe(&self, probe: &mut Probe) {
        match &self.table {
            Table::File(edit) => edit.probe(probe),
            Table::User(table) => table.probe(probe),
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        match &self.table {
            Table::File(edit) => self.file(edit, reply),
            Table::User(table) => self.crontab(table, reply),
        }
    }
}

impl Cron {
    fn edited(&self, table: &str) -> String {
        match &self.entry {
            Entry::Job(name, line) => with_job(table, name, line.as_deref()),
            Entry::Variable(name, value) => with_variable(table, name, value.as_deref()),
        }
    }

    fn file(&self, edit: &Edit, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let now = reply.path(&edit.target.path)?;
        let emptied =
            edit.content(reply)?.map(|table| self.edited(&String::from_utf8_lossy(table))).is_some_and(|table| table.trim().is_empty());
        if emptied && edit.missing == Missing::Leave {
            return Ok(file::removal(&edit.target.path, now));
        }
        edit.plan(reply, |table| match std::str::from_utf8(table) {
            Ok(table) => Ok(self.edited(table).into_bytes()),
            Err(_) => Err(Unreadable::new(format!("`{}` is not text (UTF-8)", edit.target.path))),
        })
    }

    fn crontab(&self, table: &UserTable, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let before = table.content(reply)?;
        let after = self.edited(&before);
        if after == before {
            return Ok(None);
        }
        let (action, without) = match &self.entry {
            Entry::Job(name, Some(_)) => (Action::Create, with_job(&before, name, None)),
            Entry::Variable(name, Some(_)) => (Action::Create, with_variable(&before, name, None)),
            Entry::Job(_, None) | Entry::Variable(_, None) => (Action::Delete, before.clone()),
        };
        let action = if without == before { action } else { Action::Update };
        Ok(Some(table.install(action, before, after, self.secret)))
    }
}

fn entry(args: &Args, written: &Written<'_>) -> Result<Entry, Diagnostics> {
    let mut problems = Diagnostics::new();
    let name = args.name.clone();
    if name.trim().is_empty() || name.contains(['\n', '\r']) {
        problems.push(written.error("name", "`name` is one line that names the job"));
    }
    let job = args.job.as_ref().map(|job| job.trim_matches(['\r', '\n'])).filter(|job| !job.is_empty());
    if job.is_some_and(|job| job.contains(['\n', '\r'])) {
        let error = written.error("job", "`job` is more than one line, and cron reads one");
        problems.push(error.help("put the commands into a script, or write `>-` instead of `|` to join the lines"));
    }
    let absent = args.state == Some(State::Absent);
    if !absent && job.is_none() {
        problems.push(Diagnostic::error("`job` is missing").at(written.key_span));
    }
    let job = job.filter(|_| !absent);
    if args.env == Some(true) {
        let good =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            problems.push(written.error("name", format!("`{name}` is no name for an environment variable")));
        }
        return problems.or(Entry::Variable(name, job.map(str::to_string)));
    }
    let written_fields = [&args.minute, &args.hour, &args.day, &args.month, &args.weekday];
    for (field, text) in FIELDS.iter().zip(written_fields) {
        let Some(text) = text else { continue };
        if args.special_time.is_some() && text != "*" {
            problems.push(written.error(field.name, format!("`{}` and `special_time` exclude each other", field.name)));
        } else if let Err(reason) = field.check(text) {
            problems.push(written.error(field.name, reason));
        }
    }
    let schedule = match args.special_time {
        Some(special) => format!("@{}", special.name()),
        None => written_fields.map(|text| text.as_deref().unwrap_or("*")).join(" "),
    };
    let user = args.user.as_ref().filter(|_| args.cron_file.is_some()).map(|user| format!(" {user}")).unwrap_or_default();
    let off = if args.disabled == Some(true) { "#" } else { "" };
    problems.or(Entry::Job(name, job.map(|job| format!("{off}{schedule}{user} {job}"))))
}

fn table(args: &Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Table, Diagnostics> {
    let mut problems = Diagnostics::new();
    if let Some(user) = &args.user {
        problems.take(name::account(user, "a user", written.span("user")));
    }
    let absent = args.state == Some(State::Absent);
    let Some(file) = &args.cron_file else {
        let run_as = scope.run_as().map(str::to_string);
        // For another user crontab must be run by root.
        let user = args.user.clone().filter(|user| run_as.as_ref() != Some(user));
        if let (Some(user), Some(run_as)) = (&user, &run_as) {
            let error = written.error("user", format!("this task runs as `{run_as}`, who may not edit the crontab of `{user}`"));
            problems.push(error.help("leave out `become_user`, for root may"));
        }
        return problems.or(Table::User(UserTable { user, run_as }));
    };
    if args.user.is_none() && !absent && args.env != Some(true) {
        problems.push(written.error("cron_file", "`cron_file` needs `user`, as whom the job runs"));
    }
    let place = if file.starts_with('/') { file.clone() } else { path::join("/etc/cron.d", file) };
    let target = problems.take(Target::new(&place, "cron_file", Settings::default(), written, scope));
    if let Some(target) = &target {
        let name = path::name(&target.path);
        let ignored = path::parent(&target.path) == Some("/etc/cron.d")
            && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if target.path == "/etc/crontab" {
            let error = written.error("cron_file", "/etc/crontab belongs to the system");
            problems.push(error.help("name a file of your own, such as `cron_file: shop` for /etc/cron.d/shop"));
        } else if ignored || !file.starts_with('/') && file.contains('/') {
            let error = written.error("cron_file", format!("cron ignores `{file}` in /etc/cron.d"));
            problems.push(error.help("the name may have letters, digits, `_` and `-`"));
        }
    }
    let missing = if absent { Missing::Leave } else { Missing::Create };
    match target {
        Some(target) if !problems.has_errors() => Ok(Table::File(Edit { target, missing })),
        _ => Err(problems),
    }
}

impl SpecialTime {
    fn name(self) -> &'static str {
        match self {
            Self::Annually => "annually",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Monthly => "monthly",
            Self::Reboot => "reboot",
            Self::Weekly => "weekly",
            Self::Yearly => "yearly",
        }
    }
}
