//! Who uses which variable: names in tasks, templates and other variables. A variable that nobody uses is often a slip.

use std::collections::{BTreeMap, BTreeSet};

use super::load::{Project, Site};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};
use crate::project::{Layer, Library, Role, Task};
use crate::template::{Place, Templates, expression, is_template};
use crate::yaml::{Node, Value};

/// Where each name is used: a place, in the order found.
pub type Uses = BTreeMap<String, Vec<Span>>;

/// The uses of all roles of a site, and of its variables.
pub fn uses(project: &Project, site: &Site) -> Uses {
    let mut finder = Finder { templates: &project.templates, uses: Uses::new() };
    let mut seen = BTreeSet::new();
    for play in &site.plays {
        for call in &play.roles {
            call.when.iter().for_each(|when| finder.condition(when));
            call.vars.iter().chain(&play.vars).for_each(|entry| finder.node(&entry.node));
            if seen.insert(call.role.name.clone()) {
                finder.role(&call.role, &site.library);
            }
        }
    }
    for host in &site.hosts {
        for (_, definitions) in host.variables.iter() {
            definitions.iter().for_each(|definition| finder.node(&definition.node));
        }
    }
    finder.uses
}

/// Reports variables that no role, template or other variable uses.
pub fn check(project: &Project, site: &Site, problems: &mut Diagnostics) {
    let uses = uses(project, site);
    let inputs: BTreeSet<&str> =
        site.plays.iter().flat_map(|play| &play.roles).flat_map(|call| &call.role.inputs).map(|input| input.name.as_str()).collect();
    let known: BTreeSet<&str> = uses.keys().map(String::as_str).chain(inputs.iter().copied()).collect();
    for host in &site.hosts {
        for (name, definitions) in host.variables.iter() {
            if known.contains(name) || name.starts_with("ansible_") {
                continue;
            }
            for definition in definitions.iter().filter(|definition| definition.layer != Layer::Defaults) {
                let warning = Diagnostic::warning(format!("nothing uses the variable `{name}`")).at(&definition.key_span);
                let close = suggest::closest(name, inputs.iter().copied().chain(uses.keys().map(String::as_str)));
                problems.push(close.into_iter().fold(warning, |warning, close| warning.help(format!("did you mean `{close}`?"))));
            }
        }
    }
}

struct Finder<'a> {
    templates: &'a Templates,
    uses: Uses,
}

impl Finder<'_> {
    fn role(&mut self, role: &Role, library: &Library) {
        role.inputs.iter().filter_map(|input| input.default.as_ref()).for_each(|default| self.node(default));
        for task in role.verbs.values().flatten().chain(&role.handlers) {
            self.task(task);
            let source = task.argument("src").and_then(Node::as_str).and_then(|name| library.template(&role.name, name, &task.span).ok());
            if let Some(source) = source.filter(|_| task.kind == "template") {
                self.text(source.text(), Place::file(&Span::whole(&source)));
            }
        }
    }

    fn task(&mut self, task: &Task) {
        [&task.when].into_iter().flatten().for_each(|when| self.condition(when));
        let parts = [&task.name, &task.looped, &task.manner.become_user].into_iter().flatten().chain([&task.args]).chain(&task.more_args);
        parts.chain(&task.manner.environment).chain(task.vars.iter().map(|entry| &entry.node)).for_each(|node| self.node(node));
    }

    fn condition(&mut self, node: &Node) {
        match &node.value {
            Value::String(text) => {
                if let Ok(template) = self.templates.expression(expression(text.trim()).unwrap_or(text), Place::node(&node.span)) {
                    self.add(template.names(), &node.span);
                }
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.condition(item)),
            _ => {}
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::String(text) if is_template(text) => self.text(text, Place::node(&node.span)),
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item)),
            Value::Mapping(entries) => entries.iter().for_each(|entry| self.node(&entry.node)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, place: Place) {
        if let Ok(template) = self.templates.compile(text, place.clone()) {
            for name in template.names() {
                let span = template.place_of(&name);
                self.add([name].into(), &span);
            }
        }
    }

    fn add(&mut self, names: BTreeSet<String>, span: &Span) {
        for name in names {
            let places = self.uses.entry(name).or_default();
            if !places.contains(span) {
                places.push(span.clone());
            }
        }
    }
}
