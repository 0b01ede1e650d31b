//! An environment of a project, with the hosts that are meant.

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::{SiteHost, given};
use super::play::{one_application, site_play};
use super::{Project, twins};
use crate::cli::secrets::store::Store;
use crate::cli::selection::Hosts;
use crate::cli::{ask, memory};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::engine::{Fleet, Job, Method, Play, Privilege, Target};
use crate::project::{Definition, Environment, Library, Manner, Pattern, Role, config};
use crate::yaml::{Node, Value};

/// An environment of a project, with the hosts that are meant.
pub struct Site {
    /// The environment.
    pub environment: Environment,
    /// Its roles, templates and files.
    pub library: Library,
    /// All roles of hoist.yml, also those of plays that are for no host here.
    pub roles: Vec<Role>,
    /// The hosts that are meant, in the order of the inventory.
    pub hosts: Vec<SiteHost>,
    /// Which roles they get. The hosts of each play are those that are meant, too.
    pub plays: Vec<Play>,
    /// The password of `--ask-become-pass`, for all hosts.
    become_password: Option<String>,
}

impl Site {
    /// Loads an environment: inventory, variables, plays, roles, and how each host is reached. Problems go to
    /// `problems`; `None` when there is nothing to go on with.
    pub fn load(
        project: &Project,
        name: &str,
        limit: Option<&Pattern>,
        words: Vec<Definition>,
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
        environment.check_values(&|name| roles.iter().find_map(|role| role.input(name)).map(|input| &input.shape), problems);
        let selected = selected(project, &environment, limit, problems)?;
        let written = project.config.plays.iter();
        let plays: Vec<(&config::Play, Play)> = written
            .filter_map(|play| Some((play, site_play(project, &environment.inventory, play, &roles, &selected, problems)?)))
            .collect();
        one_application(&plays, problems);
        let plays: Vec<Play> = plays.into_iter().map(|(_, play)| play).collect();
        let meant = environment.inventory.hosts().iter().filter(|host| selected.contains(&host.name));
        let names = role_names(&plays);
        let names = |host: &str| names.get(host).map(Vec::as_slice).unwrap_or_default();
        let hosts: Vec<SiteHost> =
            meant.filter_map(|host| SiteHost::read(project, &environment, &library, &roles, host, names(&host.name), problems)).collect();
        twins::check(&environment.inventory, &hosts, problems);
        Some(Self { environment, library, roles, hosts, plays, become_password: None })
    }

    /// Asks for the password to become root, if that is wanted.
    ///
    /// # Errors
    /// Nobody can be asked.
    pub fn ask_become_password(&mut self, hosts: &Hosts) -> Result<(), Diagnostics> {
        if hosts.ask_become_pass {
            self.become_password = Some(ask::password("Password to become root on the hosts:")?);
        }
        Ok(())
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
            fixed: host.fixed.clone(),
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
}

/// The roles that each host gets, each once, in their order.
fn role_names(plays: &[Play]) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for play in plays {
        for host in &play.hosts {
            let all = names.entry(host.clone()).or_default();
            for call in &play.roles {
                if !all.contains(&call.role.name) {
                    all.push(call.role.name.clone());
                }
            }
        }
    }
    names
}

/// The names of the hosts that are meant; `None` when that is none.
fn selected(project: &Project, environment: &Environment, limit: Option<&Pattern>, problems: &mut Diagnostics) -> Option<Vec<String>> {
    let selected: Vec<String> = match limit {
        Some(pattern) => problems.take(pattern.select(&environment.inventory))?.iter().map(|host| host.name.clone()).collect(),
        None => environment.inventory.hosts().iter().map(|host| host.name.clone()).collect(),
    };
    if selected.is_empty() {
        let span = project.layout.inventory(&environment.name).ok().map(|source| Span::whole(&source));
        let error = Diagnostic::error(format!("the environment `{}` has no hosts", environment.name)).missing();
        problems.push(
            span.iter().fold(error, |error, span| error.at(span)).help("add a line to its inventory: `web1 ansible_host=203.0.113.10`"),
        );
        return None;
    }
    Some(selected)
}
