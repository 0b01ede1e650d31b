//! Steps that take too long, and what they wait for.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::machine::{Machine, Project};

// A step whose children do not care for SIGTERM.
const STUBBORN: &str = "provision:
  - name: stubborn
    shell: { cmd: \"echo at work; sh -c 'trap \\\"\\\" TERM; touch /run/begun; sleep 300; sleep 300'; touch /etc/ended\", always: true }
    timeout: 2
  - name: after
    copy: { dest: /etc/after, content: x }
";

fn project(machine: &Machine, role: &str, settings: &str) -> Project {
    let project = Project::new(&[machine], "deploy");
    project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [test]\nsettings: {{ {settings} }}\n"));
    project.file("roles/test/role.yml", role);
    project
}

// S04, P06
#[test]
fn a_step_over_its_deadline_is_ended_with_all_its_children() {
    let Some(machine) = Machine::up() else { return };
    for (role, settings, words) in [
        (STUBBORN.to_string(), "", "it took longer than 2 s (`timeout`), so it was ended"),
        (STUBBORN.replace("    timeout: 2\n", ""), "step_timeout: 3", "it took longer than 3 s (`step_timeout`), so it was ended"),
        (STUBBORN.replace("timeout: 2", "timeout: 60"), "host_timeout: 4", "the host took longer than 4 s (`host_timeout`)"),
    ] {
        let project = project(&machine, &role, settings);
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        assert!(run.stdout.contains(words) && run.stdout.contains("at work"), "{run}");
        machine.wait_until("! pgrep -x sleep >/dev/null");
        machine.sh("test -e /run/begun && test ! -e /etc/ended && test ! -e /etc/after && rm /run/begun");
    }
    // One that keeps to its time is not touched, and its status is its own.
    let quick = "provision:\n  - shell: { cmd: \"sleep 1; echo done >/etc/quick\", creates: /etc/quick }\n    timeout: \"{{ 20 + 1 }}\"\n";
    project(&machine, quick, "").converge();
    let failing = project(&machine, "provision:\n  - shell: { cmd: exit 9, always: true }\n    timeout: 20\n", "");
    let run = failing.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.stdout.contains("exit status 9"), "{run}");
    machine.wait_until("! pgrep -x sleep >/dev/null");
}

// S04, P01
#[test]
fn the_host_ends_it_even_when_nobody_is_left() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, STUBBORN, "");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["provision", "env=test", "--yes"])
        .current_dir(project.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("hoist starts");
    machine.wait_for("/run/begun");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    machine.wait_until("! pgrep -f '^sleep 300' >/dev/null");
    machine.sh("test ! -e /etc/ended");
}

// Questions that never end: a check whose children do not care for SIGTERM, a command that only looks as another user, and git,
// which is connected to somebody who says nothing.
const GUARDS: &str = "provision:
  - name: hangs
    shell: { cmd: touch /etc/hung, unless: \"echo waiting >&2; sh -c 'trap \\\"\\\" TERM; sleep 300; sleep 300'\" }
  - name: hangs, too
    command: { cmd: sleep 301, probe: true }
    become_user: deploy
  - name: a checkout
    git: { repo: \"https://127.0.0.1:4433/x.git\", dest: /srv/x }
  - name: first
    copy: { dest: /etc/first, content: x }
  - name: another
    command: { cmd: touch /etc/another, unless: test -e /etc/another }
";

/// A port that takes calls and says nothing.
const SILENT_PORT: &str = "perl -MIO::Socket::INET -e '$0 = \"silent\"; my $s = IO::Socket::INET->new(LocalPort => 4433, Listen => 5) or die; my @c; \
    while (1) { push @c, scalar $s->accept }' </dev/null >/dev/null 2>&1 & for i in $(seq 100); do ss -ltn | grep -q :4433 && exit; sleep 0.1; done; exit 1";

// H12
#[test]
fn a_question_that_hangs_is_ended_and_spoils_only_its_own_step() {
    let Some(machine) = Machine::up() else { return };
    machine.sh(SILENT_PORT);
    let hangs = project(&machine, GUARDS, "probe_timeout: 3");
    let plan = hangs.hoist(&["plan", "env=test"]);
    assert_eq!(plan.status, 3, "{plan}");
    for what in ["`unless`", "`sleep 301`", "the look at the checkout and its remote"] {
        assert!(plan.stdout.contains(&format!("{what} took longer than 3 s (`probe_timeout`), so it was ended")), "{what}: {plan}");
    }
    assert!(plan.stdout.contains("its last words: waiting; ") && plan.stdout.contains("raise `probe_timeout`"), "{plan}");
    let asked = |name: &str| plan.stdout.contains(&format!("  x {name}  ("));
    assert_eq!(["first", "hangs", "hangs, too", "a checkout", "another"].map(asked), [false, true, true, true, false], "{plan}");
    assert!(plan.stdout.contains("/etc/first") && plan.stdout.contains("touch /etc/another"), "the other answers hold: {plan}");
    // Nothing of them is left, nor of what looked after them.
    machine.wait_until("! pgrep -x 'sleep|git' >/dev/null");
    let run = hangs.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    machine.sh("test ! -e /etc/first && test ! -e /etc/hung && test ! -e /etc/another");
    // Behind a change that may be what it waits for, it is asked again.
    let behind = "provision:\n  - copy: { dest: /etc/before, content: x }\n  - name: hangs\n    command: { cmd: touch /etc/hung, unless: sleep 302 }\n";
    let behind = project(&machine, behind, "probe_timeout: 3");
    let plan = behind.hoist(&["plan", "env=test"]);
    assert!(plan.status == 0 && plan.stdout.contains("can only be read after these changes: `unless` took longer than 3 s"), "{plan}");
    let run = behind.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("failed: hangs\n      `unless` took longer than 3 s"), "{run}");
    machine.sh("test -e /etc/before && test ! -e /etc/hung");
    // What is only slow is not touched.
    let slow = "provision:\n  - command: { cmd: touch /etc/slow, unless: \"sleep 2; test -e /etc/slow\" }\n  - command: { cmd: sleep 2, probe: true }\n";
    project(&machine, slow, "probe_timeout: 60").converge();
}

// H12
#[test]
fn a_host_that_is_alive_and_silent_is_given_up_and_the_others_finish() {
    let (Some(silent), Some(stuck), Some(well)) = (Machine::up(), Machine::up(), Machine::up()) else { return };
    // The shell of the session is stopped by what it asks, as one in a system call that never comes back.
    silent.sh("printf '#!/bin/sh\nkill -STOP $(ps -o ppid= -p $(ps -o ppid= -p $PPID))\nsleep 300\n' >/usr/local/bin/check; chmod +x /usr/local/bin/check");
    // As on a network mount that went away.
    stuck.sh("mv /usr/bin/stat /usr/bin/stat.away; printf '#!/bin/sh\ntrap \"\" TERM\nsleep 300\nsleep 300\n' >/usr/bin/stat; chmod +x /usr/bin/stat");
    well.sh("printf '#!/bin/sh\nexit 1\n' >/usr/local/bin/check; chmod +x /usr/local/bin/check");
    let project = Project::new(&[&silent, &stuck, &well], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\nsettings: { probe_timeout: 3 }\n");
    project.file("roles/test/role.yml", "provision:\n  - command: { cmd: touch /etc/done, unless: check, chdir: /etc }\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(
        run.stdout.contains("silent: it is connected, and nothing was heard for 18 s, while it was asked for what a task asks"),
        "{run}"
    );
    assert!(
        run.stdout.contains("silent: asked for the state of files, it took longer than 3 s (`probe_timeout`), so that was ended")
            && run.stdout.contains("network mount"),
        "{run}"
    );
    well.sh("test -e /etc/done");
    stuck.wait_until("! pgrep -x sleep >/dev/null");
}

/// Holds a lock of dpkg or apt under a name, until that is killed.
fn hold(machine: &Machine, lock: &str) {
    machine.sh(&format!(
        "rm -f /run/held; cat >/root/hold.pl <<'END'
use Fcntl; open F, '>>', '{lock}' or die; my $l = pack('ssqqi', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die;
$0 = 'some-upgrade'; open H, '>', '/run/held' or die; sleep 600;
END
perl /root/hold.pl </dev/null >/dev/null 2>&1 &"
    ));
    machine.wait_for("/run/held");
}

/// A run that is told who holds the lock while it waits: only then it is let go.
fn waits(machine: &Machine, project: &Project) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["provision", "env=test", "--yes", "--json"])
        .current_dir(project.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("hoist starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("it is text"));
    let told = lines.find(|line| line.contains("is held by process") && line.contains("(some-upgrade)"));
    assert!(told.is_some(), "it is told who holds the lock");
    machine.sh("pkill -x some-upgrade");
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().expect("it ends").success(), "{rest:#?}");
    machine.sh("test -x /usr/bin/hello");
}

// L05, L06
#[test]
fn who_holds_the_lock_of_apt_is_named() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("apt-get update -qq");
    let role = "provision:\n  - name: a package\n    package: { name: hello }\n    timeout: 15\n";
    hold(&machine, "/var/lib/dpkg/lock-frontend");
    let late = project(&machine, role, "");
    let run = late.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("is held by process") && run.stdout.contains("(some-upgrade)"), "{run}");
    machine.sh("test -e /var/lib/dpkg/lock-frontend && pkill -x some-upgrade");
    machine.wait_until("! pgrep -x apt-get >/dev/null");
    hold(&machine, "/var/lib/dpkg/lock-frontend");
    waits(&machine, &project(&machine, &role.replace("    timeout: 15\n", ""), ""));
}

// L06
#[test]
fn who_holds_the_package_lists_is_waited_for() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("rm -rf /var/lib/apt/lists; mkdir -p /var/lib/apt/lists/partial");
    hold(&machine, "/var/lib/apt/lists/lock");
    waits(&machine, &project(&machine, "provision:\n  - package: { name: hello }\n", ""));
}

// L07
#[test]
fn a_dpkg_that_was_interrupted_is_completed_in_sight() {
    let Some(machine) = Machine::up() else { return };
    // As a dpkg that was killed leaves it: unpacked, and its last words still in the folder of updates.
    machine.sh(
        "cd /root && apt-get update -qq && apt-get download -qq hello && dpkg --unpack hello_*.deb >/dev/null && dpkg -s hello >/var/lib/dpkg/updates/0000",
    );
    for (role, left) in [("name: sl", "ii"), ("name: hello, state: absent", "")] {
        let project = project(&machine, &format!("provision:\n  - package: {{ {role} }}\n"), "");
        let plan = project.hoist(&["plan", "env=test"]);
        assert!(plan.stdout.contains("dpkg was interrupted: `dpkg --configure -a` runs first"), "{plan}");
        project.converge();
        assert_eq!(
            machine.sh("dpkg --audit; ls /var/lib/dpkg/updates; dpkg-query -W -f '${db:Status-Abbrev}' hello 2>/dev/null || true").trim(),
            left
        );
        machine.sh("dpkg -s sl >/var/lib/dpkg/updates/0000");
    }
}
