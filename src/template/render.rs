//! One template: which variables it names, and what it renders to.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use tera::{Context, ErrorKind, Tera};

use super::throw::{self, Places};
use super::{Place, filters, jinja, matching};
use crate::diagnostic::{Diagnostic, Span};

/// The name a template has inside the engine; never shown.
const NAME: &str = "template";

/// The engine with its filters, to compile templates with.
pub struct Templates {
    base: Tera,
}

/// A compiled template.
pub struct Template {
    tera: Tera,
    text: String,
    /// Where the user's text stands in it: [`Templates::expression`] puts something around.
    own: std::ops::Range<usize>,
    place: Place,
}

/// Whether there is anything to render in `text`.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// The expression of a text that is nothing but one `{{ expression }}`: such a text keeps the type of its value.
pub fn expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !["{{", "}}", "{%", "{#"].iter().any(|mark| inner.contains(mark));
    plain.then(|| inner.trim_matches('-').trim()).filter(|inner| !inner.is_empty())
}

impl Default for Templates {
    fn default() -> Self {
        let mut base = Tera::default();
        filters::register(&mut base);
        matching::register(&mut base);
        Self { base }
    }
}

impl Templates {
    /// Compiles a text.
    ///
    /// # Errors
    /// Syntax, unknown filters and tests, at their place.
    pub fn compile(&self, text: &str, place: Place) -> Result<Template, Diagnostic> {
        self.compile_part(text.to_string(), 0..text.len(), place)
    }

    /// Compiles an expression (what stands between `{{` and `}}`), to be used with [`Template::value`].
    ///
    /// # Errors
    /// As [`Templates::compile`].
    pub fn expression(&self, expression: &str, place: Place) -> Result<Template, Diagnostic> {
        const OPEN: &str = "{{ (";
        self.compile_part(format!("{OPEN}{expression}) | to_json }}}}"), OPEN.len()..OPEN.len() + expression.len(), place)
    }

    fn compile_part(&self, text: String, own: std::ops::Range<usize>, place: Place) -> Result<Template, Diagnostic> {
        let mut tera = Tera::default();
        tera.register_from(&self.base);
        // That one leaves alone what the engine has by the same name.
        throw::register(&mut tera);
        tera.autoescape_on(Vec::<String>::new());
        let mut template = Template { tera, text, own, place };
        let added = template.tera.add_raw_template(NAME, &template.text);
        match added {
            Ok(()) => Ok(template),
            Err(error) => Err(template.diagnostic(&error, &|_| None)),
        }
    }
}

impl Template {
    /// The top-level variables that it names (inside loops and conditions too).
    pub fn names(&self) -> BTreeSet<String> {
        self.tera.get_template_variables(NAME).map_or_else(|_| BTreeSet::new(), |names| names.into_iter().map(str::to_string).collect())
    }

    /// The text with `values` filled in. A template's last newline stays as it is. `places` tells where a value is written
    /// that the template refuses.
    ///
    /// # Errors
    /// An undefined variable, a filter that fails, at their place.
    pub fn render(&self, values: &Map<String, Json>, places: &Places<'_>) -> Result<String, Diagnostic> {
        let mut context = Context::new();
        for (name, value) in values {
            context.insert(name.clone(), value);
        }
        self.tera.render(NAME, &context).map_err(|error| self.diagnostic(&error, places))
    }

    /// The value of an expression compiled by [`Templates::expression`].
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn value(&self, values: &Map<String, Json>, places: &Places<'_>) -> Result<Json, Diagnostic> {
        let text = self.render(values, places)?;
        let value = serde_json::from_str(&text)
            .map_err(|error| Diagnostic::error(format!("the value cannot be read: {error}")).at(self.place.span()))?;
        if value == Json::Null {
            self.defined(values, places)?;
        }
        Ok(value)
    }

    /// A path such as `item.name` of which a part is not there is no null: alone, as text, the engine says so.
    fn defined(&self, values: &Map<String, Json>, places: &Places<'_>) -> Result<(), Diagnostic> {
        const OPEN: &str = "{{ ";
        let path = &self.text[self.own.clone()];
        if !path.contains('.') || !path.chars().all(|c| c.is_alphanumeric() || "_.".contains(c)) {
            return Ok(());
        }
        let mut tera = Tera::default();
        let text = format!("{OPEN}{path} }}}}");
        let own = OPEN.len()..OPEN.len() + path.len();
        tera.autoescape_on(Vec::<String>::new());
        let added = tera.add_raw_template(NAME, &text);
        let alone = Self { tera, text, own, place: self.place.clone() };
        added.map_err(|error| alone.diagnostic(&error, places)).and_then(|()| alone.render(values, places)).map(drop)
    }

    /// Whether the template copes with `name` being undefined: it asks `is defined` or has a default.
    pub fn guards(&self, name: &str) -> bool {
        self.mentions(name).any(|(_, after)| guarded(after))
    }

    /// An error that points at the first field of `name` that is not among `fields`: what compares it would take it for
    /// nothing, without a word.
    pub fn unknown_field(&self, name: &str, fields: &Map<String, Json>) -> Option<Diagnostic> {
        self.mentions(name).find_map(|(at, after)| {
            let open = self.text[..at].rfind("{{").max(self.text[..at].rfind("{%"))?;
            let quoted = ['"', '\''].iter().any(|mark| self.text[open..at].matches(*mark).count() % 2 == 1);
            let field: &str = after.strip_prefix('.')?.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
            let unknown = !quoted && !field.is_empty() && !fields.contains_key(field) && !guarded(after);
            let start = at + name.len() + 1;
            unknown.then(|| {
                let error = Diagnostic::error(format!("field `{field}` is not defined")).at(&self.locate(start..start + field.len()));
                error.suggest(field, fields.keys().map(String::as_str))
            })
        })
    }

    /// An error that points at the first place where `name` is used.
    pub fn undefined(&self, name: &str, known: &[&str]) -> Diagnostic {
        let error = Diagnostic::error(format!("variable `{name}` is not defined")).at(&self.place_of(name)).missing();
        if let Some(advice) = jinja::variable(name) {
            return error.help(advice);
        }
        match crate::diagnostic::suggest::closest(name, known.iter().copied()) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error.help(format!("set it in group_vars or host_vars, or write `{{{{ {name} | default(value=\"...\") }}}}`")),
        }
    }

    /// The first place where `name` is used; the whole template when it cannot be told.
    pub fn place_of(&self, name: &str) -> Span {
        self.mentions(name).next().map_or_else(|| self.place.span().clone(), |(at, _)| self.locate(at..at + name.len()))
    }

    /// Where a word stands inside `{{ }}` or `{% %}`, with the text behind it.
    fn mentions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, &'a str)> + 'a {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        self.text.match_indices(name).filter_map(move |(at, _)| {
            let (before, after) = (&self.text[..at], &self.text[at + name.len()..]);
            let whole = !before.ends_with(word) && !before.ends_with('.') && !after.starts_with(word);
            let inside = before.rfind("{{").max(before.rfind("{%")) > before.rfind("}}").max(before.rfind("%}"));
            (whole && inside).then_some((at, after))
        })
    }

    /// What stands in the braces in which a mistake was found.
    fn written(&self, at: usize) -> &str {
        let at = (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let begin = self.text[..at].rfind(['{', '%']).map_or(0, |brace| brace + 1);
        let end = self.text[at..].find(['}', '%']).map_or(self.text.len(), |length| at + length);
        &self.text[begin..end]
    }

    fn locate(&self, range: std::ops::Range<usize>) -> Span {
        let start = self.own.start;
        self.place.locate(&self.text[self.own.clone()], range.start.saturating_sub(start)..range.end.saturating_sub(start))
    }

    // Built from kind, message and place only: the engine's own report may print values.
    fn diagnostic(&self, error: &tera::Error, places: &Places<'_>) -> Diagnostic {
        match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let (path, message) = throw::read(report.message());
                let (message, names) = message.split_once(". Available ").map_or((message, None), |(m, n)| (m, Some(n)));
                let span = places(&path).unwrap_or_else(|| self.locate(report.span().range.clone()));
                let message = jinja::types(&lower_first(message.trim().trim_end_matches('.')));
                let diagnostic = Diagnostic::error(message.clone()).at(&span);
                match names.and_then(|names| names.split_once(": ")) {
                    Some((_, names)) => {
                        let written = message.split('`').nth(1).unwrap_or_default();
                        diagnostic.suggest(written, names.trim().split(", "))
                    }
                    None => jinja::syntax(&message, self.written(report.span().range.start)).into_iter().fold(diagnostic, Diagnostic::help),
                }
            }
            other => {
                // `error: Unknown filter `x`\n --> template:1:8 ...`
                let text = other.to_string();
                let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
                let written = message.split('`').nth(1).unwrap_or_default().to_string();
                let at = self.text.find(&written).filter(|_| !written.is_empty());
                let span = at.map_or_else(|| self.place.span().clone(), |at| self.locate(at..at + written.len()));
                let diagnostic = Diagnostic::error(lower_first(&message)).at(&span);
                if let Some(advice) = jinja::word(&written) {
                    diagnostic.help(advice)
                } else if message.starts_with("Unknown filter") {
                    diagnostic.suggest(&written, filters::FILTERS.iter().map(|(name, _)| *name).chain(filters::OF_TERA))
                } else {
                    diagnostic
                }
            }
        }
    }
}

/// Whether what stands behind a name asks if it is defined, or has a default.
fn guarded(after: &str) -> bool {
    let after = after.trim_start_matches(|c: char| c.is_alphanumeric() || "_.[]'\"".contains(c)).trim_start();
    let test = after.strip_prefix("is").map(|rest| rest.trim_start().trim_start_matches("not").trim_start());
    let filter = after.strip_prefix('|').map(str::trim_start);
    test.is_some_and(|rest| rest.starts_with("defined") || rest.starts_with("undefined"))
        || filter.is_some_and(|rest| rest.starts_with("default"))
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use serde_json::json;

    fn values() -> Map<String, Json> {
        json!({ "port": 80, "names": ["a", "b"], "site": { "b": 1, "a": null }, "text": "x\n" }).as_object().expect("an object").clone()
    }

    fn file(text: &str) -> Result<String, Diagnostic> {
        let source = Source::new("t.conf", text);
        Templates::default().compile(text, Place::file(&Span::whole(&source)))?.render(&values(), &|_| None)
    }

    #[test]
    fn newlines_stay_as_they_are() {
        assert_eq!(file("listen {{ port }};\n").as_deref(), Ok("listen 80;\n"));
        assert_eq!(file("listen {{ port }};").as_deref(), Ok("listen 80;"));
        assert_eq!(file("{% for n in names %}{{ n }}\n{% endfor %}\n\n").as_deref(), Ok("a\nb\n\n\n"));
        assert_eq!(file("{{ site | to_json }} <&'\">").as_deref(), Ok("{\"b\":1,\"a\":null} <&'\">"));
    }

    #[test]
    fn an_expression_keeps_its_type() {
        let templates = Templates::default();
        let value = |text: &str| {
            let source = Source::new("v.yml", text);
            let inner = expression(text).expect("an expression");
            templates
                .expression(inner, Place::node(&Span::new(&source, 0, text.len())))
                .and_then(|template| template.value(&values(), &|_| None))
        };
        assert_eq!(value("{{ names }}"), Ok(json!(["a", "b"])));
        assert_eq!(value("{{ port == 80 and 'a' in names }}"), Ok(json!(true)));
        assert_eq!(expression("{{ a }}-{{ b }}"), None);
        assert_eq!(expression("x {{ a }}"), None);
        assert_eq!(expression("{{ a }}\n"), None, "the newline belongs to the text");
    }

    #[test]
    fn errors_point_into_the_file() {
        let at = |text: &str| {
            let error = file(text).expect_err("an error is expected");
            format!("{}: {} {}", error.labels[0].0, error.summary, error.help.join("; "))
        };
        assert_eq!(at("a\nlisten {{ prt }};\n"), "t.conf:2:11: variable `prt` is not defined did you mean `port`?");
        assert_eq!(at("a\n{{ site.c }}\n"), "t.conf:2:9: field `c` is not defined expected one of: a, b");
        assert!(at("a\n  {{ oops \n").starts_with("t.conf:"), "{}", at("a\n  {{ oops \n"));
        assert_eq!(at("a\n{{ port | to_jsn }}\n"), "t.conf:2:11: unknown filter `to_jsn` did you mean `to_json`?");
        assert_eq!(at("{{ port | defualt(value=1) }}"), "t.conf:1:11: unknown filter `defualt` did you mean `default`?");
        let named = "arguments have names: `default(value=5)`, `join(sep=\", \")`";
        assert_eq!(at("{{ port | default(5) }}"), format!("t.conf:1:19: found integer but expected identifier {named}"));
    }

    #[test]
    fn the_filters_of_tera_are_those_that_are_suggested() {
        for name in filters::OF_TERA {
            let text = format!("{{{{ port | {name} }}}}");
            let source = Source::new("t", text.clone());
            let compiled = Templates::default().compile(&text, Place::file(&Span::whole(&source)));
            assert_eq!(compiled.err().map(|error| error.summary), None, "{name}");
        }
    }

    #[test]
    fn a_regular_expression_is_found_in_a_value() {
        let holds = |text: &str| {
            let source = Source::new("v", text);
            let template = Templates::default().expression(text, Place::node(&Span::new(&source, 0, text.len()))).expect("it parses");
            template.value(&values(), &|_| None).map_err(|error| error.summary)
        };
        assert_eq!(holds("'3.13.1' is matching(pat='^[0-9]+[.][0-9]+[.]')"), Ok(json!(true)));
        assert_eq!(holds("'3.13' is matching(pat='^[0-9]+$')"), Ok(json!(false)));
        assert_eq!(holds("313 is matching(pat='^[0-9]+$')"), Ok(json!(true)));
        assert_eq!(holds("'x' is matching(pat='(')"), Err("`(` is no regular expression".to_string()));
    }

    #[test]
    fn a_field_that_is_not_there_is_no_null() {
        let value = |text: &str| {
            let source = Source::new("v", text);
            let place = Place::node(&Span::new(&source, 0, text.len()));
            let template = Templates::default().expression(text, place).expect("it parses");
            template
                .value(&values(), &|_| None)
                .map_err(|error| format!("{}: {} {}", error.labels[0].0, error.summary, error.help.join("; ")))
        };
        assert_eq!(value("site.c"), Err("v:1:6: field `c` is not defined expected one of: a, b".to_string()));
        assert_eq!(value("site.a"), Ok(Json::Null), "it is there, and null");
        assert_eq!(value("site.c | default(value=1)"), Ok(json!(1)));
    }

    #[test]
    fn a_field_that_is_compared_must_be_there() {
        let fields = json!({ "distribution": "Debian", "user": "root" });
        let unknown = |text: &str| {
            let source = Source::new("v", text);
            let place = Place::node(&Span::new(&source, 0, text.len()));
            let template = Templates::default().expression(text, place).expect("it parses");
            let error = template.unknown_field("facts", fields.as_object().expect("an object"));
            error.map(|error| format!("{}: {} {}", error.labels[0].0, error.summary, error.help.join("; ")))
        };
        let said = "v:1:13: field `distrbution` is not defined did you mean `distribution`?";
        assert_eq!(unknown("a and facts.distrbution == 'Debian'").as_deref(), Some(said));
        for fine in ["facts.distribution == 'x'", "facts.x is defined", "facts.x | default(value=1)", "'see facts.txt' == a", "a.facts.x"] {
            assert_eq!(unknown(fine), None, "{fine}");
        }
    }

    #[test]
    fn what_a_template_refuses_is_pointed_at_where_it_is_written() {
        let (role, vars) = (Source::new("t.conf", "{{ throw(at=[\"sites\", name, 0], message=\"no\") }}"), Source::new("v.yml", "ab"));
        let template = Templates::default().compile(role.text(), Place::file(&Span::whole(&role))).expect("it parses");
        let values = json!({ "name": "shop" }).as_object().expect("an object").clone();
        let place = |known: &[&str]| {
            let places = |path: &[String]| (path == known).then(|| Span::new(&vars, 1, 2));
            let error = template.render(&values, &places).expect_err("it refuses");
            format!("{} {}", error.labels[0].0, error.summary)
        };
        assert_eq!(place(&["sites", "shop", "0"]), "v.yml:1:2 no");
        assert_eq!(place(&["else"]), "t.conf:1:4 no");
    }

    #[test]
    fn an_error_in_a_yaml_value_points_into_the_value() {
        let source = Source::new("v.yml", "key: |\n  first\n  second {{ oops }}\n");
        let node = crate::yaml::parse(&source).expect("valid");
        let node = node.get("key").expect("key");
        let template = Templates::default().compile(node.as_str().expect("text"), Place::node(&node.span)).expect("it parses");
        assert_eq!(template.undefined("oops", &[]).labels[0].0.to_string(), "v.yml:3:13");
    }

    #[test]
    fn an_error_in_an_expression_points_into_the_value() {
        let source = Source::new("v.yml", "when: a and  oops == 1\nb: \"{{ oops }}\"\n");
        let node = crate::yaml::parse(&source).expect("valid");
        let place = |key: &str| {
            let node = node.get(key).expect("it is there");
            let text = node.as_str().expect("text");
            let template = Templates::default().expression(expression(text).unwrap_or(text), Place::node(&node.span)).expect("it parses");
            template.place_of("oops").to_string()
        };
        assert_eq!((place("when").as_str(), place("b").as_str()), ("v.yml:1:14", "v.yml:2:8"));
    }

    #[test]
    fn guarded_names_may_be_undefined() {
        let source = Source::new("t", "");
        let guards = |text: &str, name: &str| {
            Templates::default().compile(text, Place::file(&Span::whole(&source))).expect("it parses").guards(name)
        };
        assert!(guards("{% if a.b is defined %}{{ a.b }}{% endif %}", "a"));
        assert!(guards("{{ a | default(value=1) }}", "a"));
        assert!(guards("{% if a is not defined %}x{% endif %}", "a"));
        assert!(!guards("{% if a %}x{% endif %}", "a"));
    }
}
