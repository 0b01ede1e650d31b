//! One task as it stands in a role: its kind, the arguments, the keywords. Which kinds there are is not known here.

use super::ansible;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};
use crate::yaml::{Entry, Node, Value};

/// A task of a role.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it is for, in the user's words; may hold templates.
    pub name: Option<Node>,
    /// The key that names the kind.
    pub kind: String,
    /// Where that key stands.
    pub kind_span: Span,
    /// What stands behind it.
    pub args: Node,
    /// More of the same, in the keyword `args` beside it.
    pub more_args: Option<Node>,
    /// Conditions, all of which must hold.
    pub when: Option<Node>,
    /// The list (or the expression that gives it) to go through.
    pub looped: Option<Node>,
    /// Variables of its own.
    pub vars: Vec<Entry>,
    /// The keywords that a role or play may set too.
    pub manner: Manner,
    /// How many seconds it may take; may be a template.
    pub timeout: Option<Node>,
    /// Whether one host of the play does it for all.
    pub once: bool,
    /// Handlers to run when it changed something.
    pub notify: Vec<(String, Span)>,
    /// The whole task.
    pub span: Span,
}

/// How tasks run: keywords that a play, a role or a task may set; the inner one wins.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Whether it runs as another user than the one that logs in.
    pub become_: Option<bool>,
    /// That user (root, when not said).
    pub become_user: Option<Node>,
    /// Environment variables, outermost first.
    pub environment: Vec<Node>,
    /// Labels for `--tags`.
    pub tags: Vec<String>,
}

impl Manner {
    /// This manner inside an outer one: what it does not say comes from there; environments and tags add up.
    pub fn inside(&self, outer: &Manner) -> Manner {
        Manner {
            become_: self.become_.or(outer.become_),
            become_user: self.become_user.clone().or_else(|| outer.become_user.clone()),
            environment: outer.environment.iter().chain(&self.environment).cloned().collect(),
            tags: outer.tags.iter().chain(&self.tags).cloned().collect(),
        }
    }
}

/// The keywords of a task.
pub const KEYWORDS: [&str; 13] =
    ["args", "name", "when", "loop", "become", "become_user", "environment", "notify", "tags", "vars", "with_items", "run_once", "timeout"];

impl Task {
    /// An argument as it was written, if it was.
    pub fn argument(&self, name: &str) -> Option<&Node> {
        self.args.get(name).or_else(|| self.more_args.as_ref()?.get(name))
    }

    /// Reads a task.
    ///
    /// # Errors
    /// Every mistake in its keywords; no kind, or more than one.
    pub fn read(node: &Node) -> Result<Self, Diagnostics> {
        let entries = node.expect_mapping("a task")?;
        let mut problems = Diagnostics::new();
        let others: Vec<&Entry> = entries.iter().filter(|entry| !KEYWORDS.contains(&entry.key.as_str())).collect();
        let mut kinds: Vec<&Entry> = Vec::new();
        for entry in &others {
            let close = suggest::closest(&entry.key, KEYWORDS).filter(|_| others.len() > 1);
            match (ansible::keyword(&entry.key), close) {
                (Some(advice), _) => {
                    let error = Diagnostic::error(format!("`{}` is a keyword of Ansible that hoist does not have", entry.key));
                    problems.push(error.at(&entry.key_span).help(advice));
                }
                (None, Some(close)) => {
                    problems.push(
                        Diagnostic::error(format!("unknown keyword `{}`", entry.key))
                            .at(&entry.key_span)
                            .help(format!("did you mean `{close}`?")),
                    );
                }
                (None, None) => kinds.push(entry),
            }
        }
        let [kind] = kinds[..] else {
            // A word of Ansible's in its place was told of already.
            if kinds.is_empty() && !others.is_empty() {
                return Err(problems);
            }
            problems.push(match kinds[..] {
                [] => Diagnostic::error("this task does nothing: it has no kind (`package`, `file`, `template`, ...)").at(&node.span),
                _ => kinds.iter().fold(Diagnostic::error("a task has one kind; of these, only one can be meant"), |error, entry| {
                    let error = error.label(&entry.key_span, format!("`{}`", entry.key));
                    match entry.key.as_str() {
                        kind @ ("command" | "shell") if entry.node.as_str().is_some() => {
                            error.help(format!("what a command takes stands inside of it: `{kind}: {{ cmd: ..., creates: ... }}`"))
                        }
                        _ => error,
                    }
                }),
            });
            return Err(problems);
        };
        let notify = node.get("notify").and_then(|node| problems.take(names(node, "notify"))).unwrap_or_default();
        let vars = node.get("vars").and_then(|node| problems.take(node.expect_mapping("`vars`"))).unwrap_or_default().to_vec();
        let manner = problems.take(manner(node)).unwrap_or_default();
        let task = Self {
            name: node.get("name").cloned(),
            kind: kind.key.clone(),
            kind_span: kind.key_span.clone(),
            args: kind.node.clone(),
            more_args: node.get("args").cloned(),
            when: node.get("when").cloned(),
            looped: node.get("loop").or_else(|| node.get("with_items")).cloned(),
            vars,
            manner,
            timeout: node.get("timeout").cloned(),
            once: node.get("run_once").and_then(|node| problems.take(crate::yaml::from_node::<bool>(node))).unwrap_or(false),
            notify,
            span: node.span.clone(),
        };
        problems.or(task)
    }
}

/// Reads the keywords of a [`Manner`] from the mapping that may hold them.
///
/// # Errors
/// Every one of a wrong type.
pub fn manner(node: &Node) -> Result<Manner, Diagnostics> {
    let mut problems = Diagnostics::new();
    let become_ = node.get("become").and_then(|node| problems.take(crate::yaml::from_node::<bool>(node)));
    let tags = node.get("tags").and_then(|node| problems.take(names(node, "tags"))).unwrap_or_default();
    for (_, span) in tags.iter().filter(|(tag, _)| tag == "never") {
        let error = Diagnostic::error("the tag `never` keeps nothing from running here").at(span);
        problems.push(error.help("write the task under a verb of its own, such as `wipe:`, and run it with `hoist run wipe`"));
    }
    if let Some(environment) = node.get("environment")
        && !matches!(environment.value, Value::Mapping(_) | Value::String(_))
    {
        problems.push(
            Diagnostic::error(format!("`environment` must be a mapping of names and texts, this is {}", environment.value.kind()))
                .at(&environment.span),
        );
    }
    let manner = Manner {
        become_,
        become_user: node.get("become_user").cloned(),
        environment: node.get("environment").cloned().into_iter().collect(),
        tags: tags.into_iter().map(|(tag, _)| tag).collect(),
    };
    problems.or(manner)
}

/// One name or a list of names; a text may hold several, separated by commas.
fn names(node: &Node, what: &str) -> Result<Vec<(String, Span)>, Diagnostics> {
    match &node.value {
        Value::String(text) if what == "tags" => Ok(text.split(',').map(|tag| (tag.trim().to_string(), node.span.clone())).collect()),
        Value::String(text) => Ok(vec![(text.clone(), node.span.clone())]),
        Value::Sequence(items) => {
            let mut problems = Diagnostics::new();
            let read = |item: &Node| item.expect_str(&format!("an item of `{what}`")).map(|text| (text.to_string(), item.span.clone()));
            let all = items.iter().filter_map(|item| problems.take(read(item))).collect();
            problems.or(all)
        }
        other => {
            Err(Diagnostic::error(format!("`{what}` must be a name or a list of names, this is {}", other.kind())).at(&node.span).into())
        }
    }
}
