//! How long questions may take. The host itself ends one that takes longer, with all that came from it, and goes on with the
//! next: it spoils its own answer. A host that does not even do that is given up.

use std::time::Duration;

use super::facts::FRAMES;
use crate::shell::{Answers, Script};
use crate::transport::{Cause, Failure};

/// How long the host may take beyond the time of a question to say that it is over.
const GRACE: Duration = Duration::from_secs(15);

/// The text that asks `questions`, each of which may take so long.
pub(super) fn bounded(questions: &str, limit: Duration) -> String {
    let mut begin = Script::new();
    begin.line("hoist_questions {}", &[&limit.as_secs().max(1).to_string()]);
    format!("{}{questions}\nhoist_answered", begin.text())
}

/// How long nothing at all may be heard while questions are asked.
pub(super) fn silence(limit: Duration) -> Duration {
    limit + GRACE
}

/// The failure of a host of which nothing was heard for so long, in the frame of this id if there was one.
pub(super) fn silent(frame: Option<&str>, limit: Duration) -> Failure {
    let asked = frame.map(|frame| format!(", while it was asked for {}", subject(frame))).unwrap_or_default();
    let words = format!("it is connected, and nothing was heard for {} s{asked}", silence(limit).as_secs());
    advise(Failure::new(Cause::Silent, words), frame)
}

/// Answers of which none is missing because its question took too long; `spared` ones may.
///
/// # Errors
/// One is.
pub(super) fn in_time(answers: Answers, limit: Duration, spared: impl Fn(&str) -> bool) -> Result<Answers, Failure> {
    let Some((frame, _)) = answers.iter().find(|(frame, answer)| answer.late() && !spared(frame)) else { return Ok(answers) };
    let words = format!("asked for {}, it took longer than {} s (`probe_timeout`), so that was ended", subject(frame), limit.as_secs());
    Err(advise(Failure::new(Cause::Silent, words), Some(frame)))
}

/// What is asked in a frame of a probe.
fn subject(frame: &str) -> &'static str {
    match frame {
        "stat" => "the state of files",
        "sum" => "the hashes of files",
        "packages" | "candidates" | "providers" | "apt" => "its packages",
        "units" => "its services",
        "passwd" | "shadow" | "group" => "its users and groups",
        _ if FRAMES.contains(&frame) => "its facts",
        _ if frame.starts_with("content") => "the content of a file",
        _ if frame.starts_with("guard") => "what a task asks",
        _ => "something",
    }
}

fn advise(failure: Failure, frame: Option<&str>) -> Failure {
    let why = match frame.map(subject) {
        Some("the state of files" | "the hashes of files" | "the content of a file") => {
            "is one of them on a network mount that does not answer? `df` on the host hangs then, too"
        }
        Some("its users and groups") => {
            "are they in a directory that does not answer (LDAP)? `getent passwd NAME` on the host hangs then, too"
        }
        Some("its packages") => "is its disk slow, or dpkg's database locked? `dpkg-query -W` on the host shows it",
        _ => "is its disk or its memory at an end? `uptime` and `dmesg` on the host may tell",
    };
    failure.remedy(why).remedy("a host that only needs longer gets it with `probe_timeout` in the settings of hoist.yml")
}
