//! Regular expressions for the lines of a file, as Ansible users write them: Python's, as far as they go without backtracking.

use std::borrow::Cow;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::Written;
use crate::diagnostic::Diagnostic;

/// A regular expression that is searched in one line at a time.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads the pattern that stands at `argument`.
    ///
    /// # Errors
    /// It is empty, or cannot be read.
    pub fn new(pattern: &str, argument: &str, written: &Written<'_>) -> Result<Self, Diagnostic> {
        if pattern.is_empty() {
            return Err(written
                .error(argument, format!("`{argument}` is empty, so every line would match"))
                .help("`^` says that on purpose"));
        }
        // Bytes as Python has them; letters beyond ASCII in `[...]` need the other way.
        let read = |unicode| RegexBuilder::new(&translated(pattern)).unicode(unicode).build();
        read(false).or_else(|_| read(true)).map(Self).map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            let error = written.error(argument, format!("`{argument}` is no regular expression that hoist reads: {reason}"));
            if text.contains("look-around") || text.contains("backreferences") {
                error.help("say it without `(?=`, `(?!`, `(?<` and `\\1`: hoist matches without backtracking")
            } else {
                error
            }
        })
    }

    /// Searches a line, which may end with a newline.
    pub fn captures<'t>(&self, line: &'t [u8]) -> Option<Captures<'t>> {
        // Python's `$` matches before a newline at the end, so the line is searched without it; patterns that mean
        // the newline itself (`\s`, `[^#]`) find it in the second try.
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        self.0.captures(bare).or_else(|| self.0.captures(line))
    }

    /// Whether it is in a line.
    pub fn is_in(&self, line: &[u8]) -> bool {
        self.captures(line).is_some()
    }

    /// Reads `template`, in which `\1` and `\g<name>` stand for what a group matched.
    ///
    /// # Errors
    /// In words: a group that the pattern does not have, an escape that means nothing.
    pub fn template(&self, template: &str) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some(at) = rest.find('\\') {
            pieces.push(Piece::Text(rest[..at].to_string()));
            let (piece, length) = self.escape(&rest[at + 1..])?;
            pieces.push(piece);
            rest = &rest[at + 1 + length..];
        }
        pieces.push(Piece::Text(rest.to_string()));
        Ok(pieces)
    }

    /// What stands behind a backslash, and how long it is.
    fn escape(&self, text: &str) -> Result<(Piece, usize), String> {
        let first = text.chars().next().ok_or("a `\\` at the end means nothing: write `\\\\`")?;
        if let Some(inner) = text.strip_prefix("g<") {
            let name = inner.split_once('>').map(|(name, _)| name).ok_or("`\\g<` has no `>`")?;
            let number = name.parse().ok().or_else(|| self.0.capture_names().position(|known| known == Some(name)));
            let number = number.filter(|number| *number < self.0.captures_len()).ok_or_else(|| no_group(name))?;
            return Ok((Piece::Group(number), name.len() + 3));
        }
        if first.is_ascii_digit() {
            let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
            let number: usize = text[..length].parse().unwrap_or(0);
            let known = number > 0 && number < self.0.captures_len();
            return known.then_some((Piece::Group(number), length)).ok_or_else(|| no_group(&text[..length]));
        }
        let meant = match first {
            'a' => "\x07",
            'b' => "\x08",
            'f' => "\x0c",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\x0b",
            '\\' => "\\",
            letter if letter.is_ascii_alphabetic() => {
                return Err(format!("`\\{letter}` means nothing here: write `\\\\{letter}` for a backslash"));
            }
            // As in Python, the backslash stays.
            other => return Ok((Piece::Text(format!("\\{other}")), other.len_utf8())),
        };
        Ok((Piece::Text(meant.to_string()), 1))
    }
}

fn no_group(name: &str) -> String {
    format!("the pattern has no group `{name}`")
}

/// A part of a text that is made of what a pattern found.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// This.
    Text(String),
    /// What the group of this number matched; nothing if it took no part.
    Group(usize),
}

/// The text that the pieces make.
pub fn expand(pieces: &[Piece], captures: &Captures<'_>) -> Vec<u8> {
    let one = |piece: &Piece| match piece {
        Piece::Text(text) => text.as_bytes().to_vec(),
        Piece::Group(number) => captures.get(*number).map(|group| group.as_bytes().to_vec()).unwrap_or_default(),
    };
    pieces.iter().flat_map(one).collect()
}

/// Python's spelling in that of the regex crate, where the same text would be refused or mean something else.
fn translated(pattern: &str) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len());
    let mut class: Option<usize> = None;
    let mut at = 0;
    while at < chars.len() {
        let (now, next) = (chars[at], chars.get(at + 1).copied());
        let mut taken = 1;
        match (now, next, class) {
            // `\<` and `\>` are word boundaries there, and plain characters in Python.
            ('\\', Some(plain @ ('<' | '>')), _) => {
                out.push(plain);
                taken = 2;
            }
            ('\\', Some('Z'), None) => {
                out.push_str("\\z");
                taken = 2;
            }
            ('\\', Some(next), _) => {
                out.extend([now, next]);
                taken = 2;
            }
            ('[', _, None) => {
                out.push(now);
                if next == Some('^') {
                    out.push('^');
                    taken = 2;
                }
                class = Some(at + taken);
            }
            // The first character of a class is never its end.
            (']', _, Some(start)) if at > start => {
                out.push(now);
                class = None;
            }
            // Classes do not nest in Python, and know no set operations.
            ('[' | ']' | '&' | '~', _, Some(_)) => out.extend(['\\', now]),
            ('{', _, None) => match quantifier(&chars[at..]) {
                Some((text, length)) => {
                    out.push_str(&text);
                    taken = length;
                }
                None => out.push_str("\\{"),
            },
            _ => out.push(now),
        }
        at += taken;
    }
    out
}

/// A quantifier such as `{2,3}`, and its length; a brace that begins none is a plain character in Python.
fn quantifier(chars: &[char]) -> Option<(Cow<'static, str>, usize)> {
    let end = chars.iter().position(|c| *c == '}')?;
    let inner: String = chars[1..end].iter().collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match inner.split_once(',') {
        Some((low, high)) if digits(low) && digits(high) => {
            let low = if low.is_empty() { "0" } else { low };
            Some((format!("{{{low},{high}}}").into(), end + 1))
        }
        None if !inner.is_empty() && digits(&inner) => Some((format!("{{{inner}}}").into(), end + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, Span};
    use crate::yaml::{Node, Value};

    fn pattern(text: &str) -> Result<Pattern, Diagnostic> {
        let span = Span::whole(&Source::new("t.yml", "x"));
        let node = Node::new(Value::Null, span.clone());
        Pattern::new(text, "regexp", &Written { key_span: &span, node: &node })
    }

    fn found(text: &str, line: &str) -> bool {
        pattern(text).expect("a pattern").is_in(line.as_bytes())
    }

    /// Each outcome is Python's (`re.search` on bytes).
    #[test]
    fn patterns_mean_what_they_mean_in_python() {
        for (text, line, expected) in [
            ("^foo$", "foo\n", true),
            ("^foo$", "foo\r\n", false),
            ("^$", "\n", true),
            ("^$", "foo\n", false),
            ("^foo\\s", "foo\n", true),
            ("foo[^#]", "foo\n", true),
            ("foo\\Z", "foo", true),
            ("^server {", "server {\n", true),
            ("^${VAR}", "x", false),
            ("\\${VAR}", "a ${VAR}\n", true),
            ("a{2}", "aa\n", true),
            ("a{,2}b", "aab\n", true),
            ("a{x}", "a{x}\n", true),
            ("\\<b\\>", "<b>\n", true),
            ("\\<b\\>", "b\n", false),
            ("[[]x]", "[x]\n", true),
            ("[]x]y", "]y\n", true),
            ("[^]x]y", "]y\n", false),
            ("[a&&b]c", "&c\n", true),
            ("^\\s*#?\\s*Port\\b", "  # Port 22\n", true),
            ("(?i)^port", "PORT 22\n", true),
            ("^a\\ b\\-c\\/d\\\"e\\_f", "a b-c/d\"e_f\n", true),
            ("\u{e4}=", "\u{e4}=1\n", true),
            ("[\u{e4}\u{f6}]=", "\u{f6}=1\n", true),
            ("^(?P<key>\\w+)\\s*=", "key = 1\n", true),
        ] {
            assert_eq!(found(text, line), expected, "{text} in {line:?}");
        }
        assert!(pattern("a=.*").expect("a pattern").is_in(b"a=\xff\xfe\n"));
    }

    #[test]
    fn what_cannot_be_matched_is_told() {
        let error = |text| pattern(text).expect_err("an error").summary;
        assert_eq!(
            error("a(?=b)"),
            "`regexp` is no regular expression that hoist reads: look-around, including look-ahead and look-behind, is not supported"
        );
        assert_eq!(error("(a"), "`regexp` is no regular expression that hoist reads: unclosed group");
        assert_eq!(error(""), "`regexp` is empty, so every line would match");
    }

    #[test]
    fn groups_are_put_into_the_line() {
        let pattern = pattern("^(?P<key>\\w+)=(\\w*)(x)?").expect("a pattern");
        let captures = pattern.captures(b"port=22\n").expect("found");
        let expanded = |text| pattern.template(text).map(|pieces| String::from_utf8(expand(&pieces, &captures)).expect("text"));
        assert_eq!(expanded(r"\1: \2\3!"), Ok("port: 22!".into()));
        assert_eq!(expanded(r"\g<key>\g<2>0 \\1 \. \t"), Ok("port220 \\1 \\. \t".into()));
        assert_eq!(expanded(r"\4"), Err("the pattern has no group `4`".into()));
        assert_eq!(expanded(r"\g<no>"), Err("the pattern has no group `no`".into()));
        assert_eq!(expanded(r"\d"), Err("`\\d` means nothing here: write `\\\\d` for a backslash".into()));
    }
}
