//! Runs the case files: a kind's behaviour as data, no host needed.
//!
//! `tests/case/<kind>/<sentence>.yml` holds
//!
//! ```yaml
//! task: { copy: { dest: /etc/motd, content: "hi\n" } }   # as in a role
//! vars: { port: 80 }                                     # what templates may use; optional
//! files: { templates/motd: "{{ port }}\n" }              # files of the project, under roles' `test` role; optional
//! reply: { paths: { /etc/motd: { stat: {...}, content: "old\n" } } }
//! change: null | { action, diff, script }                # or `error:`, the lines of every problem
//! ```
//!
//! `BLESS=1 cargo test --test case` writes what came out into the files; read the diff before you commit it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hoist::diagnostic::{Diagnostics, Source, Span};
use hoist::project::{Given, Library, Role, RoleScope, Scope, Task};
use hoist::resource::{Action, Change, Diff, Probe, Reply, kinds, load};
use hoist::template::Templates;
use hoist::yaml::{Node, Value, from_node, parse};
use serde_json::json;

#[test]
fn every_case_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/case");
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(&root).expect("tests/case is there").flatten().filter(|entry| entry.path().is_dir()) {
        files.extend(std::fs::read_dir(folder.path()).expect("readable").flatten().map(|entry| entry.path()));
    }
    files.sort();
    assert!(files.len() > 1, "no cases found");
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&root).expect("below the root").display().to_string();
        let text = std::fs::read_to_string(file).expect("a case is text");
        let node = parse(&Source::new("case.yml", text.clone())).unwrap_or_else(|problems| panic!("{name}: {}", lines(&problems)));
        let outcome = run(&node);
        let expected = ["change", "error"].iter().find_map(|key| node.get(key).map(|node| json!({ *key: node.to_json() })));
        if expected.as_ref() == Some(&outcome) {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(file, blessed(&text, &outcome)).expect("writable");
        } else {
            wrong.push(format!("{name}\n  expected {}\n  found    {outcome}", expected.unwrap_or_default()));
        }
    }
    println!("{} cases", files.len());
    assert!(wrong.is_empty(), "{} of {} cases differ (BLESS=1 writes them):\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

/// Every kind of the table shows at least what it does when there is something to do, when there is nothing, and
/// when the arguments are wrong.
#[test]
fn every_kind_has_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/case");
    for entry in hoist::resource::KINDS {
        let count = std::fs::read_dir(root.join(entry.name)).map_or(0, Iterator::count);
        assert!(count >= 3, "kind `{}` has {count} cases in tests/case/{}", entry.name, entry.name);
    }
}

fn run(case: &Node) -> serde_json::Value {
    let project = tempfile::tempdir().expect("a folder for the project");
    for entry in case.get("files").map(Node::entries).unwrap_or_default() {
        let (folder, name) = entry.key.split_once('/').expect("templates/NAME or files/NAME");
        let path = match folder {
            "templates" => project.path().join("templates/test").join(name),
            _ => project.path().join("roles/test/files").join(name),
        };
        std::fs::create_dir_all(path.parent().expect("not the root")).expect("writable");
        std::fs::write(path, entry.node.as_str().expect("text")).expect("writable");
    }
    let library = Library::new(project.path(), None);
    let templates = Templates::default();
    let role = Role::read("test", &Source::new("role.yml", "")).expect("an empty role is valid");
    let variables: BTreeMap<String, Node> =
        case.get("vars").map(Node::entries).unwrap_or_default().iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect();
    let given =
        variables.iter().map(|(name, node)| (name.clone(), Given { node, secret: name.starts_with("secret_"), default: false })).collect();
    let facts = json!({ "facts": { "distribution_release": "bookworm" } }).as_object().expect("an object").clone();
    let base = RoleScope::new(&templates, &library, &role, given, facts);

    match plan(case, &base) {
        Ok(change) => json!({ "change": change.map(|change| shown(&change)) }),
        Err(error) => json!({ "error": error }),
    }
}

fn plan(case: &Node, base: &RoleScope<'_>) -> Result<Option<Change>, String> {
    let task = Task::read(case.get("task").expect("a case has a task")).map_err(|problems| lines(&problems))?;
    let run_as = task.manner.become_user.as_ref().and_then(Node::as_str).map(str::to_string);
    let scope = Scope::new(base).with(task.vars.iter().cloned()).acting(run_as, Vec::new());
    let args = scope.render(&task.args).map_err(|problems| lines(&problems))?;
    let more = task.more_args.as_ref().map(|node| scope.render(node)).transpose().map_err(|problems| lines(&problems))?;
    let entry = kinds(&task.kind).unwrap_or_else(|| panic!("no kind `{}`", task.kind));
    let resource = load(entry, &task.kind_span, &args, more.as_ref(), &scope).map_err(|problems| lines(&problems))?;
    let mut probe = Probe::new();
    resource.probe(&mut probe);
    let null = Node::new(Value::Mapping(Vec::new()), case.span.clone());
    let mut reply: Reply =
        from_node(case.get("reply").unwrap_or(&null)).unwrap_or_else(|problem| panic!("reply: {}", lines(&problem.into())));
    reply.complete(&probe);
    let words = |unreadable: hoist::resource::Unreadable| match unreadable.help {
        Some(help) => format!("{}\n  help: {help}", unreadable.message),
        None => unreadable.message,
    };
    let change = resource.plan(&reply).map_err(words)?;
    // Law 2: with what the change leaves, the same resource has nothing more to do.
    if let Some(change) = change.as_ref().filter(|change| !change.after.is_empty()) {
        change.after.iter().for_each(|(path, state)| reply.assume(path, state.clone()));
        let asked = probe.subjects();
        let unknown = change.moves.iter().any(|moved| asked.iter().any(|asked| moved.reaches(asked)));
        if !unknown && change.action != Action::Run {
            assert_eq!(resource.plan(&reply).map_err(words)?, None, "a second run changes something: {}", resource.subject());
        }
    }
    Ok(change)
}

fn shown(change: &Change) -> serde_json::Value {
    let action = format!("{:?}", change.action).to_lowercase();
    let diff: Vec<String> = change.diff.iter().map(line).collect();
    json!({ "action": action, "diff": diff.join("\n"), "script": change.script.text() })
}

fn line(diff: &Diff) -> String {
    match diff {
        Diff::Content { path, secret: true, shown: Some(shown), .. } => format!("{path}: (secret)\n{shown}"),
        Diff::Content { path, secret: true, .. } => format!("{path}: (secret)"),
        Diff::Content { path, before, after, .. } => {
            let text = |bytes: &Option<Vec<u8>>| {
                bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).replace('\r', "\\r")).unwrap_or_default()
            };
            let (before, after) = (text(before), text(after));
            let diff = similar::TextDiff::from_lines(&before, &after);
            format!("{path}:\n{}", diff.unified_diff().context_radius(1))
        }
        Diff::Attribute { name, before, after } => format!("{name}: {before} -> {after}"),
        Diff::Note(text) => text.clone(),
    }
}

fn lines(problems: &Diagnostics) -> String {
    let each = problems.iter().map(|problem| {
        let place = problem.labels.first().map(|(span, _): &(Span, String)| format!("{span}: ")).unwrap_or_default();
        let help: Vec<String> = problem.help.iter().map(|line| format!("\n  help: {line}")).collect();
        format!("{place}{}{}", problem.summary, help.concat())
    });
    each.collect::<Vec<_>>().join("\n")
}

/// The case with its last part, `change:` or `error:`, replaced by what came out.
fn blessed(text: &str, outcome: &serde_json::Value) -> String {
    let kept = ["\nchange:", "\nerror:"].iter().filter_map(|key| text.find(key)).min().map_or(text, |at| &text[..=at]);
    let mut out = kept.trim_end().to_string() + "\n";
    let block = |indent: &str, text: &str| -> String {
        let chomp = if text.ends_with('\n') { "" } else { "-" };
        let body: Vec<String> = text
            .trim_end_matches('\n')
            .split('\n')
            .map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") })
            .collect();
        format!("|{chomp}\n{}\n", body.join("\n"))
    };
    match (outcome.get("change"), outcome.get("error").and_then(|error| error.as_str())) {
        (_, Some(error)) => out += &format!("error: {}", block("  ", error)),
        (Some(serde_json::Value::Object(change)), _) => {
            out += "change:\n";
            for (key, value) in change {
                let value = value.as_str().unwrap_or_default();
                let plain = !value.is_empty()
                    && parse(&Source::new("", value)).is_ok_and(|node| node.as_str() == Some(value))
                    && !value.contains(['\n', ':', '#', '\'', '"', '{', '[']);
                out += &if plain {
                    format!("  {key}: {value}\n")
                } else if value.is_empty() {
                    format!("  {key}: \"\"\n")
                } else {
                    format!("  {key}: {}", block("    ", value))
                };
            }
        }
        _ => out += "change: null\n",
    }
    out
}
