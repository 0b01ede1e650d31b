//! What the checkout says: hoist.yml, inventories, variables, roles. Knows no kind of resource and no host.

pub mod environment;
pub mod inventory;
pub mod layout;
pub mod library;
pub mod names;
pub mod role;
pub mod scope;
pub mod task;
pub mod variables;

pub use library::Library;
pub use role::Role;
pub use scope::{Given, Rendered, RoleScope, Scope};
pub use task::{Manner, Task};
