//! A play of hoist.yml, for the hosts that are meant.

use super::Project;
use crate::deploy::app::ROLE;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::engine::{Play, RoleCall, Rolling, Size};
use crate::project::{Inventory, Manner, Role, config};
use crate::yaml::{Node, Value};

/// The play, with its hosts and roles; `None` when no environment knows its hosts, which goes to `problems`.
pub(super) fn site_play(
    project: &Project,
    inventory: &Inventory,
    play: &config::Play,
    roles: &[Role],
    selected: &[String],
    problems: &mut Diagnostics,
) -> Option<Play> {
    let hosts = match play.hosts.hosts(inventory) {
        Ok(hosts) => hosts,
        // A group that another environment has is no mistake here; one that none has is.
        Err(error) => {
            let known = project.layout.environments().unwrap_or_default().iter().any(|name| {
                let inventory = project.layout.inventory(name).map(|source| Inventory::read(&source, &mut Diagnostics::new()));
                inventory.is_ok_and(|inventory| play.hosts.hosts(&inventory).is_ok())
            });
            if !known {
                problems.extend(error);
            }
            return None;
        }
    };
    let hosts: Vec<String> = hosts.iter().map(|host| host.name.clone()).filter(|name| selected.contains(name)).collect();
    let hosts = ordered(hosts, play.order.as_ref(), problems);
    let rolling = rolling(play, problems);
    let call = |used: &config::RoleUse| {
        let manner = Manner { tags: used.tags.clone(), ..Manner::default() };
        Some(RoleCall {
            role: roles.iter().find(|role| role.name == used.name)?.clone(),
            vars: used.vars.clone(),
            manner,
            when: used.when.clone(),
        })
    };
    let environment = Node::new(Value::Mapping(play.environment.clone()), play.span.clone());
    let manner = Manner {
        become_: play.become_,
        become_user: play.become_user.clone(),
        environment: if play.environment.is_empty() { Vec::new() } else { vec![environment] },
        tags: play.tags.clone(),
    };
    Some(Play { hosts, roles: play.roles.iter().filter_map(call).collect(), vars: play.vars.clone(), manner, rolling })
}

/// Refuses the role `app` twice for one host: a host has one application, and a deploy would not know which.
pub(super) fn one_application(plays: &[(&config::Play, Play)], problems: &mut Diagnostics) {
    let mut given: Vec<(&str, &Span)> = Vec::new();
    for (written, play) in plays {
        for used in written.roles.iter().filter(|used| used.name == ROLE) {
            let twice: Vec<&(&str, &Span)> = given.iter().filter(|(host, _)| play.hosts.iter().any(|name| name == host)).collect();
            if let Some((first, span)) = twice.first() {
                let more = if twice.len() > 1 { format!(" and {} more", twice.len() - 1) } else { String::new() };
                let error = Diagnostic::error(format!("{first}{more} would get the role `{ROLE}` twice")).at(&used.span);
                let error =
                    error.label(span, "here it has it already").help("a host has one application: give another one hosts of its own");
                problems.push(error);
            }
            given.extend(play.hosts.iter().map(|host| (host.as_str(), &used.span)));
        }
    }
}

fn ordered(mut hosts: Vec<String>, order: Option<&Node>, problems: &mut Diagnostics) -> Vec<String> {
    let known = ["inventory", "reverse_inventory", "sorted", "reverse_sorted"];
    let Some(node) = order else { return hosts };
    let order = problems.take(node.expect_str("`order`")).unwrap_or("inventory");
    match order {
        "inventory" => {}
        "reverse_inventory" => hosts.reverse(),
        "sorted" => hosts.sort(),
        "reverse_sorted" => {
            hosts.sort();
            hosts.reverse();
        }
        other => problems.push(Diagnostic::error(format!("unknown order `{other}`")).at(&node.span).suggest(other, known)),
    }
    hosts
}

fn rolling(play: &config::Play, problems: &mut Diagnostics) -> Rolling {
    let mut size = |node: &Node, what: &str| {
        let text = match &node.value {
            Value::Number(_, spelling) => spelling.as_str(),
            Value::String(text) => text.as_str(),
            _ => "",
        };
        let size = Size::parse(text);
        if size.is_none() {
            problems.push(
                Diagnostic::error(format!("`{what}` must be a number of hosts or a share of them, such as 2 or \"30%\"")).at(&node.span),
            );
        }
        size
    };
    let serial = match play.serial.as_ref().map(|node| (node, &node.value)) {
        None => Vec::new(),
        Some((_, Value::Sequence(items))) => items.iter().filter_map(|item| size(item, "serial")).collect(),
        Some((node, _)) => size(node, "serial").into_iter().collect(),
    };
    let max_failures = play.max_failures.as_ref().and_then(|node| size(node, "max_failures"));
    Rolling { serial, max_failures, any_errors_fatal: play.any_errors_fatal }
}
