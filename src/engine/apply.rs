//! Runs planned changes on a host: one script for a batch, each step in a frame, stopping at the first that fails.

use std::time::{Duration, Instant};

use super::plan::Planned;
use super::session::{Heard, Session};
use super::wrap::wrap;
use super::{Event, Step};
use crate::diagnostic::Span;
use crate::resource::Change;
use crate::shell::{Nonce, Script};
use crate::transport::Failure;

/// How a step went.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// How it went.
    pub status: StepStatus,
    /// How long it took.
    pub elapsed: Duration,
    /// The last lines that it printed, standard error behind standard output; of a failed step.
    pub output: Vec<u8>,
    /// The task.
    pub span: Option<Span>,
}

/// The ways a step can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// All was as wanted.
    Same,
    /// It changed something.
    Changed,
    /// It failed with this status.
    Failed(i32),
    /// The line broke while it ran: it may have happened or not.
    Unknown,
}

/// Prepares the host for changes: state folder, lock, staging folder. Runs once per session, before the first change.
///
/// Frame `lock` has status 73 when another run holds the lock, and prints who.
pub(super) fn prepare(run: &str) -> Script {
    let mut script = Script::new();
    script.line("hoist_b lock", &[]);
    script.line("hoist_locked=73", &[]);
    script.line("if mkdir -p \"$hoist_state\" && chmod 700 \"$hoist_state\"; then", &[]);
    script.line("  exec 9>>\"$hoist_state/lock\"", &[]);
    script
        .line("  if flock -n 9; then hoist_locked=0; printf '%s\\n' {} >\"$hoist_state/lock\"; else cat \"$hoist_state/lock\"; fi", &[run]);
    script.line("else hoist_locked=1; fi", &[]);
    script.line("hoist_stage=$hoist_state/stage; hoist_pending=$hoist_state/pending", &[]);
    script.line("if [ \"$hoist_locked\" = 0 ]; then", &[]);
    script.line("  trap 'rm -rf \"$hoist_stage\"' EXIT; rm -rf \"$hoist_stage\"; mkdir -m 700 \"$hoist_stage\" || hoist_locked=1", &[]);
    script.line("fi", &[]);
    script.line("hoist_e lock \"$hoist_locked\"", &[]);
    script
}

/// Runs the changes of `batch`. Returns a result for each step that was started.
///
/// # Errors
/// The line broke; the results up to there are in the error, the last one as [`StepStatus::Unknown`].
pub(super) fn run(
    session: &mut Session,
    steps: &[Step],
    batch: &[&Planned],
    event: &dyn Fn(Event),
) -> Result<Vec<StepResult>, (Vec<StepResult>, Failure)> {
    let changes: Vec<(usize, &Step, &crate::resource::Change)> =
        batch.iter().filter_map(|planned| Some((planned.step, &steps[planned.step], planned.verdict.change()?))).collect();
    let nonce = session.nonce().clone();
    let mut text = String::from("hoist_batch() {\n");
    for (index, step, change) in &changes {
        text += &step_text(*index, step, change, &nonce);
    }
    text += "}\nhoist_batch\n";

    let mut results: Vec<StepResult> = Vec::new();
    for (index, _, change) in &changes {
        if let Some(blob) = change.script.blob()
            && let Err(failure) = session.stage(&format!("b{index}"), &blob.sha256, &blob.bytes)
        {
            return Err((results, failure));
        }
    }
    let mut running: Option<(usize, Instant)> = None;
    let of = changes.len();
    let number = |id: &str| id.strip_prefix('s').and_then(|index| index.parse::<usize>().ok());
    let name = |index: usize| steps[index].name.clone();
    let span = |index: usize| Some(steps[index].span.clone());
    let answers = session.ask(&text, &mut |heard| match heard {
        Heard::Begin(id) => {
            if let Some(index) = number(id) {
                running = Some((index, Instant::now()));
                let position = changes.iter().position(|(at, ..)| *at == index).unwrap_or_default() + 1;
                event(Event::StepStarted { name: name(index), number: position, of });
            }
        }
        Heard::Data(id, bytes) if number(id).is_some() => {
            if let Some(line) = bytes.rsplit(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty()) {
                event(Event::Output(line.to_vec()));
            }
        }
        Heard::Data(..) => {}
        Heard::End(id, status) => {
            if let (Some(index), Some((_, started))) = (number(id), running.take()) {
                let status = if status == 0 { StepStatus::Changed } else { StepStatus::Failed(status) };
                let elapsed = started.elapsed();
                event(Event::StepDone { name: name(index), status, elapsed });
                results.push(StepResult { name: name(index), status, elapsed, output: Vec::new(), span: span(index) });
            }
        }
    });
    match answers {
        Ok(answers) => {
            for (result, (index, ..)) in
                results.iter_mut().zip(&changes).filter(|(result, _)| matches!(result.status, StepStatus::Failed(_)))
            {
                let said =
                    |id: String| answers.get(&id).map(|answer| [&answer.stdout[..], &answer.stderr[..]].concat()).unwrap_or_default();
                // Content that could not be staged explains the step that missed it.
                let both = [said(format!("b{index}")), said(format!("s{index}"))].concat();
                result.output = last_lines(&both, 20);
            }
            Ok(results)
        }
        Err(failure) => {
            if let Some((index, started)) = running {
                results.push(StepResult {
                    name: name(index),
                    status: StepStatus::Unknown,
                    elapsed: started.elapsed(),
                    output: Vec::new(),
                    span: span(index),
                });
            }
            Err((results, failure))
        }
    }
}

/// One step in its frame. The lock is not handed to it, and it reads nothing from the line.
fn step_text(index: usize, step: &Step, change: &Change, nonce: &Nonce) -> String {
    let script = &change.script;
    let mut head = Script::new();
    for key in &step.notify {
        head.append(&pend(key));
    }
    let blob = script.blob().map(|blob| format!(" 4<\"$hoist_stage/\"{}", blob.sha256)).unwrap_or_default();
    let mut strict = Script::new();
    strict.line("set -e", &[]).append(script);
    let body = wrap(&strict, change.run_as.as_ref().or(step.run_as.as_ref()).map(String::as_str), &step.environment, nonce);
    format!(
        "hoist_b s{index}\n(\nexec 9>&-; set -e\n{}{body}) </dev/null{blob}\nhoist_s=$?; hoist_e s{index} \"$hoist_s\"; [ \"$hoist_s\" = 0 ] || return 0\n",
        head.text()
    )
}

/// Writes a handler into the journal on the host, before the change that asks for it (law 5).
fn pend(key: &str) -> Script {
    let mut script = Script::new();
    let file = journal_name(key);
    script.line("if [ ! -e \"$hoist_pending/\"{} ]; then", &[&file]);
    script.line("  mkdir -p \"$hoist_pending\"; printf '%s\\n' {} >\"$hoist_pending/\"{}", &[key, &file]);
    script.line("  sync \"$hoist_pending/\"{} \"$hoist_pending\"; fi", &[&file]);
    script
}

/// Takes handlers out of the journal: they have run.
pub(super) fn forget(keys: &[String]) -> Script {
    let mut script = Script::new();
    for key in keys {
        script.line("rm -f \"$hoist_pending/\"{}", &[&journal_name(key)]);
    }
    script.line("sync \"$hoist_pending\" 2>/dev/null", &[]);
    script
}

fn journal_name(key: &str) -> String {
    crate::shell::sha256(key.as_bytes())[..16].to_string()
}

fn last_lines(text: &[u8], count: usize) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').collect();
    lines[lines.len().saturating_sub(count)..].join(&b'\n')
}
