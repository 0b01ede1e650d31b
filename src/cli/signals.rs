//! What people tell a run by Ctrl-C, `kill` and a terminal that is closed.

use std::fs;
use std::sync::Once;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{ExitCode, ask};
use crate::engine::Interrupt;
use crate::report;

/// Ctrl-C, SIGTERM and SIGHUP from here on: the first ends the run after the steps that run, the second at once. While a
/// question is open, the first does. One that is ignored (`nohup`, or a script's `&`) stays so.
pub fn interrupt() -> &'static Interrupt {
    static INTERRUPT: Interrupt = Interrupt::new();
    static HEARD: Once = Once::new();
    HEARD.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(&status, *signal));
        // Without, they end the process, as they do everywhere.
        if let Ok(mut signals) = Signals::new(heard) {
            thread::spawn(move || signals.forever().for_each(|_| act(&INTERRUPT)));
        }
    });
    &INTERRUPT
}

fn act(interrupt: &Interrupt) {
    interrupt.raise();
    if ask::is_open() {
        report::note("\ninterrupted: nothing was changed");
        report::leave();
        std::process::exit(ExitCode::Interrupted as i32);
    }
    match interrupt.level() {
        1 => report::note("\ninterrupted: hosts finish the step that runs, then stop; once more to end it at once"),
        2 => report::note("\nending the steps that run"),
        _ => {
            report::leave();
            std::process::exit(ExitCode::Interrupted as i32)
        }
    }
}

/// Whether a process whose `/proc/PID/status` this is ignores the signal. Nothing is known of systems without: false.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_kernel() {
        let status = "SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!([SIGHUP, SIGINT, SIGTERM].map(|signal| is_ignored(status, signal)), [true, false, false]);
        assert!(!is_ignored("", SIGHUP));
    }
}
