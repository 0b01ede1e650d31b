//! `run_once`: one host does it for all of its play.

use crate::machine::{Machine, Project};

const ROLE: &str = "provision:
  - name: before
    copy: { dest: /etc/before, content: \"1\\n\" }
  - name: the schema is there
    shell: { cmd: \"sleep 1; test ! -e /etc/bad || exit 1; touch /etc/migrated; date +%s%N > /etc/when-migrated\", unless: test -e /etc/migrated }
    run_once: true
  - name: after
    shell: { cmd: date +%s%N > /etc/when-after, creates: /etc/when-after }
";

fn three() -> Option<[Machine; 3]> {
    let first = Machine::up()?;
    Some([first, Machine::up().expect("a second host"), Machine::up().expect("a third host")])
}

#[test]
fn the_first_host_does_it_and_the_others_wait_for_it() {
    let Some(machines) = three() else { return };
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    project.file("roles/test/role.yml", ROLE);
    let plan = project.hoist(&["plan", "env=test"]);
    assert_eq!(plan.stdout.matches("the schema is there").count(), 1, "{plan}");
    let run = project.converge();
    machines[0].sh("test -e /etc/migrated");
    let migrated: u128 = machines[0].sh("cat /etc/when-migrated").trim().parse().expect("a number");
    for other in &machines[1..] {
        other.sh("test ! -e /etc/migrated");
        let after: u128 = other.sh("cat /etc/when-after").trim().parse().expect("a number");
        assert!(after > migrated, "the others wait: {run}");
    }
    // With less threads than hosts, and nothing else to do for those that wait.
    machines[0].sh("rm /etc/migrated");
    let run = project.hoist(&["provision", "env=test", "--yes", "--forks", "1"]);
    assert_eq!(run.status, 0, "{run}");
    machines[0].sh("test -e /etc/migrated");
    machines[1].sh("test ! -e /etc/migrated");
}

#[test]
fn when_the_first_host_fails_before_it_the_next_one_does_it() {
    let Some(machines) = three() else { return };
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    let before = "provision:\n  - name: first of all\n    command: { cmd: test ! -e /etc/bad, always: true }\n";
    project.file("roles/test/role.yml", &ROLE.replace("provision:\n", before));
    machines[0].sh("touch /etc/bad");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    let did = machines.iter().map(|machine| machine.sh("test -e /etc/migrated && echo yes || echo no"));
    assert_eq!(did.filter(|said| said == "yes\n").count(), 1, "one of the others did it: {run}");
    machines[0].sh("test ! -e /etc/migrated && test ! -e /etc/when-after");
    machines[1].sh("test -e /etc/when-after");
    machines[2].sh("test -e /etc/when-after");
}

#[test]
fn what_failed_on_the_first_host_is_not_done_on_the_next_one() {
    let Some(machines) = three() else { return };
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    project.file("roles/test/role.yml", ROLE);
    machines[0].sh("touch /etc/bad");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    let why = format!("`the schema is there` is done once for all hosts, and failed on {}", machines[0].name);
    assert!(run.stdout.contains(&why), "{run}");
    for machine in &machines {
        machine.sh("test -e /etc/before && test ! -e /etc/migrated && test ! -e /etc/when-after");
    }
}

#[test]
fn in_a_rolling_play_it_is_done_once_in_all_batches() {
    let Some(machines) = three() else { return };
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n    serial: 1\n    order: reverse_inventory\n");
    project.file("roles/test/role.yml", ROLE);
    project.provision();
    machines[2].sh("test -e /etc/migrated");
    machines[0].sh("test ! -e /etc/migrated");
    machines[1].sh("test ! -e /etc/migrated");
}
