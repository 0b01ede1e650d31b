//! What the templates of the built-in roles give: `tests/roles/<role>/<sentence>.yml` holds
//!
//! ```yaml
//! template: site.conf              # below templates/<role>/
//! roles: [common, nginx]          # what the host gets; its role alone when not given
//! vars: { domain_name: ... }       # over the defaults of the role's inputs; `item`, where the role loops; optional
//! text: |                          # what comes out, or `error:`, what is wrong with the variables
//! ```
//!
//! `BLESS=1 cargo test --test roles` writes what came out into the files; read the diff before you commit it.

use std::collections::BTreeMap;
use std::path::Path;

use hoist::diagnostic::{Diagnostics, Source, Span};
use hoist::project::{Given, Library, RoleScope, Scope};
use hoist::template::Templates;
use hoist::yaml::{Node, parse};
use serde_json::json;

#[test]
fn templates_of_roles_give_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/roles");
    let mut wrong = Vec::new();
    let mut count = 0;
    for folder in std::fs::read_dir(&root).expect("tests/roles is there").flatten() {
        for file in std::fs::read_dir(folder.path()).expect("readable").flatten() {
            let text = std::fs::read_to_string(file.path()).expect("a case is text");
            let case = parse(&Source::new("case.yml", text.clone())).unwrap_or_else(|problems| panic!("{:?}: {problems:?}", file.path()));
            let (key, outcome) = match render(&folder.file_name().to_string_lossy(), &case) {
                Ok(text) => ("text", text),
                Err(problems) => ("error", lines(&problems)),
            };
            count += 1;
            if case.get(key).and_then(Node::as_str) == Some(&outcome) {
                continue;
            }
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(file.path(), blessed(&text, key, &outcome)).expect("writable");
            } else {
                wrong.push(format!("{}:\n{outcome}", file.path().display()));
            }
        }
    }
    assert!(count > 5, "{count} cases found");
    assert!(wrong.is_empty(), "not as expected (BLESS=1 writes it):\n{}", wrong.join("\n"));
}

/// Others would see that of the role which comes first.
#[test]
fn inputs_that_built_in_roles_share_have_one_default() {
    let library = Library::new("/nonexistent", None);
    let mut defaults: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (name, _) in library.roles() {
        let role = library.role(&name, &Span::whole(&Source::new("test", ""))).unwrap_or_else(|problems| panic!("{problems:?}"));
        for input in role.inputs {
            let default = input.default.map(|node| node.to_json().to_string()).unwrap_or_default();
            defaults.entry(input.name).or_default().entry(default).or_default().push(name.clone());
        }
    }
    defaults.retain(|_, different| different.len() > 1);
    assert!(defaults.is_empty(), "{defaults:?}");
}

fn render(role: &str, case: &Node) -> Result<String, Diagnostics> {
    let library = Library::new("/nonexistent", None);
    let role = library.role(role, &case.span)?;
    let templates = Templates::default();
    let variables: BTreeMap<String, &Node> =
        case.get("vars").map(Node::entries).unwrap_or_default().iter().map(|entry| (entry.key.clone(), &entry.node)).collect();
    let defaults = role.inputs.iter().filter_map(|input| Some((input.name.clone(), input.default.as_ref()?)));
    let given = defaults.chain(variables).map(|(name, node)| (name, Given { node, secret: false, default: false })).collect();
    let roles = case.get("roles").map_or_else(|| json!([role.name]), Node::to_json);
    let fixed = json!({ "inventory_hostname": "web1", "role_names": roles }).as_object().expect("an object").clone();
    let base = RoleScope::new(&templates, &library, &role, given, fixed);
    let scope = Scope::new(&base);
    scope.check_inputs()?;
    let template = case.get("template").and_then(Node::as_str).expect("a case names its template");
    scope.template(template, &Span::whole(case.span.source())).map(|rendered| rendered.text)
}

fn lines(problems: &Diagnostics) -> String {
    let each = problems.iter().map(|problem| {
        let place = problem.labels.first().map(|(span, _)| format!("{span}: ")).unwrap_or_default();
        format!("{place}{}\n", problem.summary)
    });
    each.collect()
}

/// The case with its last part replaced by what came out.
fn blessed(text: &str, key: &str, outcome: &str) -> String {
    let kept = ["\ntext:", "\nerror:"].iter().filter_map(|key| text.find(key)).min().map_or(text, |at| &text[..=at]);
    let body: String = outcome.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") }).collect();
    let chomp = if outcome.ends_with('\n') { "" } else { "-" };
    format!("{}\n{key}: |{chomp}\n{body}", kept.trim_end())
}
