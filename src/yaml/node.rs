//! A YAML value that knows where it was written.

use std::fmt;

use crate::diagnostic::{Diagnostic, Span};

/// A value and its place.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where.
    pub span: Span,
    /// Whether a secret went into it: then it is never shown.
    pub secret: bool,
    /// For a secret text: what of it may be shown, line by line.
    pub shown: Option<String>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secret {
            true => write!(f, "(secret) at {}", self.span),
            false => write!(f, "{:?} at {}", self.value, self.span),
        }
    }
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

/// What a YAML value can be. Numbers keep their spelling (`1.10`, `0644`), so that a text made of one is the text written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` (`yes` and `on` are texts).
    Bool(bool),
    /// A number and its spelling.
    Number(serde_json::Number, String),
    /// A text.
    String(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in the order written.
    Mapping(Vec<Entry>),
}

impl Value {
    /// What messages call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing (null)",
            Self::Bool(_) => "a bool",
            Self::Number(..) => "a number",
            Self::String(_) => "a text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl Node {
    /// A value at a place.
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span, secret: false, shown: None }
    }

    /// The value of `key` when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Where the part is written that keys and indexes lead to, as far as they lead: a text at itself, what has parts of its
    /// own at its key.
    pub fn place(&self, path: &[impl AsRef<str>]) -> Span {
        let (mut node, mut span) = (self, &self.span);
        for step in path.iter().map(AsRef::as_ref) {
            let (key_span, part) = match &node.value {
                Value::Mapping(entries) => match entries.iter().find(|entry| entry.key == step) {
                    Some(entry) => (&entry.key_span, &entry.node),
                    None => break,
                },
                Value::Sequence(items) => match step.parse().ok().and_then(|at: usize| items.get(at)) {
                    Some(item) => (&item.span, item),
                    None => break,
                },
                _ => break,
            };
            span = if matches!(part.value, Value::Mapping(_) | Value::Sequence(_)) { key_span } else { &part.span };
            node = part;
        }
        span.clone()
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping (none for null), or an error that says what was expected.
    pub fn expect_mapping(&self, what: &str) -> Result<&[Entry], Diagnostic> {
        match &self.value {
            Value::Mapping(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            other => Err(self.wrong(what, "a mapping (`name: value` lines)", other)),
        }
    }

    /// The items of a sequence (none for null), or an error that says what was expected.
    pub fn expect_sequence(&self, what: &str) -> Result<&[Node], Diagnostic> {
        match &self.value {
            Value::Sequence(items) => Ok(items),
            Value::Null => Ok(&[]),
            other => Err(self.wrong(what, "a list (`- item` lines)", other)),
        }
    }

    /// The text, or an error that says what was expected.
    pub fn expect_str(&self, what: &str) -> Result<&str, Diagnostic> {
        self.as_str().ok_or_else(|| self.wrong(what, "a text", &self.value))
    }

    fn wrong(&self, what: &str, expected: &str, found: &Value) -> Diagnostic {
        Diagnostic::error(format!("{what} must be {expected}, this is {}", found.kind())).at(&self.span)
    }

    /// Whether a secret went into any part of it.
    pub fn any_secret(&self) -> bool {
        self.secret
            || match &self.value {
                Value::Sequence(items) => items.iter().any(Self::any_secret),
                Value::Mapping(entries) => entries.iter().any(|entry| entry.node.any_secret()),
                _ => false,
            }
    }

    /// The same value for templates, without places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number, _) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect(),
        }
    }

    /// The same value as it may be shown.
    pub fn shown_json(&self) -> serde_json::Value {
        match &self.value {
            _ if self.secret => self.shown.clone().unwrap_or_else(|| "(secret)".to_string()).into(),
            Value::Sequence(items) => items.iter().map(Self::shown_json).collect(),
            Value::Mapping(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.node.shown_json())).collect(),
            _ => self.to_json(),
        }
    }

    /// A value that was computed (by a template, a fact), to be blamed on `span`.
    pub fn from_json(json: &serde_json::Value, span: &Span) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => Value::Number(number.clone(), number.to_string()),
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::Sequence(items.iter().map(|item| Self::from_json(item, span)).collect()),
            Json::Object(map) => Value::Mapping(
                map.iter()
                    .map(|(key, item)| Entry { key: key.clone(), key_span: span.clone(), node: Self::from_json(item, span) })
                    .collect(),
            ),
        };
        Self::new(value, span.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Source;

    #[test]
    fn a_path_leads_as_far_as_there_is_something() {
        let node = crate::yaml::parse(&Source::new("f", "sites:\n  shop: { root: /srv }\n  old: ~\nlist: [a, b]\n")).expect("valid");
        let place = |path: &[&str]| node.place(path).to_string();
        assert_eq!(place(&["sites", "shop", "root"]), "f:2:17", "a text at itself");
        assert_eq!(place(&["sites", "shop"]), "f:2:3", "a mapping at its key");
        assert_eq!(place(&["sites", "shop", "rot", "x"]), "f:2:3", "and so what is not in it");
        assert_eq!(place(&["list", "1"]), "f:4:11");
        assert_eq!(place(&["list", "7"]), "f:4:1");
        assert_eq!(place(&[]), "f:1:1");
    }
}
