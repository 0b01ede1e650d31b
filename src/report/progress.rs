//! How the hosts get on, while they do: bars on a terminal, lines where there is none, events for programs.

mod bars;
mod quiet;

use bars::Bars;
pub use bars::aside;
pub use quiet::restore;

use super::terminal::escape;
use super::words::{about, time};
use super::{Options, json, streams, style};
use crate::engine::{Event, StepStatus};

/// Takes the events of a run: `&|host, event| progress.event(host, event)`. Dropping it clears the bars.
pub struct Progress {
    to: To,
}

enum To {
    Bars(Bars),
    Lines,
    Programs,
}

impl Progress {
    /// For a run on these hosts.
    pub fn start(options: &Options, hosts: Vec<String>) -> Self {
        let to = match options.json {
            true => To::Programs,
            false if streams::is_terminal() => To::Bars(Bars::new(&hosts, streams::size())),
            false => To::Lines,
        };
        Self { to }
    }

    /// Says what comes next, for all hosts.
    pub fn say(&self, text: &str) {
        let print = || streams::stderr(&format!("{}\n", style::paint(style::BOLD, escape(text))));
        match &self.to {
            To::Bars(_) | To::Lines => aside(print),
            To::Programs => streams::stdout(&json::line("progress", json::fields(serde_json::json!({ "message": text })))),
        }
    }

    /// Takes one event, from any thread.
    pub fn event(&self, host: &str, event: Event) {
        match &self.to {
            To::Bars(bars) => bars.event(host, event),
            To::Lines => line(host, &event).into_iter().for_each(|line| streams::stderr(&line)),
            To::Programs => {
                let (name, fields) = json::event(host, &event);
                streams::stdout(&json::line(name, fields));
            }
        }
    }
}

/// What is worth a line in a log: steps that changed something or failed.
fn line(host: &str, event: &Event) -> Option<String> {
    let Event::StepDone { step, status, elapsed } = event else { return None };
    let how = match status {
        StepStatus::Same => return None,
        StepStatus::Changed => style::paint(style::YELLOW, "changed"),
        StepStatus::Failed(_) => style::paint(style::ERROR, "failed"),
        StepStatus::RolledBack => style::paint(style::ERROR, "rolled back"),
        StepStatus::Unknown => style::paint(style::ERROR, "unknown"),
    };
    let about = about(&step.name, step.kind, &step.subject).map(|about| about + ", ").unwrap_or_default();
    Some(format!("{}: {how}: {} ({about}{})\n", escape(host), escape(&step.name), time(*elapsed)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::{About, Phase};
    use crate::report::sample::plain;

    #[test]
    fn only_what_changes_or_fails_is_worth_a_line() {
        let step = |name: &str| About { name: name.to_string(), kind: "file", subject: "/a\x1b[1m".to_string() };
        let done = |status| Event::StepDone { step: step("a\x1b[1m is there"), status, elapsed: Duration::from_millis(12_300) };
        let shown = |event| line("web1", &event).map(|line| plain(&line));
        assert_eq!(shown(done(StepStatus::Changed)).as_deref(), Some("web1: changed: a\\x1b[1m is there (file /a\\x1b[1m, 12.3 s)\n"));
        assert_eq!(shown(done(StepStatus::Failed(1))).as_deref(), Some("web1: failed: a\\x1b[1m is there (file /a\\x1b[1m, 12.3 s)\n"));
        let unnamed = Event::StepDone { step: step("file /a\x1b[1m"), status: StepStatus::Changed, elapsed: Duration::ZERO };
        assert_eq!(shown(unnamed).as_deref(), Some("web1: changed: file /a\\x1b[1m (0.0 s)\n"));
        assert_eq!(shown(done(StepStatus::Same)), None);
        assert_eq!(shown(Event::Phase(Phase::Probing)), None);
        assert_eq!(shown(Event::Output(b"Reading package lists".to_vec())), None);
        assert_eq!(shown(Event::StepStarted { step: step("x"), number: 1, of: 2 }), None);
    }
}
