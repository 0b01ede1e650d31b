//! What a terminal writes by itself: `^C` behind a bar that fills its line goes to the next one, and the bar is cleared in
//! the wrong place.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr};

/// Whether the terminal was told to be quiet.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Tells the terminal not to write `^C`, until [`restore`].
pub fn quiet() {
    let stderr = rustix::stdio::stderr();
    // In the background, whoever changes the terminal is stopped.
    if tcgetpgrp(stderr).is_ok_and(|group| group == rustix::process::getpgrp())
        && let Ok(mut modes) = tcgetattr(stderr)
        && modes.local_modes.contains(LocalModes::ECHOCTL)
    {
        modes.local_modes.remove(LocalModes::ECHOCTL);
        QUIET.store(tcsetattr(stderr, OptionalActions::Now, &modes).is_ok(), Ordering::Relaxed);
    }
}

/// Lets it write as before.
pub fn restore() {
    let stderr = rustix::stdio::stderr();
    if QUIET.swap(false, Ordering::Relaxed)
        && let Ok(mut modes) = tcgetattr(stderr)
    {
        modes.local_modes.insert(LocalModes::ECHOCTL);
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stderr, OptionalActions::Now, &modes);
    }
}
