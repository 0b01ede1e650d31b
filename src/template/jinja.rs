//! What people mean who write templates as Jinja2 and Ansible have them.

/// Facts that Ansible has, by the same name with `ansible_` in front.
const FACTS: [&str; 9] = [
    "architecture",
    "default_ipv4",
    "distribution",
    "distribution_release",
    "distribution_version",
    "hostname",
    "kernel",
    "memtotal_mb",
    "processor_vcpus",
];

/// Filters and tests, and what stands for them.
pub const WORDS: &[(&[&str], &str)] = &[
    (&["bool"], "an input of `type: bool` is one; compare another value: `x == \"yes\"`"),
    (&["dict2items", "items"], "`pairs` makes a list of them: item[0] is the key and item[1] the value"),
    (&["to_yaml", "to_nice_yaml"], "`to_nice_json` writes what YAML reads, too"),
    (&["tojson"], "`to_json`"),
    (&["regex_replace"], "`replace(from=\"...\", to=\"...\")` replaces a text"),
    (&["regex_search", "match", "search", "regex"], "`x is matching(pat=\"^[0-9]+$\")` asks whether a regular expression is found"),
    (&["mandatory"], "an input without a `default` must be set"),
    (&["ternary"], "`{{ a if condition else b }}`"),
    (&["d"], "`default(value=...)`"),
    (&["string"], "`str`"),
    (&["count"], "`length`"),
    (
        &["map", "select", "selectattr", "reject", "rejectattr", "sum"],
        "go through the list: `{% for x in list %}{% if x.on %}{{ x.name }}{% endif %}{% endfor %}`",
    ),
    (
        &["changed", "failed", "success", "succeeded", "skipped"],
        "no task leaves a result: notify a handler, or let the command say when it is needed (`creates`, `unless`, `only_if`)",
    ),
];

/// What stands for a filter or a test.
pub fn word(name: &str) -> Option<&'static str> {
    WORDS.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| *advice)
}

/// What stands for a variable that nobody sets.
pub fn variable(name: &str) -> Option<String> {
    match name.strip_prefix("ansible_") {
        Some(fact) if FACTS.contains(&fact) => Some(format!("what a host says of itself is in `facts`: `facts.{fact}`")),
        Some("os_family" | "pkg_mgr") => Some("what a host says of itself is in `facts`: `facts.distribution`".to_string()),
        Some("facts") => Some("what a host says of itself is in `facts`: `facts.NAME`".to_string()),
        _ => match name {
            "hostvars" => Some("a host sees its own variables alone: what others need stands in group_vars/all.yml".to_string()),
            "ansible_managed" => Some("write the words themselves, such as `made by hoist, do not edit`".to_string()),
            "omit" => Some("null counts as not written: `default(value=none)`".to_string()),
            "inventory_dir" | "playbook_dir" | "role_path" => {
                Some("files are named relative to the role's `files`, or the `assets` of the environment".to_string())
            }
            "play_hosts" | "ansible_play_hosts" => Some("`groups.NAME` lists the hosts of a group".to_string()),
            _ => None,
        },
    }
}

/// What to do about a text that does not parse, given what went wrong and what stands there.
pub fn syntax(message: &str, written: &str) -> Option<&'static str> {
    match message {
        _ if calls(written, "lookup") || calls(written, "query") => {
            Some("nothing is looked up on your machine: give the value as `name=value` on the command line, or keep it in the secrets")
        }
        _ if message.starts_with("found `=` but expected") => Some("`==` compares"),
        _ if message.starts_with("found ") && message.ends_with("but expected =") && written.contains("default(omit)") => {
            Some("null counts as not written: `default(value=none)`")
        }
        _ if message.starts_with("found ") && unnamed(written).is_some() => unnamed(written),
        _ if message.starts_with("found ") && (message.ends_with("but expected identifier") || message.ends_with("but expected =")) => {
            Some("arguments have names: `default(value=5)`, `join(sep=\", \")`")
        }
        "unexpected end of input" => Some("close what was opened with `{{`, `{%` or `{#`"),
        _ => None,
    }
}

/// What stands for a filter or test of Jinja2 that is called here.
fn unnamed(written: &str) -> Option<&'static str> {
    WORDS.iter().find(|(names, _)| names.iter().any(|name| calls(written, name))).map(|(_, advice)| *advice)
}

/// Whether `name(` stands in a text, as a word of its own.
fn calls(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| text[at + name.len()..].starts_with('(') && !text[..at].ends_with(word))
}

/// The types of the engine in the words of YAML: ``expected `&str` but got `i64` ``.
pub fn types(message: &str) -> String {
    let names = [
        ("expected `&str`", "expected a text"),
        ("expected `string`", "expected a text"),
        ("expected `String`", "expected a text"),
        ("expected `array`", "expected a list"),
        ("expected `map`", "expected a mapping"),
        ("got `string`", "got a text"),
        ("got `array`", "got a list"),
        ("got `map`", "got a mapping"),
        ("got `map/struct`", "got a mapping"),
        ("got `bool`", "got a bool"),
        ("got `none`", "got nothing (null)"),
    ];
    let numbers = ["i64", "i128", "u64", "u128", "f64", "usize", "integer", "float", "number"];
    let text = names.iter().fold(message.to_string(), |text, (from, to)| text.replace(from, to));
    numbers.iter().fold(text, |text, name| {
        text.replace(&format!("expected `{name}`"), "expected a number").replace(&format!("got `{name}`"), "got a number")
    })
}
