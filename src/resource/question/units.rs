//! Units: one `systemctl show` for all.

use super::Question;
use crate::resource::{Probe, Reply, Unit};
use crate::shell::{Answers, Script};

pub(super) fn questions(probe: &Probe) -> Vec<Question> {
    if probe.units.is_empty() {
        return Vec::new();
    }
    let mut script = Script::new();
    script.words(
        "systemctl show --property=Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,RemainAfterExit,CanReload,\
         WantedBy,RequiredBy,TriggeredBy --",
        probe.units.iter().map(String::as_str),
    );
    vec![Question::new("units", script)]
}

pub(super) fn read(probe: &Probe, answers: &Answers, reply: &mut Reply) {
    let Some(answer) = answers.get("units").filter(|answer| answer.status == 0) else { return };
    // Blocks come in the order of the names, with a blank line between them.
    for (name, block) in probe.units.iter().zip(answer.text().split("\n\n")) {
        let property = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default().to_string();
        let unit = Unit {
            load: property("LoadState"),
            active: property("ActiveState"),
            sub: property("SubState"),
            file: property("UnitFileState"),
            stale: property("NeedDaemonReload") == "yes",
            id: property("Id"),
            kind: property("Type"),
            remains: property("RemainAfterExit") == "yes",
            reloads: property("CanReload") == "yes",
            wanted: ["WantedBy", "RequiredBy", "TriggeredBy"].iter().any(|key| !property(key).is_empty()),
        };
        reply.units.insert(name.clone(), unit);
    }
}
