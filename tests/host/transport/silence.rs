//! A line that is up, and on which nothing is heard: keep-alives find it.

use std::time::Duration;

use hoist::transport::ssh::{HostKeyPolicy, Patience, SshConnection, SshTarget, Way};
use hoist::transport::{Cause, Connection, OpenSshConnection, Output};

use super::ways::wanted;
use super::{LONG, soon};
use crate::relay::Relay;
use crate::sshd::Sshd;

const SILENCE: Patience = Patience { connect: LONG, silence: Duration::from_secs(4) };

/// A server behind a relay, and what known_hosts must say.
fn relayed() -> Option<(Sshd, Relay, SshTarget)> {
    let sshd = Sshd::start()?;
    let relay = Relay::to(sshd.port);
    let target = SshTarget { port: relay.port, ..sshd.good_target() };
    Some((sshd, relay, target))
}

// N13
#[test]
fn a_line_that_falls_silent_is_lost() {
    let Some((sshd, relay, target)) = relayed() else { return };
    let known = sshd.known_hosts(&format!("[127.0.0.1]:{} {}", relay.port, sshd.host_key("ed25519")), HostKeyPolicy::Strict);
    let system =
        OpenSshConnection::connect(&hoist::transport::Wanted { port: Some(relay.port), ..wanted(&sshd) }, &target, false, &known, SILENCE);
    let own = SshConnection::connect(&target, &known, SILENCE);
    let connections: [Box<dyn Connection>; 2] = [Box::new(own.expect("connected")), Box::new(system.expect("connected"))];
    let mut processes = connections.map(|mut connection| {
        let mut process = connection.exec("echo up; cat").expect("it starts");
        assert_eq!(process.read(soon()).expect("it answers"), Output::Stdout(b"up\n".to_vec()));
        (connection, process)
    });
    relay.silence();
    for (_, process) in &mut processes {
        let failure = loop {
            match process.read(soon()) {
                Ok(Output::Stderr(_)) => {}
                Ok(other) => panic!("{other:?}"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.cause, Cause::Lost, "{failure}");
    }
}

// N13
#[test]
fn a_line_that_falls_silent_under_an_upload_is_lost() {
    let Some((sshd, relay, target)) = relayed() else { return };
    let known = sshd.known_hosts(&format!("[127.0.0.1]:{} {}", relay.port, sshd.host_key("ed25519")), HostKeyPolicy::Strict);
    let mut connection = SshConnection::connect(&target, &known, SILENCE).expect("connected");
    let mut process = connection.exec("cat >/dev/null").expect("it starts");
    relay.silence();
    let failure = process.write(&vec![b'x'; 50_000_000], soon()).expect_err("nobody takes it");
    assert_eq!(failure.cause, Cause::Lost, "{failure}");
}

#[test]
fn a_process_that_is_silent_on_a_line_that_is_up_is_not() {
    let Some((sshd, relay, target)) = relayed() else { return };
    let hop = Sshd::start().expect("it started before");
    let lines = [(relay.port, &sshd), (hop.port, &hop)].map(|(port, sshd)| format!("[127.0.0.1]:{port} {}\n", sshd.host_key("ed25519")));
    let known = sshd.known_hosts(&lines.concat(), HostKeyPolicy::Strict);
    let behind = SshTarget { way: Way::Through(Box::new(hop.good_target())), ..target.clone() };
    for target in [target, behind] {
        let mut connection = SshConnection::connect(&target, &known, SILENCE).expect("connected");
        let mut process = connection.exec("sleep 7; echo awake").expect("it starts");
        assert_eq!(process.read(soon()).expect("it answers"), Output::Stdout(b"awake\n".to_vec()));
    }
}
