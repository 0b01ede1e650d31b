//! The built-in roles on a real host: what they promise beyond the text of their files.

use crate::machine::{Machine, Project};

fn project(machine: &Machine, roles: &str) -> Project {
    let project = Project::new(&[machine], "deploy");
    project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [{roles}]\n"));
    project
}

fn pids(machine: &Machine) -> Vec<String> {
    machine.sh("for p in one two; do supervisorctl pid $p; done").lines().map(str::to_string).collect()
}

// S07
#[test]
fn only_the_changed_program_restarts_and_a_removed_one_stops() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "supervisor");
    let programs = |one: &str| {
        let text = format!("supervisor_programs:\n  one: {one}\n  two: {{ command: /bin/sleep 2002, user: www-data }}\n");
        project.file("group_vars/web.yml", &text);
        project.converge();
    };
    programs("{ command: /bin/sleep 1001, user: www-data }");
    let before = pids(&machine);
    assert_eq!(machine.sh("ps -o user= -p $(supervisorctl pid one)"), "www-data\n");
    programs("{ command: /bin/sleep 1001, user: www-data, environment: { MODE: live } }");
    let after = pids(&machine);
    assert_ne!(before[0], after[0], "the changed one restarted");
    assert_eq!(before[1], after[1], "the other one did not");
    programs("~");
    assert_eq!(machine.sh("pgrep -f '^/bin/sleep' | tr '\\n' ' '; ls /etc/supervisor/conf.d"), format!("{} two.conf\n", before[1]));
}

#[test]
fn values_in_the_environment_of_a_program_arrive_as_they_are() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "supervisor");
    let values = [
        "100% %s %(x)s",
        "a; b ;c",
        "a #b #",
        "it's",
        "say \"hi\" twice",
        "$HOME `id` \\ \\n",
        "  spaces  ",
        "a,b=c",
        "",
        "é 🦀",
        "a\t;tab\t#",
    ];
    let mut text = String::from(
        "supervisor_programs:\n  show:\n    user: root\n    startsecs: 0\n    command: sh -c 'true ; env -0 > /tmp/shown'\n    environment:\n",
    );
    for (number, value) in values.iter().enumerate() {
        text += &format!("      V{number}: {}\n", serde_json::to_string(value).expect("a text can be written"));
    }
    project.file("group_vars/web.yml", &text);
    project.converge();
    let shown = machine.sh("for i in 1 2 3 4 5; do test -s /tmp/shown && break; sleep 1; done; cat /tmp/shown");
    for (number, value) in values.iter().enumerate() {
        let line = format!("V{number}={value}");
        assert!(shown.split('\0').any(|found| found == line), "{line:?} in {shown:?}");
    }
}

#[test]
fn sites_are_served_taken_away_and_a_broken_one_is_not_loaded() {
    let Some(machine) = Machine::up() else { return };
    let project = project(&machine, "nginx");
    machine.sh("mkdir -p /srv/a /srv/b; echo page a > /srv/a/index.html; echo page b > /srv/b/index.html");
    let both =
        "nginx_sites:\n  a: { server_name: a.test, root: /srv/a }\n  b: { server_name: b.test, root: /srv/b, default_server: true }\n";
    let get = |name: &str| machine.sh(&format!("curl -sS -H 'Host: {name}' http://127.0.0.1/"));
    project.file("group_vars/web.yml", both);
    project.converge();
    assert_eq!((get("a.test"), get("b.test"), get("else.test")), ("page a\n".into(), "page b\n".into(), "page b\n".into()));
    project.file("group_vars/web.yml", &both.replace("{ server_name: a.test, root: /srv/a }", "~"));
    project.converge();
    assert_eq!(get("a.test"), "page b\n");
    assert_eq!(
        machine.sh("ls /etc/nginx/sites-available /etc/nginx/sites-enabled"),
        "/etc/nginx/sites-available:\nb.conf\ndefault\n\n/etc/nginx/sites-enabled:\nb.conf\n"
    );
    project.file("group_vars/web.yml", &both.replace("root: /srv/a", "root: /srv/a, locations: { /x: { proxy_pas: nowhere } }"));
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(format!("{}{}", run.stdout, run.stderr).contains("unknown directive \"proxy_pas\""), "nginx's own words are shown: {run}");
    assert_eq!(get("b.test"), "page b\n", "nginx goes on with what it had");
    // The reload is still due, and fails as long as the site is broken; that must not stop the run that repairs it.
    project.file("group_vars/web.yml", both);
    project.converge();
    assert_eq!(get("a.test"), "page a\n");
}
