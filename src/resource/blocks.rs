//! What `blockinfile` makes of a text. Pure: bytes in, bytes out.

use super::Unreadable;
use super::place::Place;

/// Lines between two markers, and where they go.
#[derive(Debug)]
pub struct Block {
    /// The lines, each with its end; empty: the block goes, with its markers.
    pub text: String,
    /// The markers, begin and end. The first pair is written; another one that is in the file is kept instead.
    pub markers: Vec<(String, String)>,
    /// Where a new block goes.
    pub place: Place,
    /// Whether a blank line stands before it.
    pub blank_before: bool,
    /// Whether a blank line stands behind it.
    pub blank_behind: bool,
}

impl Block {
    /// The text as it is to be.
    ///
    /// # Errors
    /// Only one of the markers is there, or they stand the wrong way round: who knows what is between them.
    pub fn edit(&self, text: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let mut found = None;
        for markers in &self.markers {
            if found.is_none() {
                found = between(&lines, markers)?.map(|range| (markers, range));
            }
        }
        let (markers, at) = match found {
            Some((markers, (begin, end))) => {
                lines.drain(begin..=end);
                (markers, begin)
            }
            None if self.text.is_empty() => return Ok(text.to_vec()),
            None => (&self.markers[0], self.place.among(&lines, false)),
        };
        let (before, behind) = lines.split_at(at);
        let mut out = before.concat();
        if !self.text.is_empty() {
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.push(b'\n');
            }
            if self.blank_before && before.last().is_some_and(|line| *line != b"\n") {
                out.push(b'\n');
            }
            out.extend(format!("{}\n{}{}\n", markers.0, self.text, markers.1).bytes());
            if self.blank_behind && behind.first().is_some_and(|line| *line != b"\n") {
                out.push(b'\n');
            }
        }
        out.extend(behind.concat());
        Ok(out)
    }
}

/// The lines of the last markers in the text.
fn between(lines: &[&[u8]], (begin, end): &(String, String)) -> Result<Option<(usize, usize)>, Unreadable> {
    let last = |marker: &String| lines.iter().rposition(|line| line.trim_ascii_end() == marker.trim_end().as_bytes());
    let lost = |there: &str, missing: &str| {
        Err(Unreadable::new(format!("the line `{there}` is there, and `{missing}` does not follow it"))
            .help("hoist does not guess where the block ends: put both lines right by hand, or remove them"))
    };
    match (last(begin), last(end)) {
        (Some(first), Some(last)) if first < last => Ok(Some((first, last))),
        (None, None) => Ok(None),
        (Some(_), _) => lost(begin, end),
        (None, Some(_)) => Err(Unreadable::new(format!("the line `{end}` is there, and no `{begin}` before it"))
            .help("hoist does not guess where the block begins: put both lines right by hand, or remove them")),
    }
}
