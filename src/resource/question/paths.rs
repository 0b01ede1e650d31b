//! Files: one `stat` for all paths, one `sha256sum` for all regular files, and a `head` for each content that is wanted.

use std::collections::BTreeMap;

use super::Question;
use crate::resource::probe::Wanted;
use crate::resource::{FileKind, Owner, PathState, Probe, Reply, Stat};
use crate::shell::{Answers, Script, sha256};

/// The fields of a record each end with a NUL; the last is the name in GNU's literal quoting (`a -> b` for a link).
const STAT: &str = "stat --printf '%n\\0%f\\0%u\\0%U\\0%g\\0%G\\0%s\\0%N\\0' --";
const FIELDS: usize = 8;

pub(super) fn questions(probe: &Probe) -> Vec<Question> {
    let mut all = Vec::new();
    if !probe.stats.is_empty() {
        let mut script = Script::new();
        script.line("QUOTING_STYLE=literal; export QUOTING_STYLE", &[]);
        for chunk in chunks(probe.stats.iter()) {
            script.words(STAT, chunk);
        }
        all.push(Question::new("stat", script));
    }
    if probe.contents.is_empty() {
        return all;
    }
    // The sums stay in a variable, so that the contents can be chosen without another process for each file.
    let mut script = Script::new();
    script.line("hoist_sums=", &[]);
    for chunk in chunks(probe.contents.keys()) {
        script.words("hoist_sum_files", chunk);
    }
    script.line("printf '%s' \"$hoist_sums\"", &[]);
    all.push(Question::new("sum", script));
    for (number, (path, wanted)) in probe.contents.iter().enumerate() {
        let mut script = Script::new();
        match wanted {
            Wanted::Never => continue,
            Wanted::Always => script.line("hoist_content {}", &[path]),
            Wanted::Unless(hashes) => script.words("hoist_content", [path.as_str()].into_iter().chain(hashes.iter().map(String::as_str))),
        };
        all.push(Question::new(&format!("content{number}"), script));
    }
    all
}

/// Command lines have a limit; a thousand paths stay well below it.
fn chunks<'a>(paths: impl Iterator<Item = &'a String>) -> Vec<Vec<&'a str>> {
    let paths: Vec<&str> = paths.map(String::as_str).collect();
    paths.chunks(1000).map(<[&str]>::to_vec).collect()
}

pub(super) fn read(probe: &Probe, answers: &Answers, reply: &mut Reply) {
    let Some(answer) = answers.get("stat") else { return };
    let text = answer.text();
    let fields: Vec<&str> = text.split('\0').collect();
    let mut found = BTreeMap::new();
    for record in fields.chunks_exact(FIELDS) {
        if let Some(state) = record_state(record) {
            found.insert(record[0].to_string(), state);
        }
    }
    // Only "No such file" and "Not a directory" mean that nothing is there; what could not be read stays unknown.
    let errors = String::from_utf8_lossy(&answer.stderr);
    let sums = answers.get("sum").map(|answer| sums(&answer.text())).unwrap_or_default();
    for path in &probe.stats {
        let state = match found.remove(path) {
            Some(state) => state,
            None if denied(&errors, path) => continue,
            None => PathState::default(),
        };
        reply.paths.insert(path.clone(), PathState { sha256: sums.get(path).cloned(), ..state });
    }
    for (number, path) in probe.contents.keys().enumerate() {
        let (Some(state), Some(answer)) = (reply.paths.get_mut(path), answers.get(&format!("content{number}"))) else { continue };
        // Sent and hashed a moment apart: a file that was written in between is not an answer.
        if state.sha256.as_deref() == Some(sha256(&answer.stdout).as_str()) {
            state.content = Some(answer.stdout.clone());
        }
    }
}

fn denied(errors: &str, path: &str) -> bool {
    errors.lines().any(|line| line.contains(path) && !line.ends_with("No such file or directory") && !line.ends_with("Not a directory"))
}

fn record_state(record: &[&str]) -> Option<PathState> {
    let bits = u32::from_str_radix(record[1], 16).ok()?;
    let kind = FileKind::of(bits)?;
    let target = (kind == FileKind::Link).then(|| record[7].get(record[0].len() + " -> ".len()..)).flatten().map(str::to_string);
    let owner = |id: &str, name: &str| Owner { id: id.parse().ok(), name: name.to_string() };
    let stat = Stat {
        kind,
        mode: bits & 0o7777,
        owner: owner(record[2], record[3]),
        group: owner(record[4], record[5]),
        size: record[6].parse().ok()?,
    };
    Some(PathState { stat: Some(stat), target, sha256: None, content: None })
}

/// Lines of `sha256sum`: `hash  path`, with a leading backslash where the path is escaped.
fn sums(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |line| (true, line));
        if let Some((hash, path)) = line.split_once("  ") {
            let path = if escaped { path.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\") } else { path.to_string() };
            all.insert(path, hash.to_string());
        }
    }
    all
}
