//! Shell text that cannot be built unquoted, and the frames that carry answers back through any noise.

use std::sync::LazyLock;

mod answer;
mod frame;
mod quote;
mod script;

pub use answer::{Answer, Answers};
pub use frame::{Frame, Frames, Nonce};
pub use quote::quote;
pub use script::{Blob, Script, sha256};

/// The shell functions that scripts may use; the engine sends them at the start of a session. Their comments stay here:
/// on a slow line, what does not fit into the first packets costs a round trip.
pub static PRELUDE: LazyLock<String> = LazyLock::new(|| {
    bare(&[
        include_str!("prelude.sh"),
        include_str!("prelude/apt.sh"),
        include_str!("prelude/command.sh"),
        include_str!("prelude/git.sh"),
        include_str!("prelude/service.sh"),
    ])
});

/// The functions that bound how long questions may take; the engine sends them behind the prelude.
pub static QUESTIONS: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/questions.sh")]));

/// The functions that put aside what a change replaces, and back.
pub static ASIDE: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/aside.sh")]));

/// The functions of the dead man's switch.
pub static SWITCH: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/switch.sh")]));

/// The functions that end steps which take too long.
pub static DEADLINE: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/deadline.sh")]));

/// A comment that marks a place in a script at which tests kill the shell that runs it. See `engine::fault`.
pub const FAULT: &str = "# fault";

/// Without comments, empty lines and indents. Builds for tests keep the marks.
pub fn bare(files: &[&str]) -> String {
    let kept = |line: &&str| !line.starts_with('#') || (cfg!(debug_assertions) && *line == FAULT);
    let lines = files.iter().flat_map(|file| file.lines()).map(str::trim_start).filter(|line| !line.is_empty()).filter(kept);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of them may come to be defined in one shell.
    #[test]
    fn no_two_functions_have_one_name() {
        let all = [&PRELUDE, &QUESTIONS, &ASIDE, &SWITCH, &DEADLINE].map(|functions| functions.as_str()).concat();
        let mut names: Vec<&str> = all.lines().filter_map(|line| Some(line.split_once("() {")?.0)).collect();
        assert!(names.len() > 30, "{names:?}");
        names.sort_unstable();
        let twice: Vec<&[&str]> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
