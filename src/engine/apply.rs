//! Runs planned changes on a host: one script for a batch, each step in a frame, stopping at the first that fails.

use std::time::{Duration, Instant};

use super::aside;
use super::deadline::Deadlines;
use super::plan::Planned;
use super::session::{Heard, Session, Tick};
use super::switch::{self, Guard};
use super::wrap::wrap;
use super::{Event, Step};
use crate::diagnostic::Span;
use crate::resource::Change;
use crate::resource::Reach;
use crate::shell::{Nonce, Script};
use crate::transport::Failure;

/// The most that is kept of a line whose end has not come yet, in bytes.
const LONGEST_LINE: usize = 64 << 10;

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
    /// It was taken back, or it is what took others back: the old state is there.
    RolledBack,
    /// The line broke while it ran: it may have happened or not.
    Unknown,
}

impl StepStatus {
    /// How a step went that exited with `status`.
    pub(super) fn of(step: &Step, status: i32) -> Self {
        match status {
            0 => Self::Changed,
            aside::ROLLED_BACK if step.set.is_some() => Self::RolledBack,
            status => Self::Failed(status),
        }
    }

    /// Whether nothing may follow it.
    pub(super) fn stops(self) -> bool {
        matches!(self, Self::Failed(_) | Self::RolledBack)
    }
}

/// Prepares the host for changes: state folder, lock, journal, staging folder. Runs once per session, before the first
/// change. `run` says who runs what, and `id` which run it is; the lock is waited for as long as `wait` says (seconds).
///
/// Frame `lock` has status 73 when another run holds the lock, and prints who.
pub(super) fn prepare(run: &str, id: &str, wait: u64) -> Script {
    let mut script = Script::new();
    script.line("hoist_b lock; hoist_run={}; hoist_locked=1", &[run]);
    // A link or somebody else's folder in its place would lead root astray.
    script.line(
        "if mkdir -p -m 700 \"$hoist_state\" && [ ! -L \"$hoist_state\" ] && [ -O \"$hoist_state\" ] && chmod 700 \"$hoist_state\"; then",
        &[],
    );
    // Whatever else stands in its place: a link would lead elsewhere, a pipe would hang.
    script.line(
        "  if [ -L \"$hoist_state/lock\" ] || [ ! -f \"$hoist_state/lock\" ] || [ ! -O \"$hoist_state/lock\" ]; then rm -rf \"$hoist_state/lock\"; fi",
        &[],
    );
    // A shell whose `exec` fails ends, so it is tried before.
    script.line("  if ! : >>\"$hoist_state/lock\"; then hoist_locked=1", &[]);
    script.line("  elif exec 9>>\"$hoist_state/lock\"; flock -w {} 9; then", &[&wait.to_string()]);
    script.line("    hoist_locked=0; printf '%s\\n' \"$hoist_run since $(date -u +%FT%TZ)\" >\"$hoist_state/lock\"", &[]);
    script.line("  else hoist_locked=73; cat \"$hoist_state/lock\"; fi", &[]);
    script.line("fi", &[]);
    script.line("if [ \"$hoist_locked\" = 0 ]; then", &[]);
    script.line("  trap '' PIPE; trap 'rm -rf \"$hoist_stage\"' EXIT; rm -rf \"$hoist_stage\"", &[]);
    script.line("  mkdir -m 700 \"$hoist_stage\" && mkfifo \"$hoist_stage/out\" \"$hoist_stage/err\" || hoist_locked=1", &[]);
    // The process group, for a run that is to be ended: pid (sh) state parent group.
    script.line(
        "  read -r hoist_1 hoist_2 hoist_3 hoist_4 hoist_group hoist_5 </proc/$$/stat; echo \"$hoist_group\" >\"$hoist_stage/group\"",
        &[],
    );
    script.append(&switch::leave_none(id)).append(&aside::tidy());
    script.line("fi", &[]);
    script.line("hoist_e lock \"$hoist_locked\"", &[]);
    script
}

/// Starts the journal of a run: what follows in it are the steps as they begin and end.
pub(super) fn start_journal(id: &str) -> Script {
    let mut script = Script::new();
    script.line("# fault", &[]);
    script.line("printf 'run %s %s\\n' {} \"$hoist_run since $(date -u +%FT%TZ)\" >\"$hoist_state/journal\"", &[id]);
    script
}

/// Ends the run: nothing is left to do, so the journal goes; a line of the history says what became of it. Each line
/// carries the hash of the one before.
pub(super) fn finish(result: &str) -> Script {
    let mut script = Script::new();
    script.line("# fault", &[]);
    script.line("hoist_before=$(tail -n 1 \"$hoist_state/history.log\" 2>/dev/null | sha256sum | cut -c 1-64)", &[]);
    script.line(
        "printf '%s\\t%s\\t%s\\t%s\\n' \"$(date -u +%FT%TZ)\" \"$hoist_run\" {} \"$hoist_before\" >>\"$hoist_state/history.log\"",
        &[result],
    );
    script.line("# fault", &[]);
    script.line("rm -f \"$hoist_state/journal\"", &[]);
    script.line("# fault", &[]);
    script
}

/// Prints the journal, in the frame `journal`.
pub(super) fn read_journal() -> Script {
    let mut script = Script::new();
    script.line("hoist_b journal; cat \"$hoist_state/journal\" 2>/dev/null; hoist_e journal $?", &[]);
    script
}

/// Tells the shell that works to stop before its next step.
pub(super) fn stop() -> Script {
    let mut script = Script::new();
    script.line(": >\"$hoist_stage/stop\"", &[]);
    script
}

/// Ends the steps that run, at once: everything in the process group that holds the lock.
pub(super) fn kill() -> Script {
    let mut script = Script::new();
    script.line(": >\"$hoist_stage/stop\"; read -r hoist_group <\"$hoist_stage/group\" && kill -TERM \"-$hoist_group\"", &[]);
    script
}

/// Runs the changes of `batch`, which is number `count` of the run. Returns a result for each step that was started.
///
/// # Errors
/// The line broke, or `tick` ended the wait; the results up to there are in the error, the last one as
/// [`StepStatus::Unknown`].
pub(super) fn run(
    session: &mut Session,
    steps: &[Step],
    (count, batch): (usize, &[&Planned]),
    (mut guard, deadlines): (Guard, Deadlines),
    event: &dyn Fn(Event),
    tick: Tick<'_>,
) -> Result<Vec<StepResult>, (Vec<StepResult>, Failure)> {
    let changes: Vec<(usize, &Step, &crate::resource::Change)> =
        batch.iter().filter_map(|planned| Some((planned.step, &steps[planned.step], planned.verdict.change()?))).collect();
    let nonce = session.nonce().clone();
    let (before, behind) = guard.around();
    let all: Vec<&Step> = changes.iter().map(|(_, step, _)| *step).collect();
    let mut text = format!("{}{}{before}hoist_batch() {{\n", aside::functions(all.iter().copied()), deadlines.before(&all));
    for (index, step, change) in &changes {
        text += &step_text((count, *index), step, change, (&guard.before(change), &deadlines.behind(step)), &nonce);
    }
    text += &format!("}}\nhoist_batch\n{behind}");

    let mut results: Vec<StepResult> = Vec::new();
    for (index, _, change) in &changes {
        if let Some(blob) = change.script.blob()
            && let Err(failure) = session.stage(&format!("b{index}"), &blob.sha256, &blob.bytes)
        {
            return Err((results, failure));
        }
    }
    let mut running: Option<(usize, Instant)> = None;
    let mut unended: Vec<u8> = Vec::new();
    let of = changes.len();
    let number = |id: &str| id.strip_prefix('s').and_then(|index| index.parse::<usize>().ok());
    let name = |index: usize| steps[index].name.clone();
    let span = |index: usize| Some(steps[index].span.clone());
    let answers = session.follow(
        &text,
        &mut |heard| match heard {
            Heard::Begin(id) => {
                if let Some(index) = number(id) {
                    running = Some((index, Instant::now()));
                    unended.clear();
                    let position = changes.iter().position(|(at, ..)| *at == index).unwrap_or_default() + 1;
                    event(Event::StepStarted { name: name(index), number: position, of });
                }
            }
            Heard::Data(id, bytes) if number(id).is_some() => {
                // Whole lines only: a secret that comes in two pieces would not be known for one.
                unended.extend_from_slice(bytes);
                let Some(end) = unended.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) else {
                    unended.truncate(LONGEST_LINE);
                    return;
                };
                let lines: Vec<u8> = unended.drain(..=end).collect();
                if let Some(line) = lines.rsplit(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).find(|line| !line.is_empty())
                {
                    event(Event::Output(line.to_vec()));
                }
            }
            Heard::Data(..) => {}
            Heard::Pause(_) => {
                let line = std::mem::take(&mut unended);
                if !line.trim_ascii().is_empty() {
                    event(Event::Output(line.trim_ascii().to_vec()));
                }
            }
            Heard::End(id, status) => {
                if let (Some(index), Some((_, started))) = (number(id), running.take()) {
                    let status = StepStatus::of(&steps[index], status);
                    let elapsed = started.elapsed();
                    event(Event::StepDone { name: name(index), status, elapsed });
                    results.push(StepResult { name: name(index), status, elapsed, output: Vec::new(), span: span(index) });
                }
            }
        },
        tick,
    );
    match answers {
        Ok(answers) => {
            for (result, (index, ..)) in results.iter_mut().zip(&changes).filter(|(result, _)| result.status.stops()) {
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
fn step_text((batch, index): (usize, usize), step: &Step, change: &Change, (guarded, limited): (&str, &str), nonce: &Nonce) -> String {
    let script = &change.script;
    let mut head = Script::new();
    for key in &step.notify {
        head.append(&pend(key));
    }
    head.append(&aside::keep(step, change));
    if step.set.is_some() {
        head.append(&aside::decides(step));
    }
    let blob = script.blob().map(|blob| format!(" 4<\"$hoist_stage/\"{}", blob.sha256)).unwrap_or_default();
    let mut strict = Script::new();
    strict.line("set -e", &[]).append(script);
    let mut before = Script::new();
    before.line("if [ -e \"$hoist_stage/stop\" ]; then return 0; fi", &[]);
    // What cannot be written down is not begun; said a second time in the step's own frame, with the reason.
    let begin = format!("begin {batch}.{index} {}", step.name.replace(['\n', '\r'], " "));
    before.line("hoist_j {} 2>/dev/null || {", &[&begin]);
    before.line("  hoist_b {}; hoist_j {}", &[&format!("s{index}"), &begin]);
    before.line("  echo \"the journal of the run, $hoist_state/journal, cannot be written, so nothing was begun\" >&2", &[]);
    before.line("  hoist_e {} 74; return 0; }", &[&format!("s{index}")]);
    // What may run long and print much goes through a relay; the rest is over before a line can break.
    let (open, outputs, close) = match step.resource.reach() {
        Reach::Own => (String::new(), "", String::new()),
        Reach::Wide => (
            format!(
                "hoist_relay {batch}.{index} out 1 & hoist_relay {batch}.{index} err 2 & exec 5>\"$hoist_stage/out\" 6>\"$hoist_stage/err\"\n"
            ),
            " >&5 2>&6",
            format!("exec 5>&- 6>&-; hoist_relayed {batch}.{index}\n"),
        ),
    };
    let body = wrap(&strict, change.run_as.as_ref().or(step.run_as.as_ref()).map(String::as_str), &step.environment, nonce);
    format!(
        "{}# fault\nhoist_b s{index} || return 0\n{open}(\ntrap - PIPE; exec 5>&- 6>&- 9>&-; set -e\n{guarded}{}# fault\n{body}) </dev/null{blob}{outputs}{limited}\nhoist_s=$?\n\
         # fault\n{close}hoist_j \"end {batch}.{index} $hoist_s\"; hoist_e s{index} \"$hoist_s\"; [ \"$hoist_s\" = 0 ] || return 0\n",
        before.text(),
        head.text()
    )
}

/// Writes a handler into the journal on the host, before the change that asks for it (law 5).
fn pend(key: &str) -> Script {
    let mut script = Script::new();
    let file = aside::name(key);
    script.line("if [ ! -e \"$hoist_pending/\"{} ]; then", &[&file]);
    script.line("# fault", &[]);
    script.line("  mkdir -p \"$hoist_pending\"; printf '%s\\n' {} >\"$hoist_pending/\"{}", &[key, &file]);
    script.line("  sync \"$hoist_pending/\"{} \"$hoist_pending\"; fi", &[&file]);
    script
}

/// Takes handlers out of the journal: they have run. What was put aside for them goes last, for it is nobody's then.
pub(super) fn forget(keys: &[String]) -> Script {
    let mut script = Script::new();
    for key in keys {
        script.line("# fault", &[]);
        script.line("rm -f \"$hoist_pending/\"{}", &[&aside::name(key)]);
        script.line("rm -rf \"$hoist_state/aside/\"{}", &[&aside::name(key)]);
    }
    script.line("# fault", &[]);
    script.line("sync \"$hoist_pending\" 2>/dev/null", &[]);
    script
}

fn last_lines(text: &[u8], count: usize) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').collect();
    lines[lines.len().saturating_sub(count)..].join(&b'\n')
}
