//! What the checkout says: hoist.yml, inventories, variables, roles. Knows no kind of resource and no host.

pub mod inventory;
pub mod library;
pub mod role;
pub mod scope;
pub mod task;

pub use library::Library;
pub use role::Role;
pub use scope::{Given, Rendered, RoleScope, Scope};
pub use task::{Manner, Task};
