//! hoist and ansible-core leave the same host: the web host of bench/ (45 tasks), done by each from a pristine Debian.
//!
//! ansible-playbook is taken from `$HOIST_ANSIBLE_PLAYBOOK` or the PATH.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::machine::{self, Machine, Project};

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn playbook() -> Option<PathBuf> {
    let on_path =
        || std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("ansible-playbook")).find(|path| path.is_file());
    std::env::var_os("HOIST_ANSIBLE_PLAYBOOK").map(PathBuf::from).or_else(on_path)
}

fn ansible(playbook: &Path, machine: &Machine) -> Output {
    let inventory = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(inventory.path(), machine::testhost(&["hosts", &machine.name]).expect("the host is there")).expect("written");
    let mut command = Command::new(playbook);
    command.arg("-i").arg(inventory.path()).arg("site.yml").current_dir(below("bench/ansible")).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).output().expect("ansible-playbook runs")
}

/// The project in bench/hoist, for this host.
fn project(machine: &Machine) -> Project {
    let project = Project::new(&[machine], "root");
    let root = below("bench/hoist");
    let mut left = vec![root.join("hoist.yml"), root.join("roles"), root.join("templates")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).expect("readable").flatten().map(|entry| entry.path()));
        } else {
            let name = path.strip_prefix(&root).expect("below it").display().to_string();
            project.file(&name, &std::fs::read_to_string(&path).expect("text"));
        }
    }
    let values = std::fs::read_to_string(root.join("environments/bench/group_vars/web.yml")).expect("text");
    project.file("environments/test/group_vars/web.yml", &values);
    project
}

fn compare(one: &Machine, other: &Machine) -> (bool, String) {
    let output = Command::new(below("tests/host/compare.sh")).args([&one.name, &other.name]).output().expect("the script runs");
    (output.status.success(), machine::text(&output.stdout) + &machine::text(&output.stderr))
}

#[test]
fn hoist_leaves_the_host_that_ansible_leaves() {
    let Some(playbook) = playbook() else {
        println!("skipped: there is no ansible-playbook to compare with");
        return;
    };
    let (Some(theirs), Some(ours)) = (Machine::up(), Machine::up()) else { return };
    let seed = std::fs::read_to_string(below("bench/seed.sh")).expect("text");
    for machine in [&theirs, &ours] {
        machine.sh(&seed);
    }
    let done = std::thread::scope(|scope| {
        let done = scope.spawn(|| ansible(&playbook, &theirs));
        let first = project(&ours).converge();
        assert!(first.stdout.contains("package nginx"), "{first}");
        done.join().expect("ansible ran")
    });
    assert!(done.status.success(), "{}{}", machine::text(&done.stdout), machine::text(&done.stderr));
    let (same, differences) = compare(&theirs, &ours);
    assert!(same, "{differences}");
    // What this test would see.
    ours.sh(
        "chmod 600 /etc/motd; echo x >> /home/app/.bashrc; useradd late; systemctl stop cron; (crontab -l; echo '@daily true') | crontab -",
    );
    let (same, differences) = compare(&theirs, &ours);
    for word in ["etc/motd f root:root 600", "content home/app/.bashrc", "user late", "active cron.service", "@daily true"] {
        assert!(!same && differences.contains(word), "{word} is not among {differences}");
    }
}
