//! Repositories and archives that mean no good: nothing of them runs before it is asked to, nothing lands outside of its
//! release, and what cannot be had changes nothing.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::forge;
use super::shop::Shop;
use crate::machine::{Machine, key};

/// A server's repository on each host, with all that a commit can hold.
const REPOSITORY: &str = r#"
ln -s /etc out
ln -s /etc/hostile .env
ln -s /home/app/hostile REVISION
ln -s /tmp media
printf canary >-rf; printf canary >'--checkpoint-action=exec=touch canary'; printf canary >"$(printf 'esc\033[2J\nline')"
mkdir -p .GIT2/hooks; cp server.py .gitmodules.bak
printf '[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c "touch%% /tmp/canary"\n\tupdate = !touch /tmp/canary\n' >.gitmodules
printf '* filter=evil diff=evil\n' >.gitattributes
git add -A
git update-index --add --cacheinfo 160000,1111111111111111111111111111111111111111,evil
git -c user.name=Eve -c user.email=eve@shop.test commit -qm "$(printf 'hostile \033[2J')"
"#;

// G05, G06, G07
#[test]
fn a_hostile_repository_stays_in_its_release_and_runs_nothing() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    shop.deploy("one");
    shop.commit("two");
    let folder = shop.project.folder.path();
    let made = Command::new("sh").args(["-ec", REPOSITORY]).current_dir(folder).status().expect("a shell");
    assert!(made.success());
    // Hooks and filters wait for git in the configuration of the user, and in the repository itself.
    machine.sh(
        "su app -c 'git init -q --bare -b main /home/app/shop.git'; mkdir /tmp/hooks
        for hook in post-checkout post-merge reference-transaction fsmonitor; do printf '#!/bin/sh\\ntouch /tmp/canary\\n' >/tmp/hooks/$hook; chmod +x /tmp/hooks/$hook; done
        cp /tmp/hooks/* /home/app/shop.git/hooks/
        su app -c 'git config --global core.hooksPath /tmp/hooks; git config --global core.fsmonitor /tmp/hooks/fsmonitor'",
    );
    machine.sh("cp -r /root/.ssh /home/app/.ssh; chown -R app /home/app/.ssh; touch /tmp/before");
    shop.git(&["push", "-q", &format!("app@{}:shop.git", machine.ip), "main"]);
    machine.sh("rm -f /tmp/canary");
    shop.settings("app_repo: /home/app/shop.git\n");
    let run = shop.hoist(&["deploy", "env=test", "--yes"]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("two")), "{run}");
    assert!(!run.stdout.contains('\u{1b}') && run.stdout.contains(r"hostile \x1b[2J"), "what a commit says is escaped: {run}");
    machine.sh("test ! -e /tmp/canary && test ! -e /etc/hostile && test ! -e /home/app/hostile");
    assert_eq!(
        machine.sh("cd /srv/shop/current/; stat -c '%F %U %a' .env REVISION; ls evil | wc -l; cat ./-rf"),
        "regular file app 600\nregular file app 644\n0\ncanary"
    );
    assert_eq!(machine.sh("readlink /srv/shop/current/media"), "/srv/shop/shared/media\n");
    assert_eq!(
        machine.sh("find / -xdev -newer /tmp/before -name '*canary*' -not -path '/srv/shop/*' -not -path '/home/app/shop.git/*' | wc -l"),
        "0\n"
    );
    // It goes as others do.
    shop.settings("app_keep: 1\n");
    shop.git(&["rm", "-rqf", "-r", "--cached", "."]);
    Command::new("sh")
        .args(["-ec", "rm -rf -- out .env REVISION media ./-rf ./--check* ./esc* .git?* .GIT2"])
        .current_dir(folder)
        .status()
        .expect("a shell");
    shop.project.file(".gitignore", "/environments\n/group_vars\n/hoist.yml\n/roles\n/.gitignore\n");
    shop.deploy("three");
    shop.deploy("four");
    assert_eq!(machine.sh("ls /srv/shop/releases | wc -l; test -d /etc/nginx"), "2\n");
}

/// Archives that python3 writes: the first word names it, the rest is done with the open archive `t`.
const ARCHIVES: &[(&str, &str, &str)] = &[
    ("dotdot", "put('../../../../../../tmp/g09-dotdot')", ""),
    ("absolute", "put('/tmp/g09-absolute')", ""),
    ("link", "link('way', '/tmp'); put('way/g09-link')", ""),
    ("hardlink", "t.addfile(info('passwd', type=tarfile.LNKTYPE, linkname='/etc/passwd'))", ""),
    ("hardlink-written", "t.addfile(info('passwd', type=tarfile.LNKTYPE, linkname='/etc/passwd')); put('passwd')", ""),
    ("device", "t.addfile(info('device', type=tarfile.CHRTYPE, devmajor=1, devminor=3))", ""),
    ("pipe", "t.addfile(info('pipe', type=tarfile.FIFOTYPE))", "which is no plain file"),
    ("setuid", "put('setuid', mode=0o6755)", ""),
    ("revision", "link('REVISION', '/home/app/g09-revision')", ""),
    ("environment", "link('.env', '/etc/g09-environment')", ""),
    ("bomb", "t.addfile(info('bomb', size=40 << 20), io.BytesIO(bytes(40 << 20)))", "unpacks to more than app_archive_max_mb"),
    ("nothing", "t.close(); raw.close(); open(sys.argv[1], 'r+b').truncate(300)", "end of file"),
    // What it needs is there; what lies behind is not.
    ("torn", "noise('last', 1 << 20); t.close(); raw.close(); open(sys.argv[1], 'r+b').truncate(500000)", "Unexpected EOF"),
    // And the same between two files, which tar takes for an end.
    ("torn-between", "noise('pad', -(raw.tell() + 512) % 65536); torn(); raise SystemExit", "the archive is torn"),
];

const PYTHON: &str = r#"
import gzip, io, random, sys, tarfile, zlib
raw = gzip.open(sys.argv[1], "wb")
t = tarfile.open(fileobj=raw, mode="w")
for name in ("server.py", "worker.sh", "worker.js", "build.js", "VERSION"): t.add(name)
def info(name, **more):
    i = tarfile.TarInfo(name)
    for key, value in more.items(): setattr(i, key, value)
    return i
def put(name, mode=0o644): t.addfile(info(name, size=6, mode=mode), io.BytesIO(b"canary"))
def link(name, to): t.addfile(info(name, type=tarfile.SYMTYPE, linkname=to))
def noise(name, size): t.addfile(info(name, size=size), io.BytesIO(random.Random(1).randbytes(size)))
def torn():
    raw.close()
    whole = gzip.open(sys.argv[1]).read()
    some = zlib.compressobj(wbits=31)
    open(sys.argv[1], "wb").write(some.compress(whole) + some.flush(zlib.Z_FULL_FLUSH))
"#;

// G09
#[test]
fn a_hostile_archive_stays_in_its_release() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    shop.settings("app_archive_max_mb: 20\napp_processes: { web: { command: python3 server.py $PORT, port: 8000, health: { path: /health }, drain: 1 } }\n");
    shop.deploy("one");
    machine.sh("sha256sum /etc/passwd >/tmp/before");
    for (name, made, refused) in ARCHIVES {
        shop.project.file("VERSION", &format!("{name}\n"));
        let file = format!("{}/environments/{name}.tar.gz", shop.project.folder.path().display());
        let python = Command::new("python3").args(["-", &file]).current_dir(shop.project.folder.path()).stdin(Stdio::piped()).spawn();
        let mut python = python.expect("python3 starts");
        write!(python.stdin.take().expect("a pipe"), "{PYTHON}{made}\nt.close()\nraw.close()\n").expect("python3 reads");
        assert!(python.wait().expect("it ends").success(), "{name}");
        let live = shop.current();
        let run = shop.hoist(&["deploy", "env=test", "--yes", "--archive", &file]);
        println!("{name}: {}", run.status);
        match run.status {
            0 => assert!(refused.is_empty() && shop.current() == [*name], "{name}: {run}"),
            status => assert!(status == 3 && run.stdout.contains(refused) && shop.current() == live, "{name}: {run}"),
        }
        machine.sh("set -e; test -z \"$(find /tmp /etc /home -name 'g09-*'; find /srv -perm /6000; find /srv -type b -o -type c -o -type p -o -type f -links +1)\"; sha256sum -c --quiet /tmp/before");
        assert_eq!(shop.answers("/"), shop.current(), "{name}");
    }
}

// G10
#[test]
fn all_hosts_get_the_commit_that_was_planned_or_none_does() {
    let Some(shop) = Shop::up(2) else { return };
    let forge: Machine = forge::up(&shop, "");
    forge::trust(&shop, &forge);
    let ssh = format!(
        "GIT_SSH_COMMAND='ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'",
        key().display()
    );
    let push = format!("{ssh} git push -qf origin other:main");
    let settings = |hook: &str| {
        let text = format!("app_repo: https://forge.test/shop.git\napp_local_hooks: {{ before_stage: [{}] }}\n", serde_json::json!(hook));
        shop.settings(&text);
    };
    settings("true");
    assert_eq!(shop.hoist(&["deploy", "env=test", "--yes"]).status, 0);
    let planned = shop.commit("two");
    shop.git(&["push", "-q", "origin", "main"]);
    shop.git(&["checkout", "-q", "-b", "other", "HEAD~1"]);
    shop.commit("evil");

    // Between the plan and the fetch the branch goes elsewhere: it is the plan that counts.
    settings(&push);
    let run = shop.hoist(&["deploy", "env=test", "--yes"]);
    assert_eq!((run.status, shop.answers("/")), (0, shop.each("two")), "{run}");
    for machine in &shop.machines {
        assert_eq!(machine.sh("cat /srv/shop/current/REVISION").trim(), planned);
    }

    // And where the planned commit is not to be had any more, nothing changes.
    shop.git(&["checkout", "-q", "main"]);
    shop.commit("three");
    shop.git(&["push", "-qf", "origin", "main"]);
    let gone = format!(
        "{push} && ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@{} 'cd /srv/git/shop.git && git reflog expire --expire=now --all && git gc -q --prune=now'",
        key().display(),
        forge.ip
    );
    settings(&gone);
    let run = shop.hoist(&["deploy", "env=test", "--yes"]);
    assert!(run.status == 3 && run.stdout.contains("what was live still is"), "{run}");
    assert_eq!((shop.answers("/"), shop.current()), (shop.each("two"), shop.each("two")));
    shop.is_tidy();
}

// G08, G11
#[test]
fn a_repository_on_the_host_that_is_broken_or_of_somebody_else_switches_nothing() {
    let Some(shop) = Shop::up(1) else { return };
    let machine = &shop.machines[0];
    machine.sh("su app -s /bin/sh -c 'git init -q --bare /home/app/shop.git'");
    shop.settings("app_repo: /home/app/shop.git\n");
    let push = |version: &str| {
        shop.commit(version);
        let url = format!("ssh://root@{}/home/app/shop.git", machine.ip);
        machine.sh("chown -R root /home/app/shop.git");
        shop.git(&["push", "-q", "--force", &url, "HEAD:refs/heads/main"]);
        machine.sh("chown -R app /home/app/shop.git");
    };
    let deploy = || shop.hoist(&["deploy", "env=test", "--yes", "--git-version=main"]);
    push("one");
    let run = deploy();
    assert_eq!((run.status, shop.current()), (0, shop.each("one")), "{run}");
    push("two");
    // G08: git is never root's, so what root owns is refused by git itself, and no hook of it runs.
    let cache = "/srv/shop/cache/repo";
    machine.sh(&format!(
        "chown -R root {cache}; printf '#!/bin/sh\\ntouch /tmp/g08\\n' >{cache}/.git/hooks/post-checkout; chmod 755 {cache}/.git/hooks/post-checkout"
    ));
    let run = deploy();
    assert_eq!((run.status, shop.current()), (3, shop.each("one")), "{run}");
    assert!(run.stdout.contains("belongs to another user") || run.stdout.contains("may not write"), "{run}");
    machine.sh(&format!("test ! -e /tmp/g08 && chown -R app {cache}"));
    // G11: objects that are torn: refused, with what git says; what is live stays.
    machine.sh(&format!("cd {cache}/.git/objects; for f in $(find . -type f); do chmod u+w $f; truncate -s 5 $f; done; chown -R app ."));
    let run = deploy();
    assert_eq!((run.status, shop.current(), shop.answers("/")), (3, shop.each("one"), shop.each("one")), "{run}");
    // Without it, it is fetched anew.
    machine.sh(&format!("rm -rf {cache}"));
    let run = deploy();
    assert_eq!((run.status, shop.current(), shop.answers("/")), (0, shop.each("two"), shop.each("two")), "{run}");
    machine.sh("test ! -e /tmp/g08");
    // A commit of which git can hand out a part, which ends where tar takes it for all.
    let padded = Command::new("python3").args(["-c", PADDED]).current_dir(shop.project.folder.path()).status().expect("python3 runs");
    assert!(padded.success());
    push("three");
    let run = deploy();
    assert_eq!((run.status, shop.current()), (0, shop.each("three")), "{run}");
    let last = shop.git(&["rev-parse", "HEAD:zz"]);
    machine.sh(&format!("set -e; cd {cache}/.git/objects/{}; chmod u+w {1}; truncate -s 5 {1}", &last[..2], &last[2..]));
    let live = machine.sh("readlink /srv/shop/current");
    let run = shop.hoist(&["deploy", "env=test", "--yes", "--git-version=main", "--redeploy"]);
    assert!(run.status == 3 && run.stdout.contains("git could not hand out the whole commit"), "{run}");
    assert_eq!((machine.sh("readlink /srv/shop/current"), shop.answers("/")), (live, shop.each("three")), "{run}");
}

/// Adds a file so that the next one in an archive of the commit begins a block of tar's, and that next one.
const PADDED: &str = r#"
import io, subprocess, tarfile
last = tarfile.open(fileobj=io.BytesIO(subprocess.check_output(["git", "archive", "HEAD"]))).getmembers()[-1]
end = last.offset_data + (last.size + 511) // 512 * 512
open("x-pad", "w").write("x" * (-(end + 512) % 10240))
open("zz", "w").write("the rest\n")
"#;
