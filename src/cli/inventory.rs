//! `hoist inventory`: the hosts and groups of an environment.

use serde_json::{Value as Json, json};

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, load};
use crate::report;

/// Show the hosts of an environment, their groups and how they are reached
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    /// Only these hosts: names, groups, globs; `,` joins, `&` keeps what is in both, `!` leaves out
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,
    /// As `ansible-inventory --list` prints it
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Outcome {
    let (_, site) = load::site(&args.words, &Hosts { limit: args.limit.clone(), ..Hosts::default() })?;
    if args.list {
        report::line(&serde_json::to_string_pretty(&list(&site)).expect("JSON values can be written"));
        return Ok(ExitCode::Done);
    }
    let rows = site.hosts.iter().map(|host| {
        let groups = site.environment.inventory.groups_of(&host.name);
        let groups: Vec<&str> =
            groups.iter().map(|group| group.name.as_str()).filter(|name| !matches!(*name, "all" | "ungrouped")).collect();
        let connection = &host.connection;
        let port = connection.port.map(|port| format!(":{port}")).unwrap_or_default();
        let reached = match connection.kind {
            crate::project::ConnectionKind::Local => "this machine".to_string(),
            _ => format!("{}@{}{port}", connection.login_user(), connection.address),
        };
        let plays = site.plays.iter().filter(|play| play.hosts.contains(&host.name));
        let roles: Vec<&str> = plays.flat_map(|play| &play.roles).map(|call| call.role.name.as_str()).collect();
        vec![host.name.clone(), reached, groups.join(", "), roles.join(", ")]
    });
    report::table(&["HOST", "REACHED AS", "GROUPS", "ROLES"], rows.collect());
    Ok(ExitCode::Done)
}

/// The form that tools made for Ansible read.
fn list(site: &load::Site) -> Json {
    let inventory = &site.environment.inventory;
    let vars = |name: &str| {
        let vars = site.environment.variables(name);
        let of = vars.iter().filter_map(|(name, chain)| {
            chain.first().map(|winner| (name.to_string(), if winner.secret { json!("(secret)") } else { winner.node.to_json() }))
        });
        Json::Object(of.collect())
    };
    let mut out = serde_json::Map::new();
    let hostvars: serde_json::Map<String, Json> = site.hosts.iter().map(|host| (host.name.clone(), vars(&host.name))).collect();
    out.insert("_meta".into(), json!({ "hostvars": hostvars }));
    for group in inventory.groups() {
        let mut entry = serde_json::Map::new();
        if !group.children.is_empty() {
            entry.insert("children".into(), json!(group.children));
        }
        if !group.hosts.is_empty() {
            entry.insert("hosts".into(), json!(group.hosts));
        }
        out.insert(group.name.clone(), entry.into());
    }
    out.into()
}
