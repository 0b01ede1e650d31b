//! Host keys: who is let pass, what is recorded, and the same verdict as the real `ssh`.

use std::fs;
use std::process::Command;

use hoist::transport::ssh::{HostKeyPolicy, Patience, fetch_host_key};
use hoist::transport::{Cause, Exit, PublicKey};

use super::{LONG, connect, refused, run};
use crate::sshd::{Sshd, make_key, public_half};

fn key(text: &str) -> PublicKey {
    let (kind, base64) = text.split_once(' ').expect("two words");
    PublicKey::of_host(kind, base64).expect("it is whole")
}

// N06
#[test]
fn an_unknown_key_is_refused_before_anything_is_said() {
    let Some(sshd) = Sshd::start() else { return };
    let failure = refused(&sshd.good_target(), &sshd.known_hosts("", HostKeyPolicy::Strict));
    assert_eq!(failure.cause, Cause::HostKey);
    assert_eq!(failure.message, format!("the host key is unknown: {}", key(&sshd.host_key("ed25519"))));
    assert_eq!(failure.remedy.last().expect("it has some"), "hoist hosts trust env=prod");
    assert!(!sshd.log().contains("publickey"), "{}", sshd.log());
}

// N05
#[test]
fn a_changed_key_is_refused_and_known_hosts_stays() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("old"), "ed25519", "");
    let text = format!("HOST {}", public_half(&sshd.path("old")));
    for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
        let known = sshd.known_hosts(&text, policy);
        let before = fs::read(sshd.path("known_hosts")).expect("read");
        let failure = refused(&sshd.good_target(), &known);
        assert_eq!(failure.cause, Cause::HostKey);
        for print in [key(&sshd.host_key("ed25519")), key(&public_half(&sshd.path("old")))] {
            assert!(failure.message.contains(&print.to_string()), "{failure}");
        }
        assert_eq!(fs::read(sshd.path("known_hosts")).expect("read"), before);
    }
    assert!(!sshd.log().contains("publickey"), "{}", sshd.log());
}

#[test]
fn a_revoked_key_is_refused() {
    let Some(sshd) = Sshd::start() else { return };
    let known = sshd.known_hosts(&format!("HOST {0}\n@revoked * {0}\n", sshd.host_key("ed25519")), HostKeyPolicy::AcceptNew);
    assert!(refused(&sshd.good_target(), &known).message.contains("is revoked by line 2 of"));
}

// N06
#[test]
fn a_new_key_is_recorded_once_when_asked_for() {
    let Some(sshd) = Sshd::start() else { return };
    let known = sshd.known_hosts("# ours\nother ssh-ed25519 AAAA", HostKeyPolicy::AcceptNew);
    for _ in 0..2 {
        connect(&sshd.good_target(), &known).expect("accepted");
    }
    let expected = format!("# ours\nother ssh-ed25519 AAAA\n[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519"));
    assert_eq!(fs::read_to_string(sshd.path("known_hosts")).expect("read"), expected);
}

#[test]
fn a_new_key_that_cannot_be_recorded_is_refused() {
    let Some(sshd) = Sshd::start() else { return };
    let known = sshd.known_hosts("", HostKeyPolicy::AcceptNew);
    let mut permissions = fs::metadata(sshd.path("known_hosts")).expect("it is there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(sshd.path("known_hosts"), permissions).expect("set");
    assert!(refused(&sshd.good_target(), &known).message.contains("read-only"));
}

#[test]
fn a_host_with_several_keys_is_asked_for_the_one_that_is_known() {
    let Some(sshd) = Sshd::start_with(&["ed25519", "ecdsa", "rsa"], "") else { return };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let known = sshd.known_hosts(&format!("HOST {}", sshd.host_key(kind)), HostKeyPolicy::Strict);
        let mut connection = connect(&sshd.good_target(), &known).unwrap_or_else(|failure| panic!("{kind}: {failure}"));
        assert_eq!(run(&mut connection, "true").2, Exit::Status(0));
    }
}

#[test]
fn the_key_of_a_stranger_is_fetched_without_logging_in() {
    let Some(sshd) = Sshd::start_with(&["rsa", "ed25519"], "") else { return };
    let shown = fetch_host_key(&sshd.good_target(), &sshd.known(), Patience::to_connect(LONG)).expect("it shows one").key;
    assert_eq!(shown, key(&sshd.host_key("ed25519")));
    let keygen = Command::new("ssh-keygen").arg("-lf").arg(sshd.path("host_ed25519.pub")).output().expect("it runs");
    assert!(String::from_utf8_lossy(&keygen.stdout).contains(&shown.fingerprint()));
}

// N07
#[test]
fn every_known_hosts_has_the_verdict_that_ssh_gives() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("other"), "ed25519", "");
    make_key(&sshd.path("other_ecdsa"), "ecdsa", "");
    let (mine, other, ecdsa) = (sshd.host_key("ed25519"), public_half(&sshd.path("other")), public_half(&sshd.path("other_ecdsa")));
    let hashed = {
        sshd.known_hosts(&format!("HOST {mine}\n"), HostKeyPolicy::Strict);
        assert!(
            Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(sshd.path("known_hosts")).output().expect("it runs").status.success()
        );
        fs::read_to_string(sshd.path("known_hosts")).expect("read")
    };
    let long: String = (0..10_000).map(|n| format!("host{n},10.0.{}.{} {other}\n", n / 256, n % 256)).collect();
    for text in [
        String::new(),
        format!("HOST {mine}"),
        format!("HOST {mine} comment\r\n"),
        format!("HOST {other}\n"),
        format!("HOST {ecdsa}\n"),
        format!("HOST {ecdsa}\nHOST {other}\nHOST {mine}\n"),
        format!("127.0.0.1 {mine}\n"),
        format!("127.0.0.1 {other}\n"),
        format!("a,b,HOST {mine}\n"),
        format!("[*]:{} {mine}\n", sshd.port),
        format!("[127.0.0.*]:* {mine}\n"),
        format!("[127.0.0.?]:* {other}\n"),
        format!("*,!HOST {mine}\n"),
        format!("*,!HOST,!127.* {mine}\n"),
        format!("HOST {mine}\n@revoked * {mine}\n"),
        format!("@revoked HOST {mine}\nHOST {mine}\n"),
        format!("@revoked HOST {other}\nHOST {mine}\n"),
        format!("@cert-authority HOST {mine}\n"),
        format!("@cert-authority HOST {other}\nHOST {mine}\n"),
        format!("@nonsense HOST {mine}\n"),
        format!("garbage\n\n# remark\nHOST {mine}\n"),
        format!("HOST ssh-ed25519 AAAA\nHOST {mine}\n"),
        format!("HOST {}\n", &mine[..60]),
        format!("HOST ecdsa-sha2-nistp256 {}\n", mine.split(' ').nth(1).expect("two words")),
        format!("HOST 2048 35 {mine}\n"),
        hashed.clone(),
        format!("{hashed}@revoked * {mine}\n"),
        hashed.replace("|1|", "|2|"),
        format!("{long}HOST {mine}\n"),
    ] {
        let known = sshd.known_hosts(&text, HostKeyPolicy::Strict);
        let before = fs::read(sshd.path("known_hosts")).expect("read");
        let ours = connect(&sshd.good_target(), &known).map(drop);
        let theirs = Command::new("ssh")
            .args([
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "UpdateHostKeys=no",
            ])
            .args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", &format!("UserKnownHostsFile={}", sshd.path("known_hosts").display())])
            .arg("-i")
            .arg(sshd.path("id"))
            .args(["-p", &sshd.port.to_string(), "-l", &sshd.user, "127.0.0.1", "true"])
            .output()
            .expect("ssh runs");
        let said = String::from_utf8_lossy(&theirs.stderr);
        let shown = &text[text.len().saturating_sub(600)..];
        assert_eq!(ours.is_ok(), theirs.status.success(), "{shown}\nhoist: {ours:?}\nssh: {said}");
        if let Err(failure) = ours {
            assert_eq!(
                failure.message.contains("has changed"),
                said.contains("IDENTIFICATION HAS CHANGED"),
                "{shown}\nhoist: {failure}\nssh: {said}"
            );
            assert_eq!(failure.message.contains("revoked"), said.contains("REVOKED"), "{shown}\nhoist: {failure}\nssh: {said}");
        }
        assert_eq!(fs::read(sshd.path("known_hosts")).expect("read"), before);
    }
}
