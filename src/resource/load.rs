//! From what the user wrote to resources: the kind is looked up, its arguments are read, every mistake is collected.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};

use super::covered::{self, Covered};
use super::{KINDS, Kind, Resource};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::project::Scope;
use crate::secret::MASK;
use crate::yaml::{self, Entry as YamlEntry, Node, Value};

/// A kind in the table.
pub struct Entry {
    /// The YAML key.
    pub name: &'static str,
    /// Other keys it goes by.
    pub aliases: &'static [&'static str],
    /// The parameter that a plain text stands for.
    pub shorthand: Option<&'static str>,
    /// The schema of its arguments, with their documentation.
    pub schema: fn() -> Schema,
    load: Loader,
}

type Loader = fn(&Written<'_>, &Scope<'_>) -> Result<Box<dyn Resource>, Diagnostics>;

impl Entry {
    /// The entry of a kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            aliases: K::ALIASES,
            shorthand: K::SHORTHAND,
            schema: || SchemaGenerator::default().into_root_schema_for::<K::Args>(),
            load: |written, scope| {
                let args = arguments::<K::Args>(written)?;
                Ok(Box::new(K::new(args, written, scope)?))
            },
        }
    }
}

/// The arguments of a task as they stand in the file, to point at.
pub struct Written<'a> {
    /// The kind's key.
    pub key_span: &'a Span,
    /// The arguments, rendered.
    pub node: &'a Node,
}

impl Written<'_> {
    /// Where an argument stands (the kind's key, when it was not written).
    pub fn span(&self, argument: &str) -> &Span {
        self.node.get(argument).map_or(self.key_span, |node| &node.span)
    }

    /// Whether an argument was written, and not as null.
    pub fn has(&self, argument: &str) -> bool {
        self.node.get(argument).is_some_and(|node| node.value != Value::Null)
    }

    /// Where an item of an argument stands, which goes by one of these names. The argument may be a text that holds them all.
    pub fn item(&self, names: &[&str], at: usize) -> &Span {
        match names.iter().find_map(|name| self.node.get(name)) {
            Some(Node { value: Value::Sequence(items), span, .. }) => items.get(at).map_or(span, |item| &item.span),
            Some(node) => &node.span,
            None => self.key_span,
        }
    }

    /// Whether a secret went into an argument.
    pub fn secret(&self, argument: &str) -> bool {
        self.node.get(argument).is_some_and(Node::any_secret)
    }

    /// Whether a secret went into any argument.
    pub fn any_secret(&self) -> bool {
        self.node.any_secret()
    }

    /// The lines of texts that secrets went into, each with what of it may be shown.
    pub fn secret_lines(&self) -> Vec<(String, String)> {
        fn walk(node: &Node, all: &mut Vec<(String, String)>) {
            match &node.value {
                Value::String(text) if node.secret => {
                    let mut shown = node.shown.iter().flat_map(|shown| shown.lines());
                    all.extend(text.lines().map(|line| (line.to_string(), shown.next().unwrap_or(MASK).to_string())));
                }
                Value::Sequence(items) => items.iter().for_each(|item| walk(item, all)),
                Value::Mapping(entries) => entries.iter().for_each(|entry| walk(&entry.node, all)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        walk(self.node, &mut all);
        all
    }

    /// An error at an argument.
    pub fn error(&self, argument: &str, summary: impl Into<String>) -> Diagnostic {
        Diagnostic::error(summary).at(self.span(argument))
    }
}

/// The entry of a kind, by its name or an alias.
pub fn kinds(name: &str) -> Option<&'static Entry> {
    KINDS.iter().find(|entry| entry.name == name || entry.aliases.contains(&name))
}

/// Makes the resource of a task. `node` is what stands behind the kind's key, rendered, and `more` what stands in `args` beside it.
///
/// # Errors
/// Every mistake in the arguments, at its place.
pub fn load(entry: &Entry, key_span: &Span, node: &Node, more: Option<&Node>, scope: &Scope<'_>) -> Result<Box<dyn Resource>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let node = &whole(entry, node, more, &mut problems)?;
    let written = Written { key_span, node };
    let resource = if written.any_secret() {
        let cover = covered::cover(node);
        let resource = (entry.load)(&written, scope).map_err(|problems| cover.diagnostics(&problems));
        resource.map(|resource| Box::new(Covered::new(resource, cover)) as Box<dyn Resource>)
    } else {
        (entry.load)(&written, scope)
    };
    match problems.take(resource) {
        Some(resource) => problems.or(resource),
        None => Err(problems),
    }
}

/// The arguments as one mapping, however they are written: as a mapping, as a text that stands for one of them, with more of them in
/// `args`. One that is given twice goes to `problems`.
fn whole<'n>(entry: &Entry, node: &'n Node, more: Option<&Node>, problems: &mut Diagnostics) -> Result<Cow<'n, Node>, Diagnostics> {
    if let (Value::Mapping(_), None) = (&node.value, more) {
        return Ok(Cow::Borrowed(node));
    }
    if let Some(error) = node.as_str().filter(|_| !node.any_secret()).and_then(|text| one_line(entry, text)) {
        return Err(error.at(&node.span).into());
    }
    let mut entries = match (&node.value, entry.shorthand) {
        (Value::String(_) | Value::Number(..), Some(argument)) => {
            vec![YamlEntry { key: argument.to_string(), key_span: node.span.clone(), node: node.clone() }]
        }
        (Value::Null, _) if more.is_some() => Vec::new(),
        _ => node.expect_mapping(&format!("what stands behind `{}`", entry.name))?.to_vec(),
    };
    for argument in more.map(|more| more.expect_mapping("`args`")).transpose()?.unwrap_or_default() {
        match entries.iter().find(|entry| entry.key == argument.key) {
            Some(first) => {
                let error = Diagnostic::error(format!("`{}` is given twice", argument.key)).at(&argument.key_span);
                problems.push(error.label(&first.key_span, if first.key_span == node.span { "by this text" } else { "here already" }));
            }
            None => entries.push(argument.clone()),
        }
    }
    let secret = more.is_some_and(|more| more.secret) || matches!(node.value, Value::Mapping(_)) && node.secret;
    Ok(Cow::Owned(Node { secret, ..Node::new(Value::Mapping(entries), node.span.clone()) }))
}

/// Refuses Ansible's arguments on one line (`src=a dest=b`), which would be taken as a whole: for the name of a package, or for
/// words of a command. A package may say its version so (`nginx=1.24`): only what the kind takes counts.
fn one_line(entry: &Entry, text: &str) -> Option<Diagnostic> {
    let of_commands = ["chdir", "creates", "removes", "stdin"];
    let takes = |name: &str| match entry.shorthand {
        Some("cmd") => of_commands.contains(&name),
        Some(_) => (entry.schema)().get("properties").is_some_and(|all| all.get(name).is_some()),
        None => !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
    };
    let name = |word: &str| word.split_once('=').map(|(name, _)| name.to_string()).filter(|name| takes(name));
    let is_command = entry.shorthand == Some("cmd");
    if !is_command {
        text.split_whitespace().next().and_then(name)?;
    }
    let names: Vec<String> = text.split_whitespace().filter_map(name).collect();
    let first = names.first()?;
    let error = Diagnostic::error(format!("`{first}=` stands in a text: what a kind takes is a mapping"));
    let command = is_command.then_some("cmd: ...".to_string());
    let words: Vec<String> = command.into_iter().chain(names.iter().map(|name| format!("{name}: ..."))).collect();
    Some(error.help(format!("write `{}: {{ {} }}`", entry.name, words.join(", "))))
}

/// Reads arguments. The library stops at the first mistake, so each one found is noted, taken out, and the rest read again.
fn arguments<T: serde::de::DeserializeOwned>(written: &Written<'_>) -> Result<T, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut rest = written.node.clone();
    // Null is "not set", whatever the argument; but it must be one. (`{ mode: u=rw,g=r }` has a key `g=r`.)
    if let Value::Mapping(entries) = &mut rest.value {
        let (unset, set) = std::mem::take(entries).into_iter().partition(|entry| entry.node.value == Value::Null);
        *entries = set;
        for entry in unset {
            let key_span = entry.key_span.clone();
            let alone = Node::new(Value::Mapping(vec![entry]), rest.span.clone());
            let error = yaml::from_node::<T>(&alone).err();
            if let Some(unknown) = error.filter(|error| error.labels.first().is_some_and(|(place, _)| *place == key_span)) {
                problems.push(unknown);
            }
        }
    }
    loop {
        let error = match yaml::from_node::<T>(&rest) {
            Ok(args) => return problems.or(args),
            Err(error) => error,
        };
        let place = error.labels.first().map(|(span, _)| span.clone());
        let missing = place.as_ref() == Some(&rest.span);
        problems.push(if missing { Diagnostic { labels: vec![(written.key_span.clone(), String::new())], ..error } } else { error });
        let Value::Mapping(entries) = &mut rest.value else { return Err(problems) };
        let before = entries.len();
        if let Some(place) = &place {
            entries.retain(|entry| entry.key_span != *place && !covers(&entry.node.span, place));
        }
        // A missing argument may only be missing because its mistaken spelling was just taken out.
        if missing || entries.len() == before {
            return Err(problems);
        }
    }
}

fn covers(outer: &Span, inner: &Span) -> bool {
    outer.source().name() == inner.source().name()
        && outer.range().start <= inner.range().start
        && inner.range().end <= outer.range().end.max(outer.range().start + 1)
}
