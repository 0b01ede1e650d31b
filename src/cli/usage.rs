//! Who uses which variable: names in tasks, templates and other variables. A variable that nobody uses is often a slip.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::load::{Project, Site, SiteHost};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};
use crate::project::{Definition, Layer, Library, Role, Task};
use crate::template::{Place, Templates, expression, is_template};
use crate::yaml::{Node, Value};

/// Where each name is used: a place, in the order found.
pub type Uses = BTreeMap<String, Vec<Span>>;

/// The uses of all roles of hoist.yml, and of the variables of a site; of these names alone, if some are given.
pub fn uses(project: &Project, site: &Site, wanted: Option<&BTreeSet<&str>>) -> Uses {
    let mut finder = Finder { templates: &project.templates, wanted, uses: Uses::new() };
    for play in &project.config.plays {
        play.become_user.iter().for_each(|user| finder.node(user));
        play.vars.iter().chain(&play.environment).for_each(|entry| finder.node(&entry.node));
        for used in &play.roles {
            used.when.iter().for_each(|when| finder.condition(when));
            used.vars.iter().for_each(|entry| finder.node(&entry.node));
        }
    }
    site.roles.iter().for_each(|role| finder.role(role, &site.library));
    definitions(site).for_each(|definition| finder.node(&definition.node));
    finder.uses
}

/// What sets variables of the hosts, each once.
fn definitions(site: &Site) -> impl Iterator<Item = &Definition> {
    let mut seen = BTreeSet::new();
    let all = site.hosts.iter().flat_map(|host| host.variables.iter()).flat_map(|(_, definitions)| definitions);
    all.filter(move |definition| seen.insert(Arc::as_ptr(definition))).map(AsRef::as_ref)
}

/// Reports variables that no role, template or other variable uses. One that must be a slip is an error: `git_versoin=v2` on the
/// command line would deploy something else, and `app_proceses` in a file no process at all.
pub fn check(project: &Project, site: &Site, problems: &mut Diagnostics) {
    let inputs: BTreeSet<&str> = site.roles.iter().flat_map(|role| &role.inputs).map(|input| input.name.as_str()).collect();
    let known = |name: &str| inputs.contains(name) || name.starts_with("ansible_");
    let mut set: Vec<&Definition> = definitions(site).filter(|set| set.layer != Layer::Defaults && !known(&set.name)).collect();
    // Every run asks, and as a rule all of them are used: so nothing else is looked at.
    let wanted = set.iter().map(|definition| definition.name.as_str()).collect();
    let used = uses(project, site, Some(&wanted));
    set.retain(|definition| !used.contains_key(&definition.name));
    if set.is_empty() {
        return;
    }
    let uses = uses(project, site, None);
    for definition in set {
        let Definition { name, layer, key_span, .. } = definition;
        if let Some((role, input)) = slip(site, definition) {
            let error = Diagnostic::error(format!("nothing uses the variable `{name}`, and nothing sets `{input}` of the role `{role}`"));
            let error = error.at(key_span).help(format!("did you mean `{input}`?"));
            problems.push(error.help(format!("if both are meant, set `{input}`, too, be it to its default")).missing());
            continue;
        }
        let summary = format!("nothing uses the variable `{name}`");
        let typed = *layer == Layer::CommandLine;
        let problem = if typed { Diagnostic::error(summary) } else { Diagnostic::warning(summary) }.at(key_span).missing();
        problems.push(match suggest::closest(name, inputs.iter().copied().chain(uses.keys().map(String::as_str))) {
            Some(close) => problem.help(format!("did you mean `{close}`?")),
            None if typed => problem.help("`hoist role show ROLE` lists what a role takes"),
            None => problem,
        });
    }
}

/// The role and its input that were meant by a variable which nothing uses: a host gets the role, nothing sets the input there, and
/// the names differ in a slip or two behind the same prefix.
fn slip<'a>(site: &'a Site, definition: &Definition) -> Option<(&'a str, &'a str)> {
    let prefix = definition.name.split_once('_')?.0;
    let written = |host: &SiteHost| host.variables.definitions(&definition.name).iter().any(|one| one.key_span == definition.key_span);
    site.hosts.iter().filter(|host| written(host)).find_map(|host| {
        let plays = site.plays.iter().filter(|play| play.hosts.contains(&host.name));
        let calls = plays.flat_map(|play| play.roles.iter().map(|call| (call, play.vars.iter().chain(&call.vars))));
        calls.into_iter().find_map(|(call, mut vars)| {
            let inputs = call.role.inputs.iter().map(|input| input.name.as_str());
            let meant = inputs.filter(|input| input.split_once('_').is_some_and(|(begin, _)| begin == prefix));
            let meant = meant.min_by_key(|input| suggest::slips(&definition.name, input)).filter(|input| {
                let most = if input.len() > prefix.len() + 6 { 2 } else { 1 };
                suggest::slips(&definition.name, input) <= most
            })?;
            let set = host.variables.get(meant).is_some_and(|winner| winner.layer != Layer::Defaults);
            (!set && !vars.any(|entry| entry.key == meant)).then_some((call.role.name.as_str(), meant))
        })
    })
}

struct Finder<'a> {
    templates: &'a Templates,
    wanted: Option<&'a BTreeSet<&'a str>>,
    uses: Uses,
}

impl Finder<'_> {
    fn role(&mut self, role: &Role, library: &Library) {
        role.inputs.iter().filter_map(|input| input.default.as_ref()).for_each(|default| self.node(default));
        for task in role.verbs.values().flatten().chain(&role.handlers) {
            self.task(task);
            let Some(name) = task.argument("src").and_then(Node::as_str).filter(|_| task.kind == "template") else { continue };
            // Which of them, a template says that is rendered on the way.
            let names = if is_template(name) { library.templates(&role.name) } else { [name.to_string()].into() };
            for source in names.iter().filter_map(|name| library.template(&role.name, name, &task.span).ok()) {
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
            Value::String(text) if self.mentions(text) => {
                match self.templates.expression(expression(text.trim()).unwrap_or(text), Place::node(&node.span)) {
                    Ok(template) => self.add(template.names(), &node.span),
                    Err(_) => self.add(words(text).map(str::to_string).collect(), &node.span),
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
        if !self.mentions(text) {
            return;
        }
        match self.templates.compile(text, place.clone()) {
            Ok(template) => {
                for name in template.names() {
                    let span = template.place_of(&name);
                    self.add([name].into(), &span);
                }
            }
            // It is told of elsewhere; what it would use, nobody knows.
            Err(_) => self.add(words(text).map(str::to_string).collect(), place.span()),
        }
    }

    /// Whether one of the wanted names stands in a text, be it as something else.
    fn mentions(&self, text: &str) -> bool {
        self.wanted.is_none_or(|wanted| words(text).any(|word| wanted.contains(word)))
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

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
