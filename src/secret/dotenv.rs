//! `.env` files, by the rules that people rely on: `export`, three kinds of quotes, values over several lines, comments.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};

/// Reads the variables of a `.env` file, in order; the last of a name wins. Values are taken as they stand: `$NAME` is
/// not replaced.
///
/// # Errors
/// Every line that is none; the messages show no value.
pub fn parse(text: &str, name: &str) -> Result<Vec<(String, String)>, Diagnostics> {
    // Only the lines count in messages, for what is in them is secret.
    let shown = Source::new(name, text.lines().map(|_| "\n").collect::<String>());
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, shown, problems: Diagnostics::new() };
    let mut all: Vec<(String, String)> = Vec::new();
    while !reader.rest.is_empty() {
        if let Some((key, value)) = reader.entry() {
            all.retain(|(other, _)| *other != key);
            all.push((key, value));
        }
    }
    reader.problems.or(all)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    shown: Arc<Source>,
    problems: Diagnostics,
}

impl Reader<'_> {
    /// The next line, or lines when a value goes over several.
    fn entry(&mut self) -> Option<(String, String)> {
        let (line, _) = split_line(self.rest);
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            self.skip_line();
            return None;
        }
        let content = content.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).map_or(content, str::trim_start);
        let Some(at) = content.find('=') else {
            self.wrong("this line is no `NAME=value`");
            return None;
        };
        let key = content[..at].trim_end();
        if !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.wrong("what stands before `=` is no name");
            return None;
        }
        let key = key.to_string();
        let before = line.len() - content.len() + at + 1;
        let blank = line[before..].len() - line[before..].trim_start_matches([' ', '\t']).len();
        self.rest = &self.rest[before + blank..];
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => self.quoted(quote)?,
            _ => {
                let (line, _) = split_line(self.rest);
                // A `#` with a blank before it starts a comment; one inside of a word does not.
                let end = line.char_indices().position(|(at, c)| c == '#' && (at == 0 || line[..at].ends_with([' ', '\t'])));
                let value =
                    end.map_or(line, |end| &line[..line.char_indices().nth(end).map_or(line.len(), |(at, _)| at)]).trim_end().to_string();
                self.skip_line();
                value
            }
        };
        Some((key, value))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let body = &self.rest[1..];
        let (mut value, mut escaped) = (String::new(), false);
        for (at, char) in body.char_indices() {
            match char {
                _ if escaped => {
                    escaped = false;
                    match char {
                        'n' => value.push('\n'),
                        'r' => value.push('\r'),
                        't' => value.push('\t'),
                        '"' | '\\' | '$' | '`' => value.push(char),
                        other => value.extend(['\\', other]),
                    }
                }
                '\\' if quote == '"' => escaped = true,
                _ if char == quote => {
                    let (after, _) = split_line(&body[at + 1..]);
                    let clean = after.trim().is_empty() || after.trim_start().starts_with('#');
                    self.line += body[..at].matches('\n').count();
                    self.rest = &body[at + 1..];
                    if !clean {
                        self.wrong("something stands behind the closing quote");
                        return None;
                    }
                    self.skip_line();
                    return Some(value.replace("\r\n", "\n"));
                }
                _ => value.push(char),
            }
        }
        self.wrong("the quote is not closed");
        None
    }

    fn wrong(&mut self, what: &str) {
        self.problems.push(Diagnostic::error(what).at(&Span::line_of(&self.shown, self.line)));
        self.skip_line();
    }

    fn skip_line(&mut self) {
        self.rest = split_line(self.rest).1;
        self.line += 1;
    }
}

fn split_line(text: &str) -> (&str, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text, ".env").unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn the_rules_that_people_rely_on_hold() {
        let text = "# comment\n\nPLAIN=a b\nexport EXPORTED=x\nSPACES = padded  \nEMPTY=\nCOMMENT=value # not it\nHASH=a#b\nQUOTED=\"a # b\" # c\n\
            SINGLE='a\\n$HOME'\nDOUBLE=\"a\\nb\\t\\\"q\\\" \\\\ \\$x\"\nBACK=`it's \"x\"`\nKEY=\"-----BEGIN KEY-----\nabc\n-----END KEY-----\n\"\n\
            URL=postgres://u:p@h/d?x=1&y=2\nJSON='{\"a\": 1}'\nCRLF=x\r\nPLAIN=last\nEQUALS=a=b==\nexported=1\n";
        let expected = [
            ("EXPORTED", "x"),
            ("SPACES", "padded"),
            ("EMPTY", ""),
            ("COMMENT", "value"),
            ("HASH", "a#b"),
            ("QUOTED", "a # b"),
            ("SINGLE", "a\\n$HOME"),
            ("DOUBLE", "a\nb\t\"q\" \\ $x"),
            ("BACK", "it's \"x\""),
            ("KEY", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"),
            ("URL", "postgres://u:p@h/d?x=1&y=2"),
            ("JSON", "{\"a\": 1}"),
            ("CRLF", "x"),
            ("PLAIN", "last"),
            ("EQUALS", "a=b=="),
            ("exported", "1"),
        ];
        let expected: Vec<(String, String)> = expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn mistakes_are_told_by_their_line_and_without_a_value() {
        let problems = parse("A=1\nhunter2\nB=\"x\ny\"\n1C=hunter3\nD='hunter4' x\nE=\"hunter5\n", ".env").expect_err("errors");
        let shown: Vec<String> = problems.iter().map(|p| format!("{} {}", p.labels[0].0, p.summary)).collect();
        let expected = [
            ".env:2:1 this line is no `NAME=value`",
            ".env:5:1 what stands before `=` is no name",
            ".env:6:1 something stands behind the closing quote",
            ".env:7:1 the quote is not closed",
        ];
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(\\PC|[\n\r\t\"'`\\\\=#]){0,60}") {
            let _ = parse(&text, ".env");
        }

        #[test]
        fn a_quoted_value_comes_back(value in "(\\PC|[\n\t\"'`\\\\=#$]){0,40}") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(read(&format!("A=\"{escaped}\"\nB=1\n")), vec![("A".to_string(), value), ("B".to_string(), "1".to_string())]);
        }
    }
}
