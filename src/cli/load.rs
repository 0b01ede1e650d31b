//! What most commands start with: the project, an environment of it, the hosts that are meant, the roles they get.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::memory;
use super::secrets::rekey::assets;
use super::secrets::store::{Store, identities};
use super::selection::{Hosts, Words, pattern};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::engine::{Fleet, Job, Limits, Method, Play, Privilege, RoleCall, Rolling, Size, Target};
use crate::project::library::OpenedAssets;
use crate::project::{
    Config, Connection, ConnectionKind, Environment, Given, Inventory, Layout, Library, Manner, Pattern, Role, RoleScope, Scope, Variables,
    config, magic_variables,
};
use crate::secret::Identities;
use crate::template::Templates;
use crate::transport::{
    self, Failure, HostKeyPolicy, HostKeys, LocalConnection, OpenSshConnection, Patience, SshConfig, SshConnection, SshTarget, Wanted,
    known_hosts,
};
use crate::yaml::{Node, Value};

/// A project: what does not depend on an environment.
pub struct Project {
    /// Its folders.
    pub layout: Layout,
    /// Its hoist.yml.
    pub config: Config,
    /// The template engine.
    pub templates: Templates,
    /// The identities that were named on the command line.
    identity: Vec<PathBuf>,
    identities: OnceLock<Result<Identities, Diagnostics>>,
}

/// An environment of a project, with the hosts that are meant.
pub struct Site {
    /// The environment.
    pub environment: Environment,
    /// Its roles, templates and files.
    pub library: Library,
    /// The hosts that are meant, in the order of the inventory.
    pub hosts: Vec<SiteHost>,
    /// Which roles they get. The hosts of each play are those that are meant, too.
    pub plays: Vec<Play>,
    /// The password of `--ask-become-pass`, for all hosts.
    become_password: Option<String>,
}

/// A host that is meant.
pub struct SiteHost {
    /// Its name.
    pub name: String,
    /// Its variables, winners first, with the defaults of roles below.
    pub variables: Variables,
    /// How it is reached.
    pub connection: Connection,
}

/// How hosts are reached in a run.
pub struct Lines {
    settings: BTreeMap<String, Connection>,
    /// What is known of their keys.
    pub host_keys: HostKeys,
    config: SshConfig,
    /// How long is waited.
    pub patience: Patience,
}

impl Project {
    /// The project that the current folder is in.
    ///
    /// # Errors
    /// There is none; hoist.yml has mistakes.
    pub fn load(problems: &mut Diagnostics) -> Result<Self, Diagnostics> {
        let here = std::env::current_dir().map_err(|error| Diagnostic::error(format!("the current folder cannot be read: {error}")))?;
        let layout = Layout::find(&here)?;
        let config = Config::load(&layout, problems);
        Ok(Self { layout, config, templates: Templates::default(), identity: Vec::new(), identities: OnceLock::new() })
    }

    /// The same with the identities that were named on the command line.
    pub fn with_identity(self, identity: &[PathBuf]) -> Self {
        Self { identity: identity.to_vec(), ..self }
    }

    /// Whether an environment wants its name typed.
    pub fn protected(&self, environment: &str) -> bool {
        self.config.environments.get(environment).is_some_and(|environment| environment.protected)
    }

    /// Where the host keys of an environment are kept.
    pub fn known_hosts(&self, environment: &str) -> PathBuf {
        self.layout.on_disk(self.layout.of(environment, "known_hosts"))
    }

    /// The identities that open secrets, read when they are needed first.
    ///
    /// # Errors
    /// One that was named cannot be used.
    pub fn identities(&self) -> Result<&Identities, Diagnostics> {
        self.identities.get_or_init(|| identities(&self.identity)).as_ref().map_err(Clone::clone)
    }

    /// The secrets of an environment, as a mapping; `None` when it has none.
    ///
    /// # Errors
    /// They cannot be opened, or are no mapping.
    pub fn secrets(&self, store: &Store<'_>) -> Result<Option<Node>, Diagnostics> {
        if store.bytes()?.is_none() {
            return Ok(None);
        }
        match store.open_own(self.identities()?)? {
            Some(opened) => Ok(Some(opened.document.parse(&store.what())?)),
            None => Ok(None),
        }
    }

    /// The encrypted assets of an environment, opened, by their path without `.age`.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn assets(&self, store: &Store<'_>) -> Result<OpenedAssets, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut opened = BTreeMap::new();
        for path in assets(store) {
            let plaintext = problems.take(store.asset(&path, self.identities()?));
            opened.extend(plaintext.map(|plaintext| (path.with_extension(""), Arc::new(plaintext))));
        }
        problems.or(opened)
    }

    /// The roles that hoist.yml names, each once. Mistakes in them go to `problems`.
    pub fn roles(&self, library: &Library, problems: &mut Diagnostics) -> BTreeMap<String, Role> {
        let mut roles = BTreeMap::new();
        for used in self.config.plays.iter().flat_map(|play| &play.roles) {
            if !roles.contains_key(&used.name)
                && let Some(role) = problems.take(library.role(&used.name, &used.span))
            {
                roles.insert(used.name.clone(), role);
            }
        }
        roles
    }
}

impl Site {
    /// Loads an environment: inventory, variables, plays, roles, and how each host is reached. Problems go to
    /// `problems`; `None` when there is nothing to go on with.
    pub fn load(
        project: &Project,
        name: &str,
        limit: Option<&Pattern>,
        words: Vec<crate::project::Definition>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let mut environment = Environment::load(&project.layout, name, problems)?;
        environment.set_words(words);
        let store = problems.take(Store::new(&project.layout, name))?;
        if let Some(secrets) = problems.take(project.secrets(&store))? {
            environment.set_secrets(&secrets, &store.what(), problems);
        }
        let assets = problems.take(project.assets(&store))?;
        let library = Library::new(project.layout.root(), Some(name)).with_opened(assets);
        let roles = project.roles(&library, problems);
        let bools: Vec<&str> = roles.values().flat_map(Role::bools).collect();
        environment.check_values(&|name| bools.contains(&name), problems);
        let selected: Vec<String> = match limit {
            Some(pattern) => problems.take(pattern.select(&environment.inventory))?.iter().map(|host| host.name.clone()).collect(),
            None => environment.inventory.hosts().iter().map(|host| host.name.clone()).collect(),
        };
        if selected.is_empty() {
            let span = project.layout.inventory(name).ok().map(|source| Span::whole(&source));
            let error = Diagnostic::error(format!("the environment `{name}` has no hosts"));
            problems.push(
                span.iter().fold(error, |error, span| error.at(span)).help("add a line to its inventory: `web1 ansible_host=203.0.113.10`"),
            );
            return None;
        }
        let plays: Vec<Play> = project
            .config
            .plays
            .iter()
            .filter_map(|play| site_play(project, &environment.inventory, play, &roles, &selected, problems))
            .collect();
        let mut hosts = Vec::new();
        for host in environment.inventory.hosts().iter().filter(|host| selected.contains(&host.name)) {
            let variables = environment.variables(&host.name);
            let connection = {
                let role = Role::empty();
                let scope = RoleScope::new(&project.templates, &library, &role, given(&variables), magic(&environment, &host.name));
                let scope = Scope::new(&scope);
                let resolve = |name: &str| {
                    let Some(definition) = variables.get(name) else { return Ok(None) };
                    let json = scope.variable(name)?;
                    Ok(json.map(|json| Node::from_json(&json, &definition.node.span)))
                };
                let home = std::env::home_dir();
                Connection::read(host, &variables, &resolve, project.layout.root(), home.as_deref(), problems)
            };
            let variables = variables.with_defaults(roles.values().flat_map(Role::defaults));
            hosts.extend(connection.map(|connection| SiteHost { name: host.name.clone(), variables, connection }));
        }
        super::twins::check(&environment.inventory, &hosts, problems);
        Some(Self { environment, library, hosts, plays, become_password: None })
    }

    /// The run of `verb` on this site.
    pub fn job<'a>(&'a self, project: &'a Project, verb: &'a str, tags: &[String]) -> Job<'a> {
        let patience = Duration::from_secs(project.config.settings.probe_timeout.into());
        Job { templates: &project.templates, library: &self.library, verb, tags: tags.to_vec(), plays: &self.plays, patience }
    }

    /// The hosts as the engine wants them: those that a play is for.
    pub fn fleet(&self, forks: u16) -> Fleet<'_> {
        let meant = self.hosts.iter().filter(|host| self.plays.iter().any(|play| play.hosts.contains(&host.name)));
        Fleet { targets: meant.map(|host| self.target(host)).collect(), forks: forks.into() }
    }

    /// One host as the engine wants it.
    pub fn target<'a>(&self, host: &'a SiteHost) -> Target<'a> {
        Target {
            name: host.name.clone(),
            given: given(&host.variables),
            fixed: magic(&self.environment, &host.name),
            root: Privilege::root(
                Method::named(&host.connection.become_method).unwrap_or(Method::Sudo),
                self.become_password.clone().or_else(|| host.connection.become_password.clone()),
            ),
            manner: Manner {
                become_: host.connection.use_sudo,
                become_user: host
                    .connection
                    .sudo_user
                    .as_ref()
                    .map(|user| Node::new(Value::String(user.clone()), Span::whole(&Source::new("ansible_become_user", "")))),
                ..Manner::default()
            },
            remembered: memory::recall(&host.name, &host.connection),
        }
    }

    /// How the hosts are reached.
    pub fn lines(&self, project: &Project, accept_new: bool) -> Lines {
        let policy = if accept_new { HostKeyPolicy::AcceptNew } else { HostKeyPolicy::Strict };
        let name = &self.environment.name;
        Lines {
            settings: self.hosts.iter().map(|host| (host.name.clone(), host.connection.clone())).collect(),
            host_keys: HostKeys::read(name, &project.known_hosts(name), &known_hosts::usual_files(), policy),
            config: SshConfig::of_user(),
            patience: Patience::to_connect(Duration::from_secs(project.config.settings.connect_timeout.into())),
        }
    }
}

impl Lines {
    /// Connects to a host.
    ///
    /// # Errors
    /// As [`SshConnection::connect`].
    pub fn connect(&self, target: &Target<'_>) -> Result<Box<dyn transport::Connection>, Failure> {
        let settings = &self.settings[&target.name];
        let wanted = wanted(settings);
        match settings.kind {
            ConnectionKind::Local => Ok(Box::new(LocalConnection::new())),
            // libssh2 can forward no agent.
            ConnectionKind::Ssh if !settings.forward_agent => {
                Ok(Box::new(SshConnection::connect(&self.config.target(&wanted)?, &self.host_keys, self.patience)?))
            }
            ConnectionKind::Ssh | ConnectionKind::OpenSsh => {
                let target = self.config.target(&wanted)?;
                Ok(Box::new(OpenSshConnection::connect(&wanted, &target, settings.forward_agent, &self.host_keys, self.patience)?))
            }
        }
    }

    /// Where a host is, and how to get there; none for this machine.
    ///
    /// # Errors
    /// As [`SshConfig::target`].
    pub fn way(&self, settings: &Connection) -> Result<SshTarget, Failure> {
        self.config.target(&wanted(settings))
    }
}

/// What the inventory says of how to reach a host.
fn wanted(settings: &Connection) -> Wanted {
    Wanted {
        host: settings.address.clone(),
        port: settings.port,
        user: settings.user.clone(),
        key: settings.key.clone(),
        file: settings.ssh.file.clone(),
        options: settings.ssh.options.clone(),
    }
}

/// The project, the environment and the hosts that the words of a command mean; warnings are shown.
///
/// # Errors
/// All mistakes in them.
pub fn site(words: &Words, hosts: &Hosts) -> Result<(Project, Site), Diagnostics> {
    let (name, definitions) = words.settle()?;
    let mut problems = Diagnostics::new();
    let project = Project::load(&mut problems)?.with_identity(&words.identity);
    let limit = hosts.limit.as_ref().map(|text| pattern(text, "--limit")).transpose()?;
    let site = Site::load(&project, &name, limit.as_ref(), definitions, &mut problems);
    match site {
        Some(mut site) if !problems.has_errors() => {
            crate::report::diagnostics(&problems);
            if hosts.ask_become_pass {
                site.become_password = Some(super::ask::password("Password to become root on the hosts:")?);
            }
            Ok((project, site))
        }
        _ => Err(problems),
    }
}

/// How long hosts wait for a confirmation, and how long steps and hosts may take.
pub fn patience(settings: &config::Settings) -> (Duration, Limits) {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let limits = Limits { step: settings.step_timeout.map(seconds), host: settings.host_timeout.map(seconds) };
    (seconds(settings.confirm_timeout.into()), limits)
}

/// The winners of a host's variables.
pub fn given(variables: &Variables) -> BTreeMap<String, Given<'_>> {
    let winner =
        |(name, _): (&str, _)| variables.get(name).map(|winner| (name.to_string(), Given { node: &winner.node, secret: winner.secret }));
    variables.iter().filter_map(winner).collect()
}

/// What hoist itself says of a host.
fn magic(environment: &Environment, host: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut magic = magic_variables(&environment.inventory, host);
    magic.insert("env".to_string(), environment.name.clone().into());
    magic
}

fn site_play(
    project: &Project,
    inventory: &Inventory,
    play: &config::Play,
    roles: &BTreeMap<String, Role>,
    selected: &[String],
    problems: &mut Diagnostics,
) -> Option<Play> {
    let hosts = match play.hosts.hosts(inventory) {
        Ok(hosts) => hosts,
        // A group that another environment has is no mistake here; one that none has is.
        Err(error) => {
            let known = project.layout.environments().unwrap_or_default().iter().any(|name| {
                let inventory = project.layout.inventory(name).map(|source| Inventory::read(&source, &mut Diagnostics::new()));
                inventory.is_ok_and(|inventory| play.hosts.hosts(&inventory).is_ok())
            });
            if !known {
                problems.extend(error);
            }
            return None;
        }
    };
    let hosts: Vec<String> = hosts.iter().map(|host| host.name.clone()).filter(|name| selected.contains(name)).collect();
    let hosts = ordered(hosts, play.order.as_ref(), problems);
    let rolling = rolling(play, problems);
    let call = |used: &config::RoleUse| {
        let manner = Manner { tags: used.tags.clone(), ..Manner::default() };
        Some(RoleCall { role: roles.get(&used.name)?.clone(), vars: used.vars.clone(), manner, when: used.when.clone() })
    };
    let environment = Node::new(Value::Mapping(play.environment.clone()), play.span.clone());
    let manner = Manner {
        become_: play.become_,
        become_user: play.become_user.clone(),
        environment: if play.environment.is_empty() { Vec::new() } else { vec![environment] },
        tags: play.tags.clone(),
    };
    Some(Play { hosts, roles: play.roles.iter().filter_map(call).collect(), vars: play.vars.clone(), manner, rolling })
}

fn ordered(mut hosts: Vec<String>, order: Option<&Node>, problems: &mut Diagnostics) -> Vec<String> {
    let known = ["inventory", "reverse_inventory", "sorted", "reverse_sorted"];
    let Some(node) = order else { return hosts };
    let order = problems.take(node.expect_str("`order`")).unwrap_or("inventory");
    match order {
        "inventory" => {}
        "reverse_inventory" => hosts.reverse(),
        "sorted" => hosts.sort(),
        "reverse_sorted" => {
            hosts.sort();
            hosts.reverse();
        }
        other => problems.push(Diagnostic::error(format!("unknown order `{other}`")).at(&node.span).suggest(other, known)),
    }
    hosts
}

fn rolling(play: &config::Play, problems: &mut Diagnostics) -> Rolling {
    let mut size = |node: &Node, what: &str| {
        let text = match &node.value {
            Value::Number(_, spelling) => spelling.as_str(),
            Value::String(text) => text.as_str(),
            _ => "",
        };
        let size = Size::parse(text);
        if size.is_none() {
            problems.push(
                Diagnostic::error(format!("`{what}` must be a number of hosts or a share of them, such as 2 or \"30%\"")).at(&node.span),
            );
        }
        size
    };
    let serial = match play.serial.as_ref().map(|node| (node, &node.value)) {
        None => Vec::new(),
        Some((_, Value::Sequence(items))) => items.iter().filter_map(|item| size(item, "serial")).collect(),
        Some((node, _)) => size(node, "serial").into_iter().collect(),
    };
    let max_failures = play.max_failures.as_ref().and_then(|node| size(node, "max_failures"));
    Rolling { serial, max_failures, any_errors_fatal: play.any_errors_fatal }
}
