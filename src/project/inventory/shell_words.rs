//! The words of a host line, split as Python's `shlex.split(line, comments=True)` does, each with its place.
//!
//! Not the `shlex` crate: it keeps no places, and Python begins a comment at a `#` in the middle of a word too.

use std::ops::Range;

/// One word: what it says, and the bytes of the line that say it.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// Splits a line into words, up to a comment.
///
/// # Errors
/// What is missing at the end of the line: a quote, or a character behind a backslash.
pub(super) fn split(line: &str) -> Result<Vec<Word>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if quote.is_none() && c == '#' {
            break;
        }
        if quote.is_none() && matches!(c, ' ' | '\t' | '\r' | '\n') {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(|| Word { text: String::new(), range: at..end });
        word.range.end = end;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None | Some('"'), '\\') => {
                let (at, escaped) = chars.next().ok_or("a character is missing behind the `\\`")?;
                if quote.is_some() && escaped != '"' && escaped != '\\' {
                    word.text.push('\\');
                }
                word.text.push(escaped);
                word.range.end = at + escaped.len_utf8();
            }
            (_, c) => word.text.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    fn texts(line: &str) -> Vec<String> {
        split(line).expect("valid").into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_those_of_python() {
        assert_eq!(texts(r#"a b="x y" c='"3"' d=a\ b e="\n\"\\" f=''"#), ["a", "b=x y", r#"c="3""#, "d=a b", r#"e=\n"\"#, "f="]);
        assert_eq!(texts("a=foo#bar b"), ["a=foo"]);
        assert_eq!(texts("a '#' \"\""), ["a", "#", ""]);
        assert_eq!(texts("a;b ; c"), ["a;b", ";", "c"]);
        assert!(split("a 'b").is_err());
        assert!(split("a b\\").is_err());
    }

    #[test]
    fn words_know_their_place() {
        let line = r#"é  b="x y" # c"#;
        let places: Vec<&str> = split(line).expect("valid").iter().map(|word| &line[word.range.clone()]).collect();
        assert_eq!(places, ["é", r#"b="x y""#]);
    }
}
