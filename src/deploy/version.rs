//! What is to be deployed: one commit for all hosts, found once; and what it brings.

use super::app::App;
use super::release::short;
use crate::diagnostic::Diagnostic;
use crate::resource::git::{self, ssh_command};
use crate::resource::git_url::{GitRef, GitUrl, Resolved};
use crate::shell::{Answer, Script};

/// How many commits are told of.
const TOLD: usize = 30;

/// One version of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The commit, or the SHA-256 of an archive.
    pub commit: String,
    /// What it was called: `v1.4.0`, `main`, the name of a file.
    pub reference: String,
    /// What lies between the live one and this, where that is known.
    pub changes: Option<Changes>,
}

/// From one version to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many commits.
    pub count: usize,
    /// The newest of them, a line each.
    pub log: Vec<String>,
    /// The new one is an ancestor of the live one.
    pub older: bool,
    /// Files in the folder of migrations that differ.
    pub migrations: Vec<String>,
}

/// Asks a repository for `wanted`. Runs as the application's user; answered by [`resolve`].
pub fn listing(app: &App, url: &GitUrl, wanted: &GitRef) -> Script {
    let mut script = Script::new();
    script.line("hoist_git_setup {} {}", &[url.protocols(), &ssh(app)]);
    script.line("cd /; hoist_git ls-remote --symref -- \\", &[]);
    let patterns = wanted.patterns();
    script.words("", std::iter::once(url.as_str()).chain(patterns.iter().map(String::as_str)));
    script
}

fn ssh(app: &App) -> String {
    ssh_command(app.key_file().as_deref(), app.accept_newhostkey, true)
}

/// The commit of `wanted` in the answer to [`listing`].
///
/// # Errors
/// The repository is not reached, or has no such version.
pub fn resolve(url: &GitUrl, wanted: &GitRef, answer: &Answer) -> Result<Resolved, Diagnostic> {
    if answer.status != 0 {
        let words = String::from_utf8_lossy(&answer.stderr);
        let error = Diagnostic::error(format!("`{url}` cannot be read from the host: {}", git::said(&words)));
        return Err(match () {
            () if words.contains("HOST IDENTIFICATION HAS CHANGED") => {
                error.help("if its key is right, bring the known_hosts of the application's user up to date, on the host")
            }
            () if words.contains("Host key verification failed") => {
                error.help("`app_accept_newhostkey: true` records the key of a repository's host that was never seen")
            }
            () if words.contains("deploy_key not accessible") => {
                error.help("`app_deploy_key` is not on the host yet: `hoist provision` brings it")
            }
            () if words.contains("Permission denied") => error
                .help("a private repository wants `app_deploy_key`, a secret whose public half the repository knows")
                .help("or `--from-local`: your machine sends the commit, and hosts need no access"),
            () => error.help("does the host reach it? with `--from-local` your machine sends the commit, and hosts need no access"),
        });
    }
    wanted.resolve(&answer.text()).map_err(|why| Diagnostic::error(format!("`{url}`: {why}")))
}

/// Compares two commits without leaving anything on the host: what is missing is fetched into a folder that goes again.
/// `objects` is a checkout that has most of it. Runs as the application's user; answered by [`changes`].
pub fn comparing(app: &App, url: &GitUrl, live: &str, new: &Resolved) -> Script {
    let mut script = Script::new();
    script.line("hoist_git_setup {} {}", &[url.protocols(), &ssh(app)]);
    script.line(
        "hoist_tmp=$(mktemp -d) && trap 'rm -rf \"$hoist_tmp\"' EXIT && cd \"$hoist_tmp\" && hoist_git init -q --bare . || exit 1",
        &[],
    );
    script.line("hoist_objects={}", &[&format!("{}/cache/repo/.git/objects", app.root)]);
    script.line("[ ! -d \"$hoist_objects\" ] || echo \"$hoist_objects\" >objects/info/alternates", &[]);
    script.line("hoist_has() { hoist_git cat-file -e \"$1^{commit}\" 2>/dev/null; }", &[]);
    let from = new.found.as_deref().unwrap_or(&new.commit);
    script.line("hoist_has {} || hoist_git fetch -q --no-tags -- {} {} || exit 1", &[&new.commit, url.as_str(), from]);
    script.line("hoist_has {} || hoist_git fetch -q --no-tags -- {} {} || exit 1", &[live, url.as_str(), live]);
    script.append(&between(live, &new.commit, &app.migrations));
    script
}

/// The same question, in a repository that has both.
pub fn between(live: &str, new: &str, migrations: &str) -> Script {
    let mut script = Script::new();
    let range = format!("{live}..{new}");
    script.line("git rev-list --count {} | sed 's/^/count /'", &[&range]);
    script.line("git log --format='log %h %as %an: %s' -n {} {}", &[&TOLD.to_string(), &range]);
    script.line("if [ {} != {} ] && git merge-base --is-ancestor {} {}; then echo older; fi", &[new, live, new, live]);
    if !migrations.is_empty() {
        script.line("git diff --name-only {} {} -- {} | sed 's/^/migration /'", &[live, new, migrations]);
    }
    script
}

/// Reads the answer; `None` when the two could not be compared.
pub fn changes(text: &str) -> Option<Changes> {
    let mut changes = Changes::default();
    let mut counted = false;
    for line in text.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("count", number) => {
                changes.count = number.parse().ok()?;
                counted = true;
            }
            ("log", line) => changes.log.push(line.to_string()),
            ("older", _) => changes.older = true,
            ("migration", path) => changes.migrations.push(path.to_string()),
            _ => {}
        }
    }
    counted.then_some(changes)
}

impl Version {
    /// How it is told of: `v1.4.0 (3f9c2ab)`.
    pub fn name(&self) -> String {
        name(&self.reference, &self.commit)
    }
}

/// How a version is told of: `v1.4.0 (3f9c2ab)`, or the commit alone.
pub fn name(reference: &str, commit: &str) -> String {
    let name = reference.strip_prefix("refs/heads/").or_else(|| reference.strip_prefix("refs/tags/")).unwrap_or(reference);
    if name.is_empty() || commit.starts_with(name) { short(commit).to_string() } else { format!("{name} ({})", short(commit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_with_what_helps() {
        let url = GitUrl::parse("git@git.example.org:team/shop.git").expect("an address");
        let told = |stderr: &str| {
            let answer = Answer { status: 128, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() };
            let error = resolve(&url, &GitRef::Head, &answer).expect_err("an error");
            format!("{} | {}", error.summary, error.help.join("; "))
        };
        let noise = "\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        assert_eq!(
            told(&format!("Host key verification failed.\r\nfatal: Could not read from remote repository.{noise}")),
            "`git@git.example.org:team/shop.git` cannot be read from the host: Host key verification failed. / fatal: Could not read \
             from remote repository. | `app_accept_newhostkey: true` records the key of a repository's host that was never seen"
        );
        let missing =
            "Warning: Identity file /srv/shop/cache/deploy_key not accessible: No such file\ngit@x: Permission denied (publickey).";
        assert!(told(missing).ends_with("| `app_deploy_key` is not on the host yet: `hoist provision` brings it"), "{}", told(missing));
        assert!(told("git@x: Permission denied (publickey).").contains("| a private repository wants `app_deploy_key`"));
    }

    #[test]
    fn what_lies_between_is_read_line_by_line() {
        let found = changes("count 2\nlog 3f9c2ab 2026-11-20 Ann: older fix\nlog 1111111 2026-11-19 Bob: x\nmigration db/2.sql\n")
            .expect("an answer");
        assert_eq!((found.count, found.log.len(), found.older), (2, 2, false));
        assert_eq!(found.migrations, ["db/2.sql"]);
        assert!(changes("count 0\nolder\n").expect("an answer").older);
        assert_eq!(changes("fatal: bad object"), None);
    }
}
