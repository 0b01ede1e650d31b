//! A project: what does not depend on an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::cli::secrets::rekey::assets;
use crate::cli::secrets::store::{Store, identities};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::library::OpenedAssets;
use crate::project::{Config, Layout, Library, Role};
use crate::secret::Identities;
use crate::template::Templates;
use crate::yaml::Node;

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

    /// The roles that hoist.yml names, each once, in its order. Mistakes in them go to `problems`.
    pub fn roles(&self, library: &Library, problems: &mut Diagnostics) -> Vec<Role> {
        let mut seen = BTreeSet::new();
        let used = self.config.plays.iter().flat_map(|play| &play.roles).filter(|used| seen.insert(&used.name));
        used.filter_map(|used| problems.take(library.role(&used.name, &used.span))).collect()
    }
}
