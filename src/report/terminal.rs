//! Makes any text fit to be shown: what could move the cursor, set a title, hide or reorder other text is written out
//! (`\x1b`, `\u{202e}`). Everything that may come from a host goes through here before it is printed.

use std::fmt::Write as _;

use super::words::count;

/// For words on one line: every control character, line end and tab is written out.
pub fn escape(text: impl AsRef<[u8]>) -> String {
    escaped(text.as_ref(), false)
}

/// For a line of a file or of output: as [`escape`], but a tab stays one.
pub fn escape_line(line: impl AsRef<[u8]>) -> String {
    escaped(line.as_ref(), true)
}

/// A line as [`escape_line`] makes it, and not longer than `limit` characters: then it says how many are left.
pub fn cut(line: impl AsRef<[u8]>, limit: usize) -> String {
    let line = escape_line(line);
    let length = line.chars().count();
    if length <= limit { line } else { line.chars().take(limit).collect::<String>() + &more(length, limit) }
}

/// What a line of `length` characters that is cut at `limit` says at its end.
pub fn more(length: usize, limit: usize) -> String {
    match length.saturating_sub(limit) {
        0 => String::new(),
        more => format!(" ... {}", count(more, "more character")),
    }
}

/// For the user's own sources in diagnostics, where columns count: a replacement character for each character that
/// hides something. ASCII controls are left to whoever draws the source.
pub fn visible(text: &str) -> String {
    text.chars().map(|char| if hides(char) { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

fn escaped(bytes: &[u8], tabs: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Before it is escaped or cut: a part of a secret would not be found any more.
        for char in crate::secret::hide(chunk.valid()).chars() {
            match char {
                '\t' if tabs => out.push(char),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0'..'\x20' | '\x7f' => push(&mut out, format_args!("\\x{:02x}", u32::from(char))),
                _ if hides(char) => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(char))),
                _ => out.push(char),
            }
        }
        for byte in chunk.invalid() {
            push(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out
}

fn push(out: &mut String, piece: std::fmt::Arguments<'_>) {
    out.write_fmt(piece).expect("a String takes all that is written");
}

/// Characters that cannot be seen, or that change how others are seen.
fn hides(char: char) -> bool {
    matches!(char,
        '\u{80}'..='\u{9f}'                                             // C1 controls: CSI, OSC in one character
        | '\u{ad}' | '\u{34f}' | '\u{180b}'..='\u{180f}'                // soft hyphen, joiners, Mongolian selectors
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' // bidirectional marks and overrides
        | '\u{2066}'..='\u{2069}'                                       // bidirectional isolates
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // no width
        | '\u{2028}' | '\u{2029}'                                       // line and paragraph separators
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'             // fillers that look like nothing
        | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'           // annotations, invisible musical marks
        | '\u{e0000}'..='\u{e0fff}') // tags and further variation selectors
}

#[cfg(test)]
mod tests {
    use super::{cut, escape, escape_line};

    // O01, O02
    #[test]
    fn no_control_sequence_survives() {
        assert_eq!(escape("\x1b]0;title\x07 \x1b[2J"), "\\x1b]0;title\\x07 \\x1b[2J");
        assert_eq!(escape("\x1b]52;c;cm0gLXJm\x07"), "\\x1b]52;c;cm0gLXJm\\x07");
        assert_eq!(escape("\u{9b}31m\u{9d}8;;x\u{9c}"), "\\u{9b}31m\\u{9d}8;;x\\u{9c}");
        assert_eq!(escape("a\x7f\x08\0b"), "a\\x7f\\x08\\x00b");
        assert_eq!(escape(b"caf\xe9 \xff\x9b1m"), "caf\\xe9 \\xff\\x9b1m");
        let every: String = (0..=0x10ffff).filter_map(char::from_u32).collect();
        assert_eq!(escape(every).chars().filter(|char| char.is_control()).count(), 0);
    }

    // O03
    #[test]
    fn what_hides_or_reorders_text_is_seen() {
        assert_eq!(escape("evil\rgood"), "evil\\rgood");
        assert_eq!(escape("if \u{202e}admin\u{2066} x\u{200b}y\u{feff}"), "if \\u{202e}admin\\u{2066} x\\u{200b}y\\u{feff}");
        assert_eq!(escape("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(escape_line("a\n\tc"), "a\\n\tc");
    }

    // O04
    #[test]
    fn a_long_line_is_cut_and_says_so() {
        assert_eq!(cut("12\x1b45", 8), "12\\x1b45");
        assert_eq!(cut("é".repeat(1_000_010), 10), format!("{} ... 1000000 more characters", "é".repeat(10)));
    }

    #[test]
    fn plain_text_of_any_script_stays() {
        let text = "naïve e\u{301} 日本語 עברית 🚀 C:\\x1b $HOME";
        assert_eq!(escape(text), text);
    }
}
