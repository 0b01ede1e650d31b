//! Ansible's YAML inventory: groups, each with `hosts`, `children` and `vars`.

use std::sync::Arc;

use super::build::Builder;
use super::{Inventory, range};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Entry, Node, Value};

/// Reads a YAML inventory. Problems go to `problems`, what could be read is returned.
pub fn read(source: &Arc<Source>, problems: &mut Diagnostics) -> Inventory {
    let node = problems.take(crate::yaml::parse(source));
    let mut builder = Builder::new(problems);
    if let Some(node) = node {
        match node.expect_mapping("an inventory") {
            Ok(_) if node.get("plugin").is_some() => builder.problems.push(
                Diagnostic::error("this configures an inventory plugin of Ansible, which hoist does not run")
                    .at(&node.span)
                    .help("`ansible-inventory --list --yaml` prints what the plugin finds"),
            ),
            Ok(groups) => groups.iter().for_each(|entry| group(entry, &mut builder)),
            Err(error) => builder.problems.push(error),
        }
    }
    builder.finish()
}

fn group(entry: &Entry, builder: &mut Builder<'_>) {
    let name = &entry.key;
    if !builder.add_group(name, &entry.key_span) {
        return;
    }
    let sections = match entry.node.expect_mapping(&format!("the group `{name}`")) {
        Ok(sections) => sections,
        Err(error) => return builder.problems.push(error.help("a group has `hosts:`, `children:` and `vars:`")),
    };
    for section in sections {
        let items = match section.key.as_str() {
            "hosts" | "children" | "vars" => items(&section.node, &format!("`{}` of the group `{name}`", section.key)),
            other => {
                let error = Diagnostic::error(format!("unknown key `{other}` in the group `{name}`")).at(&section.key_span);
                builder.problems.push(error.suggest(other, ["hosts", "children", "vars"]));
                continue;
            }
        };
        let Some(items) = builder.problems.take(items) else { continue };
        for item in items {
            match section.key.as_str() {
                "hosts" => hosts(&item, name, builder),
                "vars" => builder.set_group_var(name, item),
                _ => {
                    group(&item, builder);
                    if builder.has_group(&item.key) {
                        builder.link(name, &item.key, &item.key_span);
                    }
                }
            }
        }
    }
}

/// The entries of a section; a lone name stands for a mapping of it to nothing.
fn items(node: &Node, what: &str) -> Result<Vec<Entry>, Diagnostic> {
    if let Value::String(name) = &node.value {
        let nothing = Node::new(Value::Null, node.span.clone());
        return Ok(vec![Entry { key: name.clone(), key_span: node.span.clone(), node: nothing }]);
    }
    let entries = node.expect_mapping(what);
    entries.map(<[Entry]>::to_vec).map_err(|error| error.help("write `name:` lines, without `-`; what belongs to a name stands below it"))
}

fn hosts(entry: &Entry, group: &str, builder: &mut Builder<'_>) {
    let span: &Span = &entry.key_span;
    let Some((names, port)) = builder.problems.take(range::expand(&entry.key, span)) else { return };
    let vars = entry.node.expect_mapping(&format!("the variables of the host `{}`", entry.key)).map(<[Entry]>::to_vec);
    let vars = builder.problems.take(vars).unwrap_or_default();
    for name in &names {
        builder.add_host(name, span, group, port);
        for var in &vars {
            builder.set_host_var(name, var.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Inventory, Vec<String>) {
        let mut problems = Diagnostics::new();
        let inventory = read(&Source::new("hosts.yml", text), &mut problems);
        let lines = problems.iter().map(|problem| format!("{} {} | {}", problem.labels[0].0, problem.summary, problem.help.join("; ")));
        (inventory, lines.collect())
    }

    #[test]
    fn groups_may_be_nested_and_named_again() {
        let (inventory, problems) = load(
            "all:\n  hosts:\n    solo:\n  children:\n    site:\n      children:\n        web:\n          hosts:\n            web[1:2]:22: {a: 1}\n  vars: {x: 1}\n\
             web:\n  vars: {y: 2}\n  hosts: {web1: {a: 2}}\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let groups = |host| inventory.groups_of(host).iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(groups("web1"), "all site web");
        assert_eq!(groups("solo"), "all ungrouped");
        let web1 = inventory.host("web1").expect("web1");
        assert_eq!(
            web1.vars.iter().map(|var| format!("{}={}", var.key, var.node.to_json())).collect::<Vec<_>>(),
            ["ansible_port=22", "a=2"]
        );
        assert_eq!(web1.vars[1].node.span.to_string(), "hosts.yml:13:21");
    }

    #[test]
    fn mistakes_are_reported_at_once() {
        let (_, problems) = load(
            "all:\n  host: {}\n  children:\n    web:\n      hosts: [web1]\n    db:\n      hosts:\n        pg 1:\n        pg2: 5\n    a;b:\n    all:\ncount: 3\n",
        );
        let expected = [
            "hosts.yml:2:3 unknown key `host` in the group `all` | did you mean `hosts`?",
            "hosts.yml:5:14 `hosts` of the group `web` must be a mapping (`name: value` lines), this is a list | write `name:` lines, without `-`; what belongs to a name stands below it",
            "hosts.yml:9:14 the variables of the host `pg2` must be a mapping (`name: value` lines), this is a number | ",
            "hosts.yml:8:9 `pg 1` cannot be the name of a host | a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most",
            "hosts.yml:10:5 `a;b` cannot be the name of a group | a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most",
            "hosts.yml:11:5 `all` can be no child: every group is a child of it | ",
            "hosts.yml:12:8 the group `count` must be a mapping (`name: value` lines), this is a number | a group has `hosts:`, `children:` and `vars:`",
        ];
        let mut sorted = problems.clone();
        sorted.sort();
        let mut wanted = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted);
        assert!(load("plugin: amazon.aws.aws_ec2\n").1[0].contains("inventory plugin"));
        assert!(load("- web1\n").1[0].contains("an inventory must be a mapping"));
        assert_eq!(load("").1, Vec::<String>::new());
    }
}
