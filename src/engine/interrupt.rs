//! Whether the user wants the run to end: once, after the step that runs; twice, at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the wishes. One for all workers of a run.
#[derive(Debug, Default)]
pub struct Interrupt(AtomicUsize);

impl Interrupt {
    /// Nobody has interrupted.
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Somebody does.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How often somebody did.
    pub fn level(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
