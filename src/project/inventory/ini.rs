//! Ansible's INI inventory: `[group]`, `[group:children]`, `[group:vars]`, and a host with its variables a line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::build::Builder;
use super::{Inventory, literal, range, shell_words};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::Entry;

/// Reads an INI inventory. Problems go to `problems`, what could be read is returned.
pub fn read(source: &Arc<Source>, problems: &mut Diagnostics) -> Inventory {
    let mut reader = Reader {
        builder: Builder::new(problems),
        source,
        group: "ungrouped".to_string(),
        kind: Kind::Hosts,
        declared: BTreeSet::from(["all".to_string(), "ungrouped".to_string()]),
        children: Vec::new(),
        vars: Vec::new(),
    };
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        reader.line(line, start);
        start += line.len();
    }
    reader.finish()
}

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Hosts,
    Children,
    Vars,
    /// The header was wrong and said so; its lines would only repeat it.
    Refused,
}

struct Reader<'a> {
    builder: Builder<'a>,
    source: &'a Arc<Source>,
    group: String,
    kind: Kind,
    /// Groups that have a section other than `:vars`.
    declared: BTreeSet<String>,
    /// Children named before their section: (parent, child, where).
    children: Vec<(String, String, Span)>,
    /// Sections `:vars` of groups that may be declared later.
    vars: Vec<(String, Span)>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, start: usize) {
        let text = line.trim();
        let start = start + (line.len() - line.trim_start().len());
        // Python ends a line at some of these, so that a host could hide in what looks like a comment.
        let hidden = |c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        if let Some((at, c)) = text.char_indices().find(|(_, c)| hidden(*c)) {
            let span = self.span(start, at..at + c.len_utf8());
            self.problems()
                .push(Diagnostic::error(format!("the invisible character `{}`", c.escape_unicode())).at(&span).help("remove it"));
            return;
        }
        if text.is_empty() || text.starts_with(['#', ';']) {
            return;
        }
        if text.starts_with('[')
            && let Some((name, kind)) = header(text)
        {
            return self.section(name, kind, &self.span(start, 0..text.len()));
        }
        match self.kind {
            _ if text.starts_with('[') && text.ends_with(']') => {
                let span = self.span(start, 0..text.len());
                let error = Diagnostic::error(format!("`{text}` is no section")).at(&span);
                self.problems().push(error.help("write `[group]`, `[group:children]` or `[group:vars]`, without blanks"));
                self.kind = Kind::Refused;
            }
            Kind::Hosts => self.host(text, start),
            Kind::Children => self.child(text, start),
            Kind::Vars => self.var(text, start),
            Kind::Refused => {}
        }
    }

    fn section(&mut self, name: &str, kind: Option<&str>, span: &Span) {
        let allowed = self.builder.add_group(name, span);
        self.group = name.to_string();
        self.kind = match kind {
            _ if !allowed => Kind::Refused,
            None | Some("hosts") => Kind::Hosts,
            Some("children") => Kind::Children,
            Some("vars") => Kind::Vars,
            Some(other) => {
                let error = Diagnostic::error(format!("unknown kind of section `{other}`")).at(span);
                self.problems().push(error.suggest(other, ["hosts", "children", "vars"]));
                Kind::Refused
            }
        };
        match self.kind {
            Kind::Refused => {}
            Kind::Vars => self.vars.push((self.group.clone(), span.clone())),
            Kind::Hosts | Kind::Children => {
                self.declared.insert(self.group.clone());
                for (parent, child, span) in self.children.extract_if(.., |(_, child, _)| child == name) {
                    self.builder.link(&parent, &child, &span);
                }
            }
        }
    }

    fn host(&mut self, text: &str, start: usize) {
        let words = match shell_words::split(text) {
            Ok(words) => words,
            Err(what) => {
                let span = self.span(start, 0..text.len());
                return self.problems().push(Diagnostic::error(format!("{what} in this line")).at(&span));
            }
        };
        let Some((first, rest)) = words.split_first() else { return };
        let span = self.span(start, first.range.clone());
        let (hosts, port) = match range::expand(&first.text, &span) {
            _ if first.text.ends_with(':') || first.text == "---" => {
                let error = Diagnostic::error(format!("`{}` is no host", first.text)).at(&span);
                return self.problems().push(error.help("an inventory in YAML is kept in `hosts.yml`"));
            }
            Err(error) => return self.problems().push(error),
            Ok(expanded) => expanded,
        };
        for host in &hosts {
            self.builder.add_host(host, &span, &self.group, port);
        }
        for word in rest {
            let span = self.span(start, word.range.clone());
            let Some((key, value)) = word.text.split_once('=') else {
                let error = Diagnostic::error(format!("`{}` is no variable of a host", word.text.escape_debug())).at(&span);
                self.problems().push(error.help("behind the host come words `name=value`, then perhaps a comment with `#`"));
                continue;
            };
            let equals = span.text().find('=').map_or(0, |at| at + 1);
            let entry = self.entry(key, value, start + word.range.start, 0..equals.saturating_sub(1), equals..word.range.len());
            for host in &hosts {
                self.builder.set_host_var(host, entry.clone());
            }
        }
    }

    fn var(&mut self, text: &str, start: usize) {
        let Some((key, value)) = text.split_once('=') else {
            let span = self.span(start, 0..text.len());
            return self.problems().push(Diagnostic::error(format!("`{text}` sets no variable")).at(&span).help("write `name=value`"));
        };
        let at = text.len() - value.trim_start().len();
        let entry = self.entry(key.trim_end(), value.trim_start(), start, 0..key.trim_end().len(), at..text.len());
        self.builder.set_group_var(&self.group, entry);
    }

    fn child(&mut self, text: &str, start: usize) {
        let name = text.split('#').next().unwrap_or_default().trim_end();
        let span = self.span(start, 0..name.len());
        if self.builder.has_group(name) {
            self.builder.link(&self.group, name, &span);
        } else {
            self.children.push((self.group.clone(), name.to_string(), span));
        }
    }

    fn entry(&self, key: &str, value: &str, start: usize, key_range: Range<usize>, range: Range<usize>) -> Entry {
        let node = literal::read(value, &self.span(start, range));
        Entry { key: key.to_string(), key_span: self.span(start, key_range), node }
    }

    fn span(&self, start: usize, range: Range<usize>) -> Span {
        Span::new(self.source, start + range.start, start + range.end)
    }

    fn problems(&mut self) -> &mut Diagnostics {
        self.builder.problems
    }

    fn finish(mut self) -> Inventory {
        let undeclared = self.children.iter().map(|(_, child, span)| (child, span));
        let vars = self.vars.iter().map(|(group, span)| (group, span)).filter(|(group, _)| !self.declared.contains(*group));
        let mut errors = Vec::new();
        for (name, span) in undeclared.chain(vars) {
            let known = self.builder.group_names().filter(|known| known != name);
            let error = Diagnostic::error(format!("the group `{}` is declared nowhere", name.escape_debug())).at(span);
            let close = crate::diagnostic::suggest::closest(name, known);
            errors.push(match close {
                Some(close) => error.help(format!("did you mean `{close}`?")),
                None => error.help(format!("add a section `[{}]`", name.escape_debug())),
            });
        }
        for error in errors {
            self.problems().push(error);
        }
        self.builder.finish()
    }
}

/// The group and the kind of a line `[group:kind]  # comment`.
fn header(text: &str) -> Option<(&str, Option<&str>)> {
    let (inner, tail) = text.strip_prefix('[')?.split_once(']')?;
    let (name, kind) = inner.split_once(':').map_or((inner, None), |(name, kind)| (name, Some(kind)));
    let named = !name.is_empty() && !name.contains(char::is_whitespace);
    let kinded = kind.is_none_or(|kind| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_'));
    let tail = tail.trim_start();
    (named && kinded && (tail.is_empty() || tail.starts_with('#'))).then_some((name, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;

    fn load(text: &str) -> (Inventory, Vec<String>) {
        let mut problems = Diagnostics::new();
        let inventory = read(&Source::new("hosts", text), &mut problems);
        let lines = problems.iter().map(|problem| format!("{} {} | {}", problem.labels[0].0, problem.summary, problem.help.join("; ")));
        (inventory, lines.collect())
    }

    fn names<'a>(hosts: impl IntoIterator<Item = &'a super::super::Host>) -> String {
        hosts.into_iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn groups_hold_the_hosts_of_their_children_once() {
        let (inventory, problems) = load("solo\n[db]\npg1\nweb1\n[site:children]\nweb # both\ndb\n[web]\nweb[1:2]\nsolo\n[site]\nextra\n");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(names(inventory.hosts()), "solo pg1 web1 web2 extra");
        assert_eq!(names(inventory.hosts_of("site")), "extra pg1 web1 web2 solo");
        assert_eq!(names(inventory.hosts_of("all")), "extra pg1 web1 web2 solo");
        assert_eq!(names(inventory.hosts_of("nobody")), "");
        let groups = |host| inventory.groups_of(host).iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(groups("web1"), "all site db web");
        assert_eq!(groups("extra"), "all site");
    }

    #[test]
    fn values_point_at_their_place() {
        let (inventory, problems) = load("[web]\nweb1  port=80 'name=a b' # c\n[web:vars]\n x = [1, 2]\n");
        assert_eq!(problems, Vec::<String>::new());
        let vars = &inventory.host("web1").expect("web1").vars;
        assert_eq!(vars[0].key_span.to_string(), "hosts:2:7");
        assert_eq!((vars[0].node.span.to_string(), vars[0].node.span.text()), ("hosts:2:12".into(), "80"));
        assert_eq!(vars[1].node.as_str(), Some("a b"));
        let x: &Node = &inventory.group("web").expect("web").vars[0].node;
        assert_eq!((x.span.to_string(), x.span.text()), ("hosts:4:6".into(), "[1, 2]"));
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let (_, problems) = load(
            "web1 oops\n-oProxyCommand=x\nweb2 'a\n[web:hsots]\nskipped ;\n[ web ]\n[site:children]\nwbe\n[web]\nw[3:1]\n[nope:vars]\na=1\n\
             [web:vars]\nb\nc-d=1\ngroups=1\n[a/b]\nx\n[web]\nweb1:99 env=1\nw\u{2028}x\nall:\n",
        );
        let expected = [
            "hosts:1:6 `oops` is no variable of a host | behind the host come words `name=value`, then perhaps a comment with `#`",
            "hosts:2:1 `-oProxyCommand=x` cannot be the name of a host | a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most",
            "hosts:3:1 a quote is not closed in this line | ",
            "hosts:4:1 unknown kind of section `hsots` | did you mean `hosts`?",
            "hosts:6:1 `[ web ]` is no section | write `[group]`, `[group:children]` or `[group:vars]`, without blanks",
            "hosts:10:1 `[3:1]` is no range: it ends before it begins | as in `web[01:10]`, `web[a:f]`, `web[1:9:2]`",
            "hosts:14:1 `b` sets no variable | write `name=value`",
            "hosts:15:1 `c-d` cannot be the name of a variable | write `c_d`: letters, digits and `_`, no digit in front",
            "hosts:16:1 `groups` is a name that hoist sets itself | choose another name",
            "hosts:17:1 `a/b` cannot be the name of a group | a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most",
            "hosts:20:1 the port 99 would be ignored, as `web1` was named before | write the port there, or `ansible_port=99`",
            "hosts:20:9 `env` is a name that hoist sets itself | choose another name",
            "hosts:21:2 the invisible character `\\u{2028}` | remove it",
            "hosts:22:1 `all:` is no host | an inventory in YAML is kept in `hosts.yml`",
            "hosts:8:1 the group `wbe` is declared nowhere | did you mean `web`?",
            "hosts:11:1 the group `nope` is declared nowhere | add a section `[nope]`",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_port_may_be_repeated_but_not_changed() {
        assert_eq!(load("w:22\n[a]\nw:22\n").1, Vec::<String>::new());
        assert!(load("w:22\n[a]\nw:23\n").1[0].contains("the port 23 would be ignored"));
    }

    #[test]
    fn a_circle_of_groups_is_named() {
        let (_, problems) = load("[a:children]\nb\n[b:children]\nc\n[c:children]\na\nd\n[d]\nx\n");
        assert_eq!(problems, ["hosts:2:1 the group `a` is a child of itself | the circle is a > b > c > a"]);
        assert!(load("[a:children]\na\n").1[0].contains("the circle is a > a"));
        assert!(load("[a:children]\nall\n").1[0].contains("`all` can be no child"));
        assert!(load("[a:children]\nungrouped\n").1[0].contains("`ungrouped` can have no children"));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        proptest::proptest!(|(text in "([a-z\\[\\]:=#;\"'\\\\ \\n0-9,(){}\\-é]|\\[a:vars\\]\n|\\[a:children\\]\n){0,60}")| { load(&text); });
    }
}
