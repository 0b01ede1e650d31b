//! Other users of a host, and strangers' folders here: what they prepare is neither followed nor run, and they see nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::machine::{Machine, Project, text};

const CANARY: &str = "canary-3c1f9d";

/// Runs hoist with these variables, in this folder.
fn hoist_in(folder: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
    command.args(words).current_dir(folder).envs(variables.iter().copied()).env("XDG_CACHE_HOME", folder.join(".cache"));
    command.stdin(Stdio::null()).output().expect("hoist runs")
}

// A01
#[test]
fn what_stands_in_the_place_of_the_state_folder_is_not_used() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/by-root, content: x }\n");
    machine.sh("install -d -o deploy /home/deploy/trap; touch /home/deploy/trap/theirs; chown deploy /home/deploy/trap/theirs; install -d /home/deploy/roots");
    for (what, make) in [
        ("a folder of somebody else", "install -d -o deploy -m 777 /var/lib/hoist"),
        ("a link to a folder of somebody else", "ln -s /home/deploy/trap /var/lib/hoist"),
        // Whoever made the link chose the folder of root that it leads to.
        ("a link to a folder of root", "ln -s /home/deploy/roots /var/lib/hoist"),
        ("a link into nothing", "ln -s /home/deploy/nothing /var/lib/hoist"),
        ("a pipe", "mkfifo -m 666 /var/lib/hoist"),
        ("a file", "echo theirs >/var/lib/hoist"),
    ] {
        machine.sh(&format!("rm -rf /var/lib/hoist; {make}"));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{what}: {run}");
        assert!(run.stdout.contains("/var/lib/hoist") && run.stdout.contains("folder of root"), "{what}: {run}");
        machine.sh("set -e; test ! -e /etc/by-root; test \"$(ls -A /home/deploy/trap)\" = theirs; test -z \"$(ls -A /home/deploy/roots)\"; test ! -e /home/deploy/nothing");
    }
    machine.sh("rm -f /var/lib/hoist");
    project.converge();
    // Below it only root can be at work; a link there is not followed for all that.
    machine.sh("echo precious >/etc/precious; rm -rf /var/lib/hoist/lock; ln -s /etc/precious /var/lib/hoist/lock; ln -s /etc /var/lib/hoist/stage");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/by-root, content: y }\n");
    project.converge();
    assert_eq!(
        machine.sh("set -e; cat /etc/precious; test -f /etc/passwd; test ! -L /var/lib/hoist/lock; stat -c '%U %a' /var/lib/hoist"),
        "precious\nroot 700\n"
    );
}

// A03, V02
#[test]
fn another_user_who_reads_all_he_can_finds_no_secret() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    let role = "inputs: { word: { type: string } }\nprovision:\n  - copy: { dest: /etc/secret, content: \"{{ word }}\", mode: \"0600\" }\n  \
                - shell: { cmd: 'printf %s \"$WORD\" >/home/admin/secret; sleep 1', creates: /home/admin/secret }\n    become_user: admin\n    environment: { WORD: \"{{ word }}\" }\n  \
                - template: { src: t, dest: /home/admin/config, owner: admin, mode: \"0600\" }\n  - shell: { cmd: 'chmod 600 /home/admin/secret; sleep 1', always: true }\n";
    project.file("roles/test/role.yml", role);
    project.file("templates/test/t", "password = {{ word }}\n");
    project.file("group_vars/web.yml", &format!("word: {CANARY}\n"));
    machine.sh("chmod 755 /home/admin");
    // What a nobody can read, over and over: files that are new since the beginning, arguments and environments.
    machine.sh("cat >/run/look <<'EOF'\n\
                round() {\n\
                  find /etc /home /tmp /var/tmp /var/lib /run /dev/shm -newer /run/look -type f -readable 2>/dev/null |\n\
                    while read -r f; do grep -l canary- \"$f\" 2>/dev/null; done\n\
                  grep -la canary- /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null\n\
                  echo round\n\
                }\n\
                while [ ! -e /run/enough ]; do round; done\n\
                round; echo watched\nEOF\nrm -f /run/enough");
    let watch = |project: &Project| {
        machine.sh("rm -f /run/enough /run/found; install -o nobody -m 600 /dev/null /run/found; systemd-run -q --uid=nobody --unit=look-$$ -p StandardOutput=append:/run/found sh /run/look");
        machine.wait_until("grep -q round /run/found");
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 0, "{run}");
        // One more round, for what was there only at the end.
        machine.sh("touch /run/enough");
        machine.wait_until("grep -qx watched /run/found");
        machine.sh("cat /run/found")
    };
    // A new file is not its owner's yet while it is summed up: that takes long enough to be seen.
    machine
        .sh("printf '#!/bin/sh\nsleep 1\nexec /usr/bin/sha256sum \"$@\"\n' >/usr/local/bin/sha256sum; chmod 755 /usr/local/bin/sha256sum");
    let found = watch(&project);
    assert!(found.contains("round"), "nobody looked");
    machine.sh("rm /usr/local/bin/sha256sum");
    let found: Vec<&str> = found.lines().filter(|line| !["round", "watched"].contains(line) && *line != "/home/admin/secret").collect();
    assert!(found.is_empty(), "{found:?}");
    // The same watcher does find what is left open.
    project.file("roles/test/role.yml", &role.replace("mode: \"0600\"", "mode: \"0644\""));
    machine.sh("rm -f /home/admin/secret");
    assert!(watch(&project).contains("/etc/secret"));
}

// A05
#[test]
fn a_second_name_of_a_file_of_root_is_not_given_away() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("install -d -o deploy /srv/app/deep; echo x >/srv/app/deep/own; ln /etc/shadow /srv/app/deep/shadow; ln -s /etc/passwd /srv/app/deep/link");
    let before = machine.sh("stat -c '%U %G %a' /etc/shadow /etc/passwd");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - file: { path: /srv/app, state: directory, owner: deploy, group: deploy, mode: \"u=rwX,g=rwX,o=rX\", recurse: true }\n",
    );
    project.converge();
    assert_eq!(machine.sh("stat -c '%U %G %a' /etc/shadow /etc/passwd"), before);
    assert_eq!(machine.sh("stat -c '%U %G %a' /srv/app/deep/own"), "deploy deploy 664\n");
}

// A10
#[test]
fn a_run_leaves_nothing_behind_but_its_state_folder() {
    let Some(machine) = Machine::up() else { return };
    machine.booted();
    let snapshot = || {
        machine.sh("ss -Hltnup | awk '{ print $1, $5 }' | sort; find / -xdev \\( -perm -4000 -o -perm -2000 \\) -type f | sort; \
                    cat /etc/sudoers /etc/sudoers.d/* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /etc/crontab /etc/cron.*/* /var/spool/cron/crontabs/* 2>/dev/null | sha256sum; \
                    ls /etc/systemd/system /var/spool/cron/crontabs /tmp /var/tmp /dev/shm /home/deploy /root -A; cut -d: -f1,3,6,7 /etc/passwd; pgrep -c -f '[w]hile read -r n' || true")
    };
    let before = snapshot();
    for user in ["root", "deploy"] {
        let project = Project::new(&[&machine], user);
        project.file("roles/test/role.yml", &format!("provision:\n  - copy: {{ dest: /etc/by-{user}, content: x }}\n    notify: told\n  - shell: {{ cmd: 'true', always: true }}\n    become_user: admin\nhandlers:\n  - name: told\n    shell: {{ cmd: 'true', always: true }}\n"));
        project.provision();
        project.hoist(&["plan", "env=test"]);
        project.hoist(&["ping", "env=test"]);
    }
    assert_eq!(snapshot(), before);
    assert_eq!(machine.sh("ls -A /var/lib/hoist; stat -c '%U %a' /var/lib/hoist"), "history.log\nlock\npending\nroot 700\n");
}

/// A user who owns the folder replaces every new file in it by a link, as fast as he can.
const RACER: &str = "import os,sys\n\
                     folder, victim = sys.argv[1:3]\n\
                     os.chdir(folder)\n\
                     while not os.path.exists('/run/enough'):\n\
                     \x20   for name in os.listdir('.'):\n\
                     \x20       if name.startswith('.hoist'):\n\
                     \x20           try:\n\
                     \x20               os.unlink(name); os.symlink(victim, name)\n\
                     \x20               open('/home/deploy/tried', 'a').write('x')\n\
                     \x20           except OSError: pass\n";

// A02
#[test]
fn a_link_in_the_place_of_a_new_file_leads_root_nowhere() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("install -d -o deploy -m 777 /srv/app; echo precious >/etc/precious; chmod 600 /etc/precious");
    machine
        .sh(&format!("cat >/run/racer.py <<'EOF'\n{RACER}EOF\nsystemd-run -q --uid=deploy python3 /run/racer.py /srv/app /etc/precious"));
    for round in 0..12 {
        let tasks: String = (0..10)
            .map(|n| format!("  - copy: {{ dest: /srv/app/f{n}, content: \"{round} {n}\", owner: deploy, mode: \"0666\" }}\n"))
            .collect();
        project.file("roles/test/role.yml", &format!("provision:\n{tasks}"));
        project.hoist(&["provision", "env=test", "--yes"]);
    }
    machine.sh("touch /run/enough");
    assert_eq!(machine.sh("cat /etc/precious; stat -c '%U %a' /etc/precious"), "precious\nroot 600\n");
    let tried = machine.sh("wc -c </home/deploy/tried");
    assert!(tried.trim().parse::<usize>().is_ok_and(|tried| tried > 3), "the racer was too slow: {tried}");
}

// A07
#[test]
fn programs_in_the_folder_it_is_started_in_are_not_run() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let folder = project.folder.path();
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/x, content: x }\n");
    for name in ["ssh", "ssh-keygen", "git", "sh", "age", "age-plugin-x", "hoist", "python3"] {
        project.file(name, &format!("#!/bin/sh\necho {name} >>{}/ran\nexit 1\n", folder.display()));
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).expect("writable");
    }
    let path = format!(".::{}:", std::env::var("PATH").expect("a path"));
    for connection in ["ssh", "openssh"] {
        project.file("group_vars/web.yml", &format!("ansible_connection: {connection}\n"));
        let output = hoist_in(folder, &[("PATH", &path)], &["provision", "env=test", "--yes"]);
        assert!(output.status.success(), "{connection}: {}{}", text(&output.stdout), text(&output.stderr));
    }
    // A plugin that a recipient names is not looked for anywhere.
    project.file("environments/test/recipients.txt", "age1x1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\n");
    let output = hoist_in(folder, &[("PATH", &path)], &["secrets", "set", "env=test", "word=x"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!folder.join("ran").exists(), "{}", fs::read_to_string(folder.join("ran")).unwrap_or_default());
}
