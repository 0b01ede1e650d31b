//! Releases that fail, at every step: what was live still is, on every host, and the words of what failed are shown.

use super::shop::{SICK, Shop};
use crate::machine::Run;

/// A deploy that failed and left `version` live everywhere.
fn failed(shop: &Shop, run: &Run, words: &[&str], version: &str) {
    assert_eq!(run.status, 3, "{run}");
    for word in words {
        assert!(run.stdout.contains(word), "{word}: {run}");
    }
    assert_eq!(shop.answers("/"), shop.each(version), "{run}");
    assert_eq!(shop.current(), shop.each(version), "{run}");
    shop.is_tidy();
}

// S02
#[test]
fn a_release_that_is_not_well_on_one_host_is_live_on_none() {
    let Some(shop) = Shop::up(3) else { return };
    shop.deploy("one");
    shop.commit("two");
    let [first, second, third] = &shop.machines[..] else { panic!("three hosts") };

    third.sh("echo two >/etc/shop-sick");
    shop.settings(SICK);
    let sick = shop.try_deploy(&[]);
    failed(&shop, &sick, &[&third.name, "answers /health on port 8001 with 500", "two has no pulse", "what was live still is"], "one");
    third.sh("rm /etc/shop-sick");

    // For longer than Node takes to start.
    shop.settings(&SICK.replace("timeout: 8", "timeout: 60").replace("startsecs: 1", "startsecs: 6"));
    second.sh("echo two >/etc/shop-worker-sick");
    let worker = shop.try_deploy(&[]);
    failed(&shop, &worker, &[&second.name, "does not stay up", "two cannot work", "rolled back"], "one");
    second.sh("rm /etc/shop-worker-sick");
    shop.settings("");

    third.sh("echo two >/etc/shop-mortal");
    let mortal = shop.try_deploy(&[]);
    failed(&shop, &mortal, &[&third.name, "shop.web.", "does not stay up", "two is no more", "rolled back"], "one");
    third.sh("rm /etc/shop-mortal");

    first.sh("echo 'nonsense;' >/etc/nginx/conf.d/broken.conf");
    let refused = shop.try_deploy(&[]);
    failed(&shop, &refused, &[&first.name, "unknown directive", "rolled back"], "one");

    // What `nginx -t` does not find: a reload that cannot take a port goes on as before, and says so in a log alone.
    first.sh(
        "systemd-run -q --unit=taken python3 -m http.server 8099; until ss -Hltn | grep -q :8099; do sleep 0.1; done; echo 'server { listen 8099; }' >/etc/nginx/conf.d/broken.conf",
    );
    let unheard = shop.try_deploy(&[]);
    failed(&shop, &unheard, &[&first.name, "does not take the new upstreams", "rolled back"], "one");
    first.sh("systemctl stop taken; rm /etc/nginx/conf.d/broken.conf");

    third
        .sh("systemd-run -q --unit=taken python3 -m http.server 8001 --bind 127.0.0.1; until ss -Hltn | grep -q :8001; do sleep 0.1; done");
    let taken = shop.try_deploy(&[]);
    failed(&shop, &taken, &[&third.name, "port 8001 is taken by something else"], "one");
    third.sh("systemctl stop taken");

    // All of them are gone when one is good, and still told of.
    shop.deploy("three");
    shop.is_tidy();
    let listed = shop.hoist(&["releases", "env=test"]);
    let states: Vec<&str> = listed.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(states.first(), Some(&"live"), "{listed}");
    assert!(states.len() > 5 && states[1..states.len() - 1].iter().all(|state| *state == "failed"), "{listed}");
    let history = shop.hoist(&["history", "env=test"]);
    let runs: Vec<&str> = history.stdout.lines().filter(|line| line.contains("  hoist deploy env=test ")).collect();
    assert!(
        runs.len() > 15 && runs.iter().all(|run| run.contains("-") && (run.contains(": done") || run.contains(": failed"))),
        "{history}"
    );
    assert_eq!(
        third.sh("ls /srv/shop/releases /var/lib/hoist/apps/shop/releases | grep -c -- -"),
        "4\n",
        "the live and the good one, twice"
    );
}

#[test]
fn a_release_that_cannot_be_built_or_started_shows_why() {
    let Some(shop) = Shop::up(2) else { return };
    shop.deploy("one");
    shop.project.file("fail-build", "");
    shop.commit("two");
    let built = shop.try_deploy(&[]);
    failed(&shop, &built, &["this version cannot be built", "what was live still is"], "one");
    assert_eq!(shop.machines[0].sh("ls /srv/shop/releases | wc -l"), "1\n", "half a release fills no disk");
    std::fs::remove_file(shop.project.folder.path().join("fail-build")).expect("it is there");
    shop.project.file("crash", "");
    shop.commit("three");
    let started = shop.try_deploy(&[]);
    failed(&shop, &started, &["this version cannot even start", "does not stay up"], "one");
    std::fs::remove_file(shop.project.folder.path().join("crash")).expect("it is there");

    // A worker that began to fail while it was live does not count against the one that mends it.
    for machine in &shop.machines {
        machine.sh("echo one >/etc/shop-worker-sick; systemctl kill shop.worker@1; sleep 3");
    }
    shop.deploy("four");

    // More and fewer processes, in either colour: neither takes a port of the other.
    for count in [3, 1, 2] {
        shop.settings(&format!(
            "app_processes:\n  web: {{ command: python3 server.py $PORT, port: 8000, numprocs: {count}, health: {{ path: /health }}, drain: 5 }}\n"
        ));
        shop.deploy(&format!("with {count}"));
        let units = shop.machines[0].sh("systemctl list-units --plain --no-legend --all 'shop.*' | wc -l");
        assert_eq!(units, format!("{count}\n"));
    }
}

// G15, M03
#[test]
fn a_migration_that_fails_switches_nothing_and_one_that_worked_is_not_undone() {
    let Some(shop) = Shop::with_database(2) else { return };
    shop.deploy("one");
    shop.project.file("migrations/2-broken.sql", "insert into items values ('plum');\ncreate table broken (;\n");
    shop.commit("two");
    let broken = shop.try_deploy(&[]);
    failed(&shop, &broken, &["1 migration", "2-broken.sql", "syntax error", "what was live still is"], "one");
    assert_eq!(shop.answers("/items"), shop.each("2"));
    std::fs::rename(shop.project.folder.path().join("migrations/2-broken.sql"), shop.project.folder.path().join("migrations/2-plum.sql"))
        .expect("it is there");
    shop.project.file("migrations/2-plum.sql", "insert into items values ('plum');\n");
    shop.deploy("three");
    assert_eq!(shop.answers("/items"), shop.each("3"));
    let back = shop.hoist(&["rollback", "env=test", "--yes"]);
    assert!(back.status == 1 && back.stderr.contains("the database was migrated") && back.stderr.contains("--across-migrations"), "{back}");
    assert_eq!(shop.answers("/"), shop.each("three"));
    let back = shop.hoist(&["rollback", "env=test", "--yes", "--across-migrations"]);
    assert_eq!(back.status, 0, "{back}");
    assert_eq!((shop.answers("/"), shop.answers("/items")), (shop.each("one"), shop.each("3")));
    shop.is_tidy();
}

// G13, G15
#[test]
fn a_rollback_goes_where_it_says_and_nothing_else_is_touched() {
    let Some(shop) = Shop::up(2) else { return };
    for version in ["one", "two", "three"] {
        shop.deploy(version);
    }
    let back = |words: &[&str]| shop.hoist(&[&["rollback", "env=test", "--yes"], words].concat());
    for version in ["two", "one"] {
        let run = back(&[]);
        assert_eq!((run.status, shop.answers("/"), shop.current()), (0, shop.each(version), shop.each(version)), "{run}");
        shop.is_tidy();
    }
    let none = back(&[]);
    assert!(none.status == 1 && none.stderr.contains("there is no good release before"), "{none}");
    let name = shop.machines[0].sh("ls /srv/shop/releases | grep ^3-");
    let run = back(&["--to", name.trim()]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("three")), "{run}");

    // One that fails is no reason not to go there the next time.
    shop.machines[1].sh("echo one >/etc/shop-mortal");
    failed(&shop, &back(&[]), &["one is no more", "rolled back"], "three");
    shop.machines[1].sh("rm /etc/shop-mortal");
    assert_eq!((back(&[]).status, shop.answers("/")), (0, shop.each("one")));
    assert_eq!((back(&["--to", name.trim()]).status, shop.answers("/")), (0, shop.each("three")));
    shop.machines[1].sh("rm -r /srv/shop/releases/2-*");
    let odd = back(&["--to", "9-0123456"]);
    assert!(odd.status == 1 && odd.stderr.contains("not there any more"), "{odd}");

    // A folder that somebody removed: nothing is begun.
    shop.machines[1].sh("mv /srv/shop/releases/1-* /root");
    let first = shop.machines[0].sh("ls /srv/shop/releases | grep ^1-");
    let lost = back(&["--to", first.trim()]);
    assert!(lost.status == 1 && lost.stderr.contains(&format!("on {}", shop.machines[1].name)), "{lost}");
    shop.machines[1].sh("mv /root/1-* /srv/shop/releases/");

    // What is in the place of the link is somebody's.
    shop.machines[1].sh("cd /srv/shop; mv current kept; mkdir current; touch current/precious");
    shop.commit("four");
    for run in [shop.try_deploy(&[]), back(&["--to", name.trim()])] {
        assert!(run.status == 3 && run.stdout.contains("is no link; move it away first"), "{run}");
    }
    shop.machines[1].sh("cd /srv/shop; test -e current/precious && rm -r current; mv kept current");
    shop.deploy("five");
}

// G14
#[test]
fn failed_deploys_never_push_out_the_last_good_release() {
    let Some(shop) = Shop::up(1) else { return };
    shop.settings("app_keep: 1\n");
    shop.deploy("one");
    shop.deploy("two");
    let machine = &shop.machines[0];
    machine.sh("echo sick >/etc/shop-sick");
    for number in 0..10 {
        // Some are never complete, some fail when they are started.
        let settings = if number % 3 == 0 { SICK } else { "app_build: [node build.js, 'false']\n" };
        shop.settings(&format!("app_keep: 1\n{settings}"));
        shop.commit("sick");
        assert_eq!(shop.try_deploy(&[]).status, 3);
    }
    shop.settings("app_keep: 1\n");
    assert_eq!(shop.current(), ["two"]);
    let back = shop.hoist(&["rollback", "env=test", "--yes"]);
    assert_eq!((back.status, shop.answers("/")), (0, shop.each("one")), "{back}");
    shop.deploy("three");
    let back = shop.hoist(&["rollback", "env=test", "--yes"]);
    assert_eq!((back.status, shop.answers("/")), (0, shop.each("one")), "two was rolled back from: {back}");
}

#[test]
fn what_could_not_be_removed_is_not_called_gone_and_goes_another_time() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings("app_keep: 1\napp_hooks: { after_good: [test ! -e /etc/shop-hook] }\n");
    shop.deploy("one");
    shop.deploy("two");
    shop.machines[1].sh("touch /etc/shop-hook");
    shop.commit("three");
    let run = shop.try_deploy(&[]);
    assert_eq!((run.status, shop.answers("/")), (3, shop.each("three")), "{run}");
    let gone = |shop: &Shop| {
        let listed = shop.hoist(&["releases", "env=test", "--all"]);
        listed.stdout.lines().filter(|line| line.contains("  gone  ")).map(str::to_string).collect::<Vec<_>>()
    };
    assert!(gone(&shop).len() == 1 && gone(&shop)[0].ends_with(&shop.machines[0].name), "{:?}", gone(&shop));
    assert_eq!(shop.machines[1].sh("ls /srv/shop/releases | wc -l"), "3\n");
    shop.machines[1].sh("rm /etc/shop-hook");
    shop.deploy("four");
    assert_eq!(gone(&shop).len(), 2, "{:?}", gone(&shop));
    let left: Vec<String> = shop.machines.iter().map(|machine| machine.sh("ls /srv/shop/releases | wc -l")).collect();
    assert_eq!(left, ["2\n", "2\n"]);
}

#[test]
fn a_site_that_does_not_answer_as_it_should_sends_all_back() {
    let Some(shop) = Shop::up(1) else { return };
    shop.deploy("one");
    shop.settings("app_check: { url: \"http://127.0.0.1/\", status: 418, timeout: 2 }\n");
    shop.commit("two");
    let run = shop.try_deploy(&[]);
    failed(&shop, &run, &["| two", "http://127.0.0.1/ answers with 200, and not with 418", "rolled back"], "one");
}
