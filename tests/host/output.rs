//! What hosts say is data: shown with every control character written out, whole for programs, and bounded.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use serde_json::Value as Json;

use crate::machine::{Machine, Project, UNTIL_GO, text};

/// Sets a title, the clipboard, a link, a colour, clears, rings; overwrites, deletes, reorders, hides; is no UTF-8.
const EVIL: &str = r"\033]0;title\007\033]52;c;ZXZpbA==\007\033]8;;http://evil\007link\033[7777m\033[2J\302\2331;31mgood\rbad\b\b\b\342\200\256abc\342\200\213\177\377 end";

/// What may not come out as it is.
const RAW: &[&[u8]] = &[
    b"\x1b]",
    b"\x1b[7777m",
    b"\x1b[2J",
    b"\x07",
    b"\x08",
    "\u{9b}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    b"\x7f",
    b"\xff",
];

fn evil() -> Vec<u8> {
    let output = Command::new("printf").arg(EVIL).output().expect("printf runs");
    output.stdout
}

/// What runs a line of shell in the project, `hoist` in it, in a terminal of its own.
pub fn terminal(project: &Project, line: &str) -> Command {
    let mut command = Command::new("env");
    command
        .args(["--default-signal", "script", "-qec", line, "/dev/null"])
        .current_dir(project.folder.path())
        .env("XDG_CACHE_HOME", project.folder.path().join(".cache"))
        .env("TERM", "xterm-256color")
        // The shell that runs the line: the same one whatever the person (or the CI) has.
        .env("SHELL", "/bin/sh")
        // A CI is taken to show colours, whatever its terminal says.
        .env_remove("CI")
        .stdin(Stdio::null());
    command
}

/// What a line of shell prints there.
fn in_terminal(project: &Project, line: &str) -> Output {
    terminal(project, line).output().expect("script runs")
}

/// The colours and weights that are set in what was printed. A bar that moves the cursor (`\x1b[3A`) sets none.
fn colours(said: &str) -> Vec<&str> {
    let sequences = said.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|char: char| !char.is_ascii_digit() && char != ';')?;
        rest[end..].starts_with('m').then(|| &rest[..end])
    });
    sequences.filter(|sequence| !sequence.trim_matches(['0', ';']).is_empty()).collect()
}

fn hoist() -> &'static str {
    env!("CARGO_BIN_EXE_hoist")
}

fn assert_clean(what: &str, output: &Output) {
    for raw in RAW {
        let found = output.stdout.windows(raw.len()).position(|window| window == *raw);
        assert!(found.is_none(), "{what}: {raw:?} is raw in {}", text(&output.stdout).escape_debug());
    }
}

// O01, O02, O03
#[test]
fn nothing_that_a_host_says_reaches_the_terminal_raw() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh(&format!("printf '{EVIL}' | tr -d '\\377' >/etc/evil; ln -s \"$(printf '{EVIL}' | tr -d '\\377')\" /etc/link"));
    let roles = [
        ("a diff", "provision:\n  - copy: { dest: /etc/evil, content: \"new\\n\" }\n".to_string()),
        ("a link", "provision:\n  - file: { path: /etc/link, src: new, state: link }\n".to_string()),
        (
            "a step",
            format!(
                "provision:\n  - shell: {{ cmd: \"printf '{0}\\\\n'; sleep 0.4; printf '{0}\\\\n' >&2; printf '{0}'; exit 7\", always: true }}\n",
                EVIL.replace('\\', "\\\\")
            ),
        ),
        (
            "a probe",
            format!(
                "provision:\n  - command: {{ argv: [sh, -c, \"printf '{0}' >&2; exit 9\"], probe: true }}\n",
                EVIL.replace('\\', "\\\\")
            ),
        ),
    ];
    for (what, role) in roles {
        project.file("roles/test/role.yml", &role);
        let output = in_terminal(&project, &format!("{0} plan env=test; {0} provision env=test --yes", hoist()));
        assert_clean(what, &output);
        let said = text(&output.stdout);
        assert!(said.contains("end"), "{what}: it is shown, written out: {said}");
        assert!(said.contains(r"\x1b]52;c;ZXZpbA==\x07") && said.contains(r"\u{202e}abc\u{200b}"), "{what}: {said}");
    }
    // For programs it is what it was, to the byte.
    machine.sh(&format!("printf '{EVIL}' >/etc/evil"));
    project.file(
        "roles/test/role.yml",
        "provision:\n  - copy: { dest: /etc/evil, content: \"new\\n\" }\n  - shell: { cmd: cat /etc/exact; exit 1, always: true }\n",
    );
    machine.sh("cp /etc/evil /etc/exact");
    let run = project.hoist(&["provision", "env=test", "--yes", "--json"]);
    let exact = base64::engine::general_purpose::STANDARD.encode(evil());
    let events: Vec<Json> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let failed =
        events.iter().find(|event| event["event"] == "step_result" && event["status"] == "failed").unwrap_or_else(|| panic!("{run}"));
    assert_eq!(failed["output"]["base64"], Json::String(exact.clone()), "{run}");
    assert!(!run.stdout.contains('\u{1b}'), "JSON escapes it");
}

// O04
#[test]
fn output_without_end_is_kept_in_bounds_and_said_to_be() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    for (what, printed) in [
        ("no line ends", "head -c 200000000 /dev/zero | tr '\\\\0' x"),
        ("no text", "head -c 200000000 /dev/zero | tr '\\\\0' '\\\\377'"),
        ("many lines", "yes abcdefghijklmnopqrstuvwxyz | head -c 200000000; echo the end"),
    ] {
        project.file("roles/test/role.yml", &format!("provision:\n  - shell: {{ cmd: \"{printed}; exit 3\", always: true }}\n"));
        let mut child = Command::new(hoist())
            .args(["provision", "env=test", "--yes"])
            .current_dir(project.folder.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(project.folder.path().join("out")).expect("writable"))
            .stderr(std::fs::File::create(project.folder.path().join("err")).expect("writable"))
            .spawn()
            .expect("hoist starts");
        let mut most = 0;
        let status = loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            most = most.max(peak.unwrap_or(0));
            if let Some(status) = child.try_wait().expect("it can be asked") {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        let said = std::fs::read(project.folder.path().join("out")).expect("output");
        let noise = std::fs::metadata(project.folder.path().join("err")).expect("output").len();
        println!("{what}: {most} kB at most, {} and {noise} bytes said", said.len());
        assert_eq!(status.code(), Some(3), "{what}: {}", text(&said[..said.len().min(3000)]));
        assert!(most < 100_000, "{what}: {most} kB");
        assert!(said.len() < 100_000 && noise < 100_000, "{what}: {} and {noise} bytes", said.len());
        assert!(what != "many lines" || text(&said).contains("the end\n"), "the last lines are the last: {}", text(&said));
        assert!(text(&said).contains("more"), "{what}: it says that there was more: {}", text(&said));
    }
}

// O05
#[test]
fn any_terminal_will_do() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let tasks: String = (0..30)
        .map(|n| {
            format!(
                "  - name: \"{}{n}\"\n    shell: {{ cmd: 'echo {}; sleep 0.02', always: true }}\n",
                "long ".repeat(30),
                "wide ".repeat(60)
            )
        })
        .collect();
    project.file("roles/test/role.yml", &format!("provision:\n{tasks}"));
    let run = format!("{} provision env=test --yes", hoist());
    let clean = |output: &Output, what: &str| {
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("panicked") && !said.contains("a mistake in hoist"), "{what}: {said}");
        said
    };
    for size in ["cols 0 rows 0", "cols 1 rows 1", "cols 2 rows 2", "cols 10000 rows 1000"] {
        let output = in_terminal(&project, &format!("stty {size}; {run}"));
        assert!(output.status.success(), "{size}: {}", clean(&output, size));
        clean(&output, size);
    }
    let help = format!("{} --help", hoist());
    for variables in ["NO_COLOR=1", "TERM=dumb", "TERM=", "TERM=nonsense NO_COLOR=1"] {
        let output = in_terminal(&project, &format!("{variables} {run}"));
        let said = clean(&output, variables);
        assert!(output.status.success(), "{variables}: {said}");
        if variables.contains("NO_COLOR") {
            assert_eq!(colours(&said), Vec::<&str>::new(), "{variables}: {}", said.escape_debug());
        } else {
            assert!(!said.contains('\x1b'), "{variables}: {}", said.escape_debug());
            let help = text(&in_terminal(&project, &format!("{variables} {help}")).stdout);
            assert!(help.contains("provision") && !help.contains('\x1b'), "{variables}: {}", help.escape_debug());
        }
    }
    for variables in ["TERM=xterm", "TERM= CLICOLOR_FORCE=1"] {
        let said = clean(&in_terminal(&project, &format!("{variables} {run}")), variables);
        assert!(!colours(&said).is_empty(), "{variables}: {}", said.escape_debug());
    }
    // Nobody reads on, or nobody ever did.
    for line in [
        format!("{run} | head -1"),
        format!("{run} 2>&1 | head -c 1"),
        format!("{run} >&-"),
        format!("{run} >&- 2>&-"),
        format!("{run} --json | head -1"),
    ] {
        let output = Command::new("bash")
            .args(["-c", &format!("set -o pipefail; {line}")])
            .current_dir(project.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        clean(&output, &line);
        assert_ne!(output.status.code(), Some(101), "{line}");
    }
}

#[test]
fn steps_are_counted_over_the_whole_play_and_say_what_they_are_about() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file(
        "roles/test/role.yml",
        "provision:
  - name: something of unknown reach
    command: { cmd: \"true\", always: true }
  - name: its folders are there
    file: { path: \"{{ item }}\", state: directory }
    loop: [/srv/a, /srv/b]
",
    );
    let run = project.hoist(&["provision", "env=test", "--yes", "--json"]);
    let events: Vec<Json> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let started = events.iter().filter(|event| event["event"] == "step_started");
    let told: Vec<String> = started.map(|event| format!("{}/{} {}", event["number"], event["of"], event["subject"])).collect();
    assert_eq!(told, ["1/3 \"true\"", "2/3 \"/srv/a\"", "3/3 \"/srv/b\""], "{run}");
    machine.sh("rm -r /srv/a /srv/b");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    for subject in ["(file /srv/a, ", "(file /srv/b, "] {
        let line = format!("{}: changed: its folders are there {subject}", machine.name);
        assert!(run.stderr.contains(&line), "{line}: {run}");
    }
}

#[test]
fn nothing_is_left_of_the_bars_when_a_run_is_interrupted() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", &format!("provision:\n  - shell: {{ cmd: \"touch /run/begun; {UNTIL_GO}\", always: true }}\n"));
    // The shell outlives the Ctrl-C, that it may tell how the terminal was left.
    let line = format!("trap : INT; stty cols 80; {} provision env=test --yes; stty -a", hoist());
    let mut child = terminal(&project, &line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script runs");
    machine.wait_for("/run/begun");
    // The terminal of `script` takes what comes in a pipe as if it was typed: this is Ctrl-C.
    let mut keys = child.stdin.take().expect("a pipe");
    keys.write_all(b"\x03").expect("it reads");
    let mut screen = child.stdout.take().expect("a pipe");
    let mut said = Vec::new();
    while !text(&said).contains("interrupted: hosts finish") {
        let mut part = [0; 1024];
        match screen.read(&mut part).expect("readable") {
            0 => break,
            count => said.extend(&part[..count]),
        }
    }
    machine.go();
    screen.read_to_end(&mut said).expect("readable");
    child.wait().expect("it ends");
    let said = text(&said);
    let (said, terminal) = said.split_once("speed ").unwrap_or((&said, ""));
    assert!(said.contains("interrupted: hosts finish the step that runs") && !said.contains("^C"), "{}", said.escape_debug());
    assert!(terminal.contains("\nechoctl") || terminal.contains(" echoctl"), "the terminal is as it was: {terminal}");
}
