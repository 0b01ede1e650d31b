//! One step of the preview: its sign and name, what changes, whom it notifies.

use anstyle::Style;

use crate::engine::{Step, Verdict};
use crate::report::diff::{self, Depth};
use crate::report::style::{BLUE, CYAN, DIM, ERROR, GREEN, RED, YELLOW, paint};
use crate::report::terminal::escape;
use crate::report::words::{about, handler};
use crate::resource::{Action, Change};

/// The lines of a step; `None` when there is nothing to say of it.
pub fn text(step: &Step, verdict: &Verdict, depth: Depth) -> Option<String> {
    let (signs, body) = match verdict {
        Verdict::Same | Verdict::PerhapsSame | Verdict::Elsewhere => return None,
        Verdict::Change(change) => (format!("  {}", action(change.action)), changes(step, change, depth)),
        Verdict::Perhaps(change) => (format!(" {}{}", paint(BLUE, "?"), action(change.action)), changes(step, change, depth)),
        // What to do about it is no help: the changes before it are what is done.
        Verdict::Later(unreadable) => {
            (format!("  {}", paint(BLUE, "?")), said("can only be read after these changes:", Style::new(), &unreadable.message))
        }
        Verdict::Failed(unreadable) => {
            let mut lines = said("error:", ERROR, &unreadable.message);
            lines.extend(unreadable.help.iter().map(|help| format!("help: {}", escape(help))));
            lines.push(paint(DIM, format!("at {}", escape(step.span.to_string()))));
            (format!("  {}", paint(ERROR, "x")), lines)
        }
    };
    let about =
        about(&step.name, step.resource.kind(), &step.resource.subject()).map(|about| format!("  {}", paint(DIM, format!("({about})"))));
    let mut text = format!("{signs} {}{}\n", escape(&step.name), about.unwrap_or_default());
    text.extend(body.into_iter().map(|line| format!("      {line}\n")));
    Some(text)
}

fn action(action: Action) -> String {
    match action {
        Action::Create => paint(GREEN, "+"),
        Action::Update => paint(YELLOW, "~"),
        Action::Delete => paint(RED, "-"),
        Action::Run => paint(CYAN, "!"),
    }
}

fn changes(step: &Step, change: &Change, depth: Depth) -> Vec<String> {
    let mut lines = diff::lines(change, &step.resource.subject(), depth);
    if step.once.is_some() {
        lines.push(paint(DIM, "once, for all hosts of the play"));
    }
    if !step.notify.is_empty() {
        let names: Vec<String> = step.notify.iter().map(|key| escape(handler(key))).collect();
        lines.push(paint(DIM, format!("notifies: {}", names.join(", "))));
    }
    lines
}

fn said(what: &str, style: Style, message: &str) -> Vec<String> {
    vec![format!("{} {}", paint(style, what), escape(message))]
}
