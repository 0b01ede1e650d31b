//! The variables of one host: every definition of every name, the winner first. `hoist explain` prints this chain.
//! `environment` fills it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names;
use super::shape::Shape;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Entry, Node, Value};

/// Where a value may come from, lowest to highest. There are no other layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The defaults of the inputs of roles.
    Defaults,
    /// `group_vars` at the top of the project.
    ProjectGroupVars,
    /// `group_vars` of the environment, and the variables of groups in its inventory.
    EnvironmentGroupVars,
    /// `host_vars` of the environment, and the variables of hosts in its inventory.
    HostVars,
    /// `secrets.age` of the environment.
    Secrets,
    /// `name=value` on the command line.
    CommandLine,
}

/// One place that sets a variable.
#[derive(Clone)]
pub struct Definition {
    /// The variable.
    pub name: String,
    /// What kind of place.
    pub layer: Layer,
    /// The place, for people: `environments/prod/group_vars/web.yml`.
    pub what: String,
    /// The value, as written: it may hold templates.
    pub node: Node,
    /// Where the name stands.
    pub key_span: Span,
    /// Whether the value must be masked wherever it goes.
    pub secret: bool,
}

/// What the name of the source of `name=value` words is.
pub const COMMAND_LINE: &str = "<command line>";

/// The variables of one host.
#[derive(Clone, Default)]
pub struct Variables {
    by_name: BTreeMap<String, Vec<Arc<Definition>>>,
}

impl Variables {
    /// Lays definitions over each other, lowest first.
    pub(super) fn layered<'a>(definitions: impl Iterator<Item = &'a Arc<Definition>>) -> Self {
        let mut by_name: BTreeMap<String, Vec<Arc<Definition>>> = BTreeMap::new();
        for definition in definitions {
            by_name.entry(definition.name.clone()).or_default().push(definition.clone());
        }
        by_name.values_mut().for_each(|chain| chain.reverse());
        Self { by_name }
    }

    /// Adds the defaults of roles below all else; the first of a name wins over the later ones.
    pub fn with_defaults(mut self, defaults: impl IntoIterator<Item = Definition>) -> Self {
        for definition in defaults {
            self.by_name.entry(definition.name.clone()).or_default().push(Arc::new(definition));
        }
        self
    }

    /// The definition that wins.
    pub fn get(&self, name: &str) -> Option<&Definition> {
        self.definitions(name).first().map(Arc::as_ref)
    }

    /// All definitions of a name, the winner first.
    pub fn definitions(&self, name: &str) -> &[Arc<Definition>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Each name with its definitions, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Arc<Definition>])> {
        self.by_name.iter().map(|(name, chain)| (name.as_str(), chain.as_slice()))
    }
}

/// The definitions in a mapping of a file. Names that cannot be are reported and left out.
pub(super) fn definitions(entries: &[Entry], layer: Layer, what: &str, problems: &mut Diagnostics) -> Vec<Arc<Definition>> {
    let mut definitions = Vec::new();
    for Entry { key, key_span, node } in entries {
        if problems.take(names::variable(key, key_span).map_err(Diagnostic::unread)).is_some() {
            let (what, node, key_span) = (what.to_string(), node.clone(), key_span.clone());
            definitions.push(Arc::new(Definition { name: key.clone(), layer, what, node, key_span, secret: false }));
        }
    }
    definitions
}

/// What Ansible reads in another way than hoist does: plain `yes` and `no`, and values encrypted with Ansible Vault.
pub(super) fn check_value(node: &Node, shape: Option<&Shape>, problems: &mut Diagnostics) {
    match &node.value {
        Value::String(text) if text.starts_with("$ANSIBLE_VAULT;") => problems.push(
            Diagnostic::error("this value is encrypted with Ansible Vault")
                .at(&node.span)
                .help(format!("`hoist secrets import {} env=NAME` brings it over to the secrets", node.span.source().name().display())),
        ),
        // A quoted text or a block covers more than its value.
        Value::String(_) if shape.is_some_and(Shape::is_bool) => {}
        Value::String(text) if node.span.text() == text && is_word_for_bool(text) => problems.push(
            Diagnostic::warning(format!("`{text}` is a text here, not a bool"))
                .at(&node.span)
                .help(format!("write true or false for a bool, or \"{text}\" for the text")),
        ),
        Value::Sequence(items) => items.iter().for_each(|item| check_value(item, shape.and_then(Shape::each), problems)),
        Value::Mapping(entries) => {
            entries.iter().for_each(|entry| check_value(&entry.node, shape.and_then(|shape| shape.of_key(&entry.key)), problems));
        }
        _ => {}
    }
}

fn is_word_for_bool(text: &str) -> bool {
    ["yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Reads `name=value` words of the command line. A value is null, a bool, a number, a list `[a, b]`, a mapping
/// `{a: 1}`, a quoted text, or else the text that is written.
pub fn words(words: &[String], problems: &mut Diagnostics) -> Vec<Definition> {
    let source = Source::new(COMMAND_LINE, words.join(" "));
    let mut definitions: Vec<Definition> = Vec::new();
    let mut start = 0;
    for word in words {
        let span = Span::new(&source, start, start + word.len());
        start += word.len() + 1;
        let Some((name, text)) = word.split_once('=') else {
            let error = Diagnostic::error(format!("`{}` sets no variable", word.escape_debug())).at(&span);
            let error = match word.contains('/') {
                true => error.help(format!("if it belongs to the option in front of it, write `=` between them: `--from-local={word}`")),
                false => error,
            };
            let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            problems.push(match plain {
                true => error.help(format!("write `name=value`; an environment is named by `env={word}`, a host by `--limit {word}`")),
                false => error.help("write `name=value`; the environment is named by `env=`, hosts by `--limit`"),
            });
            continue;
        };
        let range = span.range();
        let key_span = Span::new(&source, range.start, range.start + name.len());
        let value = word_value(text, &Span::new(&source, range.start + name.len() + 1, range.end));
        let (named, node) = (problems.take(names::variable(name, &key_span)), problems.take(value));
        if let Some(first) = definitions.iter().find(|definition| definition.name == name) {
            problems.push(Diagnostic::error(format!("`{name}` is set twice")).at(&key_span).label(&first.key_span, "first here"));
        } else if let (Some(()), Some(node)) = (named, node) {
            let (name, what) = (name.to_string(), COMMAND_LINE.to_string());
            definitions.push(Definition { name, layer: Layer::CommandLine, what, node, key_span, secret: false });
        }
    }
    definitions
}

fn word_value(text: &str, span: &Span) -> Result<Node, Diagnostics> {
    let read = crate::yaml::parse(&Source::new(COMMAND_LINE, text));
    if text.starts_with(['[', '{', '"', '\'']) {
        return Ok(moved(&read?, span));
    }
    let value = match read.map(|node| node.value) {
        Ok(value @ Value::Bool(_)) if !text.contains('#') => value,
        Ok(Value::Number(number, spelling)) if spelling == text => Value::Number(number, spelling),
        Ok(Value::Null) if text == "null" || text == "~" => Value::Null,
        // YAML would cut `a #b`, split `a: b` and refuse `@a` and `0123` (which may well be a commit).
        _ => Value::String(text.to_string()),
    };
    Ok(Node::new(value, span.clone()))
}

/// The same value, to be blamed on another place.
pub(super) fn moved(node: &Node, span: &Span) -> Node {
    let value = match &node.value {
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| moved(item, span)).collect()),
        Value::Mapping(entries) => {
            let moved = |entry: &Entry| Entry { key: entry.key.clone(), key_span: span.clone(), node: moved(&entry.node, span) };
            Value::Mapping(entries.iter().map(moved).collect())
        }
        other => other.clone(),
    };
    Node::new(value, span.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(given: &[&str]) -> (Vec<Definition>, Vec<String>) {
        let mut problems = Diagnostics::new();
        let words = words(&given.iter().map(|word| (*word).to_string()).collect::<Vec<_>>(), &mut problems);
        (words, problems.iter().map(|problem| format!("{} {}", problem.labels[0].0, problem.summary)).collect())
    }

    #[test]
    fn words_have_the_values_that_are_meant() {
        let value = |text: &str| {
            let (words, problems) = set(&[&format!("x={text}")]);
            assert_eq!(problems, Vec::<String>::new());
            words[0].node.to_json()
        };
        for (text, json) in [
            ("3", "3"),
            ("1.10", "1.1"),
            ("true", "true"),
            ("~", "null"),
            ("[a, 1]", r#"["a",1]"#),
            ("{a: [1]}", r#"{"a":[1]}"#),
            ("'3'", r#""3""#),
            ("\"a\\n\"", r#""a\n""#),
        ] {
            assert_eq!(value(text).to_string(), json, "{text}");
        }
        for text in [
            "", "yes", "a b", "a: b", "a #b", "3 # x", "true #", "0123456", "@a", "*a", "&a b", "!x y", "- a", "|", "%a", "`a", "a=b",
            "v1.2.3",
        ] {
            assert_eq!(value(text), text);
        }
    }

    #[test]
    fn wrong_words_are_pointed_at() {
        let (words, problems) = set(&["a=1", "oops", "b-c=2", "env=prod", "l=[1", "a=2"]);
        assert_eq!(words.len(), 1);
        assert_eq!((words[0].what.as_str(), words[0].node.span.to_string()), ("<command line>", "<command line>:1:3".to_string()));
        let expected = [
            "<command line>:1:5 `oops` sets no variable",
            "<command line>:1:10 `b-c` cannot be the name of a variable",
            "<command line>:1:16 `env` is a name that hoist sets itself",
            "<command line>:1:1 invalid YAML: a bracket is not closed",
            "<command line>:1:30 `a` is set twice",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn plain_yes_is_a_warning_at_each_place() {
        let source = Source::new("f.yml", "a: yes\nb: 'no'\nc: [On, {d: \"off\", e: OFF}]\nf: |-\n  yes\ng: true\nh: yes sir\n");
        let mut problems = Diagnostics::new();
        check_value(&crate::yaml::parse(&source).expect("valid"), None, &mut problems);
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("{} {} | {}", problem.labels[0].0, problem.summary, problem.help[0])).collect();
        let expected = [
            "f.yml:1:4 `yes` is a text here, not a bool | write true or false for a bool, or \"yes\" for the text",
            "f.yml:3:5 `On` is a text here, not a bool | write true or false for a bool, or \"On\" for the text",
            "f.yml:3:23 `OFF` is a text here, not a bool | write true or false for a bool, or \"OFF\" for the text",
        ];
        assert_eq!(lines, expected);
        assert!(!problems.has_errors());
    }

    #[test]
    fn a_value_of_ansible_vault_is_no_text() {
        let source = Source::new("f.yml", "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n");
        let mut problems = Diagnostics::new();
        check_value(&crate::yaml::parse(&source).expect("valid"), None, &mut problems);
        assert!(problems.has_errors());
    }
}
