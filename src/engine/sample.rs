//! Steps made up for tests.

use super::Step;
use crate::diagnostic::Span;
use crate::resource::{Change, Probe, Reach, Reply, Resource, Unreadable};

/// A thing of which only the names matter.
struct Thing(&'static str, String);

impl Resource for Thing {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn reach(&self) -> Reach {
        Reach::Own
    }

    fn subject(&self) -> String {
        self.1.clone()
    }

    fn probe(&self, _: &mut Probe) {}

    fn plan(&self, _: &Reply) -> Result<Option<Change>, Unreadable> {
        Ok(None)
    }
}

/// A step of `role`, from the task at `span`.
pub fn step(role: &str, name: &str, kind: &'static str, subject: &str, span: Span) -> Step {
    Step {
        name: name.to_string(),
        role: role.to_string(),
        resource: Box::new(Thing(kind, subject.to_string())),
        run_as: None,
        environment: Vec::new(),
        notify: Vec::new(),
        notify_at: Vec::new(),
        sets: Vec::new(),
        set: None,
        timeout: None,
        once: None,
        span,
    }
}
