//! What a value of an input may be: its type and, for maps and lists, what is in them.

use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};
use crate::yaml::{self, Entry, Node, Value};

/// The types of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputType {
    /// A text; numbers are taken as they are spelled.
    String,
    /// true or false; also Ansible's yes/no/on/off.
    Bool,
    /// A whole number.
    Int,
    /// A list.
    List,
    /// A mapping.
    Map,
    /// Whatever it is.
    Any,
}

/// Each with its name in a role.yml, what messages call it, and what a value looks like.
const TYPES: [(InputType, &str, &str, &str); 6] = [
    (InputType::String, "string", "a text", "..."),
    (InputType::Bool, "bool", "true or false", "true"),
    (InputType::Int, "int", "a whole number", "80"),
    (InputType::List, "list", "a list", "[...]"),
    (InputType::Map, "map", "a mapping", "{...}"),
    (InputType::Any, "any", "anything", "..."),
];

/// Untyped words that are bools to Ansible.
const BOOLS: [&str; 4] = ["yes", "no", "on", "off"];

/// What a value may be.
#[derive(Debug, Clone)]
pub struct Shape {
    /// One of these.
    types: Vec<InputType>,
    /// Of a text: what it may be; none: anything.
    choices: Vec<String>,
    /// Of a map: the keys that it may have.
    keys: Option<Vec<(String, Shape)>>,
    /// What every item of a list is, and every value of a map under a key that is not in `keys`.
    each: Option<Box<Shape>>,
    /// Of a part: whether it must be there.
    required: bool,
}

impl InputType {
    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        TYPES.iter().find(|(kind, ..)| *kind == self).expect("every type is in the table")
    }

    /// Whether a value is of the type as it stands.
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::String => matches!(value, Value::String(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => matches!(value, Value::Number(number, _) if number.is_i64()),
            Self::List => matches!(value, Value::Sequence(_)),
            Self::Map => matches!(value, Value::Mapping(_)),
        }
    }

    /// What a value of another type means in this one.
    fn convert(self, node: &Node) -> Option<Value> {
        match (self, &node.value) {
            (Self::Bool, _) => yaml::from_node(node).ok().map(Value::Bool),
            (Self::Int, _) => yaml::from_node::<i64>(node).ok().map(|number| Value::Number(number.into(), number.to_string())),
            (Self::String, Value::Number(_, spelling)) => Some(Value::String(spelling.clone())),
            _ => None,
        }
    }
}

/// The keys of an input for which somebody wrote its type alone, or its default, as Ansible has it.
pub(super) fn keys_for(node: &Node) -> String {
    let name = |kind: InputType| kind.row().1;
    let written = node.span.text();
    if TYPES.iter().any(|(kind, ..)| name(*kind) == written) {
        return format!("type: {written}");
    }
    let kinds = [InputType::Bool, InputType::Int, InputType::List, InputType::String];
    let kind = kinds.into_iter().find(|kind| kind.is(&node.value)).unwrap_or(InputType::Any);
    // Ansible's bools: as a text, `no` would be true in an `if`.
    let kind = if BOOLS.contains(&written.to_ascii_lowercase().as_str()) { InputType::Bool } else { kind };
    // The place of a list is where it opens; a text may have several lines.
    let default = if kind == InputType::List || written.contains('\n') { kind.row().3 } else { written };
    format!("type: {}, default: {default}", name(kind))
}

impl Shape {
    /// Its types, as they are written in a role.yml.
    pub fn name(&self) -> String {
        self.types.iter().map(|kind| kind.row().1).collect::<Vec<_>>().join(" or ")
    }

    /// What a value looks like, for help texts.
    pub fn example(&self) -> &'static str {
        self.types[0].row().3
    }

    /// Whether `yes` and `no` are bools here, and not texts.
    pub fn is_bool(&self) -> bool {
        self.types.contains(&InputType::Bool) && ![InputType::String, InputType::Any].iter().any(|kind| self.types.contains(kind))
    }

    /// What the value under `key` may be; `None`: nothing is said about it.
    pub fn of_key(&self, key: &str) -> Option<&Self> {
        self.keys.iter().flatten().find(|(name, _)| name == key).map(|(_, shape)| shape).or(self.each())
    }

    /// What each item may be; `None`: nothing is said about it.
    pub fn each(&self) -> Option<&Self> {
        self.each.as_deref()
    }

    /// The value as one of its types, `None` when it is of none.
    pub fn typed(&self, node: &Node) -> Option<Value> {
        let is = node.value == Value::Null || self.types.iter().any(|kind| kind.is(&node.value));
        if is { Some(node.value.clone()) } else { self.types.iter().find_map(|kind| kind.convert(node)) }
    }

    /// `node`, called `what`, as a value of this shape. Null stays null: it means "unset".
    ///
    /// # Errors
    /// All that is something else, at the places where it was written.
    pub fn settle(&self, what: &str, node: &Node) -> Result<Node, Diagnostics> {
        self.settle_at(what, node, &node.span)
    }

    fn settle_at(&self, what: &str, node: &Node, place: &Span) -> Result<Node, Diagnostics> {
        if node.value == Value::Null {
            return Ok(node.clone());
        }
        let mut problems = Diagnostics::new();
        let value = match self.typed(node) {
            Some(Value::Mapping(entries)) => Value::Mapping(self.entries(what, &entries, place, &mut problems)),
            Some(Value::Sequence(items)) => {
                let item = |(number, item): (usize, &Node)| match self.each() {
                    Some(each) => problems.take(each.part(&format!("{what}[{number}]"), item, &item.span)),
                    None => Some(item.clone()),
                };
                Value::Sequence(items.iter().enumerate().filter_map(item).collect())
            }
            Some(Value::String(text)) if !self.choices.is_empty() && !self.choices.contains(&text) => {
                // What a secret is close to tells of it.
                let (written, shown) = if node.secret { ("", "this".to_string()) } else { (text.as_str(), format!("`{text}`")) };
                let error = Diagnostic::error(format!("`{what}` cannot be {shown}")).at(&node.span);
                return Err(error.suggest(written, self.choices.iter().map(String::as_str)).into());
            }
            Some(value) => value,
            None => {
                let expected = self.types.iter().map(|kind| kind.row().2).collect::<Vec<_>>().join(" or ");
                let error = Diagnostic::error(format!("`{what}` must be {expected}, this is {}", node.value.kind()));
                return Err(error.at(&node.span).into());
            }
        };
        problems.or(Node { value, ..node.clone() })
    }

    /// The same for a part of something, whose null may be one too many.
    fn part(&self, what: &str, node: &Node, place: &Span) -> Result<Node, Diagnostics> {
        if self.required && node.value == Value::Null {
            return Err(Diagnostic::error(format!("`{what}` must not be null")).at(place).into());
        }
        self.settle_at(what, node, place)
    }

    fn entries(&self, what: &str, entries: &[Entry], place: &Span, problems: &mut Diagnostics) -> Vec<Entry> {
        let known = || self.keys.iter().flatten().map(|(key, _)| key.as_str());
        let mut settled = Vec::new();
        let mut meant = Vec::new();
        for entry in entries {
            match self.of_key(&entry.key) {
                Some(shape) => {
                    let node = problems.take(shape.part(&format!("{what}.{}", entry.key), &entry.node, &entry.key_span));
                    settled.extend(node.map(|node| Entry { node, ..entry.clone() }));
                }
                None if self.keys.is_none() => settled.push(entry.clone()),
                None => {
                    let error = Diagnostic::error(format!("unknown key `{}` in `{what}`", entry.key)).at(&entry.key_span);
                    problems.push(error.suggest(&entry.key, known()));
                    meant.extend(suggest::closest(&entry.key, known()));
                }
            }
        }
        for (key, shape) in self.keys.iter().flatten().filter(|(_, shape)| shape.required) {
            // One that is misspelt is not missing as well.
            if !entries.iter().any(|entry| entry.key == *key) && !meant.contains(&key.as_str()) {
                let error = Diagnostic::error(format!("`{what}` needs `{key}`")).at(place);
                problems.push(error.help(format!("write `{key}: {}`", shape.example())));
            }
        }
        settled
    }
}

impl Shape {
    /// Reads what stands in a role.yml: a mapping that may have the keys `more`, too, or the type alone.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub(super) fn read(node: &Node, more: &[&str]) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut shape = Self { types: Vec::new(), choices: Vec::new(), keys: None, each: None, required: false };
        let entries = match &node.value {
            Value::String(_) | Value::Sequence(_) => {
                shape.types = types(node)?;
                &[]
            }
            _ => node.expect_mapping("an input")?,
        };
        let known: Vec<&str> = ["type", "choices", "keys", "each"].iter().chain(more).copied().collect();
        for entry in entries {
            let part = |node: &Node| Self::read(node, &["required"]);
            match entry.key.as_str() {
                other if !known.contains(&other) => problems.push(
                    Diagnostic::error(format!("unknown key `{other}` in an input")).at(&entry.key_span).suggest(other, known.clone()),
                ),
                "type" => shape.types = problems.take(types(&entry.node)).unwrap_or_default(),
                "choices" => {
                    let choices = problems.take(entry.node.expect_sequence("`choices`")).unwrap_or_default();
                    shape.choices.extend(choices.iter().filter_map(|node| problems.take(node.expect_str("a choice"))).map(str::to_string));
                }
                "keys" => {
                    let mut keys = Vec::new();
                    for key in problems.take(entry.node.expect_mapping("`keys`")).unwrap_or_default() {
                        keys.extend(problems.take(part(&key.node)).map(|shape| (key.key.clone(), shape)));
                    }
                    shape.keys = Some(keys);
                }
                "each" => shape.each = problems.take(part(&entry.node)).map(Box::new),
                "required" => {
                    let required = yaml::from_node(&entry.node);
                    shape.required = problems.take(required).unwrap_or_default();
                }
                _ => {}
            }
        }
        if shape.types.is_empty() {
            shape.types.push(if shape.keys.is_some() { InputType::Map } else { InputType::Any });
        }
        problems.or(shape)
    }
}

/// One type, or several.
fn types(node: &Node) -> Result<Vec<InputType>, Diagnostics> {
    let one = |node: &Node| {
        let written = node.expect_str("a type")?;
        let found = TYPES.iter().find(|(_, name, ..)| *name == written).map(|(kind, ..)| *kind);
        let known = TYPES.iter().map(|(_, name, ..)| *name);
        found.ok_or_else(|| Diagnostic::error(format!("unknown type `{written}`")).at(&node.span).suggest(written, known))
    };
    let mut problems = Diagnostics::new();
    let types = match &node.value {
        Value::Sequence(items) if !items.is_empty() => items.iter().filter_map(|item| problems.take(one(item))).collect(),
        _ => problems.take(one(node)).into_iter().collect(),
    };
    problems.or(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn lines(problems: &Diagnostics) -> Vec<String> {
        let line = |problem: &Diagnostic| format!("{} {} | {}", problem.labels[0].0, problem.summary, problem.help.join("; "));
        problems.iter().map(line).collect()
    }

    fn node(name: &str, text: &str) -> Node {
        yaml::parse(&Source::new(name, text)).expect("valid")
    }

    /// `value` as a value of `shape`, as JSON, or what is wrong with it.
    fn settled(shape: &str, value: &str) -> Result<String, Vec<String>> {
        let shape = node("role.yml", shape);
        let shape = Shape::read(&shape, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
        shape.settle("x", &node("vars.yml", value)).map(|node| node.to_json().to_string()).map_err(|problems| lines(&problems))
    }

    #[test]
    fn values_become_what_their_type_says() {
        for (shape, value, json) in [
            ("int", "'80'", "80"),
            ("string", "1.10", r#""1.10""#),
            ("bool", "yes", "true"),
            ("any", "yes", r#""yes""#),
            // As it stands before anything is made of it.
            ("[int, string]", "'80'", r#""80""#),
            ("[string, list]", "8", r#""8""#),
            ("{ type: list, each: int }", "['1', 2]", "[1,2]"),
            ("{ keys: { on: bool, port: int } }", "{ port: '8', on: 'no' }", r#"{"port":8,"on":false}"#),
            ("{ keys: { a: string }, each: any }", "{ a: 1, b: 1 }", r#"{"a":"1","b":1}"#),
            ("{ type: map, each: { keys: { a: int } } }", "{ gone: ~, here: { a: ~ } }", r#"{"gone":null,"here":{"a":null}}"#),
        ] {
            assert_eq!(settled(shape, value).as_deref(), Ok(json), "{shape} {value}");
        }
    }

    #[test]
    fn slips_are_told_once_each_at_their_place() {
        let shape = "{ type: map, each: { required: true, keys: { command: { type: string, required: true }, port: int, mode: { type: string, choices: [fast, safe] } } } }";
        let value = "a: { comand: run }\nb: { port: x, mode: saef }\nc: ~\nd: run\n";
        let expected = [
            "vars.yml:1:6 unknown key `comand` in `x.a` | did you mean `command`?",
            "vars.yml:2:12 `x.b.port` must be a whole number, this is a text | ",
            "vars.yml:2:21 `x.b.mode` cannot be `saef` | did you mean `safe`?",
            "vars.yml:2:1 `x.b` needs `command` | write `command: ...`",
            "vars.yml:3:1 `x.c` must not be null | ",
            "vars.yml:4:4 `x.d` must be a mapping, this is a text | ",
        ];
        assert_eq!(settled(shape, value), Err(expected.map(String::from).to_vec()));
        assert_eq!(
            settled("{ type: list, each: [int, map] }", "[1, two]"),
            Err(vec!["vars.yml:1:5 `x[1]` must be a whole number or a mapping, this is a text | ".to_string()])
        );
    }

    #[test]
    fn a_secret_is_not_told() {
        let shape = node("role.yml", "{ type: string, choices: [fast, safe] }");
        let shape = Shape::read(&shape, &[]).expect("a shape");
        let secret = Node { secret: true, ..node("vars.yml", "canary") };
        let problems = shape.settle("x", &secret).expect_err("it is neither");
        assert_eq!(lines(&problems), ["vars.yml:1:1 `x` cannot be this | expected one of: fast, safe"]);
    }

    #[test]
    fn mistakes_in_a_declaration_are_told_at_their_place() {
        let shape = node("role.yml", "type: map\neach:\n  keys: { a: strin, b: { typ: int }, c: { required: maybe } }\nchoices: [[]]\n");
        let problems = Shape::read(&shape, &[]).expect_err("it has mistakes");
        let expected = [
            "role.yml:3:14 unknown type `strin` | did you mean `string`?",
            "role.yml:3:26 unknown key `typ` in an input | did you mean `type`?",
            "role.yml:3:53 expected a boolean, found the text `maybe` | ",
            "role.yml:4:11 a choice must be a text, this is a list | ",
        ];
        assert_eq!(lines(&problems), expected);
    }
}
