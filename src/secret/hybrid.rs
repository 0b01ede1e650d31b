//! age's hybrid keys (`AGE-SECRET-KEY-PQ-1...`, `age1pq1...`), which a quantum computer does not break: HPKE with X-Wing
//! (ML-KEM-768 and X25519), HKDF-SHA256 and ChaCha20-Poly1305, as <https://c2sp.org/age> has it. The age library does not
//! have them yet; the parts are the crates that it stands on.

use std::collections::HashSet;

use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{bech32_decode, hkdf};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::Hrp;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use ml_kem::kem::Decapsulate as _;
use ml_kem::{B32, EncapsulateDeterministic as _, EncodedSizeUser as _, KemCore, MlKem768};
use sha2::Sha256;
use sha3::digest::{ExtendableOutput as _, Update as _, XofReader as _};
use sha3::{Digest as _, Sha3_256, Shake256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

pub const TAG: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-pq-");
const RECIPIENT: Hrp = Hrp::parse_unchecked("age1pq");
/// X-Wing, HKDF-SHA256, ChaCha20-Poly1305.
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";
const X_WING: &[u8] = b"\\.//^\\";
/// Bytes of ML-KEM-768: a public key, a ciphertext.
const ML_PUBLIC: usize = 1184;
const ML_CIPHERTEXT: usize = 1088;

type MlPublic = <MlKem768 as KemCore>::EncapsulationKey;
type MlSecret = <MlKem768 as KemCore>::DecapsulationKey;

/// The private side.
pub struct Identity(Zeroizing<[u8; 32]>);

/// The public side.
pub struct Recipient {
    ml: MlPublic,
    x: [u8; 32],
}

impl std::str::FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let seed = |bytes: Vec<u8>| <[u8; 32]>::try_from(Zeroizing::new(bytes).as_slice()).map_err(|_| ());
        let seed = bech32_decode(text, |_| (), |hrp| if hrp == IDENTITY { Ok(()) } else { Err(()) }, |_, bytes| seed(bytes.collect()))?;
        Ok(Self(Zeroizing::new(seed)))
    }
}

impl std::str::FromStr for Recipient {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes: Vec<u8> =
            bech32_decode(text, |_| (), |hrp| if hrp == RECIPIENT { Ok(()) } else { Err(()) }, |_, bytes| Ok(bytes.collect()))?;
        let (ml, x) = bytes.split_at_checked(ML_PUBLIC).ok_or(())?;
        let key = MlPublic::from_bytes(ml.try_into().map_err(|_| ())?);
        // A key whose numbers are out of range does not come back as it was.
        if key.as_bytes().as_slice() != ml {
            return Err(());
        }
        Ok(Self { ml: key, x: x.try_into().map_err(|_| ())? })
    }
}

impl Identity {
    fn keys(&self) -> (MlSecret, MlPublic, StaticSecret) {
        let mut expanded = Zeroizing::new([0; 96]);
        let mut shake = Shake256::default();
        shake.update(self.0.as_ref());
        shake.finalize_xof().read(expanded.as_mut());
        let part = |at: usize| <[u8; 32]>::try_from(&expanded[at..at + 32]).expect("32 bytes");
        let (ml, public) = MlKem768::generate_deterministic(&B32::from(part(0)), &B32::from(part(32)));
        (ml, public, StaticSecret::from(part(64)))
    }

    /// The public side.
    pub fn to_public(&self) -> String {
        let (_, ml, x) = self.keys();
        let bytes = [ml.as_bytes().as_slice(), PublicKey::from(&x).as_bytes()].concat();
        age_core::primitives::bech32_encode(RECIPIENT, &bytes)
    }

    fn open(&self, enc: &[u8], body: &[u8]) -> Option<Result<FileKey, DecryptError>> {
        let (ml, _, x) = self.keys();
        let (ml_ciphertext, x_ciphertext) = enc.split_at(ML_CIPHERTEXT);
        let x_ciphertext: [u8; 32] = x_ciphertext.try_into().expect("the length was checked");
        let ml_shared = ml.decapsulate(ml_ciphertext.try_into().expect("the length was checked")).ok()?;
        let x_shared = x.diffie_hellman(&PublicKey::from(x_ciphertext));
        if !x_shared.was_contributory() {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let shared = combine(ml_shared.as_slice(), x_shared.as_bytes(), &x_ciphertext, PublicKey::from(&x).as_bytes());
        let (key, nonce) = schedule(&shared);
        // A failure is no error: the stanza may be for another key of this kind.
        let plaintext = Zeroizing::new(ChaCha20Poly1305::new(&key.into()).decrypt(Nonce::from_slice(&nonce), body).ok()?);
        Some(Ok(FileKey::init_with_mut(|file_key| file_key.copy_from_slice(&plaintext))))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        let [enc] = &stanza.args[..] else { return Some(Err(DecryptError::InvalidHeader)) };
        match STANDARD_NO_PAD.decode(enc) {
            Ok(enc) if enc.len() == ML_CIPHERTEXT + 32 && stanza.body.len() == FILE_KEY_BYTES + 16 => self.open(&enc, &stanza.body),
            _ => Some(Err(DecryptError::InvalidHeader)),
        }
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut random = Zeroizing::new([0; 64]);
        getrandom::fill(random.as_mut()).expect("the system has a random source");
        let part = |at: usize| <[u8; 32]>::try_from(&random[at..at + 32]).expect("32 bytes");
        let (ml_ciphertext, ml_shared) = self.ml.encapsulate_deterministic(&B32::from(part(0))).expect("it cannot fail");
        let ephemeral = StaticSecret::from(part(32));
        let x_ciphertext = PublicKey::from(&ephemeral);
        let x_shared = ephemeral.diffie_hellman(&PublicKey::from(self.x));
        let shared = combine(ml_shared.as_slice(), x_shared.as_bytes(), x_ciphertext.as_bytes(), &self.x);
        let (key, nonce) = schedule(&shared);
        let sealed = ChaCha20Poly1305::new(&key.into()).encrypt(Nonce::from_slice(&nonce), file_key.expose_secret().as_slice());
        let enc = [ml_ciphertext.as_slice(), x_ciphertext.as_bytes()].concat();
        let stanza = Stanza { tag: TAG.into(), args: vec![STANDARD_NO_PAD.encode(enc)], body: sealed.expect("it is short") };
        // age's own word: such a stanza stands only beside others of its strength.
        Ok((vec![stanza], HashSet::from(["postquantum".to_string()])))
    }
}

/// X-Wing's shared secret.
fn combine(ml: &[u8], x: &[u8], x_ciphertext: &[u8; 32], x_public: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha3_256::default();
    for part in [ml, x, x_ciphertext, x_public, X_WING] {
        sha3::Digest::update(&mut hash, part);
    }
    hash.finalize().into()
}

/// HPKE's key schedule, without a pre-shared key: key and nonce of the only message.
fn schedule(shared: &[u8; 32]) -> ([u8; 32], [u8; 12]) {
    let labelled = |label: &[u8], text: &[u8]| [b"HPKE-v1", SUITE, label, text].concat();
    let extract = |label: &[u8], text: &[u8]| {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&[0; 32]).expect("any length is a key");
        hmac::Mac::update(&mut mac, &labelled(label, text));
        mac.finalize().into_bytes()
    };
    let context = [&[0], extract(b"psk_id_hash", b"").as_slice(), extract(b"info_hash", INFO).as_slice()].concat();
    let expand = |label: &[u8], length: u16| {
        let info = [&length.to_be_bytes(), labelled(label, &context).as_slice()].concat();
        hkdf(shared, &info, &labelled(b"secret", b""))
    };
    let nonce: [u8; 12] = expand(b"base_nonce", 12)[..12].try_into().expect("12 bytes");
    (expand(b"key", 32), nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_a_key_is_opened_by_it() {
        let identity = Identity(Zeroizing::new([7; 32]));
        let recipient: Recipient = identity.to_public().parse().expect("a public key");
        let file_key = FileKey::init_with_mut(|key| key.fill(5));
        let (stanzas, labels) = age::Recipient::wrap_file_key(&recipient, &file_key).expect("it cannot fail");
        assert!(labels.contains("postquantum"));
        let opened = age::Identity::unwrap_stanza(&identity, &stanzas[0]).expect("for it").expect("whole");
        assert_eq!(opened.expose_secret(), &[5; 16]);
        assert!(age::Identity::unwrap_stanza(&Identity(Zeroizing::new([8; 32])), &stanzas[0]).is_none());
    }
}
