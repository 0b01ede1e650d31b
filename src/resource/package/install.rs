//! Packages that are to be there, in some version or the newest.

use super::State;
use super::lists::{self, Lists};
use crate::diagnostic::{Diagnostic, Span};
use crate::resource::question::candidates;
use crate::resource::{Action, Apt, Change, Guard, Package, Probe, Reply, Unreadable, name};
use crate::shell::Script;

/// Packages to install.
pub(super) struct Install {
    pub wanted: Vec<Wanted>,
    pub newest: bool,
    pub lists: Lists,
    pub release: Option<String>,
    pub recommends: Option<bool>,
    pub downgrades: bool,
    pub removals: bool,
}

/// A package as the user names it.
pub(super) struct Wanted {
    pub name: String,
    /// A version, or the beginning of one with `*` behind it.
    pub version: Option<String>,
}

/// A package that is not as wanted.
struct Todo<'a> {
    wanted: &'a Wanted,
    now: &'a Package,
    /// What apt would install.
    candidate: Option<String>,
}

impl Wanted {
    /// Reads `nginx`, `nginx=1.22.1-9` or `nginx=1.22*`.
    pub fn read(text: &str, span: &Span, state: State) -> Result<Self, Diagnostic> {
        let (plain, version) = text.split_once('=').map_or((text, None), |(plain, version)| (plain, Some(version)));
        name::package(plain, span).map_err(|error| match plain.contains(['*', '?']) {
            true => error.help("names are no patterns here: write each package"),
            false => error,
        })?;
        if let Some(version) = version {
            let start = version.strip_suffix('*').unwrap_or(version);
            if start.is_empty() || !start.chars().all(|c| c.is_ascii_alphanumeric() || ".+:~_-".contains(c)) {
                let error = Diagnostic::error(format!("`{version}` is no version of `{plain}`")).at(span);
                return Err(error.help(match version.contains([' ', '=']) {
                    true => "what a kind takes is a mapping: `package: { name: nginx, state: present }`",
                    false => "such as `nginx=1.22.1-9` or `nginx=1.22*`",
                }));
            }
            if state != State::Present {
                return Err(Diagnostic::error(format!("`{text}` asks for a version, which only goes with `state: present`")).at(span));
            }
        }
        Ok(Self { name: plain.to_string(), version: version.map(str::to_string) })
    }

    /// Whether `version` is one that is asked for.
    fn accepts(&self, version: &str) -> bool {
        match self.version.as_deref().map(|wanted| wanted.strip_suffix('*').ok_or(wanted)) {
            None => true,
            Some(Ok(start)) => version.starts_with(start),
            Some(Err(exact)) => version == exact,
        }
    }

    /// As apt-get takes it.
    fn word(&self) -> String {
        self.version.as_ref().map_or_else(|| self.name.clone(), |version| format!("{}={version}", self.name))
    }
}

impl Todo<'_> {
    /// Whether apt has never heard of it.
    fn unknown(&self) -> bool {
        self.candidate.is_none() && !self.now.listed && self.now.installed.is_none()
    }

    /// `nginx 1.22 -> 1.24`, as far as it is known.
    fn note(&self, refreshed: bool) -> String {
        let name = &self.wanted.name;
        let after = match (self.candidate.as_deref().filter(|version| self.wanted.accepts(version)), &self.wanted.version) {
            (Some(version), _) => version,
            (None, Some(version)) => version,
            (None, None) if refreshed => "(its version is known after the refresh)",
            (None, None) => "(apt chooses what provides it)",
        };
        match &self.now.installed {
            Some(before) => format!("{name} {before} -> {after}"),
            None if ["", "config-files"].contains(&self.now.status.as_str()) => format!("{name} {after}"),
            None => format!("{name} {} -> {after}", self.now.status),
        }
    }
}

impl Install {
    /// Asks what is there and what would come.
    pub fn probe(&self, probe: &mut Probe) {
        for wanted in &self.wanted {
            if self.newest { probe.newest(&wanted.name) } else { probe.candidate(&wanted.name) }
        }
        if let Some(guard) = self.policy() {
            probe.guard(&guard);
        }
    }

    /// Installs what is missing or has another version than wanted.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let mut todo = Vec::new();
        let mut newest: Vec<(&Wanted, &str)> = Vec::new();
        for wanted in &self.wanted {
            let now = reply.package(&wanted.name)?;
            match &now.installed {
                None if now.provider.is_some() && wanted.version.is_none() => {}
                Some(version) if !self.newest && wanted.accepts(version) => {}
                installed => {
                    let candidate = self.candidate(reply, wanted, now)?;
                    match installed {
                        Some(version) if self.newest && candidate.as_ref().is_none_or(|candidate| candidate == version) => {
                            newest.push((wanted, version));
                        }
                        _ => todo.push(Todo { wanted, now, candidate }),
                    }
                }
            }
        }
        if todo.is_empty() && newest.is_empty() {
            return Ok(None);
        }
        let apt = reply.apt()?;
        let unknown = todo.iter().find(|todo| todo.unknown()).map(|todo| todo.wanted.name.as_str());
        let due = if todo.is_empty() { self.lists.due(apt) } else { self.lists.due_for_install(apt, unknown) };
        match (unknown, &due) {
            (Some(name), None) => {
                return Err(Unreadable::new(format!("apt knows no package `{name}`"))
                    .help("is the name right for this release of the distribution? is a package source missing?"));
            }
            // What is the newest is only known after a refresh; without one, all is as wanted.
            (_, None) => newest.clear(),
            _ => {}
        }
        if todo.is_empty() && newest.is_empty() {
            return Ok(None);
        }
        if let Some(held) = todo.iter().find(|todo| todo.now.held && todo.now.installed.is_some()) {
            let (name, version) = (&held.wanted.name, held.now.installed.as_deref().unwrap_or_default());
            return Err(Unreadable::new(format!("`{name}` is held at version {version}"))
                .help(format!("`apt-mark unhold {name}` on the host lets it go")));
        }
        Ok(Some(self.change(apt, due.as_deref(), &todo, &newest)))
    }

    fn change(&self, apt: &Apt, due: Option<&str>, todo: &[Todo<'_>], newest: &[(&Wanted, &str)]) -> Change {
        let update = !newest.is_empty() || todo.iter().any(|todo| todo.now.installed.is_some());
        let action = if update { Action::Update } else { Action::Create };
        let mut change = lists::prepare(Change::new(action, Script::new()), apt, due);
        for todo in todo {
            change = change.note(todo.note(due.is_some()));
        }
        for (wanted, version) in newest {
            change = change.note(format!("{} {version} -> what is the newest then", wanted.name));
        }
        let mut words: Vec<String> = Vec::new();
        words.extend(self.recommends.map(|with| if with { "--install-recommends" } else { "--no-install-recommends" }.to_string()));
        words.extend(self.release.iter().flat_map(|release| ["-t".to_string(), release.clone()]));
        words.extend(self.downgrades.then(|| "--allow-downgrades".to_string()));
        words.push("--".to_string());
        words.extend(todo.iter().map(|todo| todo.wanted.word()).chain(newest.iter().map(|(wanted, _)| wanted.word())));
        let command = if self.removals { "hoist_apt install" } else { "hoist_apt_install" };
        change.script.words(command, words.iter().map(String::as_str));
        change
    }

    /// What would come of a package.
    fn candidate(&self, reply: &Reply, wanted: &Wanted, now: &Package) -> Result<Option<String>, Unreadable> {
        let (Some(guard), Some(release)) = (self.policy(), &self.release) else { return Ok(now.candidate.clone()) };
        let outcome = reply.guard(&guard, "`apt-cache policy`")?;
        super::steps(outcome, &format!("apt does not know the release `{release}`"))?;
        Ok(candidates(&outcome.stdout).get(wanted.name.as_str()).copied().flatten().map(str::to_string))
    }

    /// Asks what would come of the release that packages are to come from.
    fn policy(&self) -> Option<Guard> {
        let mut script = Script::new();
        script.line("set -- {}", &[&format!("APT::Default-Release={}", self.release.as_ref()?)]);
        script.words("hoist_apt_policy -o \"$1\" --", self.wanted.iter().map(|wanted| wanted.name.as_str()));
        Some(super::simulation(script))
    }
}
