//! Hosts that are set up oddly, packages and services that misbehave.

use crate::machine::{Machine, Project};

// H05, H06
#[test]
fn temporary_folders_that_run_nothing_and_a_third_user_are_no_trouble() {
    let Some(machine) = Machine::up() else { return };
    machine.sh("for d in /tmp /var/tmp /dev/shm /home; do mount --bind $d $d; mount -o remount,bind,noexec,nodev,nosuid $d; done; chmod 755 /home/admin\n\
                echo 'TMPDIR=/nowhere' >>/etc/environment; echo 'export TMPDIR=/nowhere' >/etc/profile.d/tmp.sh; echo 'AcceptEnv *' >/etc/ssh/sshd_config.d/env.conf\n\
                printf '#!/bin/sh\\ntrue\\n' >/home/deploy/x; chmod +x /home/deploy/x; ! /home/deploy/x 2>/dev/null");
    machine.booted();
    let temporary = || machine.sh("ls -A /tmp /var/tmp /dev/shm");
    let before = temporary();
    // Neither the user that logs in nor root, and not one that may do what the former may.
    let project = Project::new(&[&machine], "deploy");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - copy: { dest: /etc/root, content: x }\n  - copy: { dest: /home/admin/file, content: \"secret\\n\", mode: \"0600\" }\n    become_user: admin\n  \
         - shell: { cmd: 'id -un >/home/admin/who; umask >>/home/admin/who', creates: /home/admin/who }\n    become_user: admin\n  - template: { src: t, dest: /home/admin/t }\n    become_user: admin\n",
    );
    project.file("templates/test/t", "t\n");
    project.converge();
    assert_eq!(
        machine.sh("stat -c '%U %G %a' /etc/root /home/admin/file /home/admin/t; cat /home/admin/who"),
        "root root 644\nadmin admin 600\nadmin admin 644\nadmin\n0022\n"
    );
    assert_eq!(temporary(), before);
    // Closed, also to root.
    machine.sh("for d in /tmp /var/tmp /dev/shm; do chmod 000 $d; mount -o remount,bind,ro $d; ! touch $d/x 2>/dev/null || exit 1; done");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - copy: { dest: /etc/root, content: y }\n  - copy: { dest: /home/admin/file, content: \"other\\n\", mode: \"0600\" }\n    become_user: admin\n  \
         - shell: { cmd: 'id -un >/home/admin/again', creates: /home/admin/again }\n    become_user: admin\n",
    );
    project.converge();
    assert_eq!(machine.sh("cat /etc/root /home/admin/file /home/admin/again"), "yother\nadmin\n");
}

// H12
#[test]
fn without_systemd_files_work_and_services_say_why_not() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let role = "provision:\n  - copy: { dest: /etc/one, content: x }\n  - name: the service\n    service: { name: cron, state: started }\n";
    machine.sh("mv /usr/bin/systemctl /usr/bin/systemctl.away");
    project.file("roles/test/role.yml", role);
    let missing = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(missing.status, 3, "{missing}");
    assert!(missing.stdout.contains("systemctl") || missing.stdout.contains("systemd"), "{missing}");
    // It is there, but no systemd is.
    machine.sh("printf '#!/bin/sh\\necho \"System has not been booted with systemd as init system (PID 1). Can'\"'\"'t operate.\" >&2\\nexit 1\\n' >/usr/bin/systemctl; chmod +x /usr/bin/systemctl");
    let dead = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(dead.status, 3, "{dead}");
    assert!(dead.stdout.contains("systemd"), "{dead}");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/one, content: x }\n");
    project.converge();
    // It hangs: while looking, and while something is done.
    machine.sh("printf '#!/bin/sh\\nsleep 1000\\n' >/usr/bin/systemctl");
    project
        .file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\nsettings: { probe_timeout: 3, step_timeout: 3, host_timeout: 6 }\n");
    project.file("roles/test/role.yml", role);
    let output = std::process::Command::new("timeout")
        .args(["300", env!("CARGO_BIN_EXE_hoist"), "provision", "env=test", "--yes"])
        .current_dir(project.folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("timeout runs");
    let said = crate::machine::text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("longer than") || said.contains("systemctl"), "{said}");
    machine.wait_until("! pgrep -x sleep >/dev/null");
}

// H21
#[test]
fn a_package_that_asks_or_fails_hangs_nothing() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    // A repository on the host's own disk: `asks` has a configuration file that changes, and a question; `fails` fails.
    machine.sh(r#"mkdir -p /repo && cd /repo
        build() { # NAME VERSION
          mkdir -p b/DEBIAN b/etc; printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' $1 $2 >b/DEBIAN/control
          echo "$2" >b/etc/$1.conf; echo /etc/$1.conf >b/DEBIAN/conffiles
          printf '#!/bin/sh\nread answer; echo "$answer" >/run/answer-%s\ncase %s in fails) echo "postinst: the disk is made of cheese" >&2; exit 1;; esac\n' $1 $1 >b/DEBIAN/postinst
          chmod 755 b/DEBIAN/postinst; dpkg-deb -Zgzip -b b $1_$2.deb >/dev/null; rm -rf b
        }
        build asks 1; build fails 1
        dpkg -i asks_1.deb </dev/null >/dev/null; echo mine >/etc/asks.conf
        build asks 2
        index() { for f in *.deb; do dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"; echo "SHA256: $(sha256sum <$f | cut -c1-64)"; echo; done >Packages; }
        index; echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list.d/repo.list; apt-get update -qq"#);
    project.file("roles/test/role.yml", "provision:\n  - package: { name: asks, state: latest }\n");
    project.converge();
    assert_eq!(
        machine.sh("dpkg-query -W -f '${Version}\\n' asks; cat /etc/asks.conf; cat /run/answer-asks"),
        "2\nmine\n\n",
        "the new version, and the file as it was edited"
    );
    project.file("roles/test/role.yml", "provision:\n  - package: { name: fails }\n  - copy: { dest: /etc/after, content: x }\n");
    let failed = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(failed.status, 3, "{failed}");
    assert!(failed.stdout.contains("made of cheese"), "{failed}");
    machine.sh("test ! -e /etc/after");
    // It is not taken for installed afterwards, either.
    let again = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(again.status, 3, "{again}");
    machine.sh("sed -i 's/exit 1/exit 0/' /var/lib/dpkg/info/fails.postinst");
    project.converge();
    assert_eq!(machine.sh("dpkg --audit; cat /etc/after"), "x");
}

// S02, S05
#[test]
fn a_service_that_dies_at_its_start_or_flaps_is_a_failure() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    let unit = |service: &str| {
        format!(
            "provision:\n  - copy: {{ dest: /etc/systemd/system/shop.service, content: \"[Service]\\n{service}\\n\" }}\n    notify: restart\n  - service: {{ name: shop, state: started }}\n\
             handlers:\n  - name: restart\n    service: {{ name: shop, state: restarted }}\n"
        )
    };
    for (what, service) in [
        ("dies at once", "ExecStart=/bin/sh -c 'echo no luck | tr a-z A-Z; exit 4'"),
        ("dies a moment later", "ExecStart=/bin/sh -c 'echo no luck | tr a-z A-Z; sleep 0.2; exit 4'"),
        ("flaps", "ExecStart=/bin/sh -c 'echo no luck | tr a-z A-Z; exit 4'\\nRestart=always\\nRestartSec=100ms"),
        ("flaps slowly", "ExecStart=/bin/sh -c 'echo no luck | tr a-z A-Z; sleep 0.2; exit 4'\\nRestart=always\\nRestartSec=50ms"),
        ("is not there", "ExecStart=/no/such/program"),
    ] {
        machine.sh("systemctl stop shop 2>/dev/null; rm -f /etc/systemd/system/shop.service; systemctl daemon-reload; systemctl reset-failed; rm -rf /var/lib/hoist");
        project.file("roles/test/role.yml", &unit(service));
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{what}: {run}");
        assert!(run.stdout.contains("did not come up and stay up"), "{what}: {run}");
        assert!(what == "is not there" || run.stdout.contains("NO LUCK"), "{what}: {run}");
    }
    project.file("roles/test/role.yml", &unit("ExecStart=/bin/sleep 1000"));
    project.converge();
    // A good one that is broken by the next run: it is said, and the next run does not take it for done.
    project.file("roles/test/role.yml", &unit("ExecStart=/bin/false"));
    for _ in 0..2 {
        let run = project.hoist(&["provision", "env=test", "--yes"]);
        assert_eq!(run.status, 3, "{run}");
    }
}

// A10
#[test]
fn a_folder_is_purged_of_any_name_but_one_that_cannot_be_shown() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - name: nothing else is there\n    file: { path: /srv/jobs, state: directory, purge: true, keep: [kept, \"a 'kept' one\", --] }\n",
    );
    machine.sh(
        "mkdir -p /srv/jobs/folder/deep /srv/away; cd /srv/jobs; echo x >/srv/away/file; touch kept \"a 'kept' one\" ./-- folder/deep/file\n\
         touch ./-rf '$(reboot)' 'a  b' \"it's\" '*' .hidden é '\\'; mkfifo pipe; ln -s /srv/away link; ln -s '/nowhere; x' broken",
    );
    let plan = project.hoist(&["plan", "env=test"]);
    for words in ["removes -rf, a file", "removes $(reboot), a file", "removes link, a link to /srv/away", "removes folder, a directory"] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    project.converge();
    assert_eq!(machine.sh("cd /srv/jobs; ls -A; ls /srv/away"), "--\na 'kept' one\nkept\nfile\n");
    machine.sh("cd /srv/jobs; touch \"$(printf 'a\\nb')\" stray");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("`/srv/jobs` holds a name that hoist does not touch: `a\\nb`"), "{run}");
    machine.sh("test -e /srv/jobs/stray");
}
