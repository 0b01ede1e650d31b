//! Templates behind one narrow face: text and values in, text (or a value) out, errors at their place.
//!
//! The engine is Tera 2 with undefined variables as errors. Templates cannot read files, the environment or the
//! network, or run programs.

/// The variable that filters look up by themselves, to make a value that is another one on every host.
pub const HOST: &str = "inventory_hostname";

mod filters;
pub mod jinja;
mod matching;
mod place;
mod render;
mod throw;

pub use place::Place;
pub use render::{Template, Templates, expression, is_template};
pub use throw::Places;
