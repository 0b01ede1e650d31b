//! The roles supervisor and systemd_app, which take the same programs.

use crate::machine::{Machine, Project};

struct Programs {
    machine: Machine,
    project: Project,
}

impl Programs {
    fn up(manager: &str) -> Option<Self> {
        let machine = Machine::up()?;
        let project = Project::new(&[&machine], "deploy");
        project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [supervisor, systemd_app]\n");
        let programs = Self { machine, project };
        programs.manager(manager);
        Some(programs)
    }

    fn manager(&self, name: &str) {
        self.project.file("group_vars/all.yml", &format!("process_manager: {name}\n"));
    }

    fn given(&self, programs: &str) {
        self.project.file("group_vars/web.yml", &format!("supervisor_programs:\n{programs}"));
    }

    /// A run that fails, with these words.
    fn fails(&self, words: &[&str]) {
        let run = self.project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
        let said = format!("{}{}", run.stdout, run.stderr);
        words.iter().for_each(|words| assert!(said.contains(words), "{words:?} in {run}"));
    }

    /// The process ids of what runs `sleep` for so many seconds.
    fn pids(&self, seconds: &str) -> Vec<String> {
        let found = self.machine.sh(&format!("pgrep -u www-data -f '^/bin/sleep {seconds}' || true"));
        found.lines().map(str::to_string).collect()
    }

    /// A command that is not there, or nothing to run, is told in each run until it is there.
    fn missing_commands(&self) {
        let given = |command: &str| {
            self.given(&format!(
                "  one: {{ command: /bin/sleep 1001, user: www-data }}\n  code: {{ command: {command}, user: www-data, startsecs: 0 }}\n"
            ));
        };
        for (command, made) in [("/opt/nosuch", "ln -s /bin/false /opt/nosuch; rm /opt/nosuch"), ("/opt/plain", "echo x >/opt/plain")] {
            self.machine.sh(made);
            given(command);
            for _ in 0..3 {
                self.fails(&["the program", "code", command, "`code: ~` in `supervisor_programs` removes it"]);
            }
        }
        self.machine.sh("printf '#!/bin/sh\\nexec /bin/sleep 5005\\n' >/opt/plain; chmod 755 /opt/plain");
        self.project.converge();
        assert_eq!((self.pids("1001").len(), self.pids("5005").len()), (1, 1));
    }

    fn broken_is_told_and_put_right(&self) {
        self.given("  one: { command: sh -c 'echo the disk is on fire >&2; exit 3', user: www-data }\n  two: { command: /bin/sleep 2002, user: www-data }\n");
        self.fails(&["the disk is on fire", "one", "does not stay up", "`one: ~` in `supervisor_programs` removes it"]);
        self.fails(&["the disk is on fire"]);
        self.given("  one: { command: /bin/sleep 1001, user: www-data }\n  two: { command: /bin/sleep 2002, user: www-data }\n");
        let two = self.pids("2002");
        self.project.converge();
        assert_eq!((self.pids("1001").len(), self.pids("2002")), (1, two));
        // The program itself comes with a role behind this one: it may be missing at first, and be put right there.
        self.project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [supervisor, systemd_app, code]\n");
        let code = |text: &str| {
            let role = format!(
                "provision:\n  - name: the code is there\n    copy: {{ dest: /usr/local/bin/code, mode: '0755', content: '{text}' }}\n"
            );
            self.project.file("roles/code/role.yml", &role);
        };
        self.given("  one: { command: /bin/sleep 1001, user: www-data }\n  code: { command: /usr/local/bin/code, user: www-data }\n  two: { command: /bin/sleep 2002, user: www-data }\n");
        code("#!/bin/sh\n\necho no such table >&2; exit 1");
        self.fails(&["no such table"]);
        code("#!/bin/sh\n\nexec /bin/sleep 4004");
        self.project.converge();
        assert_eq!(self.pids("4004").len(), 1);
        self.project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [supervisor, systemd_app]\n");
        self.missing_commands();
        self.given("  one: { command: /bin/sleep 1001, user: www-data }\n  code: ~\n  two: { command: /bin/sleep 2002, user: www-data }\n");
        self.project.converge();
        assert_eq!((self.pids("1001").len(), self.pids("4004").len()), (1, 0));
    }
}

#[test]
fn a_program_of_supervisor_that_does_not_stay_up_fails_the_run() {
    let Some(programs) = Programs::up("supervisor") else { return };
    programs.broken_is_told_and_put_right();
    // What somebody stopped by hand is left alone when it did not change, and so is what does not start by itself.
    programs.given(
        "  one: { command: /bin/sleep 1001, user: www-data }\n  idle: { command: /bin/sleep 6006, user: www-data, autostart: false }\n",
    );
    programs.project.converge();
    programs.machine.sh("supervisorctl stop one");
    programs.given(
        "  one: { command: /bin/sleep 1001, user: www-data }\n  idle: { command: /bin/sleep 6007, user: www-data, autostart: false }\n",
    );
    programs.project.converge();
    assert_eq!(programs.machine.sh("supervisorctl status one idle | awk '{ print $1, $2 }'"), "one STOPPED\nidle STOPPED\n");
    programs.given("  idle: ~\n  many: { command: /bin/sleep 300%(process_num)d, user: www-data, numprocs: 2 }\n");
    programs.project.converge();
    assert_eq!((programs.pids("3000").len(), programs.pids("3001").len()), (1, 1));
    // One that fails goes to and fro, and is not up when it is seen in either state.
    programs.machine.sh(
        "cat >/usr/local/bin/supervisorctl <<'END'\n#!/bin/sh\n[ \"$1\" = status ] || exec /usr/bin/supervisorctl \"$@\"\necho >>/run/asked\n\
         if [ $(($(wc -l </run/asked) % 2)) = 0 ]; then state=STARTING; else state=BACKOFF; fi\n\
         /usr/bin/supervisorctl status | sed \"s/^\\(flaps *\\).*/\\1$state Exited too quickly/\"\nEND\nchmod 755 /usr/local/bin/supervisorctl",
    );
    programs.given("  flaps: { command: /bin/sleep 7007, user: www-data }\n");
    programs.fails(&["the program flaps does not stay up: BACKOFF"]);
    programs.machine.sh("rm /usr/local/bin/supervisorctl");
    programs.given("  flaps: ~\n  many: { command: /bin/sleep 300%(process_num)d, user: www-data, numprocs: 2 }\n");
    programs.project.converge();
    // The same programs under systemd: supervisor lets go of them.
    programs.manager("systemd");
    programs.project.converge();
    assert_eq!((programs.pids("3000").len(), programs.pids("3001").len()), (1, 1));
    assert_eq!(
        programs.machine.sh("supervisorctl status | grep many || true; systemctl is-active app-many@0 app-many@1"),
        "active\nactive\n"
    );
    programs.manager("supervisor");
    programs.project.converge();
    assert_eq!((programs.pids("3000").len(), programs.pids("3001").len()), (1, 1));
    assert_eq!(programs.machine.sh("systemctl list-units --all --plain --no-legend 'app-many*'; ls /etc/systemd_app"), "update\n");
}

#[test]
fn a_role_in_the_place_of_the_other_takes_the_programs_over() {
    let Some(programs) = Programs::up("supervisor") else { return };
    programs.project.file("group_vars/all.yml", "");
    let role = |name: &str| programs.project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [{name}]\n"));
    let given = |two: &str| {
        programs.given(&format!(
            "  one: {{ command: /bin/sleep 1001, user: www-data }}\n  two: {{ command: /bin/sleep {two}, user: www-data, numprocs: 2 }}\n\
             supervisor_groups: {{ shop: [one] }}\n"
        ));
    };
    let run = |two: &str| (programs.pids("1001").len(), programs.pids(two).len());
    given("2002");
    role("supervisor");
    programs.project.converge();
    role("systemd_app");
    programs.project.converge();
    assert_eq!(run("2002"), (1, 2));
    assert_eq!(programs.machine.sh("supervisorctl status || true; ls /etc/supervisor/conf.d"), "");
    role("supervisor");
    programs.project.converge();
    assert_eq!(run("2002"), (1, 2));
    assert_eq!(programs.machine.sh("ls /etc/systemd/system /var/lib/systemd_app | grep app- || true; ls /etc/systemd_app"), "update\n");
    // It is started first, and takes its time.
    programs.machine.sh(
        "systemctl stop supervisor; mkdir -p /etc/systemd/system/supervisor.service.d; cd /etc/systemd/system/supervisor.service.d\n\
         printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c \"sleep 5; exec /usr/bin/supervisord -n -c /etc/supervisor/supervisord.conf\"\\n' >slow.conf\n\
         systemctl daemon-reload",
    );
    given("2003");
    programs.project.converge();
    assert_eq!(run("2003"), (1, 2));
    // One that does not run has nothing to let go of.
    programs.machine.sh("systemctl disable -q --now supervisor");
    role("systemd_app");
    programs.project.converge();
    assert_eq!(run("2003"), (1, 2));
}

// S07, U02
#[test]
fn units_restart_when_they_changed_and_stop_when_they_are_gone() {
    let Some(programs) = Programs::up("systemd") else { return };
    programs.given("  two: { command: /bin/sleep 2002, user: www-data }\n");
    programs.project.does_as_planned();
    programs.broken_is_told_and_put_right();
    let (one, two) = (programs.pids("1001"), programs.pids("2002"));
    let values =
        ["100% %s %(x)s", "a; b ;c", "it's", "say \"hi\" twice", "'\"'", "$HOME `id` \\ \\n", "  spaces  ", "two\nlines", "é 🦀", ""];
    let mut text = String::from(
        "  one: { command: /bin/sleep 1001, user: www-data }\n  two:\n    command: /bin/sleep 2002\n    user: www-data\n    numprocs: 3\n    environment:\n",
    );
    for (number, value) in values.iter().enumerate() {
        text += &format!("      V{number}: {}\n", serde_json::to_string(value).expect("a text can be written"));
    }
    programs.given(&text);
    programs.project.converge();
    assert_eq!(programs.pids("1001"), one, "it did not change");
    assert!(programs.pids("2002").len() == 3 && !programs.pids("2002").contains(&two[0]), "it did");
    let shown = programs.machine.sh(&format!("tr '\\0' '\\1' </proc/{}/environ", programs.pids("2002")[0]));
    for (number, value) in values.iter().enumerate() {
        let line = format!("V{number}={value}");
        assert!(shown.split('\u{1}').any(|found| found == line), "{line:?} in {shown:?}");
    }
    assert_eq!(programs.machine.sh("stat -c '%a %U' /etc/systemd_app/two.env"), "600 root\n");
    // A value changes in the environment alone.
    let three = programs.pids("2002");
    programs.given(&text.replace("two\\nlines", "three"));
    programs.project.converge();
    assert_eq!(programs.pids("1001"), one);
    assert!(programs.pids("2002").len() == 3 && programs.pids("2002").iter().all(|pid| !three.contains(pid)));
    // They are there after a boot, and go when they are not wanted any more.
    assert_eq!(programs.machine.sh("systemctl is-enabled app-one@0 app-two@2"), "enabled\nenabled\n");
    programs.given("  one: ~\n  two: { command: /bin/sleep 2002, user: www-data }\n");
    programs.project.converge();
    assert_eq!((programs.pids("1001").len(), programs.pids("2002").len()), (0, 1));
    let left = "ls /etc/systemd_app /var/lib/systemd_app /etc/systemd/system/multi-user.target.wants | grep -e app- -e env";
    assert_eq!(programs.machine.sh(left), "app-two@0.service\ntwo.env\napp-two@0.service\n");
}

// S01, S07
#[test]
fn a_group_restarts_alone_and_a_program_that_supervisor_refuses_changes_nothing() {
    let Some(programs) = Programs::up("supervisor") else { return };
    programs.project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [supervisor]\n");
    let given = |two: &str, last: &str, groups: &str| {
        programs.given(&format!(
            "  one: {{ command: /bin/sleep 1001, user: www-data }}\n  two: {{ {two} }}\n  {last}: {{ command: /bin/sleep 4004, user: www-data }}\n\
             supervisor_exclusive: true\nsupervisor_groups: {{ {groups} }}\n"
        ));
    };
    let status = || programs.machine.sh("supervisorctl status | cut -d ' ' -f 1 | sort | tr '\\n' ' '");
    let first = "command: /bin/sleep 2002, user: www-data, startsecs: 2";
    given(first, "last", "shop: [one, two]");
    programs.project.converge();
    assert_eq!(status(), "last shop:one shop:two ");
    let (one, last) = (programs.pids("1001"), programs.pids("4004"));

    // supervisor knows no way to restart one program of a group; what is not in it goes on.
    given("command: /bin/sleep 2003, user: www-data", "last", "shop: [one, two]");
    programs.project.converge();
    assert_eq!((programs.pids("2003").len(), programs.pids("1001").len()), (1, 1));
    assert_ne!(programs.pids("1001"), one);
    assert_eq!(programs.pids("4004"), last);
    let (one, two) = (programs.pids("1001"), programs.pids("2003"));

    // With such a file it would not start after the next boot.
    let before = programs.machine.sh("cd /etc/supervisor/conf.d; sha256sum *");
    given("command: /bin/sleep 2004, user: nosuch", "other", "shop: [one, two]");
    programs.fails(&["rolled back", "nosuch", "put back: /etc/supervisor/conf.d/two.conf", "put back: /etc/supervisor/conf.d/last.conf"]);
    assert_eq!(programs.machine.sh("cd /etc/supervisor/conf.d; sha256sum *"), before);
    assert_eq!((programs.pids("1001"), programs.pids("2003"), programs.pids("4004")), (one, two, last));
    assert_eq!(status(), "last shop:one shop:two ");

    // A program with a new name stops under its old one, and a group can end.
    given("command: /bin/sleep 2003, user: www-data", "other", "shop: ~");
    let plan = programs.project.hoist(&["plan", "env=test"]);
    assert!(plan.stdout.contains("removes last.conf, a file"), "{plan}");
    programs.project.converge();
    assert_eq!((status().as_str(), programs.pids("4004").len()), ("one other two ", 1));
    // A program of a group that does not stay up is told.
    given("command: sh -c 'echo no disk >&2; exit 3', user: www-data", "other", "shop: [one, two]");
    programs.fails(&["no disk", "the program shop:two does not stay up"]);
    given(first, "other", "shop: [one, two]");
    programs.project.converge();
    programs.machine.sh("systemctl restart supervisor");
    programs.machine.wait_until("[ $(supervisorctl status | grep -c RUNNING) = 3 ]");
    assert_eq!(status(), "other shop:one shop:two ");
}

#[test]
fn units_that_are_not_declared_go_when_told_so() {
    let Some(programs) = Programs::up("systemd") else { return };
    programs.project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [systemd_app]\n");
    programs.project.file("group_vars/all.yml", "supervisor_exclusive: true\n");
    programs
        .given("  old: { command: /bin/sleep 1001, user: www-data, numprocs: 2 }\n  two: { command: /bin/sleep 2002, user: www-data }\n");
    programs.project.converge();
    let two = programs.pids("2002");
    programs.given("  new: { command: /bin/sleep 1001, user: www-data }\n  two: { command: /bin/sleep 2002, user: www-data }\n");
    programs.project.converge();
    assert_eq!((programs.pids("1001").len(), programs.pids("2002")), (1, two));
    let left = "ls /etc/systemd_app /var/lib/systemd_app; ls /etc/systemd/system | grep app-";
    let left = programs.machine.sh(left);
    assert!(!left.contains("old") && left.contains("new.env") && left.contains("app-new@.service"), "{left}");
}
