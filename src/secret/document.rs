//! What is inside of secrets.age: a YAML mapping, as text, so that comments and order stay. Its first line says to which
//! environment it belongs, for a file that is valid in one place must not pass in another.

use super::value::MASK;
use super::{Secret, mask};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Entry, Node, Value};

/// The decrypted text of a secrets file.
#[derive(Debug)]
pub struct Document(Secret<String>);

const BINDING: &str = "# hoist: secrets of ";

impl Document {
    /// An empty one for an environment.
    pub fn new(environment: &str) -> Self {
        Self::of(format!("{BINDING}{environment}\n"))
    }

    /// With this text.
    pub fn of(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// From decrypted bytes.
    ///
    /// # Errors
    /// They are no text.
    pub fn read(bytes: Secret<Vec<u8>>, what: &str) -> Result<Self, Diagnostic> {
        let text = bytes.into_text().ok_or_else(|| Diagnostic::error(format!("what is inside of {what} is no text (UTF-8)")))?;
        Ok(Self(text))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.expose()
    }

    /// The environment that it says it belongs to.
    pub fn environment(&self) -> Option<&str> {
        self.text().lines().next()?.strip_prefix(BINDING).map(str::trim)
    }

    /// The mapping, all of its values marked as secret and known to the mask. Nothing that is reported or returned shows
    /// any of the text but the names at the top.
    ///
    /// # Errors
    /// It is no YAML, or no mapping; a merge conflict was left in it.
    pub fn parse(&self, what: &str) -> Result<Node, Diagnostics> {
        if let Some(line) = self.text().lines().position(|line| line.starts_with("<<<<<<< ")) {
            let before = self.text().lines().skip(line + 1).find_map(|line| line.split_once(':').map(|(key, _)| key.trim().to_string()));
            return Err(Diagnostic::error(format!("a merge conflict was left in {what}, at `{}`", before.unwrap_or_default()))
                .help("settle it: `hoist secrets edit`")
                .into());
        }
        let parsed = crate::yaml::parse(&Source::new(what, self.text()));
        let node = parsed.map_err(|problems| self.masked(&problems, what))?;
        if !matches!(node.value, Value::Mapping(_) | Value::Null) {
            return Err(Diagnostic::error(format!("{what} must be a mapping (`name: value` lines)")).into());
        }
        let node = sealed(node);
        learn(&node);
        Ok(node)
    }

    /// The names at the top.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn keys(&self, what: &str) -> Result<Vec<String>, Diagnostics> {
        Ok(self.parse(what)?.entries().iter().map(|entry| entry.key.clone()).collect())
    }

    /// The same with `key` set to a text; comments and other keys stay as they are.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn with(&self, key: &str, value: &str, what: &str) -> Result<Self, Diagnostics> {
        self.with_lines(key, &format!("{}: {}\n", yaml_key(key), yaml_text(value)), what)
    }

    /// The same with `key` set to what `lines` say, or without it when they are empty.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn with_lines(&self, key: &str, lines: &str, what: &str) -> Result<Self, Diagnostics> {
        let node = self.parse(what)?;
        let text = self.text();
        if node.entries().iter().any(|entry| entry.key_span.line_column().1 != 1) {
            return Err(Diagnostic::error(format!("{what} is not written as lines of `name: value` at the margin"))
                .help("bring it into that form: `hoist secrets edit`")
                .into());
        }
        let new = match self.range(&node, key) {
            Some(range) => [&text[..range.start], lines, &text[range.end..]].concat(),
            None if text.is_empty() || text.ends_with('\n') => [text, lines].concat(),
            None => [text, "\n", lines].concat(),
        };
        Ok(Self::of(new))
    }

    /// The lines of `key`, as they are written.
    pub fn lines(&self, node: &Node, key: &str) -> Option<&str> {
        self.range(node, key).map(|range| &self.text()[range])
    }

    /// The bytes of an entry: its lines, without comments that belong to the next one.
    fn range(&self, node: &Node, key: &str) -> Option<std::ops::Range<usize>> {
        let entries = node.entries();
        let at = entries.iter().position(|entry| entry.key == key)?;
        let start = entries[at].key_span.range().start;
        let end = entries.get(at + 1).map_or(self.text().len(), |next| next.key_span.range().start);
        let mut body = &self.text()[start..end];
        let least = entries[at].node.span.range().end.saturating_sub(start);
        while let Some(last) = body.strip_suffix('\n').map(|body| body.rfind('\n').map_or(0, |at| at + 1)) {
            let line = body[last..].trim();
            if last < least.max(1) || !(line.is_empty() || body[last..].starts_with('#') || line == "...") {
                break;
            }
            body = &body[..last];
        }
        Some(start..start + body.len())
    }

    /// The same problems without a word of the text: places keep their line, what is quoted is masked unless it is a name.
    fn masked(&self, problems: &Diagnostics, what: &str) -> Diagnostics {
        let blank = Source::new(what, self.text().lines().map(|_| "\n").collect::<String>());
        let names: Vec<&str> = self.text().lines().filter_map(|line| line.split_once(':').map(|(name, _)| name.trim())).collect();
        let mut masked = Diagnostics::new();
        for problem in problems.iter() {
            let quoted = problem.summary.split('`').enumerate();
            let words =
                quoted.map(|(at, part)| if at % 2 == 0 || names.contains(&part) || crate::yaml::is_word(part) { part } else { MASK });
            let (line, column) = problem.labels.first().map_or((1, 1), |(span, _)| span.line_column());
            let summary = format!("{} (line {line}, column {column})", words.collect::<Vec<_>>().join("`").replace("`(secret)`", MASK));
            let mut shown = Diagnostic { labels: Vec::new(), help: Vec::new(), summary, ..problem.clone() };
            shown = shown.at(&Span::line_of(&blank, line));
            masked.push(problem.help.iter().filter(|help| !help.contains('"')).fold(shown, |shown, help| shown.help(help)));
        }
        masked
    }
}

/// All values marked as secret.
fn sealed(node: Node) -> Node {
    let value = match node.value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(sealed).collect()),
        Value::Mapping(entries) => Value::Mapping(entries.into_iter().map(|entry| Entry { node: sealed(entry.node), ..entry }).collect()),
        other => other,
    };
    Node { value, secret: true, ..node }
}

/// Makes every text and number in it known to the mask.
fn learn(node: &Node) {
    match &node.value {
        Value::String(text) | Value::Number(_, text) => mask::learn(text),
        Value::Sequence(items) => items.iter().for_each(learn),
        Value::Mapping(entries) => entries.iter().for_each(|entry| learn(&entry.node)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The lines of a mapping with every value masked: `mark` says what stands for a value, given its path.
pub fn outline(node: &Node, mark: &dyn Fn(&str, &Node) -> String) -> String {
    fn walk(node: &Node, path: &str, indent: usize, mark: &dyn Fn(&str, &Node) -> String, out: &mut String) {
        for entry in node.entries() {
            let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            *out += &" ".repeat(indent);
            *out += &yaml_key(&entry.key);
            match &entry.node.value {
                Value::Mapping(inner) if !inner.is_empty() => {
                    *out += ":\n";
                    walk(&entry.node, &path, indent + 2, mark, out);
                }
                _ => *out += &format!(": {}\n", mark(&path, &entry.node)),
            }
        }
    }
    let mut out = String::new();
    walk(node, "", 0, mark, &mut out);
    out
}

/// `key: value` as lines of YAML, whatever the value is.
pub fn yaml_lines(key: &str, node: &Node) -> String {
    let value = match &node.value {
        Value::String(text) => yaml_text(text),
        Value::Number(_, spelling) => spelling.clone(),
        Value::Mapping(entries) if !entries.is_empty() => {
            let inner: String = entries.iter().map(|entry| yaml_lines(&entry.key, &entry.node)).collect();
            let indented: String =
                inner.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") }).collect();
            return format!("{}:\n{indented}", yaml_key(key));
        }
        // JSON is YAML.
        _ => quoted_json(&node.to_json().to_string()),
    };
    format!("{}: {value}\n", yaml_key(key))
}

/// A key as YAML; quoted only where it must be.
fn yaml_key(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].iter().any(|word| key.eq_ignore_ascii_case(word));
    if plain && !word { key.to_string() } else { quoted(key) }
}

/// A text as a YAML value at the top of a mapping: a block for several lines, else in double quotes.
fn yaml_text(text: &str) -> String {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    let plain = |line: &str| {
        !line.ends_with([' ', '\t']) && !line.chars().any(|c| c.is_control() && c != '\t' || "\u{85}\u{2028}\u{2029}\u{feff}".contains(c))
    };
    let block = lines.contains('\n') && !lines.ends_with('\n') && !lines.starts_with([' ', '\n', '\t']) && lines.lines().all(plain);
    if !block || text.contains('\r') {
        return quoted(text);
    }
    let chomp = if text.ends_with('\n') { "" } else { "-" };
    let body: Vec<String> = lines.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("  {line}") }).collect();
    format!("|{chomp}\n{}", body.join("\n"))
}

fn quoted(text: &str) -> String {
    quoted_json(&serde_json::to_string(text).expect("a text is JSON"))
}

fn quoted_json(json: &str) -> String {
    // JSON lets these through, YAML does not.
    json.chars()
        .map(|c| match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "# hoist: secrets of prod\n# the database\ndb: \"one\"  # old\nlist:\n- a\n- b\n\n# mail\nmail:\n  user: x\n  key: |\n    A\n\n    B\n\nlast: 1";

    #[test]
    fn a_value_is_set_without_touching_the_rest() {
        let with = |key, value| Document::of(TEXT.into()).with(key, value, "f").expect("valid").text().to_string();
        assert_eq!(with("db", "two"), TEXT.replace("\"one\"  # old", "\"two\""));
        assert_eq!(with("list", "x"), TEXT.replace("list:\n- a\n- b\n", "list: \"x\"\n"));
        assert_eq!(with("mail", "a\nb\n"), TEXT.replace("mail:\n  user: x\n  key: |\n    A\n\n    B\n", "mail: |\n  a\n  b\n"));
        assert_eq!(with("last", "2"), TEXT.replace("last: 1", "last: \"2\"\n"));
        assert_eq!(with("new", "n"), format!("{TEXT}\nnew: \"n\"\n"));
        let without = Document::of(TEXT.into()).with_lines("list", "", "f").expect("valid");
        assert_eq!(without.text(), TEXT.replace("list:\n- a\n- b\n", ""));
        assert_eq!(Document::of(TEXT.into()).environment(), Some("prod"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(value in "(\\PC|[\n\t\r\u{1}-\u{1f}\u{7f}-\u{9f} :#'\"|>-]){0,40}") {
            let document = Document::new("prod").with("before", "1", "f").and_then(|d| d.with("key", &value, "f")).and_then(|d| d.with("after", "2", "f")).expect("valid");
            let node = document.parse("f").unwrap_or_else(|problems| panic!("{problems:?} in {:?}", document.text()));
            prop_assert_eq!(node.get("key").and_then(Node::as_str), Some(value.as_str()), "{}", document.text());
            let again = document.with("key", "x", "f").and_then(|d| d.with("key", &value, "f")).expect("valid");
            prop_assert_eq!(again.text(), document.text());
        }
    }

    // V01
    #[test]
    fn mistakes_are_told_without_the_text() {
        let problem = |text: &str| {
            let problems = Document::of(text.into()).parse("secrets.age").expect_err("an error is expected");
            let shown: Vec<String> = problems
                .iter()
                .map(|p| {
                    format!(
                        "{} {} {:?} {:?}",
                        p.labels.first().map_or(String::new(), |l| l.0.to_string()),
                        p.summary,
                        p.help,
                        p.labels.first().map(|l| l.0.source().text().to_string())
                    )
                })
                .collect();
            shown.join("\n")
        };
        let pin = problem("name: x\npin: 0123\n");
        assert!(pin.contains("secrets.age:2:1 (secret) is a number with a leading zero"), "{pin}");
        assert!(!pin.contains("0123"), "{pin}");
        let cut = problem("a: hunter2\nb: [hunter3\n");
        assert!(cut.contains("invalid YAML") && !cut.contains("hunter"), "{cut}");
        let twice = problem("a: hunter2\na: hunter3\n");
        assert!(twice.contains("`a` stands here twice") && !twice.contains("hunter"), "{twice}");
        assert!(problem("- hunter2\n").contains("must be a mapping"));
        let conflict = problem("a: 1\n<<<<<<< ours\ndb: hunter2\n=======\ndb: hunter3\n>>>>>>> theirs\n");
        assert!(conflict.contains("merge conflict") && conflict.contains("`db`") && !conflict.contains("hunter"), "{conflict}");
    }

    #[test]
    fn an_outline_shows_names_alone() {
        let node = Document::of(TEXT.into()).parse("f").expect("valid");
        assert_eq!(
            outline(&node, &|_, _| MASK.into()),
            "db: (secret)\nlist: (secret)\nmail:\n  user: (secret)\n  key: (secret)\nlast: (secret)\n"
        );
    }
}
