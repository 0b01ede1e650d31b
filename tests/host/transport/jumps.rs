//! Jump hosts: every one is checked and logged in to by itself, and a failure names it.

use std::fs;

use hoist::transport::ssh::{HostKeyPolicy, Patience, Shown, SshTarget, Way, fetch_host_key};
use hoist::transport::{Cause, Exit, Failure};

use super::ways::{Over, Servers};
use super::{LONG, connect, refused, run, soon};
use crate::sshd::{Sshd, free_port, make_key, named, public_half};

fn through(hop: SshTarget, target: SshTarget) -> SshTarget {
    SshTarget { way: Way::Through(Box::new(hop)), ..target }
}

fn names_the_hop(failure: &Failure) {
    assert!(failure.message.starts_with("jump host `127.0.0.1`: "), "{failure}");
}

#[test]
fn two_jump_hosts_are_logged_in_to_each_with_its_own_key() {
    let Some(servers) = Servers::start("") else { return };
    let key = fs::read_to_string(servers.first.path("id.pub")).expect("read");
    assert!(!fs::read_to_string(servers.server.path("authorized_keys")).expect("read").contains(key.trim()));
    let mut connection = servers.connect(Over::Jumps);
    assert_eq!(run(&mut *connection, "echo hello"), ("hello\n".into(), "".into(), Exit::Status(0)));
    for sshd in [&servers.first, &servers.second, &servers.server] {
        assert!(sshd.logged("Accepted publickey"));
        assert_eq!(sshd.log().matches("Connection from").count(), 1, "one connection each");
    }
}

// N09
#[test]
fn the_changed_key_of_a_jump_host_stops_before_it_hears_of_us() {
    let Some(servers) = Servers::start("") else { return };
    make_key(&servers.first.path("old"), "ed25519", "");
    for (sshd, untouched) in [(&servers.first, &servers.second), (&servers.second, &servers.server)] {
        let known: String = [&servers.server, &servers.first, &servers.second]
            .into_iter()
            .map(|one| {
                let key = if one.port == sshd.port { public_half(&servers.first.path("old")) } else { one.host_key("ed25519") };
                format!("[127.0.0.1]:{} {key}\n", one.port)
            })
            .collect();
        let failure = refused(&servers.behind(), &servers.server.known_hosts(&known, HostKeyPolicy::AcceptNew));
        names_the_hop(&failure);
        assert_eq!(failure.cause, Cause::HostKey);
        assert!(failure.message.contains("the host key has changed"), "{failure}");
        assert!(!sshd.log().contains("Accepted publickey"), "{}", sshd.log());
        assert!(!untouched.log().contains("Connection from"), "{}", untouched.log());
    }
}

// N09
#[test]
fn an_unknown_jump_host_is_refused_or_recorded() {
    let Some(servers) = Servers::start("") else { return };
    let failure = refused(&servers.behind(), &servers.known_but(Some(servers.second.port)));
    names_the_hop(&failure);
    assert!(failure.message.contains("the host key is unknown"), "{failure}");
    assert!(!servers.second.log().contains("Accepted publickey"), "{}", servers.second.log());

    let known = servers.server.known_hosts("", HostKeyPolicy::AcceptNew);
    connect(&servers.behind(), &known).expect("all three are recorded");
    assert_eq!(fs::read_to_string(servers.server.path("known_hosts")).expect("read").lines().count(), 3);
}

#[test]
fn the_key_of_a_host_behind_jump_hosts_is_shown_after_theirs() {
    let Some(servers) = Servers::start("") else { return };
    let fetch = |known| fetch_host_key(&servers.behind(), &known, Patience::to_connect(LONG)).expect("one is shown");
    let Shown { known_as, is_hop, .. } = fetch(servers.known_but(Some(servers.second.port)));
    assert_eq!((known_as.port, is_hop), (servers.second.port, true));
    let Shown { known_as, is_hop, key } = fetch(servers.known_but(Some(servers.server.port)));
    assert_eq!((known_as.port, is_hop), (servers.server.port, false));
    assert_eq!(format!("{} {}", key.kind(), key.base64()), servers.server.host_key("ed25519"));
}

// N03
#[test]
fn a_jump_host_that_is_down_or_lets_nobody_in_is_named() {
    let Some(servers) = Servers::start("") else { return };
    let server = || servers.server.good_target();
    let down = through(SshTarget { port: free_port(), ..servers.first.good_target() }, server());
    let failure = refused(&down, &servers.known());
    assert_eq!(failure.cause, Cause::Refused);
    assert!(failure.message.starts_with("jump host `127.0.0.1`: 127.0.0.1:"), "{failure}");

    make_key(&servers.first.path("wrong"), "ed25519", "");
    let failure = refused(&through(servers.first.target(named(&servers.first.path("wrong"))), server()), &servers.known());
    names_the_hop(&failure);
    assert_eq!(failure.cause, Cause::Authentication);
    assert!(servers.first.logged("Failed publickey"));
    assert_eq!(servers.first.log().matches("Failed publickey").count(), 1, "it is tried once");

    let closed = through(servers.first.good_target(), SshTarget { port: free_port(), ..server() });
    let failure = refused(&closed, &servers.known());
    names_the_hop(&failure);
    assert_eq!(failure.cause, Cause::Refused);
    assert!(failure.message.contains("it does not reach 127.0.0.1:"), "{failure}");
}

#[test]
fn a_jump_host_that_forwards_nothing_is_told_as_that() {
    let (Some(server), Some(hop)) = (Sshd::start(), Sshd::start_with(&["ed25519"], "AllowTcpForwarding no")) else { return };
    let lines = [&server, &hop].map(|sshd| format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519")));
    let known = server.known_hosts(&lines.concat(), HostKeyPolicy::Strict);
    let failure = refused(&through(hop.good_target(), server.good_target()), &known);
    names_the_hop(&failure);
    assert!(failure.remedy[0].contains("AllowTcpForwarding"), "{failure:?}");
}

// N11
#[test]
fn a_jump_host_that_goes_down_is_named() {
    let Some(servers) = Servers::start("") else { return };
    let mut connection = servers.connect(Over::Jumps);
    let mut process = connection.exec("echo up; cat").expect("it starts");
    process.read(soon()).expect("it answers");
    servers.second.kill_sessions();
    let failure = process.read(soon()).expect_err("cut");
    assert_eq!(failure.cause, Cause::Lost);
    assert!(failure.message.contains("the line to the jump host `127.0.0.1` is lost"), "{failure}");
}
