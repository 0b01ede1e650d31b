//! Which names may be names on a host. They end up as arguments of programs, so they come from a short list of characters (I06).

use crate::diagnostic::{Diagnostic, Span};

/// Checks the name of a user or a group (`what` says which) as Debian's useradd takes it.
///
/// # Errors
/// Another character than letters, digits, `_`, `-` and `.`, another start than a letter or `_`, more than 32 characters.
pub fn account(name: &str, what: &str, span: &Span) -> Result<(), Diagnostic> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.len() <= 32 && only(name, "_-.");
    let help = "letters, digits, `_`, `-` and `.`, with a letter or `_` in front, 32 characters at most";
    if good { Ok(()) } else { Err(refused(name, what, span).help(help)) }
}

/// Checks the name of a package, with or without an architecture (`libc6:i386`).
///
/// # Errors
/// Another character than letters, digits, `+`, `.`, `_` and `-`; a `-` at its end, which apt-get takes for "remove it".
pub fn package(name: &str, span: &Span) -> Result<(), Diagnostic> {
    let (plain, architecture) = name.split_once(':').unwrap_or((name, "any"));
    let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let good = starts(plain) && only(plain, "+._-") && !plain.ends_with('-') && starts(architecture) && only(architecture, "-");
    if good && name.len() <= 255 { Ok(()) } else { Err(refused(name, "a package", span)) }
}

/// The full name of a systemd unit: `.service` is added to what has no suffix of a unit.
///
/// # Errors
/// A character that systemd does not allow, a leading `-`, more than 255 characters.
pub fn unit(name: &str, span: &Span) -> Result<String, Diagnostic> {
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    let full = if UNIT_SUFFIXES.contains(&suffix) { name.to_string() } else { format!("{name}.service") };
    let good = !name.is_empty() && !name.starts_with(['-', '.']) && full.len() <= 255 && only(&full, ":_.\\@-");
    if good { Ok(full) } else { Err(refused(name, "a systemd unit", span)) }
}

const UNIT_SUFFIXES: [&str; 11] =
    ["service", "socket", "timer", "path", "target", "mount", "automount", "swap", "slice", "scope", "device"];

fn only(text: &str, besides: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || besides.contains(c))
}

fn refused(name: &str, what: &str, span: &Span) -> Diagnostic {
    Diagnostic::error(format!("`{}` is no name for {what}", name.escape_debug())).at(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    // I06
    #[test]
    fn names_that_programs_would_misread_are_refused() {
        let span = Span::whole(&Source::new("t.yml", "x"));
        for bad in ["", "-rf", "a b", "a;b", "a\nb", "$(id)", "`id`", "../x", "%h", "a\\b", "a:b", &"a".repeat(300)] {
            assert!(account(bad, "a user", &span).is_err(), "{bad}");
        }
        for bad in ["", "-f", "nginx-", "a b", "a=1", "a/b", "nginx*", "a:-x", ":i386", "a\n", "../x", &"a".repeat(300)] {
            assert!(package(bad, &span).is_err(), "{bad}");
        }
        for bad in ["", "-H", ".service", "a b", "a/b", "nginx*", "a\n", "$(id)", &"a".repeat(300)] {
            assert!(unit(bad, &span).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_in_use_are_taken() {
        let span = Span::whole(&Source::new("t.yml", "x"));
        for good in ["app", "_apt", "www-data", "john.doe", "Debian-exim"] {
            assert_eq!(account(good, "a user", &span), Ok(()), "{good}");
        }
        for good in ["nginx", "g++", "libstdc++6:i386", "python3.11", "php8.2-fpm"] {
            assert_eq!(package(good, &span), Ok(()), "{good}");
        }
        for (written, full) in [
            ("nginx", "nginx.service"),
            ("php8.2-fpm", "php8.2-fpm.service"),
            ("a.timer", "a.timer"),
            ("postgresql@15-main", "postgresql@15-main.service"),
        ] {
            assert_eq!(unit(written, &span).as_deref(), Ok(full));
        }
    }
}
