//! One problem, and all the problems of a run. Loading collects every one before it stops.

use super::Span;

/// How bad it is: an error stops before any host is contacted, a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// Nothing is done.
    Error,
}

/// How a problem hangs together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It stands for itself.
    Own,
    /// A part of the project could not be read, so nobody knows what would have been in it.
    Unread,
    /// Something is not there, or nothing uses it: that may be for a part that could not be read.
    Missing,
}

/// One problem for the person who made the mistake.
///
/// The summary is one line, lower case, names in backticks, no full stop. Labels point at the places,
/// the first one at the mistake itself; help lines say what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: String,
    /// Where, each with what is to be said there (may be empty).
    pub labels: Vec<(Span, String)>,
    /// What to do, a line each.
    pub help: Vec<String>,
    /// How it hangs together with others.
    pub bearing: Bearing,
}

impl Diagnostic {
    /// An error with no place yet.
    pub fn error(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), labels: Vec::new(), help: Vec::new(), bearing: Bearing::Own }
    }

    /// A warning with no place yet.
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// Points at `span`, with nothing to add there.
    pub fn at(self, span: &Span) -> Self {
        self.label(span, "")
    }

    /// Points at `span` and says `text` there.
    pub fn label(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.labels.push((span.clone(), text.into()));
        self
    }

    /// Adds a line that says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Because of it, nobody knows what a part of the project says.
    pub fn unread(self) -> Self {
        Self { bearing: Bearing::Unread, ..self }
    }

    /// It says that something is not there, or that nothing uses it.
    pub fn missing(self) -> Self {
        Self { bearing: Bearing::Missing, ..self }
    }

    /// Adds "did you mean `x`?" when one of `known` is close to `written`, else the list of what is known.
    pub fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match super::suggest::closest(written, known.iter().copied()) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("expected one of: {}", known.join(", "))),
        }
    }
}

/// All problems found so far, in the order found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless the same is said of the same place already (a file loaded for several environments, an input of
    /// several roles).
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let of = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|(span, _)| span.clone());
        let same = |other: &Diagnostic| {
            other.severity == diagnostic.severity && other.summary == diagnostic.summary && of(other) == of(&diagnostic)
        };
        if !self.all.iter().any(same) {
            self.all.push(diagnostic);
        }
    }

    /// Adds those of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        for diagnostic in other.all {
            self.push(diagnostic);
        }
    }

    /// Keeps the value of a result and collects its error.
    pub fn take<T>(&mut self, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
        result.map_err(|error| self.extend(error.into())).ok()
    }

    /// Points at `span` in each, too, and says `text` there.
    pub fn label(self, span: &Span, text: &str) -> Self {
        Self { all: self.all.into_iter().map(|diagnostic| diagnostic.label(span, text)).collect() }
    }

    /// Each of them changed.
    pub fn map(self, change: impl Fn(Diagnostic) -> Diagnostic) -> Self {
        Self { all: self.all.into_iter().map(change).collect() }
    }

    /// The errors among them are about a part of the project that could not be read.
    pub fn unread(self) -> Self {
        let own = |problem: &Diagnostic| problem.severity == Severity::Error && problem.bearing == Bearing::Own;
        let unread = |problem: Diagnostic| if own(&problem) { problem.unread() } else { problem };
        Self { all: self.all.into_iter().map(unread).collect() }
    }

    /// Without those that are mere consequences: what is said to be missing may stand where nothing could be read.
    pub fn settled(&self) -> Self {
        let unread = self.all.iter().any(|problem| problem.bearing == Bearing::Unread);
        Self { all: self.all.iter().filter(|problem| !unread || problem.bearing != Bearing::Missing).cloned().collect() }
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each in turn.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// `Ok(value)` when there is no error (warnings are dropped), else all of them.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { all: vec![diagnostic] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn what_is_missing_is_not_told_of_where_something_could_not_be_read() {
        let (missing, own) = (Diagnostic::error("no `a`").missing(), Diagnostic::error("bad"));
        let broken = Diagnostics::from(Diagnostic::error("broken")).unread();
        let mut all = Diagnostics::new();
        [missing, own].into_iter().for_each(|problem| all.push(problem));
        let said = |all: &Diagnostics| all.settled().iter().map(|problem| problem.summary.clone()).collect::<Vec<_>>();
        assert_eq!(said(&all), ["no `a`", "bad"]);
        all.extend(broken);
        assert_eq!(said(&all), ["bad", "broken"]);
    }

    #[test]
    fn what_is_said_of_a_place_is_said_once() {
        let source = Source::new("f", "ab");
        let at = |from: usize, text: &str, declared: usize| {
            Diagnostic::error(text).at(&Span::new(&source, from, from + 1)).label(&Span::new(&source, declared, declared), "declared here")
        };
        let mut all = Diagnostics::new();
        [at(0, "no", 0), at(0, "no", 1), at(1, "no", 0), at(0, "nothing", 0)].into_iter().for_each(|problem| all.push(problem));
        all.push(Diagnostic { severity: Severity::Warning, ..at(0, "no", 0) });
        let found: Vec<_> = all.iter().map(|problem| (problem.labels[0].0.range().start, problem.summary.as_str())).collect();
        assert_eq!(found, [(0, "no"), (1, "no"), (0, "nothing"), (0, "no")]);
    }
}
