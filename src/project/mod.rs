//! What the checkout says: hoist.yml, inventories, variables, roles. Knows no kind of resource and no host.

pub mod config;
pub mod connection;
pub mod environment;
pub mod inventory;
pub mod layout;
pub mod library;
pub mod names;
pub mod role;
pub mod scope;
pub mod shape;
mod ssh_options;
mod taint;
pub mod task;
pub mod ansible;
pub mod variables;

pub use config::Config;
pub use connection::{Connection, ConnectionKind};
pub use environment::Environment;
pub use inventory::pattern::Pattern;
pub use inventory::{Host, Inventory};
pub use layout::Layout;
pub use library::{Asset, Files, Library};
pub use role::Role;
pub use scope::{Given, Rendered, RoleScope, Scope};
pub use shape::Shape;
pub use task::{Manner, Task};
pub use variables::{Definition, Layer, Variables};

/// The variables that hoist itself sets for a host from the inventory: `inventory_hostname`, its first label
/// `inventory_hostname_short`, `group_names` (its groups, sorted, without `all`) and `groups` (the hosts of each group).
pub fn magic_variables(inventory: &Inventory, host: &str) -> serde_json::Map<String, serde_json::Value> {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let short = if is_address { host } else { host.split('.').next().unwrap_or(host) };
    let mut group_names: Vec<&str> =
        inventory.groups_of(host).iter().map(|group| group.name.as_str()).filter(|name| *name != "all").collect();
    group_names.sort_unstable();
    let hosts = |group: &str| inventory.hosts_of(group).iter().map(|host| host.name.as_str().into()).collect::<Vec<serde_json::Value>>();
    let groups = inventory.groups().iter().map(|group| (group.name.clone(), hosts(&group.name).into()));
    [
        ("inventory_hostname".to_string(), host.into()),
        ("inventory_hostname_short".to_string(), short.into()),
        ("group_names".to_string(), group_names.into()),
        ("groups".to_string(), serde_json::Value::Object(groups.collect())),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, Source};

    #[test]
    fn a_host_knows_its_name_and_groups() {
        let text = "10.0.0.1\n[web]\nw1.example.com\n[site:children]\nweb\n[a]\nw1.example.com\n";
        let inventory = Inventory::read(&Source::new("hosts", text), &mut Diagnostics::new());
        let expected = serde_json::json!({
            "inventory_hostname": "w1.example.com",
            "inventory_hostname_short": "w1",
            "group_names": ["a", "site", "web"],
            "groups": {
                "all": ["10.0.0.1", "w1.example.com"],
                "ungrouped": ["10.0.0.1"],
                "web": ["w1.example.com"],
                "site": ["w1.example.com"],
                "a": ["w1.example.com"],
            },
        });
        assert_eq!(serde_json::Value::Object(magic_variables(&inventory, "w1.example.com")), expected);
        let address = magic_variables(&inventory, "10.0.0.1");
        assert_eq!(
            (&address["inventory_hostname_short"], &address["group_names"]),
            (&"10.0.0.1".into(), &serde_json::json!(["ungrouped"]))
        );
    }
}
