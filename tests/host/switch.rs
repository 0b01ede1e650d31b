//! The dead man's switch: a run that closes its own way in is taken back.

use std::process::{Command, Stdio};

use crate::machine::{Machine, Project, UNTIL_GO};

/// Where the way is refused, that is known at once.
const REFUSED: &str = "confirm_timeout: 4, connect_timeout: 10";
/// Where nobody answers, somebody waits for both.
const SILENT: &str = "confirm_timeout: 5, connect_timeout: 5";
/// Where all is well, nobody waits.
const GOOD: &str = "confirm_timeout: 30, connect_timeout: 10";

fn project(machine: &Machine, tasks: &str, settings: &str) -> Project {
    let project = Project::new(&[machine], "deploy");
    set(&project, settings);
    project.file("roles/test/role.yml", tasks);
    project
}

fn set(project: &Project, settings: &str) {
    project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [test]\nsettings: {{ {settings} }}\n"));
}

fn sshd(content: &str) -> String {
    format!(
        "provision:\n  - name: sshd has its settings\n    copy: {{ dest: /etc/ssh/sshd_config.d/50-test.conf, content: \"{content}\\n\" }}\n    notify: reload sshd\n\
         handlers:\n  - name: reload sshd\n    service: {{ name: ssh, state: restarted, validate: mkdir -p /run/sshd && sshd -t }}\n"
    )
}

/// Nothing of the switch is left.
fn is_clean(machine: &Machine) {
    machine.wait_until("! pgrep -fa '[s]witch/undo'");
    machine.sh("test ! -e /var/lib/hoist/switch/undo && test ! -e /var/lib/hoist/aside/switch");
}

// N18
#[test]
fn an_sshd_that_lets_nobody_in_is_put_back() {
    for suite in ["bookworm", "trixie"] {
        let Some(machine) = Machine::up_with(&["--suite", suite]) else { return };
        for settings in ["AllowUsers nobody", "Port 2222", "PubkeyAuthentication no"] {
            let project = project(&machine, &sshd(settings), REFUSED);
            let run = project.hoist(&["provision", "env=test", "--yes"]);
            assert_eq!(run.status, 3, "{settings}: {run}");
            assert!(run.stdout.contains("rolled back") && run.stdout.contains("a new connection works"), "{settings}: {run}");
            assert!(run.stdout.contains("put back: /etc/ssh/sshd_config.d/50-test.conf"), "{settings}: {run}");
            machine.sh("set -e; test ! -e /etc/ssh/sshd_config.d/50-test.conf; sshd -T | grep -qx 'port 22'; ls -A /var/lib/hoist/pending | wc -l | grep -qx 0");
            assert_eq!(project.hoist(&["ping", "env=test"]).status, 0);
            is_clean(&machine);
            // So many restarts in so short a time would be refused.
            machine.sh("systemctl reset-failed ssh");
        }
        // One that lets us in stays.
        let project = project(&machine, &sshd("MaxSessions 9"), GOOD);
        project.converge();
        machine.sh("sshd -T | grep -qx 'maxsessions 9'");
        is_clean(&machine);
    }
}

// N18
#[test]
fn a_probe_that_takes_long_is_no_silence() {
    let Some(machine) = Machine::up() else { return };
    let tasks = "provision:\n  - copy: { dest: /etc/sudoers.d/one, content: \"# one\\n\", mode: \"0440\" }\n  - shell: { cmd: touch /etc/between, creates: /etc/between }\n  \
                 - command: { cmd: touch /etc/slow, unless: \"test ! -e /etc/between || sleep 14; test -e /etc/slow\" }\n  - copy: { dest: /etc/sudoers.d/two, content: \"# two\\n\", mode: \"0440\" }\n";
    let project = project(&machine, tasks, "confirm_timeout: 8, connect_timeout: 8");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 0, "{run}");
    assert_eq!(machine.sh("cat /etc/sudoers.d/one /etc/sudoers.d/two"), "# one\n# two\n");
    is_clean(&machine);
}

// N18
#[test]
fn an_account_and_a_service_that_lets_us_in_are_put_back() {
    let Some(machine) = Machine::up() else { return };
    machine.sh(
        "echo 'deploy:$6$saltsalt$rBCS.Tl7KUIu925UlUIj3MoW03zUDKh8G.g3G4DGwcOpcWmRGxINIoE7cGfqjz2yNHOhHziajTBQy5Dh8dCkq0' | chpasswd -e; cd /usr/local/sbin
        printf '#!/bin/sh\\necho \"$@\" >>/run/words; exec /usr/sbin/usermod \"$@\"\\n' >usermod; chmod 755 usermod",
    );
    let accounts = machine.sh("getent passwd deploy; getent shadow deploy; id deploy");
    for task in [
        "user: { name: deploy, shell: /usr/sbin/nologin, password: \"$6$saltsalt$GH3kKtYokaR73IUUWepD1802StxiZXWd1tBTv3xd5KquyA3uWwAJx.Ii3hL.4aNYpQi9ABvqoysX.kFYVYhK/0\" }",
        "service: { name: ssh, state: stopped }",
        "file: { path: /home/deploy/.ssh, state: absent }",
        "file: { path: /home/deploy, state: directory, owner: www-data }",
    ] {
        let project =
            project(&machine, &format!("provision:\n  - name: out\n    {task}\n  - copy: {{ dest: /etc/other, content: x }}\n"), REFUSED);
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{task}: {run}");
        assert!(run.stdout.contains("rolled back") && run.stdout.contains("a new connection works"), "{task}: {run}");
        assert_eq!(machine.sh("getent passwd deploy; getent shadow deploy; id deploy"), accounts, "{task}");
        assert_eq!(project.hoist(&["ping", "env=test"]).status, 0, "{task}");
        is_clean(&machine);
    }
    // Arguments can be read by every user of the host.
    let words = machine.sh("cat /run/words");
    assert!(words.contains("/bin/bash") && !words.contains("$saltsalt$"), "{words}");
}

// N18
#[test]
fn a_service_that_stood_still_while_it_was_changed_runs_again() {
    let Some(machine) = Machine::up() else { return };
    let tasks = "provision:\n  - service: { name: ssh, state: stopped }\n  \
                 - copy: { dest: /etc/ssh/sshd_config.d/50-test.conf, content: \"AllowUsers nobody\\n\" }\n  - service: { name: ssh, state: started }\n";
    let project = project(&machine, tasks, REFUSED);
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back") && run.stdout.contains("a new connection works"), "{run}");
    assert_eq!(project.hoist(&["ping", "env=test"]).status, 0);
    is_clean(&machine);
}

// N18
#[test]
fn a_handler_that_failed_first_leaves_nothing_in_the_count_of_what_was_put_back() {
    let Some(machine) = Machine::up() else { return };
    let handlers = "handlers:\n  - name: own rules\n    copy: { dest: /etc/sudoers.d/own, content: \"# own\\n\", mode: \"0440\", validate: test -e /etc/good -a -e %s }\n";
    let first =
        "provision:\n  - copy: { dest: /etc/one, content: x }\n    notify: own rules\n  - command: { cmd: \"false\", always: true }\n";
    let project = project(&machine, &format!("{first}{handlers}"), REFUSED);
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("1 handler is pending"), "{run}");
    let second = "provision:\n  - copy: { dest: /etc/good, content: x }\n  \
                  - copy: { dest: /etc/sudoers.d/zz, content: \"deploy ALL=(ALL) !ALL\\n\", mode: \"0440\" }\n    notify: own rules\n";
    project.file("roles/test/role.yml", &format!("{second}{handlers}"));
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("1 step changed before it; 2 more changed and were put back"), "{run}");
    assert_eq!(machine.sh("ls /etc/good /etc/sudoers.d/zz /etc/sudoers.d/own 2>/dev/null || true"), "/etc/good\n");
    is_clean(&machine);
}

// N18
#[test]
fn a_sudoers_file_that_breaks_sudo_is_put_back() {
    let Some(machine) = Machine::up() else { return };
    let tasks = "provision:\n  - name: sudoers\n    copy: { dest: /etc/sudoers.d/zz, content: \"deploy ALL=(ALL) !ALL\\n\", mode: \"0440\" }\n  - name: another\n    copy: { dest: /etc/other, content: x }\n";
    let project = project(&machine, tasks, REFUSED);
    machine.sh("echo '# before' >/etc/sudoers.d/zz; chmod 400 /etc/sudoers.d/zz");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back") && run.stdout.contains("sudo"), "{run}");
    assert_eq!(machine.sh("cat /etc/sudoers.d/zz; stat -c %a /etc/sudoers.d/zz; cat /etc/other"), "# before\n400\nx");
    assert_eq!(project.hoist(&["ping", "env=test"]).status, 0);
    is_clean(&machine);
}

// N18, P01
#[test]
fn the_host_acts_by_itself_when_nobody_is_left() {
    let Some(machine) = Machine::up() else { return };
    let slow = format!("  - name: slow\n    shell: {{ cmd: \"touch /run/begun; {UNTIL_GO}\", creates: /run/begun }}\nhandlers:");
    let project = project(&machine, &sshd("AllowUsers nobody").replace("handlers:", &slow), REFUSED);
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
    machine.sh("test -e /etc/ssh/sshd_config.d/50-test.conf");
    machine.go();
    machine.wait_for("/var/lib/hoist/switch/result");
    assert_eq!(
        machine.sh("cat /var/lib/hoist/switch/result; ls -A /var/lib/hoist/pending; ls /etc/ssh/sshd_config.d | grep 50- || true"),
        "0\n"
    );
    is_clean(&machine);
}

// N18
#[test]
fn a_change_whose_handler_did_not_run_is_not_left_for_the_next_run() {
    let Some(machine) = Machine::up() else { return };
    let tasks = sshd("AllowUsers nobody").replace("handlers:", "  - name: bad\n    command: { cmd: \"false\", always: true }\nhandlers:");
    let project = project(&machine, &tasks, REFUSED);
    for _ in 0..2 {
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        assert!(run.stdout.contains("failed: bad") && run.stdout.contains("put back"), "{run}");
        machine.sh("test ! -e /etc/ssh/sshd_config.d/50-test.conf && ls -A /var/lib/hoist/pending | wc -l | grep -qx 0");
        is_clean(&machine);
    }
}

// N18
#[test]
fn a_firewall_that_drops_everything_is_put_back() {
    let Some(machine) = Machine::up_with(&["--packages", "iptables"]) else { return };
    // The kernel of a container may have no nftables; it has what iptables stood on before that.
    let tasks = r#"provision:
  - name: rules
    copy:
      dest: /etc/iptables/rules.v4
      content: "*filter\n:INPUT {{ policy }} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
      validate: iptables-legacy-restore --test %s
    notify: reload
handlers:
  - name: reload
    command: iptables-legacy-restore /etc/iptables/rules.v4
"#;
    machine.sh("mkdir /etc/iptables; iptables-legacy -S >/dev/null; iptables-legacy-save >/etc/iptables/rules.v4");
    let project = project(&machine, tasks, SILENT);
    let before = machine.sh("cat /etc/iptables/rules.v4");
    let run = project.hoist(&["provision", "env=test", "policy=DROP", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back"), "{run}");
    assert_eq!(machine.sh("cat /etc/iptables/rules.v4; iptables-legacy -S INPUT"), format!("{before}-P INPUT ACCEPT\n"));
    assert_eq!(project.hoist(&["ping", "env=test"]).status, 0);
    is_clean(&machine);
    // Rules that let us in stay.
    set(&project, GOOD);
    let run = project.hoist(&["provision", "env=test", "policy=ACCEPT", "--yes"]);
    assert_eq!(run.status, 0, "{run}");
    assert_ne!(machine.sh("cat /etc/iptables/rules.v4"), before);
}

// N18
#[test]
fn a_network_that_goes_down_comes_up_again() {
    let Some(machine) = Machine::up() else { return };
    let tasks = r#"provision:
  - name: the link has its state
    copy: { dest: /etc/network/host0, content: "down\n" }
    notify: bring it about
handlers:
  - name: bring it about
    shell: { cmd: "ip link set host0 $(cat /etc/network/host0)", always: true }
"#;
    let project = project(&machine, tasks, SILENT);
    machine.sh("mkdir -p /etc/network; echo up >/etc/network/host0; ip link show host0");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back"), "{run}");
    assert_eq!(machine.sh("cat /etc/network/host0"), "up\n");
    assert_eq!(project.hoist(&["ping", "env=test"]).status, 0);
    is_clean(&machine);
}
