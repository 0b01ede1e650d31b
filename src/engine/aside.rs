//! What a change replaces is put aside on the host when it may have to be taken back: the files of a set that a validator
//! decides on together. Put aside before the change and kept until the handler of the set is through, so that neither a
//! killed worker nor a lost line leaves a set half changed.

use super::Step;
use crate::resource::{Change, FileKind};
use crate::shell::{Script, sha256};

/// The status of a step that put its set back.
pub(super) const ROLLED_BACK: i32 = 76;

/// What a set is called on the host, in the journal of pending handlers and beside it.
pub(super) fn name(key: &str) -> String {
    sha256(key.as_bytes())[..16].to_string()
}

/// The shell functions, when one of these steps needs them.
pub(super) fn functions<'a>(steps: impl IntoIterator<Item = &'a Step>) -> &'static str {
    let needed = steps.into_iter().any(|step| step.set.is_some() || !step.sets.is_empty());
    if needed { crate::shell::ASIDE.as_str() } else { "" }
}

/// Puts aside what `change` replaces, for each of the sets that its step belongs to.
pub(super) fn keep(step: &Step, change: &Change) -> Script {
    let mut script = Script::new();
    for key in &step.sets {
        script.append(&copies(&name(key), change));
    }
    script
}

/// Puts aside what `change` replaces, for a set of this name.
pub(super) fn copies(set: &str, change: &Change) -> Script {
    let mut script = Script::new();
    for (path, after) in &change.after {
        // A folder that stays keeps what is in it, so only its owner and mode change.
        let stays = after.stat.as_ref().is_some_and(|stat| stat.kind == FileKind::Directory);
        script.line("hoist_aside {} {} {}", &[set, path, if stays { "bare" } else { "whole" }]);
    }
    script
}

/// Says which set a step may put back.
pub(super) fn decides(step: &Step) -> Script {
    let mut script = Script::new();
    script.line("hoist_set={}", &[&step.set.as_deref().map(name).unwrap_or_default()]);
    script
}

/// Puts a set of this name back when `validator`, a text in shell, fails; the frame `set` has the status [`ROLLED_BACK`] then.
pub(super) fn judge(set: &str, validator: &str) -> String {
    let mut script = Script::new();
    script.line("hoist_b set; hoist_s=0", &[]);
    script
        .line("if [ -d \"$hoist_state/aside/\"{} ] && ! hoist_validates </dev/null >&2; then hoist_refuse {}; hoist_s=$?; fi", &[set, set]);
    script.line("hoist_e set \"$hoist_s\"", &[]);
    format!("{}hoist_validates() (\n{validator}\n)\n{}", *crate::shell::ASIDE, script.text())
}

/// Sets whose handler is not pending are through; what a watchdog needs is not.
pub(super) fn tidy() -> Script {
    let mut script = Script::new();
    script.line("for hoist_path in \"$hoist_state\"/aside/*; do", &[]);
    script.line("  if [ \"$hoist_path\" = \"$hoist_state/aside/switch\" ] && [ -e \"$hoist_state/switch/undo\" ]; then continue; fi", &[]);
    script.line("  if [ -d \"$hoist_path\" ] && [ ! -e \"$hoist_pending/${hoist_path##*/}\" ]; then rm -rf \"$hoist_path\"; fi", &[]);
    script.line("done", &[]);
    script
}
