//! Which names may be names. Host, group and user names end up in file names, in arguments of programs and on terminals,
//! so they come from a short list of characters (I06); variables must be usable in a template.

use std::net::Ipv6Addr;

use crate::diagnostic::{Diagnostic, Span};

/// Names that hoist gives a value itself.
const RESERVED: [&str; 13] = [
    "env",
    "facts",
    "group_names",
    "groups",
    "hostvars",
    "inventory_hostname",
    "inventory_hostname_short",
    "item",
    "loop",
    "omit",
    "play_hosts",
    "role_names",
    "vars",
];

/// The longest name of a host in the DNS.
const LONGEST: usize = 253;

const PLAIN: &str = "a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most";

/// Checks the name of a host: a name, an IPv4 or an IPv6 address.
///
/// # Errors
/// Any other character, a leading `-` or `.`, more than 253 characters.
pub fn host(name: &str, span: &Span) -> Result<(), Diagnostic> {
    if is_plain(name) || name.parse::<Ipv6Addr>().is_ok() { Ok(()) } else { Err(refused(name, "the name of a host", span)) }
}

/// Checks the name of a group, a user, a role (`what`, for the message).
///
/// # Errors
/// As [`host`], and no IPv6 address.
pub fn plain(name: &str, what: &str, span: &Span) -> Result<(), Diagnostic> {
    if is_plain(name) { Ok(()) } else { Err(refused(name, &format!("the name of a {what}"), span)) }
}

/// Checks what to connect to: as [`host`], and an IPv6 address may have a zone (`fe80::1%eth0`).
///
/// # Errors
/// As [`host`].
pub fn address(name: &str, span: &Span) -> Result<(), Diagnostic> {
    let zoned = name.split_once('%').is_some_and(|(address, zone)| address.parse::<Ipv6Addr>().is_ok() && is_plain(zone));
    if zoned || host(name, span).is_ok() { Ok(()) } else { Err(refused(name, "the address of a host", span)) }
}

/// Checks the name of a variable.
///
/// # Errors
/// A name that no template could use, or one that hoist sets itself.
pub fn variable(name: &str, span: &Span) -> Result<(), Diagnostic> {
    if RESERVED.contains(&name) {
        return Err(Diagnostic::error(format!("`{name}` is a name that hoist sets itself")).at(span).help("choose another name"));
    }
    if is_variable(name) {
        return Ok(());
    }
    let meant: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let refused = Diagnostic::error(format!("`{}` cannot be the name of a variable", name.escape_debug())).at(span);
    Err(if is_variable(&meant) {
        refused.help(format!("write `{meant}`: letters, digits and `_`, no digit in front"))
    } else {
        refused.help("letters, digits and `_`, no digit in front")
    })
}

fn is_variable(name: &str) -> bool {
    let start = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    start && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_plain(name: &str) -> bool {
    let start = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    start && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn refused(name: &str, what: &str, span: &Span) -> Diagnostic {
    let shown: String = name.chars().take(60).collect();
    Diagnostic::error(format!("`{}` cannot be {what}", shown.escape_debug())).at(span).help(PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn span() -> Span {
        Span::whole(&Source::new("f", ""))
    }

    // I06
    #[test]
    fn names_that_could_mean_something_else_are_refused() {
        let long = "a".repeat(254);
        for bad in [
            "",
            "-oProxyCommand=x",
            "a b",
            "a;b",
            "%h",
            "$(id)",
            "`id`",
            "a\nb",
            "../x",
            "a\\b",
            "a\u{200b}",
            "é",
            ".",
            "a\0",
            "a:b",
            &long,
        ] {
            assert!(host(bad, &span()).is_err(), "{bad:?}");
            assert!(plain(bad, "group", &span()).is_err(), "{bad:?}");
            assert!(address(bad, &span()).is_err(), "{bad:?}");
        }
        for good in ["web1", "web-1.example.com", "10.0.0.1", "_x", &"a".repeat(253)] {
            assert!(host(good, &span()).is_ok(), "{good}");
        }
        assert!(host("2001:db8::1", &span()).is_ok());
        assert!(host("fe80::1%eth0", &span()).is_err());
        assert!(address("fe80::1%eth0", &span()).is_ok());
        assert!(address("fe80::1%-x", &span()).is_err());
    }

    #[test]
    fn variables_can_be_used_in_a_template() {
        assert!(variable("db_password2", &span()).is_ok());
        let refused = variable("db-password", &span()).expect_err("a dash is refused");
        assert_eq!(refused.help, ["write `db_password`: letters, digits and `_`, no digit in front"]);
        assert!(variable("2nd", &span()).is_err());
        assert!(variable("", &span()).is_err());
        assert_eq!(variable("groups", &span()).expect_err("reserved").summary, "`groups` is a name that hoist sets itself");
    }
}
