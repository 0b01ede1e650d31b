//! Hosts and groups of one environment, read from Ansible's INI ([`ini`]) or YAML ([`yaml_form`]) form.
//!
//! What ansible-core makes of a file is what hoist makes of it; `tests/inventory.rs` compares the two. Where Ansible
//! drops something without a word (an unknown key, an empty range, a second port), hoist says so and stops.

mod build;
pub mod ini;
mod literal;
mod number;
pub mod pattern;
mod range;
mod shell_words;
pub mod yaml_form;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostics, Source, Span};
use crate::yaml::Entry;

/// The hosts and groups of one environment, in the order declared.
///
/// The group `all` comes first and holds every host; `ungrouped` comes second and holds those in no other group.
#[derive(Debug)]
pub struct Inventory {
    hosts: Vec<Host>,
    groups: Vec<Group>,
    host_index: BTreeMap<String, usize>,
    group_index: BTreeMap<String, usize>,
    /// For each host, the groups it is in: lowest precedence first.
    memberships: Vec<Vec<usize>>,
}

/// One host.
#[derive(Debug, PartialEq)]
pub struct Host {
    /// Its name in the inventory, an alias when `ansible_host` is set.
    pub name: String,
    /// Where it was first named.
    pub span: Span,
    /// Its own variables in the inventory, each name once.
    pub vars: Vec<Entry>,
}

/// One group.
#[derive(Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The hosts named in it, without those of its children.
    pub hosts: Vec<String>,
    /// The groups named in it.
    pub children: Vec<String>,
    /// Its variables in the inventory, each name once.
    pub vars: Vec<Entry>,
    /// `ansible_group_priority`: among groups of one depth, the higher one wins. 1 when not set.
    pub priority: i64,
}

impl Inventory {
    /// Reads `source`: YAML when its name ends so, else INI. Problems go to `problems`, what could be read is returned.
    pub fn read(source: &Arc<Source>, problems: &mut Diagnostics) -> Self {
        let mut mistakes = Diagnostics::new();
        let inventory = match source.name().extension().and_then(|extension| extension.to_str()) {
            Some("yml" | "yaml") => yaml_form::read(source, &mut mistakes),
            _ => ini::read(source, &mut mistakes),
        };
        problems.extend(mistakes.unread());
        inventory
    }

    /// All hosts, in the order declared.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// All groups: `all`, `ungrouped`, then as declared.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.host_index.get(name).map(|&index| &self.hosts[index])
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.group_index.get(name).map(|&index| &self.groups[index])
    }

    /// The hosts of a group and of its children, each once: the group's own first, then child by child, level by level.
    /// None when there is no such group.
    pub fn hosts_of(&self, group: &str) -> Vec<&Host> {
        let mut hosts = Vec::new();
        let mut seen_hosts = BTreeSet::new();
        let mut queue: Vec<&Group> = self.group(group).into_iter().collect();
        let mut seen_groups: BTreeSet<&str> = queue.iter().map(|group| group.name.as_str()).collect();
        let mut at = 0;
        while let Some(&group) = queue.get(at) {
            at += 1;
            hosts.extend(group.hosts.iter().filter(|name| seen_hosts.insert(name.as_str())).filter_map(|name| self.host(name)));
            let children = group.children.iter().filter(|name| seen_groups.insert(name.as_str()));
            queue.extend(children.filter_map(|name| self.group(name)));
        }
        hosts
    }

    /// The groups a host is in, in the order their variables are laid over each other: `all` first, parents before
    /// children, then by priority and name. None when there is no such host.
    pub fn groups_of(&self, host: &str) -> Vec<&Group> {
        let index = self.host_index.get(host);
        index.map(|&index| self.memberships[index].iter().map(|&group| &self.groups[group]).collect()).unwrap_or_default()
    }
}
