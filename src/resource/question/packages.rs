//! Packages: one `dpkg-query` for all, one `apt-cache policy` for those where the newest version matters.

use super::Question;
use crate::resource::{Package, Probe, Reply};
use crate::shell::{Answers, Script};

pub(super) fn questions(probe: &Probe) -> Vec<Question> {
    let mut all = Vec::new();
    if !probe.packages.is_empty() {
        let mut script = Script::new();
        // -W with names fails for each that was never heard of; those are simply missing in the answer.
        script.words("dpkg-query -W -f '${Package}\\t${db:Status-Status}\\t${Version}\\n' --", probe.packages.iter().map(String::as_str));
        all.push(Question::new("packages", script));
    }
    if !probe.candidates.is_empty() {
        let mut script = Script::new();
        script.words("apt-cache policy --", probe.candidates.iter().map(String::as_str));
        all.push(Question::new("candidates", script));
    }
    all
}

pub(super) fn read(probe: &Probe, answers: &Answers, reply: &mut Reply) {
    let Some(answer) = answers.get("packages") else { return };
    // 127: no dpkg here, so nothing is known, which is not the same as nothing being installed.
    if answer.status == 127 {
        return;
    }
    for name in &probe.packages {
        reply.packages.insert(name.clone(), Package::default());
    }
    for line in answer.text().lines() {
        let mut fields = line.split('\t');
        if let (Some(name), Some("installed"), Some(version)) = (fields.next(), fields.next(), fields.next())
            && let Some(package) = reply.packages.get_mut(name)
        {
            package.installed = Some(version.to_string());
        }
    }
    let mut current: Option<&str> = None;
    let text = answers.get("candidates").map(crate::shell::Answer::text).unwrap_or_default();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            Some(name) => current = Some(name),
            None => {
                let version = line.trim_start().strip_prefix("Candidate: ").filter(|version| *version != "(none)");
                if let (Some(version), Some(package)) = (version, current.and_then(|name| reply.packages.get_mut(name))) {
                    package.candidate = Some(version.to_string());
                }
            }
        }
    }
}
