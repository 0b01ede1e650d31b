//! The secrets file of one environment: who can read it, opening it, saving it.

use std::path::{Path, PathBuf};

use crate::cli::ask;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Layout;
use crate::secret::{self, Document, Identities, Recipient, Secret, Unopened, Unsaved, age_file};

/// Of a longer text not every line is looked for in all output.
const KNOWN_TEXT: usize = 64 << 10;

/// The secrets of an environment, on disk.
pub struct Store<'a> {
    layout: &'a Layout,
    /// Its environment.
    pub environment: String,
}

/// A secrets file, opened.
pub struct Opened {
    /// What is on disk, to see whether somebody else changes it.
    pub bytes: Vec<u8>,
    /// What is inside.
    pub document: Document,
}

impl<'a> Store<'a> {
    /// Of an environment that is there.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn new(layout: &'a Layout, environment: &str) -> Result<Self, Diagnostic> {
        layout.expect_environment(environment)?;
        Ok(Self { layout, environment: environment.to_string() })
    }

    /// How messages call it.
    pub fn what(&self) -> String {
        self.file("secrets.age").display().to_string()
    }

    /// A file of the environment, relative to the project.
    pub fn file(&self, name: &str) -> PathBuf {
        self.layout.of(&self.environment, name)
    }

    /// Where a path relative to the project is on disk.
    pub fn root(&self, relative: &Path) -> PathBuf {
        self.layout.on_disk(relative)
    }

    /// Where a file of the environment is on disk.
    pub fn on_disk(&self, name: &str) -> PathBuf {
        self.layout.on_disk(self.file(name))
    }

    /// The encrypted bytes; `None` when there is no secrets file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, Diagnostic> {
        match std::fs::read(self.on_disk("secrets.age")) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Diagnostic::error(format!("{} cannot be read: {error}", self.what()))),
        }
    }

    /// Opens the secrets; `None` when there are none yet.
    ///
    /// # Errors
    /// No identity fits, or the file is damaged.
    pub fn open(&self, identities: &Identities) -> Result<Option<Opened>, Diagnostics> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        let plaintext = decrypt(&bytes, identities, &self.what(), || self.recipients())?;
        Ok(Some(Opened { document: Document::read(plaintext, &self.what())?, bytes }))
    }

    /// As [`Store::open`], for using what is inside: it must belong to this environment.
    ///
    /// # Errors
    /// As there; it was made for another environment.
    pub fn open_own(&self, identities: &Identities) -> Result<Option<Opened>, Diagnostics> {
        let opened = self.open(identities)?;
        match opened.as_ref().and_then(|opened| opened.document.environment()) {
            Some(other) if other != self.environment => {
                Err(Diagnostic::error(format!("{} holds the secrets of the environment `{other}`", self.what()))
                    .help("somebody copied or swapped it; bring back the right one")
                    .help(format!("if it is meant, change its first line: `hoist secrets edit env={}`", self.environment))
                    .into())
            }
            _ => Ok(opened),
        }
    }

    /// Opens an encrypted asset, by its path in the project. A text in it is kept out of all output.
    ///
    /// # Errors
    /// No identity fits, or the file is damaged.
    pub fn asset(&self, path: &Path, identities: &Identities) -> Result<Secret<Vec<u8>>, Diagnostic> {
        let what = path.display().to_string();
        let bytes = std::fs::read(self.root(path)).map_err(|error| Diagnostic::error(format!("{what} cannot be read: {error}")))?;
        let plaintext = decrypt(&bytes, identities, &what, || self.recipients())?;
        match std::str::from_utf8(plaintext.expose()) {
            Ok(text) if text.len() <= KNOWN_TEXT => secret::learn(text),
            _ => {}
        }
        Ok(plaintext)
    }

    /// Who can read the secrets.
    ///
    /// # Errors
    /// recipients.txt is missing, empty, or has bad lines.
    pub fn recipients(&self) -> Result<Vec<Recipient>, Diagnostics> {
        let file = self.file("recipients.txt");
        match self.layout.read(&file)? {
            Some(source) => secret::recipients(&source),
            None => Err(Diagnostic::error(format!("there is no {}, so nobody could read the secrets", file.display()))
                .help(format!("name who can: `hoist secrets recipients add env={} age1...`", self.environment))
                .into()),
        }
    }

    /// A warning when the secrets are not for exactly those in recipients.txt, as after a merge of it.
    ///
    /// # Errors
    /// As [`Store::recipients`].
    pub fn drift(&self) -> Result<Option<Diagnostic>, Diagnostics> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        let agree = secret::agree(&age_file::stanzas(&bytes), &self.recipients()?);
        let warning = || Diagnostic::warning(format!("{} is not for exactly those in recipients.txt", self.what()));
        Ok((!agree).then(|| warning().help(format!("encrypt it for them: `hoist secrets rekey env={}`", self.environment))))
    }

    /// Encrypts for all recipients and replaces the file.
    ///
    /// # Errors
    /// Somebody else changed it since it was opened, or it cannot be written. It is as it was, then.
    pub fn save(&self, before: Option<&[u8]>, document: &Document) -> Result<(), Diagnostics> {
        let text = age_file::encrypt(document.text().as_bytes(), &self.recipients()?).map_err(Diagnostic::error)?;
        Ok(write(&self.on_disk("secrets.age"), &self.what(), before, text.as_bytes())?)
    }
}

/// Replaces a file of the checkout.
///
/// # Errors
/// Somebody else changed it, or it cannot be written. It is as it was, then.
pub fn write(path: &Path, what: &str, before: Option<&[u8]>, content: &[u8]) -> Result<(), Diagnostic> {
    secret::replace(path, before, content, 0o644).map_err(|unsaved| match unsaved {
        Unsaved::Moved => Diagnostic::error(format!("{what} was changed by somebody else in the meantime")).help("nothing was overwritten"),
        Unsaved::Failed(error) => Diagnostic::error(format!("{what} cannot be written: {error}")).help("it is as it was"),
    })
}

/// The identities of the user at this terminal.
///
/// # Errors
/// A file that was named cannot be used.
pub fn identities(named: &[PathBuf]) -> Result<Identities, Diagnostics> {
    secret::guard();
    let variable = std::env::var_os(secret::VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    Identities::load(named, variable.as_deref(), std::env::home_dir().as_deref(), ask::secret)
}

/// Decrypts a file of the checkout.
///
/// # Errors
/// No identity fits (`recipients` says whose would), or the file is damaged.
pub fn decrypt(
    bytes: &[u8],
    identities: &Identities,
    what: &str,
    recipients: impl FnOnce() -> Result<Vec<Recipient>, Diagnostics>,
) -> Result<Secret<Vec<u8>>, Diagnostic> {
    age_file::decrypt(bytes, identities).map_err(|unopened| refusal(&unopened, identities, what, recipients))
}

/// Whether an error of [`decrypt`] is about who is at the keyboard, not about the file.
pub fn is_for_others(bytes: &[u8], identities: &Identities) -> bool {
    matches!(age_file::decrypt(bytes, identities), Err(Unopened::NoMatch | Unopened::Locked(_)))
}

fn refusal(
    unopened: &Unopened,
    identities: &Identities,
    what: &str,
    recipients: impl FnOnce() -> Result<Vec<Recipient>, Diagnostics>,
) -> Diagnostic {
    let damaged = |how: &str| {
        Diagnostic::error(format!("{what} is damaged: {how}")).help("nothing of it was used; bring back a good one: `git checkout -- FILE`")
    };
    match unopened {
        Unopened::NotEncrypted => Diagnostic::error(format!("{what} is not encrypted"))
            .help("if it was ever committed, what is in it is known: change those passwords")
            .help("take it away, then `hoist secrets edit` makes an encrypted one"),
        Unopened::Conflict => Diagnostic::error(format!("git left conflict markers in {what}"))
            .help("take one side: `git checkout --ours FILE` or `--theirs`")
            .help("`hoist secrets git-setup` teaches git to merge such files by their names"),
        Unopened::Armour => damaged("its lines were changed or cut"),
        Unopened::Header => damaged("its header is not what age writes"),
        Unopened::Mac => damaged("its header was changed"),
        Unopened::Payload => damaged("its content was changed or cut"),
        Unopened::Locked(why) => Diagnostic::error(format!("{what} cannot be opened: {why}")),
        Unopened::NoMatch => {
            let error = Diagnostic::error(if identities.is_empty() {
                format!("{what} cannot be opened: you have no identity")
            } else {
                format!("{what} cannot be opened: it is not for any of your identities")
            });
            let error = match recipients() {
                Ok(all) => {
                    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
                    error.help(format!("it is for {}", names.join(", ")))
                }
                Err(_) => error,
            };
            let error = identities.passed_over().iter().fold(error, |error, why| error.help(why.clone()));
            let own = identities.recipients();
            let error = own.iter().fold(error, |error, own| error.help(format!("yours is {}", own.text)));
            if own.is_empty() {
                error.help("an identity is looked for in --identity, $HOIST_IDENTITY, ~/.config/hoist/identity.txt, ~/.ssh/id_ed25519, ~/.ssh/id_rsa; `hoist secrets keygen` makes one")
            } else {
                error.help("one of them can add you: `hoist secrets recipients add`")
            }
        }
    }
}
