//! `hoist explain`: where a value comes from, and who uses it.

use std::collections::BTreeSet;
use std::path::Path;

use super::load::{Project, Site, SiteHost};
use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, load, usage};
use crate::diagnostic::{Diagnostic, Span};
use crate::project::{Definition, Layer, Library, Role, RoleScope, Scope};
use crate::report;

/// Show where the value of a variable comes from: every place that sets it, the winner first, and who uses it
///
/// `hoist explain domain_name env=prod host=web1`; without `host=`, all hosts are shown.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The name of the variable
    variable: String,
    #[command(flatten)]
    words: Words,
}

pub fn run(args: &Args) -> Outcome {
    let mut words = Words { env: args.words.env.clone(), words: args.words.words.clone(), identity: args.words.identity.clone() };
    let host = words.words.iter().position(|word| word.starts_with("host=")).map(|at| words.words.remove(at)["host=".len()..].to_string());
    let (project, site) = load::site(&words, &Hosts { limit: host, ..Hosts::default() })?;
    let name = args.variable.as_str();
    if site.hosts.iter().all(|host| host.variables.definitions(name).is_empty()) {
        let known: BTreeSet<&str> = site.hosts.iter().flat_map(|host| host.variables.iter().map(|(name, _)| name)).collect();
        return Err(Diagnostic::error(format!("nothing sets `{name}` in the environment `{}`", site.environment.name))
            .suggest(name, known)
            .into());
    }
    let uses = usage::uses(&project, &site, Some(&[name].into())).remove(name).unwrap_or_default();
    for host in &site.hosts {
        let definitions = host.variables.definitions(name);
        let values = values(&project, &site, host, name, &uses);
        for (value, roles) in &values {
            let only = if values.len() > 1 { format!(" (in {})", roles.join(", ")) } else { String::new() };
            report::line(&format!("{}: {name} = {value}{only}", host.name));
        }
        let rows = definitions.iter().enumerate().map(|(number, definition)| {
            let written = if definition.secret {
                "(secret)".to_string()
            } else {
                serde_json::to_string(&definition.node.to_json()).unwrap_or_default()
            };
            let mark = match definition.what.strip_prefix("role ") {
                _ if number == 0 => "wins".to_string(),
                Some(role) if is_own(definition, &definitions[0]) => format!("in {role}"),
                _ => String::new(),
            };
            vec![format!("  {mark}"), layer(definition.layer).to_string(), place(&definition.key_span), shortened(&written)]
        });
        report::table(&["", "LAYER", "PLACE", "AS WRITTEN"], rows.collect());
    }
    let alone = vars(&site, name);
    if !alone.is_empty() {
        report::line("`vars` of a play, a role or a task set it, too, and win there");
        alone.iter().for_each(|place| report::line(&format!("  {place}")));
    }
    if uses.is_empty() {
        report::line("used nowhere");
    } else {
        report::line("used in");
        uses.iter().for_each(|span| report::line(&format!("  {}", place(span))));
    }
    Ok(ExitCode::Done)
}

/// What it is on a host, each time with the roles that declare or use it: those that have a default of their own take that.
fn values<'a>(project: &Project, site: &'a Site, host: &SiteHost, name: &str, uses: &[Span]) -> Vec<(String, Vec<&'a str>)> {
    let target = site.target(host);
    let value = |role: &Role, given| {
        let scope = RoleScope::new(&project.templates, &site.library, role, given, target.fixed.clone());
        match Scope::new(&scope).shown(name) {
            Ok(Some(value)) => serde_json::to_string(&value).unwrap_or_default(),
            Ok(None) => "(not set)".to_string(),
            Err(problems) => {
                let words = problems.iter().next().map(|problem| problem.summary.clone()).unwrap_or_default();
                format!("(only known with the host's facts: {words})")
            }
        }
    };
    let mut values: Vec<(String, Vec<&str>)> = Vec::new();
    for call in site.plays.iter().filter(|play| play.hosts.contains(&host.name)).flat_map(|play| &play.roles) {
        let role = &call.role;
        let inside =
            |span: &Span| ["roles", "templates"].iter().any(|top| span.source().name().starts_with(Path::new(top).join(&role.name)));
        if role.input(name).is_none() && !uses.iter().any(inside) {
            continue;
        }
        let value = value(role, call.given(&target.given));
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, roles)) if roles.contains(&role.name.as_str()) => {}
            Some((_, roles)) => roles.push(&role.name),
            None => values.push((value, vec![&role.name])),
        }
    }
    if values.is_empty() {
        values.push((value(&Role::empty(), target.given.clone()), Vec::new()));
    }
    values
}

/// Whether the default of a role is another one than that which wins elsewhere.
fn is_own(default: &Definition, winner: &Definition) -> bool {
    winner.layer == Layer::Defaults && default.node.to_json() != winner.node.to_json()
}

/// Where `vars` set it for a part of the run alone.
fn vars(site: &Site, name: &str) -> BTreeSet<String> {
    let calls = || site.plays.iter().flat_map(|play| &play.roles);
    let tasks = calls().flat_map(|call| call.role.verbs.values().flatten().chain(&call.role.handlers)).flat_map(|task| &task.vars);
    let entries = site.plays.iter().flat_map(|play| &play.vars).chain(calls().flat_map(|call| &call.vars)).chain(tasks);
    entries.filter(|entry| entry.key == name).map(|entry| place(&entry.key_span)).collect()
}

/// A place, and whether it is in a role that the project does not have.
fn place(span: &Span) -> String {
    let file = span.source().name();
    let role = file.components().nth(1).map(|role| role.as_os_str().to_string_lossy());
    let built_in = role.is_some_and(|role| {
        Library::built_in(&role).iter().any(|(path, content)| path == file && *content == span.source().text().as_bytes())
    });
    format!("{span}{}", if built_in { " (built in)" } else { "" })
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Defaults => "role default",
        Layer::ProjectGroupVars => "project group_vars",
        Layer::EnvironmentGroupVars => "environment group_vars",
        Layer::HostVars => "host_vars",
        Layer::Secrets => "secrets",
        Layer::CommandLine => "command line",
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}
