//! What a host says is never a template, a setting or a path; and what one host says is nobody else's business.

use std::fs;

use crate::machine::{Machine, Project};

const TEMPLATES: &str = "{{7*7}} {% for x in [1] %}x{% endfor %} {# gone #} ${x} <%= 7*7 %>";

// I01
#[test]
fn what_looks_like_a_template_on_a_host_stays_as_it_is() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh(&format!("sed -i --follow-symlinks -e '/^NAME=/d' -e '/^ID=/d' /etc/os-release; echo ID=odd >>/etc/os-release; echo 'NAME=\"{TEMPLATES}\"' >>/etc/os-release; echo '{{{{9*9}}}}' >/proc/sys/kernel/hostname 2>/dev/null || hostname '{{{{9*9}}}}' || true; echo '{TEMPLATES}' >/etc/said"));
    project.file(
        "roles/test/role.yml",
        "inputs: { again: { type: string, default: \"<{{ facts.distribution }}>\" } }\nprovision:\n  \
         - copy: { dest: /etc/fact, content: \"{{ facts.distribution }} {{ facts.hostname }}\\n\" }\n  \
         - template: { src: t, dest: /etc/template }\n    vars: { twice: \"{{ again }}\" }\n  \
         - copy: { dest: \"/etc/{{ item }}\", content: \"{{ facts.distribution }}\\n\" }\n    loop: [looped]\n    when: \"'7*7' in facts.distribution\"\n  \
         - shell: { cmd: \"cat /etc/said >/etc/ran; echo '{{ facts.distribution | replace(from=\\\"'\\\", to='') }}' >>/etc/ran\", creates: /etc/ran }\n",
    );
    project.file("templates/test/t", "{{ again }}|{{ twice }}|{{ facts.distribution }}\n");
    project.provision();
    let hostname = machine.sh("hostname");
    assert_eq!(machine.sh("cat /etc/fact"), format!("{TEMPLATES} {}\n", hostname.trim()));
    assert_eq!(machine.sh("cat /etc/template"), format!("<{TEMPLATES}>|<{TEMPLATES}>|{TEMPLATES}\n"));
    assert_eq!(machine.sh("cat /etc/ran"), format!("{TEMPLATES}\n{TEMPLATES}\n"));
    assert_eq!(machine.sh("cat /etc/looped"), format!("{TEMPLATES}\n"));
    let second = project.provision();
    assert!(second.stdout.contains("0 changes"), "{second}");
}

// I02, I03
#[test]
fn a_value_is_rendered_once_and_a_host_sees_its_own_facts() {
    let Some(first) = Machine::up() else { return };
    let second = Machine::up().expect("a second host");
    let project = Project::new(&[&first, &second], "root");
    project.file("roles/test/role.yml", "inputs: { outer: { type: string }, inner: { type: string } }\nprovision:\n  - copy: { dest: /etc/value, content: \"{{ outer }} {{ inventory_hostname }} {{ facts.hostname }} {{ facts.default_ipv4 }}\\n\" }\n");
    project.file("group_vars/web.yml", "outer: \"<{{ inner }}>\"\n");
    // Given on the command line it is data, and so is what is in it.
    let run = project.hoist(&["provision", "env=test", "--yes", "inner=\"{% raw %}{{ 7*7 }} {% include 'x' %}{% endraw %}\""]);
    assert_eq!(run.status, 0, "{run}");
    for (machine, other) in [(&first, &second), (&second, &first)] {
        let value = machine.sh("cat /etc/value");
        assert_eq!(value, format!("<{{{{ 7*7 }}}} {{% include 'x' %}}> {0} {0} {1}\n", machine.name, machine.ip));
        assert!(!value.contains(&other.name), "{value}");
    }
    project.file("group_vars/web.yml", "outer: \"{{ inner }}\"\ninner: \"{{ outer }}\"\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("outer") && run.stderr.contains("inner"), "{run}");
}

// I04, I05
#[test]
fn a_host_cannot_name_a_setting_a_variable_or_a_path_here() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file("roles/test/role.yml", "inputs: { word: { type: string } }\nprovision:\n  - copy: { dest: /etc/word, content: \"{{ word }} {{ inventory_hostname }}\\n\" }\n");
    project.file("group_vars/web.yml", "word: ours\n");
    machine.sh("sed -i --follow-symlinks -e '/^ID=/d' -e '/^VERSION_CODENAME=/d' /etc/os-release");
    machine.sh("printf '{\"word\":\"theirs\",\"ansible_user\":\"admin\",\"inventory_hostname\":\"evil\",\"hoist_state\":\"/x\"}\\n' >/etc/said; \
                printf 'word=theirs\\nansible_host=192.0.2.1\\nansible_become_method=su\\nhoist_state=/x\\nuser=admin\\nfacts=x\\nID=../../../evil\\nVERSION_CODENAME=\"../../../../evil\"\\n' >>/etc/os-release; \
                mkdir -p /etc/ansible/facts.d; echo '{\"word\":\"theirs\"}' >/etc/ansible/facts.d/x.fact; \
                printf 'export hoist_state=/x word=theirs hoist_nonce=1 hoist_user=admin XDG_STATE_HOME=/x\\n' | tee /root/.profile >/etc/profile.d/x.sh; \
                printf 'hoist_state=/x\\nword=theirs\\nhoist_nonce=1\\nhoist_user=admin\\nXDG_STATE_HOME=/x\\n' >>/etc/environment");
    machine.sh("hostname ../../evil 2>/dev/null || true");
    let before = listing(&project);
    // Where root logs in, its shell has that environment, too.
    let root = Project::new(&[&machine], "root");
    for file in ["roles/test/role.yml", "group_vars/web.yml"] {
        root.file(file, &fs::read_to_string(project.folder.path().join(file)).expect("it is there"));
    }
    for project in [&project, &root] {
        machine.sh("rm -rf /etc/word /var/lib/hoist");
        project.provision();
        assert_eq!(
            machine.sh("set -e; cat /etc/word; stat -c %U /etc/word; test ! -e /x; test -d /var/lib/hoist && echo there"),
            format!("ours {}\nroot\nthere\n", machine.name)
        );
    }
    let after: Vec<String> = listing(&project).into_iter().filter(|path| !before.contains(path) && !path.contains("/.cache/")).collect();
    assert!(after.is_empty(), "{after:?}");
    for file in fs::read_dir(project.folder.path().join(".cache/hoist/facts")).expect("a cache").flatten() {
        assert!(!file.file_name().to_string_lossy().contains("evil"), "{file:?}");
    }
    assert!(!project.folder.path().parent().expect("a folder").join("evil").exists());
}

/// Every file of the project.
fn listing(project: &Project) -> Vec<String> {
    let output = std::process::Command::new("find").arg(project.folder.path()).arg("-type").arg("f").output().expect("find runs");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_string).collect()
}
