//! Which hosts are meant: `web`, `web1,db`, `web*`, `all:!db`, `web:&fast`. For `--limit` and for `hosts:` of a play.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use super::{Host, Inventory};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};

/// A selection of hosts, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    text: String,
    span: Span,
    terms: Vec<(Sign, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Plus,
    And,
    Minus,
}

impl Pattern {
    /// Reads a pattern; `,` and `:` separate its terms.
    ///
    /// # Errors
    /// Nothing is written, or something that Ansible knows and hoist does not: regular expressions, `web[0]`, `@file`.
    pub fn parse(text: &str, span: &Span) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut terms = Vec::new();
        for term in split(text) {
            let (sign, name) = match term.as_bytes()[0] {
                b'!' => (Sign::Minus, &term[1..]),
                b'&' => (Sign::And, &term[1..]),
                _ => (Sign::Plus, term),
            };
            let wrong = |what: &str| Diagnostic::error(format!("`{}` {what}", term.escape_debug())).at(span);
            if name.starts_with('~') {
                problems.push(wrong("is a regular expression, which is not supported").help("use `*`, `?` and `[abc]`, as in `web*`"));
            } else if name.starts_with('@') {
                problems.push(wrong("is a file of names, which is not supported").help("name the hosts or a group"));
            } else if has_position(name) {
                problems.push(wrong("picks hosts by their position, which is not supported").help("name the hosts"));
            } else if name.is_empty() {
                problems.push(wrong("has no name behind it").help("write the name of a host or a group"));
            } else {
                terms.push((sign, name.to_string()));
            }
        }
        if terms.is_empty() && problems.is_empty() {
            problems.push(Diagnostic::error("this names no hosts").at(span).help("write the name of a host or a group, or `all`"));
        }
        problems.or(Self { text: text.to_string(), span: span.clone(), terms })
    }

    /// The hosts that are meant, at least one.
    ///
    /// # Errors
    /// As [`Pattern::hosts`]; and when nothing is left.
    pub fn select<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a Host>, Diagnostics> {
        let hosts = self.hosts(inventory)?;
        if hosts.is_empty() {
            let error = Diagnostic::error(format!("`{}` selects no host", self.text.escape_debug())).at(&self.span);
            return Err(error.help("nothing was contacted; `hoist inventory` shows what is in each group").into());
        }
        Ok(hosts)
    }

    /// The hosts that are meant, perhaps none: first all that are named, in the order named, then less those without
    /// `&`, then less those with `!`.
    ///
    /// # Errors
    /// Names that are no host and no group, globs that fit none; all of them at once.
    pub fn hosts<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a Host>, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut matched: Vec<(Sign, Vec<&Host>)> = Vec::new();
        for (sign, name) in &self.terms {
            matched.extend(problems.take(self.matches(name, inventory)).map(|hosts| (*sign, hosts)));
        }
        let of = |wanted: Sign| matched.iter().filter(move |(sign, _)| *sign == wanted).map(|(_, hosts)| hosts);
        let mut hosts: Vec<&Host> = of(Sign::Plus).flatten().copied().collect();
        if !self.terms.iter().any(|(sign, _)| *sign == Sign::Plus) {
            hosts = inventory.hosts_of("all");
        }
        let mut seen = BTreeSet::new();
        hosts.retain(|host| seen.insert(&host.name));
        let names = |hosts: &[&Host]| hosts.iter().map(|host| host.name.clone()).collect::<BTreeSet<_>>();
        for keep in of(Sign::And).map(|hosts| names(hosts)) {
            hosts.retain(|host| keep.contains(&host.name));
        }
        for drop in of(Sign::Minus).map(|hosts| names(hosts)) {
            hosts.retain(|host| !drop.contains(&host.name));
        }
        problems.or(hosts)
    }

    fn matches<'a>(&self, name: &str, inventory: &'a Inventory) -> Result<Vec<&'a Host>, Diagnostic> {
        let wrong = |what: &str| Diagnostic::error(format!("`{}` {what}", name.escape_debug())).at(&self.span).missing();
        let names: Vec<&str> = inventory.groups().iter().map(|group| group.name.as_str()).collect();
        let known_groups = || format!("the groups are {}", names.join(", "));
        if name.contains(['*', '?', '[']) {
            let groups = inventory.groups().iter().filter(|group| fits(name, &group.name));
            let hosts = inventory.hosts().iter().filter(|host| fits(name, &host.name));
            let found: Vec<&Host> = groups.clone().flat_map(|group| inventory.hosts_of(&group.name)).chain(hosts).collect();
            return if found.is_empty() && groups.count() == 0 {
                Err(wrong("fits no host and no group").help(known_groups()))
            } else {
                Ok(found)
            };
        }
        let group = inventory.group(name).map(|_| inventory.hosts_of(name));
        match (inventory.host(name), group) {
            (Some(host), Some(group)) if group != [host] => Err(wrong("is both a host and a group of others").help("rename one of them")),
            (Some(host), _) => Ok(vec![host]),
            (None, Some(group)) => Ok(group),
            (None, None) => {
                let known = names.iter().copied().chain(inventory.hosts().iter().map(|host| host.name.as_str()));
                let close = suggest::closest(name, known).map(|close| format!("did you mean `{close}`?"));
                Err(wrong("is no host and no group").help(close.unwrap_or_else(known_groups)))
            }
        }
    }
}

/// The terms between `,` and `:`; an IPv6 address and the inside of `[...]` keep their colons.
fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    for part in text.split(',').map(str::trim) {
        if part.trim_start_matches(['!', '&']).parse::<Ipv6Addr>().is_ok() {
            terms.push(part);
            continue;
        }
        let mut depth = 0;
        terms.extend(part.split(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            c == ':' && depth <= 0
        }));
    }
    terms.into_iter().map(str::trim).filter(|term| !term.is_empty()).collect()
}

/// Whether a name ends as `web[0]`, `web[-1]`, `web[0:2]` do.
fn has_position(name: &str) -> bool {
    let inner = name.strip_suffix(']').and_then(|name| name.rsplit_once('[')).map(|(head, inner)| (head, inner.trim_start_matches('-')));
    inner.is_some_and(|(head, inner)| {
        !head.is_empty()
            && inner.starts_with(|c: char| c.is_ascii_digit())
            && inner.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'-')
    })
}

/// Whether a name fits a glob of `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`.
fn fits(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: (behind the star, what the star has eaten so far).
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        match glob.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, here));
                continue;
            }
            Some(_) => {
                if let Some(length) = one(&glob[at..], name[here]) {
                    (at, here) = (at + length, here + 1);
                    continue;
                }
            }
            None => {}
        }
        let Some((behind, eaten)) = star else { return false };
        (at, here) = (behind, eaten + 1);
        star = Some((behind, eaten + 1));
    }
    glob[at..].iter().all(|c| *c == '*')
}

/// The length of the first piece of a glob (not `*`), when it fits the character.
fn one(glob: &[char], c: char) -> Option<usize> {
    let negated = glob.get(1) == Some(&'!');
    let start = 1 + usize::from(negated);
    // A `]` right behind the `[` belongs to the class.
    let end = glob.iter().skip(start + 1).position(|c| *c == ']').map(|at| at + start + 1).filter(|_| glob[0] == '[');
    let Some(end) = end else { return (glob[0] == '?' || glob[0] == c).then_some(1) };
    let class = &glob[start..end];
    let ranged = class.windows(3).any(|three| three[1] == '-' && (three[0]..=three[2]).contains(&c));
    ((class.contains(&c) || ranged) != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn pick(pattern: &str) -> String {
        let text = "solo\nfast1\n[web]\nweb1\nweb2\nweb10\n[db]\npg1\n2001:db8::1\n[fast]\nweb2\npg1\nfast1\n[site:children]\nweb\ndb\n[none]\n[pg]\npg\n[mix]\nsolo\nmix\n";
        let mut problems = Diagnostics::new();
        let inventory = super::super::ini::read(&Source::new("hosts", text), &mut problems);
        assert!(!problems.has_errors(), "{problems:?}");
        let source = Source::new("<command line>", pattern);
        let found = Pattern::parse(pattern, &Span::whole(&source)).and_then(|pattern| {
            pattern.select(&inventory).map(|hosts| hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "))
        });
        found.unwrap_or_else(|problems| {
            problems.iter().map(|problem| format!("{} ({})", problem.summary, problem.help.join("; "))).collect::<Vec<_>>().join(" + ")
        })
    }

    #[test]
    fn hosts_are_those_that_ansible_picks() {
        for (pattern, hosts) in [
            ("all", "web2 pg1 fast1 pg solo mix web1 web10 2001:db8::1"),
            ("*", "web2 pg1 fast1 pg solo mix web1 web10 2001:db8::1"),
            ("web", "web1 web2 web10"),
            ("web2,web1:web2", "web2 web1"),
            ("site", "web1 web2 web10 pg1 2001:db8::1"),
            ("site:&fast", "web2 pg1"),
            ("&fast:site", "web2 pg1"),
            ("site:!web", "pg1 2001:db8::1"),
            ("!site", "fast1 pg solo mix"),
            ("&web", "web2 web1 web10"),
            ("web:db:&fast:!pg1", "web2"),
            ("web?", "web1 web2"),
            ("web[12]*", "web1 web2 web10"),
            ("web[!2]:web1?", "web1 web10"),
            ("f*", "web2 pg1 fast1"),
            ("*1", "fast1 web1 pg1 2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("web,!web1, 2001:db8::1", "web2 web10 2001:db8::1"),
            ("pg", "pg"),
        ] {
            assert_eq!(pick(pattern), hosts, "{pattern}");
        }
    }

    // U08
    #[test]
    fn what_selects_nothing_is_an_error() {
        let nothing = "selects no host (nothing was contacted; `hoist inventory` shows what is in each group)";
        for (pattern, message) in [
            ("wbe", "`wbe` is no host and no group (did you mean `web`?)".to_string()),
            ("web:!wbe:&zzzz", "`wbe` is no host and no group (did you mean `web`?) + `zzzz` is no host and no group (the groups are all, ungrouped, web, db, fast, site, none, pg, mix)".to_string()),
            ("x*", "`x*` fits no host and no group (the groups are all, ungrouped, web, db, fast, site, none, pg, mix)".to_string()),
            ("ungrouped", format!("`ungrouped` {nothing}")),
            ("none", format!("`none` {nothing}")),
            ("non*", format!("`non*` {nothing}")),
            ("web:!web", format!("`web:!web` {nothing}")),
            ("", "this names no hosts (write the name of a host or a group, or `all`)".to_string()),
            (" , :", "this names no hosts (write the name of a host or a group, or `all`)".to_string()),
            ("web:!", "`!` has no name behind it (write the name of a host or a group)".to_string()),
            ("~web.*", "`~web.*` is a regular expression, which is not supported (use `*`, `?` and `[abc]`, as in `web*`)".to_string()),
            ("web[0]", "`web[0]` picks hosts by their position, which is not supported (name the hosts)".to_string()),
            ("web[0:2]", "`web[0:2]` picks hosts by their position, which is not supported (name the hosts)".to_string()),
            ("@failed", "`@failed` is a file of names, which is not supported (name the hosts or a group)".to_string()),
            ("mix", "`mix` is both a host and a group of others (rename one of them)".to_string()),
        ] {
            assert_eq!(pick(pattern), message, "{pattern}");
        }
    }

    #[test]
    fn globs_fit_whole_names() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("a*b*c", "axxbxbc", true),
            ("a*b*c", "axxbxbcd", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "bx", false),
            ("?", "é", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(glob, name), expected, "{glob} {name}");
        }
    }
}
