//! A host that is meant: its variables, and how it is reached.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::Project;
use crate::diagnostic::Diagnostics;
use crate::project::{
    Connection, Definition, Environment, Given, Host, Layer, Library, Role, RoleScope, Scope, Variables, magic_variables,
};
use crate::yaml::Node;

/// A host that is meant.
pub struct SiteHost {
    /// Its name.
    pub name: String,
    /// Its variables, winners first, with the defaults of roles below.
    pub variables: Variables,
    /// What hoist itself says of it.
    pub fixed: Map<String, Json>,
    /// How it is reached.
    pub connection: Connection,
}

impl SiteHost {
    /// Settles how a host is reached; `None` when its settings have mistakes, which go to `problems`.
    pub(super) fn read(
        project: &Project,
        environment: &Environment,
        library: &Library,
        roles: &[Role],
        host: &Host,
        role_names: &[String],
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let variables = environment.variables(&host.name);
        let fixed = magic(environment, &host.name, role_names);
        let connection = {
            let role = Role::empty();
            let scope = RoleScope::new(&project.templates, library, &role, given(&variables), fixed.clone());
            let scope = Scope::new(&scope);
            let resolve = |name: &str| {
                let Some(definition) = variables.get(name) else { return Ok(None) };
                let json = scope.variable(name)?;
                Ok(json.map(|json| Node::from_json(&json, &definition.node.span)))
            };
            let home = std::env::home_dir();
            Connection::read(host, &variables, &resolve, project.layout.root(), home.as_deref(), problems)
        };
        let variables = variables.with_defaults(roles.iter().flat_map(Role::defaults));
        connection.map(|connection| Self { name: host.name.clone(), variables, fixed, connection })
    }
}

/// The winners of a host's variables.
pub(super) fn given(variables: &Variables) -> BTreeMap<String, Given<'_>> {
    let winner = |(name, _): (&str, _)| {
        let Definition { node, secret, layer, .. } = variables.get(name)?;
        Some((name.to_string(), Given { node, secret: *secret, default: *layer == Layer::Defaults }))
    };
    variables.iter().filter_map(winner).collect()
}

/// What hoist itself says of a host.
fn magic(environment: &Environment, host: &str, role_names: &[String]) -> Map<String, Json> {
    let mut magic = magic_variables(&environment.inventory, host);
    magic.insert("env".to_string(), environment.name.clone().into());
    magic.insert("role_names".to_string(), role_names.into());
    magic
}
