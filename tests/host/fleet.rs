//! Many hosts side by side; one that is dead stops alone.

use crate::machine::{Machine, Project};

// N01
#[test]
fn twenty_hosts_of_which_one_is_dead() {
    let Some(first) = Machine::up() else { return };
    let mut machines = vec![first];
    machines.extend((1..20).filter_map(|_| Machine::up()));
    let all: Vec<&Machine> = machines.iter().collect();
    let project = Project::new(&all, "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/here, content: \"{{ inventory_hostname }}\\n\" }\n");
    let dead = &machines[7];
    crate::machine::testhost(&["net", &dead.name, "cut"]).expect("the line is cut");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\nsettings: { connect_timeout: 20 }\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains(&dead.name) && said.contains("unreachable"), "{run}");
    for machine in machines.iter().filter(|machine| machine.name != dead.name) {
        assert_eq!(machine.sh("cat /etc/here"), format!("{}\n", machine.name));
    }
    crate::machine::testhost(&["net", &dead.name, "heal"]).expect("the line is healed");
    project.converge();
    assert_eq!(dead.sh("cat /etc/here"), format!("{}\n", dead.name));
}
