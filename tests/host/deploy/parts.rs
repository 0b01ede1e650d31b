//! Deploys to a part of the hosts, batch by batch or by name; and the initial data, which one host gets.

use super::shop::Shop;
use crate::machine::Machine;

#[test]
fn a_failure_in_the_second_batch_puts_back_the_first_and_never_begins_the_third() {
    let Some(shop) = Shop::up(3) else { return };
    shop.deploy("one");
    shop.commit("two");
    let [first, second, third] = &shop.machines[..] else { panic!("three hosts") };
    for ill in ["sick", "worker-sick"] {
        second.sh(&format!("echo two >/etc/shop-{ill}"));
        let run = shop.try_deploy(&["--serial", "1"]);
        assert_eq!(run.status, 3, "{run}");
        assert!(run.stdout.contains("every host is back at what was live") && run.stdout.contains("it was not begun here"), "{run}");
        assert_eq!((shop.answers("/"), shop.current()), (shop.each("one"), shop.each("one")), "{run}");
        shop.is_tidy();
        second.sh(&format!("rm /etc/shop-{ill}"));
    }
    let switched = |machine: &Machine| machine.sh("grep -c '\tlive\t' /var/lib/hoist/apps/shop/ledger");
    assert_eq!([first, second, third].map(switched), ["3\n", "2\n", "1\n"]);
    let run = shop.try_deploy(&["--serial", "2"]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("two")), "{run}");
    shop.is_tidy();
}

#[test]
fn a_deploy_to_some_hosts_leaves_the_others_and_the_next_one_brings_them_the_same_release() {
    let Some(shop) = Shop::up(3) else { return };
    shop.deploy("one");
    shop.commit("two");
    let last = shop.machines[2].name.clone();
    let run = shop.try_deploy(&["--limit", &last]);
    assert_eq!((run.status, shop.answers("/")), (0, vec!["one".to_string(), "one".to_string(), "two".to_string()]), "{run}");
    let none = shop.try_deploy(&["--limit", "nobody"]);
    assert!(none.status == 1 && none.stderr.contains("nobody"), "{none}");
    let run = shop.try_deploy(&[]);
    assert!(run.status == 0 && run.stdout.contains("live already on"), "{run}");
    let live: Vec<String> = shop.machines.iter().map(|machine| machine.sh("readlink /srv/shop/current")).collect();
    assert!(live[0].starts_with("releases/2-") && live.iter().all(|id| *id == live[0]), "{live:?}");
    let back = shop.hoist(&["rollback", "env=test", "--yes", "--limit", &last]);
    assert_eq!((back.status, shop.answers("/")), (0, vec!["two".to_string(), "two".to_string(), "one".to_string()]), "{back}");
}

#[test]
fn a_verb_of_another_role_is_no_part_of_a_deploy_whatever_its_name() {
    let Some(shop) = Shop::up(1) else { return };
    shop.project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [nginx, app, own]\n");
    let touch = |verb: &str| format!("{verb}:\n  - {{ name: {verb}, command: {{ argv: [touch, /root/{verb}], always: true }} }}\n");
    shop.project.file("roles/own/role.yml", &["check", "start", "revert"].map(touch).concat());
    shop.deploy("one");
    shop.machines[0].sh("echo two >/etc/shop-sick");
    shop.commit("two");
    assert_eq!(shop.try_deploy(&[]).status, 3);
    let made = || shop.machines[0].sh("cd /root; ls -d check start revert 2>/dev/null; :");
    assert_eq!(made(), "");
    let run = shop.hoist(&["run", "check", "env=test", "--yes"]);
    assert_eq!((run.status, made()), (0, "check\n".to_string()), "{run}");
    assert_eq!(shop.answers("/"), shop.each("one"));
}

#[test]
fn the_first_host_loads_the_initial_data_and_no_host_keeps_it() {
    let Some(shop) = Shop::up(2) else { return };
    shop.deploy("one");
    shop.project.file("environments/test/assets/items.csv", "pear\nplum\n");
    shop.settings("initdata_src: items.csv\ninitdata_command: sort -r >media/loaded; echo $GREETING >>media/loaded\n");
    let run = shop.hoist(&["run", "initdata", "env=test", "--yes"]);
    assert_eq!(run.status, 0, "{run}");
    let found = |machine: &Machine| machine.sh("cat /srv/shop/shared/media/loaded 2>/dev/null; ls /srv/shop/cache | grep init; :");
    assert_eq!(shop.machines.iter().map(found).collect::<Vec<_>>(), ["plum\npear\nhello\n", ""]);

    shop.settings("initdata_src: items.csv\ninitdata_command: cat >/dev/null; echo no-way; false\n");
    let run = shop.hoist(&["run", "initdata", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("no-way"), "{run}");
    assert_eq!(shop.machines[0].sh("ls /srv/shop/cache | grep init; :"), "");
}

#[test]
fn processes_come_and_go_and_move_to_other_ports() {
    let Some(shop) = Shop::up(1) else { return };
    shop.deploy("one");
    let machine = &shop.machines[0];
    let settings = |port: u16, worker: &str| {
        shop.settings(&format!(
            "app_processes:\n  web: {{ command: python3 server.py $PORT, port: {port}, health: {{ path: '/health?x=[1' }}, drain: 2, stop_timeout: 2 }}\n  \
             {worker}: {{ command: node worker.js, startsecs: 1, stop_timeout: 2 }}\n"
        ));
    };
    // What green would have is what the live release has in blue.
    settings(7999, "worker");
    let run = shop.try_deploy(&[]);
    assert!(run.status == 3 && run.stdout.contains("port 8000 is taken by shop.web.blue@8000.service, and"), "{run}");
    assert_eq!(shop.answers("/"), ["one"]);
    // A worker may be called as a colour is; what a killed deploy sent goes with its release.
    settings(8002, "blue");
    machine.sh("touch /srv/shop/cache/2-abcdef0.tar.gz");
    shop.deploy("two");
    let units = "systemctl list-units --plain --no-legend 'shop.*' | cut -d ' ' -f 1 | paste -sd ' '";
    assert_eq!(machine.sh(units), "shop.blue@1.service shop.web.green@8003.service\n");
    assert_eq!(machine.sh("ls /srv/shop/cache"), "");
}
