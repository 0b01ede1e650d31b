//! Secrets from `.env` files and from Ansible Vault.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::Site;

#[test]
fn a_dotenv_file_is_brought_over() {
    let site = Site::new();
    site.file(
        ".env",
        "# comment\nexport DB_PASSWORD='hunter2000'\nKEY=\"-----BEGIN-----\nabc\n-----END-----\n\"\nAPP_ENV=dev # not prod\n",
    );
    let run = site.run(&["secrets", "import", ".env", "env=prod", "APP_ENV=prod"]).good();
    assert!(run.stdout.contains("imported DB_PASSWORD, KEY, APP_ENV") && !run.all().contains("hunter2000"), "{run}");
    assert_eq!((site.reveal("DB_PASSWORD").as_str(), site.reveal("APP_ENV").as_str()), ("hunter2000", "prod"));
    assert_eq!(site.reveal("KEY"), "-----BEGIN-----\nabc\n-----END-----");
    // Again: nothing to do. With another value: only when it is meant.
    assert!(site.run(&["secrets", "import", ".env", "env=prod", "APP_ENV=prod"]).good().stdout.contains("nothing was changed"));
    site.file(".env", "DB_PASSWORD=hunter4000\nNEW=1\n");
    let run = site.run(&["secrets", "import", ".env", "env=prod"]);
    assert!(run.status == 1 && run.stderr.contains("there already, with other values: DB_PASSWORD"), "{run}");
    site.run(&["secrets", "import", ".env", "env=prod", "NEW"]).good();
    assert_eq!((site.reveal("DB_PASSWORD").as_str(), site.reveal("NEW").as_str()), ("hunter2000", "1"));
    site.run(&["secrets", "import", ".env", "env=prod", "--replace"]).good();
    assert_eq!(site.reveal("DB_PASSWORD"), "hunter4000");
    site.file("bad.env", "A=1\nhunter3000\n");
    let run = site.run(&["secrets", "import", "bad.env", "env=prod"]);
    assert!(run.status == 1 && run.stderr.contains("bad.env:2") && !run.all().contains("hunter3000"), "{run}");
}

/// `ansible-vault` from PyPI, in a folder of this build; `None` when it cannot be had.
fn ansible_vault() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ansible");
    let program = venv.join("bin/ansible-vault");
    if !program.exists() {
        let script = format!("python3 -m venv '{0}' && '{0}/bin/pip' install -q ansible-core", venv.display());
        if !Command::new("sh").args(["-c", &script]).output().is_ok_and(|output| output.status.success()) {
            println!("skipped: ansible-core cannot be installed");
            return None;
        }
    }
    Some(program)
}

#[test]
fn files_and_values_of_ansible_vault_are_brought_over() {
    let Some(program) = ansible_vault() else { return };
    let site = Site::new();
    site.file("password", "open sesame\n");
    let vault = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(site.root()).env("HOME", site.home()).args(args);
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let import = |file: &str, more: &[&str]| {
        let words = [&["secrets", "import", file, "env=prod", "--vault-password-file", "password"], more].concat();
        site.run(&words)
    };
    // A whole file, 1.1, and one with a label, 1.2.
    let vars = "db_password: hunter2000\nsmtp:\n  user: mail\n  password: 'x: y'\nlist: [one two, 3]\nnumber: 5\n";
    site.file("whole.yml", vars);
    vault(&["encrypt", "--vault-password-file", "password", "whole.yml"]);
    assert!(site.read("whole.yml").starts_with(b"$ANSIBLE_VAULT;1.1;AES256"));
    let run = import("whole.yml", &["--vault"]).good();
    assert!(!run.all().contains("hunter2000"), "{run}");
    assert_eq!(site.reveal("db_password"), "hunter2000");
    assert_eq!(site.reveal("smtp"), r#"{"user":"mail","password":"x: y"}"#);
    assert_eq!(site.reveal("list"), r#"["one two",3]"#);
    site.file("labelled.yml", "token: abc12345\n");
    vault(&["encrypt", "--vault-id", "prod@password", "labelled.yml"]);
    assert!(site.read("labelled.yml").starts_with(b"$ANSIBLE_VAULT;1.2;AES256;prod"));
    import("labelled.yml", &[]).good();
    assert_eq!(site.reveal("token"), "abc12345");
    // Any text, as one secret.
    site.file("key.pem", "-----BEGIN-----\nabc\n-----END-----\n");
    vault(&["encrypt", "--vault-password-file", "password", "key.pem"]);
    import("key.pem", &["--as", "tls_key"]).good();
    assert_eq!(site.reveal("tls_key"), "-----BEGIN-----\nabc\n-----END-----");
    // Values among plain ones, which stay where they are; the line that must go is named.
    let value = vault(&["encrypt_string", "--vault-password-file", "password", "--name", "api_key", "s3cret value"]);
    site.file("environments/prod/group_vars/web.yml", &format!("plain: 1\n{value}\n"));
    let run = import("environments/prod/group_vars/web.yml", &[]).good();
    assert!(run.stdout.contains("imported api_key in") && run.stderr.contains("environments/prod/group_vars/web.yml:2"), "{run}");
    assert_eq!(site.reveal("api_key"), "s3cret value");
    // Another password, a flipped byte, a cut.
    site.file("password", "wrong\n");
    let run = import("whole.yml", &[]);
    assert!(run.status == 1 && run.stderr.contains("the password is not the one"), "{run}");
    site.file("password", "open sesame\n");
    let text = String::from_utf8(site.read("whole.yml")).expect("text");
    site.file("cut.yml", &text[..text.len() / 2]);
    assert_eq!(import("cut.yml", &[]).status, 1);
    let at = text.len() - 20;
    let other = if &text[at..=at] == "3" { "4" } else { "3" };
    site.file("flipped.yml", &format!("{}{other}{}", &text[..at], &text[at + 1..]));
    assert_eq!(import("flipped.yml", &[]).status, 1);
}
