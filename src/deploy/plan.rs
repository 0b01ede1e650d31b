//! What a deploy or a rollback is going to do: data, to be shown and then carried out.

use serde_json::{Map, Value as Json, json};

use super::app::App;
use super::choose::Seen;
use super::ledger::{Release, State};
use super::look::HostState;
use super::release::ReleaseId;
use super::version::Version;
use crate::engine::Rolling;

/// All of it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The environment.
    pub environment: String,
    /// The release that is to be live.
    pub id: ReleaseId,
    /// Its version.
    pub version: Version,
    /// Whether the release is there already, and nothing is built.
    pub rollback: bool,
    /// The hosts that take part, in their order.
    pub hosts: Vec<Seen>,
    /// Hosts on which it is live already.
    pub done: Vec<String>,
    /// Who does it.
    pub who: String,
    /// How many hosts are switched at a time.
    pub rolling: Rolling,
    /// Whether the maintenance page is shown while the release comes.
    pub maintenance: bool,
    /// An archive that is sent to the hosts, in place of a commit that they fetch.
    pub archive: Option<Archive>,
}

/// Code that comes from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// A tar.gz.
    pub bytes: std::sync::Arc<[u8]>,
    /// Whether all of it is in one folder, which is left out.
    pub strip: bool,
    /// The repository on this machine that it was made from, and what is not in it; empty: another archive.
    pub from: String,
}

impl Plan {
    /// The names of the hosts that take part.
    pub fn names(&self) -> Vec<String> {
        self.hosts.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What a host has.
    pub fn state(&self, host: &str) -> Option<&HostState> {
        self.hosts.iter().find(|(name, _)| name == host).map(|(_, state)| state)
    }

    /// Whether anything is live on one of the hosts.
    pub fn follows(&self) -> bool {
        self.hosts.iter().any(|(_, state)| state.live.is_some())
    }

    /// Whether its migrations change the database, or may: what nobody knows counts.
    pub fn migrates(&self, app: &App) -> bool {
        let known = self.version.changes.as_ref().is_some_and(|changes| !changes.migrations.is_empty());
        !self.rollback && !app.migrate.is_empty() && (known || self.version.unknown.is_some())
    }

    /// What its release is on a host when this fails. One that is only gone back to has not changed.
    pub fn failed(&self, host: &str) -> State {
        let before = self.state(host).filter(|_| self.rollback).and_then(|state| state.ledger.get(&self.id));
        before.map_or(State::Bad, |release| release.state)
    }

    /// The release, as a line of the ledger has it.
    pub fn release(&self) -> Release {
        Release {
            id: self.id.clone(),
            commit: self.version.commit.clone(),
            reference: self.version.reference.clone(),
            who: self.who.clone(),
            when: String::new(),
            state: State::Staging,
            complete: false,
            proved: false,
            turned_bad: false,
            migrated: false,
        }
    }

    /// What the tasks of the role see as `release` on a host. `switched`: whether it was switched to already.
    pub fn variables(&self, app: &App, host: &str, switched: bool) -> Map<String, Json> {
        let state = self.state(host).cloned().unwrap_or_default();
        let previous = state.live.as_ref().filter(|live| **live != self.id);
        let colour = state.colour.unwrap_or_default();
        let mut release = of(app, &self.id, state.free().as_str());
        let more = json!({
            "commit": self.version.commit,
            "ref": self.version.reference,
            "archive": if self.archive.is_some() { archive_path(app, &self.id) } else { String::new() },
            "strip": self.archive.as_ref().is_some_and(|archive| archive.strip),
            "previous": previous.map_or("", ReleaseId::as_str),
            "previous_store": previous.map(|id| store(app, id)).unwrap_or_default(),
            "previous_colour": colour.as_str(),
            "switched": switched,
            "prune": self.prunes(app, &state).iter().map(ReleaseId::as_str).collect::<Vec<_>>(),
        });
        release.extend(more.as_object().cloned().unwrap_or_default());
        Map::from_iter([("release".to_string(), Json::Object(release))])
    }

    /// The folder of the release.
    pub fn folder(&self, app: &App) -> String {
        folder(app, &self.id)
    }

    /// The folder of what hoist itself keeps of the release.
    pub fn store(&self, app: &App) -> String {
        store(app, &self.id)
    }

    /// What goes from a host when all is well. After a rollback nothing goes.
    pub fn prunes(&self, app: &App, state: &HostState) -> Vec<ReleaseId> {
        if self.rollback {
            return Vec::new();
        }
        let mut ledger = state.ledger.clone();
        ledger.releases.retain(|release| release.id != self.id);
        ledger.releases.push(Release { state: State::Good, complete: true, ..self.release() });
        ledger.prune(&self.id, app.keep)
    }
}

/// What tasks see as `release` of a release that is live already, to compare with.
pub fn live(app: &App, id: &ReleaseId) -> Map<String, Json> {
    let mut release = of(app, id, "blue");
    release.insert("archive".to_string(), json!(""));
    release.insert("prune".to_string(), json!([]));
    Map::from_iter([("release".to_string(), Json::Object(release))])
}

fn of(app: &App, id: &ReleaseId, colour: &str) -> Map<String, Json> {
    let release = json!({
        "id": id.as_str(),
        "number": id.number(),
        "path": folder(app, id),
        "store": store(app, id),
        "colour": colour,
    });
    release.as_object().cloned().unwrap_or_default()
}

/// The folder of a release.
pub fn folder(app: &App, id: &ReleaseId) -> String {
    format!("{}/releases/{id}", app.root)
}

/// The folder of what hoist itself keeps of a release.
pub fn store(app: &App, id: &ReleaseId) -> String {
    format!("/var/lib/hoist/apps/{}/releases/{id}", app.name)
}

/// Where an archive waits on a host to be unpacked.
pub fn archive_path(app: &App, id: &ReleaseId) -> String {
    format!("{}/cache/{id}.tar.gz", app.root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::sample;
    use crate::deploy::version::Changes;

    fn app(migrate: &str, migrations: &str) -> App {
        sample::app(&json!({ "app_migrate": migrate, "app_migrations": migrations }))
    }

    fn plan(changes: Option<&[&str]>, unknown: bool) -> Plan {
        let known = |files: &[&str]| Changes { migrations: files.iter().map(ToString::to_string).collect(), ..Changes::default() };
        let version = Version { changes: changes.map(known), unknown: unknown.then(|| "why".to_string()), ..Version::default() };
        Plan { version, ..sample::plan(Vec::new()) }
    }

    #[test]
    fn what_nobody_knows_counts_as_a_migration_if_there_is_a_command_for_them() {
        let (with, without) = (app("migrate", "db"), app("migrate", ""));
        assert!(plan(Some(&["db/1.sql"]), false).migrates(&with));
        assert!(!plan(Some(&[]), false).migrates(&with));
        assert!(!plan(None, false).migrates(&with), "nothing is live");
        for app in [&with, &without] {
            assert!(plan(None, true).migrates(app) && plan(Some(&[]), true).migrates(app));
        }
        assert!(!plan(None, true).migrates(&app("", "")));
        assert!(!Plan { rollback: true, ..plan(None, true) }.migrates(&with));
    }

    #[test]
    fn a_rollback_that_fails_leaves_a_release_what_it_was_and_a_deploy_that_fails_leaves_none() {
        let lines = [("2-ccccccc", "good", "c"), ("3-ddddddd", "good", "d")];
        let mut plan = Plan { rollback: true, ..sample::plan(vec![sample::host("web1", Some("3-ddddddd"), &lines)]) };
        assert_eq!(plan.failed("web1"), State::Good, "it can be gone back to once more");
        plan.rollback = false;
        assert_eq!(plan.failed("web1"), State::Bad);
    }
}
