//! What `lineinfile` makes of a text. Pure: bytes in, bytes out.

use super::pattern::{Pattern, Piece, expand};
use super::place::{Place, position};

/// Which line, and what becomes of it.
#[derive(Debug)]
pub struct Lines {
    /// What is wanted.
    pub wanted: Wanted,
    /// Finds the line to replace, or the lines to remove.
    pub finder: Option<Finder>,
    /// Where a new line goes.
    pub place: Place,
    /// Whether the first match counts, and not the last one.
    pub first: bool,
}

/// What is wanted of a line.
#[derive(Debug)]
pub enum Wanted {
    /// That it is there, without its end.
    Line(String),
    /// That what the pattern found becomes this.
    Expanded(Vec<Piece>),
    /// That none is there.
    Absent,
}

/// Finds lines.
#[derive(Debug, Clone)]
pub enum Finder {
    /// By a regular expression.
    Pattern(Pattern),
    /// By a text in them.
    Text(String),
    /// By all of it.
    Line(String),
}

impl Finder {
    fn finds(&self, line: &[u8]) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_in(line),
            Self::Text(text) => line.windows(text.len()).any(|window| window == text.as_bytes()),
            Self::Line(wanted) => bare(line) == wanted.as_bytes(),
        }
    }
}

impl Lines {
    /// The text as it is to be.
    pub fn edit(&self, text: &[u8]) -> Vec<u8> {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let found = self.finder.as_ref().and_then(|finder| position(&lines, self.first, |line| finder.finds(line)));
        match (&self.wanted, &self.finder) {
            (Wanted::Absent, finder) => {
                lines.into_iter().filter(|line| !finder.as_ref().is_some_and(|finder| finder.finds(line))).flatten().copied().collect()
            }
            (Wanted::Expanded(pieces), Some(Finder::Pattern(pattern))) => match found.map(|at| (at, pattern.captures(lines[at]))) {
                Some((at, Some(captures))) => replaced(&lines, at, expand(pieces, &captures)),
                _ => text.to_vec(),
            },
            (Wanted::Expanded(_), _) => text.to_vec(),
            (Wanted::Line(line), finder) => {
                let line = line.as_bytes();
                let there = lines.iter().rposition(|other| bare(other) == line);
                // A pattern that does not find its own outcome would replace one more line in every run.
                let own = finder.as_ref().is_some_and(|finder| finder.finds(&ended(line.to_vec())));
                match found.filter(|_| own || there.is_none()).or(there) {
                    Some(at) => replaced(&lines, at, line.to_vec()),
                    None => inserted(&lines, self.place.among(&lines, self.first), line),
                }
            }
        }
    }
}

/// A line without its end.
fn bare(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &line[..end]
}

fn ended(mut line: Vec<u8>) -> Vec<u8> {
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

fn replaced(lines: &[&[u8]], at: usize, line: Vec<u8>) -> Vec<u8> {
    [lines[..at].concat(), ended(line), lines[at + 1..].concat()].concat()
}

fn inserted(lines: &[&[u8]], at: usize, line: &[u8]) -> Vec<u8> {
    let mut before = lines[..at].concat();
    if !before.is_empty() && !before.ends_with(b"\n") && !before.ends_with(b"\r") {
        before.push(b'\n');
    }
    [before, ended(line.to_vec()), lines[at..].concat()].concat()
}
