//! The question before anything is changed.

use std::io::{BufRead, IsTerminal, Write};

/// Whether somebody is there to answer.
pub fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks, and reads a line. `None` when the input ends.
pub fn line(question: &str) -> Option<String> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question} ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
    (read > 0).then(|| answer.trim().to_string())
}

/// Asks for a yes; everything else is a no.
pub fn yes(question: &str) -> bool {
    line(&format!("{question} [y/N]")).is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}
