//! Secrets: a type that cannot be printed by accident, age files and who can open them, what is inside of them, and
//! the fence that keeps known secrets out of all output. Knows neither projects nor commands.

pub mod age_file;
mod cover;
mod document;
pub mod dotenv;
mod file;
mod hybrid;
pub mod identity;
mod mask;
mod merge;
mod process;
mod random;
mod recipient;
mod value;
pub mod vault;

pub use age_file::Unopened;
pub use cover::Cover;
pub use document::{Document, outline, yaml_lines};
pub use file::{Unsaved, replace};
pub use identity::{Ask, Identities, VARIABLE};
pub use mask::{Mask, hide, learn, url_encoded};
pub use merge::{Merged, merge};
pub use process::guard;
pub use random::{Alphabet, generate};
pub use recipient::{Recipient, agree, parse_all as recipients};
pub use value::{MASK, Secret};
