//! One environment: its inventory and the variables of its hosts. Files are read once, [`Environment::variables`] only
//! lays what was read over each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inventory::Inventory;
use super::layout::Layout;
use super::shape::Shape;
use super::variables::{Definition, Layer, Variables, check_value, definitions, moved};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::yaml::{Entry, Node, Value};

/// The definitions for each group or each host.
type Sets = BTreeMap<String, Vec<Arc<Definition>>>;

/// An environment, loaded.
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Its hosts and groups.
    pub inventory: Inventory,
    project_groups: Sets,
    inventory_groups: Sets,
    group_files: Sets,
    inventory_hosts: Sets,
    host_files: Sets,
    secrets: Vec<Arc<Definition>>,
    words: Vec<Arc<Definition>>,
}

impl Environment {
    /// Loads the environment `name`: inventory, `group_vars` of the project and its own, `host_vars`.
    /// Problems go to `problems`; none when it is not there or has no readable inventory.
    pub fn load(layout: &Layout, name: &str, problems: &mut Diagnostics) -> Option<Self> {
        problems.take(layout.expect_environment(name))?;
        let source = problems.take(layout.inventory(name))?;
        let inventory = Inventory::read(&source, problems);
        let what = source.name().display().to_string();
        let written = |name: &str, vars: &[Entry], layer| (name.to_string(), definitions(vars, layer, &what, &mut Diagnostics::new()));
        let groups = inventory.groups().iter().map(|group| written(&group.name, &group.vars, Layer::EnvironmentGroupVars));
        let inventory_groups = groups.collect();
        let inventory_hosts = inventory.hosts().iter().map(|host| written(&host.name, &host.vars, Layer::HostVars)).collect();

        let mut files = Files { layout, problems };
        let group_names: Vec<&str> = inventory.groups().iter().map(|group| group.name.as_str()).collect();
        let host_names: Vec<&str> = inventory.hosts().iter().map(|host| host.name.as_str()).collect();
        let project_groups = files.sets(Path::new("group_vars"), Layer::ProjectGroupVars, "group", &group_names);
        let group_files = files.sets(&layout.of(name, "group_vars"), Layer::EnvironmentGroupVars, "group", &group_names);
        let host_files = files.sets(&layout.of(name, "host_vars"), Layer::HostVars, "host", &host_names);
        let (name, secrets, words) = (name.to_string(), Vec::new(), Vec::new());
        Some(Self { name, inventory, project_groups, inventory_groups, group_files, inventory_hosts, host_files, secrets, words })
    }

    /// Reports values that Ansible reads in another way than hoist does. `shape` says what the input of that name may be:
    /// there may be bools in it, which are taken all the same.
    pub fn check_values<'a>(&self, shape: &dyn Fn(&str) -> Option<&'a Shape>, problems: &mut Diagnostics) {
        let sets = [&self.project_groups, &self.inventory_groups, &self.group_files, &self.inventory_hosts, &self.host_files];
        for definition in sets.iter().flat_map(|sets| sets.values().flatten()) {
            // An inventory in INI form has types of its own; settings of the connection are typed.
            let is_yaml = definition.node.span.source().name().extension().is_some();
            if is_yaml && !definition.name.starts_with("ansible_") {
                check_value(&definition.node, shape(&definition.name), problems);
            }
        }
    }

    /// Adds the decrypted content of `secrets.age` (`what`, for messages). Nothing that is kept or reported points into
    /// the decrypted text: places are those of a text with the values left out.
    pub fn set_secrets(&mut self, content: &Node, what: &str, problems: &mut Diagnostics) {
        let entries = match &content.value {
            Value::Null => &[],
            Value::Mapping(entries) => entries.as_slice(),
            _ => return problems.push(Diagnostic::error(format!("`{what}` must be a mapping (`name: value` lines)"))),
        };
        let masked = masked(entries, what);
        for definition in definitions(&masked, Layer::Secrets, what, problems) {
            self.secrets.push(Arc::new(Definition { secret: true, ..Arc::unwrap_or_clone(definition) }));
        }
        let plain = [&self.inventory_groups, &self.group_files, &self.inventory_hosts, &self.host_files];
        for secret in &self.secrets {
            let doubles = plain.iter().flat_map(|sets| sets.values().flatten()).filter(|plain| plain.name == secret.name);
            for double in doubles {
                problems.push(
                    Diagnostic::error(format!("`{}` is set both in the secrets and in plain variables", secret.name))
                        .label(&double.key_span, "the plain one")
                        .label(&secret.key_span, "the secret")
                        .help("keep one of them"),
                );
            }
        }
    }

    /// Adds `name=value` words of the command line (`variables::words`), above all else.
    pub fn set_words(&mut self, words: Vec<Definition>) {
        self.words = words.into_iter().map(Arc::new).collect();
    }

    /// The variables of a host, without the defaults of roles (`Variables::with_defaults`).
    ///
    /// Inside of the environment's group variables the order is Ansible's: first those in the inventory, then those in
    /// files, each time parents before children. So the file of a parent wins over the inventory's lines for a child.
    pub fn variables(&self, host: &str) -> Variables {
        let groups: Vec<&str> = self.inventory.groups_of(host).iter().map(|group| group.name.as_str()).collect();
        fn of<'a>(names: &[&str], sets: &[&'a Sets]) -> Vec<&'a Arc<Definition>> {
            sets.iter().flat_map(|sets| names.iter().filter_map(|name| sets.get(*name)).flatten()).collect()
        }
        let layers = [
            of(&groups, &[&self.project_groups]),
            of(&groups, &[&self.inventory_groups, &self.group_files]),
            of(&[host], &[&self.inventory_hosts, &self.host_files]),
            self.secrets.iter().chain(&self.words).collect(),
        ];
        Variables::layered(layers.into_iter().flatten())
    }
}

/// The entries of a mapping, at places in a text that has their names and lines, but not their values.
fn masked(entries: &[Entry], what: &str) -> Vec<Entry> {
    let (mut text, mut line, mut starts) = (String::new(), 1, Vec::new());
    for entry in entries {
        let here = entry.key_span.line_column().0.max(line);
        text.extend(std::iter::repeat_n('\n', here - line));
        line = here;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        starts.push(text.len());
        text += &format!("{}: (secret)", entry.key);
    }
    let source = Source::new(what, text);
    let mask = |(entry, start): (&Entry, usize)| {
        let key_end = start + entry.key.len();
        let place = Span::new(&source, key_end + 2, key_end + "(secret)".len() + 2);
        Entry { key: entry.key.clone(), key_span: Span::new(&source, start, key_end), node: moved(&entry.node, &place) }
    };
    entries.iter().zip(starts).map(mask).collect()
}

/// How files of variables end, besides those without an ending.
const ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

fn stem(name: &str) -> &str {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

/// Reads folders of variables.
struct Files<'a> {
    layout: &'a Layout,
    problems: &'a mut Diagnostics,
}

impl Files<'_> {
    /// The variables that `folder` has for each of `known`: in `NAME.yml`, `NAME`, or the files of a folder `NAME`.
    fn sets(&mut self, folder: &Path, layer: Layer, kind: &str, known: &[&str]) -> Sets {
        let items = self.problems.take(self.layout.list(folder)).unwrap_or_default();
        let mut found: BTreeMap<&str, PathBuf> = BTreeMap::new();
        let mut sets = Sets::new();
        for item in items.iter().filter(|item| !is_hidden(item)) {
            let (name, path) = (stem(item), folder.join(item));
            if let Some(other) = found.insert(name, path.clone()) {
                let error = Diagnostic::error(format!("both `{}` and `{}` exist", other.display(), path.display()));
                self.problems.push(error.help(format!("the variables of a {kind} stand in one file or folder: put them together")));
            } else if known.contains(&name) {
                sets.insert(name.to_string(), self.set(&path, layer));
            } else if layer != Layer::ProjectGroupVars || !self.some_environment_has_group(name) {
                let warning = Diagnostic::warning(format!("`{}` is not read, as there is no {kind} `{name}`", path.display())).missing();
                let close = crate::diagnostic::suggest::closest(name, known.iter().copied());
                self.problems.push(close.iter().fold(warning, |warning, close| warning.help(format!("did you mean `{close}`?"))));
            }
        }
        sets
    }

    fn set(&mut self, path: &Path, layer: Layer) -> Vec<Arc<Definition>> {
        if !self.layout.is_folder(path) {
            return self.file(path, layer);
        }
        let mut all = Vec::new();
        let items = self.problems.take(self.layout.list(path)).unwrap_or_default();
        for item in items.iter().filter(|item| !is_hidden(item)) {
            let path = path.join(item);
            if self.layout.is_folder(&path) {
                let error = Diagnostic::error(format!("`{}` is a folder in a folder of variables", path.display()));
                self.problems.push(error.help("put its files one folder up"));
            } else if item.contains('.') && stem(item) == item {
                let warning = Diagnostic::warning(format!("`{}` is not read", path.display()));
                self.problems.push(warning.help(format!("files of variables end in {}", ENDINGS.join(", "))));
            } else {
                all.extend(self.file(&path, layer));
            }
        }
        all
    }

    fn file(&mut self, path: &Path, layer: Layer) -> Vec<Arc<Definition>> {
        let Some(Some(source)) = self.problems.take(self.layout.read(path)) else { return Vec::new() };
        let what = path.display().to_string();
        if source.text().starts_with("$ANSIBLE_VAULT;") {
            let error = Diagnostic::error(format!("`{what}` is encrypted with Ansible Vault")).unread();
            self.problems.push(error.help("bring it over with `hoist secrets import FILE env=NAME --vault`"));
            return Vec::new();
        }
        let Some(node) = self.problems.take(crate::yaml::parse(&source)) else { return Vec::new() };
        match node.expect_mapping("a file of variables") {
            Ok(entries) => definitions(entries, layer, &what, self.problems),
            Err(error) => {
                self.problems.push(error.unread());
                Vec::new()
            }
        }
    }

    /// Whether a group of that name is in any inventory, whose own problems do not matter here.
    fn some_environment_has_group(&self, group: &str) -> bool {
        let environments = self.layout.environments().unwrap_or_default();
        let mut inventories = environments.iter().filter_map(|name| self.layout.inventory(name).ok());
        inventories.any(|source| Inventory::read(&source, &mut Diagnostics::new()).group(group).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, content) in files.iter().chain(&[("hoist.yml", "")]) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("it has a parent")).expect("made");
            fs::write(path, content).expect("written");
        }
        let layout = Layout::find(folder.path()).expect("hoist.yml is there");
        (folder, layout)
    }

    fn lines(problems: &Diagnostics) -> Vec<String> {
        let line = |problem: &Diagnostic| {
            let places: Vec<String> = problem.labels.iter().map(|(span, _)| span.to_string()).collect();
            [places.join(" "), problem.summary.clone(), problem.help.join("; ")].join(" | ")
        };
        problems.iter().map(line).collect()
    }

    fn load(layout: &Layout, name: &str) -> (Environment, Diagnostics) {
        let mut problems = Diagnostics::new();
        (Environment::load(layout, name, &mut problems).expect("it is there"), problems)
    }

    #[test]
    fn each_layer_wins_over_those_below() {
        let (_folder, layout) = project(&[
            ("environments/prod/hosts", "[web]\nw1 x=8\n[all:vars]\nx=3\n[web:vars]\nx=4\n[site:vars]\nx=3.5\n[site:children]\nweb\n"),
            ("group_vars/all.yml", "x: 1\nonly: all\n"),
            ("group_vars/web", "x: 2\n"),
            ("environments/prod/group_vars/all.yml", "x: 5\n"),
            ("environments/prod/group_vars/site.yml", "x: 6\n"),
            ("environments/prod/group_vars/web/b.yml", "x: 7\n"),
            ("environments/prod/group_vars/web/a.yml", "x: 6.5\n"),
            ("environments/prod/group_vars/web/.hidden.yml", "x: 99\n"),
            ("environments/prod/host_vars/w1.yml", "x: 9\n"),
        ]);
        let (mut environment, mut problems) = load(&layout, "prod");
        environment.set_words(super::super::variables::words(&["x=11".to_string()], &mut problems));
        assert_eq!(lines(&problems), Vec::<String>::new());
        let secrets = crate::yaml::parse(&Source::new("s", "x: 10\n")).expect("valid");
        environment.set_secrets(&secrets, "environments/prod/secrets.age", &mut problems);
        let defaults = crate::yaml::parse(&Source::new("roles/a/role.yml", "x: 0\ny: 0\n")).expect("valid");
        let defaults = definitions(defaults.entries(), Layer::Defaults, "roles/a/role.yml", &mut problems);
        let variables = environment.variables("w1").with_defaults(defaults.into_iter().map(Arc::unwrap_or_clone));
        let chain: Vec<String> =
            variables.definitions("x").iter().map(|d| format!("{} {} {}", d.node.to_json(), d.what, d.key_span.line_column().0)).collect();
        let expected = [
            "11 <command line> 1",
            "10 environments/prod/secrets.age 1",
            "9 environments/prod/host_vars/w1.yml 1",
            "8 environments/prod/hosts 2",
            "7 environments/prod/group_vars/web/b.yml 1",
            "6.5 environments/prod/group_vars/web/a.yml 1",
            "6 environments/prod/group_vars/site.yml 1",
            "5 environments/prod/group_vars/all.yml 1",
            "4 environments/prod/hosts 6",
            "3.5 environments/prod/hosts 8",
            "3 environments/prod/hosts 4",
            "2 group_vars/web 1",
            "1 group_vars/all.yml 1",
            "0 roles/a/role.yml 1",
        ];
        assert_eq!(chain, expected);
        assert!(variables.definitions("x").is_sorted_by(|a, b| a.layer >= b.layer));
        assert_eq!(variables.get("only").map(|only| only.node.to_json()), Some("all".into()));
        assert_eq!(variables.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["only", "x", "y"]);
        assert!(environment.variables("nobody").get("x").is_some_and(|x| x.layer == Layer::CommandLine));
    }

    #[test]
    fn a_secret_is_not_set_in_plain_too_and_is_never_shown() {
        let (_folder, layout) = project(&[
            ("environments/prod/hosts", "w1 token=plain\n"),
            ("environments/prod/group_vars/all.yml", "a: 1\npassword: plain\n"),
            ("group_vars/all.yml", "shared: example\n"),
        ]);
        let (mut environment, mut problems) = load(&layout, "prod");
        let text = "shared: canary\n# canary\npassword: |\n  canary\n  canary\ntoken: {a: [canary]}\nbad-name: canary\n";
        environment.set_secrets(
            &crate::yaml::parse(&Source::new("s", text)).expect("valid"),
            "environments/prod/secrets.age",
            &mut problems,
        );
        let expected = [
            "environments/prod/secrets.age:7:1 | `bad-name` cannot be the name of a variable | write `bad_name`: letters, digits and `_`, no digit in front",
            "environments/prod/group_vars/all.yml:2:1 environments/prod/secrets.age:3:1 | `password` is set both in the secrets and in plain variables | keep one of them",
            "environments/prod/hosts:1:4 environments/prod/secrets.age:6:1 | `token` is set both in the secrets and in plain variables | keep one of them",
        ];
        assert_eq!(lines(&problems), expected);
        let sources = problems.iter().flat_map(|problem| problem.labels.iter().map(|(span, _)| span.source().text()));
        let mut shown = sources.flat_map(str::lines);
        assert!(shown.all(|line| !line.contains("canary") && line == line.trim_end()), "nor spaces at the ends of lines");
        let variables = environment.variables("w1");
        let password = variables.get("password").expect("set");
        assert!(password.secret && password.node.as_str() == Some("canary\ncanary\n"));
        let token = variables.get("token").expect("set").node.get("a").expect("a").span.clone();
        assert_eq!((token.text(), token.source().text().contains("canary")), ("(secret)", false));
        let mut problems = Diagnostics::new();
        environment.set_secrets(&crate::yaml::parse(&Source::new("s", "[canary]")).expect("valid"), "secrets.age", &mut problems);
        assert_eq!(lines(&problems), [" | `secrets.age` must be a mapping (`name: value` lines) | "]);
    }

    #[test]
    fn files_for_nobody_and_wrong_files_are_reported() {
        let (folder, layout) = project(&[
            ("environments/prod/hosts", "[web]\nweb1.example.com\n"),
            ("environments/dev/hosts", "[worker]\nw\n"),
            ("group_vars/worker.yml", "a: 1\n"),
            ("group_vars/wrker.yml", "a: 1\n"),
            ("environments/prod/group_vars/wbe.yml", "a: 1\n"),
            ("environments/prod/group_vars/worker.yml", "a: 1\n"),
            ("environments/prod/group_vars/web.yml", "a: yes\nb-c: 1\ngroups: 1\n"),
            ("environments/prod/group_vars/web.yaml", "a: yes\ntyped: yes\n"),
            ("environments/prod/group_vars/all/x/y.yml", "a: yes\n"),
            ("environments/prod/group_vars/all/notes.txt", "a: yes\n"),
            ("environments/prod/group_vars/ungrouped", "$ANSIBLE_VAULT;1.1;AES256\n61\n"),
            ("environments/prod/host_vars/web1.example.com", "- a\n"),
            ("environments/prod/host_vars/web1.example", "a: 1\n"),
        ]);
        fs::write(folder.path().join("group_vars/all.yml"), b"a: \xff").expect("written");
        std::os::unix::fs::symlink("web.yml", folder.path().join("group_vars/web.yml")).expect("linked");
        let (environment, mut problems) = load(&layout, "prod");
        let node = Node::new(Value::String("bool".to_string()), Span::whole(&Source::new("role.yml", "bool")));
        let shape = Shape::read(&node, &[]).expect("a type");
        environment.check_values(&|name| (name == "typed").then_some(&shape), &mut problems);
        let expected = [
            "group_vars/all.yml:1:4 | `group_vars/all.yml` cannot be read: this is not UTF-8 | save it as UTF-8",
            " | `group_vars/web.yml` cannot be read: Too many levels of symbolic links (os error 40) | ",
            " | `group_vars/wrker.yml` is not read, as there is no group `wrker` | ",
            " | `environments/prod/group_vars/all/notes.txt` is not read | files of variables end in .yml, .yaml, .json",
            " | `environments/prod/group_vars/all/x` is a folder in a folder of variables | put its files one folder up",
            " | `environments/prod/group_vars/ungrouped` is encrypted with Ansible Vault | bring it over with `hoist secrets import FILE env=NAME --vault`",
            " | `environments/prod/group_vars/wbe.yml` is not read, as there is no group `wbe` | did you mean `web`?",
            " | both `environments/prod/group_vars/web.yaml` and `environments/prod/group_vars/web.yml` exist | the variables of a group stand in one file or folder: put them together",
            "environments/prod/group_vars/web.yaml:1:4 | `yes` is a text here, not a bool | write true or false for a bool, or \"yes\" for the text",
            " | `environments/prod/group_vars/worker.yml` is not read, as there is no group `worker` | ",
            " | `environments/prod/host_vars/web1.example` is not read, as there is no host `web1.example` | did you mean `web1.example.com`?",
            "environments/prod/host_vars/web1.example.com:1:1 | a file of variables must be a mapping (`name: value` lines), this is a list | ",
        ];
        let mut found = lines(&problems);
        found.sort();
        let mut expected = expected.map(String::from).to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }
}
