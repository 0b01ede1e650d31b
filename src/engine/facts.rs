//! What hoist knows of a host before it looks at any resource: asked with the first breath of a session.
//!
//! Facts are data: they reach templates as `facts.NAME` and nothing else (law 7).

use serde_json::{Map, Value as Json, json};

use crate::shell::Answers;

/// The facts of a host, and what its last run left to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// As templates see them, under `facts`.
    pub values: Map<String, Json>,
    /// Handlers that a run notified and did not come to run.
    pub pending: Vec<String>,
    /// A run that did not come to its end: who, and at which step.
    pub interrupted: Option<String>,
    /// The user of the session.
    pub user: String,
    /// The user that logged in, which the transport knows.
    pub login_user: String,
}

/// Every fact, with an example; the reference page is made of it.
pub const FACTS: &[(&str, &str, &str)] = &[
    ("architecture", "x86_64", "machine, as `uname -m` says it"),
    ("boot_id", "\"6a5...\"", "changes with every boot"),
    ("default_ipv4", "10.0.0.5", "the address of the interface that leads out; empty when there is none"),
    ("distribution", "Debian", "name of the distribution"),
    ("distribution_id", "debian", "its id in /etc/os-release"),
    ("distribution_release", "bookworm", "code name of the release"),
    ("distribution_version", "12", "version of the release"),
    ("dpkg_architecture", "amd64", "machine, as Debian says it"),
    ("hostname", "web1", "host name without domain"),
    ("kernel", "6.1.0-18-amd64", "release of the kernel"),
    ("memtotal_mb", "2048", "memory, in MiB"),
    ("processor_vcpus", "2", "processors"),
    ("user", "root", "the user that hoist works as"),
];

/// The frames of the script.
pub(super) const FRAMES: [&str; 7] = ["uname", "files", "nproc", "address", "user", "pending", "journal"];

/// Asks for all of them in frames; few processes, for this is part of every run.
pub(super) const SCRIPT: &str = r#"
hoist_b uname; uname -nrm; hoist_e uname $?
hoist_b files; head -v -n 30 /etc/os-release /proc/meminfo /proc/sys/kernel/random/boot_id /proc/net/route 2>/dev/null; hoist_e files 0
hoist_b nproc; nproc; hoist_e nproc $?
hoist_b address; ip -4 -o addr show 2>/dev/null; hoist_e address $?
hoist_b user; printf '%s' "$hoist_user"; hoist_e user 0
hoist_b pending
for hoist_path in "$hoist_state"/pending/*; do
  if [ -f "$hoist_path" ]; then while IFS= read -r hoist_line; do printf '%s\n' "$hoist_line"; done <"$hoist_path"; fi
done
hoist_e pending 0
hoist_b journal
hoist_path=$hoist_state/lock
if [ -f "$hoist_state/journal" ] && { [ ! -e "$hoist_path" ] || [ -f "$hoist_path" ] && flock -n "$hoist_path" true; }; then
  while IFS= read -r hoist_line; do printf '%s\n' "$hoist_line"; done <"$hoist_state/journal"
fi
hoist_e journal 0
"#;

impl Facts {
    /// Reads the answers to the script.
    pub(super) fn read(answers: &Answers) -> Self {
        let text = |id: &str| answers.get(id).map(crate::shell::Answer::text).unwrap_or_default();
        let uname = text("uname");
        let mut words = uname.split_whitespace();
        let (node, kernel, machine) =
            (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let files = text("files");
        let section = |name: &str| {
            let head = format!("==> {name} <==\n");
            let body = files.find(&head).map_or("", |at| &files[at + head.len()..]);
            body.find("\n==> ").map_or(body, |end| &body[..end])
        };
        let os = section("/etc/os-release");
        let release = |key: &str| {
            let value = os.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default();
            value.trim_matches('"').to_string()
        };
        let memory = section("/proc/meminfo")
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
        let user = text("user");
        let distribution = match release("ID").as_str() {
            "debian" => "Debian".to_string(),
            "ubuntu" => "Ubuntu".to_string(),
            _ => release("NAME"),
        };
        let values = json!({
            "architecture": machine,
            "boot_id": section("/proc/sys/kernel/random/boot_id").trim(),
            "default_ipv4": default_address(section("/proc/net/route"), &text("address")),
            "distribution": distribution,
            "distribution_id": release("ID"),
            "distribution_release": release("VERSION_CODENAME"),
            "distribution_version": release("VERSION_ID"),
            "dpkg_architecture": dpkg_architecture(machine),
            "hostname": node.split('.').next().unwrap_or_default(),
            "kernel": kernel,
            "memtotal_mb": memory.unwrap_or(0) / 1024,
            "processor_vcpus": text("nproc").trim().parse::<u64>().unwrap_or(1),
            "user": user,
        });
        let Json::Object(values) = values else { unreachable!("json! with braces is an object") };
        let pending = text("pending").lines().map(str::to_string).collect();
        Self { values, pending, interrupted: interrupted(&text("journal")), login_user: user.clone(), user }
    }
}

/// Facts of a host that does not exist, for `hoist check`, which contacts none.
pub fn sample() -> Facts {
    let values = FACTS.iter().map(|(name, example, _)| {
        let number = example.parse::<u64>().ok().filter(|_| matches!(*name, "memtotal_mb" | "processor_vcpus"));
        ((*name).to_string(), number.map_or_else(|| json!(example.trim_matches('"')), |number| json!(number)))
    });
    Facts { values: values.collect(), pending: Vec::new(), interrupted: None, user: "root".into(), login_user: "root".into() }
}

/// Who was interrupted at which step, from the journal of a run that is over without an end.
fn interrupted(journal: &str) -> Option<String> {
    let (_, who) = journal.lines().next()?.strip_prefix("run ")?.split_once(' ')?;
    let step = journal.lines().rev().find_map(|line| line.strip_prefix("begin ")?.split_once(' '));
    Some(match step {
        Some((number, name)) if !journal.contains(&format!("\nend {number} ")) => format!("{who}, at: {name}"),
        Some((_, name)) => format!("{who}, after: {name}"),
        None => who.to_string(),
    })
}

fn dpkg_architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "armhf",
        "i686" | "i386" => "i386",
        other => other,
    }
}

/// The first address of the interface whose route has destination 0.
fn default_address(routes: &str, addresses: &str) -> String {
    let interface =
        routes.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|fields| fields.get(1) == Some(&"00000000"));
    let Some(interface) = interface.map(|fields| fields[0]) else { return String::new() };
    let fields = addresses.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|fields| fields.get(1) == Some(&interface));
    fields.and_then(|fields| fields.get(3)?.split('/').next().map(str::to_string)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Answer;

    #[test]
    fn a_debian_host_is_understood() {
        let answer = |text: &str| Answer { stdout: text.into(), ..Answer::default() };
        let files = "==> /etc/os-release <==\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n\n==> /proc/meminfo <==\nMemTotal:        2048000 kB\n\n==> /proc/sys/kernel/random/boot_id <==\nabc\n\n==> /proc/net/route <==\nIface\tDestination\tGateway\nhost0\t00000000\t01004D0A\n";
        let answers = Answers::from([
            ("uname".to_string(), answer("web1 6.1.0 x86_64\n")),
            ("files".to_string(), answer(files)),
            ("nproc".to_string(), answer("2\n")),
            ("address".to_string(), answer("1: lo    inet 127.0.0.1/8 scope host lo\n2: host0    inet 10.77.0.10/24 scope global host0\n")),
            ("user".to_string(), answer("root")),
            ("pending".to_string(), answer("nginx/reload nginx\n")),
        ]);
        let facts = Facts::read(&answers);
        assert_eq!(facts.values["distribution_release"], "bookworm");
        assert_eq!(facts.values["dpkg_architecture"], "amd64");
        assert_eq!(facts.values["default_ipv4"], "10.77.0.10");
        assert_eq!(facts.values["memtotal_mb"], 2000);
        assert_eq!(facts.pending, ["nginx/reload nginx"]);
        let names: Vec<&str> = FACTS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(facts.values.keys().map(String::as_str).collect::<Vec<_>>(), names, "the table lists every fact, sorted");
        assert_eq!(sample().values.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }

    #[test]
    fn a_host_that_says_nothing_gives_empty_facts() {
        assert_eq!(Facts::read(&Answers::new()).values["distribution"], "");
    }
}
