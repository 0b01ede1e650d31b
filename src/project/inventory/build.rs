//! What both forms of an inventory build: hosts and groups are added as they are read, then [`Builder::finish`] settles
//! what only the whole can tell (`all`, `ungrouped`, cycles, the order of groups).

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, Host, Inventory};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::project::names;
use crate::yaml::{Entry, Node, Value};

pub(super) struct Builder<'a> {
    hosts: Vec<Host>,
    groups: Vec<Group>,
    host_index: BTreeMap<String, usize>,
    group_index: BTreeMap<String, usize>,
    /// Where each group was made the child of another: (parent, child).
    links: BTreeMap<(usize, usize), Span>,
    direct: BTreeSet<(usize, usize)>,
    spans: Vec<Option<Span>>,
    pub(super) problems: &'a mut Diagnostics,
}

const ALL: usize = 0;
const UNGROUPED: usize = 1;

impl<'a> Builder<'a> {
    pub(super) fn new(problems: &'a mut Diagnostics) -> Self {
        let mut builder = Self {
            hosts: Vec::new(),
            groups: Vec::new(),
            host_index: BTreeMap::new(),
            group_index: BTreeMap::new(),
            links: BTreeMap::new(),
            direct: BTreeSet::new(),
            spans: Vec::new(),
            problems,
        };
        builder.push_group("all", None);
        builder.push_group("ungrouped", None);
        builder.groups[ALL].children.push("ungrouped".to_string());
        builder
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.group_index.contains_key(name)
    }

    pub(super) fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.name.as_str())
    }

    /// Adds a group unless it is there. False when its name is refused.
    pub(super) fn add_group(&mut self, name: &str, span: &Span) -> bool {
        if self.has_group(name) {
            return true;
        }
        let allowed = self.problems.take(names::plain(name, "group", span)).is_some();
        if allowed {
            self.push_group(name, Some(span.clone()));
        }
        allowed
    }

    fn push_group(&mut self, name: &str, span: Option<Span>) {
        self.group_index.insert(name.to_string(), self.groups.len());
        self.groups.push(Group { name: name.to_string(), hosts: Vec::new(), children: Vec::new(), vars: Vec::new(), priority: 1 });
        self.spans.push(span);
    }

    /// Adds a host to a group that is there. `port` is the one written behind the name (`web1:2222`).
    pub(super) fn add_host(&mut self, name: &str, span: &Span, group: &str, port: Option<u16>) {
        let (known, group) = (self.host_index.get(name).copied(), self.group_index[group]);
        if known.is_none() && self.problems.take(names::host(name, span)).is_none() {
            return;
        }
        let host = known.unwrap_or_else(|| {
            self.host_index.insert(name.to_string(), self.hosts.len());
            self.hosts.push(Host { name: name.to_string(), span: span.clone(), vars: Vec::new() });
            self.hosts.len() - 1
        });
        if self.direct.insert((host, group)) {
            self.groups[group].hosts.push(name.to_string());
        }
        match port {
            Some(port) if known.is_none() => {
                let number = Node::new(Value::Number(port.into(), port.to_string()), span.clone());
                self.set_host_var(name, Entry { key: "ansible_port".to_string(), key_span: span.clone(), node: number });
            }
            Some(port) if self.hosts[host].vars.iter().any(|var| var.key == "ansible_port" && var.node.to_json() == port) => {}
            Some(port) => self.problems.push(
                Diagnostic::error(format!("the port {port} would be ignored, as `{name}` was named before"))
                    .at(span)
                    .label(&self.hosts[host].span, "here")
                    .help(format!("write the port there, or `ansible_port={port}`")),
            ),
            None => {}
        }
    }

    pub(super) fn set_host_var(&mut self, host: &str, entry: Entry) {
        // A host whose name was refused is not there, and said so already.
        let Some(&index) = self.host_index.get(host) else { return };
        if self.problems.take(names::variable(&entry.key, &entry.key_span)).is_some() {
            set(&mut self.hosts[index].vars, entry);
        }
    }

    pub(super) fn set_group_var(&mut self, group: &str, entry: Entry) {
        let index = self.group_index[group];
        if entry.key == "ansible_group_priority" {
            match crate::yaml::from_node(&entry.node) {
                Ok(priority) => self.groups[index].priority = priority,
                Err(error) => self.problems.push(error),
            }
        } else if self.problems.take(names::variable(&entry.key, &entry.key_span)).is_some() {
            set(&mut self.groups[index].vars, entry);
        }
    }

    /// Makes one group the child of another; both are there.
    pub(super) fn link(&mut self, parent: &str, child: &str, span: &Span) {
        let (parent_index, child_index) = (self.group_index[parent], self.group_index[child]);
        if (parent_index == ALL && child_index == UNGROUPED) || self.links.contains_key(&(parent_index, child_index)) {
            return;
        }
        if child_index == ALL {
            self.problems.push(Diagnostic::error("`all` can be no child: every group is a child of it").at(span));
            return;
        }
        if child_index == UNGROUPED || parent_index == UNGROUPED {
            self.problems.push(
                Diagnostic::error("`ungrouped` can have no children and be the child of `all` only")
                    .at(span)
                    .help("it holds the hosts that are in no group"),
            );
            return;
        }
        self.links.insert((parent_index, child_index), span.clone());
        self.groups[parent_index].children.push(child.to_string());
    }

    pub(super) fn finish(mut self) -> Inventory {
        let with_parent: BTreeSet<usize> = self.links.keys().map(|&(_, child)| child).collect();
        for index in UNGROUPED + 1..self.groups.len() {
            if !with_parent.contains(&index) {
                let name = self.groups[index].name.clone();
                self.groups[ALL].children.push(name);
            }
        }
        self.settle_ungrouped();
        for group in &self.groups[UNGROUPED + 1..] {
            if let (Some(&host), Some(span)) = (self.host_index.get(&group.name), &self.spans[self.group_index[&group.name]]) {
                let warning = Diagnostic::warning(format!("`{}` is both a host and a group", group.name));
                self.problems.push(warning.at(span).label(&self.hosts[host].span, "the host"));
            }
        }
        let depths = self.depths();
        let memberships = self.memberships(&depths);
        let Self { hosts, groups, host_index, group_index, .. } = self;
        Inventory { hosts, groups, host_index, group_index, memberships }
    }

    /// `ungrouped` holds exactly the hosts that are in no other group than `all`.
    fn settle_ungrouped(&mut self) {
        let grouped: BTreeSet<usize> = self.direct.iter().filter(|(_, group)| *group > UNGROUPED).map(|(host, _)| *host).collect();
        let index = &self.host_index;
        self.groups[UNGROUPED].hosts.retain(|name| !grouped.contains(&index[name]));
        for (host, item) in self.hosts.iter().enumerate() {
            if !grouped.contains(&host) && self.direct.insert((host, UNGROUPED)) {
                self.groups[UNGROUPED].hosts.push(item.name.clone());
            }
        }
        self.direct.retain(|(host, group)| *group != UNGROUPED || !grouped.contains(host));
    }

    /// How far each group is below `all`, by its longest way. Reports groups that are their own ancestors.
    fn depths(&mut self) -> Vec<usize> {
        let children: Vec<Vec<usize>> =
            self.groups.iter().map(|group| group.children.iter().map(|name| self.group_index[name]).collect()).collect();
        let mut waiting = vec![0_usize; children.len()];
        for &child in children.iter().flatten() {
            waiting[child] += 1;
        }
        let mut depths = vec![0; children.len()];
        let mut ready: Vec<usize> = (0..children.len()).filter(|&group| waiting[group] == 0).collect();
        while let Some(group) = ready.pop() {
            for &child in &children[group] {
                depths[child] = depths[child].max(depths[group] + 1);
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    ready.push(child);
                }
            }
        }
        if let Some(start) = waiting.iter().position(|&count| count > 0) {
            self.report_cycle(start, &waiting);
        }
        depths
    }

    /// From a group on or below a cycle, up its unsettled parents, until one comes up twice.
    fn report_cycle(&mut self, start: usize, waiting: &[usize]) {
        let mut way = vec![start];
        let cycle = loop {
            let here = way[way.len() - 1];
            let parent = self.links.keys().find(|&&(parent, child)| child == here && waiting[parent] > 0);
            let &(parent, _) = parent.expect("a group that waits has a parent that waits");
            if let Some(first) = way.iter().position(|&group| group == parent) {
                break way.split_off(first);
            }
            way.push(parent);
        };
        let name = |group: usize| self.groups[group].name.as_str();
        let chain: Vec<&str> = cycle[..1].iter().chain(cycle.iter().rev()).map(|&group| name(group)).collect();
        let link = self.links.get(&(cycle[0], cycle[cycle.len() - 1])).expect("the way closes with a link");
        self.problems.push(
            Diagnostic::error(format!("the group `{}` is a child of itself", chain[0]))
                .at(link)
                .help(format!("the circle is {}", chain.join(" > "))),
        );
    }

    fn memberships(&self, depths: &[usize]) -> Vec<Vec<usize>> {
        let mut parents = vec![Vec::new(); self.groups.len()];
        for (parent, group) in self.groups.iter().enumerate() {
            for child in &group.children {
                parents[self.group_index[child]].push(parent);
            }
        }
        let mut memberships = vec![BTreeSet::from([ALL]); self.hosts.len()];
        for &(host, group) in &self.direct {
            let mut queue = vec![group];
            while let Some(group) = queue.pop() {
                if memberships[host].insert(group) {
                    queue.extend(&parents[group]);
                }
            }
        }
        let order = |&group: &usize| (depths[group], self.groups[group].priority, self.groups[group].name.as_str());
        memberships
            .into_iter()
            .map(|groups| {
                let mut groups: Vec<usize> = groups.into_iter().collect();
                groups.sort_by_key(order);
                groups
            })
            .collect()
    }
}

/// The last value of a name stays, at the place of the first, as in Ansible.
fn set(vars: &mut Vec<Entry>, entry: Entry) {
    match vars.iter_mut().find(|known| known.key == entry.key) {
        Some(known) => *known = entry,
        None => vars.push(entry),
    }
}
