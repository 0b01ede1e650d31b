//! What the inputs of the `app` role must be beyond their types: ports that are free, paths inside of a release, addresses.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// What hoist itself sets for each process.
const OURS: [(&str, &str); 4] = [
    ("PORT", "each process has a port of its own, by which blue and green stand beside each other"),
    ("INDEX", "each worker has a number of its own"),
    ("RELEASE", "each release has a name of its own"),
    ("PATH", "`app_path` puts folders in front of it"),
];

/// Numbers, and the least that they may be.
const LEAST: [(&str, i64); 4] = [("numprocs", 1), ("drain", 0), ("stop_timeout", 0), ("startsecs", 0)];

/// Looks at all of them; `places` tells where a path of names leads to, from a variable on.
pub fn inspect(inputs: &Map<String, Json>, places: &dyn Fn(&[&str]) -> Option<Span>) -> Diagnostics {
    let mut inspector = Inspector { places, problems: Diagnostics::new() };
    inspector.all(inputs);
    inspector.problems
}

struct Inspector<'a> {
    places: &'a dyn Fn(&[&str]) -> Option<Span>,
    problems: Diagnostics,
}

impl Inspector<'_> {
    fn all(&mut self, inputs: &Map<String, Json>) {
        let of = |name: &str| inputs.get(name).and_then(Json::as_object).into_iter().flatten();
        for (name, process) in of("app_processes") {
            self.process(name, process);
        }
        let ports = of("app_processes").filter_map(|(name, process)| Some((name.as_str(), ports(process)?)));
        self.ports(ports.collect());
        for name in of("app_env").map(|(name, _)| name) {
            self.variable(name, &["app_env", name]);
            if let Some((_, why)) = OURS.iter().find(|(ours, _)| ours == name) {
                self.refuse(&["app_env", name], format!("`{name}` cannot be in `app_env`: hoist sets it"), why);
            }
        }
        if inputs.get("app_keep").and_then(Json::as_i64).is_some_and(|keep| keep < 1) {
            let help = "the last good release stays in any case, so that there is one to go back to";
            self.refuse(&["app_keep"], "`app_keep` must be 1 or more".to_string(), help);
        }
        for name in ["app_shared", "app_python_requirements"] {
            for (at, path) in inputs.get(name).and_then(Json::as_array).into_iter().flatten().enumerate() {
                self.inside(name, path.as_str(), &[name, &at.to_string()]);
            }
        }
        let lock = inputs.get("app_node_lock").and_then(Json::as_str).filter(|lock| !lock.is_empty());
        self.inside("app_node_lock", lock, &["app_node_lock"]);
        let check = inputs.get("app_check").unwrap_or(&Json::Null);
        if check["url"].as_str().is_some_and(|url| !is_url(url)) {
            self.refuse(&["app_check", "url"], "`app_check.url` is no address".to_string(), "http://... or https://..., without spaces");
        }
        self.answer("app_check", check, &["app_check"]);
        for (form, address) in of("app_notify") {
            // The address is a secret, so it is not shown.
            if address.as_str().is_some_and(|address| !is_url(address)) {
                let help = "https://... or http://..., without spaces; null for none";
                self.refuse(&["app_notify", form], format!("`app_notify.{form}` is no address"), help);
            }
        }
    }

    fn process(&mut self, name: &str, process: &Json) {
        let path = |key: &'static str| ["app_processes", name, key];
        for (key, least) in LEAST {
            if process[key].as_i64().is_some_and(|number| number < least) {
                self.refuse(&path(key), format!("`{key}` of the process `{name}` must be {least} or more"), "");
            }
        }
        let health = &process["health"];
        let asks = |path: &str| path.starts_with('/') && !path.chars().any(|c| c.is_whitespace() || c.is_control() || "'\"\\`".contains(c));
        if health["path"].as_str().is_some_and(|path| !asks(path)) {
            let help = "it begins with `/`, and has neither spaces nor quotes nor `\\`";
            self.refuse(
                &["app_processes", name, "health", "path"],
                format!("`health.path` of the process `{name}` cannot be asked for"),
                help,
            );
        }
        self.answer(&format!("health` of the process `{name}"), health, &["app_processes", name, "health"]);
        self.inside(&format!("directory` of the process `{name}"), process["directory"].as_str(), &path("directory"));
        for variable in process["environment"].as_object().into_iter().flatten().map(|(variable, _)| variable) {
            let place = ["app_processes", name, "environment", variable];
            self.variable(variable, &place);
            if let Some((_, why)) = OURS[..3].iter().find(|(ours, _)| ours == variable) {
                self.refuse(&place, format!("`{variable}` cannot be in `environment` of the process `{name}`: hoist sets it"), why);
            }
        }
    }

    /// The status and the patience of a request.
    fn answer(&mut self, what: &str, of: &Json, path: &[&str]) {
        let at = |key| [path, &[key]].concat();
        if of["status"].as_i64().is_some_and(|status| !(100..=599).contains(&status)) {
            self.refuse(&at("status"), format!("`status` in `{what}` must be one of HTTP, from 100 to 599"), "");
        }
        if of["timeout"].as_i64().is_some_and(|seconds| seconds < 1) {
            self.refuse(&at("timeout"), format!("`timeout` in `{what}` must be 1 or more"), "");
        }
    }

    /// All processes have ports of their own, in blue and in green.
    fn ports(&mut self, mut all: Vec<(&str, RangeInclusive<i64>)>) {
        all.retain(|(_, range)| (1..=65535).contains(range.start()));
        all.sort_by_key(|(name, range)| (*range.start(), *name));
        let mut taken: Vec<(&str, RangeInclusive<i64>)> = Vec::new();
        for (name, range) in &all {
            let place = ["app_processes", *name, "port"];
            if *range.end() > 65535 {
                let what =
                    format!("`port` of the process `{name}` is too high: blue and green take {}, and 65535 is the last", words(range));
                self.refuse(&place, what, "each process takes two ports, one for each colour");
            }
            if let Some((other, theirs)) = taken.iter().find(|(_, theirs)| meet(theirs, range)) {
                let long = range.end() - range.start();
                let free = |port: &i64| all.iter().all(|(known, theirs)| known == name || !meet(theirs, &(*port..=*port + long)));
                let what = format!(
                    "the processes `{other}` and `{name}` want the same ports: `{other}` takes {}, `{name}` {}",
                    words(theirs),
                    words(range)
                );
                let free = (*range.start()..=65535 - long).find(free);
                let free = free.map(|port| format!("; `port: {port}` is free for `{name}`")).unwrap_or_default();
                self.refuse(&place, what, &format!("each process takes two ports, one for each colour{free}"));
            }
            taken.push((name, range.clone()));
        }
    }

    fn variable(&mut self, name: &str, path: &[&str]) {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(good) || !name.starts_with(|c: char| !c.is_ascii_digit()) {
            let what = format!("`{}` is no name for an environment variable", name.escape_debug());
            self.refuse(path, what, "letters, digits and `_`, no digit in front");
        }
    }

    /// A path that stays in the release.
    fn inside(&mut self, what: &str, path: Option<&str>, place: &[&str]) {
        let Some(path) = path else { return };
        let parts = path.strip_suffix('/').unwrap_or(path).split('/');
        let good = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
        if !parts.into_iter().all(good) || path.starts_with('-') {
            let error = format!("`{}` in `{what}` is no path inside of the release", path.escape_debug());
            self.refuse(place, error, "it starts in the folder of the release: `media/`, `config/local.yml`; no `/` in front, no `..`");
        }
    }

    fn refuse(&mut self, path: &[&str], what: String, help: &str) {
        let error = (self.places)(path).iter().fold(Diagnostic::error(what), Diagnostic::at);
        self.problems.push(if help.is_empty() { error } else { error.help(help) });
    }
}

/// All ports of a web process, in both colours.
fn ports(process: &Json) -> Option<RangeInclusive<i64>> {
    let port = process.get("port")?.as_i64()?;
    let count = process["numprocs"].as_i64().unwrap_or(1).clamp(1, 65535);
    Some(port..=port.saturating_add(2 * count - 1))
}

fn meet(one: &RangeInclusive<i64>, other: &RangeInclusive<i64>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn words(range: &RangeInclusive<i64>) -> String {
    format!("{} to {}", range.start(), range.end())
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(inputs: &Json) -> Vec<String> {
        let found = inspect(inputs.as_object().expect("a mapping"), &|_| None);
        found.iter().map(|error| [std::slice::from_ref(&error.summary), &error.help[..]].concat().join(" | ")).collect()
    }

    fn processes(processes: &Json) -> Vec<String> {
        said(&json!({ "app_processes": processes }))
    }

    #[test]
    fn green_twins_count_when_ports_meet() {
        let told = processes(&json!({ "web": { "port": 8000 }, "api": { "port": 8001 }, "admin": { "port": 8003 } }));
        assert_eq!(
            told,
            ["the processes `web` and `api` want the same ports: `web` takes 8000 to 8001, `api` 8001 to 8002 | each process takes two \
                 ports, one for each colour; `port: 8005` is free for `api`"]
        );
        assert_eq!(processes(&json!({ "web": { "port": 8000 }, "api": { "port": 8002 } })), Vec::<String>::new());
        assert_eq!(processes(&json!({ "web": { "port": 8000, "numprocs": 3 }, "api": { "port": 8005 } })).len(), 1);
        assert_eq!(processes(&json!({ "web": { "port": 8000, "numprocs": 3 }, "api": { "port": 8006 } })).len(), 0);
        assert_eq!(processes(&json!({ "web": { "port": 8000 }, "api": { "port": 8000 } })).len(), 1);
    }

    #[test]
    fn the_last_port_has_no_room_for_a_green_twin() {
        assert!(processes(&json!({ "web": { "port": 65535 } }))[0].contains("blue and green take 65535 to 65536"));
        assert_eq!(processes(&json!({ "web": { "port": 65534 } })).len(), 0);
        assert_eq!(processes(&json!({ "web": { "port": 65530, "numprocs": i64::MAX } })).len(), 1);
    }

    #[test]
    fn numbers_that_nothing_can_have_are_refused_all_at_once() {
        let worker = json!({ "numprocs": 0, "drain": -1, "stop_timeout": -1, "startsecs": -1, "health": { "status": 20, "timeout": 0 } });
        assert_eq!(processes(&json!({ "worker": worker })).len(), 6);
        assert_eq!(said(&json!({ "app_keep": 0, "app_check": { "status": 0, "timeout": 0 } })).len(), 3);
        assert_eq!(said(&json!({ "app_keep": 1, "app_check": { "status": 418, "timeout": 1 } })).len(), 0);
    }

    #[test]
    fn paths_stay_inside_of_the_release() {
        for bad in ["/etc", "../x", "a/../b", "", ".", "a//b", "-rf", "a\nb", "media//"] {
            assert_eq!(said(&json!({ "app_shared": [bad] })).len(), 1, "{bad:?}");
            assert_eq!(processes(&json!({ "web": { "directory": bad } })).len(), 1, "{bad:?}");
        }
        for good in ["media/", "config/local.yml", "..a", "with space"] {
            assert_eq!(said(&json!({ "app_shared": [good] })).len(), 0, "{good:?}");
        }
    }

    #[test]
    fn what_is_asked_for_can_be_asked_for() {
        for bad in ["health", "", "/a b", "/a'b", "/a\"b", "/a\tb", "/a\\b"] {
            assert_eq!(processes(&json!({ "web": { "health": { "path": bad } } })).len(), 1, "{bad:?}");
        }
        assert_eq!(processes(&json!({ "web": { "health": { "path": "/health?full=1&x=%20" } } })).len(), 0);
        for bad in ["", "example.org", "ftp://x", "https://", "http:///x", "https://x y"] {
            assert_eq!(said(&json!({ "app_check": { "url": bad } })).len(), 1, "{bad:?}");
            let told = said(&json!({ "app_notify": { "slack": bad, "json": null } }));
            assert_eq!(told, ["`app_notify.slack` is no address | https://... or http://..., without spaces; null for none"]);
        }
        assert_eq!(said(&json!({ "app_check": { "url": "http://127.0.0.1/health" } })).len(), 0);
    }

    #[test]
    fn variables_have_names_that_are_not_those_of_hoist() {
        for bad in ["A B", "1A", "A-B", "", "Ä", "A=B"] {
            assert_eq!(said(&json!({ "app_env": { bad: "x" } })).len(), 1, "{bad:?}");
        }
        let told = said(&json!({ "app_env": { "PORT": "1", "INDEX": "1", "RELEASE": "x", "PATH": "/bin", "_A1": "x" } }));
        assert_eq!(told.len(), 4);
        assert!(
            told.iter().any(|text| text.starts_with("`PORT` cannot be in `app_env`: hoist sets it | each process has a port")),
            "{told:?}"
        );
        let told = processes(&json!({ "web": { "environment": { "PORT": "1", "PATH": "/bin", "A B": "x" } } }));
        assert_eq!(told.len(), 2);
    }
}
