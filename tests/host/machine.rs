//! Real Debian hosts for tests (tests/testhost/testhost), and hoist projects that work on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value as Json;
use tempfile::TempDir;

/// What a step says to be at work until the test has done its deed ([`Machine::go`]), however long that takes.
pub const UNTIL_GO: &str = "for i in $(seq 1200); do test -e /run/go && break; sleep 0.1; done";

/// A host that is gone with the test.
pub struct Machine {
    pub name: String,
    pub ip: String,
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testhost/testhost")
}

/// Runs the script; its standard output.
pub fn testhost(words: &[&str]) -> Result<String, String> {
    let output = Command::new(script()).args(words).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Where the script keeps its key.
pub fn key() -> PathBuf {
    PathBuf::from(std::env::var("TESTHOST_DIR").unwrap_or_else(|_| "/var/tmp/hoist-testhost".to_string())).join("id")
}

/// Where the disk of a host is on this machine.
pub fn root(machine: &Machine) -> PathBuf {
    key().with_file_name("hosts").join(&machine.name).join("root")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Machine {
    /// A fresh bookworm; `None`, with a word about it, where hosts cannot be booted.
    pub fn up() -> Option<Self> {
        Self::up_with(&[])
    }

    /// The same with options of the script.
    pub fn up_with(options: &[&str]) -> Option<Self> {
        let mut machine = Self::later()?;
        let words: Vec<&str> = ["up", machine.name.as_str()].into_iter().chain(options.iter().copied()).collect();
        let said = testhost(&words).unwrap_or_else(|error| panic!("the test host does not come up: {error}"));
        machine.ip = said.split_whitespace().nth(1).expect("NAME IP").to_string();
        // Debian's is dash; elsewhere it is bash (`make slow`).
        if let Ok(shell) = std::env::var("HOIST_HOST_SH") {
            machine.sh(&format!("ln -sf {shell} /bin/sh"));
        }
        Some(machine)
    }

    /// The name of one that somebody else boots; it is gone with the test, too.
    pub fn later() -> Option<Self> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        if !root || !cfg!(target_os = "linux") {
            println!("skipped: test hosts need root on Linux");
            return None;
        }
        let name = format!("t{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        Some(Self { name, ip: String::new() })
    }

    /// Runs a command inside, as root and not over SSH; its output whatever its status.
    pub fn exec(&self, words: &[&str]) -> Output {
        Command::new(script()).args(["exec", &self.name]).args(words).stdin(Stdio::null()).output().expect("the script runs")
    }

    /// Runs a shell script inside; its standard output.
    ///
    /// # Panics
    /// It fails.
    pub fn sh(&self, script: &str) -> String {
        let output = self.exec(&["sh", "-c", script]);
        assert!(output.status.success(), "{script}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Waits until there is something at this path.
    ///
    /// # Panics
    /// Nothing comes.
    pub fn wait_for(&self, path: &str) {
        self.wait_until(&format!("test -e {path}"));
    }

    /// Waits until a line of shell says yes, for three minutes: machines that test are slow at times.
    ///
    /// # Panics
    /// It does not come to that.
    pub fn wait_until(&self, line: &str) {
        self.sh(&format!("for i in $(seq 1800); do {line} && exit; sleep 0.1; done; ps -ef; exit 1"));
    }

    /// Waits until all that starts with the host is there.
    pub fn booted(&self) {
        self.exec(&["systemctl", "is-system-running", "--wait", "--quiet"]);
    }

    /// Lets steps go on that wait for it ([`UNTIL_GO`]).
    pub fn go(&self) {
        self.sh("touch /run/go");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::env::var_os("KEEP_HOSTS").is_none() {
            let _ = testhost(&["down", &self.name]);
        }
    }
}

/// The status of a hoist that a signal ended.
pub const KILLED: i32 = -1;

/// Sends a signal to a hoist that was started.
pub fn signal(child: &Child, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().expect("kill runs");
}

/// What a hoist that was started came to.
pub fn end(child: Child) -> Run {
    let output = child.wait_with_output().expect("it ends");
    Run { status: output.status.code().unwrap_or(KILLED), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// A hoist project with one environment, `test`.
pub struct Project {
    pub folder: TempDir,
}

impl Project {
    /// With these hosts in the group `web`, logged in to as `user`; host keys are recorded.
    pub fn new(machines: &[&Machine], user: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder") };
        let mut hosts = String::from("[web]\n");
        for machine in machines {
            hosts += &format!(
                "{} ansible_host={} ansible_user={user} ansible_ssh_private_key_file={}\n",
                machine.name,
                machine.ip,
                key().display()
            );
        }
        project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n");
        project.file("environments/test/hosts", &hosts);
        let names: Vec<&str> = ["known-hosts"].into_iter().chain(machines.iter().map(|machine| machine.name.as_str())).collect();
        project.file("environments/test/known_hosts", &testhost(&names).expect("host keys"));
        project
    }

    /// Writes a file of the project.
    pub fn file(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("below the project")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// Runs hoist in the project, with nobody to answer.
    pub fn hoist(&self, words: &[&str]) -> Run {
        self.hoist_with(&[], words)
    }

    /// The same with these variables.
    pub fn hoist_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(words)
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.folder.path().join(".cache"))
            .stdin(Stdio::null())
            .output()
            .expect("hoist runs");
        Run { status: output.status.code().unwrap_or(KILLED), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// `hoist provision env=test --yes` with these words, beside the test. It hears of all signals, also when the tests do not.
    pub fn start(&self, words: &[&str]) -> Child {
        self.start_under(&["env", "--default-signal"], words)
    }

    /// The same, where these words stand before it on the command line.
    pub fn start_under(&self, before: &[&str], words: &[&str]) -> Child {
        Command::new(before[0])
            .args(&before[1..])
            .args([env!("CARGO_BIN_EXE_hoist"), "provision", "env=test", "--yes"])
            .args(words)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hoist starts")
    }

    /// `hoist provision env=test --yes`, which must succeed.
    pub fn provision(&self) -> Run {
        let run = self.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 0, "{run}");
        run
    }

    /// A plan and then a run, which must change what the plan said and nothing else (U02). Handlers do not count. The
    /// steps that the plan could say nothing about, for they ask about something that is not there yet; none of them
    /// changed anything either.
    pub fn does_as_planned(&self) -> Vec<String> {
        let events = |words: &[&str]| {
            let run = self.hoist(words);
            assert_eq!(run.status, 0, "{run}");
            run.stdout
                .lines()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
                .collect::<Vec<Json>>()
        };
        let plan = events(&["plan", "env=test", "--json"]);
        let verdict = |name: &'static str| move |event: &Json| event["verdict"] == name;
        let planned = steps(&plan, |event| verdict("change")(event) || verdict("perhaps")(event));
        let notified = plan.iter().flat_map(|event| event["notify"].as_array().into_iter().flatten().filter_map(Json::as_str));
        let handlers: Vec<&str> = notified.filter_map(|key| Some(key.split_once('/')?.1)).collect();
        let run = events(&["provision", "env=test", "--yes", "--json"]);
        let mut done = steps(&run, |event| event["event"] == "step_result");
        done.retain(|name| !handlers.contains(&name.as_str()));
        assert_eq!(planned, done, "what was planned, and what was done");
        steps(&plan, verdict("later"))
    }

    /// [`Project::provision`] twice: the second time nothing changes (law 2).
    pub fn converge(&self) -> Run {
        let first = self.provision();
        let second = self.provision();
        assert!(second.stdout.contains("0 changes"), "the second run changes something: {second}");
        first
    }
}

/// The names of the steps that events tell of, as often as they do, sorted.
fn steps(events: &[Json], told: impl Fn(&Json) -> bool) -> Vec<String> {
    let mut names: Vec<String> =
        events.iter().filter(|event| told(event)).map(|event| event["step"].as_str().expect("a name").to_string()).collect();
    names.sort();
    names
}

/// What hoist printed, and how it ended.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\n{}\n{}", self.status, self.stdout, self.stderr)
    }
}
