//! ProxyCommand: its words, its end, and what is left of it.

use std::fs;
use std::time::Duration;

use hoist::transport::ssh::{Patience, SshConnection, SshTarget, Way};
use hoist::transport::{Cause, Connection, Exit};

use super::{connect, refused, run, soon};
use crate::sshd::Sshd;

fn by(sshd: &Sshd, command: &str) -> SshTarget {
    SshTarget { way: Way::Command(command.to_owned()), ..sshd.good_target() }
}

#[test]
fn a_command_that_fails_is_told_with_its_words() {
    let Some(sshd) = Sshd::start() else { return };
    let failure = refused(&by(&sshd, "sh -c 'echo no way to %h >&2; exit 3'"), &sshd.known());
    assert_eq!(failure.cause, Cause::Refused);
    assert!(failure.message.ends_with("ended with status 3: no way to 127.0.0.1"), "{failure}");
    let failure = refused(&by(&sshd, "no-such-command %h"), &sshd.known());
    assert!(failure.message.contains("ended with status 127: ") && failure.message.contains("not found"), "{failure}");
    let failure = refused(&by(&sshd, "nc %h %z"), &sshd.known());
    assert_eq!(failure.cause, Cause::Configuration, "{failure}");
}

#[test]
fn a_command_that_says_nothing_is_waited_for_and_ended() {
    let Some(sshd) = Sshd::start() else { return };
    let pid = sshd.path("pid");
    // The second is as if hoist was started by `nohup`.
    for ignored in ["", "trap \"\" HUP; "] {
        let target = by(&sshd, &format!("sh -c 'echo $$ > {}; {ignored}exec sleep 1000'", pid.display()));
        let patience = Patience::to_connect(Duration::from_secs(3));
        let failure = SshConnection::connect(&target, &sshd.known(), patience).err().expect("nobody answers");
        assert_eq!(failure.cause, Cause::Timeout);
        let pid = fs::read_to_string(&pid).expect("it was started");
        assert!(!std::path::Path::new(&format!("/proc/{}", pid.trim())).exists(), "it is still there");
    }
}

#[test]
fn a_command_that_speaks_no_ssh_is_told_as_that() {
    let Some(sshd) = Sshd::start() else { return };
    let failure = refused(&by(&sshd, "echo HTTP/1.1 400 Bad Request"), &sshd.known());
    assert_eq!(failure.cause, Cause::Protocol, "{failure}");
    assert!(failure.message.contains("it says `HTTP/1.1 400 Bad Request`"), "{failure}");
}

// N11
#[test]
fn a_command_that_is_killed_loses_the_line() {
    let Some(sshd) = Sshd::start() else { return };
    let pid = sshd.path("pid");
    let target = by(&sshd, &format!("bash -c 'echo $$ > {}; exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'", pid.display()));
    let mut connection = connect(&target, &sshd.known()).expect("connected");
    assert_eq!(run(&mut connection, "true").2, Exit::Status(0));
    let mut process = connection.exec("cat").expect("it starts");
    let group = fs::read_to_string(pid).expect("it was started");
    let killed = std::process::Command::new("bash").args(["-c", &format!("kill -KILL -- -{}", group.trim())]).status();
    assert!(killed.expect("kill runs").success());
    let failure = process.read(soon()).expect_err("cut");
    assert_eq!(failure.cause, Cause::Lost);
    assert!(failure.message.contains("was ended by a signal"), "{failure}");
}
