//! Runs the transcripts: arguments and files in, stdout, stderr and exit code out, compared whole. No host is needed,
//! and none is contacted: every `PORT` in the files is a port of ours that counts who calls.
//!
//! `tests/cli/<sentence>.yml` holds
//!
//! ```yaml
//! base: site              # a project of tests/cli/base to start from; optional
//! files: { hoist.yml: "..." }
//! run: hoist check        # or a list of commands
//! calls: 0                # connections that the hosts may see; optional
//! status: 1
//! stdout: ...
//! stderr: ...
//! ```
//!
//! `BLESS=1 cargo test --test cli` writes what came out into the files; read the diff before you commit it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hoist::diagnostic::Source;
use hoist::yaml::{Node, Value, parse};

#[test]
fn every_transcript_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&root).expect("tests/cli is there").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yml"));
    files.sort();
    assert!(files.len() > 1, "no transcripts found");
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("a transcript is text");
        let node = parse(&Source::new("transcript.yml", text.clone())).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let (outcome, calls) = run(&node, &root);
        let allowed = node.get("calls").map_or(0, |node| node.to_json().as_u64().expect("a number") as usize);
        if calls != allowed {
            wrong.push(format!("{name}: {calls} connections were opened, {allowed} expected"));
        }
        let expected = Transcript {
            status: node.get("status").map_or(-1, |node| node.to_json().as_i64().expect("a number") as i32),
            stdout: node.get("stdout").and_then(Node::as_str).unwrap_or_default().to_string(),
            stderr: node.get("stderr").and_then(Node::as_str).unwrap_or_default().to_string(),
        };
        if outcome == expected {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(file, blessed(&text, &outcome)).expect("writable");
        } else {
            wrong.push(format!("{name}\n--- expected\n{expected}\n--- found\n{outcome}"));
        }
    }
    println!("{} transcripts", files.len());
    assert!(wrong.is_empty(), "{} of {} transcripts differ (BLESS=1 writes them):\n{}", wrong.len(), files.len(), wrong.join("\n\n"));
}

#[derive(Debug, Default, PartialEq)]
struct Transcript {
    status: i32,
    stdout: String,
    stderr: String,
}

impl std::fmt::Display for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}

/// A port that counts who calls, and hangs up.
fn counting_port() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            // What was not read when it closes would be a reset instead of an end.
            if let Ok(mut stream) = stream {
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            }
        }
    });
    (port, calls)
}

fn run(transcript: &Node, root: &Path) -> (Transcript, usize) {
    let folder = tempfile::tempdir().expect("a folder for the project");
    let (port, calls) = counting_port();
    let home = folder.path().join("home");
    let project = folder.path().join("project");
    for folder in [&home, &project] {
        std::fs::create_dir_all(folder).expect("writable");
    }
    if let Some(base) = transcript.get("base").and_then(Node::as_str) {
        copy_tree(&root.join("base").join(base), &project, port);
    }
    for entry in transcript.get("files").map(Node::entries).unwrap_or_default() {
        let path = project.join(&entry.key);
        match &entry.node.value {
            Value::Null => std::fs::remove_file(&path).expect("the base has it"),
            Value::String(text) => write(&path, text, port),
            // Content that no YAML text can have.
            Value::Mapping(entries) if entries[0].key == "hex" => {
                let hex = entries[0].node.as_str().expect("text");
                let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
                std::fs::write(&path, bytes).expect("writable");
            }
            other => panic!("files: {other:?} is no text"),
        }
    }
    let commands: Vec<&str> = match &transcript.get("run").expect("a transcript runs something").value {
        Value::Sequence(items) => items.iter().map(|item| item.as_str().expect("text")).collect(),
        Value::String(text) => vec![text],
        other => panic!("run: {other:?} is no text"),
    };
    let mut outcome = Transcript::default();
    // How long something took is another thing on every machine.
    let elapsed = regex::Regex::new(r"\b[0-9]+\.[0-9] s\b").expect("it is one");
    let clean = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&folder.path().display().to_string(), "TMP").replace(&port.to_string(), "PORT");
        elapsed.replace_all(&text, "0.0 s").into_owned()
    };
    for command in commands {
        let words = shlex::split(command).expect("quotes are closed");
        let output = Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(words.iter().skip(1).map(|word| word.replace("PORT", &port.to_string())))
            .current_dir(&project)
            .env_clear()
            .envs([
                ("HOME", home.as_os_str()),
                ("PATH", "/usr/bin:/bin".as_ref()),
                ("USER", "tester".as_ref()),
                ("COLUMNS", "100".as_ref()),
            ])
            .stdin(Stdio::null())
            .output()
            .expect("hoist runs");
        outcome.status = output.status.code().expect("it was not killed");
        outcome.stdout += &clean(&output.stdout);
        outcome.stderr += &clean(&output.stderr);
    }
    for entry in transcript.get("then").map(Node::entries).unwrap_or_default() {
        let text = std::fs::read_to_string(project.join(&entry.key)).unwrap_or_else(|error| panic!("{}: {error}", entry.key));
        assert_eq!(Some(text.as_str()), entry.node.as_str(), "{}", entry.key);
    }
    (outcome, calls.load(Ordering::SeqCst))
}

fn copy_tree(from: &Path, to: &Path, port: u16) {
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())).flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target, port);
        } else {
            write(&target, &std::fs::read_to_string(entry.path()).expect("text"), port);
        }
    }
}

fn write(path: &Path, text: &str, port: u16) {
    std::fs::create_dir_all(path.parent().expect("below the project")).expect("writable");
    std::fs::write(path, text.replace("PORT", &port.to_string())).expect("writable");
}

/// The transcript with what came out behind its `status:`.
fn blessed(text: &str, outcome: &Transcript) -> String {
    let kept = text.find("\nstatus:").map_or(text, |at| &text[..=at]).trim_end();
    let block = |name: &str, text: &str| match text {
        "" => String::new(),
        text => {
            // A first line that is indented needs its indentation said.
            let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
            let chomp = match text.len() - text.trim_end_matches('\n').len() {
                0 => "-",
                1 => "",
                _ => "+",
            };
            let body: Vec<String> = text
                .strip_suffix('\n')
                .unwrap_or(text)
                .split('\n')
                .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
                .collect();
            format!("{name}: |{hint}{chomp}\n{}\n", body.join("\n"))
        }
    };
    format!("{kept}\nstatus: {}\n{}{}", outcome.status, block("stdout", &outcome.stdout), block("stderr", &outcome.stderr))
}
