//! Steps that take too long, and what they wait for.

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
        machine.sh("! pgrep -x sleep && test -e /run/begun && test ! -e /etc/ended && test ! -e /etc/after && rm /run/begun");
    }
    // One that keeps to its time is not touched, and its status is its own.
    let quick = "provision:\n  - shell: { cmd: \"sleep 1; echo done >/etc/quick\", creates: /etc/quick }\n    timeout: \"{{ 20 + 1 }}\"\n";
    project(&machine, quick, "").converge();
    let failing = project(&machine, "provision:\n  - shell: { cmd: exit 9, always: true }\n    timeout: 20\n", "");
    let run = failing.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.stdout.contains("exit status 9"), "{run}");
    machine.sh("! pgrep -x sleep || { sleep 1.5; ! pgrep -x sleep; }");
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
    machine.sh("for i in $(seq 200); do test -e /run/begun && exit; sleep 0.1; done; exit 1");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    machine.sh("for i in $(seq 200); do pgrep -f '^sleep 300' >/dev/null || exit 0; sleep 0.1; done; exit 1");
    machine.sh("test ! -e /etc/ended");
}

/// Holds the lock of dpkg for so many seconds, under a name.
fn hold(machine: &Machine, seconds: u32) {
    machine.sh(&format!(
        "cat >/root/hold.pl <<'END'
use Fcntl; open F, '>>', '/var/lib/dpkg/lock-frontend' or die; my $l = pack('ssqqi', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die;
$0 = 'some-upgrade'; sleep {seconds};
END
perl /root/hold.pl </dev/null >/dev/null 2>&1 & sleep 0.5; pgrep -f some-upgrade"
    ));
}

// L05, L06
#[test]
fn who_holds_the_lock_of_apt_is_named() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("apt-get update -qq");
    let role = "provision:\n  - name: a package\n    package: { name: hello }\n    timeout: 15\n";
    hold(&machine, 300);
    let waits = project(&machine, role, "");
    let run = waits.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("is held by process") && run.stdout.contains("(some-upgrade)"), "{run}");
    machine.sh("test -e /var/lib/dpkg/lock-frontend && pgrep -x some-upgrade && pkill -x some-upgrade; ! pgrep -x apt-get");
    hold(&machine, 4);
    let run = project(&machine, &role.replace("    timeout: 15\n", ""), "").hoist(&["provision", "env=test", "--yes", "--json"]);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains("is held by process") && run.stdout.contains("(some-upgrade)"), "told while it waits: {run}");
    machine.sh("test -x /usr/bin/hello");
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
