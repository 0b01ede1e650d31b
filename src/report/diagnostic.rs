//! Diagnostics as rustc draws them: what is wrong, the place with the line and a caret, what to do. All of them, and
//! how many there are.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use super::terminal::{escape, visible};
use super::words::count;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Span};

/// All of them as text for a terminal that is `width` columns wide; nothing when there is none.
pub fn text(diagnostics: &Diagnostics, width: usize) -> String {
    let each: String = diagnostics.iter().map(|diagnostic| one(diagnostic, width) + "\n\n").collect();
    if each.is_empty() { each } else { format!("{each}{}\n", counted(diagnostics)) }
}

/// `2 errors, 1 warning`.
fn counted(diagnostics: &Diagnostics) -> String {
    let of = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let parts = [(of(Severity::Error), "error"), (of(Severity::Warning), "warning")];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, thing)| count(*number, thing)).collect::<Vec<_>>().join(", ")
}

/// One, without a line end.
fn one(diagnostic: &Diagnostic, width: usize) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(escape(&diagnostic.summary));
    let places = by_source(&diagnostic.labels).into_iter().flat_map(|labels| place(&labels, &diagnostic.labels[0].0));
    let help = diagnostic.help.iter().map(|line| Element::from(Level::HELP.message(escape(line))));
    // Below 40 columns the source lines would be cut to nothing; they may wrap then.
    let text = Renderer::styled().term_width(width.clamp(40, 1000)).render(&[title.elements(places.chain(help))]);
    // Without line numbers there is no margin; arrow and help stand where they do with one.
    let within = diagnostic.labels.iter().any(|(span, _)| !whole(span));
    if within { text } else { text.replace('\n', "\n ") }
}

/// The labels of each source, in the order of the first ones.
fn by_source(labels: &[(Span, String)]) -> Vec<Vec<&(Span, String)>> {
    let mut all: Vec<Vec<&(Span, String)>> = Vec::new();
    for label in labels {
        match all.iter_mut().find(|group| group[0].0.source().name() == label.0.source().name()) {
            Some(group) => group.push(label),
            None => all.push(vec![label]),
        }
    }
    all
}

/// An empty span at the very start is how a span says "the whole file".
fn whole(span: &Span) -> bool {
    span.range() == (0..0)
}

/// The places of one source: a snippet with them, or the name alone when only the file as a whole is meant.
fn place<'a>(labels: &[&(Span, String)], first: &Span) -> Vec<Element<'a>> {
    let source = labels[0].0.source();
    let path = escape(source.name().to_string_lossy().as_ref());
    let (files, within): (Vec<&(Span, String)>, _) = labels.iter().partition(|(span, _)| whole(span));
    let mut elements: Vec<Element<'a>> = if within.is_empty() {
        vec![Origin::path(path).into()]
    } else {
        let annotations = within.into_iter().map(|(span, text)| {
            let kind = if span == first { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(range(span));
            if text.is_empty() { annotation } else { annotation.label(escape(text)) }
        });
        let annotations: Vec<_> = annotations.collect();
        vec![Snippet::source(visible(source.text())).path(path).annotations(annotations).into()]
    };
    let said = files.iter().filter(|(_, text)| !text.is_empty());
    elements.extend(said.map(|(_, text)| Element::from(Level::NOTE.message(escape(text)))));
    elements
}

/// The bytes of `span` in what [`visible`] makes of its source. A line end behind it is not pointed at.
fn range(span: &Span) -> Range<usize> {
    let start = visible(&span.source().text()[..span.range().start]).len();
    start..start + visible(span.text().trim_end()).len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;

    fn shown(diagnostics: impl IntoIterator<Item = Diagnostic>) -> String {
        let mut all = Diagnostics::new();
        diagnostics.into_iter().for_each(|diagnostic| all.push(diagnostic));
        anstream::adapter::strip_str(&text(&all, 100)).to_string()
    }

    fn span(source: &Arc<Source>, text: &str) -> Span {
        let at = source.text().find(text).expect("it is there");
        Span::new(source, at, at + text.len())
    }

    #[test]
    fn every_problem_is_drawn_at_its_places_and_all_are_counted() {
        let role = Source::new("roles/motd/role.yml", "provision:\n  - name: motd\n    copy: { dst: /etc/motd }\n");
        let vars = Source::new("environments/prod/group_vars/web.yml", "dst: 1\n");
        let problems = [
            Diagnostic::error("unknown parameter `dst` of `copy`").at(&span(&role, "dst")).help("did you mean `dest`?"),
            Diagnostic::warning("nobody uses `dst`")
                .label(&span(&vars, "dst"), "set here")
                .label(&span(&role, "dst"), "this is no variable")
                .label(&span(&role, "name: motd\n"), "of this task")
                .help("remove it")
                .help("or use it"),
        ];
        assert_eq!(
            shown(problems),
            "\
error: unknown parameter `dst` of `copy`
 --> roles/motd/role.yml:3:13
  |
3 |     copy: { dst: /etc/motd }
  |             ^^^
  |
  = help: did you mean `dest`?

warning: nobody uses `dst`
 --> environments/prod/group_vars/web.yml:1:1
  |
1 | dst: 1
  | ^^^ set here
  |
 ::: roles/motd/role.yml:2:5
  |
2 |   - name: motd
  |     ---------- of this task
3 |     copy: { dst: /etc/motd }
  |             --- this is no variable
  |
  = help: remove it
  = help: or use it

1 error, 1 warning
"
        );
    }

    #[test]
    fn a_whole_file_the_command_line_and_no_place_at_all_look_right() {
        let file = Source::new("hoist.yml", "");
        let line = Source::new("<command line>", "env=prod tls=perhaps");
        let text = Source::new("a.yml", "a: [1");
        let problems = [
            Diagnostic::error("`hoist.yml` is empty").at(&Span::whole(&file)).help("`hoist init` makes one"),
            Diagnostic::error("`hoist.yml` says nothing").label(&Span::whole(&file), "nothing at all"),
            Diagnostic::error("`perhaps` is not a boolean").at(&span(&line, "perhaps")),
            Diagnostic::error("unclosed bracket `[`").at(&Span::new(&text, 5, 5)),
            Diagnostic::error("no environment is chosen").help("say `env=NAME`"),
        ];
        assert_eq!(
            shown(problems),
            "\
error: `hoist.yml` is empty
 --> hoist.yml
  = help: `hoist init` makes one

error: `hoist.yml` says nothing
 --> hoist.yml
  = note: nothing at all

error: `perhaps` is not a boolean
 --> <command line>:1:14
  |
1 | env=prod tls=perhaps
  |              ^^^^^^^

error: unclosed bracket `[`
 --> a.yml:1:6
  |
1 | a: [1
  |      ^

error: no environment is chosen
  |
  = help: say `env=NAME`

5 errors
"
        );
    }

    // O01, O03
    #[test]
    fn sources_cannot_hide_anything_and_columns_hold() {
        let source = Source::new("a.yml", "a: \x1b[2Jé\r\nb: x\u{202e}\u{200b}\u{9b}y z\r\n\tc: 1");
        let problem =
            Diagnostic::error("odd \x1b[1m").at(&span(&source, "é")).label(&span(&source, "z"), "\u{202e}").at(&span(&source, "1"));
        assert_eq!(
            shown([problem]),
            "\
error: odd \\x1b[1m
 --> a.yml:1:8
  |
1 | a: ␛[2Jé
  |        ^
2 | b: x���y z
  |          - \\u{202e}
3 |     c: 1
  |        -

1 error
"
        );
    }

    // O05
    #[test]
    fn no_width_is_too_odd() {
        let source = Source::new("a.yml", format!("a: {}b{}\n", "x".repeat(3000), "é日".repeat(3000)));
        let mut all = Diagnostics::new();
        all.push(Diagnostic::error("long").label(&span(&source, "b"), "here").at(&Span::new(&source, 3, 9000)));
        for width in [0, 1, 40, 10_000, usize::MAX] {
            assert!(text(&all, width).lines().count() < 20, "{width}");
        }
    }

    #[test]
    fn without_problems_nothing_is_said() {
        assert_eq!(shown([]), "");
    }
}
