//! Whether a host is who it should be: known_hosts and the user's policy, before anything is said to the host.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::target::KnownAs;
use crate::transport::known_hosts::{self, KnownHosts, Verdict};
use crate::transport::{Cause, Failure, PublicKey};

/// Host key methods for a kind of key, the kinds in the order in which a stranger is asked.
const METHODS: [(&str, &str); 5] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];

/// What to do with a host whose key is not known. A changed key stops in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Stop.
    Strict,
    /// Record the key in the environment's known_hosts, and go on.
    AcceptNew,
}

/// The known host keys of an environment, read once for all its hosts.
#[derive(Debug)]
pub struct HostKeys {
    environment: String,
    file: PathBuf,
    known: Arc<KnownHosts>,
    /// What is known with other files than the usual ones, by those files.
    special: Mutex<HashMap<Vec<PathBuf>, Arc<KnownHosts>>>,
    policy: HostKeyPolicy,
}

impl HostKeys {
    /// Reads the `file` of `environment` (new keys are recorded there) and then `others`, which may be missing:
    /// usually [`known_hosts::usual_files`].
    pub fn read(environment: &str, file: &Path, others: &[PathBuf], policy: HostKeyPolicy) -> Self {
        let known = Arc::new(read(file, others));
        Self { environment: environment.to_owned(), file: file.to_owned(), known, special: Mutex::default(), policy }
    }

    /// What is known where this host is looked up.
    fn known(&self, host: &KnownAs) -> Arc<KnownHosts> {
        let Some(files) = &host.files else { return self.known.clone() };
        let mut special = self.special.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        special.entry(files.clone()).or_insert_with(|| Arc::new(read(&self.file, files))).clone()
    }

    /// The file in which new keys are recorded.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What to do with keys that nobody knows.
    pub fn policy(&self) -> HostKeyPolicy {
        self.policy
    }

    /// Whether nobody knows the host, nor an authority or a reason against it.
    pub fn is_unknown(&self, host: &KnownAs, key: &PublicKey) -> bool {
        matches!(self.known(host).verdict(&host.host, host.port, key), Verdict::Unknown { .. })
    }

    /// The methods to ask `host` for, those of its known keys first.
    pub(super) fn methods(&self, host: &KnownAs) -> String {
        let known = self.known(host);
        let kinds = known.kinds(&host.host, host.port);
        let mut methods = METHODS;
        // A stable sort: kinds that are not known stay in our order, behind the others.
        methods.sort_by_key(|(kind, _)| kinds.iter().position(|known| known == kind).unwrap_or(kinds.len()));
        methods.map(|(_, methods)| methods).join(",")
    }

    /// Lets a host pass whose key is known, or new and accepted.
    ///
    /// # Errors
    /// [`Cause::HostKey`] for all others, and when a new key cannot be recorded.
    pub fn check(&self, host: &KnownAs, key: &PublicKey) -> Result<(), Failure> {
        let known_hosts = self.known(host);
        match known_hosts.verdict(&host.host, host.port, key) {
            Verdict::Known => Ok(()),
            Verdict::Unknown { .. } if self.policy == HostKeyPolicy::AcceptNew => {
                known_hosts::record(&self.file, &host.host, host.port, key)
            }
            Verdict::Unknown { authority } => {
                let mut failure = Failure::new(Cause::HostKey, format!("the host key is unknown: {key}"));
                if let Some(place) = authority {
                    failure = failure.remedy(format!("{place} trusts an authority, which hoist cannot check: it needs the key itself"));
                }
                for remark in known_hosts.remarks() {
                    failure = failure.remedy(remark);
                }
                Err(failure.remedy("compare the fingerprint and record the key with").remedy(self.trust_command()))
            }
            Verdict::Changed { place, known } => Err(Failure::new(
                Cause::HostKey,
                format!("the host key has changed: it is {key}, and should be {known} by {place}"),
            )
            .remedy("somebody may be in between, or the host was installed anew; on its own console, this must print the new fingerprint:")
            .remedy(format!("ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub", file_word(key.kind())))
            .remedy(format!("if it does, delete {place}, and then record the key with"))
            .remedy(self.trust_command())),
            Verdict::Revoked(place) => Err(Failure::new(Cause::HostKey, format!("the host key {key} is revoked by {place}"))
                .remedy("this key must not be trusted any more: give the host a new one")),
        }
    }

    /// The command that records keys.
    pub fn trust_command(&self) -> String {
        format!("hoist hosts trust env={}", self.environment)
    }
}

/// The environment's own file and then the others.
fn read(file: &Path, others: &[PathBuf]) -> KnownHosts {
    let files: Vec<PathBuf> = std::iter::once(file).chain(others.iter().map(PathBuf::as_path)).map(Path::to_owned).collect();
    KnownHosts::read(&files)
}

/// The methods to ask a stranger for.
pub(super) fn any_method() -> String {
    METHODS.map(|(_, methods)| methods).join(",")
}

/// How sshd's own key files name a kind.
fn file_word(kind: &str) -> &str {
    match kind {
        "ssh-ed25519" => "ed25519",
        "ssh-rsa" => "rsa",
        _ => "ecdsa",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzX";

    fn named(host: &str) -> KnownAs {
        KnownAs { host: host.to_owned(), port: 22, files: None }
    }

    fn failure(text: &str) -> Failure {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("known_hosts"), text).expect("written");
        let keys = HostKeys::read("prod", &folder.path().join("known_hosts"), &[], HostKeyPolicy::Strict);
        let key = PublicKey::of_host("ssh-ed25519", &KEY[12..]).expect("it is whole");
        let mut failure = keys.check(&named("web1"), &key).expect_err("refused");
        for text in failure.remedy.iter_mut().chain([&mut failure.message]) {
            *text = text.replace(&format!("{}/", folder.path().display()), "");
        }
        failure
    }

    #[test]
    fn an_unknown_key_is_told_with_the_command_that_records_it() {
        let failure = failure("@cert-authority web* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW");
        assert_eq!(failure.message, "the host key is unknown: ssh-ed25519 SHA256:/3MWgIcVLJWvDo4qt9p5c+s9KAohRjrJ0H+hWBjZxJw");
        assert_eq!(
            failure.remedy,
            [
                "line 1 of known_hosts trusts an authority, which hoist cannot check: it needs the key itself",
                "compare the fingerprint and record the key with",
                "hoist hosts trust env=prod",
            ]
        );
    }

    #[test]
    fn a_changed_key_is_told_with_both_fingerprints_and_the_line() {
        let failure = failure(&format!("# ours\nweb1 {OTHER}\n"));
        assert_eq!(
            failure.message,
            "the host key has changed: it is ssh-ed25519 SHA256:/3MWgIcVLJWvDo4qt9p5c+s9KAohRjrJ0H+hWBjZxJw, \
             and should be ssh-ed25519 SHA256:llIt5dnIpxK3gJKkW+gU/cbw0p84D8dJW4AyCyl+esk by line 2 of known_hosts"
        );
        assert_eq!(failure.remedy[1], "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
        assert_eq!(failure.remedy[2], "if it does, delete line 2 of known_hosts, and then record the key with");
    }

    #[test]
    fn a_revoked_key_is_told_as_such() {
        let failure = failure(&format!("web1 {KEY}\n@revoked * {KEY}\n"));
        assert!(failure.message.ends_with("is revoked by line 2 of known_hosts"), "{failure}");
    }

    #[test]
    fn kinds_that_are_known_are_asked_for_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, "web1 ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCYiScNqazzitGFJsSL8/cVvk7YsmHBfihpNM+yjUjblanbDMhAgjcmokMjM3JmJZ1TPAXudtxSVM75oD78+cTA=\n").expect("written");
        let keys = HostKeys::read("prod", &file, &[], HostKeyPolicy::Strict);
        assert!(keys.methods(&named("web1")).starts_with("ecdsa-sha2-nistp256,ssh-ed25519,ecdsa-sha2-nistp384"));
        assert_eq!(keys.methods(&named("web2")), any_method());
    }
}
