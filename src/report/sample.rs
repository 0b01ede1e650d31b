//! Plans made up for the tests of this room.

use crate::diagnostic::{Source, Span};
use crate::engine::{Handler, Planned, PlayPreview, PlaySteps, Step, Verdict, sample};
use crate::resource::{Action, Change, Diff};
use crate::shell::Script;

/// The task of `role` that stands in line `line` (from 1) of a role file of 99 lines.
pub fn place(role: &str, line: usize) -> Span {
    let source = Source::new(format!("roles/{role}/role.yml"), "  - task\n".repeat(99));
    let at = (line - 1) * 9 + 4;
    Span::new(&source, at, at + 4)
}

/// A step of `role`, from the task in line `line`.
pub fn step(role: &str, line: usize, name: &str, kind: &'static str, subject: &str) -> Step {
    sample::step(role, name, kind, subject, place(role, line))
}

/// The same step, notifying handlers by key.
pub fn notifying(mut step: Step, keys: &[&str]) -> Step {
    step.notify = keys.iter().map(ToString::to_string).collect();
    step
}

/// A handler that does one thing.
pub fn handler(role: &str, name: &str) -> Handler {
    Handler { key: format!("{role}/{name}"), name: name.to_string(), steps: vec![step(role, 90, name, "service", role)] }
}

/// A play of these steps.
pub fn play(number: usize, steps: Vec<(Step, Verdict)>, handlers: Vec<Handler>) -> PlayPreview {
    let (steps, verdicts): (Vec<Step>, Vec<Verdict>) = steps.into_iter().unzip();
    let planned = verdicts.into_iter().enumerate().map(|(step, verdict)| Planned { step, verdict }).collect();
    PlayPreview { play: number, steps: PlaySteps { steps, handlers }, planned }
}

/// A change without anything to show.
pub fn change(action: Action) -> Change {
    Change::new(action, Script::new())
}

/// A file whose content changes.
pub fn rewrite(path: &str, before: &str, after: &str) -> Change {
    let mut change = change(Action::Update);
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    change.diff.push(Diff::Content { path: path.to_string(), before: bytes(before), after: bytes(after), secret: false, shown: None });
    change
}

/// What a reader without colours sees.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
