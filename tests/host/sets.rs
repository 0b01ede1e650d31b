//! Files that a validator decides on together: all of them change, or none.

use crate::machine::{Machine, Project};

/// Everything that can be seen of the files in a folder.
fn picture(machine: &Machine, folder: &str) -> String {
    machine.sh(&format!(
        "cd {folder}; find . -exec stat -c '%n %U:%G %a %F' {{}} + | sort; find . -type l -printf '%p -> %l\\n' | sort; \
         find . -type f -exec sha256sum {{}} + | sort -k 2"
    ))
}

// S01
#[test]
fn a_broken_site_leaves_all_sites_as_they_were() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [nginx]\n");
    machine.sh("mkdir -p /srv/shop; echo page > /srv/shop/index.html");
    let sites = |text: &str| project.file("group_vars/web.yml", &format!("nginx_sites:\n{text}"));
    sites("  old: { server_name: old.test, root: /srv/shop }\n  shop: { server_name: shop.test, root: /srv/shop }\n");
    project.converge();
    // An edit by hand of owner and mode comes back, too.
    machine.sh("chown www-data:adm /etc/nginx/sites-available/shop.conf; chmod 640 /etc/nginx/sites-available/shop.conf");
    let before = picture(&machine, "/etc/nginx");
    let nginx = machine.sh("systemctl show -p MainPID -p ActiveEnterTimestamp nginx; pgrep nginx");

    let new = |extra: &str| {
        format!(
            "  old:\n  new: {{ server_name: new.test, root: /srv/shop }}\n  \
             shop: {{ server_name: shop.test, root: /srv/shop, client_max_body_size: 3m, extra: \"{extra}\" }}\n"
        )
    };
    sites(&new("no_such_directive on;"));
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back") && run.stdout.contains("no_such_directive"), "{run}");
    assert!(run.stdout.contains("put back: /etc/nginx/sites-available/shop.conf"), "{run}");
    assert!(run.stdout.contains("steps changed before it and put back: the host is as it was"), "{run}");
    assert!(!run.stdout.contains("pending"), "nothing is due: {run}");
    assert_eq!(picture(&machine, "/etc/nginx"), before);
    assert_eq!(machine.sh("systemctl show -p MainPID -p ActiveEnterTimestamp nginx; pgrep nginx"), nginx, "nginx was not touched");
    let get = |name: &str| machine.sh(&format!("curl -s -o /dev/null -w '%{{http_code}}' --resolve {name}:80:127.0.0.1 http://{name}/"));
    assert_eq!(get("shop.test"), "200");
    assert_eq!(machine.sh("ls -A /var/lib/hoist/pending; ls -A /var/lib/hoist/aside"), "");

    sites(&new("add_header X-Fixed yes;"));
    project.converge();
    assert_eq!([get("shop.test"), get("new.test")], ["200", "200"]);
    machine.sh("test ! -e /etc/nginx/sites-available/old.conf");
    assert_eq!(machine.sh("ls /var/lib/hoist/aside"), "");
}

const SET: &str = r#"provision:
  - name: a file of the set
    copy: { dest: /etc/set/one, content: "CONTENT\n" }
    notify: reload
  - name: a folder of the set
    file: { path: /etc/set/more, state: directory }
    notify: reload
  - name: a file in it
    copy: { dest: /etc/set/more/two, content: "two\n" }
    notify: reload
  - name: a link of the set
    file: { path: /etc/set/link, src: more/two, state: link }
    notify: reload
  - name: a folder that goes
    file: { path: /etc/set/gone, state: absent }
    notify: reload
  - name: slow
    shell: { cmd: "touch /run/begun; sleep 30", unless: test -e /etc/slow-done }
handlers:
  - name: reload
    service: { name: ssh, state: reloaded, validate: "if grep -q bad /etc/set/one; then echo it is bad; exit 1; fi" }
"#;

// P03, S06
#[test]
fn a_set_whose_run_was_killed_is_put_back_by_the_next_one() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir -p /etc/set/gone/deep; echo old >/etc/set/one; chmod 600 /etc/set/one; echo x >/etc/set/gone/deep/file; ln -s one /etc/set/link; chown -h daemon /etc/set/link");
    let before = picture(&machine, "/etc/set");
    let role = |content: &str| project.file("roles/test/role.yml", &SET.replace("CONTENT", content));
    role("bad");
    let child = project.start(&[]);
    machine.wait_for("/run/begun");
    assert_ne!(picture(&machine, "/etc/set"), before);
    machine.sh("pkill -KILL -f '[w]hile read -r n; do'; pkill -x sleep; touch /etc/slow-done");
    child.wait_with_output().expect("it ends");
    // The next run finds the handler due, and the set refused. Should it bring the same files, they are refused as well.
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("rolled back") && run.stdout.contains("it is bad"), "{run}");
    assert_eq!(picture(&machine, "/etc/set"), before, "{run}");
    role("good");
    project.converge();
    assert_eq!(
        machine.sh("cat /etc/set/one /etc/set/link; ls /etc/set /var/lib/hoist/aside"),
        "good\ntwo\n/etc/set:\nlink\nmore\none\n\n/var/lib/hoist/aside:\n"
    );
}

// S03
#[test]
fn what_cannot_be_put_back_is_kept_and_said() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /etc/set; echo old >/etc/set/one; mount -t tmpfs none /mnt");
    // The step behind the change makes the folder one that takes nothing.
    let role = SET
        .replace("CONTENT", "bad")
        .replace("touch /run/begun; sleep 30", "mount --bind -o ro /etc/set /etc/set && mount -o remount,bind,ro /etc/set");
    project.file("roles/test/role.yml", &role);
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("could NOT be put back: /etc/set/one"), "{run}");
    assert!(run.stdout.contains("1 handler is pending"), "{run}");
    assert_eq!(machine.sh("cat $(grep -lx /etc/set/one /var/lib/hoist/aside/*/*/path | sed 's/path$/was/')"), "old\n");
    machine.sh("umount /etc/set; touch /etc/slow-done");
    project.file("roles/test/role.yml", &role.replace("bad\\n", "good\\n"));
    project.converge();
}
