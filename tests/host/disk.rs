//! Disks and folders that do not take what a run wants to write: the old file stays, and it is said why.

use crate::machine::{Machine, Project};

fn copy(dest: &str) -> String {
    format!("provision:\n  - name: the file\n    copy: {{ dest: {dest}, content: \"new\\n\" }}\n")
}

/// The run fails with these words.
fn fails(project: &Project, words: &[&str]) {
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{words:?}: {run}");
    for word in words {
        assert!(run.stdout.contains(word), "{word}: {run}");
    }
}

// D02, D06, D07
#[test]
fn a_folder_that_takes_no_file_keeps_the_old_one() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    // D02: no inode is left.
    machine.sh("mkdir /small; mount -t tmpfs -o nr_inodes=4 tmpfs /small; cd /small; echo old >file; touch a b; ! touch c 2>/dev/null");
    project.file("roles/test/role.yml", &copy("/small/file"));
    fails(&project, &["No space left", "/small/"]);
    assert_eq!(machine.sh("cat /small/file; ls -A /small; rm /small/b"), "old\na\nb\nfile\n");
    project.converge();

    // D06: the file, or its folder, may not be changed.
    machine.sh("mkdir /fixed; mount -t tmpfs tmpfs /fixed; echo old >/fixed/file");
    project.file("roles/test/role.yml", &copy("/fixed/file"));
    for what in ["/fixed/file", "/fixed"] {
        if !machine.exec(&["chattr", "+i", what]).status.success() {
            println!("skipped: chattr does not work here");
            break;
        }
        fails(&project, &["Operation not permitted", "/fixed/"]);
        assert_eq!(machine.sh(&format!("cat /fixed/file; lsattr -d {what} | cut -c 5; chattr -i {what}; ls -A /fixed")), "old\ni\nfile\n");
    }
    project.converge();

    // D07: something else is mounted over the file.
    machine.sh("echo old >/etc/bound; echo theirs >/etc/over; mount --bind /etc/over /etc/bound");
    project.file("roles/test/role.yml", &copy("/etc/bound"));
    fails(&project, &["/etc/bound", "mounted"]);
    assert_eq!(
        machine.sh("cat /etc/bound /etc/over; umount /etc/bound; cat /etc/bound; ls -A /etc | grep hoist || true"),
        "theirs\ntheirs\nold\n"
    );
}

// D04
#[test]
fn what_cannot_be_written_down_is_not_begun() {
    let Some(machine) = Machine::up() else { return };
    let project = Project::new(&[&machine], "root");
    machine.sh("mkdir /var/lib/hoist; chmod 700 /var/lib/hoist; mount -t tmpfs -o size=64k,mode=700 tmpfs /var/lib/hoist; mkdir /etc/d");
    let tasks = "provision:\n  - copy: { dest: /etc/d/one, content: x }\n  - command: { cmd: touch /etc/d/two, creates: /etc/d/two }\n  - file: { path: /etc/d/three, state: directory }\n";
    project.file("roles/test/role.yml", tasks);
    // There is room for the names of files, but not for what is in them.
    machine.sh("cd /var/lib/hoist; cat /dev/zero >filler 2>/dev/null; test -s filler");
    fails(&project, &["/var/lib/hoist", "No space left"]);
    assert_eq!(machine.sh("ls /etc/d"), "");
    machine.sh("rm /var/lib/hoist/filler; chattr +i /var/lib/hoist 2>/dev/null || mount -o remount,ro /var/lib/hoist");
    fails(&project, &["/var/lib/hoist"]);
    assert_eq!(machine.sh("ls /etc/d"), "");
    machine.sh("chattr -i /var/lib/hoist; mount -o remount,rw /var/lib/hoist");
    // It becomes so in the middle of a run: what comes behind is not begun.
    let fixed = "  - shell: { cmd: 'chattr +i /var/lib/hoist/journal', always: true }\n  - command";
    project.file("roles/test/role.yml", &tasks.replace("  - command", fixed));
    fails(&project, &["the journal of the run", "nothing was begun"]);
    assert_eq!(machine.sh("ls /etc/d; chattr -i /var/lib/hoist/journal"), "one\n");
    project.file("roles/test/role.yml", tasks);
    project.converge();
}
