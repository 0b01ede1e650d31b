//! Where something new goes in a file: `insertafter` and `insertbefore`.

use super::Written;
use super::pattern::Pattern;
use crate::diagnostic::Diagnostics;

/// A place between the lines of a file.
#[derive(Debug)]
pub enum Place {
    /// Before all of them.
    Start,
    /// Behind all of them.
    End,
    /// Behind the line that is found, else to the end.
    After(Pattern),
    /// Before the line that is found, else to the end.
    Before(Pattern),
}

impl Place {
    /// From the two arguments.
    ///
    /// # Errors
    /// Both are given, or the pattern cannot be read.
    pub fn new(after: Option<&str>, before: Option<&str>, written: &Written<'_>) -> Result<Self, Diagnostics> {
        Ok(match (after, before) {
            (Some(_), Some(_)) => {
                return Err(written.error("insertbefore", "`insertafter` and `insertbefore` exclude each other").into());
            }
            (None, None) | (Some("EOF"), _) | (_, Some("EOF")) => Self::End,
            (Some("BOF"), _) | (_, Some("BOF")) => Self::Start,
            (Some(text), None) => Self::After(Pattern::new(text, "insertafter", written)?),
            (None, Some(text)) => Self::Before(Pattern::new(text, "insertbefore", written)?),
        })
    }

    /// How many of the lines come before it. The last line that is found counts, with `first` the first one.
    pub fn among(&self, lines: &[&[u8]], first: bool) -> usize {
        let at = |pattern: &Pattern| position(lines, first, |line| pattern.is_in(line));
        match self {
            Self::Start => 0,
            Self::End => lines.len(),
            Self::After(pattern) => at(pattern).map_or(lines.len(), |at| at + 1),
            Self::Before(pattern) => at(pattern).unwrap_or(lines.len()),
        }
    }
}

/// Which line matches: the last one, with `first` the first one.
pub fn position(lines: &[&[u8]], first: bool, matches: impl Fn(&[u8]) -> bool) -> Option<usize> {
    if first { lines.iter().position(|line| matches(line)) } else { lines.iter().rposition(|line| matches(line)) }
}
