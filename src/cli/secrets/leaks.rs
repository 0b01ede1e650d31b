//! What must not be committed: secrets in the clear, private keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::age_file;

/// Why a file of this name and content must not be committed; `None` when it may.
pub fn why_not(name: &str, content: &[u8]) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let encrypted = age_file::looks_encrypted(content);
    if file.ends_with(".age") && !encrypted && !content.is_empty() {
        return Some("it is named as an encrypted file and is not encrypted");
    }
    if encrypted || content.starts_with(b"$ANSIBLE_VAULT;") {
        return None;
    }
    let inside = name.starts_with("environments/") || name.contains("/environments/");
    if inside && ["secrets.yml", "secrets.yaml", "secrets.env", "secrets.json", ".env"].contains(&file) {
        return Some("it holds secrets in the clear; bring them over with `hoist secrets import`");
    }
    let text = String::from_utf8_lossy(content);
    if age_key(&text) {
        return Some("there is a private key of age in it");
    }
    if private_key(&text) {
        return Some("there is a private key in it that is not locked");
    }
    None
}

fn age_key(text: &str) -> bool {
    let long = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric()).count() >= 50;
    text.match_indices("AGE-SECRET-KEY-").any(|(at, mark)| long(text[at + mark.len()..].trim_start_matches("PQ-")))
}

/// A PEM block of a private key, with content, and without a passphrase.
fn private_key(text: &str) -> bool {
    for (at, mark) in text.match_indices("-----BEGIN ") {
        let Some((kind, rest)) = text[at + mark.len()..].split_once("-----") else { continue };
        let Some((body, _)) = rest.split_once("-----END ") else { continue };
        if !kind.ends_with("PRIVATE KEY") || kind.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
            continue;
        }
        let base64: String = body.chars().filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect();
        let Ok(bytes) = STANDARD.decode(&base64) else { continue };
        if bytes.len() < 32 {
            continue;
        }
        // OpenSSH says which cipher locks it: a length, then `none` or its name.
        let cipher = bytes.strip_prefix(b"openssh-key-v1\0").map(|rest| rest.get(4..8) == Some(b"none"));
        if cipher.unwrap_or(true) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_clear_is_refused() {
        let block = |kind: &str, bytes: &[u8]| format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(bytes));
        let ssh = |cipher: &str| [b"openssh-key-v1\0\0\0\0\x04", cipher.as_bytes(), &[7; 60]].concat();
        let no = |name: &str, content: &str| why_not(name, content.as_bytes()).is_some();
        assert!(no("environments/prod/secrets.age", "db: x\n"));
        assert!(no("site/environments/prod/secrets.yml", "db: x\n"));
        assert!(no("notes.txt", &format!("AGE-SECRET-KEY-1{}\n", "Q".repeat(58))));
        assert!(no("key", &block("OPENSSH PRIVATE KEY", &ssh("none"))));
        assert!(no("key.pem", &block("RSA PRIVATE KEY", &[1; 64])));

        let yes = |name: &str, content: &str| why_not(name, content.as_bytes()).is_none();
        assert!(yes("environments/prod/secrets.age", "-----BEGIN AGE ENCRYPTED FILE-----\nx\n"));
        assert!(yes("environments/prod/secrets.age", "age-encryption.org/v1\n"));
        assert!(yes("key", &block("OPENSSH PRIVATE KEY", &ssh("aes256-ctr"))));
        assert!(yes("key.pem", &block("ENCRYPTED PRIVATE KEY", &[1; 64])));
        assert!(yes("docs.md", "A key starts with `AGE-SECRET-KEY-1...` or `-----BEGIN OPENSSH PRIVATE KEY-----`."));
        assert!(yes("cert.pem", &block("CERTIFICATE", &[1; 64])));
        assert!(yes("vars.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n"));
    }
}
