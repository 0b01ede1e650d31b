//! A file with secrets in it: the lines that do not depend on one are shown, the others are named. What goes is not
//! shown at all, for nobody can tell whether an old secret is in it; only what its new line begins with, too.

use std::time::Duration;

use similar::udiff::UnifiedHunkHeader;
use similar::{DiffOp, TextDiff};

use super::{Depth, LINES, LINES_OF_NEW, cut, folded, no_newline};
use crate::report::style::{BOLD, CYAN, GREEN, RED, paint};
use crate::secret::MASK;

const CHANGED: &str = "(secret, changed)";
const GONE: &str = "(not shown)";

/// The lines of the diff. `shown` is `after`, line by line, with what is secret masked; `None` when it is not.
pub fn lines(name: &str, before: Option<&str>, after: &str, shown: &str, depth: Depth) -> Option<Vec<String>> {
    let [new, shown] = [after, shown].map(|text| text.split_inclusive('\n').collect::<Vec<&str>>());
    if new.len() != shown.len() {
        return None;
    }
    let head = |sign: &str| paint(BOLD, format!("{sign} {name}"));
    let Some(before) = before else {
        let all = shown.iter().flat_map(|line| one(GREEN, '+', line, depth));
        return Some(std::iter::once(head("+++")).chain(folded(all, shown.len(), LINES_OF_NEW, depth)).collect());
    };
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let diff = TextDiff::configure().timeout(Duration::from_secs(1)).diff_slices(&old, &new);
    let mut all = Vec::new();
    for hunk in &diff.grouped_ops(3) {
        all.push(paint(CYAN, UnifiedHunkHeader::new(hunk)));
        for op in hunk {
            if let DiffOp::Equal { .. } = op {
                all.extend(op.new_range().flat_map(|at| one(anstyle::Style::new(), ' ', shown[at], depth)));
                continue;
            }
            for (number, at) in op.old_range().enumerate() {
                let end = if old[at].ends_with('\n') { "\n" } else { "" };
                let same = op.new_range().nth(number).map_or("", |new| beginning(old[at], shown[new]));
                all.extend(one(RED, '-', &format!("{same}{GONE}{end}"), depth));
            }
            for at in op.new_range() {
                let line = if shown[at] == new[at] { shown[at].to_string() } else { shown[at].replace(MASK, CHANGED) };
                all.extend(one(GREEN, '+', &line, depth));
            }
        }
    }
    let total = all.len();
    Some([head("---"), head("+++")].into_iter().chain(folded(all.into_iter(), total, LINES, depth)).collect())
}

fn one(style: anstyle::Style, sign: char, line: &str, depth: Depth) -> impl Iterator<Item = String> {
    let text = paint(style, format!("{sign}{}", cut(line.trim_end_matches('\n'), depth.characters())));
    std::iter::once(text).chain(no_newline(line))
}

/// What two lines begin with, up to the last mark before a word.
fn beginning<'a>(old: &str, new: &'a str) -> &'a str {
    let new = new.split(MASK).next().unwrap_or_default().trim_end_matches('\n');
    let same: usize = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).map(|(_, new)| new.len_utf8()).sum();
    let mark = new[..same].rfind(|c: char| !c.is_alphanumeric() && c != '_');
    mark.map_or("", |at| &new[..at + new[at..].chars().next().map_or(0, char::len_utf8)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::plain;

    fn diff(before: Option<&str>, after: &str, secret: &str) -> String {
        let shown = after.replace(secret, MASK);
        let lines = lines("/etc/app.env", before, after, &shown, Depth::Full).expect("as many lines");
        plain(&lines.into_iter().map(|line| line + "\n").collect::<String>())
    }

    // V03
    #[test]
    fn the_other_lines_are_shown_and_old_values_are_not() {
        let before = "WORKERS=4\nPASSWORD=older-secret\nDEBUG=0\nTOKEN=forgotten\n";
        let after = "WORKERS=8\nPASSWORD=hunter2\nDEBUG=0\nNEW=1\n";
        assert_eq!(
            diff(Some(before), after, "hunter2"),
            "--- /etc/app.env\n+++ /etc/app.env\n@@ -1,4 +1,4 @@\n-WORKERS=(not shown)\n-PASSWORD=(not shown)\n\
             +WORKERS=8\n+PASSWORD=(secret, changed)\n DEBUG=0\n-(not shown)\n+NEW=1\n"
        );
        assert_eq!(
            diff(Some("A=1\nPASSWORD=hunter2\n"), "A=2\nPASSWORD=hunter2\n", "hunter2"),
            "--- /etc/app.env\n+++ /etc/app.env\n@@ -1,2 +1,2 @@\n-A=(not shown)\n+A=2\n PASSWORD=(secret)\n"
        );
        assert_eq!(
            diff(None, "A=1\nPASSWORD=hunter2", "hunter2"),
            "+++ /etc/app.env\n+A=1\n+PASSWORD=(secret)\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn a_removed_line_shows_no_more_than_its_new_one() {
        assert_eq!(beginning("key: abcdef\n", "key: abcxyz\n"), "key: ");
        assert_eq!(beginning("DB_PASSWORD=x\n", "DB_PASSWORD=(secret)\n"), "DB_PASSWORD=");
        assert_eq!(beginning("hunter2\n", "hunter3\n"), "");
    }
}
