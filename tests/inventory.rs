//! What hoist makes of an inventory is what ansible-core makes of it: the environments below tests/inventory, each with
//! the output of `ansible-inventory --list` beside it. Where that program is found (in `$HOIST_ANSIBLE_INVENTORY`, or on
//! the PATH), it is run and must still say the same; with `SNAPSHOTS=overwrite` its output is kept.

use std::path::{Path, PathBuf};
use std::process::Command;

use hoist::diagnostic::Diagnostics;
use hoist::project::environment::Environment;
use hoist::project::layout::Layout;
use serde_json::{Map, Value, json};

#[test]
fn inventories_and_variables_are_those_of_ansible() {
    let layout = Layout::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory")).expect("a project");
    let environments = layout.environments().expect("readable");
    assert!(environments.len() >= 6, "the cases are there: {environments:?}");
    for name in environments {
        let kept = layout.on_disk(layout.of(&name, "list.json"));
        if let Some(program) = program() {
            let fresh = ansible(&program, &layout, &name);
            if std::env::var("SNAPSHOTS").is_ok_and(|mode| mode == "overwrite") {
                std::fs::write(&kept, format!("{fresh:#}\n")).expect("written");
            }
            compare(&format!("{name}: ansible-inventory and list.json"), &fresh, &read(&kept));
        }
        let mut problems = Diagnostics::new();
        let environment = Environment::load(&layout, &name, &mut problems).expect("loaded");
        assert!(!problems.has_errors(), "{name}: {problems:?}");
        compare(&format!("{name}: hoist and list.json"), &ours(&environment), &read(&kept));
    }
}

fn program() -> Option<PathBuf> {
    let on_path =
        || std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("ansible-inventory")).find(|path| path.is_file());
    std::env::var_os("HOIST_ANSIBLE_INVENTORY").map(PathBuf::from).or_else(on_path)
}

fn ansible(program: &Path, layout: &Layout, name: &str) -> Value {
    let file = ["hosts", "hosts.yml"].map(|file| layout.on_disk(layout.of(name, file))).into_iter().find(|file| file.is_file());
    let output = Command::new(program)
        .args(["--list", "-i"])
        .arg(file.expect("an inventory"))
        .env("ANSIBLE_CONFIG", layout.on_disk("ansible.cfg"))
        .env("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")
        .env("LC_ALL", "C.UTF-8")
        // It would read group_vars of the folder it runs in, too.
        .current_dir(layout.root())
        .output()
        .expect("ansible-inventory runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    list["_meta"].as_object_mut().expect("hostvars").retain(|key, _| key == "hostvars");
    list
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the kept output")).expect("JSON")
}

/// The same shape as Ansible's: groups that are not empty, and the merged variables of hosts that have any.
fn ours(environment: &Environment) -> Value {
    let mut list = Map::new();
    for group in environment.inventory.groups() {
        let mut item = Map::new();
        if !group.children.is_empty() {
            item.insert("children".into(), json!(group.children));
        }
        if !group.hosts.is_empty() && group.name != "all" {
            item.insert("hosts".into(), json!(group.hosts));
        }
        if !item.is_empty() {
            list.insert(group.name.clone(), item.into());
        }
    }
    let mut hostvars = Map::new();
    for host in environment.inventory.hosts() {
        let variables = environment.variables(&host.name);
        let values: Map<String, Value> = variables.iter().map(|(name, chain)| (name.to_string(), chain[0].node.to_json())).collect();
        if !values.is_empty() {
            hostvars.insert(host.name.clone(), values.into());
        }
    }
    list.insert("_meta".into(), json!({ "hostvars": hostvars }));
    list.into()
}

/// Fails with the paths that differ, for the whole would be unreadable.
fn compare(what: &str, left: &Value, right: &Value) {
    fn walk(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
        match (left, right) {
            (Value::Object(a), Value::Object(b)) => {
                let new = b.keys().filter(|key| !a.contains_key(*key));
                for key in a.keys().chain(new) {
                    walk(
                        &format!("{path}/{key}"),
                        a.get(key).unwrap_or(&json!("(missing)")),
                        b.get(key).unwrap_or(&json!("(missing)")),
                        found,
                    );
                }
            }
            _ if left != right => found.push(format!("{path}: {left} and {right}")),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", left, right, &mut found);
    assert!(found.is_empty(), "{what} differ:\n{}", found.join("\n"));
}
