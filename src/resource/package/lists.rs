//! apt's package lists: when they must be fetched anew before something can be done.

use crate::resource::{Action, Apt, Change};
use crate::shell::Script;

/// Lists as old as this are not refreshed to look for a name that is not in them.
const FRESH: u64 = 600;

/// From lists older than this nothing is installed: the mirror may not have their versions any more.
const OLD: u64 = 24 * 3600;

/// What the user says of the package lists.
#[derive(Clone, Copy)]
pub(super) struct Lists {
    /// How old they may be, in seconds, if that was said.
    pub valid: Option<u64>,
}

impl Lists {
    /// Why they must be refreshed, for they are too old for the user.
    pub fn due(self, apt: &Apt) -> Option<String> {
        let valid = self.valid?;
        match apt.age {
            None => Some("there are none yet".to_string()),
            Some(_) if apt.stale => Some("the package sources changed".to_string()),
            Some(age) if age > valid => Some(format!("they are {} old", words(age))),
            Some(_) => None,
        }
    }

    /// Why they must be refreshed before something is installed from them. `unknown` is a name that is not in them.
    pub fn due_for_install(self, apt: &Apt, unknown: Option<&str>) -> Option<String> {
        let needed = Lists { valid: Some(OLD) }.due(apt);
        self.due(apt).or(needed).or_else(|| unknown.filter(|_| may_be_found(apt)).map(|name| format!("`{name}` is not in them")))
    }

    /// The refresh as a change of its own.
    pub fn alone(self, apt: &Apt) -> Option<Change> {
        let why = self.due(apt)?;
        let mut script = Script::new();
        refresh(&mut script);
        Some(Change::new(Action::Run, script).note(format!("package lists are refreshed: {why}")))
    }
}

/// Whether a name that is not in the lists may be there after a refresh.
pub(super) fn may_be_found(apt: &Apt) -> bool {
    apt.stale || apt.age.is_none_or(|age| age > FRESH)
}

/// Fetches them.
pub(super) fn refresh(script: &mut Script) {
    script.line("hoist_apt_update", &[]);
}

/// What must be done before anything else, shown in the change: a dpkg that was interrupted, lists that are `due`.
pub(super) fn prepare(mut change: Change, apt: &Apt, due: Option<&str>) -> Change {
    if apt.interrupted {
        change.script.line("DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a", &[]);
        change = change.note("dpkg was interrupted: `dpkg --configure -a` runs first");
    }
    if let Some(why) = due {
        refresh(&mut change.script);
        change = change.note(format!("package lists are refreshed first: {why}"));
    }
    change
}

/// A time in its largest unit.
fn words(seconds: u64) -> String {
    let of = |count: u64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match seconds {
        0..60 => of(seconds, "second"),
        60..3600 => of(seconds / 60, "minute"),
        3600..86_400 => of(seconds / 3600, "hour"),
        _ => of(seconds / 86_400, "day"),
    }
}
