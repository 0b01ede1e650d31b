//! The age format: bytes and recipients in, an armoured file out, and back. Nothing that is broken is ever half accepted.

use std::io::{Read, Write};

use age::armor::{ArmoredReadError, ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, EncryptError, Encryptor};

use super::Secret;
use super::identity::Identities;
use super::recipient::Recipient;

/// How an armoured file begins.
pub const ARMOUR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// How one without armour begins.
pub const PLAIN_HEAD: &[u8] = b"age-encryption.org/v1";

/// Why a file was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unopened {
    /// It is no age file at all.
    NotEncrypted,
    /// Git left conflict markers in it.
    Conflict,
    /// Its armour is damaged.
    Armour,
    /// Its header is damaged, or asks for more than is sane.
    Header,
    /// Its header was changed.
    Mac,
    /// Its content was changed or cut.
    Payload,
    /// It is for somebody else.
    NoMatch,
    /// An identity that may open it is locked; why it stayed so.
    Locked(String),
}

/// Encrypts for these recipients, as armoured text.
///
/// # Errors
/// There is no recipient.
pub fn encrypt(plaintext: &[u8], recipients: &[Recipient]) -> Result<String, String> {
    let encryptor = Encryptor::with_recipients(recipients.iter().map(Recipient::key)).map_err(|error| match error {
        EncryptError::IncompatibleRecipients { .. } => {
            "post-quantum keys (age1pq1...) and others cannot stand in one recipients.txt".to_string()
        }
        error => error.to_string(),
    })?;
    let armoured = |error: std::io::Error| error.to_string();
    let mut out = Vec::new();
    let armour = ArmoredWriter::wrap_output(&mut out, Format::AsciiArmor).map_err(armoured)?;
    let mut writer = encryptor.wrap_output(armour).map_err(armoured)?;
    writer.write_all(plaintext).map_err(armoured)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(armoured)?;
    Ok(String::from_utf8(out).expect("armour is ASCII"))
}

/// Decrypts with whichever identity fits.
///
/// # Errors
/// The file is no age file, is damaged anywhere, or is for somebody else.
pub fn decrypt(file: &[u8], identities: &Identities) -> Result<Secret<Vec<u8>>, Unopened> {
    let file = file.trim_ascii_start();
    if !looks_encrypted(file) {
        let conflict = file.starts_with(b"<<<<<<< ") || file.windows(9).any(|window| window == b"\n<<<<<<< ");
        return Err(if conflict { Unopened::Conflict } else { Unopened::NotEncrypted });
    }
    let armoured = file.starts_with(b"-----");
    if armoured && file.windows(9).any(|window| window == b"\n<<<<<<< ") {
        return Err(Unopened::Conflict);
    }
    let mut header = Vec::new();
    let broken = |error: &std::io::Error| error.get_ref().is_some_and(|inner| inner.is::<ArmoredReadError>());
    // Read once by itself: the library accepts stanzas without their last line, which the format forbids.
    let taken = ArmoredReader::new(file).take(MAX_HEADER).read_to_end(&mut header);
    if !strict_header(&header) {
        return Err(match taken {
            Err(error) if broken(&error) => Unopened::Armour,
            _ => Unopened::Header,
        });
    }
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).map_err(|error| class(&error))?;
    let mut reader = decryptor.decrypt(identities.keys()).map_err(|error| match (class(&error), identities.locked()) {
        (Unopened::NoMatch, Some(why)) => Unopened::Locked(why),
        (class, _) => class,
    })?;
    // Room for all of it at once, so that no copy of a part is left behind by a growing buffer.
    let mut plaintext = Vec::with_capacity(file.len());
    match reader.read_to_end(&mut plaintext) {
        Ok(_) => Ok(Secret::new(plaintext)),
        Err(error) => {
            drop(Secret::new(plaintext));
            Err(if broken(&error) { Unopened::Armour } else { Unopened::Payload })
        }
    }
}

/// Whether these bytes claim to be an age file.
pub fn looks_encrypted(file: &[u8]) -> bool {
    let file = file.trim_ascii_start();
    file.starts_with(ARMOUR.as_bytes()) || file.starts_with(PLAIN_HEAD)
}

/// The stanzas of the header: type and first argument of each. Tells for whom a file is as far as that can be told.
pub fn stanzas(file: &[u8]) -> Vec<(String, String)> {
    let mut header = Vec::new();
    let _ = ArmoredReader::new(file.trim_ascii_start()).take(MAX_HEADER).read_to_end(&mut header);
    let lines = header.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"---"));
    let text = lines.map(|line| String::from_utf8_lossy(line).into_owned());
    let words = text.filter_map(|line| {
        let mut words = line.strip_prefix("-> ")?.split(' ').map(str::to_string);
        Some((words.next()?, words.next().unwrap_or_default()))
    });
    // Grease is there for no one.
    words.filter(|(kind, _)| !kind.ends_with("-grease")).collect()
}

/// A header for a thousand recipients is far below.
const MAX_HEADER: u64 = 4 << 20;

/// Whether every stanza ends as it must: its body in lines of 64 characters, then a shorter one.
fn strict_header(header: &[u8]) -> bool {
    let mut open = false;
    for line in header.split(|byte| *byte == b'\n').skip(1) {
        if line.starts_with(b"---") {
            return !open;
        }
        if line.starts_with(b"-> ") {
            if open {
                return false;
            }
            open = true;
        } else if line.len() < 64 {
            open = false;
        }
    }
    false
}

fn class(error: &DecryptError) -> Unopened {
    match error {
        DecryptError::InvalidMac => Unopened::Mac,
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => Unopened::NoMatch,
        DecryptError::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<ArmoredReadError>()) => Unopened::Armour,
        _ => Unopened::Header,
    }
}
