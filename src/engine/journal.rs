//! What a run keeps on the host while it works: the lock, the journal of its steps, the handlers that are due, and a line in
//! the history at its end. All of it are scripts.

use super::{aside, switch};
use crate::shell::Script;

/// Prepares the host for changes: state folder, lock, journal, staging folder. Runs once per session, before the first
/// change. `run` says who runs what, and `id` which run it is; the lock is waited for as long as `wait` says (seconds), and
/// at least for a second: a plan that finds a journal tries it for a moment.
///
/// Frame `lock` has status 73 when another run holds the lock, and prints who.
pub(super) fn prepare(run: &str, id: &str, wait: u64) -> Script {
    let mut script = Script::new();
    script.line("hoist_b lock; hoist_run={}; hoist_locked=1", &[run]);
    // A link or somebody else's folder in its place would lead root astray.
    script.line(
        "if mkdir -p -m 700 \"$hoist_state\" && [ ! -L \"$hoist_state\" ] && [ -O \"$hoist_state\" ] && chmod 700 \"$hoist_state\"; then",
        &[],
    );
    // Whatever else stands in its place: a link would lead elsewhere, a pipe would hang.
    script.line(
        "  if [ -L \"$hoist_state/lock\" ] || [ ! -f \"$hoist_state/lock\" ] || [ ! -O \"$hoist_state/lock\" ]; then rm -rf \"$hoist_state/lock\"; fi",
        &[],
    );
    // A shell whose `exec` fails ends, so it is tried before.
    script.line("  if ! : >>\"$hoist_state/lock\"; then hoist_locked=1", &[]);
    script.line("  elif exec 9>>\"$hoist_state/lock\"; flock -w {} 9; then", &[&wait.max(1).to_string()]);
    script.line("    hoist_locked=0; printf '%s\\n' \"$hoist_run since $(date -u +%FT%TZ)\" >\"$hoist_state/lock\"", &[]);
    script.line("  else hoist_locked=73; cat \"$hoist_state/lock\"; fi", &[]);
    script.line("fi", &[]);
    script.line("if [ \"$hoist_locked\" = 0 ]; then", &[]);
    // In bash a child that is ended just as it begins has this trap as well.
    script.line("  hoist_leave() { read -r hoist_1 hoist_2 </proc/self/stat; [ \"$hoist_1\" != $$ ] || rm -rf \"$hoist_stage\"; }", &[]);
    script.line("  trap '' PIPE; trap hoist_leave EXIT; rm -rf \"$hoist_stage\"", &[]);
    script.line("  mkdir -m 700 \"$hoist_stage\" && mkfifo \"$hoist_stage/out\" \"$hoist_stage/err\" || hoist_locked=1", &[]);
    // The process group, for a run that is to be ended: pid (sh) state parent group.
    script.line(
        "  read -r hoist_1 hoist_2 hoist_3 hoist_4 hoist_group hoist_5 </proc/$$/stat; echo \"$hoist_group\" {} >\"$hoist_stage/group\"",
        &[id],
    );
    script.append(&switch::leave_none(id)).append(&aside::tidy()).append(&history());
    script.line("fi", &[]);
    script.line("hoist_e lock \"$hoist_locked\"", &[]);
    script
}

/// What writes a line into the history: `hoist_history RUN RESULT`. Each line carries the hash of the one before.
fn history() -> Script {
    let mut script = Script::new();
    script.line("hoist_history() {", &[]);
    script.line("  hoist_before=$(tail -n 1 \"$hoist_state/history.log\" 2>/dev/null | sha256sum | cut -c 1-64)", &[]);
    script
        .line("  printf '%s\\t%s\\t%s\\t%s\\n' \"$(date -u +%FT%TZ)\" \"$1\" \"$2\" \"$hoist_before\" >>\"$hoist_state/history.log\"", &[]);
    script.line("}", &[]);
    script
}

/// Starts the journal of a run: what follows in it are the steps as they begin and end. One that is there is of a run that
/// could not say itself what became of it, so the history is told here, unless that was the last thing it did.
pub(super) fn start(id: &str) -> Script {
    let mut script = Script::new();
    script.line("# fault", &[]);
    script.line("if read -r hoist_1 hoist_2 hoist_left <\"$hoist_state/journal\"; then", &[]);
    script.line("  hoist_told=$(tail -n 1 \"$hoist_state/history.log\" | cut -f 2)", &[]);
    script.line("  [ \"$hoist_told\" = \"${hoist_left% since *}\" ] ||", &[]);
    script.line("    hoist_history \"${hoist_left% since *}\" \"did not come to its end; begun ${hoist_left##* since }\"", &[]);
    script.line("fi 2>/dev/null", &[]);
    script.line("# fault", &[]);
    script.line("printf 'run %s %s\\n' {} \"$hoist_run since $(date -u +%FT%TZ)\" >\"$hoist_state/journal\"", &[id]);
    script
}

/// Ends the run: nothing is left to do, so the journal goes; a line of the history says what became of it.
pub(super) fn finish(result: &str) -> Script {
    let mut script = Script::new();
    script.line("# fault", &[]);
    // A line is a line, and its fields stand between tabs.
    script.line("hoist_history \"$hoist_run\" {}", &[&result.replace(['\n', '\r', '\t'], " ")]);
    script.line("# fault", &[]);
    script.line("rm -f \"$hoist_state/journal\"", &[]);
    script.line("# fault", &[]);
    script
}

/// Prints the journal, in the frame `journal`.
pub(super) fn read() -> Script {
    let mut script = Script::new();
    script.line("hoist_b journal; cat \"$hoist_state/journal\" 2>/dev/null; hoist_e journal $?", &[]);
    script
}

/// The status of the frame `left` when a step of this run still runs.
pub(super) const RUNS: i32 = 75;

/// Ends the shell of this run that an earlier line left behind, if no step runs in it: it would hold the lock until the host
/// finds out that nobody is there any more. It begins no further step. The frame `left` says whether one runs ([`RUNS`]), which is
/// not disturbed.
pub(super) fn leave(id: &str) -> Script {
    let mut script = Script::new();
    script.line("hoist_b left; hoist_left=0", &[]);
    // The lock is held, and by this run: what was a group before a boot may be anything now.
    script.line("if read -r hoist_group hoist_1 <\"$hoist_stage/group\" && [ \"$hoist_1\" = {} ] &&", &[id]);
    script.line("  ! flock -n \"$hoist_state/lock\" true; then", &[]);
    script.line("  printf '' >\"$hoist_stage/stop\"", &[]);
    script.line("  case $(tail -n 1 \"$hoist_state/journal\") in", &[]);
    script.line("    'begin '*) hoist_left={} ;;", &[&RUNS.to_string()]);
    script.line("    *) hoist_terminate \"-$hoist_group\" ;;", &[]);
    script.line("  esac", &[]);
    script.line("fi 2>/dev/null; hoist_e left \"$hoist_left\"", &[]);
    script
}

/// Tells the shell that works to stop before its next step.
pub(super) fn stop() -> Script {
    let mut script = Script::new();
    script.line(": >\"$hoist_stage/stop\"", &[]);
    script
}

/// Takes that back: what comes next is not to be stopped by it.
pub(super) fn go_on() -> Script {
    let mut script = Script::new();
    script.line("rm -f \"$hoist_stage/stop\"", &[]);
    script
}

/// Ends the steps that run, at once: everything in the process group that holds the lock, also what does not want to.
pub(super) fn kill() -> Script {
    let mut script = Script::new();
    script.line(": >\"$hoist_stage/stop\"; read -r hoist_group hoist_1 <\"$hoist_stage/group\" && hoist_terminate \"-$hoist_group\"", &[]);
    script
}

/// Writes a handler into the journal on the host, before the change that asks for it (law 5).
pub(super) fn pend(key: &str) -> Script {
    let mut script = Script::new();
    let file = aside::name(key);
    // An empty one is of a run that found no space for it.
    script.line("if [ ! -s \"$hoist_pending/\"{} ]; then", &[&file]);
    script.line("# fault", &[]);
    script.line("  mkdir -p \"$hoist_pending\"; printf '%s\\n' {} >\"$hoist_pending/.\"{}", &[key, &file]);
    script.line("  sync \"$hoist_pending/.\"{}", &[&file]);
    script.line("# fault", &[]);
    script.line("  mv -T \"$hoist_pending/.\"{} \"$hoist_pending/\"{}; sync \"$hoist_pending\"; fi", &[&file, &file]);
    script
}

/// The status of a step that wrote nothing, for its own check refused what it was to write.
pub(super) const REFUSED: i32 = 77;

/// Around a step that notifies these handlers, whose status is in `$hoist_s` then: when nothing was written, those that were not due
/// before are not due behind it either. What is put in front, and what behind.
pub(super) fn unless_refused(keys: &[String]) -> [Script; 2] {
    let (mut before, mut behind) = (Script::new(), Script::new());
    if !keys.is_empty() {
        before.line("hoist_new=", &[]);
        for key in keys {
            before.line("[ -s \"$hoist_pending/\"{} ] || hoist_new=\"$hoist_new \"{}", &[&aside::name(key), &aside::name(key)]);
        }
        behind.line("if [ \"$hoist_s\" = {} ]; then", &[&REFUSED.to_string()]);
        behind.line("  for hoist_1 in $hoist_new; do rm -rf \"$hoist_pending/$hoist_1\" \"$hoist_state/aside/$hoist_1\"; done", &[]);
        behind.line("fi", &[]);
    }
    [before, behind]
}

/// Takes handlers out of the journal: they have run. What was put aside for them goes last, for it is nobody's then.
pub(super) fn forget(keys: &[String]) -> Script {
    let mut script = Script::new();
    for key in keys {
        script.line("# fault", &[]);
        script.line("rm -f \"$hoist_pending/\"{}", &[&aside::name(key)]);
        script.line("rm -rf \"$hoist_state/aside/\"{}", &[&aside::name(key)]);
    }
    script.line("# fault", &[]);
    script.line("sync \"$hoist_pending\" 2>/dev/null", &[]);
    script
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::prepare;
    use crate::shell::{PRELUDE, QUESTIONS};

    // H08
    #[test]
    fn a_child_that_is_ended_as_it_begins_does_not_take_the_staging_folder_along() {
        let folder = tempfile::tempdir().expect("a folder");
        // A child of bash has its parent's traps for a moment, one of dash has not.
        for shell in ["bash", "sh"] {
            let state = folder.path().join(shell);
            let text = format!(
                "hoist_nonce=n hoist_state={0} hoist_stage={0}/stage\n{1}{2}{3}\n\
                 hoist_tries=300; while [ $hoist_tries -gt 0 ]; do hoist_questions 60; hoist_answered; hoist_tries=$((hoist_tries - 1)); done\n\
                 wait; cd {0}/stage && echo is there",
                state.display(),
                *PRELUDE,
                *QUESTIONS,
                prepare("run", "id", 1).text(),
            );
            let output = Command::new(shell).args(["-c", &text]).output().expect("it is installed");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.ends_with("is there\n"), "{shell}: {said}{}", String::from_utf8_lossy(&output.stderr));
            assert!(!state.join("stage").exists(), "{shell}");
        }
    }
}
