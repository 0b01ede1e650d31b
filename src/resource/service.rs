//! `service`: a unit of systemd, running or not, at boot or not.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Change, Guard, Kind, Probe, Reply, Subject, Unit, Unreadable, Written, name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;
use crate::shell::Script;

/// A unit of systemd (a service, timer, socket, ...) runs or not, and starts at boot or not.
///
/// ```yaml
/// provision:
///   - name: nginx runs, now and after a boot
///     service: { name: nginx, state: started, enabled: true }
/// handlers:
///   - name: reload nginx
///     service: { name: nginx, state: reloaded, validate: nginx -t }
/// ```
///
/// `started` and `stopped` do something only when it is needed; `restarted` and `reloaded` always act, so their place is a
/// handler. A unit that was started counts as done when it is active, and for a simple service, when it still is a second
/// later; otherwise the step fails and shows the last lines of its journal. A unit file that changed on disk makes
/// systemd read its files again by itself.
///
/// `service` covers Ansible's `systemd`, `systemd_service` and `service`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Its name; `.service` is added when it has no suffix of a unit.
    name: Option<String>,
    /// `started` (or `running`), `stopped`, `restarted`, or `reloaded`, which starts it if it is stopped.
    state: Option<State>,
    /// Whether it starts at boot.
    enabled: Option<bool>,
    /// Whether it is made impossible to start.
    masked: Option<bool>,
    /// Makes systemd read its unit files again if one changed. Needs no `name`.
    #[serde(default)]
    daemon_reload: bool,
    /// A command that must succeed before the unit is started, restarted or reloaded; if it fails, the unit is left as it is.
    /// In a handler, the files and links that notified it are then put back as they were before the run.
    validate: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[serde(alias = "running")]
    Started,
    Stopped,
    Restarted,
    Reloaded,
}

/// A unit of systemd.
pub struct Service {
    args: Args,
    /// The full name; `None`: only `daemon_reload`.
    unit: Option<String>,
}

impl Kind for Service {
    const NAME: &'static str = "service";
    const ALIASES: &'static [&'static str] = &["systemd", "systemd_service"];
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, _: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let unit = args.name.as_ref().and_then(|text| problems.take(name::unit(text, written.span("name"))));
        let asks = args.state.is_some() || args.enabled.is_some() || args.masked.is_some();
        if args.name.is_none() && (asks || !args.daemon_reload) {
            problems.push(Diagnostic::error("`service` needs `name`").at(written.key_span));
        } else if !asks && !args.daemon_reload {
            let error = Diagnostic::error("`service` needs `state`, `enabled` or `masked`").at(written.key_span);
            problems.push(error.help("such as `state: started, enabled: true`"));
        }
        if args.masked == Some(true) && (args.enabled == Some(true) || args.state.is_some_and(|state| state != State::Stopped)) {
            problems.push(written.error("masked", "what is masked can neither run nor start at boot"));
        }
        if args.validate.is_some() && args.state.is_none_or(|state| state == State::Stopped) {
            problems.push(written.error("validate", "`validate` goes with `state: started`, `restarted` or `reloaded`"));
        }
        problems.or(Self { args, unit })
    }

    fn subject(&self) -> String {
        self.unit.as_deref().map_or("systemd", |unit| unit.strip_suffix(".service").unwrap_or(unit)).to_string()
    }

    /// A unit that did not run then is stopped: the rules of a firewall go with it.
    fn undo(&self, reply: &Reply) -> Option<Script> {
        let (unit, mut script) = (self.unit.as_ref()?, Script::new());
        script.line("systemctl daemon-reload", &[]);
        // A service that went up and down too often, or failed, would not be started.
        script.line("systemctl reset-failed -- {} 2>/dev/null || :", &[unit]);
        let ran = reply.unit(unit).is_ok_and(|now| ["active", "reloading", "refreshing"].contains(&now.active.as_str()));
        script.line(
            match self.args.state {
                _ if !ran => "systemctl stop -- {}",
                Some(State::Restarted) => "systemctl restart -- {}",
                _ => "systemctl reload-or-restart -- {}",
            },
            &[unit],
        );
        Some(script)
    }

    fn validator(&self) -> Option<Script> {
        let command = self.args.validate.as_ref()?;
        let mut script = Script::new();
        script.line("timeout 60 sh -c {}", &[command]);
        Some(script)
    }

    fn probe(&self, probe: &mut Probe) {
        if let Some(unit) = &self.unit {
            probe.unit(unit);
            probe.stat(&file(unit));
        }
        if self.args.daemon_reload {
            probe.guard(&stale_units());
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let stale = self.args.daemon_reload
            && reply.guard(&stale_units(), "`systemctl show`")?.stdout.lines().any(|line| line == "NeedDaemonReload=yes");
        let mut change = Change::new(Action::Run, Script::new());
        let now = self.unit.as_ref().map(|unit| reply.unit(unit)).transpose()?;
        let verb = match (&self.unit, now) {
            (Some(unit), Some(now)) => {
                let to_come = reply.path(&file(unit)).is_ok_and(|state| state.stat.is_some());
                self.check(unit, now, to_come)?;
                self.verb(unit, now)?
            }
            _ => None,
        };
        if let (Some(command), Some(unit), true) = (&self.args.validate, &self.unit, verb.is_some()) {
            change.script.line("hoist_validate {} {}", &[&format!("{unit} was left as it is"), command]);
        }
        if stale || now.is_some_and(|now| now.stale) {
            change.script.line("systemctl daemon-reload", &[]);
            change = change.note("systemd reads its unit files again");
        }
        if let (Some(unit), Some(now)) = (&self.unit, now) {
            let id = if now.id.is_empty() { unit } else { &now.id };
            change = self.unmask(change, id, now);
            change = self.enable(change, id, now)?;
            if let Some(verb) = verb {
                change = verb.done(change, id, now);
            }
            change = self.mask(change, id, now).moves(Subject::Unit(unit.clone())).moves(Subject::Unit(id.clone()));
        }
        Ok((!change.diff.is_empty()).then_some(change))
    }
}

impl Service {
    /// Refuses what systemd does not have or cannot read.
    fn check(&self, unit: &str, now: &Unit, to_come: bool) -> Result<(), Unreadable> {
        // An earlier step is to write its file: systemd will know it then.
        let gone = now.load == "not-found" && ["inactive", ""].contains(&now.active.as_str()) && !to_come;
        if gone && (self.args.state.is_some() || self.args.enabled.is_some()) {
            return Err(Unreadable::new(format!("systemd knows no `{unit}`"))
                .help("is the name right? is the package or the unit file that brings it missing?"));
        }
        if ["bad-setting", "error"].contains(&now.load.as_str()) && !now.stale {
            return Err(Unreadable::new(format!("systemd cannot read `{unit}`: {}", now.load))
                .help(format!("`systemd-analyze verify {unit}` on the host says what is wrong")));
        }
        let starts = self.args.enabled == Some(true) || self.args.state.is_some_and(|state| state != State::Stopped);
        if now.load == "masked" && self.args.masked != Some(false) && starts {
            return Err(Unreadable::new(format!("`{unit}` is masked, so it cannot be started")).help("`masked: false` unmasks it"));
        }
        Ok(())
    }

    fn unmask(&self, mut change: Change, id: &str, now: &Unit) -> Change {
        if self.args.masked != Some(false) || !now.file.starts_with("masked") {
            return change;
        }
        change.script.line("systemctl unmask -- {}", &[id]);
        updated(change).attribute("masked", "masked", "unmasked")
    }

    fn mask(&self, mut change: Change, id: &str, now: &Unit) -> Change {
        if self.args.masked != Some(true) || now.file.starts_with("masked") {
            return change;
        }
        change.script.line("systemctl mask -- {}", &[id]);
        updated(change).attribute("masked", "unmasked", "masked")
    }

    fn enable(&self, mut change: Change, id: &str, now: &Unit) -> Result<Change, Unreadable> {
        let Some(wanted) = self.args.enabled else { return Ok(change) };
        let enabled = match now.file.as_str() {
            "enabled" | "alias" => true,
            // It has no say of its own: another unit, or an init script, decides.
            "indirect" => wanted,
            // What systemd knows of a file that changed since is not what it will know after reading it again.
            "static" | "transient" if wanted && !now.wanted && now.stale => false,
            "static" | "transient" if wanted && !now.wanted => {
                return Err(Unreadable::new(format!("`{id}` cannot be enabled: its unit file has no [Install] section"))
                    .help("add `[Install]` with `WantedBy=multi-user.target` to it"));
            }
            "static" | "transient" => wanted,
            "generated" => now.wanted,
            _ => false,
        };
        if enabled == wanted {
            return Ok(change);
        }
        let words = |enabled: bool| if enabled { "enabled" } else { "disabled" };
        change.script.line(if wanted { "systemctl enable -- {}" } else { "systemctl disable -- {}" }, &[id]);
        Ok(updated(change).attribute("enabled", words(enabled), words(wanted)))
    }

    /// What must be done for the wanted state.
    fn verb(&self, unit: &str, now: &Unit) -> Result<Option<Verb>, Unreadable> {
        let up = ["active", "reloading", "refreshing"].contains(&now.active.as_str());
        let down = ["inactive", "failed", ""].contains(&now.active.as_str());
        match self.args.state {
            Some(State::Started) if !up && now.kind == "oneshot" && !now.remains => {
                Err(Unreadable::new(format!("`{unit}` runs once and ends, so it is never found started"))
                    .help("start its timer, or run it with `state: restarted` in a handler"))
            }
            Some(State::Reloaded) if up && !now.reloads && !now.stale => {
                Err(Unreadable::new(format!("`{unit}` has no way to reload (no ExecReload)")).help("use `state: restarted`"))
            }
            Some(State::Started) if up => Ok(None),
            Some(State::Stopped) if down => Ok(None),
            Some(State::Reloaded) if up => Ok(Some(Verb::Reload)),
            Some(State::Started | State::Reloaded) => Ok(Some(Verb::Start)),
            Some(State::Stopped) => Ok(Some(Verb::Stop)),
            Some(State::Restarted) => Ok(Some(Verb::Restart)),
            None => Ok(None),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Stop,
    Restart,
    Reload,
}

impl Verb {
    /// Adds what does it.
    fn done(self, mut change: Change, unit: &str, now: &Unit) -> Change {
        let (text, after) = match self {
            Self::Start => ("hoist_unit start {}", "started"),
            Self::Stop => ("systemctl stop -- {}", "stopped"),
            Self::Restart => ("hoist_unit restart {}", "restarted"),
            Self::Reload => ("hoist_unit reload {}", "reloaded"),
        };
        change.script.line(text, &[unit]);
        let change = if matches!(self, Self::Start | Self::Stop) { updated(change) } else { change };
        change.attribute("state", if now.active.is_empty() { "inactive" } else { &now.active }, after)
    }
}

/// More than a restart: something will be different for good.
fn updated(change: Change) -> Change {
    Change { action: Action::Update, ..change }
}

/// Where the file of a unit is that is no package's.
fn file(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((name, _)), Some((_, suffix))) => format!("/etc/systemd/system/{name}@.{suffix}"),
        _ => format!("/etc/systemd/system/{unit}"),
    }
}

/// Asks whether any unit file changed since systemd read it.
fn stale_units() -> Guard {
    let mut script = Script::new();
    script.line("systemctl show --property=NeedDaemonReload '*'", &[]);
    let folders = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    Guard::new(script).reads(folders.map(|folder| Subject::Tree(folder.to_string())).into())
}
