//! One word that names hosts: `web1`, `web1:2222`, `web[01:10]`, `web[a:f].example.com`, `web[1:9:2]`, `[2001:db8::1]:22`.

use crate::diagnostic::{Diagnostic, Span};

/// More hosts than anyone has: `[0:999999999]` is a slip.
const MOST: usize = 100_000;

/// The names that a word stands for, in order, and the port behind it.
///
/// # Errors
/// A range or a port that cannot be.
pub(super) fn expand(word: &str, span: &Span) -> Result<(Vec<String>, Option<u16>), Diagnostic> {
    let wrong = |text: String| Diagnostic::error(text).at(span);
    let (pattern, port) = split_port(word);
    let port = match port {
        None => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(wrong(format!("`{digits}` is no port")).help("a port is a number from 1 to 65535")),
        },
    };
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((head, tail)) = rest.split_once('[') {
        let Some((range, tail)) = tail.split_once(']') else {
            return Err(wrong(format!("the `[` in `{word}` is not closed")));
        };
        let items = items(range)
            .map_err(|text| wrong(format!("`[{range}]` is no range: {text}")).help("as in `web[01:10]`, `web[a:f]`, `web[1:9:2]`"))?;
        if names.len() * items.len() > MOST {
            return Err(wrong(format!("`{word}` stands for more than {MOST} hosts")));
        }
        names = names.iter().flat_map(|name| items.iter().map(move |item| format!("{name}{head}{item}"))).collect();
        rest = tail;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok((names, port))
}

/// A `:` and digits at the end are a port, unless the word has other colons outside of brackets, as an IPv6 address has.
fn split_port(word: &str) -> (&str, Option<&str>) {
    let Some((head, digits)) = word.rsplit_once(':').filter(|(_, tail)| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()))
    else {
        return (word, None);
    };
    if let Some(inner) = head.strip_prefix('[').and_then(|head| head.strip_suffix(']'))
        && items(inner).is_err()
    {
        return (inner, Some(digits));
    }
    let mut depth = 0_usize;
    for c in head.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return (word, None),
            _ => {}
        }
    }
    if depth == 0 { (head, Some(digits)) } else { (word, None) }
}

/// What a range counts through.
fn items(range: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, 1),
        [begin, end, step] => (begin, end, step.parse::<usize>().ok().filter(|step| *step > 0).ok_or("the step must be a number above 0")?),
        _ => return Err("it must be begin:end or begin:end:step".to_string()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten();
    let (first, last, width) = match (number(begin), number(end), position(begin), position(end)) {
        (Some(first), Some(last), ..) => {
            let padded = begin.len() > 1 && begin.starts_with('0');
            if padded && begin.len() != end.len() {
                return Err("begin and end must have the same length when begin has zeros in front".to_string());
            }
            (first, last, if padded { begin.len() } else { 0 })
        }
        (.., Some(first), Some(last)) => (first, last, 0),
        _ => return Err("begin and end must be two numbers or two letters".to_string()),
    };
    if first > last {
        return Err("it ends before it begins".to_string());
    }
    if (last - first) / step >= MOST {
        return Err(format!("it has more than {MOST} items"));
    }
    let letters = number(begin).is_none();
    let item = |at: usize| if letters { char::from(LETTERS[at]).to_string() } else { format!("{at:0width$}") };
    Ok((first..=last).step_by(step).map(item).collect())
}

/// Ansible counts through both alphabets in a row.
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn position(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [letter] => LETTERS.iter().position(|known| known == letter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn read(word: &str) -> Result<(Vec<String>, Option<u16>), String> {
        expand(word, &Span::whole(&Source::new("f", word))).map_err(|error| error.summary)
    }

    #[test]
    fn ranges_count_as_in_ansible() {
        let names = |word| read(word).expect("valid").0.join(" ");
        assert_eq!(names("web[08:11]"), "web08 web09 web10 web11");
        assert_eq!(names("web[1:9:4].x"), "web1.x web5.x web9.x");
        assert_eq!(names("[y:B]"), "y z A B");
        assert_eq!(names("[a:b][1:2]-[:1]"), "a1-0 a1-1 a2-0 a2-1 b1-0 b1-1 b2-0 b2-1");
        assert_eq!(names("[1:010:9]"), "1 10");
    }

    #[test]
    fn ports_are_told_from_addresses() {
        assert_eq!(read("web:22"), Ok((vec!["web".into()], Some(22))));
        assert_eq!(read("[01:02]:22"), Ok((vec!["01".into(), "02".into()], Some(22))));
        assert_eq!(read("web[1:2]:22"), Ok((vec!["web1".into(), "web2".into()], Some(22))));
        assert_eq!(read("[2001:db8::1]:22"), Ok((vec!["2001:db8::1".into()], Some(22))));
        assert_eq!(read("2001:db8::1"), Ok((vec!["2001:db8::1".into()], None)));
        assert_eq!(read("[2001:db8::[1:2]]:22"), Ok((vec!["2001:db8::1".into(), "2001:db8::2".into()], Some(22))));
    }

    #[test]
    fn ranges_that_cannot_be_are_refused() {
        let message = |word| read(word).expect_err("refused");
        assert_eq!(message("web[3:1]"), "`[3:1]` is no range: it ends before it begins");
        assert_eq!(message("web[1:3:0]"), "`[1:3:0]` is no range: the step must be a number above 0");
        assert_eq!(message("web[01:100]"), "`[01:100]` is no range: begin and end must have the same length when begin has zeros in front");
        assert_eq!(message("web[a:3]"), "`[a:3]` is no range: begin and end must be two numbers or two letters");
        assert_eq!(message("web[1]"), "`[1]` is no range: it must be begin:end or begin:end:step");
        assert_eq!(message("web[1:]"), "`[1:]` is no range: begin and end must be two numbers or two letters");
        assert_eq!(message("web[1:2"), "the `[` in `web[1:2` is not closed");
        assert_eq!(message("web:0"), "`0` is no port");
        assert_eq!(message("web:65536"), "`65536` is no port");
        assert!(message("w[0:999999999999]").contains("more than"));
        assert!(message("w[0:999][0:999]").contains("more than"));
    }
}
