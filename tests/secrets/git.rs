//! git: diffs that can be read, merges by name, no plain secrets in a commit.

use std::process::Command;

use crate::site::{Run, Site, has, said};

fn git(site: &Site, args: &[&str]) -> Run {
    let mut command: Command = site.command("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]).args(args);
    said(&mut command)
}

fn site() -> Option<Site> {
    if !has("git") {
        return None;
    }
    let site = Site::new();
    git(&site, &["init", "-q", "-b", "main"]).good();
    site.run(&["secrets", "git-setup"]).good();
    site.set("one", "hunter1000\n");
    site.set("two", "hunter2000\n");
    git(&site, &["add", "."]).good();
    git(&site, &["commit", "-qm", "start"]).good();
    Some(site)
}

#[test]
fn diffs_and_logs_show_names_and_no_values() {
    let Some(site) = site() else { return };
    site.set("two", "changed-value\n");
    site.set("three", "hunter3000\n");
    let diff = git(&site, &["diff"]).good();
    let lines: Vec<&str> = diff
        .stdout
        .lines()
        .filter(|line| line.starts_with(['+', '-', ' ']) && !line.starts_with("+++") && !line.starts_with("---"))
        .collect();
    assert_eq!(lines.len(), 4, "{diff}");
    assert!(
        lines[0].starts_with(" one: (secret ") && lines[1].starts_with("-two: (secret ") && lines[2].starts_with("+two: (secret "),
        "{diff}"
    );
    assert!(lines[3].starts_with("+three: (secret ") && lines[1][1..] != lines[2][1..], "{diff}");
    git(&site, &["commit", "-qam", "next"]).good();
    let log = git(&site, &["log", "-p"]).good();
    assert!(log.stdout.contains("+three: (secret "), "{log}");
    for secret in ["hunter1000", "hunter2000", "changed-value", "hunter3000"] {
        assert!(!diff.all().contains(secret) && !log.all().contains(secret), "{log}");
    }
    let run = site.run(&["secrets", "diff", "env=prod", "--since", "HEAD~1"]).good();
    assert_eq!(run.stdout, "~ two\n+ three\n");
    assert_eq!(site.run(&["secrets", "diff", "env=prod"]).good().stdout, "the same as in HEAD\n");
    // Somebody without a key sees that it changed, and git goes on.
    let nobody = site.root().join("nobody");
    std::fs::create_dir(&nobody).expect("writable");
    let log = said(site.command("git").args(["log", "-p"]).env("HOME", &nobody)).good();
    assert!(log.stdout.contains("(encrypted for others"), "{log}");
    // Who asks for it sees the values.
    site.run(&["secrets", "git-setup", "--reveal"]).good();
    assert!(git(&site, &["log", "-p"]).good().stdout.contains("+three: \"hunter3000\""));
}

#[test]
fn branches_that_add_different_secrets_merge() {
    let Some(site) = site() else { return };
    git(&site, &["checkout", "-qb", "other"]).good();
    site.set("theirs", "their-value\n");
    git(&site, &["commit", "-qam", "theirs"]).good();
    git(&site, &["checkout", "-q", "main"]).good();
    site.set("ours", "our-value\n");
    site.run(&["secrets", "unset", "two", "env=prod"]).good();
    git(&site, &["commit", "-qam", "ours"]).good();
    let run = git(&site, &["merge", "-q", "-m", "both", "other"]).good();
    assert!(!run.all().contains("their-value"), "{run}");
    assert_eq!(
        (site.reveal("ours").as_str(), site.reveal("theirs").as_str(), site.reveal("one").as_str()),
        ("our-value", "their-value", "hunter1000")
    );
    assert_eq!(site.run(&["secrets", "show", "env=prod", "two"]).status, 1);
}

#[test]
fn the_same_secret_on_both_sides_is_a_conflict_that_names_it() {
    let Some(site) = site() else { return };
    git(&site, &["checkout", "-qb", "other"]).good();
    site.set("two", "their-value\n");
    git(&site, &["commit", "-qam", "theirs"]).good();
    git(&site, &["checkout", "-q", "main"]).good();
    site.set("two", "our-value\n");
    git(&site, &["commit", "-qam", "ours"]).good();
    let run = git(&site, &["merge", "other"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.all().contains("both sides changed `two`") && !run.all().contains("-value"), "{run}");
    let run = site.run(&["check", "env=prod"]);
    assert!(run.status == 1 && run.stderr.contains("a merge conflict was left") && run.stderr.contains("`two`"), "{run}");
    let editor = site.script("editor", "grep -q their-value \"$1\" && grep -q our-value \"$1\" && sed -i -e '/^<<<<<<</d' -e '/our-value/d' -e '/^=======/d' -e '/^>>>>>>>/d' \"$1\"\n");
    site.edit(&editor.display().to_string()).good();
    assert_eq!(site.reveal("two"), "their-value");
    git(&site, &["commit", "-qam", "settled"]).good();
}

#[test]
fn a_commit_with_plain_secrets_is_refused() {
    let Some(site) = site() else { return };
    let cases = [
        ("environments/prod/secrets.age", "one: hunter1000\n".to_string(), "is not encrypted"),
        ("environments/prod/secrets.yml", "one: hunter1000\n".to_string(), "in the clear"),
        ("notes", std::fs::read_to_string(site.identity()).expect("readable"), "private key of age"),
    ];
    for (path, text, why) in cases {
        let before = site.path(path).exists().then(|| site.read(path));
        site.file(path, &text);
        git(&site, &["add", path]).good();
        let run = git(&site, &["commit", "-qm", "oops"]);
        assert_eq!(run.status, 1, "{run}");
        assert!(run.stderr.contains(path) && run.stderr.contains(why) && run.stderr.contains("git rm --cached"), "{run}");
        match before {
            Some(bytes) => std::fs::write(site.path(path), bytes).expect("writable"),
            None => std::fs::remove_file(site.path(path)).expect("writable"),
        }
        git(&site, &["add", "-A"]).good();
    }
    site.file("notes", "harmless\n");
    git(&site, &["add", "."]).good();
    git(&site, &["commit", "-qm", "fine"]).good();
}

#[test]
fn a_hook_that_is_there_is_left_alone() {
    if !has("git") {
        return;
    }
    let site = Site::new();
    git(&site, &["init", "-q", "-b", "main"]).good();
    site.file(".git/hooks/pre-commit", "#!/bin/sh\ntrue\n");
    let run = site.run(&["secrets", "git-setup"]).good();
    assert!(run.stderr.contains("add this line"), "{run}");
    assert_eq!(site.read(".git/hooks/pre-commit"), b"#!/bin/sh\ntrue\n");
    let attributes = site.read(".gitattributes");
    site.run(&["secrets", "git-setup"]).good();
    assert_eq!(site.read(".gitattributes"), attributes, "twice is as once");
}

#[test]
fn a_new_project_in_a_repository_is_set_up() {
    if !has("git") {
        return;
    }
    let site = Site::new();
    std::fs::create_dir(site.path("new")).expect("writable");
    said(site.command("git").args(["init", "-q", "-b", "main", "new"])).good();
    site.run(&["init", "new"]).good();
    assert!(String::from_utf8_lossy(&site.read("new/.gitattributes")).contains("merge=hoist-secrets"));
    assert!(site.path("new/.git/hooks/pre-commit").exists());
}
