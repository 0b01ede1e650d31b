//! Packages of Python and Node: kept between releases until what they are made from changes. Nothing is fetched from far.

use super::shop::Shop;

/// Makes a wheel of the package `thing`, whose command says a text.
const WHEEL: &str = r#"
import sys, zipfile
path, version, text = sys.argv[1:]
with zipfile.ZipFile(f"{path}/thing-{version}-py3-none-any.whl", "w") as wheel:
    info = f"thing-{version}.dist-info"
    wheel.writestr("thing.py", f"TEXT = {text!r}\n")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
"#;

fn wheel(folder: &str, version: &str, text: &str) -> String {
    format!("install -d {folder}; python3 - {folder} {version} '{text}' <<'END'\n{WHEEL}END")
}

#[test]
fn python_packages_are_kept_until_what_they_are_made_from_changes() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    machine.sh(&wheel("/srv/wheels", "1.0", "first"));
    machine.sh(&wheel("/srv/wheels", "2.0", "second"));
    shop.settings(
        "app_python_requirements: [requirements.txt]\napp_build:\n  - node build.js\n  - .venv/bin/python -c 'import thing; print(thing.TEXT)' >thing\n",
    );
    let requirements = |text: &str| shop.project.file("requirements.txt", &format!("--no-index\n--find-links /srv/wheels\n{text}"));
    let thing = || machine.sh("cat /srv/shop/current/thing");
    let kept = || machine.sh("ls -d /srv/shop/cache/venv-* | wc -l");
    requirements("thing # in a version that the other file says\n-c more/constraints.txt\n");
    shop.project.file("more/constraints.txt", "thing==1.0\n");
    shop.deploy("one");
    assert_eq!((thing(), kept()), ("first\n".to_string(), "1\n".to_string()));

    // Nothing is installed a second time: there is nothing to install it from.
    machine.sh("mv /srv/wheels /srv/away");
    shop.deploy("two");
    assert_eq!((thing(), kept()), ("first\n".to_string(), "1\n".to_string()));
    machine.sh("mv /srv/away /srv/wheels");

    // A file that it names has changed.
    shop.project.file("more/constraints.txt", "thing==2.0\n");
    shop.deploy("three");
    assert_eq!((thing(), kept()), ("second\n".to_string(), "2\n".to_string()));

    // What lies in the release may change under the same name and version.
    requirements("./wheels/thing-1.0-py3-none-any.whl\n");
    for text in ["third", "fourth"] {
        let made =
            std::process::Command::new("sh").args(["-c", &wheel("wheels", "1.0", text)]).current_dir(shop.project.folder.path()).status();
        assert!(made.is_ok_and(|made| made.success()));
        shop.deploy(text);
        assert_eq!(thing(), format!("{text}\n"));
    }
    let back = shop.hoist(&["rollback", "env=test", "--yes"]);
    assert_eq!(
        (back.status, machine.sh("cd /srv/shop/current; .venv/bin/python -c 'import thing; print(thing.TEXT)'")),
        (0, "third\n".to_string())
    );
}

/// What `npm ci` does as far as this test goes: it needs both files, and says so in what it makes.
const NPM: &str = r#"#!/bin/sh
test "$1" = ci && test -e package-lock.json && mkdir node_modules && cp package.json node_modules/made
"#;

#[test]
fn node_packages_belong_to_the_folder_of_their_lock() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    machine.sh(&format!("cat >/usr/local/bin/npm <<'END'\n{NPM}END\nchmod +x /usr/local/bin/npm"));
    shop.settings("app_node_lock: front/package-lock.json\napp_keep: 1\n");
    shop.project.file("front/package.json", "{ \"name\": \"front\" }\n");
    shop.project.file("front/package-lock.json", "{}\n");
    for version in ["one", "two", "three"] {
        shop.deploy(version);
        assert_eq!(machine.sh("cat /srv/shop/current/front/node_modules/made"), "{ \"name\": \"front\" }\n");
        assert_eq!(machine.sh("ls /srv/shop/cache | grep -c ^node-"), "1\n");
    }
    shop.project.file("front/package.json", "{ \"name\": \"other\" }\n");
    shop.deploy("four");
    assert_eq!(machine.sh("cat /srv/shop/current/node_modules/made"), "{ \"name\": \"other\" }\n");
    shop.deploy("five");
    assert_eq!(machine.sh("ls /srv/shop/cache | grep -c ^node-"), "1\n", "the other one went with the release");
}
