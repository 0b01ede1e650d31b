//! The application, as the inputs of the `app` role describe it for a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use super::inspect::inspect;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::resource::git_url::{GitRef, GitUrl};

/// The role that brings releases.
pub const ROLE: &str = "app";

/// Its verbs that a deploy is made of. Nothing else runs them, and a deploy runs no others by these names.
pub const VERBS: [&str; 8] = ["stage", "compare", "migrate", "start", "switch", "check", "retire", "revert"];

/// What a deploy must know of it. The tasks of the role know the rest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct App {
    /// Letters, digits and `-`: it names units and folders.
    #[serde(rename = "app_name")]
    pub name: String,
    /// The folder of its releases.
    #[serde(rename = "app_root")]
    pub root: String,
    /// Whom it is built and run as.
    #[serde(rename = "app_user")]
    pub user: String,
    /// Where its code is; empty when it comes in archives only.
    #[serde(rename = "app_repo")]
    pub repo: String,
    /// What to deploy.
    #[serde(rename = "git_version")]
    pub version: String,
    /// Set when the repository wants a key of its own.
    #[serde(rename = "app_deploy_key")]
    deploy_key: String,
    /// Whether a new SSH host key is recorded.
    #[serde(rename = "app_accept_newhostkey")]
    pub accept_newhostkey: bool,
    /// The command that migrates; empty: there is none.
    #[serde(rename = "app_migrate")]
    pub migrate: String,
    /// The folder whose files are migrations.
    #[serde(rename = "app_migrations")]
    pub migrations: String,
    /// What runs, by name.
    #[serde(rename = "app_processes")]
    pub processes: BTreeMap<String, Json>,
    /// How many good releases stay.
    #[serde(rename = "app_keep", deserialize_with = "count")]
    pub keep: usize,
    /// Commands on this machine, by the moment at which they run.
    #[serde(rename = "app_local_hooks")]
    pub local_hooks: BTreeMap<String, Vec<String>>,
    /// Addresses that are told what happens.
    #[serde(rename = "app_notify")]
    pub notify: BTreeMap<String, Option<String>>,
}

/// A number that is refused with its place when it is none of things.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(usize::try_from(i64::deserialize(deserializer)?).unwrap_or_default())
}

impl App {
    /// Reads the inputs of the role. `places` tells where a path of names leads to, from a variable on.
    ///
    /// # Errors
    /// What is wrong in them.
    pub fn read(inputs: &Map<String, Json>, places: &dyn Fn(&[&str]) -> Option<Span>) -> Result<Self, Diagnostics> {
        let app: Self = serde_path_to_error::deserialize(Json::Object(inputs.clone())).map_err(|error| {
            let (path, said) = (error.path().to_string(), error.inner().to_string());
            let said = if said.starts_with("invalid type: null") { "null is no value for it".to_string() } else { said };
            let steps: Vec<&str> = path.split('.').collect();
            places(&steps).iter().fold(Diagnostic::error(format!("`{path}` of the app role: {said}")), Diagnostic::at)
        })?;
        let mut problems = inspect(inputs, places);
        let at = |error: Diagnostic, path: &[&str]| places(path).iter().fold(error, Diagnostic::at);
        let name = |text: &str| {
            text.len() <= 40
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        let names = app.processes.keys().map(|name| (name, vec!["app_processes", name]));
        for (bad, path) in std::iter::once((&app.name, vec!["app_name"])).chain(names).filter(|(text, _)| !name(text)) {
            let error = Diagnostic::error(format!("`{}` is no name for an application or its process", bad.escape_debug()));
            let help = "small letters, digits and `-`, a letter first: units and upstreams are called by it";
            problems.push(at(error, &path).help(help));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
        // By default it is made of the name, which was told of.
        let told = !name(&app.name) && app.root.ends_with(&app.name);
        let odd = !app.root.starts_with('/')
            || !app.root.chars().all(plain)
            || app.root.split('/').any(|part| part == "..")
            || app.root.len() < 3;
        if odd && !told {
            let error = Diagnostic::error(format!("`app_root: {}` is no folder for releases", app.root.escape_debug()));
            problems.push(at(error, &["app_root"]).help("an absolute path of letters, digits, `_`, `.` and `-`: /srv/shop"));
        }
        let ports = app.processes.iter().filter_map(|(name, process)| Some((name, process.get("port")?)));
        for (name, port) in ports.filter(|(_, port)| !port.as_u64().is_some_and(|port| (1..=65535).contains(&port))) {
            let error = Diagnostic::error(format!("`port` of the process `{name}` must be a number from 1 to 65535, this is {port}"));
            problems.push(at(error, &["app_processes", name, "port"]));
        }
        problems.or(app)
    }

    /// Its repository.
    ///
    /// # Errors
    /// There is none, or it is none that git may be given.
    pub fn repository(&self) -> Result<GitUrl, Diagnostic> {
        if self.repo.is_empty() {
            return Err(Diagnostic::error("`app_repo` is not set, so there is nothing to take a version from")
                .help("set it in group_vars: `app_repo: git@github.com:org/app.git`")
                .help("or deploy what you have: `--archive FILE`, `--from-local`"));
        }
        GitUrl::parse(&self.repo)
    }

    /// What is to be deployed.
    ///
    /// # Errors
    /// It is no branch, tag or commit.
    pub fn wanted(&self) -> Result<GitRef, Diagnostic> {
        GitRef::parse(&self.version)
    }

    /// The key for the repository, on the host.
    pub fn key_file(&self) -> Option<String> {
        (!self.deploy_key.is_empty()).then(|| format!("{}/cache/deploy_key", self.root))
    }

    /// Whether it has processes that nginx hands requests to.
    pub fn has_web(&self) -> bool {
        self.processes.values().any(|process| process.get("port").is_some())
    }
}
