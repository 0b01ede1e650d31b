//! What is older than the live release, or may be: told, asked for where it is protected, and remembered for the way back.

use super::shop::Shop;

/// The shop's folder as one in which nobody has fetched for long: what came after `commit` is not there.
fn forget(shop: &Shop, commit: &str) {
    shop.git(&["reset", "-q", "--hard", commit]);
    shop.git(&["reflog", "expire", "--expire=now", "--all"]);
    shop.git(&["gc", "-q", "--prune=now"]);
}

#[test]
fn what_cannot_be_compared_with_what_is_live_may_be_older() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings("app_migrate: 'true'\napp_migrations: migrations\n");
    let plays = "plays:\n  - hosts: web\n    roles: [nginx, app]\n";
    shop.project.file("hoist.yml", &format!("{plays}environments:\n  test: {{ protected: true }}\n"));
    let deploy = |words: &[&str]| shop.hoist(&[&["deploy", "env=test", "--yes=test", "--from-local"], words].concat());
    let first = shop.commit("one");
    let run = deploy(&[]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("one")), "nothing is live, so nothing is older: {run}");
    shop.commit("two");
    let run = deploy(&[]);
    assert!(run.status == 0 && run.stdout.contains("no new migrations"), "{run}");

    // Another one is live on one host alone, and it is the second.
    shop.commit("three");
    let last = shop.machines[1].name.clone();
    let run = deploy(&["--limit", &last]);
    assert_eq!((run.status, shop.answers("/")), (0, vec!["two".to_string(), "three".to_string()]), "{run}");
    shop.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let run = deploy(&["--redeploy"]);
    assert!(run.status == 1 && run.stderr.contains("is older than what is live in `test`, which is protected"), "{run}");

    // Nothing at all is known of what is live.
    forget(&shop, &first);
    let run = deploy(&[]);
    assert!(run.status == 1 && run.stderr.contains("is not known") && run.stderr.contains("does not have that commit"), "{run}");
    assert_eq!(shop.answers("/"), ["two", "three"]);
    let run = deploy(&["--allow-older"]);
    assert!(run.status == 0 && run.stdout.contains("not known whether it is newer than what is live"), "{run}");
    assert!(run.stdout.contains("nobody knows which migrations are new"), "{run}");
    assert_eq!(shop.answers("/"), shop.each("one"));
    let run = shop.hoist(&["rollback", "env=test", "--yes=test", &format!("--limit={last}")]);
    assert!(run.status == 1 && run.stderr.contains("the database was migrated"), "{run}");
}
