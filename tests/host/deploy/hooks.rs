//! Commands of the user at the moments of a deploy, here and on the hosts; webhooks; the maintenance page.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use super::shop::{SICK, Shop, get};
use super::web::{Answer, Request, serve};

const MOMENTS: [&str; 7] =
    ["before_stage", "after_build", "before_migrate", "after_migrate", "before_switch", "after_switch", "after_good"];

fn hooks(moments: &[&str], command: impl Fn(&str) -> String) -> String {
    moments.iter().map(|moment| format!("  {moment}: [{}]\n", serde_json::json!(command(moment)))).collect()
}

#[test]
fn hooks_run_at_their_moments_and_one_that_fails_stops_the_deploy() {
    let Some(shop) = Shop::up(2) else { return };
    let told = shop.project.folder.path().join("environments/told").display().to_string();
    let all: Vec<&str> = MOMENTS.into_iter().chain(["after_revert"]).collect();
    let both = |here: &str, there: &str| {
        let here = hooks(&all, |moment| format!("echo {moment} $HOIST_APP $HOIST_ENV $HOIST_RELEASE >>{told}; {here}"));
        let there = hooks(&all, |moment| format!("echo {moment} $(id -un) $RELEASE >>~/told; {there}"));
        shop.settings(&format!("app_migrate: 'true'\napp_local_hooks:\n{here}app_hooks:\n{there}"));
    };
    both("", "");
    shop.deploy("one");
    let here = std::fs::read_to_string(&told).expect("they ran");
    let id = shop.machines[0].sh("basename $(readlink /srv/shop/current)");
    assert_eq!(here, MOMENTS.map(|moment| format!("{moment} shop test {id}")).concat());
    for (number, machine) in shop.machines.iter().enumerate() {
        let there = machine.sh("cat ~app/told");
        let ran: Vec<&str> = there.lines().filter_map(|line| line.split(' ').next()).collect();
        let expected = MOMENTS.into_iter().filter(|moment| number == 0 || !moment.ends_with("migrate"));
        assert_eq!(ran, expected.collect::<Vec<_>>(), "{there}");
        assert!(there.lines().all(|line| line.contains(" app")), "{there}");
    }

    // One that fails, here or there, before the switch or behind it.
    for (here, there) in [
        ("test $HOIST_HOOK != before_switch || { echo no-way; exit 1; }", ""),
        ("test $HOIST_HOOK != after_switch || { echo no-way; exit 1; }", ""),
        ("", "tail -n 1 ~/told | grep -qv before_switch || { echo no-way; exit 1; }"),
        ("", "tail -n 1 ~/told | grep -qv after_switch || { echo no-way; exit 1; }"),
    ] {
        both(here, there);
        shop.commit("two");
        let run = shop.try_deploy(&[]);
        assert!(run.status == 3 && run.stdout.contains("| no-way\n"), "{run}");
        assert_eq!(run.stdout.matches("  rolled back\n").count(), if there.is_empty() { 2 } else { 0 }, "{run}");
        assert_eq!((shop.answers("/"), shop.current()), (shop.each("one"), shop.each("one")), "{run}");
        shop.is_tidy();
        assert!(std::fs::read_to_string(&told).expect("they ran").contains("after_revert"));
    }

    // One that fails when all is done fails the run, and undoes nothing.
    both("test $HOIST_HOOK != after_good || { echo no-way; exit 1; }", "");
    let run = shop.try_deploy(&[]);
    assert!(run.status == 3 && run.stdout.contains("failed: the release is live, and the hook after_good failed here"), "{run}");
    assert_eq!((shop.answers("/"), shop.current()), (shop.each("two"), shop.each("two")), "{run}");
}

#[test]
fn what_one_process_is_told_goes_before_what_all_are_told() {
    let Some(shop) = Shop::up(1) else { return };
    let own = r#"for web: $HOME 100% `id` \ \"quoted\" 'so'"#;
    let settings = |own: &str| {
        shop.settings(&format!(
            "app_env: {{ GREETING: for all }}\napp_processes:\n  web: {{ command: python3 server.py $PORT, port: 8000, environment: {{ GREETING: \"{own}\" }} }}\n"
        ));
    };
    settings(&own.replace("\\ ", "\\\\ "));
    shop.deploy("one");
    assert_eq!(shop.answers("/greeting"), [own.replace("\\\"", "\"")]);
    let machine = &shop.machines[0];
    machine.sh("! grep -rq 'for web' /etc/systemd/system");
    assert_eq!(machine.sh("stat -c '%a %U' /var/lib/hoist/apps/shop/releases/*/units/web.environment"), "600 root\n");
    settings("for web now");
    let changed = shop.try_deploy(&[]);
    assert!(changed.status == 0 && changed.stdout.contains("beside the code, this changes"), "{changed}");
    assert_eq!(shop.answers("/greeting"), ["for web now"]);
    assert!(shop.try_deploy(&[]).stdout.contains("0 changes"));
}

#[test]
fn webhooks_are_told_and_one_that_fails_or_hangs_fails_nothing() {
    let Some(shop) = Shop::up(1) else { return };
    let heard: Arc<Mutex<Vec<Json>>> = Arc::default();
    let listener = heard.clone();
    let address = serve(move |request: &Request| {
        if request.line.contains("hang") {
            return Answer::Hang;
        }
        listener.lock().expect("no thread panics").push(serde_json::from_str(&request.body).unwrap_or_default());
        Answer::Bytes(if request.line.contains("bad") { 500 } else { 200 }, Vec::new())
    });
    let notify = |names: &str| shop.settings(&format!("app_notify: {names}\n"));
    notify(&format!(
        "{{ json: \"{address}/t0ken/good\", slack: \"{address}/t0ken/hang\", discord: \"{address}/t0ken/bad\", mattermost: \"http://127.0.0.1:9/t0ken\" }}"
    ));
    let run = shop.deploy("one");
    assert!(!format!("{run}").contains("t0ken"), "{run}");
    for form in ["slack was not told", "discord was not told: it answers 500", "mattermost was not told"] {
        assert!(run.stderr.contains(form), "{form}: {run}");
    }
    let take = || std::mem::take(&mut *heard.lock().expect("no thread panics"));
    let events = |told: &[Json]| told.iter().filter_map(|told| told["event"].as_str().map(str::to_string)).collect::<Vec<_>>();
    let told = take();
    assert_eq!(events(&told), ["start", "success"]);
    let start = told.iter().find(|told| told["event"] == "start").expect("it was told");
    assert_eq!(
        (&start["app"], &start["environment"], &start["hosts"][0]),
        (&"shop".into(), &"test".into(), &shop.machines[0].name.as_str().into())
    );
    assert!(told.iter().any(|told| told["content"].as_str().is_some_and(|text| text.contains("is live"))), "{told:?}");

    notify(&format!("{{ json: \"{address}/t0ken/good\" }}"));
    shop.deploy("two");
    assert_eq!(shop.hoist(&["rollback", "env=test", "--yes"]).status, 0);
    shop.machines[0].sh("echo three >/etc/shop-sick");
    notify(&format!("{{ json: \"{address}/t0ken/good\" }}\n{SICK}"));
    shop.commit("three");
    assert_eq!(shop.try_deploy(&[]).status, 3);
    assert_eq!(events(&take()), ["start", "success", "start", "rollback", "start", "failure"]);

    // One that another run keeps from beginning is nothing to tell.
    let lock = "/var/lib/hoist/lock";
    shop.machines[0].sh(&format!("systemd-run -q flock {lock} sleep 600; while flock -n {lock} true; do sleep 0.1; done"));
    assert_eq!(shop.try_deploy(&[]).status, 4);
    assert_eq!(events(&take()), [""; 0]);
}

#[test]
fn the_maintenance_page_is_shown_from_the_migration_to_the_switch_or_as_long_as_somebody_wants() {
    let Some(shop) = Shop::up(2) else { return };
    shop.deploy("one");
    let page = |shop: &Shop| shop.machines.iter().map(|machine| get(&machine.ip, "/").expect("an answer")).collect::<Vec<_>>();
    let on = shop.hoist(&["maintenance", "on", "env=test", "--yes", "--message", "gone <b>fishing</b>, à bientôt"]);
    assert_eq!(on.status, 0, "{on}");
    assert!(
        page(&shop).iter().all(|(status, text)| *status == 503
            && text.contains("<meta charset=utf-8>")
            && text.contains("gone <b>fishing</b>, à bientôt")),
        "{on}"
    );

    let off = shop.hoist(&["maintenance", "off", "env=test", "--yes"]);
    assert_eq!((off.status, shop.answers("/")), (0, shop.each("one")), "{off}");

    // A deploy behind a page that somebody else put there cannot ask the site, and leaves the page.
    shop.hoist(&["maintenance", "on", "env=test", "--yes"]);
    shop.commit("behind");
    let behind = shop.try_deploy(&[]);
    assert!(
        behind.status == 0 && behind.stdout.ends_with("the maintenance page is still on: hoist maintenance off env=test\n"),
        "{behind}"
    );
    assert!(page(&shop).iter().all(|(status, _)| *status == 503), "{behind}");
    shop.hoist(&["maintenance", "off", "env=test", "--yes"]);
    assert_eq!(shop.answers("/"), shop.each("behind"));

    let seen = shop.project.folder.path().join("environments/seen").display().to_string();
    let ask: String = shop
        .machines
        .iter()
        .map(|machine| format!("curl -s -o /dev/null -w '%{{http_code}} ' http://{}/ >>{seen}; ", machine.ip))
        .collect();
    for migrate in ["true", "false"] {
        shop.settings(&format!(
            "app_migrate: sleep 1; {migrate}\napp_local_hooks: {{ before_stage: [{0}], before_migrate: [{0}] }}\n",
            serde_json::json!(ask)
        ));
        shop.commit(migrate);
        let run = shop.try_deploy(&["--maintenance"]);
        assert_eq!(run.status, if migrate == "true" { 0 } else { 3 }, "{run}");
        assert_eq!(shop.answers("/"), shop.each("true"), "the page is gone either way: {run}");
    }
    assert_eq!(std::fs::read_to_string(&seen).expect("it was asked"), "200 200 503 503 ".repeat(2));
}
