//! Text to [`Node`], with budgets, duplicate keys refused and every error at its place.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::{Entry, Node, Value, mistake};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};

/// So deep may values stand in one another.
const DEEPEST: usize = 128;

/// Reads one YAML document. An empty file is null.
///
/// # Errors
/// Syntax errors, duplicate keys, tabs, several documents, bombs; and plain numbers with a leading zero, which
/// YAML 1.1 and 1.2 read differently.
pub fn parse(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        budget: serde_saphyr::budget! {
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_depth: DEEPEST,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
    };
    let text = source.text();
    if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#') || line.trim_end() == "---") {
        return Ok(Node::new(Value::Null, Span::whole(source)));
    }
    let raw: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| mistake::diagnostic(source, &error).unread())?;
    let mut problems = Diagnostics::new();
    let node = place(raw, source, &mut problems);
    problems.unread().or(node)
}

fn span_of(source: &Arc<Source>, location: serde_saphyr::Location, least: u64) -> Span {
    let span = location.span();
    match span.byte_offset() {
        Some(start) => {
            let length = span.byte_len().unwrap_or(0).max(least);
            Span::new(source, start as usize, (start + length) as usize)
        }
        None => Span::line_of(source, location.line() as usize),
    }
}

fn place(raw: Spanned<Raw>, source: &Arc<Source>, problems: &mut Diagnostics) -> Node {
    let span = span_of(source, raw.referenced, 0);
    let defined = span_of(source, raw.defined, 0);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(flag) => Value::Bool(flag),
        Raw::Number(number) => {
            let spelling = defined.text().trim().to_string();
            let digits = spelling.trim_start_matches(['-', '+']);
            if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
                problems.push(
                    Diagnostic::error(format!("`{spelling}` is a number with a leading zero, and YAML 1.1 and 1.2 read it differently"))
                        .at(&span)
                        .help(format!("write \"{spelling}\" (with quotes) when the text is meant, as for a file mode")),
                );
            }
            Value::Number(number, spelling)
        }
        Raw::String(text) => {
            if text.contains('\0') {
                problems
                    .push(Diagnostic::error("this text holds a NUL, which no file name, argument or variable of a program can").at(&span));
            }
            Value::String(text)
        }
        Raw::Sequence(items) => Value::Sequence(items.into_iter().map(|item| place(item, source, problems)).collect()),
        Raw::Mapping(entries) => Value::Mapping(
            entries
                .into_iter()
                .map(|(key, item)| Entry {
                    key_span: span_of(source, key.referenced, 0),
                    key: key.value,
                    node: place(item, source, problems),
                })
                .collect(),
        ),
    };
    Node::new(value, span)
}

/// What the library hands over, still without our spans.
enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Raw::Null, Raw::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::String(text.to_string()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Diagnostics> {
        parse(&Source::new("f.yml", text))
    }

    fn problem(text: &str) -> String {
        let problems = read(text).expect_err("an error is expected");
        let first = problems.iter().next().expect("one problem");
        format!("{}: {}", first.labels[0].0, first.summary)
    }

    #[test]
    fn values_keep_their_spelling_and_place() {
        let node = read("a: 1.10\nb: [yes, on, 'no', true]\nc:\n  d: |\n    x\n    y\n").expect("valid");
        assert_eq!(
            node.get("a").map(|n| &n.value),
            Some(&Value::Number(serde_json::Number::from_f64(1.1).expect("finite"), "1.10".into()))
        );
        assert_eq!(node.get("b").expect("b").to_json(), serde_json::json!(["yes", "on", "no", true]));
        assert_eq!(node.get("c").and_then(|c| c.get("d")).and_then(Node::as_str), Some("x\ny\n"));
        assert_eq!(node.entries()[1].key_span.to_string(), "f.yml:2:1");
        assert_eq!(node.get("b").expect("b").span.to_string(), "f.yml:2:4");
    }

    #[test]
    fn nothing_is_null() {
        assert_eq!(read("# only a comment\n").expect("valid").value, Value::Null);
        assert_eq!(read("---\n").expect("valid").value, Value::Null);
        assert_eq!(read("a:\n").expect("valid").get("a").map(|n| n.value.clone()), Some(Value::Null));
    }

    // I30
    #[test]
    fn mistakes_are_pointed_at() {
        assert!(
            problem("a: 1\nb: 2\na: 3\n").starts_with("f.yml:3:1: invalid YAML: the key `a` stands here twice"),
            "{}",
            problem("a: 1\nb: 2\na: 3\n")
        );
        assert!(problem("mode: 0644\n").starts_with("f.yml:1:7: `0644` is a number with a leading zero"));
        assert!(problem("a:\n\tb: 1\n").starts_with("f.yml:2:1: invalid YAML"), "{}", problem("a:\n\tb: 1\n"));
        assert!(problem("a: [1\n").contains("invalid YAML"), "{}", problem("a: [1\n"));
        assert!(problem("a: 1\n---\nb: 2\n").contains("invalid YAML"), "{}", problem("a: 1\n---\nb: 2\n"));
    }

    // Z02
    #[test]
    fn bombs_are_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..10 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            text += &format!("a{n}: &a{n} [{list}]\n");
        }
        assert!(problem(&text).contains("aliases make this file too large"), "{}", problem(&text));
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        // As much stack as a program has to begin with; a thread of a test has less.
        let looked = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
            assert!(read(&deep(128)).is_ok());
            for depth in [129, 100_000] {
                assert!(problem(&deep(depth)).ends_with("invalid YAML: this is nested more than 128 deep"), "{}", problem(&deep(depth)));
            }
        });
        looked.expect("a thread").join().expect("no panic");
    }
}
