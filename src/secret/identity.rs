//! Who is at the keyboard: the private keys that open files. Locked ones are unlocked when a file is for them, and
//! asked for once.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use age::secrecy::SecretString;
use age::{DecryptError, ssh};
use age_core::format::{FileKey, Stanza};

use super::recipient::{Recipient, ssh_tag};
use super::{Secret, hybrid};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The environment variable that names an identity file.
pub const VARIABLE: &str = "HOIST_IDENTITY";

/// Asks a person for a passphrase; `None` when nobody is there.
pub type Ask = fn(&str) -> Option<Secret<String>>;

/// Private keys, some of them locked.
#[derive(Default)]
pub struct Identities {
    keys: Vec<Key>,
    /// Files that were passed over, with the reason: to be told when nothing opens.
    passed_over: Vec<String>,
}

enum Key {
    Age(AgeKey),
    Ssh(SshKey),
    File(LockedFile),
    Passphrase(Box<age::scrypt::Identity>),
}

/// A key of age's own.
enum AgeKey {
    X25519(age::x25519::Identity),
    Hybrid(hybrid::Identity),
}

impl AgeKey {
    fn to_public(&self) -> String {
        match self {
            Self::X25519(key) => key.to_public().to_string(),
            Self::Hybrid(key) => key.to_public(),
        }
    }
}

impl std::str::FromStr for AgeKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hybrid = || text.parse().map(Self::Hybrid);
        text.parse().map(Self::X25519).or_else(|_: &str| hybrid())
    }
}

impl age::Identity for AgeKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        match self {
            Self::X25519(key) => key.unwrap_stanza(stanza),
            Self::Hybrid(key) => key.unwrap_stanza(stanza),
        }
    }
}

/// An SSH key, open or locked.
struct SshKey {
    file: String,
    tag: Option<String>,
    key: ssh::Identity,
    open: OnceLock<Result<ssh::Identity, String>>,
    ask: Ask,
}

/// A file of age keys that is itself locked with a passphrase.
struct LockedFile {
    file: String,
    bytes: Vec<u8>,
    open: OnceLock<Result<Vec<AgeKey>, String>>,
    ask: Ask,
}

impl Identities {
    /// Reads the identities of the user: those that `named` says and no others, else the file that `variable` (of the
    /// environment) says, else what is usual below `home`.
    ///
    /// # Errors
    /// A file that was named is missing, readable by others, or holds no key.
    pub fn load(named: &[PathBuf], variable: Option<&Path>, home: Option<&Path>, ask: Ask) -> Result<Self, Diagnostics> {
        let mut all = Self::default();
        let mut problems = Diagnostics::new();
        let wanted: Vec<&Path> =
            if named.is_empty() { variable.into_iter().collect() } else { named.iter().map(PathBuf::as_path).collect() };
        for path in &wanted {
            problems.take(all.read(path, ask));
        }
        if wanted.is_empty() {
            for usual in home.iter().flat_map(|home| usual(home)).filter(|path| path.exists()) {
                if let Err(error) = all.read(&usual, ask) {
                    all.passed_over.push(error.summary);
                }
            }
        }
        problems.or(all)
    }

    /// Keys as text, and passphrases of files themselves; what is no key is left out.
    pub fn of_texts(keys: &[String], passphrases: &[String]) -> Self {
        let mut all = Self::default();
        all.keys.extend(keys.iter().filter_map(|key| key.parse().ok()).map(Key::Age));
        let passphrase = |text: &String| {
            let mut identity = age::scrypt::Identity::new(SecretString::from(text.clone()));
            identity.set_max_work_factor(MAX_WORK);
            Key::Passphrase(Box::new(identity))
        };
        all.keys.extend(passphrases.iter().map(passphrase));
        all
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Why files that are usually looked at were not used.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The public sides of those that can be told without a passphrase, with the file each is from.
    pub fn recipients(&self) -> Vec<Recipient> {
        let public = |key: &Key| match key {
            Key::Age(key) => Recipient::parse(&key.to_public()).ok(),
            Key::Ssh(key) => ssh::Recipient::try_from(key.key.clone()).ok().and_then(|public| Recipient::parse(&public.to_string()).ok()),
            Key::File(_) | Key::Passphrase(_) => None,
        };
        self.keys.iter().filter_map(public).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| match key {
            Key::Age(key) => key as &dyn age::Identity,
            Key::Ssh(key) => key,
            Key::File(key) => key,
            Key::Passphrase(key) => key.as_ref(),
        })
    }

    /// Why a key that was needed stayed locked.
    pub(super) fn locked(&self) -> Option<String> {
        self.keys.iter().find_map(|key| match key {
            Key::Ssh(key) => key.open.get()?.as_ref().err().cloned(),
            Key::File(key) => key.open.get()?.as_ref().err().cloned(),
            Key::Age(_) | Key::Passphrase(_) => None,
        })
    }

    fn read(&mut self, path: &Path, ask: Ask) -> Result<(), Diagnostic> {
        let name = path.display().to_string();
        if name.starts_with("AGE-SECRET-KEY-") {
            return Err(Diagnostic::error("an identity is named by its file, and this is the key itself")
                .help("put it into a file that only you can read, and name the file"));
        }
        let bytes = if name == "-" { read_all(std::io::stdin().lock()) } else { read_file(path)? };
        let bytes = bytes.map_err(|error| Diagnostic::error(format!("the identity {name} cannot be read: {error}")))?;
        self.parse(bytes.expose(), &name, ask)
    }

    fn parse(&mut self, bytes: &[u8], file: &str, ask: Ask) -> Result<(), Diagnostic> {
        if super::age_file::looks_encrypted(bytes) {
            let locked = LockedFile { file: file.to_string(), bytes: bytes.to_vec(), open: OnceLock::new(), ask };
            self.keys.push(Key::File(locked));
            return Ok(());
        }
        let wrong = |what: &str| Diagnostic::error(format!("the identity {file} {what}"));
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("is no text"))?;
        if text.trim_start().starts_with("-----BEGIN ") {
            let key = ssh::Identity::from_buffer(text.trim_start().as_bytes(), None).map_err(|_| {
                wrong("is a key of a kind that cannot decrypt").help("age takes ssh-ed25519 and ssh-rsa keys in OpenSSH's format")
            })?;
            if let ssh::Identity::Unsupported(_) = key {
                return Err(wrong("is a key of a kind that cannot decrypt")
                    .help("age takes ssh-ed25519 and ssh-rsa keys; keys on hardware and ECDSA keys cannot decrypt"));
            }
            let tag = ssh::Recipient::try_from(key.clone()).ok().map(|public| ssh_tag(&public));
            self.keys.push(Key::Ssh(SshKey { file: file.to_string(), tag, key, open: OnceLock::new(), ask }));
            return Ok(());
        }
        let found = age_keys(text).map_err(|line| match line {
            0 => wrong("holds no key"),
            line => wrong(&format!("has a line {line} that is no key"))
                .help("a line is `AGE-SECRET-KEY-1...`, or a comment that starts with `#`"),
        })?;
        self.keys.extend(found.into_iter().map(Key::Age));
        Ok(())
    }
}

/// Where identities usually are.
fn usual(home: &Path) -> [PathBuf; 3] {
    [home.join(".config/hoist/identity.txt"), home.join(".ssh/id_ed25519"), home.join(".ssh/id_rsa")]
}

/// The keys in a text; the number of the first wrong line, 0 when there are none.
fn age_keys(text: &str) -> Result<Vec<AgeKey>, usize> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        keys.push(line.trim().parse().map_err(|()| number + 1)?);
    }
    if keys.is_empty() { Err(0) } else { Ok(keys) }
}

fn read_file(path: &Path) -> Result<std::io::Result<Secret<Vec<u8>>>, Diagnostic> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata().map(|about| (file, about)));
    let (file, about) = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    // A pipe (`--identity <(...)`) has nothing to check.
    let mode = about.permissions().mode();
    if about.is_file() && mode & 0o077 != 0 {
        return Err(Diagnostic::error(format!("the identity {} can be read by others (mode {:04o})", path.display(), mode & 0o7777))
            .help(format!("make it yours alone: chmod 600 {}", path.display())));
    }
    Ok(read_all(file))
}

fn read_all(from: impl Read) -> std::io::Result<Secret<Vec<u8>>> {
    // Room for any key, so that no copy is left behind by a growing buffer.
    let mut bytes = Vec::with_capacity(64 << 10);
    from.take(1 << 20).read_to_end(&mut bytes)?;
    Ok(Secret::new(bytes))
}

/// Asks up to three times; the reason when it stays locked.
fn unlock<T>(file: &str, ask: Ask, open: impl Fn(SecretString) -> Result<T, DecryptError>) -> Result<T, String> {
    for _ in 0..3 {
        let Some(passphrase) = ask(&format!("Passphrase of {file}: ")) else {
            return Err(format!("{file} is locked with a passphrase, and nobody is there to type it"));
        };
        match open(SecretString::from(passphrase.expose().clone())) {
            Ok(opened) => return Ok(opened),
            Err(DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys) => {}
            Err(DecryptError::ExcessiveWork { .. }) => return Err(format!("{file} asks for too much work to unlock it")),
            Err(_) => return Err(format!("{file} is damaged")),
        }
    }
    Err(format!("that is not the passphrase of {file}"))
}

impl age::Identity for SshKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let for_it = stanza.tag.starts_with("ssh-") && stanza.args.first() == self.tag.as_ref();
        if !for_it {
            return None;
        }
        let open = self.open.get_or_init(|| match &self.key {
            ssh::Identity::Encrypted(key) => unlock(&self.file, self.ask, |passphrase| key.decrypt(passphrase).map(ssh::Identity::from)),
            other => Ok(other.clone()),
        });
        open.as_ref().ok()?.unwrap_stanza(stanza)
    }
}

impl age::Identity for LockedFile {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !["X25519", hybrid::TAG].contains(&stanza.tag.as_str()) {
            return None;
        }
        let open = self.open.get_or_init(|| {
            let keys = unlock(&self.file, self.ask, |passphrase| {
                let mut identity = age::scrypt::Identity::new(passphrase);
                identity.set_max_work_factor(MAX_WORK);
                let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(&self.bytes[..]))?;
                let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))?;
                let plaintext = read_all(reader)?;
                Ok(std::str::from_utf8(plaintext.expose()).map_err(|_| ()).and_then(|text| age_keys(text).map_err(|_| ())))
            })?;
            keys.map_err(|()| format!("{} holds no key", self.file))
        });
        open.as_ref().ok()?.iter().find_map(|key| key.unwrap_stanza(stanza))
    }
}

/// As age itself: 2^22, some seconds.
const MAX_WORK: u8 = 22;

/// A new X25519 key: the private and the public side, as text.
pub fn generate() -> (Secret<String>, String) {
    use age::secrecy::ExposeSecret as _;
    let key = age::x25519::Identity::generate();
    (Secret::new(key.to_string().expose_secret().to_string()), key.to_public().to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::secret::{Unopened, age_file};

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    fn right(_: &str) -> Option<Secret<String>> {
        ASKED.fetch_add(1, Ordering::SeqCst);
        Some(Secret::new("open sesame".to_string()))
    }

    fn wrong(_: &str) -> Option<Secret<String>> {
        Some(Secret::new("wrong".to_string()))
    }

    #[test]
    fn a_locked_file_of_keys_is_asked_for_once_and_only_when_it_is_needed() {
        let (key, public) = generate();
        let mut recipient = age::scrypt::Recipient::new(SecretString::from("open sesame"));
        recipient.set_work_factor(4);
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).expect("one recipient");
        let mut locked = Vec::new();
        let mut writer = encryptor.wrap_output(&mut locked).expect("in memory");
        std::io::Write::write_all(&mut writer, format!("# mine\n{}\n", key.expose()).as_bytes()).expect("in memory");
        writer.finish().expect("in memory");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identity");
        std::fs::write(&path, locked).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("writable");

        let load = |ask| Identities::load(std::slice::from_ref(&path), None, None, ask).expect("a key");
        let file = age_file::encrypt(b"x", &[Recipient::parse(&public).expect("a key")]).expect("a recipient");
        let identities = load(right);
        assert_eq!(ASKED.load(Ordering::SeqCst), 0);
        for _ in 0..3 {
            assert_eq!(age_file::decrypt(file.as_bytes(), &identities).expect("for it").expose(), b"x");
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        let locked = |ask| age_file::decrypt(file.as_bytes(), &load(ask)).expect_err("it stays locked");
        assert!(matches!(locked(wrong), Unopened::Locked(why) if why.contains("not the passphrase")));
        assert!(matches!(locked(|_| None), Unopened::Locked(why) if why.contains("nobody is there")));
    }
}
