//! Random secrets, from the system's random source.

use super::Secret;

/// What a random secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Letters and digits: they need no quotes anywhere.
    Letters,
    /// 0-9 and a-f.
    Hex,
    /// Letters, digits, `-` and `_`, as in base64url.
    UrlSafe,
}

impl Alphabet {
    fn characters(self) -> &'static [u8] {
        match self {
            Self::Letters => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Hex => b"0123456789abcdef",
            Self::UrlSafe => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        }
    }
}

/// A random secret.
pub struct Random {
    /// The text.
    pub text: Secret<String>,
    /// How many random bits are in it.
    pub bits: u32,
}

/// `length` characters of `alphabet`, each equally likely.
pub fn generate(alphabet: Alphabet, length: usize) -> Random {
    let characters = alphabet.characters();
    // Bytes from here on would make the first characters likelier.
    let limit = 256 - 256 % characters.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0];
        getrandom::fill(&mut byte).expect("the system has a random source");
        if usize::from(byte[0]) < limit {
            text.push(char::from(characters[usize::from(byte[0]) % characters.len()]));
        }
    }
    let bits = (length as f64 * (characters.len() as f64).log2()) as u32;
    Random { text: Secret::new(text), bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    // V12
    #[test]
    fn each_is_another_and_every_character_comes() {
        for alphabet in [Alphabet::Letters, Alphabet::Hex, Alphabet::UrlSafe] {
            let texts: std::collections::BTreeSet<String> = (0..50).map(|_| generate(alphabet, 32).text.expose().clone()).collect();
            assert_eq!(texts.len(), 50);
            assert!(texts.iter().all(|text| text.len() == 32));
            let long = generate(alphabet, 20_000);
            let mut counts = [0usize; 256];
            long.text.expose().bytes().for_each(|byte| counts[usize::from(byte)] += 1);
            let wanted = 20_000 / alphabet.characters().len();
            for byte in alphabet.characters() {
                assert!((wanted / 2..wanted * 2).contains(&counts[usize::from(*byte)]), "{alphabet:?} {byte}");
            }
        }
        assert_eq!((generate(Alphabet::Hex, 20).bits, generate(Alphabet::Letters, 32).bits), (80, 190));
    }
}
