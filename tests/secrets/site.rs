//! A project of its own with a home folder of its own, and hoist in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a command said.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\nstdout: {}\nstderr: {}", self.status, self.stdout, self.stderr)
    }
}

impl Run {
    /// The same, which must have succeeded.
    pub fn good(self) -> Self {
        assert_eq!(self.status, 0, "{self}");
        self
    }

    /// All that was said.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A project with the environments `prod` and `dev`, and a person with a key.
pub struct Site {
    folder: TempDir,
    /// Private folders of the commands: in memory, and not those of other tests, which sweep what they find.
    pub runtime: TempDir,
}

impl Site {
    pub fn new() -> Self {
        let site =
            Self { folder: tempfile::tempdir().expect("a folder"), runtime: tempfile::tempdir_in("/dev/shm").expect("a folder in memory") };
        site.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [web]\n");
        for environment in ["prod", "dev"] {
            site.file(&format!("environments/{environment}/hosts"), "[web]\nweb1 ansible_connection=local ansible_become=false\n");
        }
        site.file("roles/web/role.yml", "description: a page\nprovision: []\n");
        std::fs::create_dir_all(site.home()).expect("writable");
        std::fs::create_dir_all(site.folder.path().join("tmp")).expect("writable");
        site.run(&["secrets", "keygen"]).good();
        site
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("below the project")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn secrets(&self) -> Vec<u8> {
        self.read("environments/prod/secrets.age")
    }

    /// An executable script.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}")).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("writable");
        path
    }

    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env_clear().stdin(Stdio::null());
        command.envs([
            ("HOME", self.home().as_os_str()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".as_ref()),
            ("USER", "tester".as_ref()),
            ("COLUMNS", "200".as_ref()),
            ("XDG_RUNTIME_DIR", self.runtime.path().as_os_str()),
            ("TMPDIR", self.folder.path().join("tmp").as_os_str()),
        ]);
        command
    }

    pub fn hoist(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hoist"))
    }

    pub fn run(&self, args: &[&str]) -> Run {
        std::fs::create_dir_all(self.root()).expect("writable");
        said(self.hoist().args(args))
    }

    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child =
            self.hoist().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hoist runs");
        child.stdin.take().expect("piped").write_all(input).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        run_of(&output)
    }

    /// With another home folder, so another person; it is made.
    pub fn run_as(&self, home: &Path, args: &[&str]) -> Run {
        std::fs::create_dir_all(home).expect("writable");
        said(self.hoist().env("HOME", home).args(args))
    }

    pub fn edit(&self, editor: &str) -> Run {
        said(self.hoist().env("EDITOR", editor).args(["secrets", "edit", "env=prod"]))
    }

    pub fn set(&self, key: &str, value: &str) {
        self.run_with(&["secrets", "set", key, "env=prod"], value.as_bytes()).good();
    }

    pub fn reveal(&self, key: &str) -> String {
        self.run(&["secrets", "show", "env=prod", "--reveal", key]).good().stdout.trim_end_matches('\n').to_string()
    }

    /// Another person with a key; the home folder and the public key.
    pub fn person(&self, name: &str) -> (PathBuf, String) {
        let home = self.folder.path().join(name);
        let public = self.run_as(&home, &["secrets", "keygen"]).good().stdout.trim().to_string();
        (home, public)
    }

    pub fn identity(&self) -> PathBuf {
        self.home().join(".config/hoist/identity.txt")
    }
}

pub fn said(command: &mut Command) -> Run {
    run_of(&command.output().expect("it runs"))
}

fn run_of(output: &std::process::Output) -> Run {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { status: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Whether a program is there; says that something is skipped when it is not.
pub fn has(program: &str) -> bool {
    let there = Command::new("sh").args(["-c", &format!("command -v {program} >/dev/null")]).status().is_ok_and(|status| status.success());
    if !there {
        println!("skipped: there is no {program} on this machine");
    }
    there
}
