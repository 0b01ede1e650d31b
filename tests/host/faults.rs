//! Runs that do not go as planned: passwords, interruptions, broken lines, killed controllers, rolling plays. Each test
//! names the row of the catalogue of faults that it proves (docs/reliability.md).

use crate::machine::{Machine, Project, UNTIL_GO, end, signal};
use crate::relay::Scissors;

const SLOW: &str = "provision:
  - name: before
    copy: { dest: /etc/before, content: \"1\\n\" }
    notify: tell
  - name: slow
    shell: { cmd: \"echo begun; echo x >> /var/slow; touch /run/begun; WORK; echo ended; touch /run/ended\", creates: /etc/never, unless: test -e /etc/slow-done }
  - name: after
    copy: { dest: /etc/after, content: \"1\\n\" }
handlers:
  - name: tell
    shell: { cmd: echo told >> /var/told, always: true }
";

fn slow(project: &Project) {
    // `creates` would fail a step that does not create it; only the guard is wanted.
    works(project, UNTIL_GO);
}

/// With this for the slow step's work.
fn works(project: &Project, work: &str) {
    project.file("roles/test/role.yml", &SLOW.replace("creates: /etc/never, ", "").replace("WORK", work));
}

/// Lets the step end when the host was told to stop behind it.
fn told(machine: &Machine) {
    machine.wait_for("/var/lib/hoist/stage/stop");
    machine.go();
}

// P02
#[test]
fn the_first_interruption_lets_the_step_finish() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    for name in ["INT", "TERM", "HUP"] {
        machine.sh("rm -f /run/go /run/begun /run/ended /etc/after /var/slow /etc/before");
        let child = project.start(&[]);
        machine.wait_for("/run/begun");
        signal(&child, name);
        told(&machine);
        let run = end(child);
        assert_eq!(run.status, 130, "{name}: {run}");
        assert!(run.stdout.contains("interrupted"), "{name}: {run}");
        assert_eq!(
            machine.sh("set -e; cat /var/slow; test -e /run/ended; test ! -e /etc/after; ls /var/lib/hoist/pending | wc -l"),
            "x\n1\n",
            "{name}"
        );
    }
    machine.sh("touch /etc/slow-done");
    project.provision();
    // Each run but the first begins with the handler that the one before left behind.
    assert_eq!(machine.sh("cat /var/told"), "told\ntold\ntold\n");
}

// P02
#[test]
fn what_nohup_started_goes_on_when_the_terminal_is_closed() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    let child = project.start_under(&["nohup"], &[]);
    machine.wait_for("/run/begun");
    signal(&child, "HUP");
    machine.go();
    let run = end(child);
    assert_eq!(run.status, 0, "{run}");
    machine.sh("test -e /run/ended && test -e /etc/after");
}

// P02
#[test]
fn an_interruption_stops_a_batch_behind_the_step_that_runs() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    // A service changes nothing that the step behind it could depend on, so the host has both in one script.
    machine.sh("printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/sh -c \"touch /run/begun; until test -e /run/go; do sleep 0.1; done; touch /run/ended\"\\n' >/etc/systemd/system/slow.service; systemctl daemon-reload");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - service: { name: slow, state: started }\n  - copy: { dest: /etc/after, content: \"1\\n\" }\n",
    );
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    signal(&child, "INT");
    told(&machine);
    let run = end(child);
    assert_eq!(run.status, 130, "{run}");
    machine.sh("test -e /run/ended && test ! -e /etc/after");
    project.converge();
}

// P02
#[test]
fn the_second_interruption_ends_the_step() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    works(&project, "sleep 600");
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    signal(&child, "INT");
    machine.wait_for("/var/lib/hoist/stage/stop");
    signal(&child, "INT");
    let run = end(child);
    assert_eq!(run.status, 130, "{run}");
    let card = "interrupted: the step that ran was ended at once, so it may be half done\n  it was at: slow\n";
    assert!(run.stdout.contains(card) && !run.stdout.contains("line broke"), "{run}");
    machine.wait_until("! pgrep -x sleep >/dev/null");
    machine.sh("test ! -e /run/ended");
    machine.sh("touch /etc/slow-done");
    project.converge();
    let history = project.hoist(&["history", "env=test", "--verify"]);
    assert!(history.status == 0 && history.stdout.contains("did not come to its end; begun 20"), "{history}");
}

// P01, S06
#[test]
fn a_controller_that_is_killed_leaves_a_run_that_the_next_one_completes() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    signal(&child, "KILL");
    end(child);
    // The step that runs is not ended by it.
    machine.go();
    machine.wait_for("/run/ended");
    machine.sh("flock -w 60 /var/lib/hoist/lock true && touch /etc/slow-done");
    let plan = project.hoist(&["plan", "env=test"]);
    assert!(plan.stdout.contains("a run was interrupted") && plan.stdout.contains("slow"), "{plan}");
    assert!(plan.stdout.contains("tell"), "the handler is pending: {plan}");
    project.provision();
    assert_eq!(machine.sh("cat /var/slow /etc/after /var/told"), "x\n1\ntold\n");
    let plan = project.hoist(&["plan", "env=test"]);
    assert!(plan.stdout.contains("No changes") && !plan.stdout.contains("interrupted"), "{plan}");
}

// N11, N13, N17
#[test]
fn a_line_that_breaks_is_mended_and_the_step_ran_once() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    // Every session of sshd dies, as if the network had reset them; the listener stays.
    machine.sh("pkill -KILL -f '^sshd: root@notty'");
    machine.go();
    let run = end(child);
    assert_eq!(run.status, 0, "{run}");
    assert_eq!(machine.sh("cat /var/slow /etc/after /var/told"), "x\n1\ntold\n", "{run}");
}

// P03
#[test]
fn a_worker_that_is_killed_is_not_called_done() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    machine.sh("pkill -KILL -f '[w]hile read -r n; do'");
    machine.go();
    let run = end(child);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("unknown"), "{run}");
    machine.sh("touch /etc/slow-done");
    project.converge();
}

// P06
#[test]
fn what_a_step_leaves_behind_keeps_neither_run_nor_lock() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - shell: { cmd: \"sleep 600 & echo started\", always: true }\n");
    project.provision();
    machine.sh("pgrep -x sleep");
    // It would still hold the lock, had it been handed one.
    project.provision();
}

// L01
#[test]
fn a_run_can_wait_for_the_lock() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    slow(&project);
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    let run = std::thread::scope(|scope| {
        let second = scope.spawn(|| project.hoist(&["provision", "env=test", "--yes", "--lock-wait", "120"]));
        machine.wait_until("pgrep -f '^flock -w 120' >/dev/null");
        machine.go();
        second.join().expect("no panic")
    });
    assert_eq!(run.status, 0, "{run}");
    assert_eq!(end(child).status, 0);
}

// H04
#[test]
fn sudo_and_su_take_a_password_once() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("echo 'root:root pass' | chpasswd");
    let provision_as = |user: &str, settings: &str| {
        let project = Project::new(&[&machine], user);
        project.file("group_vars/all.yml", settings);
        project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/by-root, content: \"{{ inventory_hostname }}\\n\" }\n");
        project.hoist(&["provision", "env=test", "--yes"])
    };
    let provision = |settings: &str| provision_as("admin", settings);
    let good = provision("ansible_become_password: s3cret pass\n");
    assert_eq!(good.status, 0, "{good}");
    assert!(!format!("{good}").contains("s3cret"), "{good}");
    let su = provision("ansible_become_method: su\nansible_become_password: root pass\n");
    assert_eq!(su.status, 0, "{su}");
    machine.sh("journalctl --rotate -q; journalctl --vacuum-time=1s -q; true");
    let wrong = provision("ansible_become_password: wrong\n");
    assert_eq!(wrong.status, 3, "{wrong}");
    assert!(wrong.stdout.contains("does not accept the password"), "{wrong}");
    let tried = "journalctl --no-pager | grep -o '[0-9]* incorrect password attempts*'";
    assert_eq!(machine.sh(&format!("for i in $(seq 100); do {tried} && exit; sleep 0.1; done")), "1 incorrect password attempt\n");
    let su = provision("ansible_become_method: su\nansible_become_password: wrong\n");
    assert!(su.status == 3 && su.stdout.contains("su does not accept the password"), "{su}");
    machine
        .sh("useradd -m -s /bin/bash plain; echo plain:right | chpasswd; cp -r /root/.ssh /home/plain/; chown -R plain: /home/plain/.ssh");
    let plain = provision_as("plain", "ansible_become_password: right\n");
    assert!(plain.status == 3 && plain.stdout.contains("the user may not become root with sudo"), "{plain}");
    let none = provision("x_unused: 1\n");
    assert!(none.stdout.contains("wants a password"), "{none}");
    assert_eq!(machine.sh("stat -c %U /etc/by-root"), "root\n");
}

// S08, N01
#[test]
fn a_rolling_play_stops_at_the_first_bad_batch() {
    let Some(first) = Machine::up() else { return };
    let machines = [first, Machine::up().expect("a second host"), Machine::up().expect("a third host")];
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n    serial: 1\n");
    project.file("roles/test/role.yml", "provision:\n  - name: the file\n    copy: { dest: /etc/here, content: x }\n  - name: the check\n    command: { cmd: test ! -e /etc/bad, always: true }\n");
    machines[1].sh("touch /etc/bad");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("skipped"), "{run}");
    machines[0].sh("test -e /etc/here");
    machines[1].sh("test -e /etc/here");
    machines[2].sh("test ! -e /etc/here");
}

#[test]
fn the_first_host_that_fails_stops_all_of_a_play_that_wants_that() {
    let Some(first) = Machine::up() else { return };
    let machines = [first, Machine::up().expect("a second host"), Machine::up().expect("a third host")];
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n    any_errors_fatal: true\n");
    // The others are at their first step until the first one has failed.
    project.file("roles/test/role.yml", "provision:\n  - name: the check\n    shell: { cmd: \"test ! -e /etc/bad || exit 1; for i in $(seq 1200); do test -e /run/go && break; sleep 0.1; done\", always: true }\n  - copy: { dest: /etc/here, content: x }\n  - shell: { cmd: touch /etc/there, always: true }\n");
    machines[0].sh("touch /etc/bad");
    let child = project.start(&[]);
    machines[0].wait_until("grep -qs failed /var/lib/hoist/history.log");
    machines[1..].iter().for_each(|machine| drop(machine.sh("touch /run/go")));
    let run = end(child);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("1 host failed, which is more than this play allows"), "{run}");
    machines[1..].iter().for_each(|machine| drop(machine.sh("test ! -e /etc/here && test ! -e /etc/there")));
}

#[test]
fn the_history_says_who_ran_what_and_shows_a_forgery() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    for number in 1..=3 {
        project.file("roles/test/role.yml", &format!("provision:\n  - copy: {{ dest: /etc/number, content: \"{number}\\n\" }}\n"));
        project.provision();
    }
    let good = project.hoist(&["history", "env=test", "--verify"]);
    assert_eq!((good.status, good.stdout.matches("done, 1 changed").count()), (0, 3), "{good}");
    machine.sh("sed -i '2s/done/none/' /var/lib/hoist/history.log");
    let forged = project.hoist(&["history", "env=test", "--verify"]);
    assert_eq!(forged.status, 3, "{forged}");
    assert!(forged.stdout.contains("changed or is gone"), "{forged}");
}

// D01, D02, D05, D06
#[test]
fn a_disk_that_takes_nothing_leaves_the_old_file() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let big = "x".repeat(1 << 20);
    let role = |content: &str| format!("provision:\n  - name: the file\n    copy: {{ dest: /small/file, content: \"{content}\" }}\n");
    machine.sh("mkdir /small; mount -t tmpfs -o size=300k tmpfs /small; echo old > /small/file");
    project.file("roles/test/role.yml", &role(&big));
    let full = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(full.status, 3, "{full}");
    assert!(full.stdout.contains("No space left"), "{full}");
    assert_eq!(machine.sh("cat /small/file; ls -A /small"), "old\nfile\n");
    machine.sh("mount -o remount,ro /small");
    project.file("roles/test/role.yml", &role("new"));
    let read_only = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(read_only.status, 3, "{read_only}");
    assert!(read_only.stdout.contains("Read-only file system"), "{read_only}");
    machine.sh("mount -o remount,rw /small");
    project.converge();
    assert_eq!(machine.sh("cat /small/file"), "new");
}

// D09
#[test]
fn what_is_no_file_is_left_alone_and_hangs_nothing() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkfifo /etc/pipe; mknod /etc/device c 1 3; mkdir /etc/folder; ln -s nowhere /etc/dangling; ln -s loop2 /etc/loop1; ln -s loop1 /etc/loop2");
    for (name, word) in [("pipe", "pipe"), ("device", "device"), ("folder", "directory")] {
        project.file("roles/test/role.yml", &format!("provision:\n  - copy: {{ dest: /etc/{name}, content: x }}\n"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{name}: {run}");
        assert!(run.stdout.contains(word), "{name}: {run}");
    }
    assert_eq!(machine.sh("stat -c %F /etc/pipe /etc/device /etc/folder"), "fifo\ncharacter special file\ndirectory\n");
    // A link is replaced and not followed, wherever it leads; what is below one that leads nowhere cannot be had.
    for (task, word) in [
        ("lineinfile: { path: /etc/dangling, line: x, create: true }", "is a link to `nowhere`"),
        ("copy: { dest: /etc/loop1/file, content: x }", "/etc/loop1"),
    ] {
        project.file("roles/test/role.yml", &format!("provision:\n  - {task}\n"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert!(run.status == 3 && run.stdout.contains(word), "{task}: {run}");
    }
    assert_eq!(machine.sh("readlink /etc/dangling /etc/loop1"), "nowhere\nloop2\n");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - copy: { dest: /etc/dangling, content: x }\n  - copy: { dest: /etc/loop1, content: x }\n",
    );
    project.converge();
    assert_eq!(
        machine.sh("stat -c %F /etc/dangling /etc/loop1; readlink /etc/loop2; test ! -e /etc/nowhere"),
        "regular file\nregular file\nloop1\n"
    );
}

// N12
#[test]
fn a_line_that_breaks_inside_of_an_upload_leaves_the_old_file() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { src: big, dest: /etc/big }\n");
    // Nothing that compresses.
    let mut state = 1_u64;
    let big: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(6 << 20)
    .flatten()
    .collect();
    std::fs::create_dir_all(project.folder.path().join("roles/test/files")).expect("writable");
    std::fs::write(project.folder.path().join("roles/test/files/big"), &big).expect("writable");
    let sum = hoist::shell::sha256(&big);
    // The line goes through scissors, which cut it when so many bytes are on their way.
    let known = std::fs::read_to_string(project.folder.path().join("environments/test/known_hosts")).expect("host keys");
    let hosts = std::fs::read_to_string(project.folder.path().join("environments/test/hosts")).expect("an inventory");
    let target = format!("ansible_host={}", machine.ip);
    for part in [1, 20, 45] {
        let line = Scissors::before((machine.ip.clone(), 22), part << 20);
        project.file("environments/test/hosts", &hosts.replace(&target, &format!("ansible_host=127.0.0.1 ansible_port={}", line.port)));
        project.file("environments/test/known_hosts", &known.replace(&machine.ip, &format!("[127.0.0.1]:{}", line.port)));
        machine.sh("echo old >/etc/big");
        let child = project.start(&[]);
        line.look(|| {
            let found = machine.sh("cat /etc/big; find /etc -maxdepth 1 -name '.hoist*'");
            assert_eq!(found, "old\n", "{part} MiB");
        });
        let run = end(child);
        assert_eq!(run.status, 0, "{part} MiB: {run}");
        assert_eq!(machine.sh("sha256sum </etc/big"), format!("{sum}  -\n"), "{part} MiB");
    }
    project.converge();
    assert_eq!(machine.sh("find /etc -maxdepth 1 -name '.hoist*'; ls /var/lib/hoist"), "history.log\nlock\n");
}
