//! The same verdict as OpenSSH, line by line. `tests/host/transport.rs` asks the real `ssh` as well. N07

use std::process::Command;

use proptest::prelude::*;

use super::*;

const SHOWN: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzX";

fn key(text: &str) -> PublicKey {
    let (kind, base64) = text.split_once(' ').expect("two words");
    PublicKey::of_host(kind, base64).expect("it is whole")
}

fn read(text: &str) -> KnownHosts {
    let mut hosts = KnownHosts::default();
    hosts.add(Path::new("known_hosts"), text.as_bytes());
    hosts
}

/// In a word and a line number.
fn verdict(text: &str) -> String {
    match read(&text.replace("SHOWN", SHOWN).replace("OTHER", OTHER)).verdict("h", 2222, &key(SHOWN)) {
        Verdict::Known => "known".into(),
        Verdict::Unknown { authority: None } => "unknown".into(),
        Verdict::Unknown { authority: Some(place) } => format!("unknown, authority {}", place.line),
        Verdict::Changed { place, .. } => format!("changed {}", place.line),
        Verdict::Revoked(place) => format!("revoked {}", place.line),
    }
}

#[test]
fn every_form_of_line_has_the_verdict_that_ssh_gives() {
    for (text, expected) in [
        ("", "unknown"),
        ("[h]:2222 SHOWN", "known"),
        ("[h]:2222 SHOWN a comment\n", "known"),
        ("  [h]:2222\t SHOWN\r\n", "known"),
        ("[h]:2222 OTHER", "changed 1"),
        ("[h]:2222 OTHER\n[h]:2222 SHOWN", "known"),
        ("[h]:2223 SHOWN\n[x]:2222 SHOWN", "unknown"),
        ("h SHOWN", "known"),
        ("h OTHER", "unknown"),
        ("h SHOWN\n[h]:2222 OTHER", "changed 2"),
        ("a,[H]:2222,b SHOWN", "known"),
        ("[*]:2222 SHOWN", "known"),
        ("*,![h]:* OTHER", "unknown"),
        ("\n# a remark\ngarbage\n[h]:2222 SHOWN", "known"),
        ("[h]:2222 SHOWN\n@revoked * SHOWN", "revoked 2"),
        ("@revoked * SHOWN\n[h]:2222 SHOWN", "revoked 1"),
        ("@revoked * OTHER\n[h]:2222 SHOWN", "known"),
        ("@revoked * OTHER", "unknown"),
        ("@cert-authority * OTHER", "unknown, authority 1"),
        ("@cert-authority * OTHER\n[h]:2222 SHOWN", "known"),
        ("@no-such-marker [h]:2222 SHOWN", "unknown"),
    ] {
        assert_eq!(verdict(text), expected, "{text}");
    }
}

#[test]
fn a_line_with_the_same_kind_of_key_is_the_one_to_look_at() {
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCYiScNqazzitGFJsSL8/cVvk7YsmHBfihpNM+yjUjblanbDMhAgjcmokMjM3JmJZ1TPAXudtxSVM75oD78+cTA=";
    assert_eq!(verdict(&format!("[h]:2222 {ecdsa}\n[h]:2222 OTHER")), "changed 2");
    assert_eq!(verdict(&format!("[h]:2222 {ecdsa}")), "changed 1", "a host known by another kind only has changed for ssh too");
    assert_eq!(read(&format!("[h]:2222 {ecdsa}\nh {SHOWN}\n[h]:2222 {ecdsa}")).kinds("h", 2222), ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
}

#[test]
fn files_that_do_not_exist_are_empty_and_garbage_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, b"garbage\nh ssh-ed25519 \xff\n\xe9\n").expect("written");
    let hosts = KnownHosts::read(&[folder.path().join("none"), file.clone(), folder.path().into()]);
    assert_eq!(hosts.remarks().len(), 2);
    assert_eq!(hosts.remarks()[0], format!("3 lines of `{}` were skipped: they are no host keys, the first is line 1", file.display()));
    assert!(hosts.remarks()[1].contains("cannot be read"));
}

/// `ssh-keygen -F` says which lines name a host (it does not look at their keys).
#[test]
fn ssh_keygen_finds_the_same_lines() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        println!("skipped: ssh-keygen is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("known_hosts");
    let hashed = {
        std::fs::write(&file, format!("[h]:2222 {SHOWN}\n")).expect("written");
        assert!(Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&file).output().expect("it runs").status.success());
        std::fs::read_to_string(&file).expect("read")
    };
    let text = format!(
        "# remark\n[h]:2222 {SHOWN}\r\ngarbage\n[h]:2223 {SHOWN}\nh {SHOWN}\n{hashed}a,[H]:22*,b {OTHER}\n\
         *,![h]:2222 {SHOWN}\n@revoked [?]:2222 {SHOWN}\n@cert-authority * {SHOWN}\n[h]:2222 {OTHER}"
    );
    std::fs::write(&file, &text).expect("written");
    for (host, port, name) in [("h", 2222, "[h]:2222"), ("h", 22, "h"), ("H", 2223, "[h]:2223"), ("other", 22, "other")] {
        let found = Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(&file).output().expect("it runs");
        let theirs: Vec<usize> = String::from_utf8_lossy(&found.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("# Host ")?.split("line ").nth(1)?.split(' ').next()?.parse().ok())
            .collect();
        let ours: Vec<usize> = read(&text)
            .entries
            .iter()
            .filter(|entry| names::matches(&entry.names, &names::listed(host, port)))
            .map(|e| e.place.line)
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

proptest! {
    #[test]
    fn no_file_panics(bytes: Vec<u8>) {
        let mut hosts = KnownHosts::default();
        hosts.add(Path::new("known_hosts"), &bytes);
        hosts.verdict("h", 22, &key(SHOWN));
    }
}
