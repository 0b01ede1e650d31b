//! `hoist.yml`: the plays, what is special about an environment, and settings of hoist itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::inventory::pattern::Pattern;
use super::layout::{Layout, PROJECT_FILE};
use super::{ansible, names};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Entry, Node, Value, from_node};

/// What `hoist.yml` says.
#[derive(Debug, Default)]
pub struct Config {
    /// Which roles each group gets, in order.
    pub plays: Vec<Play>,
    /// What is special about an environment, by its name.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Settings of hoist itself.
    pub settings: Settings,
}

/// Roles for a group of hosts.
#[derive(Debug)]
pub struct Play {
    /// A name for people, if it has one.
    pub name: Option<String>,
    /// Which hosts.
    pub hosts: Pattern,
    /// The roles, in order.
    pub roles: Vec<RoleUse>,
    /// Whether tasks use sudo, unless they say so themselves; true when nobody says.
    pub become_: Option<bool>,
    /// Whom sudo makes them; may be a template.
    pub become_user: Option<Node>,
    /// Variables for all roles of the play.
    pub vars: Vec<Entry>,
    /// Tags that all tasks of the play have.
    pub tags: Vec<String>,
    /// Environment variables of the commands of all tasks.
    pub environment: Vec<Entry>,
    /// How many hosts at a time: a number, a share such as `30%`, or a list of them. None: all.
    pub serial: Option<Node>,
    /// How many hosts may fail before the rest is left alone: a number or a share.
    pub max_failures: Option<Node>,
    /// Whether the first failure of a host stops all of them.
    pub any_errors_fatal: bool,
    /// In which order hosts come: as in the `inventory`, `reverse_inventory`, `sorted` or `reverse_sorted`.
    pub order: Option<Node>,
    /// Where the play stands.
    pub span: Span,
}

/// A role in a play.
#[derive(Debug)]
pub struct RoleUse {
    /// The name of the role.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// Variables for this use of the role.
    pub vars: Vec<Entry>,
    /// Tags that all its tasks have.
    pub tags: Vec<String>,
    /// A condition for all its tasks, as written.
    pub when: Option<Node>,
}

/// What is special about an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentConfig {
    /// Whether its name must be typed before anything is changed.
    pub protected: bool,
    /// Where it is named.
    pub span: Span,
}

/// Settings of hoist itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many hosts at a time, 1 to 1000.
    pub forks: u16,
    /// Seconds to wait for a host to answer, 1 to 3600.
    pub connect_timeout: u16,
    /// Seconds that a host waits for a new connection after a change to sshd, sudo, firewall or network, before it puts
    /// the old state back, 1 to 3600.
    pub confirm_timeout: u16,
    /// Seconds that a question to a host may take, a guard for instance, 1 to 3600.
    pub probe_timeout: u16,
    /// Seconds that a step may take which has no `timeout` of its own, 1 or more. None: as long as it takes.
    pub step_timeout: Option<u32>,
    /// Seconds that all work on a host may take, 1 or more. None: as long as it takes.
    pub host_timeout: Option<u32>,
    /// Where `hoist secrets recipients add github:NAME` asks.
    pub github_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            forks: 50,
            connect_timeout: 10,
            confirm_timeout: 30,
            probe_timeout: 60,
            step_timeout: None,
            host_timeout: None,
            github_url: "https://github.com".to_string(),
        }
    }
}

impl Config {
    /// Reads `hoist.yml` of a project, and checks that the environments it names are there.
    ///
    /// Problems go to `problems`, what could be read is returned.
    pub fn load(layout: &Layout, problems: &mut Diagnostics) -> Self {
        let source = problems.take(layout.read(PROJECT_FILE.as_ref())).flatten();
        let mut mistakes = Diagnostics::new();
        let config = source.map(|source| Self::read(&source, &mut mistakes)).unwrap_or_default();
        problems.extend(mistakes.unread());
        // A slip in the name would leave the environment that is meant unprotected.
        for (name, item) in &config.environments {
            if let Err(error) = layout.expect_environment(name) {
                problems.push(error.at(&item.span));
            }
        }
        config
    }

    /// Reads the text of a `hoist.yml`.
    ///
    /// Problems go to `problems`, what could be read is returned.
    pub fn read(source: &Arc<Source>, problems: &mut Diagnostics) -> Self {
        let Some(node) = problems.take(crate::yaml::parse(source)) else { return Self::default() };
        let file = Fields::new(&node, PROJECT_FILE, &["plays", "environments", "settings"], problems);
        let mut config = Self::default();
        for item in file.list("plays", problems) {
            config.plays.extend(play(item, problems));
        }
        for entry in file.map("environments", problems) {
            let fields = Fields::new(&entry.node, &format!("the environment `{}`", entry.key), &["protected"], problems);
            let item = EnvironmentConfig { protected: fields.typed("protected", problems).unwrap_or(false), span: entry.key_span.clone() };
            config.environments.insert(entry.key.clone(), item);
        }
        if let Some(settings) = file.typed::<Settings>("settings", problems) {
            let numbers = [
                ("forks", settings.forks, 1000),
                ("connect_timeout", settings.connect_timeout, 3600),
                ("confirm_timeout", settings.confirm_timeout, 3600),
                ("probe_timeout", settings.probe_timeout, 3600),
            ];
            for (name, value, most) in numbers {
                if let Some(node) = file.get("settings").and_then(|node| node.get(name)).filter(|_| !(1..=most).contains(&value)) {
                    problems.push(Diagnostic::error(format!("`{name}` must be a number from 1 to {most}")).at(&node.span));
                }
            }
            for (name, value) in [("step_timeout", settings.step_timeout), ("host_timeout", settings.host_timeout)] {
                if let Some(node) = file.get("settings").and_then(|node| node.get(name)).filter(|_| value == Some(0)) {
                    problems.push(Diagnostic::error(format!("`{name}` must be a number of seconds, 1 or more")).at(&node.span));
                }
            }
            config.settings = settings;
        }
        config
    }
}

fn play(node: &Node, problems: &mut Diagnostics) -> Option<Play> {
    let known = [
        "name",
        "hosts",
        "roles",
        "become",
        "become_user",
        "vars",
        "tags",
        "environment",
        "serial",
        "max_failures",
        "any_errors_fatal",
        "order",
    ];
    let fields = Fields::new(node, "a play", &known, problems);
    let mut roles = Vec::new();
    for item in fields.list("roles", problems) {
        roles.extend(role(item, problems));
    }
    let hosts = match fields.get("hosts") {
        Some(node) => problems.take(node.expect_str("`hosts`")).and_then(|text| problems.take(Pattern::parse(text, &node.span))),
        None if node.entries().is_empty() => None,
        None => {
            problems.push(
                Diagnostic::error("a play needs `hosts`")
                    .at(&node.entries()[0].key_span)
                    .help("name a group, or write `hosts: all`")
                    .missing(),
            );
            None
        }
    };
    let play = Play {
        name: fields.typed("name", problems),
        roles,
        become_: fields.typed("become", problems),
        become_user: fields.get("become_user").cloned(),
        vars: fields.vars("vars", problems),
        tags: fields.tags(problems),
        environment: fields.map("environment", problems).to_vec(),
        serial: fields.get("serial").cloned(),
        max_failures: fields.get("max_failures").cloned(),
        any_errors_fatal: fields.typed("any_errors_fatal", problems).unwrap_or(false),
        order: fields.get("order").cloned(),
        span: node.span.clone(),
        hosts: hosts?,
    };
    Some(play)
}

fn role(node: &Node, problems: &mut Diagnostics) -> Option<RoleUse> {
    if let Some(name) = node.as_str() {
        let plain = RoleUse { name: name.to_string(), span: node.span.clone(), vars: Vec::new(), tags: Vec::new(), when: None };
        return problems.take(names::plain(name, "role", &node.span)).map(|()| plain);
    }
    let fields = Fields::new(node, "a role of a play", &["role", "vars", "tags", "when"], problems);
    let (vars, tags, when) = (fields.vars("vars", problems), fields.tags(problems), fields.get("when").cloned());
    let Some(name_node) = fields.get("role") else {
        if let Some(first) = node.entries().first() {
            problems.push(Diagnostic::error("`role` is missing").at(&first.key_span).help("write `role: NAME`").missing());
        }
        return None;
    };
    let name = problems.take(name_node.expect_str("`role`"))?.to_string();
    problems.take(names::plain(&name, "role", &name_node.span)).map(|()| RoleUse { name, span: name_node.span.clone(), vars, tags, when })
}

/// A mapping of which only some keys are known. Null counts as not written.
struct Fields<'a> {
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    fn new(node: &'a Node, what: &str, known: &[&str], problems: &mut Diagnostics) -> Self {
        let entries = problems.take(node.expect_mapping(what)).unwrap_or_default();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let error = Diagnostic::error(format!("unknown key `{}` in {what}", entry.key.escape_debug())).at(&entry.key_span);
            problems.push(match ansible::of_play(&entry.key).filter(|_| known.contains(&"hosts")) {
                Some(advice) => error.help(advice),
                None => error.suggest(&entry.key, known.iter().copied()),
            });
        }
        Self { entries }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node).filter(|node| node.value != Value::Null)
    }

    fn typed<T: serde::de::DeserializeOwned>(&self, key: &str, problems: &mut Diagnostics) -> Option<T> {
        let value = from_node(self.get(key)?).map_err(|error| Diagnostic { summary: format!("`{key}`: {}", error.summary), ..error });
        problems.take(value)
    }

    fn list(&self, key: &str, problems: &mut Diagnostics) -> &'a [Node] {
        self.get(key).and_then(|node| problems.take(node.expect_sequence(&format!("`{key}`")))).unwrap_or_default()
    }

    fn map(&self, key: &str, problems: &mut Diagnostics) -> &'a [Entry] {
        self.get(key).and_then(|node| problems.take(node.expect_mapping(&format!("`{key}`")))).unwrap_or_default()
    }

    fn vars(&self, key: &str, problems: &mut Diagnostics) -> Vec<Entry> {
        let entries = self.map(key, problems);
        entries.iter().filter(|entry| problems.take(names::variable(&entry.key, &entry.key_span)).is_some()).cloned().collect()
    }

    /// A list of tags, or one text with commas, as Ansible takes both.
    fn tags(&self, problems: &mut Diagnostics) -> Vec<String> {
        match self.get("tags").map(|node| &node.value) {
            Some(Value::String(text)) => text.split(',').map(|tag| tag.trim().to_string()).filter(|tag| !tag.is_empty()).collect(),
            _ => self.typed("tags", problems).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut problems = Diagnostics::new();
        let config = Config::read(&Source::new("hoist.yml", text), &mut problems);
        let line = |problem: &Diagnostic| format!("{} {} ({})", problem.labels[0].0, problem.summary, problem.help.join("; "));
        (config, problems.iter().map(line).collect())
    }

    #[test]
    fn plays_roles_environments_and_settings_are_read() {
        let (config, problems) = read(
            "plays:\n  - hosts: web:!old\n    roles: [common, { role: app, vars: { n: 1 }, tags: 'a, b', when: tls }]\n\
             \x20 - name: databases\n    hosts: db\n    become: no\n    become_user: postgres\n    vars: { x: 1 }\n    tags: [c]\n    environment: { LANG: C }\n\
             environments:\n  prod: { protected: true }\n  dev:\nsettings: { forks: 5 }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let [web, db] = &config.plays[..] else { panic!("two plays") };
        let app = &web.roles[1];
        assert_eq!(
            (app.name.as_str(), app.span.to_string(), app.tags.join("+"), app.vars.len()),
            ("app", "hoist.yml:3:29".into(), "a+b".into(), 1)
        );
        assert_eq!(app.when.as_ref().and_then(Node::as_str), Some("tls"));
        assert_eq!((web.roles[0].span.to_string(), web.become_), ("hoist.yml:3:13".to_string(), None));
        assert_eq!((db.name.as_deref(), db.become_, db.environment[0].key.as_str()), (Some("databases"), Some(false), "LANG"));
        assert_eq!(db.become_user.as_ref().and_then(Node::as_str), Some("postgres"));
        assert_eq!(
            config.environments.iter().map(|(name, item)| format!("{name} {}", item.protected)).collect::<Vec<_>>(),
            ["dev false", "prod true"]
        );
        assert_eq!(config.settings, Settings { forks: 5, ..Settings::default() });
        assert_eq!(read("").1, Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let (config, problems) = read(
            "play: []\nplays:\n  - hosts: ~web\n    rolse: [a]\n  - roles: [common, 3, {rol: a}, ../x]\n  - hosts: db\n    vars: {a-b: 1}\n    become: maybe\n  - web\n\
             environments: { prod: { protect: true }, dev: { protected: 7 } }\nsettings: { forks: 0, connect_timeout: 9999, probe_timeout: 0 }\n",
        );
        assert_eq!(config.plays.len(), 1);
        let expected = [
            "hoist.yml:1:1 unknown key `play` in hoist.yml (did you mean `plays`?)",
            "hoist.yml:4:5 unknown key `rolse` in a play (did you mean `roles`?)",
            "hoist.yml:3:12 `~web` is a regular expression, which is not supported (use `*`, `?` and `[abc]`, as in `web*`)",
            "hoist.yml:5:21 a role of a play must be a mapping (`name: value` lines), this is a number ()",
            "hoist.yml:5:25 unknown key `rol` in a role of a play (did you mean `role`?)",
            "hoist.yml:5:25 `role` is missing (write `role: NAME`)",
            "hoist.yml:5:34 `../x` cannot be the name of a role (a name starts with a letter (a-z, A-Z), a digit or `_` and goes on with these, `.` and `-`; 253 characters at most)",
            "hoist.yml:5:5 a play needs `hosts` (name a group, or write `hosts: all`)",
            "hoist.yml:8:13 `become`: expected a boolean, found the text `maybe` ()",
            "hoist.yml:7:12 `a-b` cannot be the name of a variable (write `a_b`: letters, digits and `_`, no digit in front)",
            "hoist.yml:9:5 a play must be a mapping (`name: value` lines), this is a text ()",
            "hoist.yml:10:25 unknown key `protect` in the environment `prod` (did you mean `protected`?)",
            "hoist.yml:10:60 `protected`: expected a boolean, found 7 ()",
            "hoist.yml:11:20 `forks` must be a number from 1 to 1000 ()",
            "hoist.yml:11:40 `connect_timeout` must be a number from 1 to 3600 ()",
            "hoist.yml:11:61 `probe_timeout` must be a number from 1 to 3600 ()",
        ];
        assert_eq!(problems, expected);
        assert!(read("settings: { forks: many, x: 1 }\n").1[0].contains("forks"));
    }

    #[test]
    fn a_slip_in_a_protected_name_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("environments/prod")).expect("made");
        std::fs::write(folder.path().join("hoist.yml"), "environments: { prdo: { protected: true } }\n").expect("written");
        let mut problems = Diagnostics::new();
        Config::load(&Layout::find(folder.path()).expect("found"), &mut problems);
        let found: Vec<_> =
            problems.iter().map(|problem| (problem.summary.as_str(), problem.labels[0].0.to_string(), problem.help[0].as_str())).collect();
        assert_eq!(found, [("there is no environment `prdo`", "hoist.yml:1:17".to_string(), "did you mean `prod`?")]);
    }
}
