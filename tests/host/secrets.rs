//! Secrets on a real host: they are in no argument and no environment of any process on either side, in no log, and in no
//! file that others can read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hoist::secret::{Recipient, age_file, identity};

use crate::machine::{Machine, Project, Run, text};

/// The secret, one of its own for each process: others may test on this machine, and all processes are looked at.
static CANARY: LazyLock<&str> = LazyLock::new(|| format!("canary-7Tq9-xyzzy{}", std::process::id()).leak());

/// A project whose secrets are `password` and a key of several lines; the identity is in the returned path.
fn project(machine: &Machine, user: &str) -> (Project, String) {
    let project = Project::new(&[machine], user);
    let (private, public) = identity::generate();
    let secrets = format!("password: {0}\ntls_key: |\n  -----BEGIN KEY-----\n  first-{0}\n  second-{0}\n  -----END KEY-----\n", *CANARY);
    let encrypted = age_file::encrypt(secrets.as_bytes(), &[Recipient::parse(&public).expect("a key")]).expect("a recipient");
    project.file("environments/test/secrets.age", &encrypted);
    project.file("environments/test/recipients.txt", &format!("{public}\n"));
    project.file("identity", private.expose());
    let path = project.folder.path().join("identity");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("writable");
    (project, path.display().to_string())
}

/// Looks at all processes of this machine, those in its containers too, until it is told to stop. What it finds.
fn sampler(stop: Arc<AtomicBool>, canary: &'static str) -> std::thread::JoinHandle<(usize, Vec<String>)> {
    std::thread::spawn(move || {
        let names = || {
            let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        };
        // Those that were there before are left out, so that a look is quick.
        let before: std::collections::BTreeSet<String> = names().collect();
        let (mut looks, mut found) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            for name in names().filter(|name| !before.contains(name)) {
                for file in ["cmdline", "environ"] {
                    let bytes = std::fs::read(format!("/proc/{name}/{file}")).unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes);
                    if text.contains(canary) {
                        found.push(format!("{file}: {}", text.replace('\0', " ")));
                    }
                }
            }
            looks += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        (looks, found)
    })
}

fn clean(run: &Run) {
    assert!(!run.stdout.contains(*CANARY) && !run.stderr.contains(*CANARY), "{run}");
}

const ROLE: &str = r#"provision:
  - template: { src: env, dest: /etc/app.env }
  - copy: { dest: /etc/tls.pem, content: "{{ tls_key }}" }
  - lineinfile: { path: /etc/app.conf, line: "key={{ password }}", create: true }
  - blockinfile: { path: /etc/app.block, block: "{{ tls_key }}", create: true }
  - user: { name: app, password: "{{ password | password_hash }}" }
  - command: { cmd: sh -c "cat > /dev/null; sleep 0.3", stdin: "{{ password }}", always: true }
  - shell: { cmd: "test -n '{{ password }}' && sleep 0.3", always: true }
  - shell: { cmd: "sleep 0.2", unless: "test '{{ password }}' = x" }
"#;

// V02
#[test]
fn no_process_on_either_side_has_a_secret_in_its_arguments_or_environment() {
    let Some(machine) = Machine::up() else { return };
    for user in ["root", "deploy"] {
        let (project, identity) = project(&machine, user);
        project.file("roles/test/role.yml", ROLE);
        project.file("templates/test/env", "PASSWORD={{ password }}\nWORKERS=4\n");
        let stop = Arc::new(AtomicBool::new(false));
        let sampler = sampler(stop.clone(), *CANARY);
        let run = project.hoist(&["provision", "env=test", "--yes", "--identity", &identity]);
        stop.store(true, Ordering::Relaxed);
        let (looks, found) = sampler.join().expect("no panic");
        assert_eq!(run.status, 0, "{run}");
        clean(&run);
        println!("{looks} looks at all processes");
        assert!(looks > 5, "{looks}");
        assert_eq!(found, Vec::<String>::new());
        // The secrets did arrive.
        assert!(machine.sh("cat /etc/app.env /etc/tls.pem /etc/app.conf /etc/app.block").matches(*CANARY).count() >= 6);
        machine.sh("rm /etc/app.env /etc/tls.pem /etc/app.conf /etc/app.block; userdel app");
    }
    // The negative control: the sampler sees a process inside of the host that has a secret in its arguments.
    let stop = Arc::new(AtomicBool::new(false));
    let sampler = sampler(stop.clone(), "planted-canary");
    machine.exec(&["sh", "-c", "TOKEN=planted-canary sleep 3 & sleep 3; wait # planted-canary"]);
    stop.store(true, Ordering::Relaxed);
    let (_, found) = sampler.join().expect("no panic");
    assert!(found.iter().any(|found| found.starts_with("cmdline")) && found.iter().any(|found| found.starts_with("environ")), "{found:?}");
}

// V02
#[test]
fn the_password_of_a_postgresql_user_never_reaches_the_host_and_its_hash_no_process() {
    let Some(machine) = Machine::up() else { return };
    let (project, identity) = project(&machine, "deploy");
    project.file("hoist.yml", "plays:\n  - hosts: web\n    roles: [postgresql]\n");
    project.file("group_vars/web.yml", "postgresql_users:\n  shop: { password: \"{{ password }}\" }\n");
    let stop = Arc::new(AtomicBool::new(false));
    let samplers = [*CANARY, "SCRAM-SHA-256$"].map(|canary| sampler(stop.clone(), canary));
    let runs = [(); 2].map(|()| project.hoist(&["provision", "env=test", "--yes", "--identity", &identity]));
    stop.store(true, Ordering::Relaxed);
    for sampler in samplers {
        assert_eq!(sampler.join().expect("no panic").1, Vec::<String>::new());
    }
    runs.iter().for_each(clean);
    assert!(runs[0].status == 0 && runs[1].stdout.contains("0 changes"), "{}{}", runs[0], runs[1]);
    assert!(runs.iter().all(|run| !format!("{run}").contains("SCRAM-SHA-256$")), "{}", runs[0]);
    machine.sh(&format!("PGPASSWORD={} psql -Xq 'host=127.0.0.1 user=shop dbname=postgres' -c 'select 1'", *CANARY));
    machine.sh("journalctl --sync; journalctl --flush");
    let kept = "printf %s canary-7Tq9 > /root/pattern; printf %s -xyzzy >> /root/pattern; grep -rlFf /root/pattern /var /tmp /run /home /etc /dev/shm 2>/dev/null || true";
    assert_eq!(machine.sh(kept), "");
}

// V01, V03, V04
#[test]
fn a_run_and_its_failure_leave_no_trace_of_a_secret() {
    let Some(machine) = Machine::up() else { return };
    let (project, identity) = project(&machine, "deploy");
    project.file("templates/test/env", "PASSWORD={{ password }}\nWORKERS={{ workers }}\n");
    let failing = "  - name: says it and fails\n    shell: { cmd: \"set -x; echo out {{ password }}; echo err {{ password | b64encode }} >&2; exit 3\", always: true }\n";
    project.file("roles/test/role.yml", &format!("{ROLE}{failing}"));
    project.file("group_vars/all.yml", "workers: 4\n");
    for words in
        [&["provision", "env=test", "--yes"][..], &["provision", "env=test", "--yes", "--json"], &["plan", "env=test", "--diff=full"]]
    {
        let run = project.hoist(&[words, &["--identity", &identity]].concat());
        clean(&run);
        let encoded = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(*CANARY)
        };
        assert!(!run.stdout.contains(&encoded) && !run.stderr.contains(&encoded), "{run}");
        if words[0] == "provision" {
            assert_eq!(run.status, 3, "{run}");
            assert!(
                run.stdout.contains("out (secret)") || run.stderr.contains("out (secret)"),
                "its words are shown without the secret: {run}"
            );
        }
    }
    // Modes: nobody but the owner reads what a secret is in.
    let modes = machine.sh("stat -c '%a %n' /etc/app.env /etc/tls.pem /etc/app.conf /etc/app.block");
    assert!(modes.lines().all(|line| line.starts_with("600 ")), "{modes}");
    // Traces: anywhere but in the files that were asked for, and in /etc/shadow, where there is the hash alone.
    machine.sh("journalctl --sync; journalctl --flush");
    let traces = machine.exec(&["sh", "-c", "printf %s canary-7Tq9 > /root/pattern; printf %s -xyzzy >> /root/pattern; grep -rlFf /root/pattern /var /tmp /run /home /root /etc /dev/shm 2>/dev/null; journalctl --no-pager -o export | grep -cFf /root/pattern"]);
    let traces = text(&traces.stdout);
    let traces: Vec<&str> = traces.lines().collect();
    let expected = ["/root/pattern", "/etc/app.env", "/etc/tls.pem", "/etc/app.conf", "/etc/app.block", "0"];
    assert!(traces.iter().all(|trace| expected.contains(trace)), "{traces:?}");
    assert!(traces.contains(&"/etc/app.env"), "the negative control: the search finds what is there");

    // A changed value, another line, the mode alone: the diff names the secret, and nothing of either value.
    project.file("group_vars/all.yml", "workers: 8\n");
    machine.sh("printf 'PASSWORD=old-canary-value\\nWORKERS=4\\n' > /etc/app.env; chmod 644 /etc/tls.pem");
    let run = project.hoist(&["plan", "env=test", "--diff=full", "--identity", &identity]);
    clean(&run);
    assert!(run.stdout.contains("+PASSWORD=(secret, changed)") && run.stdout.contains("+WORKERS=8"), "{run}");
    assert!(!run.stdout.contains("old-canary-value"), "{run}");
}
