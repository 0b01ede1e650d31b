//! Power cuts and what the kernel is told before one: the order of fsync and rename, system calls that fail, a host that
//! goes away in the middle of a run.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::machine::{Machine, Project, testhost, text};

/// A strace of sshd on the host and all that comes from it, until it is dropped.
struct Traced {
    strace: Child,
    log: PathBuf,
}

impl Traced {
    /// `None`, with a word, where there is no strace or it may not look.
    fn start(machine: &Machine, project: &Project, options: &[&str]) -> Option<Self> {
        // The host's processes are processes of this machine, too: those that have its disk as their root.
        let listener = fs::read_dir("/proc").expect("/proc").flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let theirs = fs::read_to_string(entry.path().join("root/etc/hostname")).ok()?;
            (name.contains("[listener]") && theirs.trim() == machine.name).then_some(pid)
        })?;
        let log = project.folder.path().join("strace");
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-y", "-o"])
            .arg(&log)
            .args(options)
            .args(["-p", &listener.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(strace) = strace else {
            println!("skipped: there is no strace here");
            return None;
        };
        let traced = || fs::read_to_string(format!("/proc/{listener}/status")).is_ok_and(|status| !status.contains("TracerPid:\t0\n"));
        for _ in 0..100 {
            if traced() {
                return Some(Self { strace, log });
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        println!("skipped: strace may not look at the host");
        None
    }

    /// What it saw.
    fn stop(mut self) -> String {
        let _ = Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status();
        // It waits for ever for a process that waits for a child (vfork) which it has stopped itself; when it dies, both go on.
        for _ in 0..200 {
            if self.strace.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.strace.kill();
        let _ = self.strace.wait();
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

const ROLE: &str = "provision:\n  - copy: { dest: /etc/p/file, content: \"new\\n\", mode: \"0640\" }\n  - lineinfile: { path: /etc/p/lines, line: new }\n  \
                    - template: { src: t, dest: /etc/p/template }\n  - authorized_key: { user: deploy, key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVyKBLiHQ3qJ2s3cqvzAxDXHgqLk3yQnTg6xYgGqf6Z anna@laptop\" }\n";

// P08
#[test]
fn every_file_is_synced_before_it_is_renamed_and_its_folder_behind() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /etc/p; echo old >/etc/p/lines");
    project.file("roles/test/role.yml", ROLE);
    project.file("templates/test/t", "x\n");
    let Some(traced) = Traced::start(&machine, &project, &["-e", "trace=fsync,fdatasync,/rename"]) else { return };
    project.provision();
    let seen: Vec<String> = traced.stop().lines().map(str::to_string).collect();
    for (folder, file) in [("/etc/p", "file"), ("/etc/p", "lines"), ("/etc/p", "template"), ("/home/deploy/.ssh", "authorized_keys")] {
        let to = format!("\"{folder}/{file}\"");
        let renamed = seen.iter().position(|line| line.contains("rename") && line.contains(&to) && line.contains("= 0"));
        let renamed = renamed.unwrap_or_else(|| panic!("{to} was not renamed: {seen:#?}"));
        let name = seen[renamed].split('"').nth(1).expect("from where").rsplit('/').next().expect("a name");
        let synced = |line: &String| line.contains("sync(") && line.contains("= 0");
        assert!(seen[..renamed].iter().any(|line| synced(line) && line.contains(name)), "{to} before it: {seen:#?}");
        assert!(seen[renamed..].iter().any(|line| synced(line) && line.contains(&format!("{folder}>"))), "{to} behind it: {seen:#?}");
    }
}

// D03
#[test]
fn a_file_that_cannot_be_synced_or_renamed_stays_the_old_one() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /etc/p; echo old >/etc/p/file");
    project.file("roles/test/role.yml", "provision:\n  - name: before\n    copy: { dest: /etc/p/before, content: x }\n  - name: the file\n    copy: { dest: /etc/p/file, content: \"new\\n\" }\n");
    for (calls, error, words) in [
        ("fsync,fdatasync", "EIO", "Input/output error"),
        ("fsync,fdatasync", "ENOSPC", "No space left"),
        ("/rename", "ENOSPC", "No space left"),
        ("/rename", "EIO", "Input/output error"),
        ("fchownat,fchown,chown", "EDQUOT", "quota"),
    ] {
        let Some(traced) = Traced::start(&machine, &project, &["-e", &format!("inject={calls}:error={error}")]) else { return };
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        traced.stop();
        assert_eq!(run.status, 3, "{calls} {error}: {run}");
        assert!(run.stdout.contains(words), "{calls} {error}: {run}");
        assert_eq!(machine.sh("cat /etc/p/file; ls -A /etc/p | grep -v before"), "old\nfile\n", "{calls} {error}: {run}");
    }
    // Calls that are interrupted, and writes that take a part, are gone on with.
    let Some(traced) = Traced::start(&machine, &project, &["-e", "inject=write:error=EINTR:when=3+7"]) else { return };
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    traced.stop();
    let found = machine.sh("cat /etc/p/file");
    assert!(found == "new\n" || run.status == 3 && found == "old\n", "{found:?} {run}");
    project.converge();
}

// P07
#[test]
fn a_host_that_reboots_in_the_middle_is_put_right_by_the_next_run() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /etc/p; for f in 1 2 3; do echo old >/etc/p/$f; done");
    let task = |n: usize| format!("  - copy: {{ dest: /etc/p/{n}, content: \"new\\n\" }}\n    notify: tell\n");
    let role = |slow: &str| {
        format!(
            "provision:\n{}{}  - name: slow\n    shell: {{ cmd: \"{slow}\", unless: test -e /etc/enough }}\n{}handlers:\n  - name: tell\n    shell: {{ cmd: cat /etc/p/3 >>/var/told, always: true }}\n",
            task(1),
            task(2),
            task(3)
        )
    };
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\nsettings: { connect_timeout: 60 }\n");
    project.file("roles/test/role.yml", &role("touch /etc/begun; sleep 60"));
    let child = project.start(&[]);
    machine.wait_for("/etc/begun");
    let boot = machine.sh("systemctl show -P UserspaceTimestampMonotonic");
    testhost(&["crash", &machine.name]).expect("it is gone");
    testhost(&["start", &machine.name]).expect("it comes back");
    assert_ne!(machine.sh("systemctl show -P UserspaceTimestampMonotonic"), boot);
    let output = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("unknown"), "{said}");
    assert_eq!(machine.sh("cat /etc/p/1 /etc/p/2 /etc/p/3; find /etc/p -size 0"), "new\nnew\nold\n");
    machine.sh("touch /etc/enough");
    let plan = project.hoist(&["plan", "env=test"]);
    assert!(plan.stdout.contains("interrupted") && plan.stdout.contains("tell"), "{plan}");
    project.converge();
    assert_eq!(machine.sh("cat /var/told; ls -A /etc/p"), "old\nnew\n1\n2\n3\n", "the handler that was left, and the one of this run");
}

// P09
#[test]
fn a_worker_that_panics_fails_its_host_and_no_other() {
    let Some(first) = Machine::up() else { return };
    let machines = [first, Machine::up().expect("a second host")];
    let project = Project::new(&[&machines[0], &machines[1]], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/here, content: x }\n");
    let run = project.hoist_with(&[("HOIST_PANIC", &machines[0].name)], &["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("unknown") && run.stdout.contains("broke down"), "{run}");
    machines[1].sh("test -e /etc/here");
    project.converge();
}
