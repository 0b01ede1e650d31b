//! A role: typed inputs, a list of tasks per verb, handlers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shape::{self, Shape};
use super::task::Task;
use super::variables::{Definition, Layer};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span, suggest};
use crate::yaml::{self, Node};

/// A role, read from its role.yml.
#[derive(Debug, Clone)]
pub struct Role {
    /// The name of its folder.
    pub name: String,
    /// What it is for, in a line.
    pub description: String,
    /// The variables it takes.
    pub inputs: Vec<Input>,
    /// Its tasks by verb (`provision`, `deploy`, ...).
    pub verbs: BTreeMap<String, Vec<Task>>,
    /// What tasks may notify.
    pub handlers: Vec<Task>,
    /// Its role.yml.
    pub span: Span,
}

/// A variable that a role takes.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// What its value may be.
    pub shape: Shape,
    /// Its value when nobody sets it; may hold templates.
    pub default: Option<Node>,
    /// What it is for, in a line.
    pub help: Option<String>,
    /// Whether nothing is said about it, not even its type.
    pub bare: bool,
}

/// What an Ansible user may write, and what to do instead.
const FOREIGN: [(&str, &str); 7] = [
    ("tasks", "tasks stand under the verb that runs them: `provision:`"),
    ("pre_tasks", "tasks stand under the verb that runs them, in their order: `provision:`"),
    ("post_tasks", "tasks stand under the verb that runs them, in their order: `provision:`"),
    ("vars", "what a role takes stands under `inputs`, each with its `default`"),
    ("defaults", "what a role takes stands under `inputs`, each with its `default`"),
    ("dependencies", "hoist.yml lists the roles of a play, in their order"),
    ("hosts", "hoist.yml says which hosts get a role"),
];

/// What may stand in an input.
const OF_INPUTS: [&str; 6] = ["type", "choices", "keys", "each", "default", "help"];

impl Input {
    /// `node` as its value. Null stays null: it means "unset".
    ///
    /// # Errors
    /// All that is something else, at the places where it was written.
    pub fn settle(&self, node: &Node) -> Result<Node, Diagnostics> {
        let settled = self.shape.settle(&self.name, node);
        match self.shape.typed(node) {
            Some(_) => settled,
            None => settled.map_err(|problems| problems.label(&self.span, "declared here")),
        }
    }
}

impl Role {
    /// Reads a role.yml.
    ///
    /// # Errors
    /// Every mistake in it that can be seen without knowing kinds and variables.
    pub fn read(name: &str, source: &Arc<Source>) -> Result<Self, Diagnostics> {
        let node = yaml::parse(source)?;
        let mut problems = Diagnostics::new();
        let mut role = Self {
            name: name.to_string(),
            description: String::new(),
            inputs: Vec::new(),
            verbs: BTreeMap::new(),
            handlers: Vec::new(),
            span: Span::whole(source),
        };
        let entries =
            node.expect_mapping("a role").map_err(|error| error.help("its tasks stand under the verb that runs them: `provision:`"))?;
        for entry in entries {
            match entry.key.as_str() {
                word if FOREIGN.iter().any(|(foreign, _)| *foreign == word) => {
                    let error = Diagnostic::error(format!("`{word}` is a word of Ansible that a role of hoist does not have"));
                    let advice = FOREIGN.iter().filter(|(foreign, _)| *foreign == word).map(|(_, advice)| *advice);
                    problems.push(advice.fold(error.at(&entry.key_span), Diagnostic::help));
                }
                "description" => role.description = problems.take(entry.node.expect_str("`description`")).unwrap_or_default().to_string(),
                "inputs" => {
                    for input in problems.take(entry.node.expect_mapping("`inputs`")).unwrap_or_default() {
                        role.inputs.extend(problems.take(read_input(input)));
                    }
                }
                "handlers" => role.handlers = problems.take(read_tasks(&entry.node, "`handlers`")).unwrap_or_default(),
                verb if is_verb(verb) => {
                    let tasks = problems.take(read_tasks(&entry.node, &format!("`{verb}`"))).unwrap_or_default();
                    role.verbs.insert(verb.to_string(), tasks);
                }
                other => problems.push(
                    Diagnostic::error(format!("`{other}` is not a name for a verb"))
                        .at(&entry.key_span)
                        .help("a role has `description`, `inputs`, `handlers`, and a list of tasks per verb (`provision`, `deploy`, ...)"),
                ),
            }
        }
        for handler in role.handlers.iter().filter(|handler| handler.name.is_none()) {
            problems.push(Diagnostic::error("a handler needs a `name`, by which tasks notify it").at(&handler.span));
        }
        for node in role.handlers.iter().filter(|handler| handler.once).map(|handler| &handler.span) {
            let error = Diagnostic::error("a handler cannot be `run_once`: it runs on each host that notified it").at(node);
            problems.push(error.help("put `run_once` on the task that notifies it"));
        }
        problems.or(role)
    }

    /// A role that does nothing and takes nothing.
    pub fn empty() -> Self {
        let span = Span::whole(&Source::new("", ""));
        Self { name: String::new(), description: String::new(), inputs: Vec::new(), verbs: BTreeMap::new(), handlers: Vec::new(), span }
    }

    /// The defaults of its inputs, as the lowest layer of variables.
    pub fn defaults(&self) -> impl Iterator<Item = Definition> {
        self.inputs.iter().filter_map(|input| {
            Some(Definition {
                name: input.name.clone(),
                layer: Layer::Defaults,
                what: format!("role {}", self.name),
                node: input.default.clone()?,
                key_span: input.span.clone(),
                secret: false,
            })
        })
    }

    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The handler of that name.
    pub fn handler(&self, name: &str) -> Option<&Task> {
        self.handlers.iter().find(|handler| handler.name.as_ref().and_then(Node::as_str) == Some(name))
    }
}

fn is_verb(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

fn read_tasks(node: &Node, what: &str) -> Result<Vec<Task>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let tasks = node.expect_sequence(what)?.iter().filter_map(|task| problems.take(Task::read(task))).collect();
    problems.or(tasks)
}

fn read_input(entry: &yaml::Entry) -> Result<Input, Diagnostics> {
    let advised = |error: Diagnostic| error.help(format!("write `{}: {{ {} }}`", entry.key, shape::keys_for(&entry.node)));
    entry.node.expect_mapping(&format!("input `{}`", entry.key)).map_err(advised)?;
    let keys = entry.node.entries();
    if !keys.is_empty() && !keys.iter().any(|key| OF_INPUTS.contains(&key.key.as_str()) || suggest::closest(&key.key, OF_INPUTS).is_some())
    {
        let error = Diagnostic::error(format!("input `{}` says neither `type` nor `default`", entry.key)).at(&entry.key_span);
        let advice = format!("write `{}: {{ type: map, default: ... }}`, where the default is what stands below it now", entry.key);
        return Err(error.help(advice).into());
    }
    let shape = Shape::read(&entry.node, &["default", "help"])?;
    let help = entry.node.get("help").and_then(Node::as_str).map(str::to_string);
    Ok(Input {
        bare: keys.is_empty(),
        name: entry.key.clone(),
        span: entry.key_span.clone(),
        shape,
        default: entry.node.get("default").cloned(),
        help,
    })
}
