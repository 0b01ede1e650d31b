//! `hoist deploy`: a new release on all hosts or on none.

mod ground;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use ground::{Ground, Screen, applications};

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, Stop, consent, load, said, signals};
use crate::deploy::app::App;
use crate::deploy::choose::{self, Seen};
use crate::deploy::look;
use crate::deploy::notify::{self, Message, Moment};
use crate::deploy::plan::{self, Plan};
use crate::deploy::run::{self, Work};
use crate::deploy::version::{self, Version};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Crew, Interrupt, Orders, PlayPreview, Rolling, Size};
use crate::report;

/// Put a new release of the application on all hosts, or on none: make it ready everywhere, migrate once, switch, check, or go back
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    #[command(flatten)]
    output: report::Options,
    #[command(flatten)]
    consent: Consent,
    /// The branch, tag or commit (the same as `git_version=REF`)
    #[arg(long, value_name = "REF")]
    git_version: Option<String>,
    /// Deploy this .tar.gz, a file or an address, in place of a commit
    #[arg(long, value_name = "URL|FILE", conflicts_with_all = ["git_version", "from_local"])]
    archive: Option<String>,
    /// The SHA-256 that the archive must have
    #[arg(long, value_name = "SUM", requires = "archive")]
    sha256: Option<String>,
    /// Take the commit from a git repository on this machine, so that hosts need no access to any; without a folder from
    /// the one that you are in
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    from_local: Option<PathBuf>,
    /// Switch so many hosts at a time: a number, or a share such as 30%
    #[arg(long, value_name = "N")]
    serial: Option<String>,
    /// Make a new release even where this commit is live, with nothing else to change
    #[arg(long)]
    redeploy: bool,
    /// Deploy to a protected environment what is older than the live commit, or cannot be compared with it
    #[arg(long)]
    allow_older: bool,
    /// Show the maintenance page from before the migration until the release is live
    #[arg(long)]
    maintenance: bool,
}

/// How a run is agreed to.
#[derive(clap::Args)]
#[group(skip)]
pub struct Consent {
    /// Do not ask; a protected environment wants its name: `--yes=NAME`
    #[arg(short, long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub yes: Option<String>,
    /// Wait so many seconds for another run on the same host, instead of giving up at once
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
}

pub fn run(args: &Args) -> Outcome {
    report::begin(&args.output);
    let mut words = args.words.clone();
    words.words.extend(args.git_version.iter().map(|version| format!("git_version={version}")));
    let ground = Ground::load(&words, &args.hosts)?;
    ground.one()?;
    let rolling = match args.serial.as_deref().map(Size::parse) {
        None => ground.rolling(),
        Some(None | Some(Size::Count(0) | Size::Percent(0))) => {
            return Err(Diagnostic::error("`--serial` takes a number of hosts or a share of them, such as 2 or 30%").into());
        }
        Some(Some(size)) => Rolling { serial: vec![size], ..ground.rolling() },
    };
    if args.archive.is_some() && args.words.words.iter().any(|word| word.starts_with("git_version=")) {
        return Err(Diagnostic::error("`git_version=` and `--archive` exclude each other")
            .help("an archive is deployed as it is, whichever version lies in it")
            .into());
    }
    consent::look(&ground.site.environment.name, ground.project.protected(&ground.site.environment.name), args.consent.yes.as_deref())?;
    let archive = args.archive.as_deref().map(|place| source::archive(place, args.sha256.as_deref())).transpose()?;
    let mut problems = Diagnostics::new();
    for app in ground.apps.values().take(1).filter(|_| archive.is_none()) {
        if args.from_local.is_none() {
            problems.take(app.repository().map_err(Diagnostics::from));
        }
        if problems.take(app.wanted().map_err(Diagnostics::from)).is_some()
            && let Some(folder) = &args.from_local
        {
            problems.take(source::here(folder, app).map_err(Diagnostics::from));
        }
    }
    problems.or(())?;
    let again = said::again(again(args, &ground.site.environment.name));
    let again = report::Again::Everywhere(&again, Some(first(args)));
    carry_out(&ground, &args.output, &args.consent, "deploy", again, &mut |crew, apps, seen| {
        let (first, _) = seen.first().expect("there is a host");
        let app = &apps[first];
        let lives = version::lives(seen);
        let (version, archive) = match (&archive, &args.from_local) {
            (Some((version, archive)), _) => (source::same(version, &lives), archive.clone()),
            (None, Some(folder)) => source::local(folder, app, &lives)?,
            (None, None) => source::repository(crew, first, app, &lives)?,
        };
        let environment = &ground.site.environment.name;
        if ground.project.protected(environment) && !args.allow_older {
            older(&version, environment)?;
        }
        let differences = compare(crew, &ground, apps, seen);
        let differs = |host: &str| args.redeploy || differences.get(host).is_some_and(|plays| has_changes(plays));
        let choice = choose::deploy(seen, &version.commit, &differs);
        let (hosts, done): (Vec<Seen>, Vec<Seen>) = seen.iter().cloned().partition(|(host, _)| choice.hosts.contains(host));
        let done = done.into_iter().map(|(host, _)| host).collect();
        let who = said::who();
        let rolling = rolling.clone();
        let environment = environment.clone();
        Ok((
            Plan {
                environment,
                id: choice.id,
                version,
                rollback: false,
                hosts,
                done,
                who,
                rolling,
                archive,
                maintenance: args.maintenance,
            },
            differences,
        ))
    })
}

/// What a protected environment does not take by itself.
fn older(version: &Version, environment: &str) -> Result<(), Diagnostic> {
    let name = version.name();
    let error = match &version.unknown {
        _ if version.is_older() => Diagnostic::error(format!("{name} is older than what is live in `{environment}`, which is protected"))
            .help("to go back to a release that is still there: hoist rollback"),
        Some(why) => Diagnostic::error(format!("whether {name} is older than what is live in `{environment}` is not known"))
            .help(format!("it cannot be compared with {why}"))
            .help("the environment is protected, so say that it may be older"),
        None => return Ok(()),
    };
    Err(error.help("to deploy it all the same: --allow-older"))
}

/// What of each host's live release would be another today, beside the code.
fn compare(crew: &mut Crew<'_>, ground: &Ground, apps: &BTreeMap<String, App>, seen: &[Seen]) -> BTreeMap<String, Vec<PlayPreview>> {
    let live: Vec<String> = seen.iter().filter(|(_, state)| state.live.is_some()).map(|(host, _)| host.clone()).collect();
    crew.preview(&ground.job("compare"), &live, &|host| {
        let state = seen.iter().find(|(name, _)| name == host).and_then(|(_, state)| state.live.as_ref());
        apps.get(host).zip(state).map(|(app, id)| plan::live(app, id)).unwrap_or_default()
    })
}

fn has_changes(plays: &[PlayPreview]) -> bool {
    plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict.action().is_some())
}

fn again(args: &Args, environment: &str) -> impl Iterator<Item = String> {
    let variables = args.words.words.iter().filter(|word| !word.starts_with("env=")).cloned();
    let option = |name: &str, value: &Option<String>| value.iter().map(|value| format!("--{name}={value}")).collect::<Vec<_>>();
    let flag = |name: &str, given: bool| given.then(|| format!("--{name}"));
    let local = args.from_local.iter().map(|folder| match folder.to_str() {
        Some(".") => "--from-local".to_string(),
        _ => format!("--from-local={}", folder.display()),
    });
    ["deploy".to_string(), format!("env={environment}")]
        .into_iter()
        .chain(variables)
        .chain(option("git-version", &args.git_version))
        .chain(option("archive", &args.archive.as_deref().map(source::shown)))
        .chain(option("sha256", &args.sha256))
        .chain(option("limit", &args.hosts.limit))
        .chain(option("serial", &args.serial))
        .chain(local)
        .chain(flag("redeploy", args.redeploy))
        .chain(flag("allow-older", args.allow_older))
        .chain(flag("maintenance", args.maintenance))
        .collect::<Vec<_>>()
        .into_iter()
}

/// What comes before the same once more, where a step failed: the hosts take the application from where it is kept.
fn first(args: &Args) -> &'static str {
    match (&args.archive, &args.from_local) {
        (Some(_), _) => "mend what failed (in the application: make a new archive), then",
        (None, Some(_)) => "mend what failed (in the application: commit it), then",
        (None, None) => "mend what failed (in the application: commit and push it; a tag stays where it is, so name a new one), then",
    }
}

/// Makes a plan of what hosts have.
pub type Planner<'p> =
    &'p mut dyn FnMut(&mut Crew<'_>, &BTreeMap<String, App>, &[Seen]) -> Result<(Plan, BTreeMap<String, Vec<PlayPreview>>), Stop>;

/// Connects, looks, plans, asks, and carries it out. What deploys and rollbacks have in common.
pub fn carry_out(
    ground: &Ground,
    output: &report::Options,
    consent: &Consent,
    verb: &str,
    again: report::Again<'_>,
    planner: Planner<'_>,
) -> Outcome {
    let started = std::time::Instant::now();
    let environment = &ground.site.environment.name;
    consent::look(environment, ground.project.protected(environment), consent.yes.as_deref())?;
    let fleet = ground.fleet();
    let screen = Screen::default();
    let names: Vec<String> = fleet.targets.iter().map(|target| target.name.clone()).collect();
    screen.show(output, names.clone());
    let line = said::run_line(&format!("hoist {verb} env={environment}"), ground.project.layout.root(), None);
    let run = || line.clone();
    let never = Interrupt::new();
    let (confirm, limits) = load::patience(&ground.project.config.settings);
    let orders = |interrupt| Orders { run: &run, lock_wait: consent.lock_wait, confirm, limits, interrupt };
    let (orders, calm) = (orders(signals::interrupt()), orders(&never));
    let connect = |target: &crate::engine::Target<'_>| ground.lines().connect(target);
    let events = |host: &str, event: crate::engine::Event| screen.event(host, event);
    let stage = ground.job("stage");
    let mut crew = Crew::open(&fleet, &stage, &connect, &orders, &events);
    let (apps, mut seen) = match ground.look(&mut crew) {
        Ok(found) => found,
        Err(problems) => return give_up(crew, Err(problems.into())),
    };
    if crew.failed() {
        screen.clear();
        crew.well().into_iter().for_each(|host| crew.fail(host, &crate::engine::HostFailure::Skipped(NOT_BEGUN.to_string())));
        let reports = crew.end();
        report::summary(&reports, started.elapsed(), again, output);
        return Ok(code(report::exit_code(&reports)));
    }
    let app = &apps[&seen[0].0];
    let plan = loop {
        let planned = planner(&mut crew, &apps, &seen);
        screen.clear();
        let (plan, differences) = match planned {
            Ok(planned) => planned,
            Err(stop) => return give_up(crew, Err(stop)),
        };
        if plan.hosts.is_empty() {
            report::deployed(&plan, None, &[], started.elapsed(), output);
            return give_up(crew, Ok(ExitCode::Done));
        }
        report::deploy(app, &plan, &differences, output);
        let question = format!("Go on with this {verb}?");
        if let Err(stop) = consent::confirm(environment, ground.project.protected(environment), consent.yes.as_deref(), &question) {
            return give_up(crew, Err(stop));
        }
        screen.show(output, plan.names());
        let name = plan.version.name();
        crew.about(&if plan.id.as_str().ends_with(&name) { plan.id.to_string() } else { format!("{} {name}", plan.id) });
        // Another run may have been there since the hosts were looked at. From here on none can.
        if !crew.hold() {
            break plan;
        }
        let now = match ground.look(&mut crew) {
            Ok((_, now)) => now,
            Err(problems) => return give_up(crew, Err(problems.into())),
        };
        if crew.failed() || now == seen {
            break plan;
        }
        seen = now;
        screen.clear();
        report::note("another run was there since this was planned, so it is planned anew");
    };
    // A run that does not come to begin, for another one holds the lock, is nothing to tell.
    let begins = !crew.failed();
    let tell_others = |moment, text: String| {
        if !begins {
            return;
        }
        let fields = serde_json::json!({
            "app": app.name, "environment": environment, "release": plan.id.as_str(), "commit": plan.version.commit, "ref": plan.version.reference,
            "who": plan.who, "hosts": plan.names(),
        });
        notify::send(&app.notify, &Message { moment, text, fields }).iter().for_each(|warning| screen.say(warning));
    };
    let what = format!("{} {} in {environment}", app.name, plan.version.name());
    tell_others(Moment::Start, format!("{} started a {verb} of {what}", plan.who));
    let job = |verb| ground.job(verb);
    let mut work = Work { crew: &mut crew, apps: &apps, plan: &plan, job: &job, calm: &calm, tell: &|text| screen.say(text), cause: None };
    let outcome = run::execute(&mut work);
    match (&outcome, plan.rollback) {
        (run::Outcome::Live(_), false) => tell_others(Moment::Success, format!("{what} is live ({})", plan.who)),
        (run::Outcome::Live(_), true) => tell_others(Moment::Rollback, format!("{what} is live again ({})", plan.who)),
        _ => tell_others(Moment::Failure, format!("{verb} of {what} failed ({})", plan.who)),
    }
    let behind = if matches!(outcome, run::Outcome::Live(_)) { behind_page(&mut crew, &plan) } else { Vec::new() };
    screen.clear();
    let reports = crew.end();
    report::summary(&reports, started.elapsed(), again, output);
    report::deployed(&plan, Some(&outcome), &behind, started.elapsed(), output);
    Ok(match (&outcome, code(report::exit_code(&reports))) {
        (run::Outcome::Live(_), code) => code,
        (_, ExitCode::Done) => ExitCode::HostFailed,
        (_, code) => code,
    })
}

/// The hosts that still show the maintenance page: what is live there is seen by nobody.
fn behind_page(crew: &mut Crew<'_>, plan: &Plan) -> Vec<String> {
    let answers = crew.ask(&|host| plan.state(host).map(|_| look::page()));
    plan.names().into_iter().filter(|host| answers.get(host).is_some_and(look::shows_page)).collect()
}

/// Ends a run that does nothing, also where its lock is held already.
fn give_up(crew: Crew<'_>, outcome: Outcome) -> Outcome {
    crew.end();
    outcome
}

const NOT_BEGUN: &str = "another host cannot be worked on, so nothing was begun; `--limit` leaves it out";

fn code(number: u8) -> ExitCode {
    match number {
        0 => ExitCode::Done,
        4 => ExitCode::Locked,
        130 => ExitCode::Interrupted,
        _ => ExitCode::HostFailed,
    }
}
