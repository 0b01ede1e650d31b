//! Merging three versions of a secrets file by its names, so that two people can add different secrets.

use super::Document;
use crate::diagnostic::Diagnostics;

/// What came out.
pub struct Merged {
    /// The text; with conflict markers when both sides changed a secret differently.
    pub document: Document,
    /// The names of those.
    pub conflicts: Vec<String>,
}

/// Merges what `ours` and `theirs` made of `base`. Comments and order are those of `ours`; what is new in `theirs` comes
/// at the end.
///
/// # Errors
/// One of them is no mapping. The names in messages are those of `names`, in the same order.
pub fn merge(base: &Document, ours: &Document, theirs: &Document, names: [&str; 3]) -> Result<Merged, Diagnostics> {
    let nodes = [base.parse(names[0])?, ours.parse(names[1])?, theirs.parse(names[2])?];
    let json = |side: usize, key: &str| nodes[side].get(key).map(crate::yaml::Node::to_json);
    let mut keys: Vec<&str> = Vec::new();
    for key in nodes.iter().flat_map(|node| node.entries()).map(|entry| entry.key.as_str()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut document = Document::of(ours.text().to_string());
    let mut conflicts = Vec::new();
    for key in keys {
        let (old, own, other) = (json(0, key), json(1, key), json(2, key));
        if other == old || own == other {
            continue;
        }
        let lines = theirs.lines(&nodes[2], key).unwrap_or_default().to_string();
        if own == old {
            document = document.with_lines(key, &ended(lines), names[1])?;
        } else {
            conflicts.push((key.to_string(), ended(lines)));
        }
    }
    // Markers last, for a text with markers in it is no YAML any more.
    let mut text = document.text().to_string();
    for (key, lines) in &conflicts {
        let node = document.parse(names[1])?;
        let own = ended(document.lines(&node, key).unwrap_or_default().to_string());
        let block = format!("<<<<<<< ours: {key}\n{own}=======\n{lines}>>>>>>> theirs\n");
        match text.find(&own).filter(|_| !own.is_empty()) {
            Some(at) => text.replace_range(at..at + own.len(), &block),
            None => text = ended(text) + &block,
        }
    }
    Ok(Merged { document: Document::of(text), conflicts: conflicts.into_iter().map(|(key, _)| key).collect() })
}

fn ended(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> (String, Vec<String>) {
        let of = |text: &str| Document::of(text.to_string());
        let merged = merge(&of(base), &of(ours), &of(theirs), ["base", "ours", "theirs"]).expect("mappings");
        (merged.document.text().to_string(), merged.conflicts)
    }

    #[test]
    fn changes_of_both_sides_come_together() {
        let base = "# top\na: 1\nb: 2\nc: 3\n";
        let ours = "# top\na: 10\nb: 2\nc: 3\nours: x\n";
        let theirs = "# top\na: 1\nb: 20 # why\ntheirs: |\n  y\n  z\n";
        assert_eq!(merged(base, ours, theirs), ("# top\na: 10\nb: 20 # why\nours: x\ntheirs: |\n  y\n  z\n".into(), vec![]));
        assert_eq!(merged(base, theirs, ours).1, Vec::<String>::new());
        assert_eq!(merged("", "a: 1\n", "a: '1'\n").1, ["a"], "a text is no number");
        assert_eq!(merged("a: 1\n", "a: 2\n", "a: 2\n"), ("a: 2\n".into(), vec![]));
    }

    #[test]
    fn what_both_changed_is_named_and_nothing_is_lost() {
        let (text, conflicts) = merged("a: 1\nb: 1\n", "a: 2\nb: 1", "a: 3\n");
        assert_eq!(conflicts, ["a"]);
        assert_eq!(text, "<<<<<<< ours: a\na: 2\n=======\na: 3\n>>>>>>> theirs\n");
        let (text, conflicts) = merged("a: 1\nb: 1\n", "b: 1\n", "a: 3\nb: 1\n");
        assert_eq!((text.as_str(), &conflicts[..]), ("b: 1\n<<<<<<< ours: a\n=======\na: 3\n>>>>>>> theirs\n", &["a".to_string()][..]));
        assert!(Document::of(text).parse("f").is_err());
    }
}
