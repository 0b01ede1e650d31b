//! A run on a real host: one exec, honest previews, handlers that survive, the lock, files that moved.

use crate::machine::{Machine, Project, UNTIL_GO};

/// How often a command was started over SSH since the log was last emptied.
pub fn execs(machine: &Machine) -> usize {
    machine.sh("journalctl -u ssh --no-pager -o cat | grep -c '^Starting session: command' || true").trim().parse().expect("a number")
}

// Law 3
#[test]
fn a_run_is_one_exec_however_many_tasks_there_are() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("echo 'LogLevel VERBOSE' > /etc/ssh/sshd_config.d/verbose.conf; systemctl restart ssh");
    let project = Project::new(&[&machine], "root");
    for tasks in [1, 40] {
        let list: String = (0..tasks).map(|n| format!("  - copy: {{ dest: /etc/file{n}, content: \"{n}\\n\" }}\n")).collect();
        project.file("roles/test/role.yml", &format!("provision:\n{list}"));
        project.provision();
        let before = execs(&machine);
        let run = project.provision();
        assert!(run.stdout.contains("0 changes"), "{run}");
        assert_eq!(execs(&machine) - before, 1, "{tasks} tasks");
    }
}

/// A run asks all at once, on the guess that the host's facts are what they were. A wrong guess does no harm.
#[test]
fn what_a_host_said_last_time_is_not_believed() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - copy: { dest: \"/etc/at-{{ facts.hostname }}\", content: \"{{ facts.distribution_release }}\\n\" }\n",
    );
    project.converge();
    let cache = project.folder.path().join(".cache/hoist/facts");
    let file = std::fs::read_dir(cache).expect("a cache").next().expect("a file").expect("readable").path();
    let facts = std::fs::read_to_string(&file).expect("facts");
    assert!(facts.contains("bookworm"), "{facts}");
    for lie in [facts.replace("bookworm", "sarge"), facts.replace(&machine.name, "elsewhere"), "{}".into(), "no facts".into()] {
        std::fs::write(&file, lie).expect("writable");
        let run = project.provision();
        assert!(run.stdout.contains("0 changes"), "{run}");
        assert_eq!(std::fs::read_to_string(&file).expect("facts"), facts);
    }
    assert_eq!(machine.sh("ls /etc/at-* | wc -l").trim(), "1");
}

// U01
#[test]
fn a_plan_writes_nothing() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - package: { name: tree }\n  - copy: { dest: /etc/motd, content: new }\n    notify: tell\n  - command: { cmd: touch /etc/touched, creates: /etc/touched }\n  - service: { name: cron, state: restarted }\n  - package: { name: cron, state: absent }\n\
         handlers:\n  - name: tell\n    copy: { dest: /etc/told, content: x }\n",
    );
    machine.booted();
    // Without package lists, and with lists of which apt has no cache yet.
    for lists in ["true", "apt-get update -qq; rm -f /var/cache/apt/*.bin"] {
        machine.sh(&format!("{lists}; sleep 1; touch /run/mark; sleep 1"));
        let run = project.hoist(&["plan", "env=test"]);
        assert_eq!(run.status, 0, "{run}");
        let written = machine.sh("find / -xdev -newer /run/mark -type f ! -path '/var/log/*' ! -path '/proc/*' ! -path '/run/*' 2>/dev/null; ls -d /var/lib/hoist 2>/dev/null || true");
        assert_eq!(written, "", "{lists}: {run}");
    }
    let run = project.hoist(&["plan", "env=test", "--exit-code"]);
    assert_eq!(run.status, 2, "{run}");
}

/// Law 5: a handler that was due survives the failure of a later task, and comes first next time.
#[test]
fn a_handler_survives_a_failure() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let role = |guard: &str| {
        format!(
            "provision:\n  - name: the setting\n    copy: {{ dest: /etc/setting, content: \"1\\n\" }}\n    notify: reload\n  - name: fails once\n    command: {{ cmd: test -e /etc/go, {guard} }}\n\
             handlers:\n  - name: reload\n    shell: {{ cmd: echo reloaded >> /var/reloads, always: true }}\n"
        )
    };
    project.file("roles/test/role.yml", &role("always: true"));
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    machine.sh("test ! -e /var/reloads && touch /etc/go");
    project.file("roles/test/role.yml", &role("creates: /etc/go"));
    let run = project.hoist(&["plan", "env=test"]);
    assert!(run.stdout.contains("reload"), "the plan names the pending handler: {run}");
    project.provision();
    assert_eq!(machine.sh("cat /var/reloads"), "reloaded\n");
    let run = project.provision();
    assert!(run.stdout.contains("0 changes"), "{run}");
    assert_eq!(machine.sh("cat /var/reloads; ls /var/lib/hoist/pending"), "reloaded\n");
}

/// What a check refuses was not written, so nothing is to be brought into effect.
#[test]
fn a_file_that_its_own_check_refuses_makes_no_handler_due() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file("roles/test/files/set/1", "1");
    project.file("roles/test/files/set/2", "bad");
    let fails = |tasks: &str| {
        let handlers = "handlers:\n  - name: reload\n    shell: { cmd: echo reloaded >> /var/reloads, always: true }\n";
        project.file("roles/test/role.yml", &format!("provision:\n{tasks}{handlers}"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert!(run.status == 3 && run.stdout.contains("refused by its check"), "{run}");
        (
            run.stdout.contains("pending"),
            machine.sh("ls /var/lib/hoist/pending 2>/dev/null | wc -l; ls -A /var/lib/hoist/aside 2>/dev/null || true"),
        )
    };
    let copy = |what: &str| format!("  - copy: {{ {what}, validate: '! grep -q bad %s' }}\n    notify: reload\n");
    let refused = copy("dest: /etc/checked, content: bad");
    assert_eq!(fails(&refused), (false, "0\n".to_string()));
    let as_user = copy("dest: /home/deploy/checked, content: bad") + "    become_user: deploy\n";
    assert_eq!(fails(&as_user), (false, "0\n".to_string()));
    // It is due for what was written before: another file of the same task, or that of another one.
    assert_eq!(fails(&copy("src: set/, dest: /etc/many/")), (true, "1\n".to_string()));
    machine.sh("rm -r /etc/many /var/lib/hoist/pending");
    assert_eq!(fails(&(copy("dest: /etc/fine, content: x") + &refused)), (true, "1\n".to_string()));
    assert_eq!(fails(&refused), (false, "0\n".to_string()), "it has run by now");
    assert_eq!(machine.sh("cat /var/reloads"), "reloaded\n");
}

// L01
#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", &format!("provision:\n  - shell: {{ cmd: \"touch /run/started; {UNTIL_GO}\", always: true }}\n"));
    let folder = project.folder.path().to_path_buf();
    let first = std::thread::spawn(move || {
        std::process::Command::new(env!("CARGO_BIN_EXE_hoist"))
            .args(["provision", "env=test", "--yes"])
            .current_dir(folder)
            .output()
            .expect("hoist runs")
    });
    machine.wait_for("/run/started");
    let second = project.hoist(&["provision", "env=test", "--yes"]);
    machine.go();
    assert_eq!(second.status, 4, "{second}");
    let held = |line: &str| {
        line.contains("another run holds the lock: ") && line.contains(" hoist provision env=test ") && line.contains(" since ")
    };
    assert!(second.stdout.lines().any(held), "{second}");
    assert!(first.join().expect("it ends").status.success());
    machine.sh("! ls /var/lib/hoist/stage 2>/dev/null");
}

/// Packages bring files that later tasks are about: what follows is probed again, and one run is enough.
#[test]
fn what_a_package_brings_is_seen_in_the_same_run() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - package: { name: nginx }\n  - file: { path: /etc/nginx/sites-enabled/default, state: absent }\n    notify: reload nginx\n  - service: { name: nginx, state: started, enabled: true }\n\
         handlers:\n  - name: reload nginx\n    service: { name: nginx, state: reloaded, validate: nginx -t }\n",
    );
    let plan = project.hoist(&["plan", "env=test"]);
    assert_eq!(plan.status, 0, "{plan}");
    project.converge();
    machine.sh("test ! -e /etc/nginx/sites-enabled/default && systemctl is-active nginx");
}

// D12: what moved since the plan is refused, at the step itself.
#[test]
fn a_file_that_moved_since_the_plan_is_left_alone() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    // The check of the step before it stands for somebody else on the host.
    project.file(
        "roles/test/role.yml",
        "provision:\n  - name: somebody edits\n    copy: { dest: /etc/other, content: x, validate: \"echo moved > /etc/edited; test -e %s\" }\n  - name: the file\n    copy: { dest: /etc/edited, content: \"ours\\n\" }\n",
    );
    machine.sh("echo theirs > /etc/edited");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(machine.sh("cat /etc/edited"), "moved\n", "{run}");
    assert_eq!(run.status, 3, "{run}");
    assert!(format!("{}{}", run.stdout, run.stderr).contains("changed since the plan was made"), "{run}");
    project.converge();
    assert_eq!(machine.sh("cat /etc/edited"), "ours\n");
}
