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

/// The functions that put aside what a change replaces, and back.
pub static ASIDE: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/aside.sh")]));

/// The functions of the dead man's switch.
pub static SWITCH: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/switch.sh")]));

/// The functions that end steps which take too long.
pub static DEADLINE: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("prelude/deadline.sh")]));

/// A comment that marks a place in a script at which tests kill the shell that runs it. See `engine::fault`.
pub const FAULT: &str = "# fault";

/// Without comments and empty lines. Builds for tests keep the marks.
fn bare(files: &[&str]) -> String {
    let kept = |line: &&str| !line.trim_start().starts_with('#') || (cfg!(debug_assertions) && line.trim_start() == FAULT);
    let lines = files.iter().flat_map(|file| file.lines()).filter(|line| !line.is_empty()).filter(kept);
    lines.flat_map(|line| [line, "\n"]).collect()
}
