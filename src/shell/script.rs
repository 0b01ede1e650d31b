//! A piece of shell: constant text with quoted holes, and the file content that goes with it (law 8).

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::quote;

/// Shell text under construction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    text: String,
    blob: Option<Blob>,
}

/// Content that travels beside a script, named by its SHA-256. The script reads it from descriptor 4.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lower-case hex.
    pub sha256: String,
    /// The content.
    pub bytes: Arc<[u8]>,
}

impl Blob {
    /// Names `bytes` by their hash.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { sha256: sha256(&bytes), bytes }
    }
}

// Content may be secret, so only its name and size are shown.
impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

/// SHA-256 in lower-case hex, as `sha256sum` prints it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
        text
    })
}

impl Script {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line: `text` with each `{}` replaced by the quoted hole of the same place.
    ///
    /// A hole with a NUL makes the script refuse to run at that line (status 65): NUL is refused at load time,
    /// so that this is the second fence, not the first.
    pub fn line(&mut self, text: &'static str, holes: &[&str]) -> &mut Self {
        debug_assert_eq!(text.matches("{}").count(), holes.len(), "holes of {text:?}");
        let Some(words) = holes.iter().map(|hole| quote(hole)).collect::<Option<Vec<_>>>() else {
            self.text.push_str("exit 65\n");
            return self;
        };
        let mut pieces = text.split("{}");
        self.text.push_str(pieces.next().unwrap_or_default());
        for (piece, word) in pieces.zip(words) {
            self.text.push_str(&word);
            self.text.push_str(piece);
        }
        self.text.push('\n');
        self
    }

    /// Adds a line of constant words followed by any number of quoted ones.
    pub fn words<'a>(&mut self, text: &'static str, words: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let Some(words) = words.into_iter().map(quote).collect::<Option<Vec<_>>>() else {
            self.text.push_str("exit 65\n");
            return self;
        };
        self.text.push_str(text);
        for word in words {
            self.text.push(' ');
            self.text.push_str(&word);
        }
        self.text.push('\n');
        self
    }

    /// Adds all of another script, which must not bring a second blob.
    pub fn append(&mut self, other: &Script) -> &mut Self {
        self.text.push_str(&other.text);
        debug_assert!(self.blob.is_none() || other.blob.is_none(), "one blob a script");
        if self.blob.is_none() {
            self.blob = other.blob.clone();
        }
        self
    }

    /// Several scripts as one. Each finds its own content on descriptor 4, where all of it lies end to end.
    pub fn joined(parts: &[Script]) -> Self {
        let mut joined = Self::new();
        if parts.iter().filter(|part| part.blob.is_some()).count() < 2 {
            parts.iter().for_each(|part| {
                joined.append(part);
            });
            return joined;
        }
        let mut bytes: Vec<u8> = Vec::new();
        for part in parts {
            let Some(blob) = &part.blob else {
                joined.text.push_str(&part.text);
                continue;
            };
            // `head` takes no byte more than its own, so the next part begins where this one ends.
            write!(joined.text, "head -c {} <&4 | {{\n{}}} 4<&0 </dev/null\n", blob.bytes.len(), part.text)
                .expect("writing to a String does not fail");
            bytes.extend_from_slice(&blob.bytes);
        }
        joined.attach(bytes);
        joined
    }

    /// Gives the script `bytes` on descriptor 4; returns their SHA-256.
    pub fn attach(&mut self, bytes: impl Into<Arc<[u8]>>) -> String {
        debug_assert!(self.blob.is_none(), "one blob a script");
        let blob = Blob::new(bytes);
        let sha256 = blob.sha256.clone();
        self.blob = Some(blob);
        sha256
    }

    /// The shell text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The content it reads from descriptor 4, if any.
    pub fn blob(&self) -> Option<&Blob> {
        self.blob.as_ref()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_quoted_in_order() {
        let mut script = Script::new();
        script.line("chown {} -- {}", &["a b", "/x'y"]).words("rm -f --", ["-rf", "$(touch /x)"]);
        assert_eq!(script.text(), "chown 'a b' -- \"/x'y\"\nrm -f -- -rf '$(touch /x)'\n");
    }

    #[test]
    fn joined_scripts_find_their_own_content() {
        let part = |bytes: &str| {
            let mut script = Script::new();
            script.line("printf '%s:' {}; cat <&4; echo", &[&bytes.len().to_string()]);
            script.attach(bytes.as_bytes());
            script
        };
        let mut plain = Script::new();
        plain.line("echo between", &[]);
        let long = "x".repeat(100_000);
        let joined = Script::joined(&[part("one"), plain, part(""), part(&long), part("two\n")]);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, &joined.blob().expect("content").bytes).expect("writable");
        let text = format!("set -e\n(\n{}) 4<{}", joined.text(), file.path().display());
        let output = std::process::Command::new("dash").arg("-c").arg(text).output().expect("dash runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("3:one\nbetween\n0:\n100000:{long}\n4:two\n\n"));
    }

    #[test]
    fn a_part_that_fails_stops_the_joined_script() {
        let mut first = Script::new();
        first.line("exit 75", &[]);
        first.attach(*b"one");
        let mut second = Script::new();
        second.line("echo reached", &[]);
        second.attach(*b"two");
        let text = format!("set -e\n(\n{}) 4</dev/null", Script::joined(&[first, second]).text());
        let output = std::process::Command::new("dash").arg("-c").arg(text).output().expect("dash runs");
        assert_eq!((output.status.code(), output.stdout), (Some(75), Vec::new()));
    }

    #[test]
    fn a_nul_stops_the_script() {
        let mut script = Script::new();
        script.line("echo {} > /dev/null", &["a\0b"]).line("echo reached", &[]);
        let output = std::process::Command::new("sh").arg("-c").arg(script.text()).output().expect("sh runs");
        assert_eq!((output.status.code(), output.stdout), (Some(65), Vec::new()));
    }
}
