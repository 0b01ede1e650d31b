//! The last fence: known secrets are cut out of whatever is about to be printed, in every form in which they usually
//! turn up. Masking by type comes first; this catches what slips through, such as the words of a program on a host.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::value::MASK;

/// Shorter ones are not looked for: they would be found everywhere, and tell by it what they are.
const LEAST: usize = 4;
/// From here on a secret is found inside other words too.
const ANYWHERE: usize = 8;

/// Finds known secrets in texts.
pub struct Mask {
    known: BTreeSet<Pattern>,
    least: usize,
    /// Made when it is needed first; the patterns in the order of `known`.
    finder: Option<AhoCorasick>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    text: String,
    /// Only where no letter or digit stands before and behind.
    whole: bool,
}

// One for the process: a panic must find it too, and nobody can hand it one. Tests run side by side, each in its thread.
#[cfg(not(test))]
static KNOWN: RwLock<Option<Mask>> = RwLock::new(None);
#[cfg(test)]
thread_local!(static KNOWN: RwLock<Option<Mask>> = const { RwLock::new(None) });

/// Makes a secret known to [`hide`].
pub fn learn(secret: &str) {
    known(|known| known.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().add(secret));
}

/// The text with every known secret replaced by a mask.
pub fn hide(text: &str) -> Cow<'_, str> {
    known(|known| {
        match known.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            None => return Cow::Borrowed(text),
            Some(mask) if mask.finder.is_some() => return mask.hide(text),
            Some(_) => {}
        }
        // Hidden under the same lock: nobody may add a secret in between.
        match known.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(mask) => {
                mask.prepare();
                mask.hide(text)
            }
            None => Cow::Borrowed(text),
        }
    })
}

#[cfg(not(test))]
fn known<T>(then: impl FnOnce(&RwLock<Option<Mask>>) -> T) -> T {
    then(&KNOWN)
}

#[cfg(test)]
fn known<T>(then: impl FnOnce(&RwLock<Option<Mask>>) -> T) -> T {
    KNOWN.with(then)
}

impl Default for Mask {
    fn default() -> Self {
        Self::from_length(LEAST)
    }
}

impl Mask {
    /// Knows nothing yet; shorter values than `least` characters will not be looked for.
    pub fn from_length(least: usize) -> Self {
        Self { known: BTreeSet::new(), least, finder: None }
    }

    /// The same, ready to be used.
    pub fn ready(mut self) -> Self {
        self.prepare();
        self
    }

    /// Adds a secret in all its forms: as it is, each of its lines, as JSON, in a URL, quoted for a shell, in hex and in
    /// base64 wherever it may begin in there.
    pub fn add(&mut self, secret: &str) {
        let before = self.known.len();
        self.add_text(secret.trim_matches('\n'));
        let lines: Vec<&str> = secret.split(char::is_control).filter(|line| !line.starts_with("-----")).collect();
        if lines.len() > 1 {
            lines.iter().for_each(|line| self.add_text(line.trim()));
        }
        if self.known.len() > before {
            self.finder = None;
        }
    }

    fn add_text(&mut self, text: &str) {
        if text.chars().count() < self.least {
            return;
        }
        self.pattern(text.to_string());
        let json = serde_json::to_string(text).unwrap_or_default();
        self.pattern(json.trim_matches('"').to_string());
        self.pattern(text.escape_debug().to_string());
        for keep in ["", "/"] {
            for lower in [false, true] {
                let url = in_url(text, keep, lower);
                self.pattern(url.replace("%20", "+"));
                self.pattern(url);
            }
        }
        if let Some(quoted) = crate::shell::quote(text) {
            self.pattern(quoted.trim_matches(['\'', '"']).to_string());
        }
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.pattern(hex.to_uppercase());
        self.pattern(hex);
        self.pattern(STANDARD.encode(text));
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // Somewhere inside of other text: the characters that depend on nothing but the secret.
            for before in 0..3 {
                let padded = [&[0; 2][..before], text.as_bytes()].concat();
                let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
                let encoded = &engine.encode(&padded)[from..to];
                if encoded.len() >= ANYWHERE {
                    self.pattern(encoded.to_string());
                }
            }
        }
    }

    fn pattern(&mut self, text: String) {
        let length = text.chars().count();
        if length >= self.least {
            self.known.insert(Pattern { whole: length < ANYWHERE, text });
        }
    }

    fn prepare(&mut self) {
        if self.finder.is_none() {
            self.finder = AhoCorasick::new(self.known.iter().map(|pattern| &pattern.text)).ok();
        }
    }

    /// The text without what is known. Colours do not hide a secret: they are looked through.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(finder) = &self.finder else {
            // Without it (more patterns than can be indexed) nothing could be found, so nothing is shown.
            return if self.known.is_empty() { Cow::Borrowed(text) } else { Cow::Borrowed(MASK) };
        };
        let (plain, places) = without_colours(text);
        let known: Vec<&Pattern> = self.known.iter().collect();
        let mut found: Vec<(usize, usize)> = finder
            .find_overlapping_iter(plain.as_ref())
            .filter(|found| !known[found.pattern().as_usize()].whole || stands_alone(&plain, found.start(), found.end()))
            .map(|found| (found.start(), found.end()))
            .collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let place = |at: usize| places.as_ref().map_or(at, |places| places[at]);
        let (mut out, mut done, mut at) = (String::with_capacity(text.len()), 0, 0);
        while at < found.len() {
            let (start, mut end) = found[at];
            while at < found.len() && found[at].0 <= end {
                end = end.max(found[at].1);
                at += 1;
            }
            out.push_str(&text[done..place(start)]);
            out.push_str(MASK);
            done = place(end - 1) + 1;
            // Colours inside of it stay, so that what follows looks as it should.
            out.extend(codes(&text[place(start)..done]));
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let word = |c: char| c.is_alphanumeric();
    let before = &text[..start];
    // `\n` written out is no letter n.
    let escape = ["\\n", "\\t", "\\r"].iter().any(|escape| before.ends_with(escape));
    (escape || !before.ends_with(word)) && !text[end..].starts_with(word)
}

/// The text without `ESC [ ... letter`, and where each of its bytes stands in the original; `None` when it is the same.
fn without_colours(text: &str) -> (Cow<'_, str>, Option<Vec<usize>>) {
    if !text.contains('\x1b') {
        return (Cow::Borrowed(text), None);
    }
    let (mut plain, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
    let mut at = 0;
    while at < text.len() {
        let code = code_length(&text[at..]);
        if code > 0 {
            at += code;
            continue;
        }
        let next = text[at..].chars().next().map_or(1, char::len_utf8);
        plain.push_str(&text[at..at + next]);
        places.extend(at..at + next);
        at += next;
    }
    (Cow::Owned(plain), Some(places))
}

fn code_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\x1b[") else { return 0 };
    rest.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 3)
}

fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('\x1b').map(|(at, _)| &text[at..at + code_length(&text[at..])])
}

/// Percent-encoded but for letters, digits and `-._~`.
pub fn url_encoded(text: &str) -> String {
    in_url(text, "", false)
}

fn in_url(text: &str, keep: &str, lower: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match char::from(byte) {
            char if byte.is_ascii_alphanumeric() || "-._~".contains(char) || keep.contains(char) => out.push(char),
            _ if lower => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(secrets: &[&str]) -> Mask {
        let mut mask = Mask::default();
        secrets.iter().for_each(|secret| mask.add(secret));
        mask.ready()
    }

    // V01
    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "päss/w\"rd'&42\\x";
        let mask = mask(&[secret]);
        let forms = [
            secret.to_string(),
            serde_json::to_string(secret).expect("JSON"),
            format!("{secret:?}"),
            url_encoded(secret),
            in_url(secret, "/", false).replace("%20", "+"),
            in_url(secret, "", true),
            crate::shell::quote(secret).expect("no NUL"),
            STANDARD.encode(secret),
            STANDARD.encode(format!("user:{secret}")),
            STANDARD.encode(format!("a{secret}b")),
            URL_SAFE_NO_PAD.encode(format!("ab{secret}bc")),
            secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ];
        for form in forms {
            let text = format!("before {form} after");
            let hidden = mask.hide(&text);
            assert!(hidden.contains(MASK), "{form} stays in {hidden}");
            let encoded = |text: &str| STANDARD_NO_PAD.encode(text)[2..10].to_string();
            assert!(!hidden.contains("w\"rd") && !hidden.contains(&encoded(secret)), "{hidden}");
            assert!(hidden.starts_with("before ") && hidden.ends_with(" after"), "{hidden}");
        }
        // The negative control: another value is left alone.
        assert_eq!(mask.hide("before pass after"), "before pass after");
    }

    #[test]
    fn colours_do_not_hide_a_secret() {
        let mask = mask(&["hunter2000"]);
        assert_eq!(mask.hide("a \x1b[31mhunt\x1b[7mer2000\x1b[0m b"), "a \x1b[31m(secret)\x1b[7m\x1b[0m b");
        assert_eq!(mask.hide("\x1b[1mé\x1b[0m hunter2000é"), "\x1b[1mé\x1b[0m (secret)é");
    }

    #[test]
    fn every_line_of_a_long_secret_is_one() {
        let mask = mask(&["-----BEGIN KEY-----\nAAAAbbbbCCCC\nxy\ndddd\n-----END KEY-----\n"]);
        assert_eq!(
            mask.hide("1: AAAAbbbbCCCC, 2: xy, 3: dddd, -----BEGIN KEY-----"),
            "1: (secret), 2: xy, 3: (secret), -----BEGIN KEY-----"
        );
    }

    #[test]
    fn short_ones_are_found_only_where_they_stand_alone() {
        let mask = mask(&["word", "abc", ""]);
        assert_eq!(mask.hide("password=word, words, abc \\nword"), "password=(secret), words, abc \\n(secret)");
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        assert_eq!(mask(&["abcdefgh", "efghijkl"]).hide("xabcdefghijklx"), "x(secret)x");
    }

    proptest! {
        #[test]
        fn what_is_hidden_is_gone(secret in "[a-zA-Z0-9/+=&%é]{8,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before}{secret}{after}");
            let mask = mask(&[&secret]);
            prop_assert!(!mask.hide(&text).contains(&secret));
        }
    }
}
