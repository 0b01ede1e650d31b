//! The kind `git`, against a repository on another host.

use crate::machine::{Machine, Project, key};

// N08
#[test]
fn a_remote_whose_host_key_changed_is_refused() {
    let Some(machine) = Machine::up() else { return };
    let forge = Machine::up().expect("a second host");
    let project = Project::new(&[&machine], "root");
    let commit = "git -C /srv/work -c user.name=t -c user.email=t@localhost commit -q --allow-empty -m more && git -C /srv/work push -q origin HEAD:main";
    forge.sh(&format!("git init -q --bare -b main /srv/repo.git && git clone -q /srv/repo.git /srv/work 2>/dev/null && {commit}"));
    let private = std::fs::read_to_string(key()).expect("a key");
    machine.sh(&format!("umask 077; cat >/root/key <<'END'\n{private}END\n"));
    let task = format!(
        "git: {{ repo: \"ssh://root@{}/srv/repo.git\", dest: /srv/code, version: main, key_file: /root/key, accept_newhostkey: true }}",
        forge.ip
    );
    project.file("roles/test/role.yml", &format!("provision:\n  - {task}\n"));
    project.converge();
    let state = || machine.sh("git -C /srv/code rev-parse HEAD; git -C /srv/code status --porcelain; sha256sum /root/.ssh/known_hosts");
    let before = state();
    forge.sh(&format!("{commit}; rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A >/dev/null; systemctl restart ssh"));
    for words in [&["plan", "env=test"][..], &["provision", "env=test", "--yes"]] {
        let run = project.hoist(words);
        assert!(run.status == 3 && run.stdout.contains("host key"), "{run}");
        assert_eq!(state(), before, "{run}");
    }
    // Who knows that it is right takes the old key away.
    machine.sh("rm /root/.ssh/known_hosts");
    project.converge();
    assert_ne!(state(), before);
}
