//! The system's ssh: what it can do beyond libssh2, what it is not allowed to, and what is made of its words.

use std::fs;
use std::process::Command;

use hoist::transport::ssh::{HostKeyPolicy, Patience};
use hoist::transport::{Cause, Exit, Failure, OpenSshConnection, Wanted};

use super::ways::{system, wanted};
use super::{LONG, refused, run};
use crate::sshd::{SshAgent, Sshd, free_port, make_key, named};

fn connect(sshd: &Sshd, wanted: &Wanted, forward_agent: bool) -> Result<OpenSshConnection, Failure> {
    OpenSshConnection::connect(wanted, &sshd.good_target(), forward_agent, &sshd.known(), Patience::to_connect(LONG))
}

/// A user whose key is signed by an authority that the server trusts, and is in no authorized_keys.
#[test]
fn a_certificate_logs_in() {
    let folder = tempfile::tempdir().expect("a folder");
    make_key(&folder.path().join("ca"), "ed25519", "");
    let settings = format!("TrustedUserCAKeys {}", folder.path().join("ca.pub").display());
    let Some(sshd) = Sshd::start_with(&["ed25519"], &settings) else { return };
    let key = sshd.path("signed");
    make_key(&key, "ed25519", "");
    let signed = Command::new("ssh-keygen")
        .arg("-q")
        .arg("-s")
        .arg(folder.path().join("ca"))
        .args(["-I", "test", "-n", &sshd.user])
        .arg(key.with_extension("pub"))
        .output();
    assert!(signed.expect("it runs").status.success());

    let failure = refused(&sshd.target(named(&key)), &sshd.known());
    assert_eq!(failure.cause, Cause::Authentication, "libssh2 knows no certificates");
    let mut connection = connect(&sshd, &Wanted { key: Some(key), ..wanted(&sshd) }, false).expect("the certificate counts");
    assert_eq!(run(&mut connection, "echo hello").0, "hello\n");
    assert!(sshd.logged("Accepted publickey for") && sshd.log().contains("ED25519-CERT"), "{}", sshd.log());
}

// N05, N06
#[test]
fn host_keys_are_checked_with_our_files() {
    let Some(sshd) = Sshd::start() else { return };
    let failure = system(&sshd, &sshd.known_hosts("", HostKeyPolicy::Strict)).err().expect("unknown");
    assert_eq!(failure.cause, Cause::HostKey, "{failure}");
    assert_eq!(failure.remedy.last().expect("there is one"), "hoist hosts trust env=prod");

    make_key(&sshd.path("old"), "ed25519", "");
    let changed = format!("HOST {}\n", crate::sshd::public_half(&sshd.path("old")));
    for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
        let failure = system(&sshd, &sshd.known_hosts(&changed, policy)).err().expect("changed");
        assert_eq!(failure.cause, Cause::HostKey, "{failure}");
        assert!(failure.remedy[0].contains("has changed"), "{failure:?}");
    }
    assert!(!sshd.log().contains("publickey"), "{}", sshd.log());

    system(&sshd, &sshd.known_hosts("# ours\n", HostKeyPolicy::AcceptNew)).expect("recorded");
    let text = fs::read_to_string(sshd.path("known_hosts")).expect("read");
    assert_eq!(text, format!("# ours\n[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key("ed25519")));
}

// N03, N04
#[test]
fn what_it_says_has_its_cause() {
    let Some(sshd) = Sshd::start() else { return };
    make_key(&sshd.path("wrong"), "ed25519", "");
    let good = wanted(&sshd);
    for (wanted, cause) in [
        (Wanted { key: Some(sshd.path("wrong")), ..good.clone() }, Cause::Authentication),
        (Wanted { port: Some(free_port()), ..good.clone() }, Cause::Refused),
        (Wanted { host: "no-such-host.invalid".into(), ..good.clone() }, Cause::Name),
        (Wanted { options: vec![("nonsense".into(), "yes".into())], ..good.clone() }, Cause::Configuration),
    ] {
        let failure = connect(&sshd, &wanted, false).err().expect("it fails");
        assert_eq!(failure.cause, cause, "{failure}");
        assert!(failure.message.starts_with("`ssh` says: "), "{failure}");
    }
    assert!(sshd.logged("Failed publickey"));
    assert_eq!(sshd.log().matches("Failed publickey").count(), 1, "{}", sshd.log());
}

// N10
#[test]
fn a_hostile_configuration_turns_nothing_on() {
    let Some(sshd) = Sshd::start() else { return };
    let agent = SshAgent::with(&[sshd.path("id")]);
    let proof = sshd.path("proof");
    let config = format!(
        "Host *\n ForwardAgent {}\n LocalCommand touch {}\n PermitLocalCommand yes\n RemoteCommand echo ours\n RequestTTY force\n \
         ControlMaster auto\n ControlPath {}\n ForwardX11 yes\n LocalForward {} x:1\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n \
         IdentityAgent {}\n",
        agent.socket.display(),
        proof.display(),
        sshd.path("socket").display(),
        free_port(),
        agent.socket.display()
    );
    let hostile = wanted(&sshd);
    fs::write(sshd.path("ssh_config"), config).expect("written");
    let mut connection = connect(&sshd, &hostile, false).expect("it works");
    assert_eq!(run(&mut connection, "echo \"$SSH_AUTH_SOCK\"; tty"), ("\nnot a tty\n".into(), "".into(), Exit::Status(1)));
    assert!(!proof.exists() && !sshd.path("socket").exists());
    let unknown = OpenSshConnection::connect(
        &hostile,
        &sshd.good_target(),
        false,
        &sshd.known_hosts("", HostKeyPolicy::Strict),
        Patience::to_connect(LONG),
    );
    assert_eq!(unknown.err().expect("unknown").cause, Cause::HostKey);
    drop(connection);

    let mut connection = connect(&sshd, &hostile, true).expect("it works");
    assert!(run(&mut connection, "ssh-add -l").0.contains("made for a test"), "the agent is forwarded when the inventory asks for it");
}

// N09
#[test]
fn its_jump_hosts_are_checked_with_our_files_too() {
    let (Some(sshd), Some(hop)) = (Sshd::start(), Sshd::start()) else { return };
    let agent = SshAgent::with(&[hop.path("id")]);
    let jump = ("proxyjump".to_owned(), format!("{}@127.0.0.1:{}", hop.user, hop.port));
    let wanted = Wanted { options: vec![jump], ..wanted(&sshd) };
    fs::write(sshd.path("ssh_config"), format!("IdentityAgent {}\n", agent.socket.display())).expect("written");
    let both = format!("HOST {}\n[127.0.0.1]:{} {}\n", sshd.host_key("ed25519"), hop.port, hop.host_key("ed25519"));
    for (text, works) in [(both.clone(), true), (both.lines().next().expect("the host's").to_owned() + "\n", false)] {
        let known = sshd.known_hosts(&text, HostKeyPolicy::Strict);
        let connection = OpenSshConnection::connect(&wanted, &sshd.good_target(), false, &known, Patience::to_connect(LONG));
        match connection {
            Ok(mut connection) => assert_eq!((run(&mut connection, "echo hello").0.as_str(), works), ("hello\n", true)),
            Err(failure) => assert!(!works && failure.cause == Cause::HostKey, "{failure:?}"),
        }
    }
    assert_eq!(hop.log().matches("Accepted publickey").count(), 1, "{}", hop.log());
}
