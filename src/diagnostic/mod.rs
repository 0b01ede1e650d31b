//! What is wrong, where, and what to do: sources, spans, diagnostics. Depends on nothing;
//! `report::diagnostic` draws them.

mod diagnostics;
mod source;
pub mod suggest;

pub use diagnostics::{Bearing, Diagnostic, Diagnostics, Severity};
pub use source::{Source, Span};
