//! Ansible Vault 1.1 and 1.2, to be read only: `PBKDF2-SHA256` with 10,000 rounds, HMAC-SHA256 over the ciphertext,
//! AES-256-CTR, PKCS#7 padding, all of it hex in hex.

use aes::Aes256;
use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use super::Secret;

/// How an encrypted text begins.
pub const MARK: &str = "$ANSIBLE_VAULT;";

/// Why it was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultError {
    /// It is no Ansible Vault text.
    NotVault,
    /// It is one of a kind that is not known.
    Version(String),
    /// It is damaged; how.
    Damaged(&'static str),
    /// The password is another one, or somebody changed it.
    WrongPassword,
}

/// Whether a text claims to be one.
pub fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with(MARK)
}

/// The label in the header of a 1.2 text: which of several passwords it wants.
pub fn label(text: &str) -> Option<&str> {
    text.trim_start().lines().next()?.trim_end().split(';').nth(3).filter(|label| !label.is_empty())
}

/// Decrypts one.
///
/// # Errors
/// It is none, damaged, or made with another password.
pub fn decrypt(text: &str, password: &Secret<String>) -> Result<Secret<Vec<u8>>, VaultError> {
    let text = text.trim();
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let head = head.trim_end();
    let mut fields = head.strip_prefix(MARK).ok_or(VaultError::NotVault)?.split(';');
    match (fields.next(), fields.next()) {
        (Some("1.1" | "1.2"), Some("AES256")) => {}
        _ => return Err(VaultError::Version(head.chars().take(60).collect())),
    }
    let hex: String = body.split_whitespace().collect();
    let inner = unhex(hex.as_bytes()).ok_or(VaultError::Damaged("it is not hex"))?;
    let parts: Vec<&[u8]> = inner.split(|byte| *byte == b'\n').collect();
    let [salt, mac, ciphertext] = parts[..] else { return Err(VaultError::Damaged("it is cut")) };
    let part = |hex: &[u8]| unhex(hex).ok_or(VaultError::Damaged("it is not hex inside"));
    let (salt, mac, mut bytes) = (part(salt)?, part(mac)?, part(ciphertext)?);

    let mut keys = Zeroizing::new([0u8; 80]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), &salt, 10_000, keys.as_mut());
    let (cipher_key, rest) = keys.split_at(32);
    let (mac_key, counter) = rest.split_at(32);
    let mut check = <Hmac<Sha256> as hmac::Mac>::new_from_slice(mac_key).expect("any length is a key");
    check.update(&bytes);
    check.verify_slice(&mac).map_err(|_| VaultError::WrongPassword)?;

    let mut cipher = ctr::Ctr128BE::<Aes256>::new_from_slices(cipher_key, counter).expect("32 and 16 bytes");
    cipher.apply_keystream(&mut bytes);
    let padding = usize::from(bytes.last().copied().unwrap_or(0));
    let good = (1..=16).contains(&padding)
        && padding <= bytes.len()
        && bytes[bytes.len() - padding..].iter().all(|byte| usize::from(*byte) == padding);
    if !good {
        bytes.zeroize();
        return Err(VaultError::Damaged("its padding is wrong"));
    }
    bytes.truncate(bytes.len() - padding);
    Ok(Secret::new(bytes))
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(text: &str) -> Result<Vec<u8>, VaultError> {
        decrypt(text, &Secret::new("open sesame".to_string())).map(|plain| plain.expose().clone())
    }

    #[test]
    fn what_is_no_vault_is_told_by_its_kind() {
        assert_eq!(open("a: 1\n"), Err(VaultError::NotVault));
        assert!(matches!(open("$ANSIBLE_VAULT;1.0;AES\n6162\n"), Err(VaultError::Version(_))));
        assert_eq!(open("$ANSIBLE_VAULT;1.1;AES256\nxyz\n"), Err(VaultError::Damaged("it is not hex")));
        assert_eq!(open("$ANSIBLE_VAULT;1.1;AES256\n6162\n"), Err(VaultError::Damaged("it is cut")));
        assert_eq!(label("$ANSIBLE_VAULT;1.2;AES256;prod\n"), Some("prod"));
        assert_eq!(label("$ANSIBLE_VAULT;1.1;AES256\n"), None);
    }

    // Z03
    proptest! {
        #[test]
        fn nothing_that_was_altered_is_opened(body in "[0-9a-f\n ]{0,200}", version in "[0-9.]{0,4}") {
            for text in [format!("$ANSIBLE_VAULT;{version};AES256\n{body}"), format!("$ANSIBLE_VAULT;1.1;AES256\n{body}")] {
                prop_assert!(open(&text).is_err());
            }
        }
    }
}
