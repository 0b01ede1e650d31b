//! The steps of one host: tasks with their conditions, loops and arguments settled. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::{About, Job, Play, RoleCall};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::project::{Given, Manner, RoleScope, Scope, Task, ansible};
use crate::resource::{self, KINDS, Resource};
use crate::yaml::{Node, Value};

/// One thing to look at, and to change if it is not as wanted.
pub struct Step {
    /// What it is for, in the user's words or made from kind and subject.
    pub name: String,
    /// The role it comes from.
    pub role: String,
    /// The thing.
    pub resource: Box<dyn Resource>,
    /// As whom; `None`: the user of the session.
    pub run_as: Option<String>,
    /// With these variables.
    pub environment: Vec<(String, String)>,
    /// Keys of the handlers that a change notifies.
    pub notify: Vec<String>,
    /// Where each of them is named.
    pub notify_at: Vec<Span>,
    /// Those of them that check the files which notified them: what a change replaces is put aside for them.
    pub sets: Vec<String>,
    /// Of a step of a handler that checks: the key of the handler.
    pub set: Option<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What it is called among the hosts of the play, when one of them does it for all.
    pub once: Option<String>,
    /// The task.
    pub span: Span,
}

impl Step {
    /// What it is called, for whoever shows it.
    pub fn about(&self) -> About {
        About { name: self.name.clone(), kind: self.resource.kind(), subject: self.resource.subject() }
    }
}

/// Steps that run at the end of a play if they were notified.
pub struct Handler {
    /// `role/name`: what the journal on the host says.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it does (several steps for a loop, none when its condition does not hold).
    pub steps: Vec<Step>,
}

/// The steps of one play on one host.
pub struct PlaySteps {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// In the order in which they run.
    pub handlers: Vec<Handler>,
}

/// What is known of the host: its variables by name, and what hoist itself says of it.
pub struct HostValues<'a> {
    /// The winner of each variable's layers. Role defaults come below.
    pub given: &'a BTreeMap<String, Given<'a>>,
    /// `inventory_hostname`, `groups`, `facts` and the like.
    pub fixed: &'a Map<String, Json>,
    /// The user that logs in.
    pub login_user: &'a str,
    /// How tasks run where neither task, role nor play says it.
    pub manner: &'a Manner,
}

/// Settles the tasks of a play for one host.
///
/// # Errors
/// Everything that is wrong in them, for this host.
pub fn play_steps(job: &Job<'_>, play: &Play, host: &HostValues<'_>) -> Result<PlaySteps, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut all = PlaySteps { steps: Vec::new(), handlers: Vec::new() };
    for (number, call) in play.roles.iter().enumerate() {
        let given = call.given(host.given);
        let base = RoleScope::new(job.templates, job.library, &call.role, given, host.fixed.clone());
        let scope = Scope::new(&base).with(play.vars.iter().chain(&call.vars).cloned());
        if problems.take(scope.check_inputs()).is_none() {
            continue;
        }
        let applies = call.when.as_ref().is_none_or(|when| problems.take(scope.condition(when)).unwrap_or(false));
        let outer = call.manner.inside(&play.manner).inside(host.manner);
        let reader = Reader { job, host, call, outer: &outer };
        if applies {
            for task in call.role.verbs.get(job.verb).into_iter().flatten() {
                if reader.tagged(task) {
                    let mut steps = problems.take(reader.steps(task, &scope)).unwrap_or_default();
                    for (item, step) in steps.iter_mut().enumerate().filter(|_| task.once) {
                        step.once = Some(format!("{number} {} {item}", task.span));
                    }
                    all.steps.extend(steps);
                }
            }
        }
        for task in &call.role.handlers {
            let name = task.name.as_ref().and_then(Node::as_str).unwrap_or_default().to_string();
            let steps = problems.take(reader.steps(task, &scope.with([]).handling())).unwrap_or_default();
            all.handlers.push(Handler { key: format!("{}/{name}", call.role.name), name, steps });
        }
    }
    settle_notify(&mut all, &mut problems);
    settle_sets(&mut all);
    problems.or(all)
}

struct Reader<'a> {
    job: &'a Job<'a>,
    host: &'a HostValues<'a>,
    call: &'a RoleCall,
    outer: &'a Manner,
}

impl Reader<'_> {
    fn tagged(&self, task: &Task) -> bool {
        let has = |tag: &String| {
            let manner = task.manner.inside(self.outer);
            *tag == self.call.role.name || manner.tags.contains(tag)
        };
        self.job.tags.is_empty() || self.job.tags.iter().any(has) || has(&"always".to_string())
    }

    fn steps(&self, task: &Task, scope: &Scope<'_>) -> Result<Vec<Step>, Diagnostics> {
        let scope = scope.with(task.vars.iter().cloned());
        let Some(looped) = &task.looped else { return Ok(self.step(task, &scope)?.into_iter().collect()) };
        let rendered = scope.render(looped)?;
        let items = match &rendered.value {
            Value::Sequence(items) => items,
            other => {
                return Err(Diagnostic::error(format!("`loop` needs a list, this is {}", other.kind()))
                    .at(&looped.span)
                    .help("for a mapping write `loop: \"{{ name | pairs }}\"` (item[0] is the key, item[1] the value)")
                    .into());
            }
        };
        let mut problems = Diagnostics::new();
        let mut steps = Vec::new();
        for item in items {
            steps.extend(problems.take(self.step(task, &scope.with_item(item))).flatten());
        }
        problems.or(steps)
    }

    fn step(&self, task: &Task, scope: &Scope<'_>) -> Result<Option<Step>, Diagnostics> {
        let user = task.manner.inside(self.outer).become_user;
        let written = [&task.args].into_iter().chain(&task.more_args).chain(&user);
        self.settled(task, scope).map_err(|problems| written.fold(problems, |problems, node| blamed(problems, node, scope)))
    }

    fn settled(&self, task: &Task, scope: &Scope<'_>) -> Result<Option<Step>, Diagnostics> {
        if let Some(when) = &task.when
            && !scope.condition(when)?
        {
            return Ok(None);
        }
        let Some(entry) = resource::kinds(&task.kind) else { return Err(unknown_kind(task).into()) };
        let mut problems = Diagnostics::new();
        let manner = task.manner.inside(self.outer);
        let run_as = problems.take(self.run_as(&manner, scope)).flatten();
        let environment = problems.take(environment(&manner, scope)).unwrap_or_default();
        let name = task.name.as_ref().and_then(|name| problems.take(scope.render(name)));
        let timeout = task.timeout.as_ref().and_then(|node| problems.take(seconds(node, scope)));
        let args = problems.take(scope.render(&task.args));
        let more = task.more_args.as_ref().and_then(|node| problems.take(scope.render(node)));
        let args = match args {
            Some(args) if !problems.has_errors() => args,
            _ => return Err(problems),
        };
        let inner = scope.with([]).acting(run_as.clone(), environment.clone());
        let resource = resource::load(entry, &task.kind_span, &args, more.as_ref(), &inner)?;
        let name = name
            .and_then(|node| node.shown_json().as_str().map(str::to_string))
            .unwrap_or_else(|| format!("{} {}", entry.name, resource.subject()));
        Ok(Some(Step {
            name,
            role: self.call.role.name.clone(),
            resource,
            run_as,
            environment,
            notify: task.notify.iter().map(|(name, _)| name.clone()).collect(),
            notify_at: task.notify.iter().map(|(_, span)| span.clone()).collect(),
            sets: Vec::new(),
            set: None,
            timeout,
            once: None,
            span: task.span.clone(),
        }))
    }

    fn run_as(&self, manner: &Manner, scope: &Scope<'_>) -> Result<Option<String>, Diagnostics> {
        if manner.become_ == Some(false) {
            return Ok(Some(self.host.login_user.to_string()).filter(|user| user != "root"));
        }
        let Some(node) = &manner.become_user else { return Ok(None) };
        let rendered = scope.render(node)?;
        let user = rendered.expect_str("`become_user`")?;
        let good = !user.is_empty()
            && user.len() <= 32
            && !user.starts_with('-')
            && user.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !good {
            return Err(Diagnostic::error(format!("`{user}` is no name for a user")).at(&node.span).into());
        }
        Ok(Some(user.to_string()).filter(|user| user != "root"))
    }
}

/// The problems of an argument that is nothing but a variable point at where the variable is set, too.
fn blamed(problems: Diagnostics, node: &Node, scope: &Scope<'_>) -> Diagnostics {
    match &node.value {
        Value::Sequence(items) => items.iter().fold(problems, |problems, item| blamed(problems, item, scope)),
        Value::Mapping(entries) => entries.iter().fold(problems, |problems, entry| blamed(problems, &entry.node, scope)),
        // An address may hold a password, and the line with it would be shown.
        _ => match scope
            .origin(node)
            .filter(|origin| *origin != node.span && !(origin.text().contains("://") && origin.text().contains('@')))
        {
            Some(origin) => problems.map(|mut problem| {
                if problem.labels.first().is_some_and(|(span, _)| *span == node.span) {
                    problem.labels.insert(0, (origin.clone(), String::new()));
                    problem.labels[1].1 = "used here".to_string();
                }
                problem
            }),
            None => problems,
        },
    }
}

fn seconds(node: &Node, scope: &Scope<'_>) -> Result<Duration, Diagnostics> {
    let rendered = scope.render(node)?;
    match crate::yaml::from_node::<u32>(&rendered) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err(Diagnostic::error("`timeout` must be a number of seconds, 1 or more").at(&node.span).into()),
    }
}

fn environment(manner: &Manner, scope: &Scope<'_>) -> Result<Vec<(String, String)>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut all: Vec<(String, String)> = Vec::new();
    for node in &manner.environment {
        let Some(rendered) = problems.take(scope.render(node)) else { continue };
        for entry in problems.take(rendered.expect_mapping("`environment`")).unwrap_or_default() {
            let good = entry.key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && entry.key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !good {
                problems.push(Diagnostic::error(format!("`{}` is no name for an environment variable", entry.key)).at(&entry.key_span));
                continue;
            }
            let Some(text) = problems.take(crate::yaml::from_node::<String>(&entry.node)) else { continue };
            all.retain(|(name, _)| *name != entry.key);
            all.push((entry.key.clone(), text));
        }
    }
    problems.or(all)
}

fn unknown_kind(task: &Task) -> Diagnostic {
    let kinds: Vec<&str> = KINDS.iter().flat_map(|entry| [entry.name].into_iter().chain(entry.aliases.iter().copied())).collect();
    let error = Diagnostic::error(format!("unknown kind of task `{}`", task.kind)).at(&task.kind_span);
    match ansible::module(&task.kind, &kinds) {
        Some(advice) => error.help(advice),
        None => error.suggest(&task.kind, kinds.into_iter().chain(crate::project::task::KEYWORDS)),
    }
}

/// Turns the names in `notify` into keys: the step's own role is asked first, then every role of the play.
fn settle_notify(all: &mut PlaySteps, problems: &mut Diagnostics) {
    let handlers: Vec<(String, String)> = all.handlers.iter().map(|handler| (handler.key.clone(), handler.name.clone())).collect();
    let of_handlers = all.handlers.iter_mut().flat_map(|handler| handler.steps.iter_mut());
    for step in all.steps.iter_mut().chain(of_handlers) {
        for (notified, span) in step.notify.iter_mut().zip(&step.notify_at) {
            let own = format!("{}/{notified}", step.role);
            match handlers.iter().find(|(key, _)| *key == own).or_else(|| handlers.iter().find(|(_, name)| name == notified)) {
                Some((key, _)) => *notified = key.clone(),
                None => {
                    let error = Diagnostic::error(format!("there is no handler `{notified}`")).at(span).missing();
                    problems.push(match handlers.is_empty() {
                        true => error.help("handlers stand under `handlers:` in role.yml; this play has none"),
                        false => error.suggest(notified, handlers.iter().map(|(_, name)| name.as_str())),
                    });
                }
            }
        }
    }
}

/// The files that notify a handler which checks them are a set: all of them stay, or none.
fn settle_sets(all: &mut PlaySteps) {
    let checks = |handler: &&Handler| handler.steps.iter().any(|step| step.resource.validator().is_some());
    let checking: Vec<String> = all.handlers.iter().filter(checks).map(|handler| handler.key.clone()).collect();
    for handler in all.handlers.iter_mut().filter(|handler| checking.contains(&handler.key)) {
        handler.steps.iter_mut().for_each(|step| step.set = Some(handler.key.clone()));
    }
    let of_handlers = all.handlers.iter_mut().flat_map(|handler| handler.steps.iter_mut());
    for step in all.steps.iter_mut().chain(of_handlers) {
        step.sets = step.notify.iter().filter(|key| checking.contains(key)).cloned().collect();
    }
}
