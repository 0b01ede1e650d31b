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
    (&["bool"], "leave it out, and write `true` or `false` where it is set; an input of `type: bool` takes `yes` and `no`, too"),
    (&["dict2items", "items"], "`pairs` makes a list of them: item[0] is the key and item[1] the value"),
    (&["to_yaml", "to_nice_yaml"], "`to_nice_json` writes what YAML reads, too"),
    (&["tojson"], "`to_json`"),
    (&["regex_replace"], "`replace(from=\"...\", to=\"...\")` replaces a text"),
    (&["regex_search", "match", "search", "regex"], "`x is matching(pat=\"^[0-9]+$\")` asks whether a regular expression is found"),
    (&["mandatory"], "an input without a `default` must be set"),
    (&["ternary"], "`{{ a if condition else b }}`"),
    (&["d"], "`default(value=...)`"),
    (&["combine"], "`{{ {...a, ...b} }}` is a mapping of both, the later wins"),
    (&["union"], "`{{ [...a, ...b] | unique }}`"),
    (&["flatten"], "`{{ [...a, ...b] }}` is a list of both"),
    (&["from_json", "from_yaml"], "write it as YAML in the variable: a value has its type"),
    (&["comment"], "write the `#` in front of the lines"),
    (&["min", "max"], "`(list | sort) | first`, or `last`"),
    (&["difference", "intersect"], "go through the list: `{% for x in list %}{% if x not in other %}{{ x }}{% endif %}{% endfor %}`"),
    (&["string"], "`str`"),
    (&["count"], "`length`"),
    (
        &["map", "select", "selectattr", "reject", "rejectattr", "sum"],
        "go through the list: `{% for x in list %}{% if x.on %}{{ x.name }}{% endif %}{% endfor %}`, with a comma between: `{% if not loop.last %},{% endif %}`",
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
        Some("default_ipv4") => Some("what a host says of itself is in `facts`: `facts.default_ipv4` is the address, a text".to_string()),
        Some(fact) if FACTS.contains(&fact) => Some(format!("what a host says of itself is in `facts`: `facts.{fact}`")),
        Some("os_family" | "pkg_mgr") => {
            Some("ask for what the host is itself: `facts.distribution in [\"Debian\", \"Ubuntu\"]`".to_string())
        }
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
        _ if message.starts_with("function calls are only allowed") => Some(methods(written)),
        _ if message.starts_with("`+` requires both operands to be numbers") => {
            Some("lists and mappings are put together with `[...a, ...b]` and `{...a, ...b}`, texts with `a ~ b`")
        }
        _ if calls(written, "range") && message.ends_with("but expected identifier") => {
            Some("arguments have names: `range(end=20)`, `range(start=1, end=20)`")
        }
        _ if message.starts_with("the float ") && message.contains("cannot be converted to an int") => {
            Some("`int` takes no fraction: `x | round(method=\"floor\") | int`")
        }
        _ if calls(written, "namespace") => Some("`set_global` sets a variable that stays behind the loop: `{% set_global n = n + 1 %}`"),
        _ if message.starts_with("found ") && message.ends_with("but expected =") && written.contains("default(omit)") => {
            Some("null counts as not written: `default(value=none)`")
        }
        _ if message.starts_with("found ") && unnamed(written).is_some() => unnamed(written),
        _ if message.starts_with("found ") && (written.contains(", true)") || written.contains(", True)")) && calls(written, "default") => {
            Some("with `true` behind it: `default(value=\"...\", boolean=true)`")
        }
        _ if message.starts_with("found ") && (message.ends_with("but expected identifier") || message.ends_with("but expected =")) => {
            Some("arguments have names: `default(value=5)`, `join(sep=\", \")`")
        }
        "unexpected end of input" => Some("close what was opened with `{{`, `{%` or `{#`"),
        _ => None,
    }
}

/// What stands for a method of Python: values have none here.
fn methods(written: &str) -> &'static str {
    let method = |names: &[&str]| names.iter().any(|name| calls(written, name));
    match () {
        () if method(&["items"]) => "values have no methods: `{% for k, v in mapping %}`, or the filter `pairs`",
        () if method(&["keys", "values"]) => "values have no methods: the filters `keys` and `values`",
        () if method(&["get"]) => "values have no methods: `mapping.key | default(value=...)`, or `mapping.key is defined`",
        () if method(&["startswith", "endswith"]) => {
            "values have no methods: `x is starting_with(pat=\"...\")`, `x is ending_with(pat=\"...\")`"
        }
        () if method(&["format"]) => "values have no methods: `a ~ \"-\" ~ b` puts texts together",
        () => {
            "values have no methods: a filter stands for it, as in `x | upper`, `x | split(pat=\",\")`, `x | replace(from=\"a\", to=\"b\")`"
        }
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
