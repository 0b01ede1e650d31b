//! What a task can see: variables (rendered when needed, in the order of who uses whom), facts, loop items, files.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::library::{Asset, Files, Library};
use super::role::{Input, Role};
use super::taint::{self, StandIns};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::secret::MASK;
use crate::template::{self, Place, Places, Template, Templates, expression, is_template};
use crate::yaml::{Entry, Node, Value};

/// A variable as its winning layer gives it, not rendered yet.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Its value.
    pub node: &'a Node,
    /// Whether it comes from the secrets.
    pub secret: bool,
    /// Whether it is the default of an input: a role that has one of its own takes that.
    pub default: bool,
}

/// What is the same for all tasks of one role on one host.
pub struct RoleScope<'a> {
    templates: &'a Templates,
    library: &'a Library,
    role: &'a Role,
    given: BTreeMap<String, Given<'a>>,
    fixed: Map<String, Json>,
    resolved: RefCell<BTreeMap<String, Resolved>>,
}

/// What one task (or one round of its loop) can see.
pub struct Scope<'a> {
    base: &'a RoleScope<'a>,
    locals: Vec<Local>,
    run_as: Option<String>,
    environment: Vec<(String, String)>,
    handler: bool,
}

/// A variable of the task's own.
#[derive(Debug, Clone)]
struct Local {
    name: String,
    node: Node,
    /// A loop item is data by now: braces in it are not rendered again.
    rendered: bool,
}

#[derive(Debug, Clone)]
struct Resolved {
    json: Json,
    /// What it is with stand-ins for the secrets that went into it.
    stand_ins: Option<StandIns>,
    /// A loop item or a task's own variable went into it, so that it holds for this task only.
    local: bool,
}

/// What is made of a template with values.
type How = fn(&Template, &Map<String, Json>, &Places<'_>) -> Result<Json, Diagnostic>;

/// The values that a template names.
struct Values {
    real: Map<String, Json>,
    stand_ins: Option<[Map<String, Json>; 2]>,
    local: bool,
}

/// A text that a template rendered to.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// When a secret went into it: what of it may be shown, line by line.
    pub shown: Option<String>,
}

impl<'a> RoleScope<'a> {
    /// For `role`, with the variables of a host and what hoist itself knows (`inventory_hostname`, `facts`).
    pub fn new(
        templates: &'a Templates,
        library: &'a Library,
        role: &'a Role,
        given: BTreeMap<String, Given<'a>>,
        fixed: Map<String, Json>,
    ) -> Self {
        Self { templates, library, role, given, fixed, resolved: RefCell::default() }
    }

    /// Names that templates may use.
    fn known(&self) -> Vec<&str> {
        self.given.keys().chain(self.fixed.keys()).map(String::as_str).collect()
    }
}

impl<'a> Scope<'a> {
    /// What a task of the role sees before its own keywords.
    pub fn new(base: &'a RoleScope<'a>) -> Self {
        Self { base, locals: Vec::new(), run_as: None, environment: Vec::new(), handler: false }
    }

    /// The same with more variables of its own; a later one hides an earlier one of the same name.
    pub fn with(&self, locals: impl IntoIterator<Item = Entry>) -> Self {
        self.extended(locals.into_iter().map(|entry| Local { name: entry.key, node: entry.node, rendered: false }))
    }

    /// The same with the item of a loop, which is rendered already.
    pub fn with_item(&self, item: &Node) -> Self {
        self.extended([Local { name: "item".to_string(), node: item.clone(), rendered: true }])
    }

    fn extended(&self, more: impl IntoIterator<Item = Local>) -> Self {
        let locals = self.locals.iter().cloned().chain(more).collect();
        Self { base: self.base, locals, run_as: self.run_as.clone(), environment: self.environment.clone(), handler: self.handler }
    }

    /// The same as another user, with these environment variables.
    pub fn acting(self, run_as: Option<String>, environment: Vec<(String, String)>) -> Self {
        Self { run_as, environment, ..self }
    }

    /// The same for a handler, which runs only when it is notified.
    pub fn handling(self) -> Self {
        Self { handler: true, ..self }
    }

    /// Whether this is for a handler.
    pub fn is_handler(&self) -> bool {
        self.handler
    }

    /// The user of the task; `None`: the user of the session, root as a rule.
    pub fn run_as(&self) -> Option<&str> {
        self.run_as.as_deref()
    }

    /// The environment variables of the task.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The value of a variable, `None` when nobody set it.
    ///
    /// # Errors
    /// Its value cannot be rendered.
    pub fn variable(&self, name: &str) -> Result<Option<Json>, Diagnostics> {
        Ok(self.resolve(name, &mut Vec::new())?.map(|resolved| resolved.json))
    }

    /// The value of a variable as it may be shown, `None` when nobody set it.
    ///
    /// # Errors
    /// Its value cannot be rendered.
    pub fn shown(&self, name: &str) -> Result<Option<Json>, Diagnostics> {
        let span = Span::whole(&Source::new("", ""));
        let shown = |resolved: Resolved| taint::node(&resolved.json, resolved.stand_ins.as_ref(), &span).shown_json();
        Ok(self.resolve(name, &mut Vec::new())?.map(shown))
    }

    /// `node` with every template in it rendered. A text that is one `{{ expression }}` becomes the value of it.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub fn render(&self, node: &Node) -> Result<Node, Diagnostics> {
        self.render_node(node, &mut Vec::new()).map(|(node, _)| node)
    }

    /// A condition: an expression, with or without braces, that is true or false.
    ///
    /// # Errors
    /// It cannot be evaluated, or is something else.
    pub fn condition(&self, node: &Node) -> Result<bool, Diagnostics> {
        match &node.value {
            Value::Bool(flag) => Ok(*flag),
            Value::Sequence(items) => {
                for item in items {
                    if !self.condition(item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Value::String(text) => {
                let inner = expression(text.trim()).unwrap_or(text);
                let template = self.base.templates.expression(inner, Place::node(&node.span))?;
                match self.value(&template, &mut Vec::new())?.json {
                    Json::Bool(flag) => Ok(flag),
                    other => Err(Diagnostic::error(format!(
                        "a condition must be true or false, this is {}",
                        Node::from_json(&other, &node.span).value.kind()
                    ))
                    .at(&node.span)
                    .help("compare it (`port == 80`), ask `is defined`, or for a list `list | length > 0`")
                    .into()),
                }
            }
            other => Err(Diagnostic::error(format!("a condition must be true or false, this is {}", other.kind())).at(&node.span).into()),
        }
    }

    /// Renders the template file `name` of the role.
    ///
    /// # Errors
    /// There is none of that name (`span` is blamed), or it cannot be rendered (its own lines are blamed).
    pub fn template(&self, name: &str, span: &Span) -> Result<Rendered, Diagnostics> {
        let source = self.base.library.template(&self.base.role.name, name, span)?;
        self.render_source(&source)
    }

    /// Reads the file `name` of the role or the environment.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be read.
    pub fn file(&self, name: &str, span: &Span) -> Result<Asset, Diagnostic> {
        self.base.library.file(&self.base.role.name, name, span)
    }

    /// Reads all files below the folder `name` of the role or the environment, by their path in it; `None` when `name` is
    /// no folder.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn tree(&self, name: &str, span: &Span) -> Result<Option<Files>, Diagnostic> {
        self.base.library.tree(&self.base.role.name, name, span)
    }

    fn render_source(&self, source: &std::sync::Arc<Source>) -> Result<Rendered, Diagnostics> {
        let template = self.base.templates.compile(source.text(), Place::file(&Span::whole(source)))?;
        let resolved = self.compute(&template, &mut Vec::new(), text_of)?;
        let node = taint::node(&resolved.json, resolved.stand_ins.as_ref(), &Span::whole(source));
        let shown = if node.secret { Some(node.shown.clone().unwrap_or_else(|| MASK.to_string())) } else { None };
        Ok(Rendered { text: node.as_str().unwrap_or_default().to_string(), shown })
    }

    fn render_node(&self, node: &Node, chain: &mut Vec<String>) -> Result<(Node, bool), Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut local = false;
        let mut part = |child: &Node, chain: &mut Vec<String>| {
            problems.take(self.render_node(child, chain)).map(|(child, touched)| {
                local |= touched;
                child
            })
        };
        let value = match &node.value {
            // A secret is taken as it stands: braces in a password are no template.
            _ if node.secret => return Ok((node.clone(), false)),
            Value::String(text) if is_template(text) => {
                let resolved = self.render_text(text, &node.span, chain)?;
                return Ok((taint::node(&resolved.json, resolved.stand_ins.as_ref(), &node.span), resolved.local));
            }
            Value::Sequence(items) => Value::Sequence(items.iter().filter_map(|item| part(item, chain)).collect()),
            Value::Mapping(entries) => Value::Mapping(
                entries.iter().filter_map(|entry| part(&entry.node, chain).map(|node| Entry { node, ..entry.clone() })).collect(),
            ),
            other => other.clone(),
        };
        problems.or((Node { value, ..node.clone() }, local))
    }

    fn render_text(&self, text: &str, span: &Span, chain: &mut Vec<String>) -> Result<Resolved, Diagnostics> {
        if let Some(inner) = expression(text) {
            return self.value(&self.base.templates.expression(inner, Place::node(span))?, chain);
        }
        self.compute(&self.base.templates.compile(text, Place::node(span))?, chain, text_of)
    }

    fn value(&self, template: &Template, chain: &mut Vec<String>) -> Result<Resolved, Diagnostics> {
        self.compute(template, chain, Template::value)
    }

    /// What comes of a template, also with stand-ins for the secrets in it.
    fn compute(&self, template: &Template, chain: &mut Vec<String>, how: How) -> Result<Resolved, Diagnostics> {
        let Values { real, stand_ins, local } = self.values(template, chain)?;
        let how = |values: &_| how(template, values, &|path| self.place(path));
        let Some([a, b]) = stand_ins else { return Ok(Resolved { json: how(&real)?, stand_ins: None, local }) };
        let (first, second) = (how(&a), how(&b));
        let json = how(&real).map_err(|error| match &first {
            // The words of an error may hold the value that it is about.
            Err(harmless) => harmless.clone(),
            Ok(_) => Diagnostic { summary: "this cannot be rendered with the value of the secret".to_string(), help: Vec::new(), ..error },
        })?;
        let [stand_in, other] = taint::stand_ins(&json);
        let stand_ins = [first.unwrap_or(stand_in), second.unwrap_or(other)];
        let clean = stand_ins.iter().all(|stand_in| *stand_in == json);
        Ok(Resolved { json, stand_ins: (!clean).then_some(stand_ins), local })
    }

    /// Where the value is written that a path leads to, from a variable on; as far as it can be told.
    fn place(&self, path: &[String]) -> Option<Span> {
        let (name, path) = path.split_first()?;
        let local = self.locals.iter().rev().find(|local| local.name == *name).map(|local| &local.node);
        local.or_else(|| self.base.given.get(name).map(|given| given.node)).map(|node| node.place(path))
    }

    /// Where the value of a text is written that is nothing but a variable, or a part of one: `{{ site.port }}`.
    pub fn origin(&self, node: &Node) -> Option<Span> {
        let path: Vec<String> = expression(node.as_str()?)?.trim().split('.').map(str::to_string).collect();
        let plain = |part: &String| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
        path.iter().all(plain).then(|| self.place(&path))?
    }

    /// The values that a template names.
    fn values(&self, template: &Template, chain: &mut Vec<String>) -> Result<Values, Diagnostics> {
        let mut real = Map::new();
        let mut changed: [Map<String, Json>; 2] = Default::default();
        let mut problems = Diagnostics::new();
        let mut local = false;
        for name in template.names() {
            match self.resolve(&name, chain) {
                Ok(Some(resolved)) => {
                    local |= resolved.local;
                    if name == "facts"
                        && let Json::Object(facts) = &resolved.json
                    {
                        template.unknown_field(&name, facts).into_iter().for_each(|error| problems.push(error));
                    }
                    for (values, value) in changed.iter_mut().zip(resolved.stand_ins.into_iter().flatten()) {
                        values.insert(name.clone(), value);
                    }
                    real.insert(name, resolved.json);
                }
                Ok(None) if template.guards(&name) => {}
                Ok(None) => {
                    // Told of once, however many defaults are made of it.
                    if let Some(input) = self.base.role.input(&name) {
                        problems.push(self.unset(input));
                        continue;
                    }
                    let known: Vec<&str> =
                        self.base.known().into_iter().chain(self.locals.iter().map(|local| local.name.as_str())).collect();
                    problems.push(template.undefined(&name, &known));
                }
                Err(error) => problems.extend(error),
            }
        }
        if let Some(host) = self.base.fixed.get(template::HOST) {
            real.entry(template::HOST).or_insert_with(|| host.clone());
        }
        let with = |changed: Map<String, Json>| real.clone().into_iter().chain(changed).collect::<Map<String, Json>>();
        let stand_ins = (!changed[0].is_empty()).then(|| changed.map(with));
        problems.or(Values { real, stand_ins, local })
    }

    fn resolve(&self, name: &str, chain: &mut Vec<String>) -> Result<Option<Resolved>, Diagnostics> {
        if let Some(local) = self.locals.iter().rev().find(|local| local.name == name && !chain.contains(&local.name)) {
            let node = if local.rendered {
                local.node.clone()
            } else {
                chain.push(name.to_string());
                let rendered = self.render_node(&local.node, chain);
                chain.pop();
                self.settle(name, rendered?.0)?
            };
            return Ok(Some(Resolved { stand_ins: taint::stand_ins_in(&node), json: node.to_json(), local: true }));
        }
        if let Some(json) = self.base.fixed.get(name) {
            return Ok(Some(Resolved { json: json.clone(), stand_ins: None, local: false }));
        }
        if let Some(resolved) = self.base.resolved.borrow().get(name) {
            return Ok(Some(resolved.clone()));
        }
        let Some(given) = self.base.given.get(name) else { return Ok(None) };
        if let Some(start) = chain.iter().position(|step| step == name) {
            let ring: Vec<String> = chain[start..].iter().chain([&name.to_string()]).map(|step| format!("`{step}`")).collect();
            let mut error = Diagnostic::error(format!("variables refer to each other in a circle: {}", ring.join(" -> ")));
            for step in &chain[start..] {
                if let Some(given) = self.base.given.get(step) {
                    error = error.at(&given.node.span);
                }
            }
            return Err(error.into());
        }
        let (node, local) = if given.secret {
            (taint::sealed(given.node.clone()), false)
        } else {
            chain.push(name.to_string());
            let rendered = self.render_node(given.node, chain);
            chain.pop();
            rendered?
        };
        let node = self.settle(name, node)?;
        let resolved = Resolved { stand_ins: taint::stand_ins_in(&node), json: node.to_json(), local };
        if !local {
            self.base.resolved.borrow_mut().insert(name.to_string(), resolved.clone());
        }
        Ok(Some(resolved))
    }

    /// A value of the variable `name`, as the role wants it.
    fn settle(&self, name: &str, node: Node) -> Result<Node, Diagnostics> {
        match self.base.role.input(name) {
            Some(input) => input.settle(&node),
            None => Ok(node),
        }
    }

    fn unset(&self, input: &Input) -> Diagnostic {
        let set = format!("set it in group_vars: `{}: {}`", input.name, input.shape.example());
        // `name: {}` and `name:` are defaults to Ansible.
        let set = if input.bare { format!("{set}; or give it a default: `{}: {{ default: ... }}`", input.name) } else { set };
        Diagnostic::error(format!("role `{}` needs `{}`, and nothing sets it", self.base.role.name, input.name))
            .label(&input.span, input.help.clone().unwrap_or_default())
            .help(set)
            .missing()
    }

    /// Checks every input of the role: that it has a value and that the value has the type.
    ///
    /// # Errors
    /// All inputs that do not.
    pub fn check_inputs(&self) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::new();
        for input in &self.base.role.inputs {
            match self.resolve(&input.name, &mut Vec::new()) {
                Ok(Some(_)) => {}
                Ok(None) => problems.push(self.unset(input)),
                Err(error) => problems.extend(error),
            }
        }
        problems.or(())
    }
}

fn text_of(template: &Template, values: &Map<String, Json>, places: &Places<'_>) -> Result<Json, Diagnostic> {
    template.render(values, places).map(Json::String)
}
