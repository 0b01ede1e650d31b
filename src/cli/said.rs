//! What hosts and people are told of a run: who does what, and how to do it again.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::quote;

/// A command line of these words, for somebody to type.
pub fn again(words: impl Iterator<Item = String>) -> String {
    let safe = |text: &str| quote(text).unwrap_or_default();
    words.fold("hoist".to_string(), |line, word| match word.split_once('=') {
        Some((name, value)) => format!("{line} {name}={}", safe(value)),
        None => format!("{line} {}", safe(&word)),
    })
}

/// Who runs what, for the lock and the history on the hosts: with the commit of the project at `root`, and a plan if there is one.
pub fn run_line(command: &str, root: &Path, plan: Option<&str>) -> String {
    let about: Vec<String> = [commit(root), plan.map(|plan| format!("plan {plan}"))].into_iter().flatten().collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    format!("{} {command}{about} (process {})", who(), std::process::id())
}

/// The commit of the project, if git has one: `commit 1a2b3c4d5e6f`, and whether there is more in the folder.
fn commit(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("--no-optional-locks").arg("-C").arg(root).args(args).stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "--verify", "--short=12", "HEAD"])?;
    let more = git(&["status", "--porcelain", "--", "."]).is_some_and(|changes| !changes.is_empty());
    Some(format!("commit {commit}{}", if more { " and changes" } else { "" }))
}

/// Who sits here: `ann@laptop`.
pub fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| user_of_process());
    let here = rustix::system::uname();
    format!("{user}@{}", here.nodename().to_string_lossy()).chars().filter(|c| !c.is_control()).collect()
}

/// Where no variable says who it is (cron, containers): the name of the user that this process runs as.
fn user_of_process() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut fields = users.lines().map(|line| line.split(':'));
    let name = fields.find_map(|mut user| user.next().filter(|_| user.nth(1) == Some(uid.as_str())));
    name.unwrap_or("somebody").to_string()
}

/// The words that run a verb of the roles: `provision`, `maintenance on`, `run initdata`.
pub fn command(verb: &str) -> Vec<String> {
    let words = match verb {
        "provision" => vec!["provision"],
        "maintenance_on" => vec!["maintenance", "on"],
        "maintenance_off" => vec!["maintenance", "off"],
        other => vec!["run", other],
    };
    words.into_iter().map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_are_told_can_be_typed() {
        assert_eq!(
            ["provision", "maintenance_on", "initdata"].map(|verb| command(verb).join(" ")),
            ["provision", "maintenance on", "run initdata"]
        );
    }

    #[test]
    fn only_changes_in_the_folder_of_the_project_are_told_of() {
        let all = tempfile::tempdir().expect("a folder");
        let project = all.path().join("ops");
        std::fs::create_dir(&project).expect("writable");
        std::fs::write(project.join("hoist.yml"), "plays: []\n").expect("writable");
        let git = |words: &[&str]| {
            let who = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"];
            let done = Command::new("git").arg("-C").arg(all.path()).args(who).args(words).output().expect("git runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        assert_eq!(commit(&project), None);
        git(&["init", "-q"]);
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "x"]);
        std::fs::write(all.path().join("another-project"), "x").expect("writable");
        let clean = commit(&project).expect("there is a commit");
        assert!(!clean.contains("changes"), "{clean}");
        std::fs::write(project.join("hoist.yml"), "# more\n").expect("writable");
        assert_eq!(commit(&project), Some(format!("{clean} and changes")));
    }

    #[test]
    fn the_process_belongs_to_a_user_with_a_name() {
        let user = std::process::Command::new("id").arg("-un").output().expect("id is there");
        assert_eq!(user_of_process(), String::from_utf8_lossy(&user.stdout).trim());
    }
}
