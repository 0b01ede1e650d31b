//! The same for programs: one JSON object a line, described in docs/reference/json.md. Nothing is escaped but what JSON
//! escapes, and bytes that are no UTF-8 come as base64.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::failure::word;
use super::plan::HostPlan;
use super::summary::{exit_code, failed};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::engine::{Event as Happened, HostFailure, HostReport, Phase, Step, StepResult, StepStatus, Verdict};
use crate::resource::{Action, Change, Diff, Unreadable};

/// The version of the format; it grows when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// The fields of an event.
pub type Fields = Map<String, Json>;

/// An event: its name and fields.
pub type Event = (&'static str, Fields);

/// A whole line.
pub fn line(event: &str, fields: Fields) -> String {
    let mut all = Map::from_iter([("version".to_string(), json!(VERSION)), ("event".to_string(), json!(event))]);
    all.extend(fields);
    Json::Object(all).to_string() + "\n"
}

/// Text, or `{"base64": "..."}`.
pub fn bytes(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// `diagnostic`.
pub fn diagnostic(diagnostic: &Diagnostic) -> Fields {
    let label = |(span, text): &(Span, String)| Json::Object(joined([place(span), fields(json!({ "text": text }))]));
    fields(json!({
        "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "summary": diagnostic.summary,
        "labels": diagnostic.labels.iter().map(label).collect::<Vec<_>>(),
        "help": diagnostic.help,
    }))
}

/// What happens on a host: `phase`, `step_started`, `output`, `step_done`.
pub fn event(host: &str, happened: &Happened) -> Event {
    let (name, rest) = match happened {
        Happened::Phase(phase) => {
            let phase = match phase {
                Phase::Connecting => "connecting",
                Phase::Probing => "probing",
                Phase::Applying => "applying",
                Phase::Done => "done",
            };
            ("phase", json!({ "phase": phase }))
        }
        Happened::StepStarted { name, number, of } => ("step_started", json!({ "step": name, "number": number, "of": of })),
        Happened::Output(line) => ("output", json!({ "line": bytes(line) })),
        Happened::StepDone { name, status, elapsed } => {
            ("step_done", Json::Object(joined([fields(json!({ "step": name })), how(*status, *elapsed)])))
        }
    };
    (name, joined([fields(json!({ "host": host })), fields(rest)]))
}

/// A `plan_step` for each step and a `plan_host` for each host.
pub fn plan(hosts: &[HostPlan<'_>]) -> Vec<Event> {
    let mut events = Vec::new();
    for host in hosts {
        for play in host.plays {
            let of = |planned: &crate::engine::Planned| {
                let step = &play.steps.steps[planned.step];
                ("plan_step", joined([fields(json!({ "host": host.host, "play": play.play })), plan_step(step), verdict(&planned.verdict)]))
            };
            events.extend(play.planned.iter().map(of));
        }
        let mut last = fields(json!({ "host": host.host, "pending": host.pending }));
        last.extend(host.failure.map(failure).unwrap_or_default());
        events.push(("plan_host", last));
    }
    events
}

/// A `step_result` for each step that ran, a `host_result` for each host, and the `summary`.
pub fn summary(reports: &[HostReport], elapsed: Duration) -> Vec<Event> {
    let mut events = Vec::new();
    for report in reports {
        let host = || fields(json!({ "host": report.host }));
        events.extend(report.results.iter().map(|result| ("step_result", joined([host(), step_result(result)]))));
        let numbers = json!({
            "result": report.failure.as_ref().map_or("done", word),
            "same": report.same,
            "changed": report.changed(),
            "failed": failed(report),
            "pending": report.pending,
            "seconds": seconds(report.elapsed),
        });
        events.push(("host_result", joined([host(), fields(numbers), report.failure.as_ref().map(failure).unwrap_or_default()])));
    }
    let total = |of: fn(&HostReport) -> usize| reports.iter().map(of).sum::<usize>();
    let hosts = |result: &str| reports.iter().filter(|report| report.failure.as_ref().map_or("done", word) == result).count();
    let all = json!({
        "hosts": reports.len(),
        "done": hosts("done"),
        "failed": hosts("failed"),
        "unreachable": hosts("unreachable"),
        "unknown": hosts("unknown"),
        "locked": hosts("locked"),
        "same": total(|report| report.same),
        "changed": total(HostReport::changed),
        "seconds": seconds(elapsed),
        "exit_code": exit_code(reports),
    });
    events.push(("summary", fields(all)));
    events
}

fn plan_step(step: &Step) -> Fields {
    let about = json!({
        "role": step.role,
        "step": step.name,
        "kind": step.resource.kind(),
        "subject": step.resource.subject(),
        "notify": step.notify,
    });
    joined([fields(about), place(&step.span)])
}

fn verdict(verdict: &Verdict) -> Fields {
    match verdict {
        Verdict::Same => fields(json!({ "verdict": "same" })),
        Verdict::PerhapsSame => fields(json!({ "verdict": "perhaps_same" })),
        Verdict::Change(planned) => joined([fields(json!({ "verdict": "change" })), change(planned)]),
        Verdict::Perhaps(planned) => joined([fields(json!({ "verdict": "perhaps" })), change(planned)]),
        Verdict::Later(why) => joined([fields(json!({ "verdict": "later" })), unreadable(why)]),
        Verdict::Failed(why) => joined([fields(json!({ "verdict": "failed" })), unreadable(why)]),
    }
}

fn change(change: &Change) -> Fields {
    let action = match change.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Run => "run",
    };
    fields(json!({ "action": action, "diff": change.diff.iter().map(diff).collect::<Vec<_>>() }))
}

fn diff(diff: &Diff) -> Json {
    let maybe = |content: &Option<Vec<u8>>| content.as_deref().map(bytes);
    match diff {
        Diff::Content { path, secret: true, .. } => json!({ "path": path, "secret": true }),
        Diff::Content { path, before, after, .. } => json!({ "path": path, "before": maybe(before), "after": maybe(after) }),
        Diff::Attribute { name, before, after } => json!({ "attribute": name, "before": before, "after": after }),
        Diff::Note(text) => json!({ "note": text }),
    }
}

fn step_result(result: &StepResult) -> Fields {
    let at = result.span.as_ref().map(place).unwrap_or_default();
    joined([
        fields(json!({ "step": result.name })),
        at,
        how(result.status, result.elapsed),
        fields(json!({ "output": bytes(&result.output) })),
    ])
}

fn how(status: StepStatus, elapsed: Duration) -> Fields {
    let (word, code) = match status {
        StepStatus::Same => ("same", None),
        StepStatus::Changed => ("changed", None),
        StepStatus::Failed(code) => ("failed", Some(code)),
        StepStatus::Unknown => ("unknown", None),
    };
    let mut how = fields(json!({ "status": word, "seconds": seconds(elapsed) }));
    how.extend(code.map(|code| ("exit_status".to_string(), json!(code))));
    how
}

/// The trouble of a host, in one field.
fn failure(failure: &HostFailure) -> Fields {
    let why = match failure {
        HostFailure::Unreachable(failure) | HostFailure::Unknown(failure) => {
            json!({ "cause": failure.cause.name(), "message": failure.message, "remedy": failure.remedy })
        }
        HostFailure::Tasks(diagnostics) => {
            json!({ "cause": "tasks", "diagnostics": diagnostics.iter().map(diagnostic).collect::<Vec<_>>() })
        }
        HostFailure::Plan(steps) => {
            let step = |(name, why): &(String, Unreadable)| Json::Object(joined([fields(json!({ "step": name })), unreadable(why)]));
            json!({ "cause": "plan", "steps": steps.iter().map(step).collect::<Vec<_>>() })
        }
        HostFailure::Step(result) => json!({ "cause": "step", "step": result.name }),
        HostFailure::Locked(who) => json!({ "cause": "lock", "message": who }),
    };
    fields(json!({ "failure": why }))
}

fn unreadable(why: &Unreadable) -> Fields {
    fields(json!({ "message": why.message, "help": why.help }))
}

fn place(span: &Span) -> Fields {
    let (line, column) = span.line_column();
    fields(json!({ "file": span.source().name().to_string_lossy(), "line": line, "column": column }))
}

fn seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1000.0).round() / 1000.0
}

fn fields(object: Json) -> Fields {
    match object {
        Json::Object(fields) => fields,
        other => Map::from_iter([("value".to_string(), other)]),
    }
}

fn joined<const N: usize>(parts: [Fields; N]) -> Fields {
    parts.into_iter().flatten().collect()
}
