//! What a change shows: content as a unified diff with the changed words marked, properties, notes. Secrets and
//! binary content are named, never shown.

mod secret;

use std::time::Duration;

use anstyle::Style;
use similar::udiff::UnifiedHunkHeader;
use similar::{ChangeTag, DiffOp, TextDiff};

use super::style::{BOLD, CYAN, DIM, GREEN, RED, paint};
use super::terminal::{cut, escape, escape_line, more};
use super::words::{count, size};
use crate::resource::{Action, Change, Diff};

/// How much of a diff is shown.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// 200 lines of a file, 40 of one that is new or goes, 300 characters of a line
    #[default]
    Short,
    /// All of it
    Full,
}

impl Depth {
    /// The most that is shown of a line.
    fn characters(self) -> usize {
        match self {
            Self::Short => 300,
            Self::Full => usize::MAX,
        }
    }
}

const LINES: usize = 200;
const LINES_OF_NEW: usize = 40;
/// Above this many lines words are not compared: it takes time, and helps nobody.
const WORDS_UP_TO: usize = 100;

/// All that `change` shows, a line each, but for what its heading says already.
pub fn lines(change: &Change, heading: &str, depth: Depth) -> Vec<String> {
    let mut lines = Vec::new();
    for diff in &change.diff {
        match diff {
            Diff::Content { path, secret: true, before, after, shown } => {
                lines.extend(partly(path, before.as_deref(), after.as_deref(), shown.as_deref(), change, depth));
            }
            Diff::Content { path, before, after, .. } => lines.extend(content(path, before.as_deref(), after.as_deref(), change, depth)),
            Diff::Attribute { name, before, after } => lines.push(attribute(name, before, after)),
            Diff::Note(text) if text == heading => {}
            Diff::Note(text) => lines.extend(text.lines().map(|line| cut(line, depth.characters()))),
        }
    }
    lines
}

fn attribute(name: &str, before: &str, after: &str) -> String {
    let old = paint(RED, escape(before));
    let new = paint(GREEN, escape(after));
    match (before, after) {
        ("", _) => format!("{name}: {new}"),
        (_, "") => format!("{name}: {old} -> (none)"),
        _ => format!("{name}: {old} -> {new}"),
    }
}

/// The lines of a file with secrets in it, or one line when nothing of it may be shown.
fn partly(path: &str, before: Option<&[u8]>, after: Option<&[u8]>, shown: Option<&str>, change: &Change, depth: Depth) -> Vec<String> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_string).ok();
    let known = before.is_some() || change.action == Action::Create;
    match (before.map(text), after.and_then(text), shown) {
        (Some(None), ..) | (_, None, _) | (_, _, None) => {}
        (before, Some(after), Some(shown)) if known && before.as_ref() != Some(&Some(after.clone())) => {
            let name = escape(path);
            // A secret file as a whole is named in one line.
            let all = shown.lines().all(|line| line == crate::secret::MASK);
            if let (false, Some(lines)) = (all, secret::lines(&name, before.flatten().as_deref(), &after, shown, depth)) {
                return lines;
            }
        }
        _ => {}
    }
    whole(path, before, after, change).into_iter().collect()
}

fn whole(path: &str, before: Option<&[u8]>, after: Option<&[u8]>, change: &Change) -> Option<String> {
    let path = escape(path);
    match (before, after) {
        (before, after) if before == after => None,
        (_, None) => Some(format!("{path}: (secret, removed)")),
        (None, _) if change.action == Action::Create => Some(format!("{path}: (secret)")),
        _ => Some(format!("{path}: (secret, changed)")),
    }
}

fn content(path: &str, before: Option<&[u8]>, after: Option<&[u8]>, change: &Change, depth: Depth) -> Vec<String> {
    let name = escape(path);
    if before == after {
        return Vec::new();
    }
    if [before, after].into_iter().flatten().any(|bytes| bytes.contains(&0) || std::str::from_utf8(bytes).is_err()) {
        return vec![format!("{name}: binary, {}", sizes(before, after))];
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match (before.map(text), after.map(text)) {
        (Some(before), Some(after)) => unified(&name, &before, &after, depth),
        (None, Some(after)) => {
            let old = (change.action != Action::Create).then(|| paint(BOLD, format!("--- {name} (what is there now was not read)")));
            let new = paint(BOLD, format!("+++ {name}{}", if after.is_empty() { " (empty)" } else { "" }));
            old.into_iter().chain([new]).chain(one_sided('+', GREEN, &after, depth)).collect()
        }
        (Some(before), None) => std::iter::once(paint(BOLD, format!("--- {name}"))).chain(one_sided('-', RED, &before, depth)).collect(),
        (None, None) => Vec::new(),
    }
}

fn sizes(before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    match (before.map(<[u8]>::len), after.map(<[u8]>::len)) {
        (Some(old), Some(new)) if old == new => format!("{}, changed", size(new)),
        (Some(old), Some(new)) if size(old) == size(new) => format!("{old} B -> {new} B"),
        (Some(old), Some(new)) => format!("{} -> {}", size(old), size(new)),
        (Some(old), None) => format!("{}, removed", size(old)),
        (_, new) => size(new.unwrap_or_default()),
    }
}

/// The lines of a file that is new or goes.
fn one_sided(sign: char, style: Style, text: &str, depth: Depth) -> Vec<String> {
    let all = text.split_inclusive('\n').flat_map(|line| {
        let shown = paint(style, format!("{sign}{}", cut(line.trim_end_matches('\n'), depth.characters())));
        std::iter::once(shown).chain(no_newline(line))
    });
    folded(all, text.split_inclusive('\n').count(), LINES_OF_NEW, depth)
}

fn unified(name: &str, before: &str, after: &str, depth: Depth) -> Vec<String> {
    // Only `\n` ends a line: a `\r` is a character that is shown.
    let [old, new] = [before, after].map(|text| text.split_inclusive('\n').collect::<Vec<&str>>());
    let diff = TextDiff::configure().timeout(Duration::from_secs(1)).diff_slices(&old, &new);
    let hunks = diff.grouped_ops(3);
    let length = |op: &DiffOp| match op {
        DiffOp::Equal { len, .. } => *len,
        _ => op.old_range().len() + op.new_range().len(),
    };
    let total = hunks.iter().flatten().map(length).sum::<usize>() + hunks.len();
    let all = hunks.iter().flat_map(|hunk| {
        let head = paint(CYAN, UnifiedHunkHeader::new(hunk));
        std::iter::once(head).chain(hunk.iter().flat_map(|op| {
            if length(op) <= WORDS_UP_TO {
                let changes = diff.iter_inline_changes(op);
                changes.flat_map(|change| changed(change.tag(), change.values(), depth)).collect::<Vec<_>>()
            } else {
                diff.iter_changes(op).flat_map(|change| changed(change.tag(), &[(false, change.value())], depth)).collect()
            }
        }))
    });
    let heads = [paint(BOLD, format!("--- {name}")), paint(BOLD, format!("+++ {name}"))];
    heads.into_iter().chain(folded(all, total, LINES, depth)).collect()
}

/// A line of a unified diff, in pieces of which some are marked.
fn changed(tag: ChangeTag, pieces: &[(bool, &str)], depth: Depth) -> Vec<String> {
    let (sign, style) = match tag {
        ChangeTag::Equal => (' ', Style::new()),
        ChangeTag::Delete => ('-', RED),
        ChangeTag::Insert => ('+', GREEN),
    };
    // Marks must not cut a known secret into pieces.
    let whole: String = pieces.iter().map(|(_, piece)| *piece).collect();
    let hidden = crate::secret::hide(&whole);
    let one = [(false, hidden.as_ref())];
    let pieces = if hidden == whole { pieces } else { &one };
    let pieces: Vec<(bool, &str, String)> =
        pieces.iter().map(|(marked, piece)| (*marked, *piece, escape_line(piece.trim_end_matches('\n')))).collect();
    let length = pieces.iter().map(|(.., shown)| shown.chars().count()).sum();
    let mut room = depth.characters();
    let mut line = paint(style, sign);
    for (marked, _, shown) in &pieces {
        let shown: String = shown.chars().take(room).collect();
        room -= shown.chars().count();
        if !shown.is_empty() {
            line += &paint(if *marked { style.invert() } else { style }, shown);
        }
    }
    line += &more(length, depth.characters());
    let last = pieces.last().map_or("", |(_, piece, _)| piece);
    std::iter::once(line).chain(no_newline(last)).collect()
}

fn no_newline(line: &str) -> Option<String> {
    (!line.ends_with('\n')).then(|| paint(DIM, "\\ No newline at end of file"))
}

/// The first `limit` of `total` lines, and how many are left out.
fn folded(all: impl Iterator<Item = String>, total: usize, limit: usize, depth: Depth) -> Vec<String> {
    if depth == Depth::Full || total <= limit {
        return all.collect();
    }
    let more = paint(DIM, format!("... {} (--diff=full shows all)", count(total - limit, "more line")));
    all.take(limit).chain([more]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Script;

    fn change(action: Action, before: Option<&[u8]>, after: Option<&[u8]>, secret: bool) -> Change {
        let mut change = Change::new(action, Script::new());
        let [before, after] = [before, after].map(|bytes| bytes.map(<[u8]>::to_vec));
        change.diff.push(Diff::Content { path: "/etc/app.conf".into(), before, after, secret, shown: None });
        change
    }

    fn shown(change: &Change, depth: Depth) -> String {
        let text: String = lines(change, "", depth).into_iter().map(|line| line + "\n").collect();
        anstream::adapter::strip_str(&text).to_string()
    }

    fn update(before: &str, after: &str) -> String {
        shown(&change(Action::Update, Some(before.as_bytes()), Some(after.as_bytes()), false), Depth::Short)
    }

    #[test]
    fn content_is_a_unified_diff_with_three_lines_around() {
        let numbered = |changed: &str| (1..=9).map(|n| if n == 5 { format!("{changed}\n") } else { format!("{n}\n") }).collect::<String>();
        assert_eq!(
            update(&numbered("user www;"), &numbered("user www-data;")),
            "--- /etc/app.conf\n+++ /etc/app.conf\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-user www;\n+user www-data;\n 6\n 7\n 8\n"
        );
        assert_eq!(
            update("a\nb", "a\nb\n"),
            "--- /etc/app.conf\n+++ /etc/app.conf\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"
        );
    }

    #[test]
    fn changed_words_are_marked() {
        let change = change(Action::Update, Some(b"listen 80 default;\n"), Some(b"listen 8080 default;\n"), false);
        let lines = lines(&change, "", Depth::Short);
        let (red, green, plain) = ("\x1b[31m", "\x1b[32m", "\x1b[0m");
        let marked = |sign: char, colour: &str, word: &str| {
            format!("{colour}{sign}{plain}{colour}listen {plain}\x1b[7m{colour}{word}{plain}{colour} default;{plain}")
        };
        assert_eq!(lines[3..], [marked('-', red, "80"), marked('+', green, "8080")]);
    }

    // O01, O03
    #[test]
    fn a_line_can_neither_hide_nor_overwrite_another() {
        assert_eq!(
            update("a\nb\n", "a\nevil\r b\n\x1b[1A\u{202e}\x08x\n"),
            "--- /etc/app.conf\n+++ /etc/app.conf\n@@ -1,2 +1,3 @@\n a\n-b\n+evil\\r b\n+\\x1b[1A\\u{202e}\\x08x\n"
        );
        assert_eq!(update("a\r\n", "a\n"), "--- /etc/app.conf\n+++ /etc/app.conf\n@@ -1 +1 @@\n-a\\r\n+a\n");
    }

    #[test]
    fn what_is_new_or_goes_stands_alone() {
        assert_eq!(
            shown(&change(Action::Create, None, Some(b"a\nb"), false), Depth::Short),
            "+++ /etc/app.conf\n+a\n+b\n\\ No newline at end of file\n"
        );
        assert_eq!(shown(&change(Action::Create, None, Some(b""), false), Depth::Short), "+++ /etc/app.conf (empty)\n");
        assert_eq!(shown(&change(Action::Delete, Some(b"a\n"), None, false), Depth::Short), "--- /etc/app.conf\n-a\n");
        assert_eq!(
            shown(&change(Action::Update, None, Some(b"a\n"), false), Depth::Short),
            "--- /etc/app.conf (what is there now was not read)\n+++ /etc/app.conf\n+a\n"
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let shown = |action, before, after| shown(&change(action, before, after, true), Depth::Full);
        assert_eq!(shown(Action::Create, None, Some(b"hunter2")), "/etc/app.conf: (secret)\n");
        assert_eq!(shown(Action::Update, Some(b"hunter1"), Some(b"hunter2")), "/etc/app.conf: (secret, changed)\n");
        assert_eq!(shown(Action::Update, None, Some(b"hunter2")), "/etc/app.conf: (secret, changed)\n");
        assert_eq!(shown(Action::Delete, Some(b"hunter1"), None), "/etc/app.conf: (secret, removed)\n");
        assert_eq!(shown(Action::Update, Some(b"same"), Some(b"same")), "");
    }

    #[test]
    fn binary_content_is_told_by_its_size() {
        let shown = |action, before, after| shown(&change(action, before, after, false), Depth::Full);
        let (old, new) = (vec![0u8; 12_100], [1u8, 0xff].repeat(7_000));
        assert_eq!(shown(Action::Update, Some(&old), Some(&new)), "/etc/app.conf: binary, 12 kB -> 14 kB\n");
        assert_eq!(shown(Action::Update, Some(&old), Some(&old[1..])), "/etc/app.conf: binary, 12100 B -> 12099 B\n");
        assert_eq!(shown(Action::Update, Some(b"\0a"), Some(b"\0b")), "/etc/app.conf: binary, 2 B, changed\n");
        assert_eq!(shown(Action::Create, None, Some(&new)), "/etc/app.conf: binary, 14 kB\n");
        assert_eq!(shown(Action::Delete, Some(&old), None), "/etc/app.conf: binary, 12 kB, removed\n");
    }

    #[test]
    fn much_is_cut_and_says_how_much_is_left() {
        let long: String = (0..1000).map(|n| format!("{n}\n")).collect();
        let new = change(Action::Create, None, Some(long.as_bytes()), false);
        let text = shown(&new, Depth::Short);
        assert_eq!(text.lines().count(), 42);
        assert!(text.ends_with("+39\n... 960 more lines (--diff=full shows all)\n"), "{text}");
        assert_eq!(shown(&new, Depth::Full).lines().count(), 1001);

        let other = change(Action::Update, Some(long.as_bytes()), Some(long.replace('\n', "!\n").as_bytes()), false);
        let text = shown(&other, Depth::Short);
        assert_eq!(text.lines().count(), 203);
        assert!(text.ends_with("... 1801 more lines (--diff=full shows all)\n"), "{text}");
        assert_eq!(shown(&other, Depth::Full).lines().count(), 2003);

        let wide = [&b"x".repeat(5_000)[..], b"\n"].concat();
        let text = shown(&change(Action::Update, Some(b"x\n"), Some(&wide), false), Depth::Short);
        assert!(text.ends_with(&format!("+{} ... 4700 more characters\n", "x".repeat(300))), "{text}");
        assert!(shown(&change(Action::Create, None, Some(&wide), false), Depth::Full).ends_with(&format!("+{}\n", "x".repeat(5_000))));
    }

    #[test]
    fn properties_and_notes_have_a_line_each() {
        let change = Change::new(Action::Update, Script::new())
            .attribute("mode", "0644", "0600")
            .attribute("owner", "", "app\n")
            .attribute("target", "/x", "")
            .note("make build\nmake install\x07");
        assert_eq!(
            shown(&change, Depth::Short),
            "mode: 0644 -> 0600\nowner: app\\n\ntarget: /x -> (none)\nmake build\nmake install\\x07\n"
        );
    }
}
