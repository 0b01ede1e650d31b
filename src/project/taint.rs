//! What of a value may be shown when secrets went into it. Everything is computed three times: with the secrets, and with
//! two different stand-ins for each of them. What comes out the same every time does not depend on a secret, whatever
//! filters and conditions were on the way; all else is secret.

use serde_json::Value as Json;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::diagnostic::Span;
use crate::secret::{self, MASK};
use crate::yaml::{Entry, Node, Value};

/// A value as it comes out with the first and with the second stand-in.
pub type StandIns = [Json; 2];

/// The text that stands for a secret the second time; it shares neither its first nor its last character with the mask.
const OTHER: &str = "another secret";

/// What stands for a secret: values of the same type.
pub fn stand_ins(json: &Json) -> StandIns {
    match json {
        Json::Null => [Json::Null, Json::Null],
        Json::Bool(_) => [false.into(), true.into()],
        Json::Number(_) => [4711.into(), 815.into()],
        Json::String(_) => [MASK.into(), OTHER.into()],
        Json::Array(items) => together(items.iter().map(stand_ins), Json::Array),
        Json::Object(map) => {
            let [a, b] = together(map.values().map(stand_ins), Json::Array);
            let of = |values: Json| match values {
                Json::Array(values) => Json::Object(map.keys().cloned().zip(values).collect()),
                other => other,
            };
            [of(a), of(b)]
        }
    }
}

fn together(parts: impl Iterator<Item = StandIns>, of: fn(Vec<Json>) -> Json) -> StandIns {
    let (a, b): (Vec<Json>, Vec<Json>) = parts.map(|[a, b]| (a, b)).unzip();
    [of(a), of(b)]
}

/// What stands for the secrets in a value, `None` when there are none in it.
pub fn stand_ins_in(node: &Node) -> Option<StandIns> {
    let all = match &node.value {
        // What may be shown of a text is what it is with the first stand-in.
        Value::String(_) if node.secret => match &node.shown {
            Some(shown) => return Some([shown.as_str().into(), shown.replace(MASK, OTHER).into()]),
            None => return Some(stand_ins(&node.to_json())),
        },
        Value::Sequence(items) => items.iter().map(stand_ins_in).collect::<Vec<_>>(),
        Value::Mapping(entries) => entries.iter().map(|entry| stand_ins_in(&entry.node)).collect(),
        _ => return node.secret.then(|| stand_ins(&node.to_json())),
    };
    if all.iter().all(Option::is_none) {
        return None;
    }
    let plain = |json: Json| [json.clone(), json];
    Some(match &node.value {
        Value::Mapping(entries) => {
            let each = all.into_iter().zip(entries).map(|(own, entry)| own.unwrap_or_else(|| plain(entry.node.to_json())));
            let (a, b): (Vec<Json>, Vec<Json>) = each.map(|[a, b]| (a, b)).unzip();
            let keys = || entries.iter().map(|entry| entry.key.clone());
            [Json::Object(keys().zip(a).collect()), Json::Object(keys().zip(b).collect())]
        }
        Value::Sequence(items) => {
            together(all.into_iter().zip(items).map(|(own, item)| own.unwrap_or_else(|| plain(item.to_json()))), Json::Array)
        }
        _ => unreachable!("only lists and mappings have parts"),
    })
}

/// A computed value as a node, with what depends on a secret marked.
pub fn node(real: &Json, stand_ins: Option<&StandIns>, span: &Span) -> Node {
    let Some([a, b]) = stand_ins else { return Node::from_json(real, span) };
    if real == a && real == b {
        return Node::from_json(real, span);
    }
    let part = |real, a: &Json, b: &Json| node(real, Some(&[a.clone(), b.clone()]), span);
    let value = match (real, a, b) {
        (Json::String(text), Json::String(a), Json::String(b)) => {
            return Node { secret: true, shown: Some(cover(text, a, b)), ..Node::from_json(real, span) };
        }
        (Json::Array(items), Json::Array(a), Json::Array(b)) if items.len() == a.len() && items.len() == b.len() => {
            Value::Sequence(items.iter().zip(a.iter().zip(b)).map(|(item, (a, b))| part(item, a, b)).collect())
        }
        (Json::Object(map), Json::Object(a), Json::Object(b)) if map.keys().eq(a.keys()) && map.keys().eq(b.keys()) => {
            let entry =
                |((key, item), (a, b)): ((&String, _), (_, _))| Entry { key: key.clone(), key_span: span.clone(), node: part(item, a, b) };
            Value::Mapping(map.iter().zip(a.values().zip(b.values())).map(entry).collect())
        }
        _ => return sealed(Node::from_json(real, span)),
    };
    Node::new(value, span.clone())
}

/// All of a value marked as secret.
pub fn sealed(node: Node) -> Node {
    let value = match node.value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(sealed).collect()),
        Value::Mapping(entries) => Value::Mapping(entries.into_iter().map(|entry| Entry { node: sealed(entry.node), ..entry }).collect()),
        other => other,
    };
    Node { value, secret: true, ..node }
}

/// The text with what depends on secrets masked: as many lines as `real` has, each of them shown as far as it is the same
/// in all three.
pub fn cover(real: &str, a: &str, b: &str) -> String {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (real, a, b) = (lines(real), lines(a), lines(b));
    let (in_a, in_b) = (counterparts(&real, &a), counterparts(&real, &b));
    let mut out = String::new();
    for ((line, a), b) in real.iter().zip(in_a).zip(in_b) {
        match (a, b) {
            (Some(a), Some(b)) if *line == a && *line == b => out.push_str(line),
            (Some(a), Some(b)) => out.push_str(&cover_line(line, a, b)),
            _ => out.push_str(&cover_line(line, "", "")),
        }
    }
    out
}

/// For each line of `real` the line of `other` that stands in its place.
fn counterparts<'a>(real: &[&str], other: &[&'a str]) -> Vec<Option<&'a str>> {
    if real.len() == other.len() {
        return other.iter().copied().map(Some).collect();
    }
    let mut found = vec![None; real.len()];
    for op in capture_diff_slices(Algorithm::Myers, real, other) {
        if matches!(op, DiffOp::Equal { .. } | DiffOp::Replace { .. }) {
            for (at, line) in op.old_range().zip(op.new_range()) {
                found[at] = Some(other[line]);
            }
        }
    }
    found
}

fn cover_line(line: &str, a: &str, b: &str) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let [a, b] = [a, b].map(|other| other.strip_suffix('\n').unwrap_or(other));
    // Cut at the last mark before a word: stand-ins that were hashed or encoded may begin as the secret does, by chance.
    let same = text.chars().zip(a.chars()).zip(b.chars()).take_while(|((c, a), b)| c == a && c == b).map(|((c, _), _)| c);
    let before: String = same.collect();
    let before =
        &before[..before.rfind(|c: char| !c.is_alphanumeric()).map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8))];
    let rest = |other: &str| other.get(before.len()..).unwrap_or_default().chars().rev().collect::<Vec<char>>();
    let (own, a, b) = (rest(text), rest(a), rest(b));
    let same = own.iter().zip(&a).zip(&b).take_while(|((c, a), b)| c == a && c == b).map(|((c, _), _)| *c);
    let after: String = same.collect::<Vec<char>>().into_iter().rev().collect();
    let after = after.find(|c: char| !c.is_alphanumeric()).map_or("", |at| &after[at..]);
    // What is between them came of a secret, and the fence in front of all output should know it.
    secret::learn(&text[before.len()..text.len() - after.len()]);
    format!("{before}{MASK}{after}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_without_a_secret_stay() {
        let real = "a=1\nurl=postgres://app:hunter2@db/app\nb=2\nkey=hunter2";
        let with = |secret: &str| real.replace("hunter2", secret);
        assert_eq!(cover(real, &with(MASK), &with(OTHER)), "a=1\nurl=postgres://app:(secret)@db/app\nb=2\nkey=(secret)");
    }

    #[test]
    fn a_secret_of_many_lines_hides_all_of_them() {
        let with = |secret: &str| format!("before\nkey: {secret}\nafter\n");
        assert_eq!(cover(&with("one\ntwo\nthree"), &with(MASK), &with(OTHER)), "before\nkey: (secret)\n(secret)\n(secret)\nafter\n");
    }

    #[test]
    fn a_line_that_comes_and_goes_with_a_secret_is_one() {
        assert_eq!(cover("a\nadmin\nb\n", "a\nb\n", "a\nb\n"), "a\n(secret)\nb\n");
        // Equal to one stand-in by chance, not to both.
        assert_eq!(cover("on=false\n", "on=false\n", "on=true\n"), "on=(secret)\n");
        assert_eq!(cover("n=4711\n", "n=4711\n", "n=815\n"), "n=(secret)\n");
        // A hash that begins as another one does tells nothing.
        assert_eq!(cover("h:ab12", "h:ab34", "h:ab56"), "h:(secret)");
    }

    // V01
    #[test]
    fn secrets_of_every_type_have_stand_ins_that_differ() {
        let secret = json!({ "a": "x", "n": 5, "b": true, "list": ["", { "c": "y" }], "none": null });
        let [a, b] = stand_ins(&secret);
        assert_eq!(a, json!({ "a": MASK, "n": 4711, "b": false, "list": [MASK, { "c": MASK }], "none": null }));
        for place in ["/a", "/n", "/b", "/list/0", "/list/1/c"] {
            assert_ne!(a.pointer(place), b.pointer(place), "{place}");
        }
    }

    #[test]
    fn parts_of_a_value_are_secret_one_by_one() {
        let span = Span::whole(&crate::diagnostic::Source::new("f", ""));
        let of = |secret: &str| json!({ "user": "app", "password": secret, "list": ["x", secret] });
        let node = node(&of("hunter2"), Some(&[of(MASK), of(OTHER)]), &span);
        assert!(!node.get("user").expect("there").secret && node.get("password").expect("there").secret);
        assert_eq!(stand_ins_in(&node), Some([of(MASK), of(OTHER)]));
        assert_eq!(stand_ins_in(node.get("user").expect("there")), None);
    }
}
