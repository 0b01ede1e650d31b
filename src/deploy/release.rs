//! A release: a commit (or an archive) in a folder of its own, by a number that is the same on all hosts.

use std::fmt;

/// Its name, and that of its folder: `12-3f9c2ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseId {
    number: u32,
    text: String,
}

impl ReleaseId {
    /// For the release of this number, of a commit or the hash of an archive.
    pub fn new(number: u32, commit: &str) -> Self {
        Self { number, text: format!("{number}-{}", short(commit)) }
    }

    /// Reads one; `None` for anything else. What it accepts is safe as the name of a folder.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, commit) = text.split_once('-')?;
        let plain =
            !number.starts_with(['0', '+']) && commit.len() == 7 && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        Some(Self { number: number.parse().ok()?, text: text.to_string() }).filter(|_| plain)
    }

    /// Its number: a later release has a larger one.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// As a text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first digits of a commit.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// The colour of web processes: a release starts in the one that nothing runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// The first ports.
    #[default]
    Blue,
    /// The ports behind them.
    Green,
}

impl Colour {
    /// As the scripts call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Blue, Self::Green].into_iter().find(|colour| colour.as_str() == text)
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_else_is_one() {
        let id = ReleaseId::new(12, "3f9c2ab77d1c0e8f3f9c2ab77d1c0e8f3f9c2ab7");
        assert_eq!(id.as_str(), "12-3f9c2ab");
        assert_eq!(ReleaseId::parse("12-3f9c2ab"), Some(id));
        for bad in
            ["", "12", "-3f9c2ab", "012-3f9c2ab", "+1-3f9c2ab", "12-3f9c2a", "12-3F9C2AB", "12-3f9c2ab/..", "../../x", "12-3f9c2ab\n"]
        {
            assert_eq!(ReleaseId::parse(bad), None, "{bad:?}");
        }
        assert!(ReleaseId::new(9, "bbbbbbb") < ReleaseId::new(10, "aaaaaaa"));
    }
}
