//! Two names of the inventory for one host: what one of them gets, the other one gets, too, and they wait for each other's lock.

use super::SiteHost;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::{ConnectionKind, Inventory};

/// Tells of hosts that go by the same address and port.
pub fn check(inventory: &Inventory, hosts: &[SiteHost], problems: &mut Diagnostics) {
    for (at, host) in hosts.iter().enumerate() {
        let Some(first) = hosts[..at].iter().find(|other| place(other) == place(host)) else { continue };
        let warning = Diagnostic::warning(format!("`{}` and `{}` are the same host: {}", first.name, host.name, place(host)));
        let span = |name: &str| inventory.hosts().iter().find(|host| host.name == name).map(|host| host.span.clone());
        let warning = span(&host.name).iter().fold(warning, |warning, span| warning.at(span));
        let warning = span(&first.name).iter().fold(warning, |warning, span| warning.label(span, "the first of them"));
        problems.push(warning.help("one host has one name: put it into several groups, if that is what is meant"));
    }
}

/// Where a host is.
fn place(host: &SiteHost) -> String {
    match host.connection.kind {
        ConnectionKind::Local => "this machine".to_string(),
        _ => format!("{}, port {}", host.connection.address.to_lowercase(), host.connection.port.unwrap_or(22)),
    }
}
