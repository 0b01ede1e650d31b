//! A private key file: what can be told about it before it is used.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::transport::PublicKey;
use crate::transport::public_key::field;

/// A private key file that could be read.
pub struct KeyFile {
    /// Its text, unless it is encrypted, or only the public half is there.
    pub private: Option<String>,
    /// Its public half, from the file itself or the `.pub` beside it.
    pub public: Option<PublicKey>,
}

/// Why a file is no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// There is no such file.
    Missing,
    /// Others may read it, so `ssh` would not take it either.
    TooOpen,
    /// Anything else, in words.
    Other(String),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Other(super::dial::plain(&error)),
        }
    }
}

impl KeyFile {
    /// Reads the key file at `path`; a leading `~` is the user's home.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let path = &at_home(path);
        let mut file = match File::open(path) {
            // The agent may have the other half.
            Err(error) if error.kind() == ErrorKind::NotFound && beside(path).is_some() => {
                return Ok(Self { private: None, public: beside(path) });
            }
            other => other?,
        };
        if let Some(public) = path.extension().filter(|extension| *extension == "pub").and_then(|_| public_in(path)) {
            return Ok(Self { private: None, public: Some(public) });
        }
        let metadata = file.metadata()?;
        if metadata.uid() == rustix::process::getuid().as_raw() && metadata.mode() & 0o077 != 0 {
            return Err(Unusable::TooOpen);
        }
        let mut text = String::new();
        // No key is as long as that, but a device might be.
        file.by_ref().take(1 << 20).read_to_string(&mut text)?;
        if !text.contains("PRIVATE KEY-----") {
            return Err(Unusable::Other("it is no private key".to_owned()));
        }
        let (encrypted, public) = match openssh(&text) {
            Some((cipher, public)) => (cipher != b"none", Some(public)),
            None => (text.contains("ENCRYPTED"), beside(path)),
        };
        Ok(Self { private: (!encrypted).then_some(text), public })
    }
}

fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The cipher and the public half, which OpenSSH's own format holds in the clear.
fn openssh(text: &str) -> Option<(Vec<u8>, PublicKey)> {
    let text = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?.1.split_once("-----END")?.0;
    let bytes = BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).ok()?;
    let (cipher, rest) = field(bytes.strip_prefix(b"openssh-key-v1\0")?)?;
    let (_kdf, rest) = field(rest)?;
    let (_options, rest) = field(rest)?;
    let (_count, rest) = rest.split_first_chunk::<4>()?;
    let (public, _private) = field(rest)?;
    Some((cipher.to_owned(), PublicKey::from_blob(public)?))
}

fn beside(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    public_in(Path::new(&name))
}

fn public_in(path: &Path) -> Option<PublicKey> {
    let text = fs::read_to_string(path).ok()?;
    PublicKey::from_blob(&BASE64_STANDARD.decode(text.split_whitespace().nth(1)?).ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// Makes a key; `None` (and a word about it) where there is no ssh-keygen.
    fn made(folder: &Path, arguments: &[&str]) -> Option<PathBuf> {
        let path = folder.join("id");
        let Ok(output) = Command::new("ssh-keygen").args(["-q", "-f"]).arg(&path).args(arguments).output() else {
            println!("skipped: ssh-keygen is not installed");
            return None;
        };
        assert!(output.status.success(), "{output:?}");
        Some(path)
    }

    #[test]
    fn the_public_half_is_known_even_of_an_encrypted_key() {
        for (arguments, encrypted) in [
            (["-t", "ed25519", "-N", ""].as_slice(), false),
            (&["-t", "ed25519", "-N", "secret"], true),
            (&["-t", "rsa", "-m", "PEM", "-N", ""], false),
            (&["-t", "rsa", "-m", "PEM", "-N", "secret"], true),
            (&["-t", "ecdsa", "-m", "PKCS8", "-N", "secret"], true),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let Some(path) = made(folder.path(), arguments) else { return };
            let key = KeyFile::read(&path).expect("it can be read");
            assert_eq!(key.private.is_none(), encrypted, "{arguments:?}");
            assert_eq!(key.public, beside(&path), "{arguments:?}");
            assert!(key.public.is_some());
        }
    }

    #[test]
    fn the_public_half_alone_names_a_key_of_the_agent() {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(path) = made(folder.path(), &["-t", "ed25519", "-N", ""]) else { return };
        let public = beside(&path);
        fs::remove_file(&path).expect("removed");
        for path in [path.clone(), path.with_extension("pub")] {
            let key = KeyFile::read(&path).expect("its public half is there");
            assert!(key.private.is_none() && key.public == public && public.is_some(), "{}", path.display());
        }
    }

    #[test]
    fn a_file_that_is_no_key_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("id");
        assert_eq!(KeyFile::read(&path).err(), Some(Unusable::Missing));
        fs::write(&path, "hello").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert_eq!(KeyFile::read(&path).err(), Some(Unusable::TooOpen));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(KeyFile::read(&path).err(), Some(Unusable::Other("it is no private key".into())));
        fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END").expect("written");
        assert!(KeyFile::read(&path).expect("libssh2 will say the rest").public.is_none());
    }
}
