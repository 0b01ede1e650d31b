//! The lock of a host: runs that meet, a holder that dies or is stopped, a lock that somebody replaced.

use std::process::{Child, Command, Output, Stdio};

use crate::machine::{Machine, Project, UNTIL_GO, text};

const SLOW: &str = "provision:\n  - shell: { cmd: \"echo x >>/var/ran; touch /run/begun; WORK\", unless: test -e /etc/enough }\n";

fn start(project: &Project, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
    command.args(["provision", "env=test", "--yes"]).args(words).current_dir(project.folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hoist starts")
}

fn end(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

fn begun(machine: &Machine) {
    machine.wait_for("/run/begun");
}

// L02
#[test]
fn runs_that_meet_on_hosts_in_opposite_order_both_come_to_an_end() {
    let Some(first) = Machine::up() else { return };
    let machines = [first, Machine::up().expect("a second host"), Machine::up().expect("a third host")];
    let forth = Project::new(&[&machines[0], &machines[1], &machines[2]], "root");
    let back = Project::new(&[&machines[2], &machines[1], &machines[0]], "root");
    for (serial, wait) in [("", "0"), ("    serial: 1\n", "0"), ("", "60"), ("    serial: 1\n", "60")] {
        for machine in &machines {
            machine.sh("rm -f /run/begun /var/ran");
        }
        for project in [&forth, &back] {
            project.file(
                "roles/test/role.yml",
                &SLOW.replace("WORK", "mkdir /run/at-work || touch /var/two-at-once; sleep 0.5; rmdir /run/at-work"),
            );
            project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [test]\n{serial}"));
        }
        let runs = [start(&forth, &["--lock-wait", wait]), start(&back, &["--lock-wait", wait])].map(end);
        let codes = runs.each_ref().map(|run| run.status.code().unwrap_or(-1));
        let said = runs.each_ref().map(|run| text(&run.stdout)).concat();
        let expected: &[i32] = if wait == "0" { &[0, 3, 4] } else { &[0] };
        assert!(codes.iter().all(|code| expected.contains(code)), "{serial:?} {wait}: {codes:?}\n{said}");
        assert!(codes.iter().all(|code| *code == 0) || said.contains("another run"), "{serial:?} {wait}: {codes:?}\n{said}");
        machines.iter().for_each(|machine| drop(machine.sh("test ! -e /var/two-at-once")));
    }
}

// L03
#[test]
fn a_holder_that_is_killed_frees_the_lock_and_one_that_is_stopped_is_named() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", &SLOW.replace("WORK", UNTIL_GO));
    let child = start(&project, &[]);
    begun(&machine);
    // Everything of the run on the host stands still; so does the controller.
    let all = "cut -d ' ' -f 1 /var/lib/hoist/stage/group";
    machine.sh(&format!("kill -STOP \"-$({all})\""));
    let second = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(second.status, 4, "{second}");
    assert!(format!("{second}").contains("hoist provision env=test") && format!("{second}").contains("since 20"), "{second}");
    machine.sh(&format!("kill -CONT \"-$({all})\""));
    machine.go();
    assert!(end(child).status.success());

    // Everything of the run on the host is killed: whoever led it takes the lock once more, to see what became of the step.
    project.file("roles/test/role.yml", &SLOW.replace("WORK", "sleep 600"));
    let kill = format!("kill -KILL \"-$({all})\"");
    machine.sh("rm -f /run/begun");
    let child = start(&project, &[]);
    begun(&machine);
    machine.sh(&kill);
    assert_eq!(end(child).status.code(), Some(3));

    // And with that one killed, too, nobody has it.
    machine.sh("rm -f /run/begun");
    let mut child = start(&project, &[]);
    begun(&machine);
    child.kill().expect("it runs");
    end(child);
    machine.sh(&format!("{kill}; flock -w 60 /var/lib/hoist/lock true && touch /etc/enough"));
    project.provision();
    assert_eq!(machine.sh("cat /var/ran; cat /var/lib/hoist/journal 2>/dev/null || true"), "x\nx\nx\n");
}

// L04
#[test]
fn a_lock_that_was_replaced_is_neither_followed_nor_waited_for() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("echo precious >/etc/precious");
    for (number, replace) in [
        "rm lock",
        "rm lock; ln -s /etc/precious lock",
        "rm lock; ln -s /etc/nothing lock",
        "rm lock; mkfifo lock",
        "rm lock; mkdir -p lock/deep",
        "chown deploy lock",
        "rm lock; echo theirs >lock; chmod 666 lock",
        // An interrupted run is looked for, too.
        "rm lock; mkfifo lock; printf 'run 1 x\\nbegin 0.0 y\\n' >journal",
    ]
    .iter()
    .enumerate()
    {
        machine.sh(&format!("mkdir -p -m 700 /var/lib/hoist; cd /var/lib/hoist; touch lock; {replace}"));
        project.file("roles/test/role.yml", &format!("provision:\n  - copy: {{ dest: /etc/file, content: \"{number}\" }}\n"));
        let run = project.provision();
        assert!(run.stdout.contains("1 changed") || machine.sh("cat /etc/file") == number.to_string(), "{replace}: {run}");
        assert_eq!(
            machine.sh("set -e; cat /etc/precious; test ! -e /etc/nothing; stat -c '%F %U' /var/lib/hoist/lock"),
            "precious\nregular file root\n",
            "{replace}"
        );
    }
}
