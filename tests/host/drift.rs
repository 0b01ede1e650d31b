//! What was changed by hand is shown, exactly, and put right; the same end and the same report however many hosts at once.

use crate::machine::{Machine, Project};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVyKBLiHQ3qJ2s3cqvzAxDXHgqLk3yQnTg6xYgGqf6Z anna@laptop";

fn role() -> String {
    format!(
        "provision:\n  - user: {{ name: shop, shell: /bin/sh, comment: The Shop, groups: [www-data], home: /srv/shop, create_home: true }}\n  \
         - group: {{ name: team, gid: 4242 }}\n  \
         - file: {{ path: /srv/data, state: directory, owner: shop, group: team, mode: \"0750\" }}\n  \
         - copy: {{ dest: /srv/data/file, content: \"wanted\\n\", owner: shop, group: team, mode: \"0640\" }}\n  \
         - file: {{ path: /srv/link, src: data, state: link }}\n  \
         - file: {{ path: /srv/gone, state: absent }}\n  \
         - lineinfile: {{ path: /etc/lines, line: wanted, create: true }}\n  \
         - blockinfile: {{ path: /etc/lines, block: \"in a block\" }}\n  \
         - cron: {{ name: nightly, hour: \"3\", minute: \"5\", job: \"true\", user: shop }}\n  \
         - authorized_key: {{ user: shop, key: \"{KEY}\" }}\n  \
         - service: {{ name: cron, state: started, enabled: true }}\n  \
         - package: {{ name: cron }}\n"
    )
}

/// What somebody did by hand, and the words with which a plan shows it.
const DRIFTS: &[(&str, &[&str])] = &[
    ("chmod 777 /srv/data/file", &["mode: 0777 -> 0640"]),
    ("chown root /srv/data/file", &["owner: root -> shop"]),
    ("chgrp root /srv/data/file", &["group: root -> team"]),
    ("echo more >>/srv/data/file", &["-more"]),
    ("rm /srv/data/file", &["+wanted"]),
    ("rm /srv/data/file; ln -s /etc/passwd /srv/data/file", &["link to /etc/passwd"]),
    ("chmod 700 /srv/data", &["mode: 0700 -> 0750"]),
    ("chown nobody /srv/data", &["owner: nobody -> shop"]),
    ("ln -sfn /etc /srv/link", &["link to /etc"]),
    ("rm /srv/link", &["link to data"]),
    ("touch /srv/gone", &["absent"]),
    ("mkdir -p /srv/gone/deep", &["absent"]),
    ("sed -i /^wanted/d /etc/lines", &["+wanted"]),
    ("sed -i 's/in a block/else/' /etc/lines", &["-else", "+in a block"]),
    ("usermod -s /bin/false shop", &["/bin/false", "/bin/sh"]),
    ("usermod -c Else shop", &["Else", "The Shop"]),
    ("gpasswd -d shop www-data", &["www-data"]),
    ("usermod -d /srv/elsewhere shop", &["/srv/elsewhere", "/srv/shop"]),
    ("groupmod -g 4343 team", &["4343", "4242"]),
    ("crontab -u shop -l | sed 's/^5 3/6 4/' | crontab -u shop -", &["-6 4", "+5 3"]),
    ("crontab -u shop -r", &["+5 3"]),
    (": >/srv/shop/.ssh/authorized_keys", &["anna@laptop"]),
    ("chmod 666 /srv/shop/.ssh/authorized_keys", &["0666"]),
    ("systemctl stop cron", &["cron"]),
    ("systemctl disable -q cron", &["cron"]),
];

// U05, U03
#[test]
fn each_drift_is_shown_and_nothing_else_and_is_put_right() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", &role());
    project.converge();
    for (drift, words) in DRIFTS {
        machine.sh(drift);
        let plan = project.hoist(&["plan", "env=test"]);
        assert_eq!(plan.status, 0, "{drift}: {plan}");
        for word in *words {
            assert!(plan.stdout.contains(word), "{drift}: {word:?} is not shown: {plan}");
        }
        // One step, unless the change brings another with it.
        let changes = plan
            .stdout
            .lines()
            .filter(|line| line.starts_with("  ~") || line.starts_with("  +") || line.starts_with("  -") || line.starts_with("  !"))
            .count();
        let follows = drift.contains("groupmod");
        assert!(changes == 1 || follows, "{drift}: {changes} changes: {plan}");
        project.provision();
        let again = project.provision();
        assert!(again.stdout.contains("0 changes"), "{drift}: {again}");
    }
}

// U04, U03
#[test]
fn the_same_end_and_the_same_report_one_by_one_and_all_at_once() {
    let Some(first) = Machine::up() else { return };
    let machines = [first, Machine::up().expect("a second host"), Machine::up().expect("a third host")];
    let project = Project::new(&machines.iter().collect::<Vec<_>>(), "root");
    let state = |machine: &Machine| {
        machine.sh("cd /; find etc/lines srv -printf '%p %y %m %u %g %l\\n' | sort; find etc/lines srv -type f | sort | xargs sha256sum; getent passwd shop; getent group team; crontab -u shop -l")
    };
    let undo = "userdel -rf shop 2>/dev/null; groupdel team 2>/dev/null; rm -rf /srv/* /etc/lines /var/spool/cron/crontabs/shop; true";
    let mut seen = Vec::new();
    for forks in ["1", "50"] {
        for machine in &machines {
            machine.sh(undo);
        }
        // The hosts do not come to their end in their order.
        machines[0].sh("echo 1 >/etc/nap");
        project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [test]\nsettings: {{ forks: {forks} }}\n"));
        project.file(
            "roles/test/role.yml",
            &format!("{}  - shell: {{ cmd: 'sleep \"$(cat /etc/nap 2>/dev/null || echo 0)\"', always: true }}\n", role()),
        );
        let run = project.provision();
        let rows: Vec<String> = run
            .stdout
            .lines()
            .filter(|line| line.ends_with(" done"))
            .map(|line| line.split_whitespace().take(4).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(rows.len(), 3, "{run}");
        seen.push((rows, machines.each_ref().map(state)));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1[0], seen[0].1[1]);
}
