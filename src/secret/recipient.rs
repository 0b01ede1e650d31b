//! Who can read: public keys, in the format of `age -R`. The comment above a key, or behind an SSH key, names the person.

use std::fmt;
use std::sync::Arc;

use age::ssh;
use age::ssh::ParseRecipientKeyError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::hybrid;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};

/// A public key and whose it is.
pub struct Recipient {
    /// The key as it is written, without a comment.
    pub text: String,
    /// Whose it is, as far as a comment says so.
    pub name: Option<String>,
    key: Box<dyn age::Recipient + Send + Sync>,
    tag: Option<String>,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.name.as_deref().unwrap_or("nobody"))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.short();
        match &self.name {
            Some(name) => write!(f, "{name} ({key})"),
            None => write!(f, "{key}"),
        }
    }
}

impl Recipient {
    /// Reads one key; what stands behind an SSH key is the name.
    ///
    /// # Errors
    /// In words: what is wrong with it, and what to do.
    pub fn parse(line: &str) -> Result<Self, (String, Option<&'static str>)> {
        let line = line.trim();
        if line.starts_with("ssh-") || line.starts_with("ecdsa-") || line.starts_with("sk-") {
            return Self::parse_ssh(line);
        }
        if line.starts_with("AGE-SECRET-KEY-") || line.contains("PRIVATE KEY") {
            return Err((
                "this is a private key, and it must not stand here".into(),
                Some("take it back: whoever has seen this file can read all; make a new one"),
            ));
        }
        if line.starts_with("age1pq1")
            && let Ok(key) = line.parse::<hybrid::Recipient>()
        {
            return Ok(Self { text: line.to_string(), name: None, key: Box::new(key), tag: None });
        }
        let plugin = line.strip_prefix("age1").and_then(|rest| rest.rsplit_once('1')).is_some_and(|(name, _)| !["", "pq"].contains(&name));
        if plugin {
            return Err(("keys of age plugins cannot be used: hoist runs no program that a file names".into(), None));
        }
        match line.parse::<age::x25519::Recipient>() {
            Ok(key) => Ok(Self { text: line.to_string(), name: None, key: Box::new(key), tag: None }),
            Err(_) => Err((
                "this is no public key".into(),
                Some("expected `age1...`, `ssh-ed25519 ...` or `ssh-rsa ...`; a comment starts with `#`"),
            )),
        }
    }

    fn parse_ssh(line: &str) -> Result<Self, (String, Option<&'static str>)> {
        let mut words = line.splitn(3, ' ');
        let (kind, key, comment) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        let text = format!("{kind} {key}");
        match text.parse::<ssh::Recipient>() {
            Ok(key) => {
                let name = comment.map(str::trim).filter(|name| !name.is_empty()).map(str::to_string);
                Ok(Self { tag: Some(ssh_tag(&key)), key: Box::new(key), text, name })
            }
            Err(ParseRecipientKeyError::RsaModulusTooSmall) => Err(("this RSA key has fewer than 2048 bits".into(), None)),
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => Err(("this RSA key has more than 4096 bits".into(), None)),
            Err(_) if ["ssh-ed25519", "ssh-rsa"].contains(&kind) => {
                Err((format!("this {kind} key is damaged"), Some("copy the whole line of the .pub file")))
            }
            Err(_) => Err((
                format!("a key of the kind {kind} cannot decrypt"),
                Some("use an ssh-ed25519 or ssh-rsa key, or make one with `hoist secrets keygen`"),
            )),
        }
    }

    /// The same with a name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The key, short enough for a line and long enough to tell it from others.
    pub fn short(&self) -> String {
        match self.text.split_once(' ') {
            Some((kind, key)) => format!("{kind} ...{}", &key[key.len().saturating_sub(12)..]),
            None => format!("{}...{}", &self.text[..12.min(self.text.len())], &self.text[self.text.len().saturating_sub(6)..]),
        }
    }

    /// As lines of recipients.txt.
    pub fn lines(&self) -> String {
        match (&self.name, self.text.contains(' ')) {
            (Some(name), true) => format!("{} {name}\n", self.text),
            (Some(name), false) => format!("# {name}\n{}\n", self.text),
            (None, _) => format!("{}\n", self.text),
        }
    }

    pub(super) fn key(&self) -> &dyn age::Recipient {
        self.key.as_ref()
    }
}

/// How a stanza for an SSH key names it.
pub(super) fn ssh_tag(key: &ssh::Recipient) -> String {
    let text = key.to_string();
    let raw = text.split(' ').nth(1).and_then(|key| STANDARD.decode(key).ok()).unwrap_or_default();
    STANDARD_NO_PAD.encode(&Sha256::digest(raw)[..4])
}

/// Reads recipients.txt: keys and comments, a line each. A key that stands there twice counts once.
///
/// # Errors
/// Every line that is no key; no key at all.
pub fn parse_all(source: &Arc<Source>) -> Result<Vec<Recipient>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut all: Vec<Recipient> = Vec::new();
    let mut comment = None;
    for (number, line) in source.text().lines().enumerate() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix('#') {
            comment = Some(text.trim().to_string()).filter(|text| !text.is_empty());
            continue;
        }
        let name = comment.take();
        if line.is_empty() {
            continue;
        }
        match Recipient::parse(line) {
            Ok(recipient) if all.iter().any(|other| other.text == recipient.text) => {}
            Ok(recipient) => all.push(Recipient { name: recipient.name.clone().or(name), ..recipient }),
            Err((summary, help)) => {
                let error = Diagnostic::error(summary).at(&Span::line_of(source, number + 1));
                problems.push(help.into_iter().fold(error, Diagnostic::help));
            }
        }
    }
    if all.is_empty() && problems.is_empty() {
        problems.push(
            Diagnostic::error("nobody is named who could read the secrets")
                .at(&Span::whole(source))
                .help("add a key: `hoist secrets recipients add env=NAME age1...`"),
        );
    }
    problems.or(all)
}

/// Whether a file with these stanzas is for these recipients and no others, as far as it can be told: X25519 stanzas
/// do not say for whom they are.
pub fn agree(stanzas: &[(String, String)], recipients: &[Recipient]) -> bool {
    let tags = |found: Vec<&str>| {
        let mut found = found;
        found.sort_unstable();
        found.into_iter().map(str::to_string).collect::<Vec<_>>()
    };
    let in_file = tags(stanzas.iter().filter(|(kind, _)| kind.starts_with("ssh-")).map(|(_, tag)| tag.as_str()).collect());
    let wanted = tags(recipients.iter().filter_map(|recipient| recipient.tag.as_deref()).collect());
    stanzas.len() == recipients.len() && in_file == wanted
}
