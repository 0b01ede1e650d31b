//! Runs that end early, or whose line is not what it was: what is due, what is put back, and who keeps the lock.

use std::process::Command;

use crate::machine::{Machine, Project, UNTIL_GO, end, signal, text};
use crate::relay::Relay;

// S01, S02
#[test]
fn a_set_that_is_refused_does_not_stay_when_another_step_fails() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /etc/set; echo old >/etc/set/one");
    let role = |content: &str, fails: &str| {
        let text = format!(
            "provision:\n  - name: a file of the set\n    copy: {{ dest: /etc/set/one, content: \"{content}\\n\" }}\n    notify: reload\n  \
             - name: fails\n    shell: {{ cmd: \"echo about something else; {fails}\", always: true }}\n    notify: reload\n\
             handlers:\n  - name: reload\n    service: {{ name: ssh, state: reloaded, validate: \"if grep -q bad /etc/set/one; then echo it is bad; exit 1; fi\" }}\n"
        );
        project.file("roles/test/role.yml", &text);
    };
    role("bad", "exit 9");
    for _ in 0..2 {
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        for words in [
            "failed: fails",
            "exit status 9",
            "about something else",
            "it is bad",
            "put back: /etc/set/one",
            "1 step changed before it and put back",
        ] {
            assert!(run.stdout.contains(words), "{words}: {run}");
        }
        assert_eq!(
            machine.sh("cat /etc/set/one; ls -A /var/lib/hoist/pending /var/lib/hoist/aside"),
            "old\n/var/lib/hoist/aside:\n\n/var/lib/hoist/pending:\n"
        );
    }
    // One that is accepted stays, and its handler is due.
    role("good", "exit 9");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("1 handler is pending"), "{run}");
    assert_eq!(machine.sh("cat /etc/set/one; ls -A /var/lib/hoist/pending | wc -l"), "good\n1\n");
    role("good", "true");
    project.provision();
    assert_eq!(machine.sh("ls -A /var/lib/hoist/pending /var/lib/hoist/aside"), "/var/lib/hoist/aside:\n\n/var/lib/hoist/pending:\n");
}

// D04
#[test]
fn a_handler_is_due_although_there_was_no_space_to_write_it_down_before() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let role = |cmd: &str| {
        let text = format!(
            "provision:\n  - copy: {{ dest: /etc/one, content: \"1\\n\" }}\n    notify: tell\n  - command: {{ cmd: \"{cmd}\", always: true }}\n\
             handlers:\n  - name: tell\n    shell: {{ cmd: echo told >> /var/told, always: true }}\n"
        );
        project.file("roles/test/role.yml", &text);
    };
    machine.sh("mkdir -p /var/lib/hoist; mount -t tmpfs -o size=64k tmpfs /var/lib/hoist; mkdir -m 700 /var/lib/hoist/pending; head -c 100000 /dev/zero >/var/lib/hoist/full 2>/dev/null; head -c 4096 /dev/zero >/var/lib/hoist/some; rm -f /var/lib/hoist/some");
    // What a run leaves that found no space for the words.
    machine.sh("rm /var/lib/hoist/full; : >/var/lib/hoist/pending/$(printf test/tell | sha256sum | cut -c 1-16)");
    role("false");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    role("true");
    project.provision();
    assert_eq!(machine.sh("cat /etc/one /var/told"), "1\ntold\n");
}

// P02
#[test]
fn a_step_that_does_not_want_to_end_is_ended_all_the_same() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - name: stubborn\n    shell: { cmd: \"trap '' TERM; touch /run/begun; for i in $(seq 600); do sleep 0.5; done; touch /run/ended\", always: true }\n");
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    signal(&child, "INT");
    machine.wait_for("/var/lib/hoist/stage/stop");
    signal(&child, "INT");
    let run = end(child);
    assert_eq!(run.status, 130, "{run}");
    machine.wait_until("! pgrep -f 'seq [6]00'");
    machine.sh("flock -n /var/lib/hoist/lock true && test ! -e /run/ended");
}

// N11
#[test]
fn a_line_that_breaks_between_two_steps_is_mended() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    // The plan asks the guard, too, and is not to be disturbed.
    project.file(
        "roles/test/role.yml",
        "provision:\n  - shell: { cmd: touch /run/begun, creates: /run/begun }\n  - name: second\n    command:\n      cmd: touch /etc/second\n      \
         unless: \"if test -e /run/begun && test ! -e /run/cut; then touch /run/cut; pkill -KILL -f '^sshd: root@notty'; fi; test -e /etc/second\"\n",
    );
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 0, "{run}");
    machine.sh("test -e /run/cut && test -e /etc/second");
    assert_eq!(project.hoist(&["history", "env=test", "--verify"]).status, 0);
}

// N11, N13
#[test]
fn a_line_that_is_dead_on_this_side_alone_does_not_keep_the_lock() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let relay = Relay::before((machine.ip.clone(), 22));
    for (file, from, to) in [
        ("hosts", format!("ansible_host={}", machine.ip), format!("ansible_host=127.0.0.1 ansible_port={}", relay.port)),
        ("known_hosts", machine.ip.clone(), format!("[127.0.0.1]:{}", relay.port)),
    ] {
        let path = format!("environments/test/{file}");
        let text = std::fs::read_to_string(project.folder.path().join(&path)).expect("it is there");
        project.file(&path, &text.replace(&from, &to));
    }
    project.file("roles/test/role.yml", &format!("provision:\n  - shell: {{ cmd: \"touch /run/begun; {UNTIL_GO}; echo x >>/var/ran\", creates: /var/ran }}\n  - copy: {{ dest: /etc/after, content: x }}\n"));
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    relay.vanish();
    // The shell of the line that is gone goes on with its step, and does not hear that nobody is there any more.
    machine.sh("sleep 3; touch /run/go");
    let run = end(child);
    assert_eq!(run.status, 0, "{run}");
    assert_eq!(machine.sh("cat /var/ran /etc/after"), "x\nx");
}

// N17
#[test]
fn a_listener_that_restarts_is_killed_or_stays_away_ends_no_run() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let wait = format!("touch /run/begun; echo x >>/var/ran; {UNTIL_GO}");
    project.file(
        "roles/test/role.yml",
        &format!("provision:\n  - shell: {{ cmd: \"{wait}\", always: true }}\n  - copy: {{ dest: /etc/after, content: x }}\n"),
    );
    for deed in ["systemctl restart ssh", "kill -KILL $(systemctl show -P MainPID ssh)", "systemctl stop ssh"] {
        machine.sh("rm -f /run/begun /run/go /var/ran /etc/after");
        let child = project.start(&[]);
        machine.wait_for("/run/begun");
        machine.sh(&format!("{deed}; touch /run/go"));
        let run = end(child);
        assert_eq!(run.status, 0, "{deed}: {run}");
        assert_eq!(machine.sh("cat /var/ran /etc/after; systemctl reset-failed ssh; systemctl start ssh"), "x\nx", "{deed}");
    }
}

// L01
#[test]
fn who_waits_for_the_lock_can_be_interrupted() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/one, content: x }\n");
    machine.sh("mkdir -m 700 /var/lib/hoist; echo 'ann@laptop hoist' >/var/lib/hoist/lock; systemd-run -q flock /var/lib/hoist/lock sleep 600; while flock -n /var/lib/hoist/lock true; do sleep 0.1; done");
    let child = project.start(&["--lock-wait", "500"]);
    machine.wait_until("pgrep -fx 'flock -w 500 9'");
    signal(&child, "INT");
    let run = end(child);
    assert_eq!(run.status, 130, "{run}");
    machine.sh("test ! -e /etc/one");
}

#[test]
fn the_history_tells_the_commit_and_the_plan_in_one_line_each() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - name: |\n      fails\tat\n      \"this\"\n    command: { cmd: \"test -e {{ file }}\", always: true }\n",
    );
    let git = |words: &[&str]| {
        let all = ["-c", "user.name=t", "-c", "user.email=t@localhost"].iter().chain(words);
        assert!(Command::new("git").args(all).current_dir(project.folder.path()).output().expect("git runs").status.success(), "{words:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "all"]);
    let head = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(project.folder.path()).output().expect("git runs");
    let head = text(&head.stdout).trim().to_string();
    for file in ["/nowhere/canary", "/etc/passwd"] {
        let run = project.hoist(&["provision", "env=test", "--limit", &machine.name, &format!("file={file}"), "--yes"]);
        assert_eq!(run.status, if file.contains("canary") { 3 } else { 0 }, "{run}");
    }
    let history = project.hoist(&["history", "env=test", "--verify"]);
    assert_eq!(history.status, 0, "{history}");
    // What hoist keeps in the folder of the test is no part of the commit.
    let line = format!("hoist provision env=test file=... --limit={} (commit {head} and changes, plan ", machine.name);
    assert_eq!(history.stdout.matches(&line).count(), 2, "{line}: {history}");
    assert!(history.stdout.contains("failed at") && !history.stdout.contains("canary"), "{history}");
}

/// Where nothing is to be done, nothing is asked here that only the history on the hosts needs.
#[test]
fn a_run_that_changes_nothing_does_not_wait_for_git() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/one, content: x }\n");
    project.file("bin/git", "#!/bin/sh\necho asked >>\"${0%/*}/asked\"; exit 1\n");
    let (bin, asked) = (project.folder.path().join("bin"), project.folder.path().join("bin/asked"));
    std::fs::set_permissions(bin.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let path = format!("PATH={}:{}", bin.display(), std::env::var("PATH").expect("there is one"));
    for changes in [true, false] {
        let run = end(project.start_under(&["env", &path], &[]));
        assert_eq!((run.status, run.stderr.contains("changed: copy")), (0, changes), "{run}");
        assert_eq!(std::fs::remove_file(&asked).is_ok(), changes, "{run}");
    }
}
