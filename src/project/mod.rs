//! What the checkout says: hoist.yml, inventories, variables, roles. Knows no kind of resource and no host.

pub mod environment;
pub mod inventory;
pub mod layout;
pub mod names;
pub mod variables;
