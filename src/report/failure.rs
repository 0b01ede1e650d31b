//! Why a host did not come to its end: a word for tables, and the whole of it.

use super::diagnostic;
use super::style::{BOLD, DIM, ERROR, paint};
use super::terminal::{cut, escape};
use super::words::indent;
use crate::engine::{HostFailure, StepResult, StepStatus};
use crate::resource::Unreadable;
use crate::transport::{Cause, Failure};

/// In one word: `failed`, `unreachable`, `unknown`, `rolled back`, `locked`, `interrupted`, `skipped`.
pub fn word(failure: &HostFailure) -> &'static str {
    match failure {
        HostFailure::Unreachable(Failure { cause: Cause::Name | Cause::Refused | Cause::Timeout | Cause::Lost, .. }) => "unreachable",
        // The host is there and says no: that is another trouble than a host that is down.
        HostFailure::Unreachable(_) | HostFailure::Tasks(_) | HostFailure::Plan(_) | HostFailure::Step(_) | HostFailure::Afterwards(_) => {
            "failed"
        }
        HostFailure::Unknown(Failure { cause: Cause::Interrupted, .. }) => "interrupted",
        HostFailure::Unknown(_) => "unknown",
        HostFailure::RolledBack(_) => "rolled back",
        HostFailure::Locked(_) => "locked",
        HostFailure::Interrupted => "interrupted",
        HostFailure::Skipped(_) => "skipped",
        HostFailure::Reverted(_) => "rolled back",
    }
}

/// Why a host was not reached, under its name.
pub fn of_host(host: &str, failure: &Failure) -> String {
    let head = format!("{} {}\n", paint(BOLD, escape(host) + ":"), escape(failure.to_string()));
    head + &remedy(failure)
}

/// All of it, in lines.
pub fn text(failure: &HostFailure) -> String {
    let head = |rest: String| format!("{} {rest}\n", paint(ERROR, format!("{}:", word(failure))));
    match failure {
        HostFailure::Unreachable(failure) => head(escape(failure.to_string())) + &remedy(failure),
        HostFailure::Unknown(Failure { cause: Cause::Interrupted, message, .. }) => head(escape(message)),
        HostFailure::Unknown(failure) => {
            let what = if failure.cause == Cause::Silent { "it fell silent" } else { "the line broke" };
            head(format!("{what} after work had begun: {}", escape(failure.to_string()))) + &remedy(failure)
        }
        HostFailure::Tasks(diagnostics) => head("its tasks have mistakes".to_string()) + &indent(&diagnostic::text(diagnostics, 100), 4),
        HostFailure::Plan(steps) => steps.iter().map(|(name, why)| head(escape(name)) + &unreadable(why)).collect(),
        HostFailure::Step(result) | HostFailure::RolledBack(result) => head(escape(&result.name)) + &step(result),
        HostFailure::Locked(who) => head(format!("another run holds the lock: {}", escape(who))),
        HostFailure::Interrupted => head("the step that ran was finished, what was left was not begun".to_string()),
        HostFailure::Skipped(why) | HostFailure::Reverted(why) | HostFailure::Afterwards(why) => {
            let mut lines = why.lines();
            let first = head(escape(lines.next().unwrap_or_default()));
            first + &lines.map(|line| format!("    | {}\n", escape(line))).collect::<String>()
        }
    }
}

fn remedy(failure: &Failure) -> String {
    failure.remedy.iter().map(|line| format!("    {}\n", escape(line))).collect()
}

fn unreadable(why: &Unreadable) -> String {
    let help = why.help.iter().map(|help| format!("    help: {}\n", escape(help)));
    std::iter::once(format!("    {}\n", escape(&why.message))).chain(help).collect()
}

/// What a step is about, where its task is, how it went, what it said.
pub fn step(result: &StepResult) -> String {
    let place = result.span.iter().map(|span| format!("    {}\n", paint(DIM, format!("at {}", escape(span.to_string())))));
    let how = match result.status {
        StepStatus::Failed(status) => format!("exit status {status}"),
        StepStatus::RolledBack => "what it is about was put back as it was".to_string(),
        StepStatus::Unknown => "it may have happened or not".to_string(),
        StepStatus::Same | StepStatus::Changed => "done".to_string(),
    };
    // The engine keeps no more of them.
    let last =
        if result.output.iter().filter(|byte| **byte == b'\n').count() + 1 < LINES { "" } else { "; its last lines, there may be more:" };
    let what = (!result.what.is_empty() && result.what != result.name).then(|| format!("    {}\n", escape(&result.what)));
    what.into_iter().chain(place).chain([format!("    {how}{last}\n")]).chain(output(&result.output)).collect()
}

/// As many lines of output are kept of a step.
const LINES: usize = 20;

/// The most that is shown of a line of output.
const CHARACTERS: usize = 1000;

/// The last lines of a step, marked as what the host said.
fn output(bytes: &[u8]) -> impl Iterator<Item = String> {
    let text = bytes.trim_ascii_end();
    let lines = text.split(|byte| *byte == b'\n').filter(move |_| !text.is_empty());
    lines.map(|line| format!("    {} {}\n", paint(DIM, "|"), cut(line.strip_suffix(b"\r").unwrap_or(line), CHARACTERS)))
}
