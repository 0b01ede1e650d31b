//! What the YAML library finds wrong, in words for the person who wrote the file: where exactly, and what is meant most often.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source, Span};

/// How messages of the library begin, what is said instead, and what to do. `{}` is what the library put in backticks.
const WORDS: &[(&[&str], &str, &str)] = &[
    (&["mapping values are not allowed"], "a `name: value` cannot stand here", OUT_OF_LINE),
    (&["while parsing a block mapping, did not find"], "this is no `name: value` line of the mapping above", OUT_OF_LINE),
    (&["while parsing a block collection, did not find"], "this is no `- item` line of the list above", OUT_OF_LINE),
    (
        &["\"-\" is only valid", "block sequence entries are not"],
        "a `- item` line cannot stand here",
        "a list begins on a line of its own, or stands in `[...]`",
    ),
    (
        &["simple key expected", "could not find expected ':'"],
        "this line is no `name: value`",
        "a text that goes on in the next line is indented there",
    ),
    (&["wrongly indented line"], "this line is indented less than the text that it belongs to", OUT_OF_LINE),
    (&["unexpected character"], "a value cannot begin with `{}`", "put quotes around a text that begins with it"),
    (&["mapping keys are not allowed"], "a value cannot begin with `?`", "put quotes around a text that begins with it"),
    (&["unclosed quote"], "this quote is not closed", "it begins here or further up, and the file ends before the second one"),
    (
        &[
            "invalid indentation in multiline quoted",
            "invalid indentation in quoted",
            "while scanning a quoted scalar, found unexpected document",
        ],
        "this stands inside of quotes that begin further up",
        "close the quotes; a text that goes on in the next line is indented there",
    ),
    (&["invalid trailing content after"], "something stands behind a text in quotes", "put quotes around all of it, or none"),
    (
        &["while parsing a quoted scalar"],
        "no character is written like this in double quotes",
        "in \"...\" a backslash is written `\\\\`; in '...' it stands for itself",
    ),
    (&["unclosed bracket", "unexpected eof"], "a bracket is not closed", "it begins here or further up"),
    (&["misplaced bracket"], "this bracket closes nothing", "take it away, or open it further up"),
    (&["while parsing a flow mapping"], "this stands inside of `{`, where `,` or `}` should follow", BRACKETS),
    (&["while parsing a flow sequence"], "this stands inside of `[`, where `,` or `]` should follow", BRACKETS),
    (&["illegal placement of ':'", "invalid indentation in flow"], "this stands inside of a bracket that begins further up", BRACKETS),
    (&["tabs disallowed", "tab cannot be used"], "a tab cannot indent", TABS),
    (
        &["while scanning a plain scalar, found a tab", "a block scalar content cannot start with a tab"],
        "the next line begins with a tab",
        "YAML is indented with spaces",
    ),
    (&["while scanning a block scalar"], "behind `|` and `>` comes the next line", "write the text below, indented"),
    (&["alias references unknown", "while parsing node, found unknown anchor"], "no `&name` stands above for this `*name`", STAR),
    (&["while scanning an anchor or alias"], "behind `*` and `&` comes a name", STAR),
    (&["recursive references"], "this value holds itself", "write out what the `*name` stands for"),
    (&["yaml merge value"], "`<<` takes a mapping", "write `<<: *name`, with `&name` in front of a mapping further up"),
    (&["multiple yaml documents"], MORE_DOCUMENTS, "a file holds one: take the `---` away"),
    (&["did not find expected <document start>"], "what stands above is complete, so this belongs to nothing", OUT_OF_LINE),
    (&["expected string scalar"], "a name in a mapping must be a text, this is something else", "write `name: value`"),
    (
        &["cannot deserialize null into string"],
        "a name in a mapping must be a text, this is nothing (null)",
        "put quotes around it when the text is meant",
    ),
    (&["non-finite float"], "`{}` is no number that can be used", "put quotes around it when the text is meant"),
    (&["invalid !!binary base64"], "`!!binary` takes base64", UNTAG),
    (&["invalid u64", "invalid i64", "invalid f64", "invalid bool"], "this is not of the type that its tag says", UNTAG),
    (&["budget breached: depth", "recursion limit exceeded"], "this is nested more than 128 deep", "split it"),
    (&["budget breached"], "this file is too large", "split it"),
    (&["alias "], "aliases make this file too large", "write out what the `*name`s stand for"),
];

const OUT_OF_LINE: &str = "indent it as its neighbours are, and close quotes and brackets above it; a text with `: ` in it wants quotes";
const BRACKETS: &str = "close the bracket, or put a `,` between its items";
const TABS: &str = "YAML is indented with spaces, this line has a tab";
const STAR: &str = "put quotes around a text that begins with `*` or `&`";
const UNTAG: &str = "take the tag away when a text is meant";
const MORE_DOCUMENTS: &str = "a second document begins";

/// The mistake that the library found.
pub fn diagnostic(source: &Arc<Source>, error: &serde_saphyr::Error) -> Diagnostic {
    let text = error.without_snippet().to_string();
    // The library ends its messages with the place, which the snippet shows already.
    let text = text.split(" at line ").next().unwrap_or(&text).trim().trim_start_matches("error: ");
    let text = text.split_once(": ").filter(|(head, _)| head.starts_with("line ")).map_or(text, |(_, tail)| tail);
    let span = error.location().map_or_else(|| Span::whole(source), |location| place(source, location));
    if let Some(key) = text.strip_prefix("duplicate mapping key: ") {
        let key = key.split(", set ").next().unwrap_or(key);
        return Diagnostic::error(format!("invalid YAML: the key `{key}` stands here twice")).at(&span);
    }
    let line = Span::line_of(source, span.line_column().0);
    let low = text.to_lowercase();
    let known = WORDS.iter().find(|(begins, ..)| begins.iter().any(|begin| low.starts_with(begin)));
    let (said, advice) = known.map_or((text.to_string(), ""), |(_, said, advice)| (said.replace("{}", quoted(text)), *advice));
    let span = if said == MORE_DOCUMENTS { border(source, &span) } else { span };
    let diagnostic = Diagnostic::error(format!("invalid YAML: {said}")).at(&span);
    if line.text().contains('\t') {
        diagnostic.help(TABS)
    } else if line.text().contains(": {{") {
        diagnostic.help("put quotes around a value that starts with `{{`: \"{{ name }}\"")
    } else if advice.is_empty() {
        diagnostic
    } else {
        diagnostic.help(advice)
    }
}

/// Whether what stands in backticks in a mistake is a word of YAML, and nothing of the file.
pub fn is_word(quoted: &str) -> bool {
    WORDS.iter().any(|(_, said, _)| said.split('`').skip(1).step_by(2).any(|word| word == quoted && word != "{}"))
}

/// What stands in the quotes of a message: `` `x' `` or `` `x` ``.
fn quoted(text: &str) -> &str {
    text.split_once('`').map_or("", |(_, tail)| tail.trim_end_matches(|c| c != '`' && c != '\'').trim_end_matches(['`', '\'']))
}

/// The line in front of the second document that ends the first one.
fn border(source: &Arc<Source>, second: &Span) -> Span {
    let lines = (1..=second.line_column().0).rev().map(|line| Span::line_of(source, line));
    lines.into_iter().find(|line| line.text().starts_with("---") || line.text().starts_with("...")).unwrap_or_else(|| second.clone())
}

/// Where it is: what the library covers, else from the character on that it names, to the end of the line.
fn place(source: &Arc<Source>, location: serde_saphyr::Location) -> Span {
    let span = location.span();
    if let Some(start) = span.byte_offset() {
        let length = span.byte_len().unwrap_or(0).max(1);
        return Span::new(source, start as usize, (start + length) as usize);
    }
    let text = source.text();
    let mut at = text.char_indices().nth(span.offset() as usize).map_or(text.len(), |(at, _)| at);
    // What is missed is missed behind the last thing that stands there, not on a line that has nothing.
    if text[at..].trim().is_empty() {
        at = text.trim_end().char_indices().last().map_or(0, |(at, _)| at);
    }
    at = text[..at].trim_end_matches('\t').len();
    // A `:` is as a rule noticed behind its name.
    if text[at..].starts_with(':') {
        at = text[..at].rfind(|c: char| c.is_whitespace() || "{[,".contains(c)).map_or(0, |before| before + 1);
    }
    let end = text[at..].find(['\n', '\r']).map_or(text.len(), |length| at + length);
    Span::new(source, at, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let problems = crate::yaml::parse(&Source::new("f", text)).expect_err("an error is expected");
        let first = problems.iter().next().expect("one problem");
        format!("{} `{}` {}", first.labels[0].0, first.labels[0].0.text(), first.summary.trim_start_matches("invalid YAML: "))
    }

    #[test]
    fn mistakes_are_pointed_at_where_they_are_noticed() {
        assert_eq!(problem("é: b: c\n"), "f:1:4 `b: c` a `name: value` cannot stand here");
        assert_eq!(problem("a: 1\n  b: 2\n"), "f:2:3 `b: 2` a `name: value` cannot stand here");
        assert_eq!(problem("é: é\nb: @x\r\n"), "f:2:4 `@x` a value cannot begin with `@`");
        assert_eq!(problem("a:\n  - x\n y: 1\n"), "f:3:2 `y: 1` this is no `name: value` line of the mapping above");
        assert_eq!(problem("a: 1\nb: 'x"), "f:2:4 `'x` this quote is not closed");
        assert_eq!(problem("a: [1, 2\nb: 3\n"), "f:2:1 `b: 3` this stands inside of a bracket that begins further up");
        assert_eq!(problem("a: {x: 1\nb: 3\n"), "f:2:1 `b: 3` this stands inside of `{`, where `,` or `}` should follow");
        assert_eq!(problem("a: 1\nfoo\nb: 2\n"), "f:2:1 `foo` this line is no `name: value`");
        assert_eq!(problem("a: 1\n---\n# x\nb: 1\n"), "f:2:1 `---` a second document begins");
    }

    #[test]
    fn the_words_of_the_library_are_not_handed_on() {
        let texts = [
            "a: .nan\n",
            "null: 1\n",
            "? [a]\n: b\n",
            "a: !!int x\n",
            "a: &a [*a]\n",
            "a: *b\n",
            "<<: 1\n",
            "a: >x\n",
            "a: - b\n",
            "a: ? b\n",
            "a: 1\n\tb: 1\n",
            "a: \"\\q\"\n",
            "a: \"b\" c\n",
            "a: [b]]\n",
            "%x\n",
            "a: *\n",
        ];
        for text in texts {
            let said = problem(text);
            let (_, said) = said.rsplit_once("` ").map_or(("", said.as_str()), |(_, said)| ("", said));
            assert!(!["while ", "Option", "float", "scalar", "type:"].iter().any(|word| said.contains(word)), "{text}: {said}");
        }
        assert!(problem(&"[".repeat(100_000)).contains("nested more than 128 deep"), "{}", problem(&"[".repeat(100)));
    }
}
