//! Runs planned changes on a host: one script for a batch, each step in a frame, stopping at the first that fails.

use std::time::Instant;

use super::deadline::Deadlines;
use super::plan::Planned;
use super::result::{StepResult, StepStatus};
use super::session::{Session, Tick};
use super::stream::Heard;
use super::switch::Guard;
use super::wrap::wrap;
use super::{Event, Step, aside, journal};
use crate::resource::{Change, Reach};
use crate::shell::{Nonce, Script};
use crate::transport::Failure;

/// The most that is kept of a line whose end has not come yet, in bytes.
const LONGEST_LINE: usize = 64 << 10;

/// Runs the changes of `batch`, which is number `count` of the run; `through` steps were through before it, of `of` in all.
/// Returns a result for each step that was started.
///
/// # Errors
/// The line broke, or `tick` ended the wait; the results up to there are in the error, the last one as
/// [`StepStatus::Unknown`].
pub(super) fn run(
    session: &mut Session,
    steps: &[Step],
    (count, batch): (usize, &[&Planned]),
    (mut guard, deadlines): (Guard, Deadlines),
    (through, of): (usize, usize),
    event: &dyn Fn(Event),
    tick: Tick<'_>,
) -> Result<Vec<StepResult>, (Vec<StepResult>, Failure)> {
    let changes: Vec<(usize, &Step, &Change)> =
        batch.iter().filter_map(|planned| Some((planned.step, &steps[planned.step], planned.verdict.change()?))).collect();
    let nonce = session.nonce().clone();
    let all: Vec<&Step> = changes.iter().map(|(_, step, _)| *step).collect();
    let mut text = format!("{}{}{}hoist_batch() {{\n", aside::functions(all.iter().copied()), deadlines.before(&all), guard.functions());
    for (index, step, change) in &changes {
        text += &step_text((count, *index), step, change, (&guard.before(step, change), &deadlines.behind(step)), &nonce);
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
    let mut unended: Vec<u8> = Vec::new();
    let number = |id: &str| id.strip_prefix('s').and_then(|index| index.parse::<usize>().ok());
    let answers = session.follow(
        &text,
        &mut |heard| match heard {
            Heard::Begin(id) => {
                if let Some(index) = number(id) {
                    running = Some((index, Instant::now()));
                    unended.clear();
                    let position = changes.iter().position(|(at, ..)| *at == index).unwrap_or_default() + 1;
                    event(Event::StepStarted { step: steps[index].about(), number: through + position, of });
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
                    event(Event::StepDone { step: steps[index].about(), status, elapsed });
                    results.push(StepResult::new(&steps[index], status, elapsed));
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
                results.push(StepResult::new(&steps[index], StepStatus::Unknown, started.elapsed()));
            }
            Err((results, failure))
        }
    }
}

/// Whether a change is that of one file and no more, so that nothing was done when that was refused.
pub(super) fn one_file(step: &Step, change: &Change) -> bool {
    step.resource.reach() == Reach::Own && change.after.len() == 1
}

/// One step in its frame. The lock is not handed to it, and it reads nothing from the line.
fn step_text((batch, index): (usize, usize), step: &Step, change: &Change, (guarded, limited): (&str, &str), nonce: &Nonce) -> String {
    let script = &change.script;
    let mut head = Script::new();
    for key in &step.notify {
        head.append(&journal::pend(key));
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
    let own = if one_file(step, change) { &step.notify[..] } else { &[] };
    let [first, last] = journal::unless_refused(own);
    before.append(&first);
    format!(
        "{}# fault\nhoist_b s{index} || return 0\n{open}(\ntrap - PIPE; exec 5>&- 6>&- 9>&-; set -e\n{guarded}{}# fault\n{body}) </dev/null{blob}{outputs}{limited}\nhoist_s=$?\n\
         {}# fault\n{close}hoist_j \"end {batch}.{index} $hoist_s\"; hoist_e s{index} \"$hoist_s\"; [ \"$hoist_s\" = 0 ] || return 0\n",
        before.text(),
        head.text(),
        last.text()
    )
}

fn last_lines(text: &[u8], count: usize) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').collect();
    lines[lines.len().saturating_sub(count)..].join(&b'\n')
}
