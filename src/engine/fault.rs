//! Places at which tests kill a run, one after the other, until a run comes through (as SQLite does it). Only in debug
//! builds: a release has none of this.
//!
//! On a host every mark `# fault` in a script is one, and on this side every message that goes out and every answer that
//! comes in. `/run/hoist-fault` on the host arms the former: it holds how many were passed, and at which one to die. The
//! variable `HOIST_FAULT` arms the latter: at which one. `HOIST_PANIC` names a host whose worker is to panic.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::shell::FAULT;

/// Kills every process of the shell that runs it, when it is its turn.
const FUNCTION: &str = "\
hoist_fault() {
  [ -e /run/hoist-fault ] || return 0
  read -r hoist_passed hoist_at </run/hoist-fault
  echo \"$((hoist_passed + 1)) $hoist_at\" >/run/hoist-fault
  if [ \"$hoist_passed\" = \"$hoist_at\" ]; then kill -9 0; fi
}
";

/// A script with its marks as places to die.
pub fn armed(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines() {
        // Wherever the functions are defined, in a shell of another user too, this one is.
        text += if line.starts_with("hoist_b() {") { FUNCTION } else { "" };
        text += if line.trim_start() == FAULT { "hoist_fault" } else { line };
        text += "\n";
    }
    text
}

/// A place on this side.
pub fn point() {
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let Some(at) = std::env::var("HOIST_FAULT").ok().and_then(|at| at.parse::<usize>().ok()) else { return };
    if PASSED.fetch_add(1, Ordering::SeqCst) == at {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Panics when `HOIST_PANIC` names this host.
pub fn panic(host: &str) {
    assert!(std::env::var("HOIST_PANIC").as_deref() != Ok(host), "as HOIST_PANIC asks for");
}
