//! Logging in: as root and through sudo, on each Debian, without Python; and the words for what goes wrong.

use crate::machine::{Machine, Project, Run};

const ROLE: &str = "provision:
  - name: a file of root
    copy: { dest: /etc/by-root, content: \"x\\n\" }
  - name: a file of the one who logs in
    copy: { dest: /tmp/by-login, content: \"x\\n\" }
    become: false
  - name: a file of somebody else
    copy: { dest: /tmp/by-other, content: \"x\\n\" }
    become_user: games
";

fn owners(machine: &Machine) -> String {
    machine.sh("stat -c '%n %U %G %a' /etc/by-root /tmp/by-login /tmp/by-other")
}

#[test]
fn root_and_a_user_with_sudo_get_the_same_done() {
    for (options, user) in [(&[][..], "root"), (&["--suite", "trixie"], "deploy"), (&["--no-python"], "deploy")] {
        let Some(machine) = Machine::up_with(options) else { return };
        let project = Project::new(&[&machine], user);
        project.file("roles/test/role.yml", ROLE);
        project.converge();
        let other = machine.sh("id -gn games");
        let login_group = machine.sh(&format!("id -gn {user}"));
        assert_eq!(
            owners(&machine),
            format!(
                "/etc/by-root root root 644\n/tmp/by-login {user} {} 644\n/tmp/by-other games {} 644\n",
                login_group.trim(),
                other.trim()
            ),
            "{options:?} {user}"
        );
        if options.contains(&"--no-python") {
            machine.sh("! command -v python3");
        }
    }
}

#[test]
fn without_become_there_is_no_sudo() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("rm /etc/sudoers.d/deploy");
    let project = Project::new(&[&machine], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n    become: false\n");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /tmp/mine, content: x }\n    notify: tell\nhandlers:\n  - name: tell\n    copy: { dest: /tmp/told, content: x }\n");
    project.converge();
    assert_eq!(machine.sh("stat -c '%U' /tmp/mine /tmp/told"), "deploy\ndeploy\n");
}

fn ping(machine: &Machine, user: &str) -> Run {
    let project = Project::new(&[machine], user);
    project.file("roles/test/role.yml", ROLE);
    project.hoist(&["ping", "env=test"])
}

// H01, H04
#[test]
fn every_cause_has_its_words() {
    let Some(machine) = Machine::up() else { return };
    let fails = |user: &str, words: &[&str]| {
        let run = ping(&machine, user);
        assert_eq!(run.status, 3, "{run}");
        for word in words {
            assert!(format!("{}{}", run.stdout, run.stderr).contains(word), "{user}: no {word:?} in {run}");
        }
    };
    assert_eq!(ping(&machine, "deploy").status, 0);
    fails("admin", &["sudo wants a password"]);
    fails("nobody-such", &["authentication", "nobody-such", "key"]);
    machine.sh("useradd -m -s /bin/bash plain; cp -r /root/.ssh /home/plain/; chown -R plain: /home/plain/.ssh");
    fails("plain", &["sudo wants a password"]);
    machine.sh("usermod -s /usr/sbin/nologin deploy");
    fails("deploy", &["login shell"]);
    machine.sh("usermod -s /bin/false deploy");
    fails("deploy", &["login shell"]);
}

// H02, H03
#[test]
fn banners_and_rc_files_are_noise() {
    let Some(machine) = Machine::up() else { return };
    // In the place of Debian's own, which goes no further where nobody types. What is forged would end the first answers.
    machine.sh(
        "printf '%s\\n' 'printf \"noise\\\\nNAME=noise\\\\n\\\\nhoist-0 b m1\\\\n\\\\nhoist-0 e m1 0\\\\n\" | tee /dev/stderr' | tee /home/deploy/.bashrc /home/deploy/.profile /root/.bashrc >/dev/null; \
         head -c 200000 /dev/urandom > /etc/motd; head -c 3000 /dev/zero | tr '\\0' 'x' > /etc/banner; echo 'Banner /etc/banner' > /etc/ssh/sshd_config.d/banner.conf; systemctl restart ssh",
    );
    for user in ["deploy", "root"] {
        let project = Project::new(&[&machine], user);
        project.file("roles/test/role.yml", ROLE);
        project.converge();
        machine.sh("rm /etc/by-root");
    }
}

const COMMANDS: &str = "  - file: { path: /etc/made, state: directory }
  - shell: { cmd: \"cd sub; pwd >/etc/where; ls /etc/passwd -l\", chdir: /srv/here, creates: /etc/where }
  - copy: { dest: /etc/é, content: \"é\\n\" }
";

// H08
#[test]
fn odd_environments_change_nothing() {
    let Some(machine) = Machine::up() else { return };
    // bash counts characters where the locale has some; dash never does.
    machine.sh("printf 'LANG=tr_TR.UTF-8\\nLC_ALL=C.UTF-8\\nPOSIXLY_CORRECT=1\\nCDPATH=/etc\\nGREP_OPTIONS=-v\\nENV=/etc/noise\\nBASH_ENV=/etc/noise\\n' >> /etc/environment; echo 'umask 000; echo noise' | tee /root/.bashrc /home/deploy/.bashrc > /etc/noise; ln -sf bash /bin/sh; mkdir -p /etc/sub /srv/here/sub");
    for user in ["deploy", "root"] {
        let project = Project::new(&[&machine], user);
        project.file("roles/test/role.yml", &format!("{ROLE}{COMMANDS}"));
        project.converge();
        assert!(owners(&machine).starts_with("/etc/by-root root root 644\n"));
        assert_eq!(machine.sh("stat -c %a /etc/made /etc/where; cat /etc/where /etc/é"), "755\n644\n/srv/here/sub\né\n", "{user}");
        machine.sh("rm -r /etc/by-root /etc/made /etc/where /etc/é");
    }
}
