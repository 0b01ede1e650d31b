//! The history that each host keeps of the runs on it: a line a run, each with the hash of the line before.

use crate::shell::{Script, sha256};

/// One run in the history of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it ended, UTC.
    pub time: String,
    /// Who ran it, from where: `ann@laptop`.
    pub who: String,
    /// What was run.
    pub command: String,
    /// What became of it.
    pub result: String,
    /// Whether its hash is that of the line before it.
    pub linked: bool,
}

/// Prints the history, in the frame `history`.
pub fn script() -> Script {
    let mut script = Script::new();
    script.line("hoist_b history; cat \"$hoist_state/history.log\" 2>/dev/null; hoist_e history 0", &[]);
    script
}

/// Reads a history, oldest first. A line that is no entry breaks the chain.
pub fn read(text: &str) -> Vec<Entry> {
    let mut before = String::new();
    let mut entries = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let linked = fields.get(3).is_some_and(|hash| *hash == sha256(before.as_bytes()));
        let field = |at: usize| fields.get(at).map(|field| (*field).to_string()).unwrap_or_default();
        let (who, command) = run(&field(1));
        entries.push(Entry { time: field(0), who, command, result: field(2), linked });
        before = format!("{line}\n");
    }
    entries
}

/// Who, and what: `ann@laptop hoist provision env=prod (process 7)`.
fn run(line: &str) -> (String, String) {
    let Some((who, command)) = line.split_once(" hoist ") else { return (line.to_string(), String::new()) };
    let command = command.rsplit_once(" (process ").map_or(command, |(command, _)| command);
    (who.to_string(), format!("hoist {command}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(results: &[&str]) -> String {
        let mut text = String::new();
        let mut before = String::new();
        for result in results {
            before = format!("2026-01-01T00:00:00Z\tann@laptop hoist provision env=prod\t{result}\t{}\n", sha256(before.as_bytes()));
            text += &before;
        }
        text
    }

    #[test]
    fn who_and_what_are_two_things() {
        let pair = |who: &str, command: &str| (who.to_string(), command.to_string());
        assert_eq!(run("ann@laptop hoist provision env=prod (process 7)"), pair("ann@laptop", "hoist provision env=prod"));
        assert_eq!(run("ann@laptop hoist maintenance on env=prod"), pair("ann@laptop", "hoist maintenance on env=prod"));
        let more = "hoist provision env=prod --limit=web1 (commit 1a2b3c4d5e6f and changes, plan 0a1b2c3d)";
        assert_eq!(run(&format!("ann@laptop {more} (process 7)")), pair("ann@laptop", more));
        assert_eq!(run("whatever this is"), pair("whatever this is", ""));
    }

    #[test]
    fn a_chain_is_followed_and_a_forgery_is_seen() {
        let text = history(&["done, 1 changed", "failed at x", "done, 0 changed"]);
        assert!(read(&text).iter().all(|entry| entry.linked));
        assert_eq!(read(&text)[1].result, "failed at x");
        let forged = text.replace("failed at x", "done, 2 changed");
        assert_eq!(read(&forged).iter().map(|entry| entry.linked).collect::<Vec<_>>(), [true, true, false]);
        let cut: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        assert!(!read(&cut)[0].linked, "a history whose beginning is gone");
    }
}
