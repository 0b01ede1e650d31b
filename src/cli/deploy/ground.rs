//! What deploys, rollbacks and listings stand on: the hosts that have the `app` role, and the application as they have it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use serde_json::{Map, Value as Json};

use crate::cli::load::{self, Lines, Project, Site};
use crate::cli::selection::{Hosts, Words};
use crate::cli::usage;
use crate::deploy::app::{App, ROLE, VERBS};
use crate::deploy::choose::Seen;
use crate::deploy::look::{self, HostState};
use crate::deploy::release::ReleaseId;
use crate::deploy::{plan, release};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::engine::{Crew, Event, Fleet, HostFailure, Job, RoleCall, Rolling, host_inputs, sample_facts};
use crate::report;

/// Hosts that have the role, loaded.
pub struct Ground {
    /// The project.
    pub project: Project,
    /// The environment.
    pub site: Site,
    lines: Lines,
    forks: u16,
    /// The application of each host, with made-up facts.
    pub apps: BTreeMap<String, App>,
}

/// The application of each host that has the role, with made-up facts. Mistakes in it, and in the tasks of a deploy, go to
/// `problems`.
pub fn applications(project: &Project, site: &Site, problems: &mut Diagnostics) -> BTreeMap<String, App> {
    let mut apps = BTreeMap::new();
    // A role of the project may be called the same and deploy nothing.
    let deploys: Vec<String> = site.plays.iter().filter(|play| play.roles.iter().any(brings)).flat_map(|play| play.hosts.clone()).collect();
    for mut target in site.fleet(1).targets.into_iter().filter(|target| deploys.contains(&target.name)) {
        let inputs = problems.take(host_inputs(&site.job(project, "stage", &[]), &target, &sample_facts(), ROLE)).flatten();
        let Some(app) = inputs.and_then(|inputs| problems.take(app(site, &target.name, &inputs))) else { continue };
        target.fixed.extend(sample(&app));
        for verb in VERBS {
            problems.take(crate::engine::check(&site.job(project, verb, &[]), &target));
        }
        apps.insert(target.name, app);
    }
    apps
}

/// Whether a role is the one that brings releases.
fn brings(call: &RoleCall) -> bool {
    call.role.name == ROLE && VERBS.iter().any(|verb| call.role.verbs.contains_key(*verb))
}

/// The application as the inputs of a host describe it.
fn app(site: &Site, host: &str, inputs: &Map<String, Json>) -> Result<App, Diagnostics> {
    App::read(inputs, &|path| place(site, host, path))
}

/// Where a path of names, from a variable on, was written for a host.
fn place(site: &Site, host: &str, path: &[&str]) -> Option<Span> {
    let plays = site.plays.iter().filter(|play| play.hosts.iter().any(|name| name == host));
    let calls = plays.flat_map(|play| play.roles.iter().filter(|call| call.role.name == ROLE).map(move |call| (play, call)));
    let mut vars = calls.flat_map(|(play, call)| call.vars.iter().chain(&play.vars));
    let node = match vars.find(|entry| entry.key == path[0]) {
        Some(entry) => &entry.node,
        None => &site.hosts.iter().find(|known| known.name == host)?.variables.get(path[0])?.node,
    };
    Some(node.place(&path[1..]))
}

impl Ground {
    /// Loads what the words mean. Everything that can be wrong without a host is found here.
    pub fn load(words: &Words, hosts: &Hosts) -> Result<Self, Diagnostics> {
        let (project, mut site, mut problems) = load::unsaid(words, hosts)?;
        let with_role: Vec<String> =
            site.plays.iter().filter(|play| play.roles.iter().any(brings)).flat_map(|play| play.hosts.clone()).collect();
        if let (true, Some(call)) =
            (with_role.is_empty(), site.plays.iter().flat_map(|play| &play.roles).find(|call| call.role.name == ROLE))
        {
            return Err(Diagnostic::error("this role `app` brings no releases: it takes the place of the built-in one")
                .at(&call.role.span)
                .help("give it another name")
                .into());
        }
        if with_role.is_empty() {
            return Err(Diagnostic::error("no play of hoist.yml gives these hosts the role `app`, which brings releases")
                .help("add it to the roles of a play: `roles: [common, nginx, app]`")
                .into());
        }
        usage::check(&project, &site, &mut problems);
        for play in &mut site.plays {
            play.hosts.retain(|host| with_role.contains(host));
            for call in play.roles.iter_mut().filter(|call| call.role.name != ROLE) {
                call.role.verbs.retain(|verb, _| !VERBS.contains(&verb.as_str()));
            }
        }
        let lines = site.lines(&project, hosts.accept_new);
        let forks = hosts.forks.unwrap_or(project.config.settings.forks);
        let apps = applications(&project, &site, &mut problems);
        if problems.has_errors() {
            return Err(problems);
        }
        report::diagnostics(&problems);
        site.ask_become_password(hosts)?;
        Ok(Self { project, site, lines, forks, apps })
    }

    /// Refuses hosts of several applications: what is deployed, or gone back to, is of one.
    pub fn one(&self) -> Result<(), Diagnostic> {
        let mut hosts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        self.apps.iter().for_each(|(host, app)| hosts.entry(&app.name).or_default().push(host));
        if hosts.len() < 2 {
            return Ok(());
        }
        let each: Vec<String> = hosts.iter().map(|(app, hosts)| format!("`{app}` on {}", hosts.join(", "))).collect();
        Err(Diagnostic::error(format!("these hosts have several applications: {}", each.join("; ")))
            .help("one of them at a time: `--limit` picks its hosts, by their names or groups"))
    }

    /// The run of a verb.
    pub fn job<'g>(&'g self, verb: &'g str) -> Job<'g> {
        self.site.job(&self.project, verb, &[])
    }

    /// The hosts.
    pub fn fleet(&self) -> Fleet<'_> {
        self.site.fleet(self.forks)
    }

    /// How they are reached.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// How many of them are switched at a time, as hoist.yml says.
    pub fn rolling(&self) -> Rolling {
        let play = self.site.plays.iter().find(|play| play.roles.iter().any(|call| call.role.name == ROLE));
        play.map(|play| play.rolling.clone()).unwrap_or_default()
    }

    /// The application as the hosts that answer have it, with their own facts; and what they have of it. A host on which
    /// nothing can be deployed has failed.
    pub fn look(&self, crew: &mut Crew<'_>) -> Result<(BTreeMap<String, App>, Vec<Seen>), Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut apps = BTreeMap::new();
        for host in crew.well() {
            let extra = |host: &str| self.apps.get(host).map(sample).unwrap_or_default();
            let inputs = problems.take(crew.inputs(&self.job("stage"), host, ROLE, &extra)).flatten();
            apps.extend(inputs.and_then(|inputs| problems.take(app(&self.site, host, &inputs))).map(|app| (host.to_string(), app)));
        }
        problems.or(())?;
        let answers = crew.ask(&|host| apps.get(host).map(look::script));
        let mut seen = Vec::new();
        for host in crew.well() {
            let (Some(app), Some(answers)) = (apps.get(host), answers.get(host)) else { continue };
            let state = HostState::read(app, answers);
            let trouble = state.trouble.clone().or_else(|| {
                let said = format!("the role `app` was not provisioned yet: hoist provision env={}", self.site.environment.name);
                (!state.provisioned).then_some(said)
            });
            match trouble {
                Some(trouble) => crew.fail(host, &HostFailure::Skipped(trouble)),
                None => seen.push((host.to_string(), state)),
            }
        }
        Ok((apps, seen))
    }
}

/// The variables of a release that does not exist, to check tasks with.
fn sample(app: &App) -> serde_json::Map<String, serde_json::Value> {
    let id = ReleaseId::new(1, "0000000000000000000000000000000000000000");
    let plan = plan::Plan {
        environment: String::new(),
        version: crate::deploy::version::Version { commit: "0".repeat(40), reference: "HEAD".to_string(), ..Default::default() },
        id: id.clone(),
        rollback: false,
        hosts: vec![(String::new(), HostState { live: Some(release::ReleaseId::new(2, id.as_str())), ..HostState::default() })],
        done: Vec::new(),
        who: String::new(),
        rolling: Rolling::default(),
        maintenance: false,
        archive: app.repo.is_empty().then(|| plan::Archive { bytes: Vec::new().into(), strip: false, from: String::new() }),
    };
    plan.variables(app, "", true)
}

/// The progress of a run, as long as it is shown.
#[derive(Default)]
pub struct Screen(RwLock<Option<report::Progress>>);

impl Screen {
    /// Shows the progress of these hosts.
    pub fn show(&self, output: &report::Options, hosts: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(report::Progress::start(output, hosts));
    }

    /// Clears it.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes an event.
    pub fn event(&self, host: &str, event: Event) {
        if let Some(progress) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            progress.event(host, event);
        }
    }

    /// Says what comes next.
    pub fn say(&self, text: &str) {
        if let Some(progress) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            progress.say(text);
        }
    }
}
