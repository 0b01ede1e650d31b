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
    }

    #[test]
    fn names_in_use_are_taken() {
        let span = Span::whole(&Source::new("t.yml", "x"));
        for good in ["app", "_apt", "www-data", "john.doe", "Debian-exim"] {
            assert_eq!(account(good, "a user", &span), Ok(()), "{good}");
        }
    }
}
