//! YAML with a place for every value. The only room that knows the YAML library.

mod de;
mod mistake;
mod node;
mod parse;

pub use de::from_node;
pub use mistake::is_word;
pub use node::{Entry, Node, Value};
pub use parse::parse;
