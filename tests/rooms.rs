//! The house rules that a compiler does not check: arrows between rooms point down, files fit one sitting and say what
//! they are for, the table of kinds is complete, sorted and documented. Each check is run on a made-up tree too, which
//! breaks the rule, so that none of them can pass by looking at nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hoist::resource::KINDS;

/// The rooms; each may use only those behind it.
const ROOMS: [&str; 12] =
    ["cli", "report", "deploy", "engine", "resource", "transport", "project", "template", "secret", "yaml", "shell", "diagnostic"];

/// The rooms that may write to a terminal.
const PRINTING: [&str; 2] = ["cli", "report"];

/// The longest a file may be, without its tests.
const MOST_LINES: usize = 450;

/// A file of `src`.
struct File {
    /// Below `src`, as in `engine/host.rs`.
    path: String,
    text: String,
}

impl File {
    /// The room it is in; none for `main.rs` and `lib.rs`, which stand above all rooms.
    fn room(&self) -> Option<&str> {
        match self.path.split_once('/') {
            Some((room, _)) => Some(room),
            None => self.path.strip_suffix(".rs").filter(|name| !matches!(*name, "main" | "lib")),
        }
    }

    /// What is not a test: up to the module of tests at the bottom.
    fn code(&self) -> &str {
        let only_tests = self.path.ends_with("/tests.rs");
        let end = if only_tests { Some(0) } else { self.text.find("\n#[cfg(test)]") };
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// How many modules it is deep: `engine/host.rs` is `crate::engine::host`, so 2.
    fn depth(&self) -> usize {
        let parts = self.path.trim_end_matches(".rs").split('/');
        parts.filter(|part| *part != "mod").count()
    }
}

/// Without lines that are comments, which may name any room.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The first names of all paths below `crate::`, also those in braces.
fn used(text: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, start) in text.match_indices("crate::") {
        let rest = &text[at + start.len()..];
        let Some(inner) = rest.strip_prefix('{') else {
            names.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut fresh = true;
        for (at, c) in inner.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                '{' => depth += 1,
                ',' if depth == 0 => fresh = true,
                c if fresh && !c.is_whitespace() => {
                    names.insert(name(&inner[at..]));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// The longest `super::super::...` of a text, in steps.
fn climbs(text: &str) -> usize {
    let mut most = 0;
    for (at, _) in text.match_indices("super::") {
        most = most.max(text[at..].split("::").take_while(|part| *part == "super").count());
    }
    most
}

fn check_arrows(file: &File) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    let Some(floor) = ROOMS.iter().position(|known| *known == room) else {
        return vec![format!("{}: `{room}` is no room of the house (tests/rooms.rs lists them)", file.path)];
    };
    let mut wrong = Vec::new();
    for name in used(&without_comments(&file.text)) {
        match ROOMS.iter().position(|known| *known == name) {
            Some(other) if other < floor => wrong.push(format!("{}: `{room}` uses `{name}`, which stands above it", file.path)),
            Some(_) => {}
            None => wrong.push(format!("{}: `crate::{name}` is in no room", file.path)),
        }
    }
    if climbs(&without_comments(file.code())) >= file.depth() {
        wrong.push(format!("{}: leaves its room by `super::`; write `crate::`", file.path));
    }
    wrong
}

fn check_printing(file: &File) -> Vec<String> {
    if file.room().is_some_and(|room| PRINTING.contains(&room)) {
        return Vec::new();
    }
    let code = without_comments(file.code());
    let marks = ["println!", "print!", "dbg!", "anstream", "io::stdout", "io::stderr"];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let found = marks.iter().filter(|mark| code.match_indices(**mark).any(|(at, _)| !code[..at].trim_end_matches('e').ends_with(word)));
    found.map(|mark| format!("{}: `{mark}` belongs into `report`", file.path)).collect()
}

fn check_shape(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    if !file.text.starts_with("//! ") {
        wrong.push(format!("{}: does not open with `//!` and what it is for", file.path));
    }
    let lines = file.code().lines().count();
    if lines > MOST_LINES {
        wrong.push(format!("{}: {lines} lines without its tests, {MOST_LINES} at most: give the second idea its own file", file.path));
    }
    wrong
}

/// The rooms as `lib.rs` lists them, so that a reader who starts there sees the order that holds.
fn check_map(files: &[File]) -> Vec<String> {
    let Some(lib) = files.iter().find(|file| file.path == "lib.rs") else { return vec!["lib.rs: is missing".into()] };
    let listed: Vec<&str> = lib.text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let expected: Vec<&str> = ROOMS.into_iter().filter(|room| files.iter().any(|file| file.room() == Some(*room))).collect();
    if listed == expected { Vec::new() } else { vec![format!("lib.rs: lists {listed:?}, from top to bottom the rooms are {expected:?}")] }
}

/// Every file of a kind is in the table of `resource/mod.rs`, which is sorted.
fn check_table(files: &[File]) -> Vec<String> {
    let table =
        files.iter().find(|file| file.path == "resource/mod.rs").and_then(|file| file.text.split_once("\nkinds! {")?.1.split_once('}'));
    let Some((table, _)) = table else { return vec!["resource/mod.rs: has no `kinds! { ... }`".into()] };
    let listed: Vec<&str> = table.split(',').filter_map(|line| line.trim().split_once("::")).map(|(module, _)| module).collect();
    let mut wrong = Vec::new();
    if !listed.is_sorted() {
        wrong.push(format!("resource/mod.rs: the table of kinds is not sorted: {listed:?}"));
    }
    for file in files.iter().filter(|file| file.code().contains("\nimpl Kind for ")) {
        let module = file.path.trim_start_matches("resource/").trim_end_matches(".rs").trim_end_matches("/mod");
        if !listed.contains(&module) {
            wrong.push(format!("{}: is a kind, and the table of kinds does not list it", file.path));
        }
    }
    wrong
}

fn check(files: &[File]) -> Vec<String> {
    let each = files.iter().flat_map(|file| [check_arrows(file), check_printing(file), check_shape(file)].concat());
    each.chain(check_map(files)).chain(check_table(files)).collect()
}

fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("src can be read").flatten().map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    let rust = paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| File {
        path: path.strip_prefix(&root).expect("below src").display().to_string(),
        text: std::fs::read_to_string(&path).expect("a source is text"),
    })
    .collect()
}

#[test]
fn the_house_is_in_order() {
    let files = sources();
    assert!(files.len() > 50, "src was found: {}", files.len());
    let wrong = check(&files);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_house_that_is_not_is_told_so() {
    let made_up = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let mut files = vec![
        made_up("lib.rs", "//! The map.\n\npub mod engine;\npub mod resource;\npub mod yaml;\n"),
        made_up("main.rs", "//! Runs.\n\nfn main() {}\n"),
        made_up("engine/host.rs", "//! Fine: [`crate::report`].\n\nuse crate::resource::Copy;\nuse crate::{yaml, shell::{A, B}};\n"),
        made_up("resource/mod.rs", "//! Kinds.\n\nkinds! {\n    copy::Copy,\n    file::File,\n}\n"),
        made_up("resource/copy.rs", "//! A kind.\n\nuse super::Kind;\nimpl Kind for Copy {}\n"),
        made_up("yaml/mod.rs", "//! YAML.\n\nfn blueprint() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() { println!(); }\n}\n"),
    ];
    assert_eq!(check(&files), Vec::<String>::new());
    files[0] = made_up("lib.rs", "//! The map.\n\npub mod resource;\npub mod engine;\npub mod yaml;\n");
    files.extend([
        made_up("yaml/up.rs", "//! Up.\n\nuse crate::{diagnostic::{A, B}, engine::C};\nfn f() { crate::report::show() }\n"),
        made_up("yaml/climb.rs", "//! Climbs.\n\nuse super::super::engine;\n"),
        made_up("yaml/deep/fine.rs", "//! Fine.\n\nuse super::super::node;\n"),
        made_up("helper.rs", "//! No room.\n"),
        made_up("engine/loud.rs", "//! Loud.\n\nfn f() {\n    eprintln!(\"x\");\n}\n"),
        made_up("engine/mute.rs", "fn f() {}\n"),
        made_up("engine/long.rs", &format!("//! Long.\n{}\n#[cfg(test)]\nmod tests {{}}\n", "// a line\n".repeat(MOST_LINES))),
        made_up("resource/cron.rs", "//! A kind.\n\nimpl Kind for Cron {}\n"),
    ]);
    files[3] = made_up("resource/mod.rs", "//! Kinds.\n\nkinds! {\n    file::File,\n    copy::Copy,\n}\n");
    let expected = [
        "yaml/up.rs: `yaml` uses `engine`, which stands above it",
        "yaml/up.rs: `yaml` uses `report`, which stands above it",
        "yaml/climb.rs: leaves its room by `super::`; write `crate::`",
        "helper.rs: `helper` is no room of the house (tests/rooms.rs lists them)",
        "engine/loud.rs: `println!` belongs into `report`",
        "engine/mute.rs: does not open with `//!` and what it is for",
        "engine/long.rs: 451 lines without its tests, 450 at most: give the second idea its own file",
        "lib.rs: lists [\"resource\", \"engine\", \"yaml\"], from top to bottom the rooms are [\"engine\", \"resource\", \"yaml\"]",
        "resource/mod.rs: the table of kinds is not sorted: [\"file\", \"copy\"]",
        "resource/cron.rs: is a kind, and the table of kinds does not list it",
    ];
    assert_eq!(check(&files), expected);
}

#[test]
fn kinds_go_by_one_name_each() {
    let mut names: Vec<&str> = KINDS.iter().flat_map(|entry| [&[entry.name], entry.aliases].concat()).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(KINDS.is_sorted_by_key(|entry| entry.name), "the table is sorted");
}
