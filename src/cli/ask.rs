//! The question before anything is changed.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostic::Diagnostic;
use crate::secret::Secret;

/// Whether somebody is there to answer.
pub fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether a question is open.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Whether a question is open: then nothing is begun, and who interrupts wants to leave.
pub fn is_open() -> bool {
    OPEN.load(Ordering::SeqCst)
}

/// Asks, and reads a line. `None` when the input ends.
pub fn line(question: &str) -> Option<String> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question} ");
    let _ = stderr.flush();
    let mut answer = String::new();
    OPEN.store(true, Ordering::SeqCst);
    let read = std::io::stdin().lock().read_line(&mut answer);
    OPEN.store(false, Ordering::SeqCst);
    let read = read.ok()?;
    if read == 0 {
        // Nobody typed the end of the line.
        let _ = writeln!(stderr);
    }
    (read > 0).then(|| answer.trim().to_string())
}

/// Asks for a yes; everything else is a no.
pub fn yes(question: &str) -> bool {
    line(&format!("{question} [y/N]")).is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a password, which is not seen while it is typed.
///
/// # Errors
/// Nobody is there to type it.
pub fn password(question: &str) -> Result<String, Diagnostic> {
    if !possible() {
        return Err(Diagnostic::error("nobody is there to type a password")
            .help("run it on a terminal, or keep the password in the secrets: ansible_become_password"));
    }
    let password = rpassword::prompt_password(format!("{question} "));
    let password = password.map_err(|error| Diagnostic::error(format!("the password cannot be read: {error}")))?;
    crate::secret::learn(&password);
    Ok(password)
}

/// Asks for something that must not be seen, on the terminal itself, so that it works while standard input is a pipe.
/// `None` when there is no terminal.
pub fn secret(question: &str) -> Option<Secret<String>> {
    rpassword::prompt_password(question).ok().map(Secret::new)
}
