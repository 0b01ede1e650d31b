//! Public keys as `authorized_keys` lists them, and what becomes of such a list. Pure: text in, text out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The types that OpenSSH knows.
const TYPES: [&str; 8] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
    "ssh-dss",
];

/// A line of `authorized_keys`: `[OPTIONS] TYPE KEY [COMMENT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    options: String,
    kind: String,
    blob: String,
    comment: String,
}

/// What is to become of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wish {
    /// The keys are in it.
    Present,
    /// The keys are in it, and no others.
    Exclusive,
    /// The keys are not in it.
    Absent,
}

impl Key {
    /// Reads what a user wrote, and checks that the key is whole.
    ///
    /// # Errors
    /// In words, for the user.
    pub fn read(line: &str) -> Result<Self, String> {
        if line.contains("PRIVATE KEY") {
            return Err("this is a private key: give the public one, from the file that ends with .pub".into());
        }
        if line.starts_with("http://") || line.starts_with("https://") {
            return Err("keys are not fetched from the web: put them into the project, where changes to them are seen".into());
        }
        let key = Self::parse(line).ok_or("this is no public key: expected `ssh-ed25519 AAAA... comment`")?;
        let whole = STANDARD.decode(&key.blob).is_ok_and(|bytes| {
            let fields = fields(&bytes).unwrap_or_default();
            fields.len() > 1 && fields[0] == key.kind.as_bytes()
        });
        if whole { Ok(key) } else { Err(format!("this `{}` key is damaged: was it copied in full?", key.kind)) }
    }

    /// The same with these options.
    pub fn with_options(self, options: &str) -> Self {
        Self { options: options.to_string(), ..self }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = words(line.trim());
        let first = words.next()?;
        let (options, kind) = if TYPES.contains(&first) { ("", first) } else { (first, words.next()?) };
        let blob = words.next()?;
        let comment = line[blob.as_ptr() as usize - line.as_ptr() as usize + blob.len()..].trim();
        TYPES.contains(&kind).then(|| Self {
            options: options.to_string(),
            kind: kind.to_string(),
            blob: blob.to_string(),
            comment: comment.to_string(),
        })
    }

    /// Whether a line of the list is as wanted. The order of options means nothing; a comment is only looked at when
    /// one is wanted.
    fn is_met_by(&self, other: &Self) -> bool {
        let sorted = |key: &Self| {
            let mut all: Vec<String> = split(&key.options, |c| c == ',').map(str::to_string).collect();
            all.sort();
            all
        };
        self.kind == other.kind && sorted(self) == sorted(other) && (self.comment.is_empty() || self.comment == other.comment)
    }

    fn line(&self) -> String {
        let parts = [&self.options, &self.kind, &self.blob, &self.comment];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// Checks the options of a key.
///
/// # Errors
/// In words, for the user.
pub fn check_options(options: &str) -> Result<(), String> {
    let open = options.replace("\\\"", "").matches('"').count() % 2 == 1;
    if open {
        return Err("a `\"` is not closed".into());
    }
    if options.contains(['\n', '\r']) || words(options.trim()).count() > 1 {
        return Err("expected options separated by commas, without spaces outside of `\"...\"`".into());
    }
    Ok(())
}

/// The list as it is to be. What is no key stays where it is; other keys do too, unless the wish is exclusive.
pub fn edited(list: &str, keys: &[Key], wish: Wish) -> String {
    let mut lines: Vec<String> = list.lines().map(str::to_string).collect();
    let same = |line: &str, key: &Key| Key::parse(line).filter(|other| other.blob == key.blob);
    for key in keys {
        if wish == Wish::Absent {
            lines.retain(|line| same(line, key).is_none());
            continue;
        }
        let found: Vec<Key> = lines.iter().filter_map(|line| same(line, key)).collect();
        if !found.is_empty() && found.iter().all(|other| key.is_met_by(other)) {
            continue;
        }
        // sshd takes the options of the first line with a key, so no other line with it may stay.
        let at = lines.iter().position(|line| same(line, key).is_some()).unwrap_or(lines.len());
        let comment = found.first().map(|other| other.comment.clone()).filter(|_| key.comment.is_empty());
        lines.retain(|line| same(line, key).is_none());
        lines.insert(at, Key { comment: comment.unwrap_or_else(|| key.comment.clone()), ..key.clone() }.line());
    }
    if wish == Wish::Exclusive {
        let remark = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        lines.retain(|line| remark(line) || keys.iter().any(|key| same(line, key).is_some()));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The fields of a key, each behind its length; `None` when the last one is cut.
fn fields(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        fields.push(field);
        bytes = rest;
    }
    Some(fields)
}

/// Words separated by spaces and tabs, outside of quotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    split(text, |c| c == ' ' || c == '\t')
}

/// The parts between separators that stand outside of `"..."`, without empty ones. `\"` does not end a quote.
fn split(text: &str, separates: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let ends = separates(c) && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        ends
    })
    .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVyKBLiHQ3qJ2s3cqvzAxDXHgqLk3yQnTg6xYgGqf6Z anna@laptop";
    const BERT: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8sZ4bX1F6GmJ0nS4z8R5B6nFq0m3O1sTqvQ0P9dXYZ bert";

    fn key(line: &str) -> Key {
        Key::read(line).expect("a key")
    }

    #[test]
    fn a_key_is_read_with_its_options() {
        let line = format!("command=\"echo \\\"a, b\\\" c\",no-pty {ANNA} of the team");
        let read = key(&line);
        assert_eq!((read.options.as_str(), read.comment.as_str()), ("command=\"echo \\\"a, b\\\" c\",no-pty", "anna@laptop of the team"));
        assert_eq!(read.line(), line);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let error = |line: &str| Key::read(line).expect_err("an error");
        assert_eq!(
            error("-----BEGIN OPENSSH PRIVATE KEY-----"),
            "this is a private key: give the public one, from the file that ends with .pub"
        );
        assert_eq!(error("hello"), "this is no public key: expected `ssh-ed25519 AAAA... comment`");
        assert_eq!(error(&ANNA[..60]), "this `ssh-ed25519` key is damaged: was it copied in full?");
        assert_eq!(error(&ANNA.replace("ssh-ed25519 ", "ssh-rsa ")), "this `ssh-rsa` key is damaged: was it copied in full?");
        assert!(error("https://github.com/anna.keys").starts_with("keys are not fetched"));
        assert!(check_options("no-pty,command=\"a b\"").is_ok());
        assert!(check_options("no-pty, no-x11").is_err() && check_options("command=\"a").is_err());
    }

    #[test]
    fn a_key_is_put_behind_the_others() {
        let list = format!("# team\n{ANNA}");
        assert_eq!(edited(&list, &[key(BERT)], Wish::Present), format!("# team\n{ANNA}\n{BERT}\n"));
    }

    #[test]
    fn a_key_is_there_once_with_its_own_options() {
        let list = format!("{ANNA}\nno-pty {BERT}\n{ANNA} old\n");
        let wanted = key(ANNA).with_options("from=\"10.0.0.0/8\"");
        assert_eq!(edited(&list, &[wanted], Wish::Present), format!("from=\"10.0.0.0/8\" {ANNA}\nno-pty {BERT}\n"));
        assert_eq!(edited(&list, &[key(BERT)], Wish::Present), format!("{ANNA}\n{BERT}\n{ANNA} old\n"));
    }

    #[test]
    fn the_order_of_options_means_nothing() {
        let list = format!("no-pty,command=\"a,b\" {ANNA}\n");
        assert_eq!(edited(&list, &[key(ANNA).with_options("command=\"a,b\",no-pty")], Wish::Present), list);
    }

    #[test]
    fn a_comment_stays_when_none_is_wanted() {
        let bare = key(ANNA.trim_end_matches(" anna@laptop"));
        assert_eq!(edited(&format!("{ANNA}\n"), std::slice::from_ref(&bare), Wish::Present), format!("{ANNA}\n"));
        assert_eq!(edited(&format!("no-pty {ANNA}\n"), &[bare], Wish::Present), format!("{ANNA}\n"));
    }

    #[test]
    fn a_key_goes_whatever_its_options() {
        assert_eq!(edited(&format!("no-pty {ANNA} x\n{BERT}\n"), &[key(ANNA)], Wish::Absent), format!("{BERT}\n"));
    }

    #[test]
    fn an_exclusive_list_keeps_only_remarks_beside_its_keys() {
        let list = format!("# team\n{BERT}\n{ANNA}\nwhat is this\n");
        assert_eq!(edited(&list, &[key(ANNA)], Wish::Exclusive), format!("# team\n{ANNA}\n"));
    }
}
