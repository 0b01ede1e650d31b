//! `package`: packages of the distribution, through apt.

mod install;
mod lists;
mod remove;
mod upgrade;

use schemars::JsonSchema;
use serde::Deserialize;

use super::list::List;
use super::{Change, Guard, Kind, Outcome, Probe, Reach, Reply, Unreadable, Written};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::project::Scope;
use crate::shell::Script;
use install::{Install, Wanted};
use lists::Lists;
use remove::Remove;
use upgrade::Upgrade;

/// Installs, upgrades and removes packages with apt. `apt` is another name for it.
///
/// ```yaml
/// - name: the web server and its tools are there
///   package: { name: [nginx, curl, git] }
/// - name: the packages are up to date
///   package: { upgrade: safe, cache_valid_time: 3600 }
/// - name: apache is gone, with its configuration
///   package: { name: apache2, state: absent, purge: true }
/// ```
///
/// All names go to one `apt-get`, which asks nothing, waits up to five minutes for another run of dpkg, keeps configuration
/// files that were edited, and never takes unsigned packages. The plan shows each package with its versions; the
/// dependencies that come with it are not listed. Removing shows all that goes, dependants too, and nothing else is removed.
///
/// A name that an installed package provides (`awk`, `mail-transport-agent`) counts as installed.
///
/// Other than in Ansible, the package lists are refreshed when it is needed and not otherwise: something is to be installed
/// and it is not in the lists, the lists are more than a day old, or the package sources changed since. With
/// `update_cache` they may be no older than `cache_valid_time`. When all packages are there already, nothing is refreshed.
/// Names are names, never patterns, and installing removes no other package unless `allow_removals` says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The package or packages. `nginx=1.22.1-9` and `nginx=1.22*` ask for a version, `libc6:i386` for an architecture.
    #[serde(alias = "pkg")]
    name: Option<List>,
    /// `present` (or `installed`), `latest` (the newest version that apt knows), or `absent` (or `removed`).
    #[serde(default)]
    state: State,
    /// Refreshes the package lists first if they are older than `cache_valid_time`. Without `name` it is all that is done.
    #[serde(default)]
    update_cache: bool,
    /// How old the package lists may be, in seconds; 3600 when not given. Implies `update_cache`.
    cache_valid_time: Option<u64>,
    /// Whether packages come with those that they recommend; the host's own setting when not given.
    install_recommends: Option<bool>,
    /// The release to take packages from, such as `bookworm-backports`.
    default_release: Option<String>,
    /// Removes configuration files too. Only with `state: absent` or `autoremove`.
    #[serde(default)]
    purge: bool,
    /// Removes packages that came as dependencies and are not needed any more. With `state: absent`, with `upgrade`, or alone.
    #[serde(default)]
    autoremove: bool,
    /// Upgrades all packages: `safe` (or `yes`) removes none, `full` (or `dist`) may. Not with `name`.
    upgrade: Option<String>,
    /// Whether `name=version` may go back to an older version.
    #[serde(default)]
    allow_downgrade: bool,
    /// Whether other packages may go when they conflict with those that come.
    #[serde(default)]
    allow_removals: bool,
}

#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    #[serde(alias = "installed")]
    Present,
    Latest,
    #[serde(alias = "removed")]
    Absent,
}

/// Packages, in one of the things that can be asked of them.
pub struct Package {
    subject: String,
    job: Job,
}

enum Job {
    Install(Install),
    Remove(Remove),
    Upgrade(Upgrade),
    /// The package lists alone.
    Refresh(Lists),
    /// An empty list of names.
    Nothing,
}

impl Kind for Package {
    const NAME: &'static str = "package";
    const ALIASES: &'static [&'static str] = &["apt"];
    const REACH: Reach = Reach::Wide;
    const SHORTHAND: Option<&'static str> = Some("name");
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, _: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let lists =
            Lists { valid: (args.update_cache || args.cache_valid_time.is_some()).then_some(args.cache_valid_time.unwrap_or(3600)) };
        let upgrade = args.upgrade.as_deref().and_then(|word| problems.take(upgrade_word(word, written.span("upgrade")))).flatten();
        let written_names = args.name.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
        let wanted: Vec<Wanted> = (0..)
            .zip(written_names)
            .filter_map(|(at, text)| problems.take(Wanted::read(text, written.item(&["name", "pkg"], at), args.state)))
            .collect();
        if let Some(release) = &args.default_release
            && !(release.starts_with(|c: char| c.is_ascii_alphanumeric())
                && release.chars().all(|c| c.is_ascii_alphanumeric() || ".~+_/=,-".contains(c)))
        {
            problems.push(written.error("default_release", format!("`{release}` is no name for a release")));
        }
        let named = !written_names.is_empty();
        if upgrade.is_some() && named {
            let error = written.error("upgrade", "`upgrade` is for all packages, so it goes without `name`");
            problems.push(error.help("for these alone: `state: latest`"));
        }
        if args.autoremove && named && args.state != State::Absent {
            let error = written.error("autoremove", "`autoremove` does not go with packages that are to be installed");
            problems.push(error.help("write it as a task of its own: `package: { autoremove: true }`"));
        }
        if args.purge && !args.autoremove && !(named && args.state == State::Absent) {
            problems.push(written.error("purge", "`purge` goes with `state: absent` or `autoremove`"));
        }
        if args.name.is_none() && upgrade.is_none() && !args.autoremove && lists.valid.is_none() && args.upgrade.is_none() {
            problems.push(Diagnostic::error("`package` needs `name` (or `update_cache`, `upgrade`, `autoremove`)").at(written.key_span));
        }
        let subject = match &upgrade {
            Some(_) => "all packages".to_string(),
            None if named => wanted.iter().map(|wanted| wanted.name.as_str()).collect::<Vec<_>>().join(", "),
            None if args.autoremove => "packages no longer needed".to_string(),
            None => "package lists".to_string(),
        };
        let job = match (args.state, upgrade) {
            (_, Some(full)) => Job::Upgrade(Upgrade { full, autoremove: args.autoremove, lists }),
            (State::Absent, _) if named => {
                let names = wanted.into_iter().map(|wanted| wanted.name).collect();
                Job::Remove(Remove { names, purge: args.purge, autoremove: args.autoremove })
            }
            _ if named => Job::Install(Install {
                wanted,
                newest: args.state == State::Latest,
                lists,
                release: args.default_release,
                recommends: args.install_recommends,
                downgrades: args.allow_downgrade,
                removals: args.allow_removals,
            }),
            _ if args.autoremove => Job::Remove(Remove { names: Vec::new(), purge: args.purge, autoremove: true }),
            _ if args.name.is_none() && lists.valid.is_some() => Job::Refresh(lists),
            _ => Job::Nothing,
        };
        problems.or(Self { subject, job })
    }

    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        match &self.job {
            Job::Install(install) => install.probe(probe),
            Job::Remove(remove) => remove.probe(probe),
            Job::Upgrade(upgrade) => upgrade.probe(probe),
            Job::Refresh(_) => probe.apt(),
            Job::Nothing => {}
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        match &self.job {
            Job::Install(install) => install.plan(reply),
            Job::Remove(remove) => remove.plan(reply),
            Job::Upgrade(upgrade) => upgrade.plan(reply),
            Job::Refresh(lists) => Ok(lists.alone(reply.apt()?)),
            Job::Nothing => Ok(None),
        }
    }
}

/// Whether the upgrade is a full one; `None`: none is wanted.
fn upgrade_word(word: &str, span: &Span) -> Result<Option<bool>, Diagnostic> {
    match word {
        "no" | "false" => Ok(None),
        "safe" | "yes" | "true" => Ok(Some(false)),
        "full" | "dist" => Ok(Some(true)),
        _ => Err(Diagnostic::error(format!("`upgrade`: unknown value `{word}`"))
            .at(span)
            .suggest(word, ["safe", "full", "dist", "yes", "no"])),
    }
}

/// What apt-get would do, asked without doing it.
fn simulation(script: Script) -> Guard {
    Guard::new(script).reads(vec![super::Subject::Tree("/etc/apt".to_string())])
}

/// A line of a simulation: `Inst NAME [OLD] (NEW ...)`, `Remv NAME [OLD]`, `Purg NAME [OLD]`.
struct Step<'a> {
    verb: &'a str,
    name: &'a str,
    old: Option<&'a str>,
    new: Option<&'a str>,
}

/// The steps of a simulation.
///
/// # Errors
/// apt-get refused; its words.
fn steps<'a>(outcome: &'a Outcome, what: &str) -> Result<Vec<Step<'a>>, Unreadable> {
    if outcome.status != 0 {
        let words: Vec<&str> = outcome.stderr.lines().chain(outcome.stdout.lines()).filter_map(|line| line.strip_prefix("E: ")).collect();
        let words = if words.is_empty() { format!("apt-get exited {}", outcome.status) } else { words.join("; ") };
        return Err(Unreadable::new(format!("{what}: {words}")));
    }
    let read = |line: &'a str| {
        let mut words = line.split(' ');
        let (verb, name) = (words.next().filter(|verb| ["Inst", "Remv", "Purg"].contains(verb))?, words.next()?);
        let mut version = words.next();
        let old = version.and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        if old.is_some() {
            version = words.next();
        }
        Some(Step { verb, name, old, new: version.and_then(|word| word.strip_prefix('(')) })
    };
    Ok(outcome.stdout.lines().filter_map(read).collect())
}
