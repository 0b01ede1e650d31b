//! Whatever is killed, cut or full, at whatever moment: `current` leads to a complete release, the site answers, and the
//! next deploy works.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use super::requests::Customers;
use super::shop::Shop;
use crate::machine::{UNTIL_GO, testhost};
use crate::output::terminal;

/// Quick processes: the moments count here, and there are many.
pub const QUICK: &str = "app_migrate: 'true'
app_processes:
  web: { command: python3 server.py $PORT, port: 8000, health: { path: /health }, drain: 2, stop_timeout: 2 }
  worker: { command: node worker.js, startsecs: 0, stop_timeout: 2 }
";

fn start(shop: &Shop) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["deploy", "env=test", "--yes", "--from-local"])
        .current_dir(shop.project.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("hoist starts")
}

/// Every host serves this version, by a release that is whole.
fn stands(shop: &Shop, what: &str, version: &str) {
    assert_eq!((shop.answers("/"), shop.current()), (shop.each(version), shop.each(version)), "{what}");
}

// P09
#[test]
fn a_worker_that_panics_fails_the_deploy_and_all_hosts_serve_what_they_did() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("start");
    shop.commit("next");
    let run = shop.project.hoist_with(&[("HOIST_PANIC", &shop.machines[1].name)], &["deploy", "env=test", "--yes", "--from-local"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stdout.contains("unknown") && run.stdout.contains("broke down"), "{run}");
    stands(&shop, &run.stdout, "start");
    shop.deploy("end");
}

// G12, P01
#[test]
fn a_controller_that_is_killed_at_any_moment_leaves_a_site_and_a_next_deploy() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("start");
    let customers = Customers::come(&shop, 1);
    let mut before = "start".to_string();
    for moment in ["before_stage", "after_build", "before_migrate", "before_switch", "after_switch", "after_good"] {
        shop.settings(&format!("{QUICK}app_local_hooks: {{ {moment}: ['kill -KILL $PPID'] }}\n"));
        shop.commit(moment);
        let run = shop.try_deploy(&[]);
        assert_eq!(run.status, -1, "{moment}: {run}");
        // All of them have switched by then, and nobody is left to send them back.
        stands(&shop, moment, if matches!(moment, "after_switch" | "after_good") { moment } else { &before });
        shop.settings(QUICK);
        let run = shop.try_deploy(&["--lock-wait=30"]);
        assert_eq!((run.status, shop.answers("/"), shop.current()), (0, shop.each(moment), shop.each(moment)), "{moment}: {run}");
        shop.is_tidy();
        before = moment.to_string();
    }
    let counts = customers.leave();
    assert!(!counts.keys().any(|answer| answer.contains("FAILED")), "{counts:?}");
}

/// The commands on the hosts during which something is killed: each says that it is there, and is at work until the test lets it go.
pub fn slow(moment: &str) -> String {
    let command = format!("'touch /tmp/here; {UNTIL_GO}'");
    if moment == "build" {
        return format!("{QUICK}app_build: [node build.js, {command}]\n");
    }
    format!("{QUICK}app_hooks: {{ {moment}: [{command}] }}\n")
}

/// Lets them go, and is ready for the next ones.
pub const GO: &str = "touch /run/go";
pub const AGAIN: &str = "rm -f /run/go /tmp/here";

// G12, P03
#[test]
fn a_worker_on_a_host_that_is_killed_at_any_moment_leaves_a_site_and_a_next_deploy() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("start");
    let customers = Customers::come(&shop, 1);
    let mut before = "start".to_string();
    for moment in ["build", "before_switch", "after_switch", "after_good"] {
        shop.settings(&slow(moment));
        shop.commit(moment);
        let mut child = start(&shop);
        let machine = &shop.machines[1];
        machine.wait_for("/tmp/here");
        machine.sh("pkill -KILL -f '[w]hile read -r n; do'");
        shop.sh(GO);
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(3), "{moment}");
        // It was sent back with the other one, unless the release was found good on both.
        stands(&shop, moment, if moment == "after_good" { moment } else { &before });
        shop.settings(QUICK);
        let run = shop.try_deploy(&["--lock-wait=30"]);
        assert_eq!((run.status, shop.answers("/"), shop.current()), (0, shop.each(moment), shop.each(moment)), "{moment}: {run}");
        shop.sh(AGAIN);
        shop.is_tidy();
        before = moment.to_string();
    }
    let counts = customers.leave();
    assert!(!counts.keys().any(|answer| answer.contains("FAILED")), "{counts:?}");
}

// G12
#[test]
fn a_switch_that_is_killed_while_it_tells_nginx_loses_no_request() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    shop.settings(QUICK);
    shop.deploy("one");
    let customers = Customers::come(&shop, 1);
    // nginx takes its time to say whether the new upstreams are good; they are in their file by then.
    machine.sh("printf '#!/bin/sh\\nwhile [ -e /tmp/slow ]; do touch /tmp/here; sleep 0.1; done\\nexec /usr/sbin/nginx \"$@\"\\n' >/usr/local/sbin/nginx; chmod +x /usr/local/sbin/nginx; touch /tmp/slow");
    shop.commit("two");
    let mut child = start(&shop);
    machine.wait_for("/tmp/here");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    machine.sh("pkill -KILL -f '[w]hile read -r n; do'; pkill -KILL -f '/[r]elease switch'; rm /tmp/slow; while pgrep -f '/[u]sr/local/sbin/nginx'; do sleep 0.1; done; grep -q 2- /etc/nginx/conf.d/hoist-shop.conf && readlink /srv/shop/current | grep -q 1-");
    assert_eq!(shop.answers("/"), ["one"], "nginx was not told");
    // The next one fails before it switches, and the one after that works.
    machine.sh("echo two >/etc/shop-sick");
    let sick = shop.try_deploy(&["--lock-wait=30"]);
    assert_eq!(sick.status, 3, "{sick}");
    assert!(shop.answers("/") == ["one"] || shop.answers("/") == ["two"], "{:?}", shop.answers("/"));
    assert_eq!(shop.current(), ["one"]);
    machine.sh("rm /etc/shop-sick");
    shop.deploy("three");
    shop.is_tidy();
    let counts = customers.leave();
    assert!(!counts.keys().any(|answer| answer.contains("FAILED")), "{counts:?}");
}

// L01, G15
#[test]
fn a_deploy_that_waits_for_another_is_planned_anew_behind_it() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    shop.settings(QUICK);
    shop.deploy("one");
    shop.settings(&slow("before_switch"));
    shop.commit("two");
    let child = start(&shop);
    machine.wait_for("/tmp/here");
    // The second one looks while the first one works, and gets the lock when that is through.
    shop.settings(QUICK);
    shop.commit("three");
    let customers = Customers::come(&shop, 1);
    let run = std::thread::scope(|scope| {
        let second = scope.spawn(|| shop.try_deploy(&["--lock-wait=120"]));
        machine.wait_until("pgrep -f '^flock -w 120' >/dev/null");
        machine.go();
        second.join().expect("no panic")
    });
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(0));
    assert!(run.status == 0 && run.stderr.contains("planned anew"), "{run}");
    let counts = customers.leave();
    assert!(!counts.keys().any(|answer| answer.contains("FAILED")), "{counts:?}");
    assert_eq!((shop.answers("/"), shop.current()), (shop.each("three"), shop.each("three")), "{run}");
    let ids = machine.sh("cut -f 2 /var/lib/hoist/apps/shop/ledger | sort -u | cut -d - -f 1 | sort | paste -sd ' '");
    assert_eq!(ids, "1 2 3\n", "each has a number of its own");
    shop.is_tidy();
}

/// All that a deploy or rollback could have changed on each host.
fn all_of_it(shop: &Shop) -> Vec<String> {
    let script = "cd /srv/shop; readlink current; ls -l releases shared; cat /var/lib/hoist/apps/shop/ledger /etc/nginx/conf.d/hoist-shop.conf \
                  /var/lib/hoist/lock /var/lib/hoist/journal /var/lib/hoist/history.log; ls /var/lib/hoist/pending /var/lib/hoist/stage; \
                  systemctl list-units --plain --no-legend --all 'shop.*'; systemctl show -p MainPID 'shop.*'";
    shop.machines.iter().map(|machine| machine.sh(&format!("{{ {script}; }} 2>&1"))).collect()
}

// L01, G15
#[test]
fn a_rollback_during_a_deploy_is_refused_and_changes_nothing() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("one");
    shop.deploy("two");
    let first = shop.machines[0].sh("ls /srv/shop/releases | grep ^1-");
    for moment in ["build", "after_switch"] {
        shop.settings(&slow(moment));
        shop.commit(moment);
        let mut child = start(&shop);
        shop.machines.iter().for_each(|machine| machine.wait_for("/tmp/here"));
        let before = all_of_it(&shop);
        for words in [&["rollback", "env=test", "--yes"][..], &["rollback", "env=test", "--yes", "--to", first.trim()]] {
            let run = shop.hoist(words);
            assert_eq!(run.status, 4, "{moment}: {run}");
            let line = run.stdout.lines().find(|line| line.contains("locked: another run holds the lock: ")).unwrap_or_default();
            assert!(line.contains(" hoist deploy env=test ") && line.contains(" since 20"), "{moment}: {run}");
            assert_eq!(all_of_it(&shop), before, "{moment}: {run}");
        }
        shop.sh(GO);
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{moment}");
        assert_eq!((shop.answers("/"), shop.current()), (shop.each(moment), shop.each(moment)));
        shop.is_tidy();
        shop.sh(AGAIN);
    }
    // When it is through, there is a way back.
    shop.settings(QUICK);
    let run = shop.hoist(&["rollback", "env=test", "--yes"]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("build")), "{run}");
}

// N11
#[test]
fn a_line_that_is_cut_for_a_while_does_not_end_a_deploy() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("one");
    for moment in ["build", "after_switch"] {
        shop.settings(&slow(moment));
        shop.commit(moment);
        let mut child = start(&shop);
        let machine = &shop.machines[1];
        machine.wait_for("/tmp/here");
        testhost(&["net", &machine.name, "cut"]).expect("it is cut");
        machine.sh("pkill -KILL -f '^sshd: deploy@notty'");
        shop.sh(GO);
        machine.sh("sleep 5");
        testhost(&["net", &machine.name, "heal"]).expect("it is healed");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{moment}");
        assert_eq!(shop.answers("/"), shop.each(moment));
        shop.sh(AGAIN);
        shop.is_tidy();
    }
}

// N11
#[test]
#[ignore = "takes minutes"]
fn a_host_that_is_gone_stops_the_deploy_and_takes_part_in_the_next() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("start");
    let mut before = "start".to_string();
    for moment in ["build", "before_switch", "after_switch"] {
        shop.settings(&slow(moment));
        shop.commit(moment);
        let mut child = start(&shop);
        let machine = &shop.machines[1];
        machine.wait_for("/tmp/here");
        testhost(&["net", &machine.name, "cut"]).expect("it is cut");
        shop.sh(GO);
        assert_eq!(child.wait().expect("it ends").code(), Some(3), "{moment}");
        testhost(&["net", &machine.name, "heal"]).expect("it is healed");
        shop.sh(AGAIN);
        assert_eq!(shop.answers("/")[0], before, "{moment}: the host that was there is where it was");
        assert!([before.as_str(), moment].contains(&shop.current()[1].as_str()), "{moment}: {:?}", shop.current());
        shop.settings(QUICK);
        let run = shop.try_deploy(&["--lock-wait=30"]);
        assert_eq!((run.status, shop.answers("/")), (0, shop.each(moment)), "{moment}: {run}");
        shop.is_tidy();
        before = moment.to_string();
    }
}

// D01
#[test]
fn a_disk_that_fills_while_a_release_is_made_leaves_what_was_live() {
    let Some(shop) = Shop::up(2) else { return };
    // Releases and the state of hoist on one small disk, as on most servers.
    shop.machines[1].sh("mkdir /small; mount -t tmpfs -o size=20m tmpfs /small; cp -a /srv/shop /small/srv; cp -a /var/lib/hoist /small/state; mount --bind /small/srv /srv/shop; mount --bind /small/state /var/lib/hoist");
    shop.settings(QUICK);
    shop.deploy("one");
    shop.settings(&format!("{QUICK}app_build: [node build.js, dd if=/dev/zero of=big bs=1M count=40]\n"));
    shop.commit("two");
    for _ in 0..2 {
        let full = shop.try_deploy(&[]);
        assert!(full.status == 3 && full.stdout.contains("No space left"), "{full}");
        assert_eq!((shop.answers("/"), shop.current()), (shop.each("one"), shop.each("one")));
    }
    shop.settings(QUICK);
    shop.deploy("three");
    shop.is_tidy();
}

// P02
#[test]
fn who_interrupts_a_question_leaves_and_nothing_is_changed() {
    let Some(shop) = Shop::up(1) else { return };
    shop.deploy("one");
    shop.project.file("notes.txt", "to be committed\n");
    let same = shop.try_deploy(&[]);
    assert!(same.stdout.contains("0 changes") && same.stdout.contains("without what is not committed there (1 file)"), "{same}");
    shop.commit("two");
    let before = shop.machines[0].sh("readlink /srv/shop/current; cat /var/lib/hoist/apps/shop/ledger /var/lib/hoist/history.log");
    let line = format!("{} deploy env=test --from-local", env!("CARGO_BIN_EXE_hoist"));
    let mut child = terminal(&shop.project, &line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script runs");
    let mut output = child.stdout.take().expect("a pipe");
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains("Go on with this deploy?") {
        output.read_exact(&mut byte).expect("it asks");
        said.extend(byte);
    }
    // What is typed into the terminal of `script`: Ctrl-C.
    child.stdin.take().expect("a pipe").write_all(b"\x03").expect("it reads");
    output.read_to_end(&mut said).expect("it ends");
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("interrupted: nothing was changed"), "{said}");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said}");
    let after = shop.machines[0].sh("readlink /srv/shop/current; cat /var/lib/hoist/apps/shop/ledger /var/lib/hoist/history.log");
    assert_eq!(after, before);
}
