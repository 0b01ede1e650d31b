//! The editor: whatever goes wrong, the old secrets are intact and what was typed is not lost. V05.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use crate::site::Site;

fn site() -> Site {
    let site = Site::new();
    site.set("password", "hunter2000\n");
    site
}

/// What is left behind in memory and in the temporary folder.
fn rooms(site: &Site) -> Vec<String> {
    let folders = [site.runtime.path().to_path_buf(), site.root().parent().expect("a folder").join("tmp")];
    let names = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    names.map(|entry| entry.path().display().to_string()).filter(|path| path.contains("hoist-edit.")).collect()
}

#[test]
fn unchanged_text_leaves_the_file_byte_for_byte() {
    let site = site();
    let before = site.secrets();
    let run = site.edit("true").good();
    assert!(run.stdout.contains("nothing was changed"), "{run}");
    assert_eq!(site.secrets(), before);
}

#[test]
fn the_text_is_in_a_private_folder_in_memory_and_gone_afterwards() {
    let site = site();
    let seen = site.root().join("seen");
    let editor = site.script(
        "editor",
        &format!("d=$(dirname \"$1\"); {{ stat -c '%a %n' \"$d\" \"$1\"; stat -f -c %T \"$1\"; cat \"$1\"; cp \"$1\" \"$1~\"; }} > {}; echo 'new: 1' >> \"$1\"\n", seen.display()),
    );
    site.edit(&editor.display().to_string()).good();
    let seen = std::fs::read_to_string(seen).expect("the editor ran");
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines[0].starts_with("700 ") && lines[1].starts_with("600 ") && lines[2] == "tmpfs", "{seen}");
    assert!(seen.contains("hunter2000"), "{seen}");
    let folder = lines[0].split(' ').nth(1).expect("a path");
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
    assert_eq!(site.reveal("new"), "1");
}

#[test]
fn a_killed_edit_is_swept_by_the_next_command() {
    let site = site();
    let seen = site.root().join("seen");
    let editor = site.script("editor", &format!("dirname \"$1\" > {}; kill -9 $PPID; sleep 0.2\n", seen.display()));
    let before = site.secrets();
    assert_eq!(site.edit(&editor.display().to_string()).status, -1);
    let folder = std::fs::read_to_string(seen).expect("the editor ran");
    assert!(rooms(&site).contains(&folder.trim().to_string()), "the negative control: a killed edit leaves its folder");
    assert_eq!(site.secrets(), before);
    site.run(&["secrets", "show", "env=prod"]).good();
    assert!(!rooms(&site).contains(&folder.trim().to_string()));
}

#[test]
fn an_editor_that_fails_or_is_killed_changes_nothing_and_loses_nothing() {
    for end in ["exit 1", "kill -9 $$"] {
        let site = site();
        let before = site.secrets();
        let editor = site.script("editor", &format!("echo 'typed: precious' >> \"$1\"; {end}\n"));
        let run = site.edit(&editor.display().to_string());
        assert_eq!(run.status, 1, "{run}");
        assert!(run.stderr.contains("nothing was saved") && run.stderr.contains("secrets.draft.age"), "{run}");
        assert!(!run.all().contains("precious"), "{run}");
        assert_eq!(site.secrets(), before);
        // The next edit begins with it.
        let run = site.edit("true").good();
        assert!(run.stderr.contains("beginning with what was kept"), "{run}");
        assert_eq!(site.reveal("typed"), "precious");
        assert!(!site.path("environments/prod/secrets.draft.age").exists());
    }
    let site = site();
    let before = site.secrets();
    let run = site.edit(&site.script("editor", "rm -f \"$1\"\n").display().to_string());
    assert_eq!((run.status, site.secrets()), (1, before), "{run}");
    let run = site.edit("/no/such/editor");
    assert!(run.stderr.contains("cannot be started"), "{run}");
}

#[test]
fn a_mistake_opens_the_editor_again_with_the_text_as_it_was_left() {
    let site = site();
    let editor = site.script(
        "editor",
        "if grep -q broken \"$1\"; then sed -i 's/^broken.*/fixed: yes it is/' \"$1\"; else echo 'broken: [1' >> \"$1\"; fi\n",
    );
    let run = site.edit(&editor.display().to_string()).good();
    assert!(run.stderr.contains("invalid YAML") && run.stderr.contains("line 3"), "{run}");
    assert_eq!(site.reveal("fixed"), "yes it is");
    // One that stays is given up in the end, and kept.
    let stubborn = site.script("stubborn", "grep -q broken \"$1\" || echo 'broken: [1' >> \"$1\"\n");
    let before = site.secrets();
    let run = site.edit(&stubborn.display().to_string());
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("given up") && run.stderr.contains("is kept"), "{run}");
    assert_eq!(site.secrets(), before);
}

#[test]
fn of_two_editors_at_once_the_second_one_overwrites_nothing() {
    let site = site();
    let inner = site.script("inner", "echo 'first: 1' >> \"$1\"\n");
    let outer = site.script(
        "outer",
        &format!("echo 'second: 2' >> \"$1\"; EDITOR={} {} secrets edit env=prod\n", inner.display(), env!("CARGO_BIN_EXE_hoist")),
    );
    let run = site.edit(&outer.display().to_string());
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("changed by somebody else") && run.stderr.contains("is kept"), "{run}");
    assert_eq!(site.reveal("first"), "1");
    assert!(site.run(&["secrets", "show", "env=prod", "second"]).stderr.contains("there is no secret `second`"));
}

#[test]
fn a_full_disk_at_save_leaves_the_old_file() {
    let site = site();
    // A small file system for the environment; root alone can make one.
    let folder = site.path("environments/prod");
    let kept = site.root().join("kept");
    std::fs::rename(&folder, &kept).expect("writable");
    std::fs::create_dir(&folder).expect("writable");
    let mount = |script: &str| site.command("sh").args(["-c", script]).output().is_ok_and(|output| output.status.success());
    if !mount(&format!("mount -t tmpfs -o size=128k tmpfs '{0}' && cp -r '{1}'/. '{0}'", folder.display(), kept.display())) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let before = site.secrets();
    let editor =
        site.script("editor", &format!("echo 'more: precious' >> \"$1\"; cat /dev/zero > '{}/fill' 2>/dev/null; true\n", folder.display()));
    let run = site.edit(&editor.display().to_string());
    let intact = site.secrets() == before;
    let left: Vec<String> =
        std::fs::read_dir(&folder).expect("readable").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    std::fs::remove_file(folder.join("fill")).expect("writable");
    let again = site.edit("true");
    let value = site.reveal("more");
    assert!(mount(&format!("umount '{}'", folder.display())));
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stderr.contains("cannot be written") && run.stderr.contains("is kept, encrypted"), "{run}");
    assert!(intact && !left.iter().any(|name| name.starts_with(".hoist-")), "{left:?}");
    assert_eq!((again.status, value.as_str()), (0, "precious"), "{again}");
}

// V04
#[test]
fn a_process_that_holds_secrets_leaves_no_core() {
    let site = site();
    // The negative control: this machine writes cores at all.
    let control = site.command("sh").args(["-c", "ulimit -c unlimited; kill -ABRT $$"]).status().expect("sh runs");
    if !control.core_dumped() {
        println!("skipped: this machine writes no core files");
        return;
    }
    let editor = site.script("editor", "kill -ABRT $PPID; sleep 0.2\n");
    let script = format!("ulimit -c unlimited; exec {} secrets edit env=prod", env!("CARGO_BIN_EXE_hoist"));
    let status = site.command("sh").args(["-c", &script]).env("EDITOR", editor).status().expect("sh runs");
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
}

// V07
#[test]
fn an_open_or_a_closed_umask_changes_no_mode() {
    for mask in ["000", "077"] {
        let site = Site::new();
        let hoist = env!("CARGO_BIN_EXE_hoist");
        let script = format!(
            "umask {mask}; echo x | {hoist} secrets set a env=prod && EDITOR='stat -c %a' {hoist} secrets edit env=prod && {hoist} secrets keygen -o key"
        );
        let run = crate::site::said(site.command("sh").args(["-c", &script])).good();
        assert!(run.stdout.contains("600\n"), "{run}");
        let mode = |path: &str| site.path(path).metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode("key"), mode("environments/prod/secrets.age")), (0o600, 0o644), "umask {mask}");
    }
}
