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
use crate::engine::{About, Event as Happened, HostFailure, HostReport, Phase, Step, StepResult, StepStatus, Verdict};
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
        Happened::StepStarted { step, number, of } => {
            ("step_started", Json::Object(joined([about(step), fields(json!({ "number": number, "of": of }))])))
        }
        Happened::Output(line) => ("output", json!({ "line": bytes(line) })),
        Happened::StepDone { step, status, elapsed } => ("step_done", Json::Object(joined([about(step), how(*status, *elapsed)]))),
    };
    (name, joined([fields(json!({ "host": host })), fields(rest)]))
}

fn about(step: &About) -> Fields {
    fields(json!({ "step": step.name, "kind": step.kind, "subject": step.subject }))
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
        let mut last = fields(json!({ "host": host.host, "pending": host.pending, "interrupted": host.interrupted }));
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
            "result": result(report),
            "same": report.same,
            "changed": report.changed(),
            "failed": failed(report),
            "pending": report.pending,
            "seconds": seconds(report.elapsed),
        });
        events.push(("host_result", joined([host(), fields(numbers), report.failure.as_ref().map(failure).unwrap_or_default()])));
    }
    let total = |of: fn(&HostReport) -> usize| reports.iter().map(of).sum::<usize>();
    let hosts = |word: &str| reports.iter().filter(|report| result(report) == word).count();
    let all = json!({
        "hosts": reports.len(),
        "done": hosts("done"),
        "failed": hosts("failed"),
        "unreachable": hosts("unreachable"),
        "unknown": hosts("unknown"),
        "rolled_back": hosts("rolled_back"),
        "locked": hosts("locked"),
        "same": total(|report| report.same),
        "changed": total(HostReport::changed),
        "seconds": seconds(elapsed),
        "exit_code": exit_code(reports),
    });
    events.push(("summary", fields(all)));
    events
}

fn result(report: &HostReport) -> String {
    report.failure.as_ref().map_or("done", word).replace(' ', "_")
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
        Verdict::Elsewhere => fields(json!({ "verdict": "elsewhere" })),
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
        Diff::Content { path, secret: true, shown: Some(shown), .. } => json!({ "path": path, "secret": true, "after": shown }),
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
        StepStatus::RolledBack => ("rolled_back", None),
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
        HostFailure::Step(result) | HostFailure::RolledBack(result) => json!({ "cause": "step", "step": result.name }),
        HostFailure::Locked(who) => json!({ "cause": "lock", "message": who }),
        HostFailure::Interrupted => json!({ "cause": "interrupted" }),
        HostFailure::Skipped(why) => json!({ "cause": "skipped", "message": why }),
        HostFailure::Reverted(why) => json!({ "cause": "rolled back", "message": why }),
        HostFailure::Afterwards(why) => json!({ "cause": "afterwards", "message": why }),
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

pub(super) fn fields(object: Json) -> Fields {
    match object {
        Json::Object(fields) => fields,
        other => Map::from_iter([("value".to_string(), other)]),
    }
}

fn joined<const N: usize>(parts: [Fields; N]) -> Fields {
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{change, handler, notifying, place, play, rewrite, step};
    use crate::transport::{Cause, Failure};

    fn lines(events: Vec<Event>) -> String {
        events.into_iter().map(|(name, fields)| line(name, fields)).collect()
    }

    #[test]
    fn a_plan_is_a_line_for_each_step_and_host() {
        let mut secret = change(Action::Update);
        let content = Some(b"hunter2".to_vec());
        secret.diff.push(Diff::Content { path: "/etc/app.env".into(), before: None, after: content, secret: true, shown: None });
        let mut binary = change(Action::Create);
        binary.diff.push(Diff::Content { path: "/logo".into(), before: None, after: Some(b"\xff\0".to_vec()), secret: false, shown: None });
        let plays = [play(
            1,
            vec![
                (step("web", 2, "motd", "copy", "/etc/motd"), Verdict::Same),
                (
                    notifying(step("web", 3, "conf", "copy", "/c"), &["web/reload"]),
                    Verdict::Change(rewrite("/c", "a\n", "\x1b\n").attribute("mode", "0644", "0600")),
                ),
                (step("web", 4, "env", "copy", "/etc/app.env"), Verdict::Perhaps(secret.note("as app"))),
                (step("web", 5, "logo", "copy", "/logo"), Verdict::Change(binary)),
                (step("web", 6, "unit", "service", "app"), Verdict::Later(Unreadable::new("not yet"))),
                (step("web", 7, "dir", "file", "/d"), Verdict::Failed(Unreadable::new("a link").help("remove it"))),
            ],
            vec![handler("web", "reload")],
        )];
        let down = HostFailure::Unreachable(Failure::new(Cause::Timeout, "no answer").remedy("is it up?"));
        let pending = ["web/reload".to_string()];
        let hosts = [
            HostPlan { host: "web1", plays: &plays, pending: &pending, interrupted: None, failure: None },
            HostPlan { host: "web2", plays: &[], pending: &[], interrupted: None, failure: Some(&down) },
        ];
        let text = lines(plan(&hosts));
        assert!(!text.contains("hunter"));
        assert_eq!(
            text,
            r#"{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"motd","kind":"copy","subject":"/etc/motd","notify":[],"file":"roles/web/role.yml","line":2,"column":5,"verdict":"same"}
{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"conf","kind":"copy","subject":"/c","notify":["web/reload"],"file":"roles/web/role.yml","line":3,"column":5,"verdict":"change","action":"update","diff":[{"path":"/c","before":"a\n","after":"\u001b\n"},{"attribute":"mode","before":"0644","after":"0600"}]}
{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"env","kind":"copy","subject":"/etc/app.env","notify":[],"file":"roles/web/role.yml","line":4,"column":5,"verdict":"perhaps","action":"update","diff":[{"path":"/etc/app.env","secret":true},{"note":"as app"}]}
{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"logo","kind":"copy","subject":"/logo","notify":[],"file":"roles/web/role.yml","line":5,"column":5,"verdict":"change","action":"create","diff":[{"path":"/logo","before":null,"after":{"base64":"/wA="}}]}
{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"unit","kind":"service","subject":"app","notify":[],"file":"roles/web/role.yml","line":6,"column":5,"verdict":"later","message":"not yet","help":null}
{"version":1,"event":"plan_step","host":"web1","play":1,"role":"web","step":"dir","kind":"file","subject":"/d","notify":[],"file":"roles/web/role.yml","line":7,"column":5,"verdict":"failed","message":"a link","help":"remove it"}
{"version":1,"event":"plan_host","host":"web1","pending":["web/reload"],"interrupted":null}
{"version":1,"event":"plan_host","host":"web2","pending":[],"interrupted":null,"failure":{"cause":"timeout","message":"no answer","remedy":["is it up?"]}}
"#
        );
    }

    #[test]
    fn a_run_ends_with_results_and_the_summary() {
        let elapsed = Duration::from_micros(2_140_400);
        let result = |status, output: &[u8]| StepResult {
            name: "conf".into(),
            what: "copy /c".into(),
            status,
            elapsed,
            output: output.to_vec(),
            span: Some(place("web", 3)),
        };
        let failed = result(StepStatus::Failed(1), b"bad \xff");
        let reports = [
            HostReport { host: "web1".into(), same: 4, ..HostReport::default() },
            HostReport {
                host: "web2".into(),
                same: 2,
                results: vec![result(StepStatus::Changed, b""), failed.clone()],
                pending: vec!["web/reload".into()],
                elapsed,
                failure: Some(HostFailure::Step(failed)),
                taken_back: 0,
            },
        ];
        assert_eq!(
            lines(summary(&reports, elapsed)),
            r#"{"version":1,"event":"host_result","host":"web1","result":"done","same":4,"changed":0,"failed":0,"pending":[],"seconds":0.0}
{"version":1,"event":"step_result","host":"web2","step":"conf","file":"roles/web/role.yml","line":3,"column":5,"status":"changed","seconds":2.14,"output":""}
{"version":1,"event":"step_result","host":"web2","step":"conf","file":"roles/web/role.yml","line":3,"column":5,"status":"failed","seconds":2.14,"exit_status":1,"output":{"base64":"YmFkIP8="}}
{"version":1,"event":"host_result","host":"web2","result":"failed","same":2,"changed":1,"failed":1,"pending":["web/reload"],"seconds":2.14,"failure":{"cause":"step","step":"conf"}}
{"version":1,"event":"summary","hosts":2,"done":1,"failed":1,"unreachable":0,"unknown":0,"rolled_back":0,"locked":0,"same":6,"changed":1,"seconds":2.14,"exit_code":3}
"#
        );
    }

    #[test]
    fn what_happens_meanwhile_is_told_as_it_happens() {
        let step = || About { name: "conf".to_string(), kind: "copy", subject: "/c".to_string() };
        let happened = [
            Happened::Phase(Phase::Applying),
            Happened::StepStarted { step: step(), number: 1, of: 3 },
            Happened::Output(b"Setting up \xe9".to_vec()),
            Happened::StepDone { step: step(), status: StepStatus::Failed(9), elapsed: Duration::from_secs(1) },
        ];
        assert_eq!(
            lines(happened.iter().map(|happened| event("web1", happened)).collect()),
            r#"{"version":1,"event":"phase","host":"web1","phase":"applying"}
{"version":1,"event":"step_started","host":"web1","step":"conf","kind":"copy","subject":"/c","number":1,"of":3}
{"version":1,"event":"output","host":"web1","line":{"base64":"U2V0dGluZyB1cCDp"}}
{"version":1,"event":"step_done","host":"web1","step":"conf","kind":"copy","subject":"/c","status":"failed","seconds":1.0,"exit_status":9}
"#
        );
    }

    #[test]
    fn a_diagnostic_names_its_places() {
        let problem = Diagnostic::error("no").label(&place("web", 2), "here").help("do");
        assert_eq!(
            line("diagnostic", diagnostic(&problem)),
            "{\"version\":1,\"event\":\"diagnostic\",\"severity\":\"error\",\"summary\":\"no\",\"labels\":[{\"file\":\"roles/web/role.yml\",\"line\":2,\"column\":5,\"text\":\"here\"}],\"help\":[\"do\"]}\n"
        );
    }
}
