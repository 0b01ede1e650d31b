//! Bad input: every error says what is wrong and what to do, and nothing of a damaged file is used.

use std::os::unix::fs::PermissionsExt;

use crate::site::{Site, said};

#[test]
fn without_an_identity_it_says_who_could_open_it() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let stranger = site.root().parent().expect("a folder").join("stranger");
    let run = site.run_as(&stranger, &["secrets", "show", "env=prod"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("you have no identity") && run.stderr.contains("it is for tester (age1"), "{run}");
    let (other, public) = site.person("other");
    let run = site.run_as(&other, &["secrets", "show", "env=prod"]);
    assert!(run.stderr.contains("not for any of your identities") && run.stderr.contains(&public), "{run}");
    // An offline check says what it could not look at, and is no failure; a plan is one.
    let run = site.run_as(&stranger, &["check"]);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stderr.contains("`prod` was not checked") && run.stdout.contains("dev: 1 host"), "{run}");
    assert_eq!(site.run_as(&stranger, &["plan", "env=prod"]).status, 1);
    assert_eq!(site.run_as(&stranger, &["explain", "password", "env=prod"]).status, 1);
}

// V07
#[test]
fn an_identity_that_others_can_read_is_refused() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let path = site.identity();
    let named = path.display().to_string();
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("writable");
        let run = site.run(&["secrets", "show", "env=prod", "--identity", &named]);
        assert_eq!(run.status, 1, "{run}");
        assert!(run.stderr.contains("can be read by others") && run.stderr.contains("chmod 600"), "{run}");
        let run = site.run(&["secrets", "show", "env=prod"]);
        assert!(run.stderr.contains("can be read by others"), "the usual one, too: {run}");
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("writable");
    // Through a link, from standard input, from a descriptor, from the environment.
    let link = site.root().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    let empty = site.root().join("nobody");
    std::fs::create_dir(&empty).expect("writable");
    let key = std::fs::read(&path).expect("readable");
    site.run_as(&empty, &["secrets", "show", "env=prod", "--identity", &link.display().to_string()]).good();
    site.run_with(&["secrets", "show", "env=prod", "--identity", "-"], &key).good();
    let hoist = env!("CARGO_BIN_EXE_hoist");
    let script = format!("{hoist} secrets show env=prod --identity /dev/fd/5 5<'{named}'");
    said(site.command("sh").args(["-c", &script]).env("HOME", &empty)).good();
    said(site.hoist().args(["secrets", "show", "env=prod"]).env("HOME", &empty).env("HOIST_IDENTITY", &path)).good();
    let run = said(site.hoist().args(["secrets", "show", "env=prod"]).env("HOIST_IDENTITY", "/no/such/file"));
    assert!(run.status == 1 && run.stderr.contains("/no/such/file cannot be read"), "{run}");
    let run = said(
        site.hoist()
            .args(["secrets", "show", "env=prod"])
            .env("HOIST_IDENTITY", String::from_utf8_lossy(&key).lines().nth(1).expect("the key")),
    );
    assert!(run.status == 1 && run.stderr.contains("named by its file") && !run.all().contains("AGE-SECRET-KEY-1"), "{run}");
}

#[test]
fn what_is_no_encrypted_file_is_told_from_one_that_is_damaged() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let good = String::from_utf8(site.secrets()).expect("armour");
    let lines: Vec<&str> = good.lines().collect();
    let cases = [
        ("password: hunter2000\n".to_string(), "is not encrypted"),
        (format!("<<<<<<< HEAD\n{good}=======\n{good}>>>>>>> other\n"), "conflict markers"),
        (format!("{}\n<<<<<<< HEAD\n{}\n", lines[0], lines[1..].join("\n")), "conflict markers"),
        (lines[..lines.len() - 1].join("\n"), "is damaged"),
        (String::new(), "is not encrypted"),
    ];
    for (text, expected) in cases {
        site.file("environments/prod/secrets.age", &text);
        for args in [&["secrets", "show", "env=prod"][..], &["check"], &["secrets", "edit", "env=prod"]] {
            let run = site.run(args);
            assert_eq!(run.status, 1, "{run}");
            assert!(run.stderr.contains(expected), "{expected}: {run}");
            assert!(!run.all().contains("hunter2000"), "{run}");
        }
    }
}

// V11
#[test]
fn the_file_of_another_environment_is_refused() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    std::fs::copy(site.path("environments/prod/recipients.txt"), site.path("environments/dev/recipients.txt")).expect("copied");
    std::fs::copy(site.path("environments/prod/secrets.age"), site.path("environments/dev/secrets.age")).expect("copied");
    for args in [&["secrets", "show", "env=dev"][..], &["plan", "env=dev"], &["secrets", "generate", "x", "env=dev"], &["check"]] {
        let run = site.run(args);
        assert_eq!(run.status, 1, "{run}");
        assert!(run.stderr.contains("holds the secrets of the environment `prod`"), "{run}");
    }
    let editor = site.script("editor", "sed -i '1s/prod/dev/' \"$1\"\n");
    said(site.hoist().env("EDITOR", editor).args(["secrets", "edit", "env=dev"])).good();
    site.run(&["secrets", "show", "env=dev"]).good();
}

// V08
#[test]
fn recipients_are_checked_line_by_line() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    let before = site.secrets();
    let cases = [
        ("", "nobody is named"),
        ("# only\n\n# comments\n", "nobody is named"),
        ("age1nonsense\n", "this is no public key"),
        ("age1x/../y1qqqq\n", "no"),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t\n", "plugins cannot be used"),
        ("ssh-ed25519 AAAA\n", "is damaged"),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNh x\n", "cannot decrypt"),
        ("AGE-SECRET-KEY-1QQQQ\n", "private key"),
    ];
    for (text, expected) in cases {
        site.file("environments/prod/recipients.txt", text);
        let run = site.run_with(&["secrets", "set", "other", "env=prod"], b"x\n");
        assert_eq!(run.status, 1, "{run}");
        assert!(run.stderr.contains(expected) && run.stderr.contains("recipients.txt"), "{expected}: {run}");
        assert_eq!(site.secrets(), before);
    }
}

#[test]
fn a_name_in_secrets_and_in_plain_variables_is_an_error_at_both_places() {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    site.file("environments/prod/group_vars/web.yml", "user: app\npassword: plain\n");
    let run = site.run(&["check", "env=prod"]);
    assert_eq!(run.status, 1, "{run}");
    for part in ["set both in the secrets and in plain variables", "group_vars/web.yml:2", "secrets.age:2", "the plain one", "the secret"] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    assert!(!run.all().contains("hunter2000"), "{run}");
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let site = Site::new();
    let run = site.run(&["secrets", "set", "password=hunter2000", "env=prod"]);
    assert!(run.status == 1 && run.stderr.contains("history of your shell") && !run.all().contains("hunter2000"), "{run}");
}

// Z03, V09
#[test]
fn a_flipped_or_cut_file_is_never_accepted() {
    use hoist::secret::{Identities, Recipient, age_file, identity};
    let (private, public) = identity::generate();
    let identities = Identities::of_texts(&[private.expose().clone()], &[]);
    let recipients = [Recipient::parse(&public).expect("a key")];
    let file = age_file::encrypt(b"password: hunter2000\n", &recipients).expect("a recipient").into_bytes();
    let opened = |file: &[u8]| age_file::decrypt(file, &identities).map(|plaintext| plaintext.expose().clone());
    let good = opened(&file).expect("the negative control");
    for at in 0..file.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut flipped = file.clone();
            flipped[at] ^= bit;
            if let Ok(plaintext) = opened(&flipped) {
                // The line end behind the last line may be any white space.
                assert!(at + 1 == file.len() && plaintext == good, "byte {at}, bit {bit:x}");
            }
        }
    }
    for length in 0..file.len() - 1 {
        assert!(opened(&file[..length]).is_err(), "cut at {length}");
    }
}
