//! Where a release comes from: a repository over SSH and HTTPS, the commit that lies here, an archive.

use std::process::Command;

use hoist::secret::{Recipient, age_file, identity};

use super::forge;
use super::shop::Shop;
use crate::machine::{Run, text};

const CANARY: &str = "canary-4Kx2-plugh";

/// Writes these secrets; the option that opens them.
fn secrets(shop: &Shop, text: &str) -> String {
    let (private, public) = identity::generate();
    let encrypted = age_file::encrypt(text.as_bytes(), &[Recipient::parse(&public).expect("a key")]).expect("a recipient");
    shop.project.file("environments/test/secrets.age", &encrypted);
    shop.project.file("environments/test/recipients.txt", &format!("{public}\n"));
    shop.project.file("identity", private.expose());
    let path = shop.project.folder.path().join("identity");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("writable");
    format!("--identity={}", path.display())
}

fn good(run: Run) -> Run {
    assert_eq!(run.status, 0, "{run}");
    assert!(!format!("{run}").contains(CANARY), "{run}");
    run
}

#[test]
fn releases_come_from_a_repository_over_ssh_and_https_with_a_database() {
    let Some(mut shop) = Shop::with_database(2) else { return };
    let folder = shop.project.folder.path().to_path_buf();
    let file = folder.join("environments/deploy_key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", CANARY, "-f"]).arg(&file).status();
    assert!(made.is_ok_and(|made| made.success()));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a key");
    let forge = forge::up(&shop, &read(&file.with_extension("pub")));
    let indented = read(&file).lines().map(|line| format!("  {line}\n")).collect::<String>();
    let with = |greeting: &str| format!("app_deploy_key: |\n{indented}greeting: {greeting}\n");
    let opened = secrets(&shop, &with(&format!("{CANARY} one")));
    shop.settings(&format!("app_repo: git@{}:/srv/git/shop.git\napp_accept_newhostkey: true\n", forge.ip));
    shop.project.file("group_vars/all.yml", &read(&folder.join("group_vars/all.yml")).replace("greeting: hello\n", ""));
    good(shop.hoist(&["provision", "env=test", "--yes", &opened]));
    let deploy = |shop: &Shop, words: &[&str]| good(shop.hoist(&[&["deploy", "env=test", "--yes", &opened], words].concat()));

    deploy(&shop, &[]);
    assert_eq!(shop.answers("/"), shop.each("one"));
    assert_eq!(shop.answers("/items"), shop.each("2"), "it was migrated");
    assert_eq!(shop.machines[0].sh("stat -c '%a %U' /srv/shop/cache/deploy_key /srv/shop/current/.env"), "600 app\n600 app\n");
    let again = deploy(&shop, &[]);
    assert!(again.stdout.contains("0 changes"), "{again}");

    // A host that comes later gets the release that the others have, by its name.
    shop.add();
    good(shop.hoist(&["provision", "env=test", "--yes", &opened]));
    deploy(&shop, &[]);
    let live: Vec<String> = shop.machines.iter().map(|machine| machine.sh("readlink /srv/shop/current")).collect();
    assert!(live[0].starts_with("releases/1-") && live.iter().all(|id| *id == live[0]), "{live:?}");

    // What is not in the repository makes a release, too; the secret in it is shown nowhere.
    let opened = secrets(&shop, &with(&format!("{CANARY} two")));
    let deploy = |shop: &Shop, words: &[&str]| good(shop.hoist(&[&["deploy", "env=test", "--yes", &opened], words].concat()));
    let changed = deploy(&shop, &[]);
    assert!(changed.stdout.contains("GREETING") && changed.stdout.contains(".env"), "{changed}");
    assert_eq!(shop.answers("/greeting"), shop.each(&format!("{CANARY} two")));

    // Over HTTPS, from a server that only these hosts trust.
    forge::trust(&shop, &forge);
    shop.project.file(".gitmodules", "");
    shop.commit("two");
    shop.git(&["tag", "v2"]);
    shop.git(&["push", "-q", "origin", "main", "v2"]);
    shop.settings("app_repo: https://forge.test/shop.git\n");
    let two = deploy(&shop, &["--git-version", "v2"]);
    assert!(two.stdout.contains("1 new commit") && two.stdout.contains("version two"), "{two}");
    assert!(two.stdout.contains("it names submodules (.gitmodules), whose files no release gets"), "{two}");
    assert_eq!(shop.answers("/"), shop.each("two"));
    let same = deploy(&shop, &["git_version=main"]);
    assert!(same.stdout.contains("0 changes"), "{same}");

    // A commit that is not there is told of before anything is done.
    let missing = "0123456789abcdef0123456789abcdef01234567";
    let before = shop.machines[0].sh("cat /var/lib/hoist/apps/shop/ledger");
    let refused = shop.hoist(&["deploy", "env=test", "--yes", &opened, "--git-version", missing]);
    assert!(refused.status == 1 && refused.stderr.contains(&format!("`https://forge.test/shop.git` has no commit {missing}")), "{refused}");
    assert_eq!(shop.machines[0].sh("cat /var/lib/hoist/apps/shop/ledger"), before);

    // G01: what can be altered on the way is refused before any host is contacted.
    shop.settings("app_repo: http://forge.test/shop.git\n");
    let refused = shop.hoist(&["deploy", "env=test", "--yes", &opened]);
    assert!(refused.status == 1 && refused.stderr.contains("can be altered on the way"), "{refused}");
}

/// A .tar.gz of what was committed last, all in one folder, as forges make them.
fn archive(shop: &Shop, name: &str) -> std::path::PathBuf {
    let path = shop.project.folder.path().join("environments").join(name);
    shop.git(&["archive", "--format=tar.gz", "--prefix=shop-1/", "-o", &path.display().to_string(), "HEAD"]);
    path
}

#[test]
fn releases_come_from_here_and_from_archives() {
    let Some(shop) = Shop::up(2) else { return };
    shop.deploy("one");
    let same = shop.try_deploy(&[]);
    assert!(same.status == 0 && same.stdout.contains("0 changes"), "{same}");

    shop.commit("two");
    let file = archive(&shop, "two.tar.gz").display().to_string();
    let sum = text(&Command::new("sha256sum").arg(&file).output().expect("sha256sum runs").stdout);
    let (sum, _) = sum.split_once(' ').expect("a sum");
    let deploy = |words: &[&str]| shop.hoist(&[&["deploy", "env=test", "--yes"], words].concat());
    let wrong = deploy(&["--archive", &file, "--sha256", &sum.replace(char::is_numeric, "0")]);
    assert!(wrong.status == 1 && wrong.stderr.contains("SHA-256"), "{wrong}");
    assert_eq!(shop.answers("/"), shop.each("one"));
    let two = deploy(&["--archive", &file, "--sha256", sum]);
    assert_eq!((two.status, shop.answers("/")), (0, shop.each("two")), "{two}");
    assert!(deploy(&["--archive", &file]).stdout.contains("0 changes"));

    // From an address: a web server beside this test.
    shop.commit("three");
    let bytes = std::fs::read(archive(&shop, "three.tar.gz")).expect("an archive");
    let sum = hoist::shell::sha256(&bytes);
    let address = super::web::serve(move |_| super::web::Answer::Bytes(200, bytes.clone()));
    let place = format!("{address}/shop/three.tar.gz?token={CANARY}");
    let altered = deploy(&["--archive", &place]);
    assert!(altered.status == 1 && altered.stderr.contains("can be altered on the way"), "{altered}");
    shop.machines[1].sh("echo three >/etc/shop-sick");
    let sick = deploy(&["--archive", &place, "--sha256", &sum]);
    assert!(
        sick.status == 3 && sick.stdout.contains("/shop/three.tar.gz?...") && sick.stdout.contains(&format!("--sha256={sum}")),
        "{sick}"
    );
    assert!(!format!("{sick}").contains(CANARY), "{sick}");
    shop.machines[1].sh("rm /etc/shop-sick");
    let three = deploy(&["--archive", &place, "--sha256", &sum]);
    assert_eq!((three.status, shop.answers("/")), (0, shop.each("three")), "{three}");
    let listed = shop.hoist(&["releases", "env=test"]);
    assert!(listed.stdout.contains("three.tar.gz") && !format!("{three}{listed}").contains(CANARY), "{three}{listed}");
}
