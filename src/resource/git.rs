//! `git`: a checkout of a repository.

use schemars::JsonSchema;
use serde::Deserialize;

use super::git_url::{GitRef, GitTransport, GitUrl, Resolved};
use super::{Action, Change, Guard, Kind, Outcome, Probe, Reply, Subject, Unreadable, Written, path};
use crate::diagnostic::Diagnostics;
use crate::project::Scope;
use crate::shell::{Script, quote};

/// Checks a git repository out, at one commit.
///
/// ```yaml
/// - name: pyenv is there
///   git: { repo: "https://github.com/pyenv/pyenv.git", dest: /home/app/.pyenv, version: v2.4.0 }
///   become_user: app
/// - name: the site's content is there
///   git: { repo: "git@git.example.org:site/content.git", dest: /srv/content, version: main, key_file: /srv/keys/deploy }
/// ```
///
/// The plan asks the remote which commit `version` is, and shows the old and the new one; just that commit is checked out.
/// Git runs as the task's user, so use `become_user` for a checkout in that user's folder. It asks for nothing, runs no
/// hooks, and uses HTTPS, SSH and local paths only. Files that git does not know are left alone.
///
/// Other than in Ansible: submodules come only with `recursive: true`; a password in the address is refused, for it ends
/// up in process lists; the SSH host key must be known, or `accept_newhostkey` says that a new one may be recorded.
/// For releases of your own application there is `hoist deploy`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Where the repository is: `https://...`, `ssh://...`, `user@host:path`, or an absolute path on the host.
    #[serde(alias = "name")]
    repo: String,
    /// The folder of the checkout, an absolute path. It may be missing or empty.
    dest: String,
    /// A branch, a tag, or a commit with all its 40 digits; the remote's main branch when not given.
    version: Option<String>,
    /// Whether changes that were made in the checkout are thrown away. Without it they stop the host.
    #[serde(default)]
    force: bool,
    /// How many commits of history are fetched; all when not given.
    depth: Option<u32>,
    /// Whether only the wanted branch or tag is fetched, with all its history.
    #[serde(default)]
    single_branch: bool,
    /// `false`: leave a missing checkout missing.
    #[serde(default = "yes")]
    clone: bool,
    /// `false`: leave an existing checkout as it is.
    #[serde(default = "yes")]
    update: bool,
    /// What the remote is called in the checkout; `origin` when not given.
    remote: Option<String>,
    /// Whether submodules are checked out too.
    #[serde(default)]
    recursive: bool,
    /// A private SSH key on the host, to be used for this repository alone.
    key_file: Option<String>,
    /// Whether the key of an SSH host that is not known yet is recorded and trusted.
    #[serde(default)]
    accept_newhostkey: bool,
    /// Not supported: it would trust a changed host key too. Use `accept_newhostkey`.
    #[serde(default)]
    accept_hostkey: bool,
}

fn yes() -> bool {
    true
}

/// A checkout of a repository.
pub struct Git {
    repo: GitUrl,
    dest: String,
    version: GitRef,
    force: bool,
    depth: Option<u32>,
    single_branch: bool,
    clone: bool,
    update: bool,
    remote: String,
    recursive: bool,
    ssh: String,
    probe: Guard,
}

impl Kind for Git {
    const NAME: &'static str = "git";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let repo = problems.take(GitUrl::parse(&args.repo).map_err(|error| error.at(written.item(&["repo", "name"], 0))));
        let dest = problems.take(path::absolute(&args.dest, written.span("dest")));
        let version = args.version.as_deref().unwrap_or("HEAD");
        let version = problems.take(GitRef::parse(version).map_err(|error| error.at(written.span("version"))));
        let remote = args.remote.unwrap_or_else(|| "origin".to_string());
        if !(remote.starts_with(|c: char| c.is_ascii_alphanumeric())
            && remote.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
        {
            problems.push(written.error("remote", format!("`{}` is no name for a remote", remote.escape_debug())));
        }
        if args.depth == Some(0) {
            problems.push(written.error("depth", "`depth` is 1 or more"));
        }
        if args.accept_hostkey {
            let error = written.error("accept_hostkey", "`accept_hostkey` would trust a changed host key too");
            problems
                .push(error.help("`accept_newhostkey: true` records the key of a host that is not known yet, and refuses a changed one"));
        }
        if ["repo", "name"].iter().any(|argument| written.secret(argument)) {
            problems.push(written.error("repo", "a secret in the address of a repository ends up in process lists and in `.git/config`"));
        }
        let key_file = args.key_file.and_then(|key| problems.take(path::absolute(&key, written.span("key_file"))));
        let (Some(repo), Some(dest), Some(version)) = (repo, dest, version) else { return Err(problems) };
        let ssh = |look| ssh_command(key_file.as_deref(), args.accept_newhostkey, look);
        let commit = if let GitRef::Commit(id) = &version { id.as_str() } else { "" };
        let mut script = Script::new();
        script.line("hoist_git_setup {} {}", &[repo.protocols(), &ssh(true)]);
        let flags = [if args.update { "update" } else { "" }, if args.recursive { "recursive" } else { "" }];
        let patterns = version.patterns();
        let words = [dest.as_str(), repo.as_str(), &remote, commit, flags[0], flags[1]];
        script.words("hoist_git_look", words.into_iter().chain(patterns.iter().map(String::as_str)));
        let mut probe = Guard::new(script);
        probe.user = scope.run_as().map(str::to_string);
        probe.environment = scope.environment().to_vec();
        if repo.transport() != GitTransport::Ssh {
            probe = probe.reads(vec![Subject::Tree(dest.clone())]);
        }
        problems.or(Self {
            repo,
            dest,
            version,
            force: args.force,
            depth: args.depth,
            single_branch: args.single_branch,
            clone: args.clone,
            update: args.update,
            remote,
            recursive: args.recursive,
            ssh: ssh(false),
            probe,
        })
    }

    fn subject(&self) -> String {
        self.dest.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        probe.guard(&self.probe);
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let outcome = reply.guard(&self.probe, "the look at the checkout and its remote")?;
        let now = self.look(outcome).map_err(|unreadable| {
            let nobody = outcome.stderr.starts_with("there is no user ");
            if self.clone && (nobody || outcome.stdout == "nogit\n") { unreadable.would(self.first()) } else { unreadable }
        })?;
        match &now.head {
            Some(_) if !self.update => return Ok(None),
            None if !self.clone => return Ok(None),
            _ => {}
        }
        let wanted = self.version.resolve(&now.remote).map_err(|why| Unreadable::new(format!("`{}`: {why}", self.repo)))?;
        if !now.dirty.is_empty() && !self.force {
            return Err(Unreadable::new(format!("files in `{}` were changed on the host: {}", self.dest, now.dirty.join(", ")))
                .help("commit or discard them there, or say `force: true` to throw them away"));
        }
        let same = now.head.as_ref() == Some(&wanted.commit);
        let moved = now.head.is_some() && now.url.as_deref() != Some(self.repo.as_str());
        if same && !moved && now.dirty.is_empty() && !now.submodules {
            return Ok(None);
        }
        let mut change = Change::new(if now.head.is_some() { Action::Update } else { Action::Create }, self.script(&now, &wanted));
        if now.head.is_none() || moved {
            change = change.attribute("repo", now.url.as_deref().map(without_credentials).unwrap_or_default(), self.repo.as_str());
        }
        if !same {
            let name = wanted.found.as_deref().map(short_name).filter(|name| *name != "HEAD");
            let after = name.map_or_else(|| short(&wanted.commit).to_string(), |name| format!("{} ({name})", short(&wanted.commit)));
            change = change.attribute("version", now.head.as_deref().map(short).unwrap_or_default(), after);
        }
        for file in &now.dirty {
            change = change.note(format!("{file}: the change made on the host is thrown away"));
        }
        if now.submodules && same {
            change = change.note("submodules are brought to their commits");
        }
        Ok(Some(change.moves(Subject::Path(self.dest.clone()))))
    }
}

/// What was found on the host and on the remote.
#[derive(Default)]
struct Found {
    /// The commit that is checked out; `None`: nothing yet.
    head: Option<String>,
    url: Option<String>,
    /// Files that differ from that commit.
    dirty: Vec<String>,
    submodules: bool,
    /// What `git ls-remote` printed.
    remote: String,
}

impl Git {
    fn look(&self, outcome: &Outcome) -> Result<Found, Unreadable> {
        let dest = &self.dest;
        let mut now = Found::default();
        for line in outcome.stdout.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("nogit", _) => {
                    return Err(Unreadable::new("git is not installed").help("`package: { name: git }` before this installs it"));
                }
                ("closed", folder) => {
                    return Err(Unreadable::new(format!("the task's user may not write to `{folder}`"))
                        .help("`become_user` says whose checkout it is"));
                }
                ("other", _) => {
                    return Err(Unreadable::new(format!("`{dest}` is there, and it is no checkout of git"))
                        .help("remove it with a `file` task first (`state: absent`) if it may go"));
                }
                ("broken", _) => {
                    let words = outcome.stderr.trim();
                    let error =
                        Unreadable::new(format!("git cannot read `{dest}`: {}", words.lines().next().unwrap_or("it does not say why")));
                    return Err(match words.contains("dubious ownership") {
                        true => error.help("it belongs to another user: `become_user` says whose checkout it is"),
                        false => error,
                    });
                }
                ("head", commit) => now.head = Some(commit.to_string()),
                ("url", url) => now.url = Some(url.to_string()),
                ("dirty", file) => now.dirty.push(file.get(3..).unwrap_or(file).to_string()),
                ("submodules", _) => now.submodules = true,
                ("remote", line) => now.remote.push_str(&format!("{line}\n")),
                _ => {}
            }
        }
        if outcome.status == 0 { Ok(now) } else { Err(self.unreachable(&outcome.stderr)) }
    }

    /// The first checkout, when there is nobody yet who could be asked what commit that is.
    fn first(&self) -> Change {
        let version = match &self.version {
            GitRef::Head => "HEAD",
            GitRef::Commit(id) => short(id),
            GitRef::Full(name) | GitRef::Short(name) => name,
        };
        let change = Change::new(Action::Create, Script::new()).attribute("repo", "", self.repo.as_str()).attribute("version", "", version);
        change.moves(Subject::Path(self.dest.clone()))
    }

    fn unreachable(&self, words: &str) -> Unreadable {
        let lines = said(words);
        let ssh = self.repo.transport() == GitTransport::Ssh;
        if ssh && words.contains("HOST IDENTIFICATION HAS CHANGED") {
            return Unreadable::new(format!("the SSH host key of `{}` is another one than the known one", self.repo))
                .help("if that is right, bring the known_hosts of the task's user up to date");
        }
        if ssh && words.contains("Host key verification failed") {
            return Unreadable::new(format!("the SSH host key of `{}` is not known on this host", self.repo))
                .help("pin it with `known_hosts`, or say `accept_newhostkey: true`");
        }
        let error = Unreadable::new(format!("`{}` cannot be read: {}", self.repo, lines));
        if ssh && words.contains("Permission denied") {
            return error.help("is the public key of the host's user, or of `key_file`, known there?");
        }
        error
    }

    fn script(&self, now: &Found, wanted: &Resolved) -> Script {
        let mut script = Script::new();
        script.line("hoist_git_setup {} {}", &[self.repo.protocols(), &self.ssh]);
        let depth = self.depth.map(|depth| depth.to_string());
        let reach = depth.as_deref().unwrap_or(if self.single_branch { "all" } else { "" });
        let force = if self.force { "force" } else { "" };
        let found = wanted.found.as_deref().unwrap_or_default();
        let words =
            [&self.dest, self.repo.as_str(), &self.remote, &wanted.commit, found, reach, force, now.head.as_deref().unwrap_or_default()];
        script.words("hoist_git_checkout", words);
        if self.recursive {
            script.line("hoist_git submodule -q sync --recursive", &[]);
            script.line("hoist_git submodule -q update --init --recursive --force", &[]);
        }
        script
    }
}

/// The ssh that git is to use. To look, it must write nothing, not even the key of a host that it is told to accept: the first of
/// its files is the one it writes to.
pub(crate) fn ssh_command(key_file: Option<&str>, accept_new: bool, look: bool) -> String {
    let mut command = "ssh -o BatchMode=yes -o ForwardAgent=no -o ConnectTimeout=20".to_string();
    command.push_str(if accept_new { " -o StrictHostKeyChecking=accept-new" } else { " -o StrictHostKeyChecking=yes" });
    if look {
        command.push_str(" -o UpdateHostKeys=no -o 'UserKnownHostsFile=/dev/null ~/.ssh/known_hosts ~/.ssh/known_hosts2'");
    }
    // Git gives this to a shell. A path was checked to hold no NUL when it was read.
    if let Some(key) = key_file.and_then(quote) {
        command.push_str(&format!(" -o IdentitiesOnly=yes -i {key}"));
    }
    command
}

/// What git and ssh say, on one line, without what they say in any case.
pub(crate) fn said(words: &str) -> String {
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty() && !NOISE.iter().any(|noise| line.starts_with(noise)));
    lines.collect::<Vec<_>>().join(" / ")
}

/// What git and ssh say in any case.
const NOISE: [&str; 3] =
    ["Please make sure you have the correct access rights", "and the repository exists.", "Warning: Permanently added"];

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn short_name(name: &str) -> &str {
    name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name)
}

/// An address that somebody else wrote may hold a password.
fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://...{}", &url[..scheme], &url[at..]),
        _ => url.to_string(),
    }
}
