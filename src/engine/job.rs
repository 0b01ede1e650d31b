//! What is to be done: which verb of which roles, in which order, on which hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rolling::Rolling;
use crate::project::{Given, Library, Manner, Role};
use crate::template::Templates;
use crate::yaml::{Entry, Node};

/// A run, before it meets its hosts.
pub struct Job<'a> {
    /// The template engine.
    pub templates: &'a Templates,
    /// Where templates and files come from.
    pub library: &'a Library,
    /// The verb of the roles that runs: `provision`, `deploy`, or one of their own.
    pub verb: &'a str,
    /// Only tasks with one of these tags; all when empty.
    pub tags: Vec<String>,
    /// In the order in which they run.
    pub plays: &'a [Play],
    /// How long a host may take over a question.
    pub patience: Duration,
}

/// Which roles a group of hosts gets.
pub struct Play {
    /// Names of the hosts it is for.
    pub hosts: Vec<String>,
    /// In the order in which they run.
    pub roles: Vec<RoleCall>,
    /// Variables for this play alone.
    pub vars: Vec<Entry>,
    /// How its tasks run.
    pub manner: Manner,
    /// How it goes through its hosts.
    pub rolling: Rolling,
}

impl Play {
    /// Where its hosts stand among these names, in its own order.
    pub(super) fn order(&self, names: Vec<&str>) -> Vec<usize> {
        self.hosts.iter().filter_map(|host| names.iter().position(|name| name == host)).collect()
    }
}

/// A role in a play.
pub struct RoleCall {
    /// The role.
    pub role: Role,
    /// Variables for this call alone.
    pub vars: Vec<Entry>,
    /// How its tasks run.
    pub manner: Manner,
    /// Whether it applies.
    pub when: Option<Node>,
}

impl RoleCall {
    /// The winners of a host's variables; where that is a default of another role, the role's own.
    pub fn given<'a>(&'a self, host: &BTreeMap<String, Given<'a>>) -> BTreeMap<String, Given<'a>> {
        let mut given = host.clone();
        for input in &self.role.inputs {
            if let Some(node) = &input.default
                && given.get(&input.name).is_none_or(|winner| winner.default)
            {
                given.insert(input.name.clone(), Given { node, secret: false, default: true });
            }
        }
        given
    }
}

impl Job<'_> {
    /// Whether any task wants to be root on a host with this manner, so that the session must be.
    pub fn becomes(&self, host: &str, manner: &Manner) -> bool {
        let plays = self.plays.iter().filter(|play| play.hosts.iter().any(|name| name == host));
        plays.flat_map(|play| play.roles.iter().map(move |call| (call, call.manner.inside(&play.manner).inside(manner)))).any(
            |(call, outer)| {
                let tasks = call.role.verbs.get(self.verb).into_iter().flatten().chain(&call.role.handlers);
                tasks.map(|task| task.manner.inside(&outer)).any(|manner| manner.become_ != Some(false))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn an_own_default_goes_before_that_of_another_role_and_behind_all_else() {
        let text = "inputs: { a: { default: own }, b: { default: own }, c: { default: own }, d: {} }\n";
        let role = Role::read("r", &Source::new("role.yml", text)).expect("a role");
        let call = RoleCall { role, vars: Vec::new(), manner: Manner::default(), when: None };
        let node = crate::yaml::parse(&Source::new("f", "other")).expect("valid");
        let given = |default| Given { node: &node, secret: false, default };
        let host = [("a", true), ("b", false), ("d", true)].map(|(name, default)| (name.to_string(), given(default))).into();
        let found: Vec<(String, &str)> =
            call.given(&host).into_iter().map(|(name, given)| (name, given.node.as_str().expect("a text"))).collect();
        let expected = [("a", "own"), ("b", "other"), ("c", "own"), ("d", "other")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_string(), value)));
    }
}
