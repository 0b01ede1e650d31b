//! How hosts are reached, seen from the command line: jump hosts, ssh's own configuration, the system's ssh.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::{Machine, Project, Run};
use crate::sshd::{Sshd, free_port, make_key, public_half};

/// Servers of our own that one key opens, and a project with a host `web1`.
struct Site {
    project: Project,
    server: Sshd,
    first: Sshd,
    second: Sshd,
}

impl Site {
    /// `settings` of the host in the inventory; `FIRST` and `SECOND` stand for the ports of the jump hosts.
    fn start(settings: &str) -> Option<Self> {
        Self::start_with(settings, "")
    }

    /// The same with settings for sshd_config of the server.
    fn start_with(settings: &str, sshd: &str) -> Option<Self> {
        let (server, first, second) = (Sshd::start_with(&["ed25519"], sshd)?, Sshd::start()?, Sshd::start()?);
        for hop in [&first, &second] {
            fs::copy(server.path("id.pub"), hop.path("authorized_keys")).expect("copied");
        }
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        project.file("hoist.yml", "plays:\n  - hosts: web1\n    roles: [test]\n");
        project.file("roles/test/role.yml", "provision:\n  - file: { path: /tmp, state: directory }\n    become: false\n");
        let site = Self { project, server, first, second };
        site.inventory(settings);
        site.known(&[&site.server, &site.first, &site.second]);
        Some(site)
    }

    fn inventory(&self, settings: &str) {
        let settings = settings.replace("FIRST", &self.first.port.to_string()).replace("SECOND", &self.second.port.to_string());
        let text = format!(
            "web1 ansible_host=127.0.0.1 ansible_port={} ansible_ssh_private_key_file={} ansible_become=false {settings}\n",
            self.server.port,
            self.server.path("id").display()
        );
        self.project.file("environments/test/hosts", &text);
    }

    fn known(&self, servers: &[&Sshd]) {
        let line = |sshd: &&Sshd| format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519"));
        self.project.file("environments/test/known_hosts", &servers.iter().map(line).collect::<String>());
    }

    fn ping(&self) -> Run {
        self.project.hoist(&["ping", "env=test"])
    }
}

const JUMPS: &str = "ansible_ssh_common_args='-J 127.0.0.1:FIRST,127.0.0.1:SECOND'";

#[test]
fn keys_are_trusted_through_jump_hosts_one_after_the_other() {
    let Some(site) = Site::start(JUMPS) else { return };
    site.known(&[]);
    let run = site.project.hoist(&["hosts", "trust", "env=test"]);
    assert_eq!(run.status, 1, "nobody is there to answer: {run}");
    let run = site.project.hoist(&["hosts", "trust", "env=test", "--yes"]);
    assert_eq!(run.status, 0, "{run}");
    assert_eq!((run.stdout.matches("(jump host) 127.0.0.1").count(), run.stdout.matches("recorded 1 key").count()), (2, 3), "{run}");
    let known = fs::read_to_string(site.project.folder.path().join("environments/test/known_hosts")).expect("read");
    for sshd in [&site.first, &site.second, &site.server] {
        assert!(known.contains(&format!("[127.0.0.1]:{} {}", sshd.port, sshd.host_key("ed25519"))), "{known}");
    }
    let run = site.project.hoist(&["hosts", "trust", "env=test", "--yes"]);
    assert!(run.status == 0 && run.stdout.contains("web1: known"), "{run}");
    assert_eq!(site.ping().status, 0, "{}", site.ping());
}

// N03, N09
#[test]
fn ping_names_the_jump_host_and_the_cause() {
    let Some(site) = Site::start(JUMPS) else { return };
    make_key(&site.first.path("old"), "ed25519", "");
    let old = public_half(&site.first.path("old"));
    let (first, second) = (site.first.port, site.second.port);
    site.project.file(
        "environments/test/known_hosts",
        &format!("[127.0.0.1]:{first} {}\n[127.0.0.1]:{second} {old}\n", site.first.host_key("ed25519")),
    );
    let run = site.ping();
    assert_eq!(run.status, 3, "{run}");
    assert!(run.stderr.contains("jump host `127.0.0.1`: the host key has changed"), "{run}");

    site.inventory(&format!("ansible_ssh_common_args='-o ProxyJump=127.0.0.1:{}'", free_port()));
    let run = site.ping();
    assert!(run.status == 3 && run.stderr.contains("jump host `127.0.0.1`: ") && run.stderr.contains("connection refused"), "{run}");

    site.inventory("ansible_ssh_common_args='-o ProxyCommand=\"sh -c \\\"echo no way to %h >&2; exit 3\\\"\"'");
    let run = site.ping();
    assert!(run.status == 3 && run.stderr.contains("ended with status 3: no way to 127.0.0.1"), "{run}");
}

#[test]
fn ssh_s_own_configuration_is_followed_and_the_inventory_wins() {
    let Some(site) = Site::start("ansible_ssh_common_args='-F ssh.cfg'") else { return };
    let config = |user: &str| {
        format!(
            "Host 127.0.0.1\n  User {user}\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  HostKeyAlias gate\n  ProxyJump none\n  IdentityFile {}\n  IdentitiesOnly yes\n",
            site.second.port,
            site.second.user,
            site.server.path("id").display()
        )
    };
    site.project.file("ssh.cfg", &config("nobody-here"));
    site.project.file(
        "environments/test/known_hosts",
        &format!("gate {}\n[127.0.0.1]:{} {}\n", site.second.host_key("ed25519"), site.server.port, site.server.host_key("ed25519")),
    );
    let run = site.ping();
    assert!(run.status == 3 && run.stderr.contains("no key lets `nobody-here` in"), "{run}");
    assert!(site.second.log().contains("Accepted publickey"), "{}", site.second.log());
    assert!(!site.first.log().contains("Connection from"), "{}", site.first.log());

    site.inventory(&format!("ansible_ssh_common_args='-F ssh.cfg' ansible_user={}", site.server.user));
    assert_eq!(site.ping().status, 0, "{}", site.ping());

    site.project.file("ssh.cfg", "Host *\n  Prot 22\n");
    let run = site.ping();
    assert!(run.status == 3 && run.stderr.contains("configuration") && run.stderr.contains("line 2"), "{run}");
}

#[test]
fn the_system_s_ssh_does_the_same_work() {
    let Some(site) = Site::start("ansible_connection=openssh") else { return };
    assert_eq!(site.ping().status, 0, "{}", site.ping());
    let run = site.project.hoist(&["plan", "env=test"]);
    assert_eq!(run.status, 0, "{run}");
    assert_eq!(site.server.log().matches("Accepted publickey").count(), 2, "one connection each: {}", site.server.log());
    site.known(&[]);
    let run = site.ping();
    assert!(run.status == 3 && run.stderr.contains("host key") && run.stderr.contains("hoist hosts trust env=test"), "{run}");
}

// P01
#[test]
fn a_hoist_that_is_killed_leaves_no_ssh_behind() {
    let Some(site) = Site::start("ansible_connection=openssh") else { return };
    let ready = site.server.path("ready");
    let guard = format!("touch {}; sleep 60", ready.display());
    site.project
        .file("roles/test/role.yml", &format!("provision:\n  - command: {{ cmd: 'true', unless: '{guard}' }}\n    become: false\n"));
    let mut hoist = Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["plan", "env=test"])
        .current_dir(site.project.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let until = Instant::now() + Duration::from_secs(60);
    while !ready.exists() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    hoist.kill().expect("it is ours");
    hoist.wait().expect("it is ours");
    assert!(ready.exists() && site.server.logged("Disconnected from"), "{}", site.server.log());
}

#[test]
fn hosts_are_asked_for_their_keys_side_by_side() {
    let Some(site) = Site::start("") else { return };
    // One port for three names of this machine: nobody hears anything before all three have called.
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut callers: Vec<TcpStream> = listener.incoming().take(3).map(|caller| caller.expect("it calls")).collect();
        callers.iter_mut().for_each(|caller| caller.write_all(b"HTTP/1.1 400\r\n").expect("it listens"));
    });
    let silent = |number: usize| format!("silent{number} ansible_host=127.0.0.{number} ansible_port={port}\n");
    let server = |name: &str, server: &Sshd| format!("{name} ansible_host=127.0.0.1 ansible_port={}\n", server.port);
    let hosts = [silent(1), server("one", &site.server), silent(2), server("two", &site.first), silent(3)];
    site.project.file("hoist.yml", "plays:\n  - hosts: all\n    roles: [test]\n");
    site.project.file("environments/test/hosts", &hosts.concat());
    site.known(&[]);
    let run = site.project.hoist(&["hosts", "trust", "env=test", "--yes", "--limit", "all"]);
    assert_eq!(run.status, 3, "{run}");
    let told: Vec<&str> = run.stderr.lines().filter_map(|line| line.split_once(": ")?.0.strip_prefix("silent")).collect();
    assert_eq!((told, run.stderr.matches("it says `HTTP/1.1 400").count()), (vec!["1", "2", "3"], 3), "{run}");
    let known =
        [("one", &site.server), ("two", &site.first)].map(|(_, sshd)| format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519")));
    assert_eq!(
        fs::read_to_string(site.project.folder.path().join("environments/test/known_hosts")).expect("recorded"),
        known.concat(),
        "{run}"
    );
    let run = site.project.hoist(&["hosts", "trust", "env=test", "--limit", "one,two"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "one: known\ntwo: known\n"), "{run}");
}

// N10
#[test]
fn nothing_in_a_hostile_configuration_runs() {
    let Some(site) = Site::start("") else { return };
    let proof = site.server.path("proof");
    let config = format!(
        "Host *\n  PermitLocalCommand yes\n  LocalCommand touch {0}\n  RemoteCommand touch {0}\n  RequestTTY force\n  ForwardAgent yes\n  \
         ControlMaster auto\n  ControlPath {0}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n",
        proof.display()
    );
    site.project.file("ssh.cfg", &config);
    for kind in ["ssh", "openssh"] {
        site.known(&[&site.server]);
        site.inventory(&format!("ansible_ssh_common_args='-F ssh.cfg' ansible_connection={kind}"));
        assert_eq!(site.ping().status, 0, "{kind}: {}", site.ping());
        site.known(&[]);
        assert_eq!(site.ping().status, 3, "{kind} trusts a key that nobody knows");
    }
    assert!(!proof.exists());
}

// N15
#[test]
fn a_server_that_takes_few_connections_is_enough() {
    let Some(site) = Site::start_with("", "MaxStartups 2:100:3\nMaxSessions 1\nMaxAuthTries 1\n") else { return };
    for _ in 0..20 {
        assert_eq!(site.ping().status, 0, "{}", site.ping());
    }
    assert_eq!(site.server.log().matches("Connection from").count(), 20, "one connection a run");
}

/// sshd punishes addresses that fail to log in since OpenSSH 9.8. N16
#[test]
fn twenty_runs_earn_no_penalty() {
    let Some(machine) = Machine::up_with(&["--suite", "trixie"]) else { return };
    machine.sh("echo 'PerSourcePenalties authfail:60s noauth:60s grace-exceeded:60s min:1s' > /etc/ssh/sshd_config.d/test.conf; systemctl restart ssh");
    let project = Project::new(&[&machine], "root");
    project.file("roles/test/role.yml", "provision: []\n");
    for _ in 0..20 {
        let run = project.hoist(&["ping", "env=test"]);
        assert_eq!(run.status, 0, "{run}");
    }
    let log = machine.sh("journalctl -u ssh --no-pager");
    assert!(!log.to_lowercase().contains("penalty"), "{log}");
}
