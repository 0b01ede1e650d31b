//! Packages that are to be gone, and what goes with them.

use super::{lists, steps};
use crate::resource::{Action, Change, Guard, Probe, Reply, Unreadable};
use crate::shell::Script;

/// Packages to remove.
pub(super) struct Remove {
    /// None: only packages that are no longer needed go.
    pub names: Vec<String>,
    pub purge: bool,
    pub autoremove: bool,
}

impl Remove {
    /// Asks what is there, and what would go with it.
    pub fn probe(&self, probe: &mut Probe) {
        self.names.iter().for_each(|name| probe.package(name));
        probe.guard(&self.simulation());
        probe.apt();
    }

    fn simulation(&self) -> Guard {
        let mut script = Script::new();
        script.words("set --", self.names.iter().map(String::as_str));
        if !self.names.is_empty() {
            script.line("set -- $(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\\n' -- \"$@\" 2>/dev/null |", &[]);
            let gone = if self.purge { "/ not-installed$/d" } else { "/ not-installed$/d; / config-files$/d" };
            script.line("  sed {})", &[&format!("{gone}; s/ .*//")]);
        }
        // apt-get takes a second to think, so it is asked only if there is something to ask.
        let ask = match (self.purge, self.autoremove) {
            (false, false) => "[ $# -eq 0 ] || hoist_apt_try remove -- \"$@\"",
            (true, false) => "[ $# -eq 0 ] || hoist_apt_try purge -- \"$@\"",
            (false, true) => "hoist_apt_try remove --auto-remove -- \"$@\"",
            (true, true) => "hoist_apt_try purge --auto-remove -- \"$@\"",
        };
        script.line(ask, &[]);
        super::simulation(script)
    }

    /// Removes what is there, and exactly what the simulation says goes with it.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let mut there = Vec::new();
        let mut residues = Vec::new();
        for name in &self.names {
            let package = reply.package(name)?;
            match package.status.as_str() {
                "config-files" if !self.purge => {}
                "" if package.installed.is_none() => {}
                status => {
                    there.push(name.as_str());
                    residues.extend((status == "config-files").then_some(name.as_str()));
                }
            }
        }
        let outcome = reply.guard(&self.simulation(), "the simulation of apt-get")?;
        let mut going: Vec<_> = steps(outcome, "apt cannot remove this")?.into_iter().filter(|step| step.verb != "Inst").collect();
        if there.is_empty() && going.is_empty() {
            return Ok(None);
        }
        going.sort_by_key(|step| (!self.names.iter().any(|name| name == step.name), step.name));
        let mut change = lists::prepare(Change::new(Action::Delete, Script::new()), reply.apt()?, None);
        for step in &going {
            let version = step.old.unwrap_or_default();
            let named = self.names.iter().any(|name| name == step.name);
            change = change.note(match (named, self.names.is_empty()) {
                (true, _) if residues.contains(&step.name) => format!("{} {version} (configuration files)", step.name),
                (true, _) | (false, true) => format!("{} {version}", step.name),
                (false, false) => format!("{} {version} (goes with it)", step.name),
            });
        }
        let mut expected: Vec<&str> = going.iter().map(|step| step.name).collect();
        expected.sort_unstable();
        let expected = expected.join("\n");
        let mut words = vec![expected.as_str(), if self.purge { "purge" } else { "remove" }];
        words.extend(self.autoremove.then_some("--auto-remove"));
        words.push("--");
        change.script.words("hoist_apt_remove", words.into_iter().chain(there));
        Ok(Some(change))
    }
}
