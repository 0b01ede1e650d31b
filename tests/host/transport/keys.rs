//! Logging in: which keys are tried, in which order, and what is said when none fits.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hoist::transport::ssh::Keys;
use hoist::transport::{Cause, Exit};

use super::{connect, refused, run};
use crate::sshd::{SshAgent, Sshd, make_key, named, public_half};

/// Lets only the keys of these files in.
fn authorize(sshd: &Sshd, names: &[&str]) {
    let lines: Vec<String> = names.iter().map(|name| public_half(&sshd.path(name)) + "\n").collect();
    fs::write(sshd.path("authorized_keys"), lines.concat()).expect("written");
}

#[test]
fn key_files_of_every_kind_log_in() {
    let Some(sshd) = Sshd::start() else { return };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        make_key(&sshd.path(kind), kind, "");
    }
    authorize(&sshd, &["ed25519", "ecdsa", "rsa"]);
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let mut connection =
            connect(&sshd.target(named(&sshd.path(kind))), &sshd.known()).unwrap_or_else(|failure| panic!("{kind}: {failure}"));
        assert_eq!(run(&mut connection, "echo hello"), ("hello\n".into(), "".into(), Exit::Status(0)));
    }
    assert!(sshd.logged("Accepted publickey"));
    assert!(!sshd.log().contains("Failed"), "each was the first and only attempt:\n{}", sshd.log());
}

#[test]
fn every_key_of_the_agent_is_tried_not_only_the_first() {
    let Some(sshd) = Sshd::start() else { return };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        make_key(&sshd.path(kind), kind, "");
    }
    let agent = SshAgent::with(&["ed25519", "ecdsa", "rsa"].map(|kind| sshd.path(kind)));
    for kind in ["ed25519", "ecdsa", "rsa"] {
        authorize(&sshd, &[kind]);
        connect(&sshd.target(agent.keys()), &sshd.known()).unwrap_or_else(|failure| panic!("{kind}: {failure}"));
    }
}

#[test]
fn keys_of_the_agent_that_the_user_has_files_for_come_first() {
    let Some(sshd) = Sshd::start_with(&["ed25519"], "MaxAuthTries 2") else { return };
    let files = ["a", "b", "c", "d"].map(|name| sshd.path(name));
    for file in &files {
        make_key(file, "ed25519", "");
    }
    authorize(&sshd, &["d"]);
    let agent = SshAgent::with(&files);
    let keys = Keys { usual: vec![sshd.path("d.pub")], ..agent.keys() };
    connect(&sshd.target(keys), &sshd.known()).expect("it is tried before the host hangs up");
    assert!(!sshd.log().contains("Failed publickey"), "{}", sshd.log());
}

#[test]
fn the_usual_files_come_after_the_agent_and_no_key_is_tried_twice() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("first"), "ed25519", "");
    make_key(&sshd.path("second"), "ed25519", "");
    authorize(&sshd, &["second"]);
    let agent = SshAgent::with(&[sshd.path("first")]);
    let keys = Keys { usual: vec![sshd.path("none"), sshd.path("first"), sshd.path("second")], ..agent.keys() };
    connect(&sshd.target(keys), &sshd.known()).expect("the second file fits");
    assert!(sshd.logged("Accepted publickey"));
    assert_eq!(sshd.log().matches("Failed publickey").count(), 1, "{}", sshd.log());
}

#[test]
fn an_encrypted_file_is_used_through_the_agent() {
    let Some(sshd) = Sshd::start() else { return };
    let plain = sshd.path("plain");
    make_key(&plain, "ed25519", "");
    fs::copy(&plain, sshd.path("locked")).expect("copied");
    let mut keygen = std::process::Command::new("ssh-keygen");
    assert!(keygen.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(sshd.path("locked")).output().expect("it runs").status.success());
    authorize(&sshd, &["plain"]);

    let agent = SshAgent::with(&[sshd.path("id"), plain]);
    let keys = Keys { named: vec![sshd.path("locked")], ..agent.keys() };
    connect(&sshd.target(keys), &sshd.known()).expect("the agent has it open");
    assert!(sshd.logged("Accepted publickey"));
    assert!(!sshd.log().contains("Failed"), "only the named key was tried:\n{}", sshd.log());

    let failure = refused(&sshd.target(named(&sshd.path("locked"))), &sshd.known());
    assert!(failure.message.contains("and not in the agent"), "{failure}");
    assert!(failure.remedy.contains(&format!("ssh-add {}", sshd.path("locked").display())), "{:?}", failure.remedy);
}

// N04
#[test]
fn a_wrong_key_is_tried_once_and_named() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("wrong"), "ed25519", "");
    let failure = refused(&sshd.target(named(&sshd.path("wrong"))), &sshd.known());
    assert_eq!(failure.cause, Cause::Authentication);
    for part in [format!("lets `{}` in", sshd.user), format!("`{}` (SHA256:", sshd.path("wrong").display()), ": not accepted; ".into()] {
        assert!(failure.message.contains(&part), "{part}: {failure}");
    }
    assert!(failure.message.contains("the host takes publickey"), "{failure}");
    assert!(sshd.logged("Failed publickey"));
    assert_eq!(sshd.log().matches("Failed publickey").count(), 1, "{}", sshd.log());
    assert_eq!(sshd.log().matches("Connection from").count(), 1, "{}", sshd.log());
}

#[test]
fn a_key_that_is_not_tried_says_why() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("open"), "ed25519", "");
    fs::set_permissions(sshd.path("open"), fs::Permissions::from_mode(0o644)).expect("set");
    fs::write(sshd.path("broken"), "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n").expect("written");
    fs::set_permissions(sshd.path("broken"), fs::Permissions::from_mode(0o600)).expect("set");
    let keys = Keys { named: ["none", "open", "broken"].map(|name| sshd.path(name)).into(), ..Keys::default() };
    let failure = refused(&sshd.target(keys), &sshd.known());
    for part in ["none`: no such file", "open`: not used, for others may read it", "broken`: "] {
        assert!(failure.message.contains(part), "{part}: {failure}");
    }
    assert!(failure.remedy.contains(&format!("chmod 600 {}", sshd.path("open").display())), "{:?}", failure.remedy);
    assert!(!sshd.log().contains("Failed publickey"), "{}", sshd.log());
}

#[test]
fn no_key_at_all_says_where_was_looked() {
    let Some(sshd) = Sshd::start() else { return };
    let failure = refused(&sshd.target(Keys { agent: Some(sshd.path("no-agent")), ..Keys::default() }), &sshd.known());
    assert!(failure.message.contains("no agent answers at"), "{failure}");
    let failure = refused(&sshd.target(Keys::default()), &sshd.known());
    assert!(failure.message.contains("`SSH_AUTH_SOCK` is not set"), "{failure}");
}

#[test]
fn a_host_that_hangs_up_after_too_many_keys_is_told_as_that() {
    let Some(sshd) = Sshd::start_with(&["ed25519"], "MaxAuthTries 2") else { return };
    let files = ["a", "b", "c", "d"].map(|name| sshd.path(name));
    for file in &files {
        make_key(file, "ed25519", "");
    }
    let agent = SshAgent::with(&files);
    let failure = refused(&sshd.target(agent.keys()), &sshd.known());
    assert_eq!(failure.cause, Cause::Authentication);
    assert!(failure.message.contains("the host hung up"), "{failure}");
    assert!(failure.remedy.iter().any(|line| line.contains("MaxAuthTries")), "{:?}", failure.remedy);
    assert_eq!(failure.message.matches("agent key").count(), 2, "keys that were not tried are not listed: {failure}");
}
