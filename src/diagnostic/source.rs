//! A text that the user wrote, and a place in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Diagnostic;

/// One file (or command line) that the user wrote, kept for as long as something may point into it.
pub struct Source {
    name: PathBuf,
    text: String,
}

impl Source {
    /// Keeps `text` under the name that messages show, usually a path relative to the project.
    pub fn new(name: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Keeps what a file holds, which must be text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn decode(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Arc<Self>, Diagnostic> {
        let name = name.into();
        String::from_utf8(bytes).map(|text| Self::new(&name, text)).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let source = Self::new(&name, String::from_utf8_lossy(error.as_bytes()));
            let said = format!("`{}` cannot be read: this is not UTF-8", name.to_string_lossy().escape_debug());
            Diagnostic::error(said).at(&Span::new(&source, at, at + 1)).help("save it as UTF-8").unread()
        })
    }

    /// The name that messages show.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A byte range in a [`Source`].
#[derive(Clone)]
pub struct Span {
    source: Arc<Source>,
    start: usize,
    end: usize,
}

impl Span {
    /// The range `start..end`, moved back onto character borders and into the text.
    pub fn new(source: &Arc<Source>, start: usize, end: usize) -> Self {
        let text = source.text();
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(start);
        Self { source: source.clone(), start, end: floor(end).max(start) }
    }

    /// The whole of `source`, for messages about a file rather than a place in it.
    pub fn whole(source: &Arc<Source>) -> Self {
        Self::new(source, 0, 0)
    }

    /// Line `line` (1-based) of `source`, without its line end.
    pub fn line_of(source: &Arc<Source>, line: usize) -> Self {
        let text = source.text();
        let mut start = 0;
        for (number, content) in text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                return Self::new(source, start, start + content.trim_end_matches(['\n', '\r']).len());
            }
            start += content.len();
        }
        Self::new(source, text.len(), text.len())
    }

    /// The source it points into.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The bytes it covers.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// The text it covers.
    pub fn text(&self) -> &str {
        &self.source.text()[self.range()]
    }

    /// Line and column, 1-based, the column in characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text()[..self.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        (line, column)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name.display())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Two spans are equal when they cover the same bytes of the same named source.
impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.source.name == other.source.name && self.range() == other.range()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_are_one_based() {
        let source = Source::new("f.yml", "a: é\nbé: c\n");
        let at = source.text().find(": c").expect("it is there");
        assert_eq!(Span::new(&source, at, at + 1).to_string(), "f.yml:2:3");
    }

    #[test]
    fn a_line_is_found_without_its_end() {
        let source = Source::new("f", "one\r\ntwo\n");
        assert_eq!(Span::line_of(&source, 1).text(), "one");
        assert_eq!(Span::line_of(&source, 2).text(), "two");
        assert_eq!(Span::line_of(&source, 9).text(), "");
    }
}
