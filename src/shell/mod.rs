//! Shell text that cannot be built unquoted, and the frames that carry answers back through any noise.

mod answer;
mod frame;
mod quote;
mod script;

pub use answer::{Answer, Answers};
pub use frame::{Frame, Frames, Nonce};
pub use quote::quote;
pub use script::{Blob, Script, sha256};

/// The shell functions that scripts may use; the engine sends them at the start of a session.
pub const PRELUDE: &str = concat!(
    include_str!("prelude.sh"),
    include_str!("prelude/apt.sh"),
    include_str!("prelude/command.sh"),
    include_str!("prelude/git.sh"),
    include_str!("prelude/service.sh"),
);
