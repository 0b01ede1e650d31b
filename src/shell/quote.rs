//! One word of shell, from any text.

/// Quotes `word` so that any POSIX shell reads it back unchanged. `None` when it holds a NUL, which no word can.
pub fn quote(word: &str) -> Option<String> {
    shlex::try_quote(word).ok().map(|quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn read_back(shell: &str, word: &str) -> Option<Vec<u8>> {
        let script = format!("printf '%s' {}", quote(word).expect("no NUL"));
        Command::new(shell).arg("-c").arg(script).output().ok().map(|output| output.stdout)
    }

    // Z07
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_quoted_word_comes_back_from_every_shell(word in "(\\PC|[\n\t\r'\"$`\\\\!*?{}~#;&|<>()=%\u{a0}\u{1}-\u{1f}]){0,40}") {
            for shell in ["sh", "dash", "bash"] {
                if let Some(bytes) = read_back(shell, &word) {
                    prop_assert_eq!(String::from_utf8_lossy(&bytes), word.as_str(), "{}", shell);
                }
            }
        }
    }

    #[test]
    fn nul_is_refused() {
        assert_eq!(quote("a\0b"), None);
        assert_eq!(quote(""), Some("''".into()));
    }
}
