//! `hoist provision`: plan, ask, apply.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::load::{self, Lines, Project, Site};
use super::selection::{Hosts, Tags, Words};
use super::{ExitCode, Outcome, consent, memory, said, signals, usage};
use crate::deploy::app;
use crate::diagnostic::{Diagnostic, Diagnostics, suggest};
use crate::engine::{Fleet, Job, Orders, Preview, Previewed};
use crate::report;

/// Bring hosts to the state that the roles describe: show what would change, ask, do it
#[derive(clap::Args, Clone)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    pub(super) words: Words,
    #[command(flatten)]
    pub(super) hosts: Hosts,
    #[command(flatten)]
    pub(super) tags: Tags,
    #[command(flatten)]
    pub(super) output: report::Options,
    /// Do not ask; a protected environment wants its name: `--yes=NAME`
    #[arg(short, long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) yes: Option<String>,
    /// Wait so many seconds for another run on the same host, instead of giving up at once
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) lock_wait: u64,
}

pub fn run(args: &Args) -> Outcome {
    provision(args, "provision")
}

/// What a run needs, loaded.
pub struct Work {
    project: Project,
    site: Site,
    lines: Lines,
    verb: String,
    tags: Vec<String>,
    forks: u16,
}

impl Work {
    /// Loads what the words mean. Everything that can be wrong without a host is found here.
    pub fn load(words: &Words, hosts: &Hosts, tags: &Tags, verb: &str) -> Result<Self, Diagnostics> {
        let (project, mut site, mut problems) = load::unsaid(words, hosts)?;
        for call in site.plays.iter_mut().flat_map(|play| &mut play.roles).filter(|call| call.role.name == app::ROLE) {
            call.role.verbs.retain(|verb, _| !app::VERBS.contains(&verb.as_str()));
        }
        let has_verb = site.plays.iter().flat_map(|play| &play.roles).any(|call| call.role.verbs.contains_key(verb));
        if !has_verb && verb != "provision" {
            let known: BTreeSet<&str> =
                site.plays.iter().flat_map(|play| &play.roles).flat_map(|call| call.role.verbs.keys()).map(String::as_str).collect();
            let error = Diagnostic::error(format!("no role has a verb `{verb}`"));
            problems.push(match app::VERBS.contains(&verb) {
                true => error.help(format!("`{verb}` of the role `{}` is a part of `hoist deploy`, which alone runs it", app::ROLE)),
                false => error.suggest(verb, known),
            });
        }
        if !site.plays.iter().any(|play| !play.hosts.is_empty()) {
            problems.push(
                Diagnostic::error("no play of hoist.yml is for these hosts")
                    .help("`hosts:` of a play names hosts or groups; `hoist inventory` shows which there are"),
            );
        }
        unknown_tags(&site, &tags.tags, &mut problems);
        usage::check(&project, &site, &mut problems);
        let mut work = Self {
            lines: site.lines(&project, hosts.accept_new),
            verb: verb.to_string(),
            tags: tags.tags.clone(),
            forks: hosts.forks.unwrap_or(project.config.settings.forks),
            project,
            site,
        };
        // Mistakes in tasks are found before any host is contacted, as far as they do not depend on its facts.
        for target in &work.fleet().targets {
            problems.take(crate::engine::check(&work.job(), target));
        }
        if problems.has_errors() {
            return Err(problems);
        }
        report::diagnostics(&problems);
        work.site.ask_become_password(hosts)?;
        Ok(work)
    }

    fn job(&self) -> Job<'_> {
        self.site.job(&self.project, &self.verb, &self.tags)
    }

    fn fleet(&self) -> Fleet<'_> {
        self.site.fleet(self.forks)
    }

    fn protected(&self) -> bool {
        self.project.protected(&self.site.environment.name)
    }
}

fn unknown_tags(site: &Site, tags: &[String], problems: &mut Diagnostics) {
    let calls = || site.plays.iter().flat_map(|play| play.roles.iter().map(move |call| (play, call)));
    let mut known: Vec<&str> = calls().map(|(_, call)| call.role.name.as_str()).collect();
    for (play, call) in calls() {
        let tasks = call.role.verbs.values().flatten().flat_map(|task| &task.manner.tags);
        known.extend(tasks.chain(&call.manner.tags).chain(&play.manner.tags).map(String::as_str));
    }
    known.sort_unstable();
    known.dedup();
    for tag in tags.iter().filter(|tag| !known.contains(&tag.as_str())) {
        let error = Diagnostic::error(format!("no task has the tag `{tag}`"));
        problems.push(match suggest::closest(tag, known.iter().copied()) {
            Some(close) => error.help(format!("did you mean `{close}`?")),
            None => error.help(format!("there are: {}", known.join(", "))),
        });
    }
}

/// Probes and plans all hosts, with progress.
pub fn previews(work: &Work, output: &report::Options) -> Vec<Previewed> {
    let progress = report::Progress::start(output, work.fleet().targets.iter().map(|target| target.name.clone()).collect());
    let fleet = work.fleet();
    let previewed = fleet.preview(&work.job(), &|target| work.lines.connect(target), &|host, event| progress.event(host, event));
    for (target, previewed) in fleet.targets.iter().zip(&previewed) {
        if let (Ok(preview), Some(host)) = (&previewed.outcome, work.site.hosts.iter().find(|host| host.name == target.name))
            && target.remembered.as_ref() != Some(&preview.facts)
        {
            memory::keep(&host.name, &host.connection, &preview.facts);
        }
    }
    drop(progress);
    previewed
}

/// The whole of a run that changes hosts.
pub fn provision(args: &Args, verb: &str) -> Outcome {
    report::begin(&args.output);
    let started = std::time::Instant::now();
    let work = Work::load(&args.words, &args.hosts, &args.tags, verb)?;
    consent::look(&work.site.environment.name, work.protected(), args.yes.as_deref())?;
    let previewed = previews(&work, &args.output);
    let changes = previewed.iter().any(|host| host.outcome.as_ref().is_ok_and(Preview::has_changes));
    if changes {
        report::plan(&previewed, &args.output);
        consent::confirm(&work.site.environment.name, work.protected(), args.yes.as_deref(), "Apply these changes?")?;
    }
    let hosts: Vec<String> = previewed.iter().map(|host| host.host.clone()).collect();
    let progress = report::Progress::start(&args.output, hosts);
    // Git is asked once, and not at all where nothing is to be done.
    let plan = changes.then(|| report::plan_digest(&previewed));
    let line = OnceLock::new();
    let run = || line.get_or_init(|| run_line(&work, args, verb, plan.as_deref())).clone();
    let (confirm, limits) = load::patience(&work.project.config.settings);
    let orders = Orders { run: &run, lock_wait: args.lock_wait, confirm, limits, interrupt: signals::interrupt() };
    let reports = work
        .fleet()
        .apply(previewed, &work.job(), &|target| work.lines.connect(target), &orders, &|host, event| progress.event(host, event));
    drop(progress);
    let again = again(&work, args, verb);
    report::summary(&reports, started.elapsed(), report::Again::There(&again, args.hosts.limit.as_deref()), &args.output);
    Ok(match report::exit_code(&reports) {
        0 => ExitCode::Done,
        4 => ExitCode::Locked,
        130 => ExitCode::Interrupted,
        _ => ExitCode::HostFailed,
    })
}

/// Who runs what, for the hosts. Values of variables are left out: they may be secrets.
fn run_line(work: &Work, args: &Args, verb: &str, plan: Option<&str>) -> String {
    let names = args.words.words.iter().filter_map(|word| word.split_once('=')).filter(|(name, _)| *name != "env");
    let limit = args.hosts.limit.iter().map(|limit| format!("--limit={limit}"));
    let tags = (!work.tags.is_empty()).then(|| format!("--tags={}", work.tags.join(",")));
    let words = said::command(verb).into_iter().chain([format!("env={}", work.site.environment.name)]);
    let line = said::again(words.chain(names.map(|(name, _)| format!("{name}=..."))).chain(limit).chain(tags));
    said::run_line(&line, work.project.layout.root(), plan)
}

/// The command line that does the same once more, without what picks hosts and answers questions.
fn again(work: &Work, args: &Args, verb: &str) -> String {
    let variables = args.words.words.iter().filter(|word| !word.starts_with("env=")).cloned();
    let tags = (!work.tags.is_empty()).then(|| format!("--tags={}", work.tags.join(",")));
    said::again(said::command(verb).into_iter().chain([format!("env={}", work.site.environment.name)]).chain(variables).chain(tags))
}
