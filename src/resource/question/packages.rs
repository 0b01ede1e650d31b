//! Packages: one `dpkg-query` for all, one `apt-cache policy` for those where the version to come matters.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Question;
use crate::resource::{Apt, Package, Probe, Reply};
use crate::shell::{Answer, Answers, Script, bare};

static FUNCTIONS: LazyLock<String> = LazyLock::new(|| bare(&[include_str!("packages.sh")]));

pub(super) fn questions(probe: &Probe) -> Vec<Question> {
    let mut all = Vec::new();
    let mut first = Script::new();
    first.line(&FUNCTIONS, &[]);
    if !probe.packages.is_empty() {
        let mut script = std::mem::take(&mut first);
        script.words("hoist_packages", probe.packages.iter().map(String::as_str));
        all.push(Question::new("packages", script));
    }
    if !probe.candidates.is_empty() {
        let mut script = Script::new();
        script.words("hoist_find_missing", probe.candidates.iter().map(String::as_str));
        script.words("hoist_candidates", probe.newest.iter().map(String::as_str));
        all.push(Question::new("candidates", script));
        let mut script = Script::new();
        script.line("hoist_providers", &[]);
        all.push(Question::new("providers", script));
    }
    if probe.apt || !probe.candidates.is_empty() {
        let mut script = first;
        let text = if probe.apt { "hoist_apt_state" } else { "[ -z \"$hoist_missing\" ] || hoist_apt_state" };
        script.line(text, &[]);
        all.push(Question::new("apt", script));
    }
    all
}

pub(super) fn read(probe: &Probe, answers: &Answers, reply: &mut Reply) {
    let text = |id: &str| answers.get(id).map(Answer::text).unwrap_or_default();
    reply.apt = apt(&text("apt"));
    // 127: no dpkg here, so nothing is known, which is not the same as nothing being installed.
    let Some(answer) = answers.get("packages").filter(|answer| answer.status != 127) else { return };
    let known = answer.text();
    let lines: Vec<Line<'_>> = known.lines().filter_map(Line::read).collect();
    let native = lines.iter().find(|line| line.name == "dpkg").map_or("", |line| line.architecture);
    let policy_text = text("candidates");
    let policy = candidates(&policy_text);
    let providers = text("providers");
    for name in &probe.packages {
        let (plain, architecture) = name.split_once(':').unwrap_or((name, native));
        let here = |line: &&Line<'_>| line.name == plain && [architecture, "all"].contains(&line.architecture);
        let mut package = Package::default();
        if let Some(line) = lines.iter().find(here) {
            package.held = line.wanted == "hold";
            match line.status {
                "installed" => package.installed = Some(line.version.to_string()),
                "not-installed" => {}
                other => package.status = other.to_string(),
            }
        }
        // apt-cache leaves the host's own architecture out.
        if let Some(candidate) = policy.get(name.as_str()).or_else(|| policy.get(plain).filter(|_| architecture == native)) {
            package.listed = true;
            package.candidate = candidate.map(str::to_string);
        }
        if package.installed.is_none() {
            package.provider = providers.lines().find_map(|line| provider(line, plain)).map(str::to_string);
        }
        reply.packages.insert(name.clone(), package);
    }
}

/// A line of `hoist_packages`.
struct Line<'a> {
    status: &'a str,
    name: &'a str,
    architecture: &'a str,
    wanted: &'a str,
    version: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let (status, (name, architecture)) = (words.next()?, words.next()?.split_once(':')?);
        Some(Self { status, name, architecture, wanted: words.next()?, version: words.next()? })
    }
}

/// The packages that `apt-cache policy` knows, with the version it would install.
pub(in crate::resource) fn candidates(policy: &str) -> BTreeMap<&str, Option<&str>> {
    let mut all = BTreeMap::new();
    let mut current = None;
    for line in policy.lines() {
        match line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            Some(name) => {
                current = Some(name);
                all.insert(name, None);
            }
            None => {
                if let (Some(name), Some(version)) = (current, line.trim_start().strip_prefix("Candidate: ")) {
                    all.insert(name, Some(version).filter(|version| *version != "(none)"));
                }
            }
        }
    }
    all
}

/// The package of a line of `hoist_providers`, when it is installed and provides `name`.
fn provider<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (package, provides) = line.strip_prefix("installed ")?.split_once(' ')?;
    provides.split(", ").any(|provided| provided.split(' ').next() == Some(name)).then_some(package)
}

/// Reads `hoist_apt_state`: when the lists were fetched, and whether a source is newer than that.
fn apt(text: &str) -> Option<Apt> {
    let mut apt = Apt::default();
    let (mut now, mut lists, mut filled, mut sources) = (None, 0_u64, false, 0_u64);
    for line in text.lines() {
        match (line, line.split_once(' ')) {
            ("interrupted", _) => apt.interrupted = true,
            ("lists", _) => filled = true,
            (_, Some((time, path))) => {
                let time = time.parse().unwrap_or(0);
                let newest = if path.starts_with("/var/lib/apt/") { &mut lists } else { &mut sources };
                *newest = time.max(*newest);
            }
            _ => now = line.parse::<u64>().ok().or(now),
        }
    }
    apt.age = now?.checked_sub(lists).or(Some(0)).filter(|_| filled);
    apt.stale = filled && sources > lists;
    Some(apt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { stdout: text.into(), ..Answer::default() }
    }

    #[test]
    fn a_name_may_carry_an_architecture_or_be_virtual() {
        let mut probe = Probe::new();
        for name in ["nginx", "libc6:amd64", "libc6:i386", "awk", "exim4", "old", "half"] {
            probe.candidate(name);
        }
        let known = "installed dpkg:amd64 install 1.21\ninstalled libc6:amd64 hold 2.36\nconfig-files old:all deinstall 1\n\
                     half-configured half:amd64 install 3\n";
        let policy = "nginx:\n  Installed: (none)\n  Candidate: 1.22\n  Version table:\n     1.22 500\nawk:\n  Candidate: (none)\n\
                      libc6:\n  Candidate: 2.36\n";
        let answers = Answers::from([
            ("packages".to_string(), answer(known)),
            ("candidates".to_string(), answer(policy)),
            ("providers".to_string(), answer("installed mawk awk\ninstalled gawky awkward, xawk (= 1)\n")),
        ]);
        let mut reply = Reply::default();
        read(&probe, &answers, &mut reply);
        let package = |name: &str| reply.package(name).expect("known").clone();
        assert_eq!(package("nginx"), Package { candidate: Some("1.22".into()), listed: true, ..Package::default() });
        assert_eq!(package("libc6:amd64").installed.as_deref(), Some("2.36"));
        assert!(package("libc6:amd64").held && package("libc6:amd64").candidate.is_some());
        assert_eq!(package("libc6:i386"), Package::default());
        assert_eq!((package("awk").provider.as_deref(), package("awk").listed), (Some("mawk"), true));
        assert_eq!(package("exim4"), Package::default());
        assert_eq!((package("old").status.as_str(), package("half").status.as_str()), ("config-files", "half-configured"));
    }

    #[test]
    fn the_age_of_the_lists_is_told() {
        let state = |text: &str| apt(text).expect("an answer");
        let sources = "100 /etc/apt/sources.list\n";
        assert_eq!(state(&format!("500\nlists\n200 /var/lib/apt/lists\n{sources}")), Apt { age: Some(300), ..Apt::default() });
        assert_eq!(state(&format!("500\n200 /var/lib/apt/lists\n{sources}")).age, None, "an empty folder is as good as none");
        assert!(state("500\nlists\n200 /var/lib/apt/lists\n300 /etc/apt/sources.list.d/x.list\n").stale);
        assert!(state(&format!("interrupted\n500\nlists\n900 /var/lib/apt/lists\n{sources}")).interrupted);
        assert_eq!(apt(""), None);
    }
}
