//! What is to be deployed: one commit for all hosts, found once; and what it brings.

use std::collections::BTreeSet;

use super::app::App;
use super::choose::Seen;
use super::release::{ReleaseId, short};
use crate::diagnostic::Diagnostic;
use crate::resource::git::{self, ssh_command};
use crate::resource::git_url::{GitRef, GitUrl, Resolved};
use crate::shell::{Answer, Script};

/// How many commits are told of.
const TOLD: usize = 30;

/// One version of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The commit, or the SHA-256 of an archive.
    pub commit: String,
    /// What it was called: `v1.4.0`, `main`, the name of a file.
    pub reference: String,
    /// What lies between what is live and this, where that is known.
    pub changes: Option<Changes>,
    /// Why it is not known of something that is live.
    pub unknown: Option<String>,
    /// Whether it is known to name submodules, which no release has.
    pub submodules: bool,
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
    /// The new one names submodules.
    pub submodules: bool,
}

impl Changes {
    /// Those from two versions to the same one: nothing that one of them tells of is left out.
    fn and(self, other: Self) -> Self {
        let (count, log) = if other.count > self.count { (other.count, other.log) } else { (self.count, self.log) };
        let migrations: BTreeSet<String> = self.migrations.into_iter().chain(other.migrations).collect();
        let submodules = self.submodules || other.submodules;
        Self { count, log, older: self.older || other.older, migrations: migrations.into_iter().collect(), submodules }
    }
}

/// A release that is live somewhere, with its commit if the ledger there knows it.
pub type Live = (ReleaseId, Option<String>);

/// Answers what lies between a commit that is live and a new one, or in words why nobody knows.
pub type Between<'b, E> = &'b mut dyn FnMut(&str) -> Result<Result<Changes, String>, E>;

/// What is live on these hosts, each commit once.
pub fn lives(hosts: &[Seen]) -> Vec<Live> {
    let mut lives: Vec<Live> = Vec::new();
    for (_, state) in hosts {
        let Some(id) = &state.live else { continue };
        let live = (id.clone(), state.ledger.get(id).map(|release| release.commit.clone()));
        if !lives.iter().any(|(other, commit)| if commit.is_some() { *commit == live.1 } else { *other == live.0 && live.1.is_none() }) {
            lives.push(live);
        }
    }
    lives
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
                .help("or `--from-local`: your machine sends the commit, and hosts need no access")
                .help("the application's user fetches, and a forwarded agent is that of the user who logs in alone"),
            () => error.help("does the host reach it? with `--from-local` your machine sends the commit, and hosts need no access"),
        });
    }
    wanted.resolve(&answer.text()).map_err(|why| Diagnostic::error(format!("`{url}`: {why}")))
}

/// Asks a repository for a commit by its digits, which no listing has. Of what it hands out nothing stays. Runs as the
/// application's user; answered by [`exists`].
pub fn having(app: &App, url: &GitUrl, commit: &str) -> Script {
    let mut script = beside(app, url);
    script.line("hoist_has {} || hoist_git fetch -q --no-tags --depth 1 -- {} {} 2>/dev/null || \\", &[commit, url.as_str(), commit]);
    // Not every server hands out what is asked for by its digits, nor says whether it has it: so all there is, as `stage` does.
    script.line(
        "if hoist_git fetch -q --tags -- {} '+refs/heads/*:refs/remotes/all/*'; then hoist_has {} || echo missing; fi",
        &[url.as_str(), commit],
    );
    script
}

/// Whether the repository has the commit, by the answer to [`having`]. Where it could not be read that is left open: `stage` says why.
///
/// # Errors
/// It has none.
pub fn exists(url: &GitUrl, commit: &str, answer: &Answer) -> Result<(), Diagnostic> {
    if answer.text().trim() != "missing" {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{url}` has no commit {commit}")).help("is it pushed, and are its digits right?"))
}

/// Compares two commits without leaving anything on the host: what is missing is fetched into a folder that goes again.
/// `objects` is a checkout that has most of it. Runs as the application's user; answered by [`changes`].
pub fn comparing(app: &App, url: &GitUrl, live: &str, new: &Resolved) -> Script {
    let mut script = beside(app, url);
    let from = new.found.as_deref().unwrap_or(&new.commit);
    script.line("hoist_has {} || hoist_git fetch -q --no-tags -- {} {} || exit 1", &[&new.commit, url.as_str(), from]);
    script.line("hoist_has {} || hoist_git fetch -q --no-tags -- {} {} || exit 1", &[live, url.as_str(), live]);
    script.append(&between(live, &new.commit, &app.migrations));
    script
}

/// In an empty repository that goes again, and sees what the application's has.
fn beside(app: &App, url: &GitUrl) -> Script {
    let mut script = Script::new();
    script.line("hoist_git_setup {} {}", &[url.protocols(), &ssh(app)]);
    script.line(
        "hoist_tmp=$(mktemp -d) && trap 'rm -rf \"$hoist_tmp\"' EXIT && cd \"$hoist_tmp\" && hoist_git init -q --bare . || exit 1",
        &[],
    );
    script.line("hoist_objects={}", &[&format!("{}/cache/repo/.git/objects", app.root)]);
    script.line("[ ! -d \"$hoist_objects\" ] || echo \"$hoist_objects\" >objects/info/alternates", &[]);
    script.line("hoist_has() { hoist_git cat-file -e \"$1^{commit}\" 2>/dev/null; }", &[]);
    script
}

/// The same question, in a repository that has both.
pub fn between(live: &str, new: &str, migrations: &str) -> Script {
    let mut script = Script::new();
    let range = format!("{live}..{new}");
    script.line("git rev-list --count {} | sed 's/^/count /'", &[&range]);
    script.line("git log --format='log %h %as %an: %s' -n {} {}", &[&TOLD.to_string(), &range]);
    script.line("if [ {} != {} ] && git merge-base --is-ancestor {} {}; then echo older; fi", &[new, live, new, live]);
    script.line("if git cat-file -e {} 2>/dev/null; then echo submodules; fi", &[&format!("{new}:.gitmodules")]);
    if !migrations.is_empty() {
        script.line("git diff --name-only {} {} -- {} | sed 's/^/migration /'", &[live, new, migrations]);
    }
    script
}

/// Reads the answer to [`between`] or [`comparing`].
///
/// # Errors
/// In words: the two could not be compared.
pub fn changes(answer: &Answer) -> Result<Changes, String> {
    read(&answer.text()).ok_or_else(|| match git::said(&String::from_utf8_lossy(&answer.stderr)) {
        said if said.is_empty() => "git does not compare them".to_string(),
        said => said,
    })
}

fn read(text: &str) -> Option<Changes> {
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
            ("submodules", _) => changes.submodules = true,
            ("migration", path) => changes.migrations.push(path.to_string()),
            _ => {}
        }
    }
    counted.then_some(changes)
}

impl Version {
    /// Compares it with all that is live.
    ///
    /// # Errors
    /// Those of `between`.
    pub fn compared<E>(mut self, lives: &[Live], between: Between<'_, E>) -> Result<Self, E> {
        for (id, live) in lives {
            let found = match live {
                None => Err("the ledger of its host does not know its commit".to_string()),
                Some(live) if *live == self.commit => Ok(Changes::default()),
                Some(live) => between(live)?,
            };
            match found {
                Ok(changes) => {
                    self.submodules |= changes.submodules;
                    self.changes = Some(match self.changes.take() {
                        Some(known) => known.and(changes),
                        None => changes,
                    });
                }
                Err(why) => {
                    self.unknown.get_or_insert(format!("{id}: {why}"));
                }
            }
        }
        Ok(self)
    }

    /// Whether it is older than something that is live, as far as that is known.
    pub fn is_older(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.older)
    }

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
    use crate::deploy::ledger::Ledger;
    use crate::deploy::look::HostState;

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
    fn a_commit_that_the_repository_does_not_have_is_refused() {
        let url = GitUrl::parse("git@git.example.org:team/shop.git").expect("an address");
        let told =
            |status, stdout: &str| exists(&url, "3f9c2ab", &Answer { status, stdout: stdout.as_bytes().to_vec(), stderr: Vec::new() });
        let error = told(0, "missing\n").expect_err("an error");
        assert_eq!(error.summary, "`git@git.example.org:team/shop.git` has no commit 3f9c2ab");
        assert!(told(0, "").is_ok() && told(128, "").is_ok(), "it is there, or nobody knows");
    }

    #[test]
    fn what_lies_between_is_read_line_by_line() {
        let found =
            read("count 2\nlog 3f9c2ab 2026-11-20 Ann: older fix\nlog 1111111 2026-11-19 Bob: x\nmigration db/2.sql\n").expect("an answer");
        assert_eq!((found.count, found.log.len(), found.older), (2, 2, false));
        assert_eq!(found.migrations, ["db/2.sql"]);
        assert!(read("count 0\nolder\n").expect("an answer").older);
        assert!(read("count 0\nsubmodules\n").expect("an answer").submodules);
        assert_eq!(read("fatal: bad object"), None);
        let stderr = b"fatal: Invalid revision range 1..2".to_vec();
        assert_eq!(changes(&Answer { stderr, ..Answer::default() }), Err("fatal: Invalid revision range 1..2".to_string()));
    }

    fn host(live: &str, commit: Option<&str>) -> Seen {
        let line = commit.map(|commit| format!("2026-11-20T10:00:00Z\t{live}\tgood\t{commit}\tv1\tann\n")).unwrap_or_default();
        (String::new(), HostState { ledger: Ledger::read(&line), live: ReleaseId::parse(live), ..HostState::default() })
    }

    fn compared(lives: &[Live]) -> Version {
        let version = Version { commit: "new".to_string(), ..Version::default() };
        let between = |live: &str| match live {
            "newer" => Ok(Changes { older: true, migrations: vec!["db/9.sql".to_string()], ..Changes::default() }),
            "older" => {
                Ok(Changes { count: 1, log: vec!["3f9c2ab x".to_string()], migrations: vec!["db/2.sql".to_string()], ..Changes::default() })
            }
            _ => Err("fatal: bad object".to_string()),
        };
        version.compared(lives, &mut |live| Ok::<_, ()>(between(live))).expect("it is asked")
    }

    #[test]
    fn a_version_is_compared_with_all_that_is_live() {
        let hosts = [host("2-aaaaaaa", Some("older")), host("3-bbbbbbb", Some("newer")), host("2-aaaaaaa", Some("older"))];
        let lives = lives(&hosts);
        assert_eq!(lives.len(), 2, "each once");
        let changes = compared(&lives).changes.expect("they are known");
        assert_eq!((changes.count, changes.log.len(), changes.older), (1, 1, true));
        assert_eq!(changes.migrations, ["db/2.sql", "db/9.sql"]);
    }

    #[test]
    fn what_cannot_be_compared_is_not_taken_for_known() {
        let live = lives(&[(String::new(), HostState::default()), host("3-bbbbbbb", Some("gone"))]);
        assert_eq!(compared(&live).unknown.as_deref(), Some("3-bbbbbbb: fatal: bad object"), "also if nothing is live on the first host");
        let some = compared(&lives(&[host("2-aaaaaaa", Some("older")), host("3-bbbbbbb", Some("gone"))]));
        assert!(some.changes.is_some() && some.unknown.is_some());
        let lost = compared(&lives(&[host("3-bbbbbbb", None)]));
        assert_eq!(lost.unknown.as_deref(), Some("3-bbbbbbb: the ledger of its host does not know its commit"));
        assert_eq!(compared(&lives(&[host("4-ccccccc", Some("new"))])).changes, Some(Changes::default()), "it is live already");
        assert_eq!((compared(&[]).changes, compared(&[]).unknown), (None, None), "nothing is live");
    }
}
