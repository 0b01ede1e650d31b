//! Values in an INI inventory are Python literals where they can be read as such, else texts; so says Ansible
//! (`ast.literal_eval`). `[1, 2]`, `'a'`, `True`, `0x1f`, `1,2` are values; `yes`, `true`, `0777`, `1.2.3.4`, `a b` texts.
//!
//! Left out, and so read as the text that is written: bytes, complex numbers, `\N{...}`, floats beyond all bounds.

use super::number;
use crate::diagnostic::Span;
use crate::yaml::{Entry, Node, Value};

/// Python refuses more brackets inside brackets than 200; nobody writes them.
const DEEPEST: usize = 100;

/// Reads what stands behind the `=`. A comment behind a literal is dropped, one behind a text belongs to the text.
pub(super) fn read(text: &str, span: &Span) -> Node {
    let mut reader = Reader { text, at: 0, depth: 0, span };
    let value = reader.whole().unwrap_or_else(|| Value::String(text.to_string()));
    Node::new(value, span.clone())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    span: &'a Span,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Option<Value> {
        let (first, _) = self.value()?;
        let value = if self.rest().starts_with(',') { self.items(vec![first], None)? } else { first };
        self.rest().is_empty().then_some(value)
    }

    /// What is left, without blanks and comment in front.
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t']);
        self.at = self.text.len() - if rest.starts_with('#') { 0 } else { rest.len() };
        &self.text[self.at..]
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        self.rest().strip_prefix(word).is_some_and(|tail| !tail.starts_with(is_name)) && self.eat(word)
    }

    /// A value, and whether it is a bare number, the only thing that may have a sign.
    fn value(&mut self) -> Option<(Value, bool)> {
        let negative = self.eat("-");
        if !negative && !self.eat("+") {
            return self.atom();
        }
        match self.atom()? {
            (Value::Number(number, spelling), true) if negative => {
                let (number, spelling) = number::negative(&number, &spelling)?;
                Some((Value::Number(number, spelling), false))
            }
            (number @ Value::Number(..), true) => Some((number, false)),
            _ => None,
        }
    }

    fn atom(&mut self) -> Option<(Value, bool)> {
        let value = match self.rest().chars().next()? {
            '0'..='9' => return Some((self.number()?, true)),
            '.' if !self.rest().starts_with("...") => return Some((self.number()?, true)),
            '(' => return self.nested(Self::parenthesis),
            '[' => self.nested(Self::brackets)?,
            '{' => self.nested(Self::braces)?,
            _ if self.eat("...") => Value::String("...".to_string()),
            _ if self.word("None") => Value::Null,
            _ if self.word("True") => Value::Bool(true),
            _ if self.word("False") => Value::Bool(false),
            _ if self.word("set") => (self.eat("(") && self.eat(")")).then(|| Value::Sequence(Vec::new()))?,
            _ => Value::String(self.texts()?),
        };
        Some((value, false))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let value = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        value
    }

    fn parenthesis(&mut self) -> Option<(Value, bool)> {
        self.eat("(");
        if self.eat(")") {
            return Some((Value::Sequence(Vec::new()), false));
        }
        let (first, number) = self.value()?;
        if self.eat(")") {
            return Some((first, number));
        }
        Some((self.items(vec![first], Some(")"))?, false))
    }

    fn brackets(&mut self) -> Option<Value> {
        self.eat("[");
        if self.eat("]") { Some(Value::Sequence(Vec::new())) } else { self.items(Vec::new(), Some("]")) }
    }

    /// What follows `items` up to `close` (the end of the text without one): commas, values, perhaps a last comma.
    fn items(&mut self, mut items: Vec<Value>, close: Option<&str>) -> Option<Value> {
        let closed = |reader: &mut Self| match close {
            Some(close) => reader.eat(close),
            None => reader.rest().is_empty(),
        };
        let mut comma = items.is_empty();
        loop {
            // `[,]` is nothing, `[1,]` is a list.
            if !items.is_empty() && closed(self) {
                let node = |value| Node::new(value, self.span.clone());
                return Some(Value::Sequence(items.into_iter().map(node).collect()));
            }
            if !comma {
                comma = self.eat(",").then_some(true)?;
                continue;
            }
            items.push(self.value()?.0);
            comma = false;
        }
    }

    /// A dict, or a set: a list for us.
    fn braces(&mut self) -> Option<Value> {
        self.eat("{");
        if self.eat("}") {
            return Some(Value::Mapping(Vec::new()));
        }
        let (first, _) = self.value()?;
        if !self.eat(":") {
            return self.items(vec![first], Some("}"));
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut key = first;
        loop {
            let entry = Entry { key: key_text(&key)?, key_span: self.span.clone(), node: Node::new(self.value()?.0, self.span.clone()) };
            match entries.iter_mut().find(|known| known.key == entry.key) {
                Some(known) => *known = entry,
                None => entries.push(entry),
            }
            let comma = self.eat(",");
            if self.eat("}") {
                return Some(Value::Mapping(entries));
            }
            key = comma.then(|| self.value())??.0;
            self.eat(":").then_some(())?;
        }
    }

    fn number(&mut self) -> Option<Value> {
        let (number, spelling, length) = number::read(&self.text[self.at..])?;
        self.at += length;
        Some(Value::Number(number, spelling))
    }

    /// One text or several beside each other, which are one.
    fn texts(&mut self) -> Option<String> {
        let mut all = String::new();
        let mut found = false;
        while let Some((raw, quote)) = self.opening() {
            found = true;
            self.text_until(quote, raw, &mut all)?;
        }
        found.then_some(all)
    }

    fn opening(&mut self) -> Option<(bool, &'static str)> {
        let rest = self.rest();
        let (raw, tail) = match rest.as_bytes().first()? {
            b'r' | b'R' => (true, &rest[1..]),
            b'u' | b'U' => (false, &rest[1..]),
            _ => (false, rest),
        };
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| tail.starts_with(quote))?;
        self.at = self.text.len() - tail.len() + quote.len();
        Some((raw, quote))
    }

    fn text_until(&mut self, quote: &str, raw: bool, text: &mut String) -> Option<()> {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with(quote) {
                self.at += quote.len();
                return Some(());
            }
            let mut chars = rest.chars();
            let c = chars.next()?;
            self.at += c.len_utf8();
            if c != '\\' {
                text.push(c);
                continue;
            }
            let escaped = chars.next()?;
            self.at += escaped.len_utf8();
            if raw {
                text.extend(['\\', escaped]);
            } else {
                self.escape(escaped, text)?;
            }
        }
    }

    fn escape(&mut self, escaped: char, text: &mut String) -> Option<()> {
        let simple = match escaped {
            '\\' | '\'' | '"' => escaped,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            'N' => return None,
            '0'..='7' => {
                let digits: String = self.text[self.at - 1..].chars().take(3).take_while(|c| c.is_digit(8)).collect();
                self.at += digits.len() - 1;
                char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?
            }
            other => {
                text.extend(['\\', other]);
                return Some(());
            }
        };
        text.push(simple);
        Some(())
    }

    fn code(&mut self, length: usize) -> Option<char> {
        let digits = self.text[self.at..].get(..length).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.at += length;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    }
}

/// The keys that JSON can have; a tuple is none.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Null => Some("null".to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(_, spelling) => Some(spelling.clone()),
        Value::String(text) => Some(text.clone()),
        Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn json(text: &str) -> serde_json::Value {
        read(text, &Span::whole(&Source::new("f", text))).to_json()
    }

    #[test]
    fn literals_are_values() {
        let text = "[3 # three, ]";
        assert_eq!(json(text), text);
        for (text, value) in [
            ("3 # three", "3"),
            ("-0", "0"),
            ("1_000", "1000"),
            ("0x_1f", "31"),
            ("00", "0"),
            ("+.5", "0.5"),
            ("1.5e-1", "0.15"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("(3)", "3"),
            ("-(3)", "-3"),
            ("1,2", "[1,2]"),
            ("1,", "[1]"),
            ("()", "[]"),
            ("set()", "[]"),
            ("{1, 2,}", "[1,2]"),
            ("[-1, (2, 3), {'x': [None]}]", r#"[-1,[2,3],{"x":[null]}]"#),
            ("{'a': True, 1: 'x', 'a': 2,}", r#"{"a":2,"1":"x"}"#),
            (r#""a"'b' u"c" # d"#, r#""abc""#),
            ("'''x'y'''", r#""x'y""#),
            (r"r'a\b'", r#""a\\b""#),
            (r"'\q\x41\101\u00e9\'\n'", r#""\\qAAé'\n""#),
            ("...", r#""...""#),
        ] {
            assert_eq!(json(text), serde_json::from_str::<serde_json::Value>(value).expect("valid JSON"), "{text}");
        }
    }

    #[test]
    fn all_else_is_the_text_that_is_written() {
        let deep = "[".repeat(100_000);
        for text in [
            "yes",
            "true",
            "0777",
            "1.2.3.4",
            "2024-10-12",
            "10:30",
            "a b",
            "foo # bar",
            "--5",
            "-True",
            "-(-5)",
            "1+2",
            "1__0",
            "1_",
            "_1",
            "0x",
            "1if",
            "[1 2]",
            "[1,,2]",
            "{1:2,3}",
            "'un'closed",
            "'a\\",
            "'a'*3",
            r"'\xg'",
            "f'x'",
            "b'x'",
            r"'\ud800'",
            "{'a':1}['a']",
            "[",
            "1e400",
            "inf",
            "",
            ",",
            "(,)",
            "[,]",
            "{,}",
            "{1:}",
            "{[1]: 2}",
            "None2",
            "é",
            "'a' b",
            "1.e",
            "1..2",
            "set(1)",
            &deep,
        ] {
            assert_eq!(json(text), text);
        }
    }
}
