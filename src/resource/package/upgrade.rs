//! All packages in their newest versions.

use super::lists::{self, Lists};
use super::steps;
use crate::resource::{Action, Change, Guard, Probe, Reply, Unreadable};
use crate::shell::Script;

/// An upgrade of the whole host.
pub(super) struct Upgrade {
    /// Packages may go for it.
    pub full: bool,
    pub autoremove: bool,
    pub lists: Lists,
}

impl Upgrade {
    /// Asks what apt-get would do.
    pub fn probe(&self, probe: &mut Probe) {
        probe.apt();
        probe.guard(&self.simulation());
    }

    fn simulation(&self) -> Guard {
        let mut script = Script::new();
        script.words("hoist_apt_try", self.words());
        super::simulation(script)
    }

    fn words(&self) -> Vec<&'static str> {
        let mut words = if self.full { vec!["dist-upgrade"] } else { vec!["upgrade", "--with-new-pkgs"] };
        words.extend(self.autoremove.then_some("--auto-remove"));
        words
    }

    /// Upgrades what has a newer version, in lists that are fresh enough.
    pub fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let apt = reply.apt()?;
        let due = self.lists.due(apt);
        let outcome = reply.guard(&self.simulation(), "the simulation of apt-get")?;
        // apt-get refuses while dpkg is interrupted; then it is mended first and the rest shows in the run.
        let steps = if apt.interrupted { Vec::new() } else { steps(outcome, "apt cannot upgrade this host")? };
        if steps.is_empty() && due.is_none() && !apt.interrupted {
            return Ok(None);
        }
        let mut change = lists::prepare(Change::new(Action::Update, Script::new()), apt, due.as_deref());
        for step in &steps {
            change = change.note(match (step.verb, step.old, step.new) {
                ("Inst", Some(old), Some(new)) => format!("{} {old} -> {new}", step.name),
                ("Inst", _, new) => format!("{} {} (new)", step.name, new.unwrap_or_default()),
                (_, old, _) => format!("{} {} (removed)", step.name, old.unwrap_or_default()),
            });
        }
        if due.is_some() || apt.interrupted {
            change = change.note("and what is newer then");
        }
        change.script.words("hoist_apt", self.words());
        Ok(Some(change))
    }
}
