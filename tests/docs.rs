//! The reference pages are made from doc comments (kinds), from the command line itself (commands) and from the inputs of
//! the built-in roles, and stay true.
//!
//! `BLESS=1 cargo test --test docs` writes docs/kinds/*.md, docs/commands.md and the tables in docs/roles/*.md and
//! docs/from-ansible.md.

use std::path::{Path, PathBuf};

use hoist::diagnostic::{Source, Span};
use hoist::project::{Library, ansible};
use hoist::resource::{Entry, KINDS};
use hoist::template::jinja;
use serde_json::Value;

#[test]
fn the_pages_say_what_the_kinds_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kinds");
    let mut pages: Vec<(PathBuf, String)> = KINDS.iter().map(|entry| (folder.join(format!("{}.md", entry.name)), page(entry))).collect();
    pages.push((folder.join("README.md"), index()));
    let commands = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    pages.push((commands, commands_page()));
    let mut wrong = Vec::new();
    for (path, text) in &pages {
        if std::fs::read_to_string(path).unwrap_or_default() != *text {
            wrong.push(path.display().to_string());
            if std::env::var_os("BLESS").is_some() {
                std::fs::create_dir_all(&folder).expect("writable");
                std::fs::write(path, text).expect("writable");
            }
        }
    }
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        if !pages.iter().any(|(path, _)| *path == entry.path()) {
            wrong.push(format!("{} belongs to no kind", entry.path().display()));
        }
    }
    let blessed = std::env::var_os("BLESS").is_some();
    assert!(wrong.is_empty() || blessed, "these pages are not what the doc comments say (BLESS=1 writes them): {}", wrong.join(", "));
}

#[test]
fn every_kind_and_parameter_is_documented() {
    let mut bare = Vec::new();
    for entry in KINDS {
        let schema = (entry.schema)().to_value();
        if !text(&schema, "description").contains("```yaml") {
            bare.push(format!("{}: an example", entry.name));
        }
        for (name, property) in properties(&schema) {
            if text(property, "description").is_empty() {
                bare.push(format!("{}: {name}", entry.name));
            }
        }
    }
    assert!(bare.is_empty(), "without a doc comment: {}", bare.join(", "));
}

/// Written by hand but for the table of inputs, which stands between two marks.
#[test]
fn the_pages_of_roles_list_their_inputs() {
    const OPEN: &str = "<!-- Made from the inputs in role.yml by `make docs`. -->\n";
    let library = Library::new("/nonexistent", None);
    for (name, _) in library.roles() {
        let page = format!("docs/roles/{name}.md");
        let role = library.role(&name, &Span::whole(&Source::new("test", ""))).unwrap_or_else(|problems| panic!("{problems:?}"));
        let mut table = "\n| input | takes | default | what it is |\n|---|---|---|---|\n".to_string();
        for input in &role.inputs {
            let default = input.default.as_ref().map_or("**required**".to_string(), |node| match node.value {
                // The place of a list or mapping is where it opens.
                hoist::yaml::Value::Sequence(_) | hoist::yaml::Value::Mapping(_) => format!("`{}`", node.to_json()),
                _ => format!("`{}`", node.span.text()),
            });
            let default = default.replace('|', "\\|");
            let help = input.help.as_deref().unwrap_or_else(|| panic!("input `{}` of role `{name}` has a help text", input.name));
            table += &format!("| `{}` | {} | {default} | {help} |\n", input.name, input.shape.name());
        }
        if !made_part(&page, OPEN, &table).contains("```yaml") {
            panic!("{page} has no example");
        }
    }
}

/// Written by hand but for the tables of what hoist says to who writes such a word.
#[test]
fn the_page_for_users_of_ansible_lists_what_stands_for_what() {
    const OPEN: &str = "<!-- Made from src/project/ansible.rs and src/template/jinja.rs by `make docs`. -->\n";
    let tables = [
        ("Keywords of a task", ansible::KEYWORDS),
        ("Keywords of a play", ansible::OF_PLAYS),
        ("Modules", ansible::MODULES),
        ("Filters and tests", jinja::WORDS),
    ];
    let mut made = String::new();
    for (title, rows) in tables {
        made += &format!("\n## {title}\n\n| there | here |\n|---|---|\n");
        for (names, advice) in rows {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            made += &format!("| {} | {} |\n", names.join(", "), advice.replace('|', "\\|"));
        }
    }
    made_part("docs/from-ansible.md", OPEN, &made);
}

/// The page, whose part behind the mark `open` must be as it is made (BLESS=1 writes it).
fn made_part(page: &str, open: &str, made: &str) -> String {
    const CLOSE: &str = "<!-- The end of what is made. -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let now = std::fs::read_to_string(&path).unwrap_or_default();
    let parts = now.split_once(open).and_then(|(head, rest)| Some((head, rest.split_once(CLOSE)?.1)));
    let Some((head, tail)) = parts else { panic!("{page} has no place for what is made ({open}{CLOSE})") };
    let whole = format!("{head}{open}{made}\n{CLOSE}{tail}");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &whole).expect("writable");
    } else {
        assert!(whole == now, "{page} is not what the code says (BLESS=1 writes it)");
    }
    whole
}

/// Relative links of all pages lead somewhere.
#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("docs is there").flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { pages.push(entry.path()) }
        }
    }
    let mut broken = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(page).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !page.parent().expect("in a folder").join(target).exists() {
                broken.push(format!("{} -> {target}", page.strip_prefix(root).expect("below the root").display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

fn page(entry: &Entry) -> String {
    let schema = (entry.schema)().to_value();
    let mut page = format!("<!-- Made from the doc comments of src/resource/{}.rs by `make docs`. -->\n\n# {}\n\n", entry.name, entry.name);
    page += text(&schema, "description").trim();
    page += "\n\n## Parameters\n\n| parameter | takes | default | what it does |\n|---|---|---|---|\n";
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties(&schema) {
        let default = match property.get("default") {
            Some(Value::Null) | None if required.contains(&name.as_str()) => "**required**".to_string(),
            Some(Value::Null) | None => String::new(),
            Some(default) => format!("`{default}`"),
        };
        let what = text(property, "description").replace('\n', " ").replace('|', "\\|");
        page += &format!("| `{name}` | {} | {default} | {what} |\n", takes(property, &schema));
    }
    if let Some(shorthand) = entry.shorthand {
        page += &format!(
            "\nA plain text stands for `{shorthand}`: `{}: ...`; other parameters may stand in `args: {{ ... }}` beside it.\n",
            entry.name
        );
    }
    if !entry.aliases.is_empty() {
        let names: Vec<String> = entry.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        page += &format!("\nAlso known as {}.\n", names.join(", "));
    }
    page += "\nEvery task also takes the [keywords of tasks](../roles.md#tasks).\n";
    page
}

/// `--help` of every command, as it is.
fn commands_page() -> String {
    let mut page = "<!-- Made from the command line itself by `make docs`. -->\n\n# Commands\n".to_string();
    let mut left = vec![(Vec::new(), hoist::cli::command().term_width(100))];
    left.reverse();
    while let Some((path, mut command)) = left.pop() {
        let name: Vec<String> = [path.clone(), vec![command.get_name().to_string()]].concat();
        let help = command.clone().bin_name(name.join(" ")).term_width(100).render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        page += &format!("\n## {}\n\n```text\n{}\n```\n", name.join(" "), help.join("\n").trim());
        command.build();
        let inner: Vec<clap::Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").cloned().collect();
        left.extend(inner.into_iter().rev().map(|inner| (name.clone(), inner)));
    }
    page
}

fn index() -> String {
    let mut page = "<!-- Made from the doc comments of the kinds by `make docs`. -->\n\n# Kinds\n\nWhat a task can be about.\n\n| kind | what it is for |\n|---|---|\n".to_string();
    for entry in KINDS {
        let schema = (entry.schema)().to_value();
        let first = text(&schema, "description").split("\n\n").next().unwrap_or_default().replace('\n', " ");
        page += &format!("| [{0}]({0}.md) | {first} |\n", entry.name);
    }
    page
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten().collect()
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema[key].as_str().unwrap_or_default()
}

/// What a parameter takes, in words.
fn takes(property: &Value, root: &Value) -> String {
    if let Some(target) = property["$ref"].as_str() {
        return takes(&root["$defs"][target.trim_start_matches("#/$defs/")], root);
    }
    if let Some(names) = property["enum"].as_array() {
        return names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(name) = property["const"].as_str() {
        return format!("`{name}`");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(parts) = property[key].as_array() {
            let mut words: Vec<String> = parts.iter().filter(|part| part["type"] != "null").map(|part| takes(part, root)).collect();
            words.dedup();
            return words.join(if key == "oneOf" && words.iter().all(|word| word.starts_with('`')) { ", " } else { " or " });
        }
    }
    let word = |name: &str| match name {
        "string" => "text".to_string(),
        "boolean" => "bool".to_string(),
        "integer" | "number" => "number".to_string(),
        "array" => match property.get("items") {
            Some(items) => format!("list of {}", takes(items, root)),
            None => "list".to_string(),
        },
        "object" => "mapping".to_string(),
        other => other.to_string(),
    };
    match &property["type"] {
        Value::String(name) => word(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(word).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_string(),
    }
}
