//! `file`: folders, links, empty files; owner, group and mode; nothing at all.

use schemars::JsonSchema;
use serde::Deserialize;

use super::target::{Settings, Target};
use super::{
    Access, Action, Change, FileKind, Kind, Mode, Origin, PathState, Probe, Reply, Subject, Unreadable, Written, folders, purge::Purge,
    recurse,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Scope;
use crate::shell::Script;

/// Sees to it that there is a folder, a link or an empty file at a path, or nothing; sets owner, group and mode.
///
/// ```yaml
/// - name: the application has a folder
///   file: { path: /srv/shop/shared, state: directory, owner: shop, group: shop, mode: "0750" }
/// - name: the site is enabled
///   file: { path: /etc/nginx/sites-enabled/shop, src: ../sites-available/shop, state: link }
/// - name: the distribution's default site is gone
///   file: { path: /etc/nginx/sites-enabled/default, state: absent }
/// - name: uploads belong to the web server
///   file: { path: /srv/shop/uploads, state: directory, owner: www-data, mode: "u=rwX,g=rX,o=", recurse: true }
/// - name: there are no jobs but those of this project
///   file: { path: /etc/shop/jobs, state: directory, purge: true, keep: [mail.conf, clean.conf] }
/// ```
///
/// States:
///
/// - `directory`: a folder. Folders above it that are missing are made too, with the same owner, group and mode.
/// - `link`: a symbolic link to `src`, which need not be there. A link to elsewhere is pointed to it in one step.
/// - `absent`: nothing. A folder goes with all that is in it, but not with what is mounted in it; links are removed, not followed.
///   The system's own folders (`/etc`, `/usr/bin`, `/home`, ...) are refused.
/// - `touch`: a file, made empty when it is missing. One that is there keeps its content and its time.
/// - `file`: sets owner, group and mode of a file that must be there.
///
/// Without `state`: sets owner, group and mode of whatever is there (`link` with `src`, `directory` with `recurse` or `purge`).
///
/// `purge` removes everything that is directly in the folder and not named in `keep`, whatever it is: files, links (and not what they
/// point at), folders with all that is in them. The plan names each of them. The system's own folders are refused, and so is a name
/// with a line break in it: such a one is somebody's trick, and for you to look at.
///
/// Differs from Ansible: a link at `path` is never followed, so a path that is one, with another state than `link` or `absent`,
/// is an error. `touch` does not set the time of a file, for then it would change something in every run. A link has no mode,
/// and its owner is the link's own. `recurse` leaves a file alone that has other names (hard links) and belongs to somebody else.
/// `force` replaces a file by a link, not a folder. Hard links and times cannot be asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What it is about, an absolute path.
    #[serde(alias = "dest", alias = "name")]
    path: String,
    /// What is to be there.
    state: Option<State>,
    /// Where a link points: an absolute path, or one relative to the folder of the link.
    src: Option<String>,
    /// Permissions, such as `"0755"` or `u=rwX,g=rX,o=`. A new folder gets `"0755"`, a new file `"0644"` when not given.
    mode: Option<Mode>,
    /// User that owns it, by name or number.
    owner: Option<String>,
    /// Group that owns it, by name or number.
    group: Option<String>,
    /// `true`: owner, group and mode hold for everything in the folder too. Links in it get the owner, but are not followed.
    recurse: Option<bool>,
    /// `true`: what is directly in the folder goes, but for the names in `keep`.
    purge: Option<bool>,
    /// With `purge`: the names in the folder that stay; none when not given.
    keep: Option<Vec<String>>,
    /// `true`: a link replaces a file that stands in its place.
    force: Option<bool>,
}

/// What is to be at a path.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// A folder.
    Directory,
    /// A symbolic link.
    Link,
    /// Nothing.
    Absent,
    /// A file, made when missing.
    Touch,
    /// A file that is there.
    File,
}

/// Something at a path, or nothing.
pub struct File {
    target: Target,
    wanted: Wanted,
}

enum Wanted {
    Directory {
        recurse: bool,
        purge: Option<Purge>,
    },
    Link {
        src: String,
        force: bool,
    },
    Absent,
    Touch,
    /// Owner and mode of what is there: only of a file, or of anything.
    Attributes {
        file: bool,
    },
}

impl Kind for File {
    const NAME: &'static str = "file";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let recurse = args.recurse.unwrap_or(false);
        let purges = args.purge.unwrap_or(false);
        let state = args.state.or(args.src.as_ref().map(|_| State::Link)).or((recurse || purges).then_some(State::Directory));
        if recurse && state != Some(State::Directory) {
            problems.push(written.error("recurse", "`recurse` goes with `state: directory`"));
        }
        if purges && state != Some(State::Directory) {
            problems.push(written.error("purge", "`purge` goes with `state: directory`"));
        }
        if purges && recurse {
            problems.push(written.error("recurse", "`recurse` and `purge` exclude each other").help("purge first, in a task of its own"));
        }
        if args.keep.is_some() && !purges {
            problems.push(written.error("keep", "`keep` goes with `purge: true`"));
        }
        if args.src.is_some() && !matches!(state, Some(State::Link | State::Absent)) {
            problems.push(written.error("src", "`src` goes with `state: link`").help("files are copied with `copy: { src: ... }`"));
        }
        if state == Some(State::Link) && args.mode.is_some() {
            problems.push(written.error("mode", "a link has no mode of its own").help("set it on what the link points at"));
        }
        let wanted = match state {
            Some(State::Directory) => {
                let keep = args.keep.unwrap_or_default();
                let purge = purges.then(|| problems.take(Purge::new(keep, written))).flatten();
                Wanted::Directory { recurse, purge }
            }
            Some(State::Link) => {
                if args.src.as_ref().is_none_or(String::is_empty) {
                    problems.push(written.error("state", "`state: link` needs `src`, where the link points"));
                }
                Wanted::Link { src: args.src.unwrap_or_default(), force: args.force.unwrap_or(false) }
            }
            Some(State::Absent) => Wanted::Absent,
            Some(State::Touch) => Wanted::Touch,
            Some(State::File) => Wanted::Attributes { file: true },
            None => Wanted::Attributes { file: false },
        };
        let settings = Settings { mode: args.mode, owner: args.owner, group: args.group, ..Settings::default() };
        if matches!(wanted, Wanted::Attributes { .. }) && settings.mode.is_none() && settings.owner.is_none() && settings.group.is_none() {
            let error = Diagnostic::error("this `file` asks for nothing").at(written.key_span);
            problems.push(error.help("name a `state`, or `owner`, `group` or `mode`"));
        }
        let target = problems.take(Target::new(&args.path, "path", settings, written, scope));
        if let Some(target) = target.as_ref().filter(|target| matches!(wanted, Wanted::Absent) && system_folder(&target.path)) {
            let error = written.error("path", format!("`{}` belongs to the system, hoist does not remove it", target.path));
            problems.push(error.help("name what is to go inside it"));
        }
        if let Some(target) = target.as_ref().filter(|target| purges && system_folder(&target.path)) {
            let error = written.error("path", format!("`{}` belongs to the system, hoist does not clear it out", target.path));
            problems.push(error.help("name what is to go inside it"));
        }
        match target {
            Some(target) if !problems.has_errors() => Ok(Self { target, wanted }),
            _ => Err(problems),
        }
    }

    fn subject(&self) -> String {
        self.target.path.clone()
    }

    fn probe(&self, probe: &mut Probe) {
        let path = &self.target.path;
        match &self.wanted {
            Wanted::Directory { recurse, purge } => {
                folders::probe(probe, path);
                purge.iter().for_each(|purge| purge.probe(probe, path));
                if *recurse {
                    recurse::probe(probe, path);
                }
            }
            Wanted::Link { .. } | Wanted::Touch => {
                self.target.probe(probe);
                probe.stat(path);
            }
            Wanted::Absent | Wanted::Attributes { .. } => probe.stat(path),
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        let now = reply.path(&self.target.path)?;
        match &self.wanted {
            Wanted::Directory { recurse, purge } => self.directory(reply, now, *recurse, purge.as_ref()),
            Wanted::Link { src, force } => self.link(self.target.now(reply)?, src, *force),
            Wanted::Absent => Ok(removal(&self.target.path, now)),
            Wanted::Touch => match &now.stat {
                None => self.target.write(self.target.now(reply)?, Origin::Sent(&[])),
                Some(_) => self.attributes(now),
            },
            Wanted::Attributes { file } => match &now.stat {
                None => Err(Unreadable::new(format!("`{}` does not exist", self.target.path))
                    .help("`state: directory` makes a folder, `state: touch` an empty file, `copy` one with content")),
                Some(stat) if *file && stat.kind != FileKind::File => Err(self.mistaken(now, "file")),
                Some(_) => self.attributes(now),
            },
        }
    }
}

impl File {
    fn access(&self) -> &Access {
        &self.target.access
    }

    fn directory(&self, reply: &Reply, now: &PathState, recurse: bool, purge: Option<&Purge>) -> Result<Option<Change>, Unreadable> {
        let path = &self.target.path;
        match now.stat.as_ref().map(|stat| &stat.kind) {
            None => {
                let missing = folders::missing(reply, path)?;
                return Ok(Some(folders::create(&missing, self.access(), self.target.creator())));
            }
            Some(FileKind::Directory) => {}
            Some(_) => return Err(self.mistaken(now, "directory")),
        }
        let own = self.access().plan(path, now);
        if let Some(strays) = purge.map(|purge| purge.plan(reply, path)).transpose()?.flatten() {
            let mut start = Script::new();
            start.line("hoist_was {} directory", &[path]);
            let mut change = own.unwrap_or_else(|| Change::new(Action::Update, start));
            change.script.append(&strays.script);
            change = strays.notes.into_iter().fold(change, Change::note);
            return Ok(Some(strays.paths.into_iter().fold(change, |change, path| change.leaves(path, PathState::default()))));
        }
        let below = if recurse { recurse::plan(reply, path, self.access())? } else { None };
        let Some((diff, script)) = below else { return Ok(own) };
        let mut start = Script::new();
        start.line("hoist_was {} directory", &[path]);
        let mut change = own.unwrap_or_else(|| Change::new(Action::Update, start));
        change.script.append(&script);
        change.diff.extend(diff);
        Ok(Some(change.moves(Subject::Below(path.clone()))))
    }

    fn link(&self, now: &PathState, src: &str, force: bool) -> Result<Option<Change>, Unreadable> {
        let path = &self.target.path;
        let mut script = Script::new();
        script.line("hoist_was {} {}", &[path, &now.shape()]);
        let state = |change: Change, before: String| change.attribute("state", before, format!("link to {src}"));
        let mut change = match now.stat.as_ref().map(|stat| &stat.kind) {
            Some(FileKind::Link) if now.target.as_deref() == Some(src) => return Ok(self.access().plan(path, now)),
            None => {
                script.line("ln -sT -- {} {}", &[src, path]);
                state(Change::new(Action::Create, script), String::new())
            }
            Some(kind @ (FileKind::Link | FileKind::File)) if force || *kind == FileKind::Link => {
                // GNU ln makes the new link beside the old one and renames it.
                script.line("ln -sfT -- {} {}", &[src, path]);
                let before = now.target.as_ref().map_or_else(|| "file".to_string(), |target| format!("link to {target}"));
                state(Change::new(Action::Update, script), before)
            }
            Some(FileKind::File) => return Err(self.mistaken(now, "link").help("`force: true` replaces the file")),
            Some(_) => return Err(self.mistaken(now, "link").help("remove it with a `file` task first (`state: absent`) if it may go")),
        };
        if let Some(ownership) = self.access().ownership() {
            change.script.line("chown -h -- {} {}", &[&ownership, path]);
        }
        change.diff.extend(self.access().fresh(0o777, false));
        let stat = self.access().created(FileKind::Link, 0o777, self.target.creator());
        // Where it leads to from now on is another place.
        change = change.moves(Subject::Below(path.clone()));
        Ok(Some(change.leaves(path, PathState { stat: Some(stat), target: Some(src.to_string()), ..PathState::default() })))
    }

    fn attributes(&self, now: &PathState) -> Result<Option<Change>, Unreadable> {
        match &now.stat {
            Some(stat) if stat.kind == FileKind::Link && !self.access().is_empty() => Err(self.mistaken(now, "file or directory")),
            _ => Ok(self.access().plan(&self.target.path, now)),
        }
    }

    fn mistaken(&self, now: &PathState, expected: &str) -> Unreadable {
        let path = &self.target.path;
        let kind = now.stat.as_ref().map_or("missing", |stat| stat.kind.name());
        match &now.target {
            Some(target) => Unreadable::new(format!("`{path}` is a link to `{target}`, a {expected} is expected"))
                .help("links are not followed: name what it points at"),
            None => Unreadable::new(format!("`{path}` is a {kind}, a {expected} is expected")),
        }
    }
}

/// The change that leaves nothing at `path`, `None` when nothing is there. A link goes, and not what it points at.
pub(super) fn removal(path: &str, now: &PathState) -> Option<Change> {
    let kind = &now.stat.as_ref()?.kind;
    let mut script = Script::new();
    script.line("hoist_was {} {}", &[path, &now.fingerprint()]);
    match kind {
        FileKind::Directory => script.line("rm -rf --one-file-system -- {}", &[path]),
        _ => script.line("rm -f -- {}", &[path]),
    };
    let before = now.target.as_ref().map_or_else(|| kind.name().to_string(), |target| format!("link to {target}"));
    let mut change = Change::new(Action::Delete, script).attribute("state", before, "absent");
    if *kind == FileKind::Directory {
        change = change.note("with all that is in it");
    }
    Some(change.leaves(path, PathState::default()))
}

/// Folders that a Debian system cannot do without, or that hold all there is.
fn system_folder(path: &str) -> bool {
    const TOP: &[&str] = &[
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "lost+found",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "srv",
        "sys",
        "tmp",
        "usr",
        "var",
    ];
    const BELOW: &[&str] = &[
        "/usr/bin",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local",
        "/usr/sbin",
        "/usr/share",
        "/var/cache",
        "/var/lib",
        "/var/lib/dpkg",
        "/var/log",
        "/var/mail",
        "/var/spool",
        "/var/tmp",
    ];
    match path.strip_prefix('/') {
        Some("") => true,
        Some(name) => TOP.contains(&name) || BELOW.contains(&path),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::system_folder;

    #[test]
    fn only_folders_of_the_system_are_spared() {
        for path in ["/", "/etc", "/home", "/usr/bin", "/var/lib", "/lib64"] {
            assert!(system_folder(path), "{path}");
        }
        for path in ["/swapfile", "/etc/nginx", "/home/app", "/srv/shop", "/usr/local/bin/hoist", "/var/lib/app"] {
            assert!(!system_folder(path), "{path}");
        }
    }
}
