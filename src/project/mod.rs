//! What the checkout says: hoist.yml, inventories, variables, roles. Knows no kind of resource and no host.

pub mod inventory;
pub mod names;
