//! What came back in a frame.

use std::collections::BTreeMap;

/// The output and status of one framed piece of shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its standard output, byte for byte.
    pub stdout: Vec<u8>,
    /// Its standard error, byte for byte.
    pub stderr: Vec<u8>,
    /// Its exit status.
    pub status: i32,
}

impl Answer {
    /// The status of what was ended because it took too long. No process exits with it.
    pub const LATE: i32 = 256;

    /// Whether it was ended because it took too long.
    pub fn late(&self) -> bool {
        self.status == Self::LATE
    }

    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Answers by the id of their frame.
pub type Answers = BTreeMap<String, Answer>;
