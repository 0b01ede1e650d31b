//! A public key as SSH sends it: a host's, or one that a user logs in with.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine};
use sha2::{Digest, Sha256};

/// The kinds that hosts have, and of how many length-prefixed fields each consists.
const HOST_KINDS: [(&str, usize); 8] = [
    ("ssh-ed25519", 2),
    ("ecdsa-sha2-nistp256", 3),
    ("ecdsa-sha2-nistp384", 3),
    ("ecdsa-sha2-nistp521", 3),
    ("ssh-rsa", 3),
    ("ssh-dss", 5),
    ("sk-ssh-ed25519@openssh.com", 3),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 4),
];

/// A public key: its kind, and its bytes on the wire (which begin with the kind).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    blob: Vec<u8>,
}

impl PublicKey {
    /// The key in `blob`, of whatever kind it names; `None` when it names none.
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let (kind, _) = field(blob)?;
        let kind = std::str::from_utf8(kind).ok().filter(|kind| !kind.is_empty())?;
        Some(Self { kind: kind.to_owned(), blob: blob.to_owned() })
    }

    /// The host key of a line `kind base64`; `None` unless both are whole and agree, as OpenSSH wants it.
    pub fn of_host(kind: &str, base64: &str) -> Option<Self> {
        let (_, wanted) = HOST_KINDS.iter().find(|(known, _)| *known == kind)?;
        let key = Self::from_blob(&BASE64_STANDARD.decode(base64).ok()?)?;
        (key.kind == kind && count_fields(&key.blob) == Some(*wanted)).then_some(key)
    }

    /// Such as `ssh-ed25519`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The bytes on the wire.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The bytes as known_hosts and authorized_keys write them.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.blob)
    }

    /// `SHA256:...`, as OpenSSH prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

/// Kind and fingerprint, for messages.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.fingerprint())
    }
}

/// Splits a length-prefixed field off `bytes`; `None` when it is cut short.
pub(super) fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// Of how many fields `bytes` consists; `None` when the last is cut short.
fn count_fields(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = field(bytes)?.1;
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by ssh-keygen; `ssh-keygen -lf` printed the fingerprint.
    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIKemlQ5c1z1V2+z48XK1leN4Gdv8trzqkcKRXP/ErIzW";

    #[test]
    fn a_key_is_read_and_printed_as_openssh_does() {
        let key = PublicKey::of_host("ssh-ed25519", ED25519).expect("it is whole");
        assert_eq!(key.base64(), ED25519);
        assert_eq!(key.to_string(), "ssh-ed25519 SHA256:/3MWgIcVLJWvDo4qt9p5c+s9KAohRjrJ0H+hWBjZxJw");
    }

    #[test]
    fn a_key_that_is_cut_short_or_of_another_kind_is_none() {
        assert_eq!(PublicKey::of_host("ssh-rsa", ED25519), None);
        assert_eq!(PublicKey::of_host("ssh-foo", ED25519), None);
        assert_eq!(PublicKey::of_host("ssh-ed25519", &ED25519[..64]), None);
        assert_eq!(PublicKey::of_host("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5"), None);
        assert_eq!(PublicKey::from_blob(&[0, 0, 1]), None);
        assert_eq!(PublicKey::from_blob(&[255; 9]), None);
    }
}
