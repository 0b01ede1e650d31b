//! What hosts and people are told of a run: who does what, how to do it again; and what people tell it by Ctrl-C.

use super::ExitCode;
use crate::engine::Interrupt;
use crate::report;
use crate::shell::quote;

/// Ctrl-C, SIGTERM and SIGHUP from here on: the first ends the run after the steps that run, the second at once.
pub fn interrupt() -> &'static Interrupt {
    static INTERRUPT: Interrupt = Interrupt::new();
    let said = ctrlc::set_handler(|| {
        INTERRUPT.raise();
        match INTERRUPT.level() {
            1 => report::note("\ninterrupted: hosts finish the step that runs, then stop; once more to end it at once"),
            2 => report::note("\nending the steps that run"),
            _ => std::process::exit(ExitCode::Interrupted as i32),
        }
    });
    // Somebody else's handler (a second run in this process) does the same.
    let _ = said;
    &INTERRUPT
}

/// A command line of these words, for somebody to type.
pub fn again(words: impl Iterator<Item = String>) -> String {
    let safe = |text: &str| quote(text).unwrap_or_default();
    words.fold("hoist".to_string(), |line, word| match word.split_once('=') {
        Some((name, value)) => format!("{line} {name}={}", safe(value)),
        None => format!("{line} {}", safe(&word)),
    })
}

/// Who runs what, for the lock and the history on the hosts.
pub fn run_line(command: &str) -> String {
    format!("{} {command} (process {})", who(), std::process::id())
}

/// Who sits here: `ann@laptop`.
pub fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_string());
    let here = rustix::system::uname();
    format!("{user}@{}", here.nodename().to_string_lossy()).chars().filter(|c| !c.is_control()).collect()
}
