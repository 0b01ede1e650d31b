//! Where a template's text comes from, so that an error inside it points into the user's file.

use std::ops::Range;

use crate::diagnostic::Span;

/// The place of a template's text.
#[derive(Clone, Debug)]
pub struct Place {
    span: Span,
    exact: bool,
}

impl Place {
    /// The text is the whole file that `span` points into.
    pub fn file(span: &Span) -> Self {
        Self { span: Span::whole(span.source()), exact: true }
    }

    /// The text is the value of the YAML node at `span`, whose spelling may differ (quotes, indentation).
    pub fn node(span: &Span) -> Self {
        Self { span: span.clone(), exact: false }
    }

    /// The place of `range` of `text`: exact for files; for YAML values by finding the same line in the node's source.
    pub fn locate(&self, text: &str, range: Range<usize>) -> Span {
        let source = self.span.source();
        if self.exact {
            return Span::new(source, range.start, range.end);
        }
        let start = range.start.min(text.len());
        let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        match self.span.text().find(line.trim_start()) {
            Some(at) if !line.trim().is_empty() => {
                let indent = line.len() - line.trim_start().len();
                let from = self.span.range().start + at + (start - line_start).saturating_sub(indent);
                Span::new(source, from, from + range.len().max(1))
            }
            _ => self.span.clone(),
        }
    }

    /// All of it.
    pub fn span(&self) -> &Span {
        &self.span
    }
}
