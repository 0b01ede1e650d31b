//! A run that is killed at its first place, its second, its third, until one comes through: on the host and here. After
//! each: every file is the old or the new one, the report is true, the lock is free, and the next run puts all right.
//!
//! `cargo test` takes every fifth place, and on the host the last ones, where the run says what became of it;
//! `HOIST_EVERY_PLACE=1` takes all of them (`make slow`).

use crate::machine::{KILLED, Machine, Project};

/// What the role brings, and what was there before: path, old, new.
const FILES: [(&str, &str, &str); 4] = [
    ("/etc/p/one", "old 1\n", "new 1\n"),
    ("/etc/p/two", "old 2\n", "new 2\n"),
    ("/etc/p/three", "a\nb\n", "a\nB\n"),
    ("/etc/p/four", "", "four\n"),
];

const ROLE: &str = "\
provision:
  - copy: { dest: /etc/p/one, content: \"new 1\\n\" }
    notify: tell
  - copy: { dest: /etc/p/two, content: \"new 2\\n\" }
    notify: checked
  - lineinfile: { path: /etc/p/three, regexp: '^b', line: B }
  - command: { cmd: touch /etc/p/made, creates: /etc/p/made }
    notify: tell
  - copy: { dest: /etc/p/four, content: \"four\\n\", owner: nobody, mode: \"0640\" }
  - file: { path: /etc/p/link, src: one, state: link }
handlers:
  - name: tell
    shell: { cmd: cat /etc/p/one >>/var/told }
  - name: checked
    service: { name: cron, state: restarted, validate: grep -q new /etc/p/two }
";

/// From one place to the next that is tried.
fn step() -> usize {
    if std::env::var_os("HOIST_EVERY_PLACE").is_some() { 1 } else { 5 }
}

/// Brings the host back to how it was before any run. systemd counts how often a service was started of late.
const BEFORE: &str = "systemctl reset-failed cron || :
                      rm -rf /etc/p /var/told /var/lib/hoist; mkdir /etc/p; printf 'old 1\\n' >/etc/p/one; printf 'old 2\\n' >/etc/p/two; \
                      printf 'a\\nb\\n' >/etc/p/three; rm -f /run/hoist-fault";

/// Every file is the old or the new one; how many are new.
fn old_or_new(machine: &Machine, at: &str) -> usize {
    let mut new = 0;
    for (path, before, after) in FILES {
        let found = machine.sh(&format!("cat {path} 2>/dev/null || true"));
        assert!(found == before || found == after, "{at}: {path} holds {found:?}");
        new += usize::from(found == after);
    }
    new
}

/// What must hold after a run that was killed, whatever killed it. `status` and what it printed must be true.
fn put_right(machine: &Machine, project: &Project, at: &str) {
    let new = old_or_new(machine, at);
    // A step that was begun ends by itself, with nobody listening.
    machine.sh("timeout 20 flock /var/lib/hoist/lock true 2>/dev/null || test ! -e /var/lib/hoist/lock");
    let next = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(next.status, 0, "{at}: {next}");
    assert_eq!(old_or_new(machine, at), FILES.len(), "{at}: {new} were new before, {next}");
    let told = machine.sh("cat /var/told 2>/dev/null || true");
    assert!(told.ends_with("new 1\n"), "{at}: the handler did not run behind the change: {told:?}, {next}");
    let last = project.hoist(&["provision", "env=test", "--yes"]);
    assert!(last.status == 0 && last.stdout.contains("0 changes"), "{at}: {last}");
    let left = machine.sh("find /etc/p -name '.hoist*'; ls /var/lib/hoist/journal /var/lib/hoist/pending/* 2>/dev/null || true");
    assert_eq!(left, "", "{at}");
    let twice = machine.sh("cut -f 2 /var/lib/hoist/history.log | sort | uniq -d");
    assert_eq!(twice, "", "{at}: the history tells of each run once");
}

// P01, P03, Z11: the shell on the host
#[test]
fn a_run_whose_shell_is_killed_at_any_place_is_put_right_by_the_next() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", ROLE);
    let up_to = |point: usize| {
        machine.sh(&format!("{BEFORE}; echo 0 {point} >/run/hoist-fault; chmod 666 /run/hoist-fault"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        let passed: usize = machine.sh("cut -d ' ' -f 1 /run/hoist-fault; rm -f /run/hoist-fault").trim().parse().expect("a number");
        (run, passed)
    };
    let (run, places) = up_to(usize::MAX);
    assert_eq!(run.status, 0, "{run}");
    for point in (0..places).filter(|point| point % step() == 0 || point + 4 > places) {
        let (run, passed) = up_to(point);
        let at = format!("place {point} on the host");
        assert!(passed > point, "{at} was not reached: {run}");
        if run.status == 0 {
            // Only what comes behind the last step may be lost without a word.
            assert_eq!(old_or_new(&machine, &at), FILES.len(), "{at}: {run}");
        } else {
            assert_eq!(run.status, 3, "{at}: {run}");
            assert!(run.stdout.contains("unknown") || run.stdout.contains("unreachable"), "{at}: {run}");
        }
        put_right(&machine, &project, &at);
    }
    println!("killed at every place in {} of 0 to {places} on the host", step());
    assert!(places > 30, "there were only {places} places");
}

// P01, P03, Z11, S01: the shell on the host, which puts a set back
#[test]
fn a_refused_set_whose_run_is_killed_at_any_place_is_put_back_by_the_next() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", &ROLE.replace("grep -q new", "grep -q old"));
    let (mut point, mut put_back) = (0, 0);
    loop {
        machine.sh(&format!("{BEFORE}; echo 0 {point} >/run/hoist-fault; chmod 666 /run/hoist-fault"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        let passed: usize = machine.sh("cut -d ' ' -f 1 /run/hoist-fault; rm -f /run/hoist-fault").trim().parse().expect("a number");
        let at = format!("place {point} on the host, with a set that is refused");
        assert_eq!(run.status, 3, "{at}: {run}");
        put_back += usize::from(old_or_new(&machine, &at) > 0 && machine.sh("cat /etc/p/two") == "old 2\n");
        if passed <= point {
            break;
        }
        machine.sh("timeout 20 flock /var/lib/hoist/lock true 2>/dev/null || test ! -e /var/lib/hoist/lock");
        let next = project.hoist(&["provision", "env=test", "--yes"]);
        assert!(next.status == 3 && next.stdout.contains("rolled back"), "{at}: {next}");
        assert_eq!(machine.sh("cat /etc/p/two; find /etc/p -name '.hoist*'; ls -A /var/lib/hoist/aside"), "old 2\n", "{at}: {next}");
        point += step();
    }
    println!("killed at every place in {} of 0 to {point} on the host, with a set that is refused", step());
    assert!(point > 30 && put_back > 0, "there were only {point} places");
}

// P01, Z11: hoist itself
#[test]
fn a_run_that_is_killed_here_at_any_place_is_put_right_by_the_next() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", ROLE);
    let mut point = 0;
    loop {
        machine.sh(BEFORE);
        let run = project.hoist_with(&[("HOIST_FAULT", &point.to_string())], &["provision", "env=test", "--yes"]);
        let at = format!("place {point} here");
        if run.status != KILLED {
            assert_eq!(run.status, 0, "{at}: {run}");
            break;
        }
        put_right(&machine, &project, &at);
        point += step();
    }
    println!("killed at every place in {} of 0 to {point} here", step());
    assert!(point > 8, "there were only {point} places");
}
