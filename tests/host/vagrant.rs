//! `hoist vagrant` with tests/vagrant/vagrant, which stands in for Vagrant and answers with a test host. Real machines of
//! Vagrant are not booted here.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{Machine, Project, Run, key, text};

fn hoist(project: &Project, machine: &Machine, words: &[&str]) -> Run {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let path = format!("{}:{}", tests.join("vagrant").display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(words)
        .current_dir(project.folder.path())
        .env("PATH", path)
        .env("TESTHOST", tests.join("testhost/testhost"))
        .env("TESTHOST_KEY", key())
        .env("STAND_IN_HOST", &machine.name)
        .env("STAND_IN_LOG", project.folder.path().join("log"))
        .stdin(Stdio::null())
        .output()
        .expect("hoist runs");
    Run { status: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn with_a_stand_in_for_vagrant_a_machine_comes_is_provisioned_goes_and_comes_anew() {
    let Some(machine) = Machine::later() else { return };
    let project = Project { folder: tempfile::tempdir().expect("a folder") };
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [test]\n");
    project.file("roles/test/role.yml", "provision:\n  - copy: { dest: /etc/motd, content: \"{{ inventory_hostname }}\\n\" }\n");
    project.file("environments/test/hosts", "[web]\nbookworm\ntrixie\n");
    project.file("vagrant/Vagrantfile", "");
    project.file("environments/test/known_hosts", "# a line of its own\n");
    let read = |path: &str| std::fs::read_to_string(project.folder.path().join(path)).unwrap_or_default();
    let run = |words: &[&str]| hoist(&project, &machine, &[&["vagrant"], words].concat());

    let none = run(&["provision", "--yes"]);
    assert_eq!(none.status, 1, "{none}");
    assert!(none.stderr.contains("no machine of vagrant/Vagrantfile runs"), "{none}");
    // The second time it is another machine, with other keys, at the same or another address.
    for _ in 0..2 {
        let up = run(&["up"]);
        assert_eq!(up.status, 0, "{up}");
        assert!(up.stdout.contains("bookworm is up"), "{up}");
        assert!(read("environments/test/host_vars/bookworm.yml").contains("ansible_user: \"deploy\""));
        let first = run(&["provision", "--yes"]);
        assert_eq!(first.status, 0, "only the machine that runs is meant: {first}");
        let second = run(&["provision", "--yes"]);
        assert!(second.stdout.contains("0 changes"), "{second}");
        assert_eq!(machine.sh("cat /etc/motd"), "bookworm\n");
        let ssh = run(&["ssh", "bookworm"]);
        assert_eq!((ssh.status, ssh.stdout.trim()), (0, machine.name.as_str()), "{ssh}");
        let destroy = run(&["destroy", "--yes"]);
        assert_eq!(destroy.status, 0, "{destroy}");
        assert_eq!(read("environments/test/known_hosts"), "# a line of its own\n");
        assert!(!project.folder.path().join("environments/test/host_vars/bookworm.yml").exists());
    }
    assert!(read("log").contains("vagrant destroy --force\n"), "{}", read("log"));
}

/// Vagrant itself, with no virtual machine behind it.
#[test]
fn vagrant_finds_nothing_wrong_with_the_vagrantfile() {
    let Some(machine) = Machine::up() else { return };
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("vagrant/Vagrantfile")).expect("it is there");
    let project = Project::new(&[&machine], "root");
    project.file(
        "roles/test/role.yml",
        "provision:\n  - package: { name: vagrant, install_recommends: false }\n  - copy: { src: Vagrantfile, dest: /srv/Vagrantfile }\n",
    );
    project.file("roles/test/files/Vagrantfile", &file);
    project.provision();
    let said = machine.sh("mkdir -p ~/.ssh; [ -e ~/.ssh/id_rsa.pub ] || echo ssh-rsa AAAA me >~/.ssh/id_rsa.pub; cd /srv; vagrant validate --ignore-provider 2>&1");
    assert!(said.contains("validated successfully"), "{said}");
}
