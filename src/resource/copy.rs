//! `copy`: a file with a given content, a tree of files, or a copy of a file of the host itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::content::Content;
use super::target::{Settings, Target};
use super::tree::Tree;
use super::{Change, FileKind, Kind, Mode, Origin, Probe, Reply, Unreadable, Written, path};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::{Asset, Scope};

/// Puts a file on the host: from the project (`src`), written in place (`content`), or from elsewhere on the host
/// (`src` with `remote_src: true`).
///
/// ```yaml
/// - name: the maintenance page is there
///   copy: { dest: /var/www/maintenance.html, content: "<h1>Back soon</h1>\n", mode: "0644" }
/// - name: the error pages are there
///   copy: { src: error_pages/, dest: /var/www/errors, owner: www-data }
/// - name: the application has a configuration to start from
///   copy: { src: /srv/app/current/config.example.php, dest: /srv/app/shared/config.php, remote_src: true, force: false }
/// ```
///
/// Nothing is done when the file has this content, owner and mode. A new file is written beside the old one and takes its
/// place in one step. Owner and mode that are not named stay as they are.
///
/// When `src` is a folder of the project, all files in it are copied: into `dest` when `src` ends with `/`, else into a
/// folder of the same name below `dest`. Folders that are missing are made; other files in them are left alone.
/// Up to 32 MiB: for more, use `git`, or a command that fetches it.
///
/// Differs from Ansible: `dest` names the file itself, or ends with `/` for a file of the same name in that folder;
/// what is right is not guessed from what the host has. A link at `dest` is replaced by the file. `mode: preserve` is unknown:
/// write the mode that is meant. `remote_src` takes one file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Where the file goes, an absolute path. With `/` at the end: the folder it goes into.
    #[serde(alias = "path")]
    dest: String,
    /// A file or folder of the project, looked up in the role's `files/` and the environment's `assets/`.
    src: Option<String>,
    /// The content itself.
    content: Option<String>,
    /// `true`: `src` is a file on the host, an absolute path.
    remote_src: Option<bool>,
    /// Permissions, such as `"0644"`. Left as they are when not given; a new file gets `"0644"` (a secret one `"0600"`).
    mode: Option<Mode>,
    /// User that owns it, by name or number.
    owner: Option<String>,
    /// Group that owns it, by name or number.
    group: Option<String>,
    /// Permissions of the folders that are made for a tree; `"0755"` when not given.
    directory_mode: Option<Mode>,
    /// `false`: only create it, leave the content of an existing file alone.
    force: Option<bool>,
    /// `true`: keep the old file beside the new one, with the time in its name.
    backup: Option<bool>,
    /// A command that must accept the new file before it goes live; `%s` is its path.
    validate: Option<String>,
}

/// Something copied to a host.
pub enum Copy {
    /// One file.
    File(Content),
    /// All files of a folder.
    Tree(Tree),
    /// A file of the host.
    Host {
        /// Where from.
        src: String,
        /// Where to.
        target: Target,
        /// Whether an existing file is replaced.
        force: bool,
    },
}

impl Kind for Copy {
    const NAME: &'static str = "copy";
    type Args = Args;

    fn new(args: Args, written: &Written<'_>, scope: &Scope<'_>) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let Args { dest, src, content, mode, owner, group, directory_mode, validate, .. } = args;
        let (force, remote) = (args.force.unwrap_or(true), args.remote_src.unwrap_or(false));
        let settings = Settings { mode, owner, group, validate, backup: args.backup.unwrap_or(false) };
        match (&src, &content) {
            (Some(_), Some(_)) => problems.push(written.error("content", "`src` and `content` exclude each other")),
            (None, None) => problems.push(Diagnostic::error("`copy` needs `src` or `content`").at(written.key_span)),
            _ => {}
        }
        if remote && src.is_none() {
            problems.push(written.error("remote_src", "`remote_src` needs `src`, a path on the host"));
        }
        let tree = match &src {
            Some(src) if !remote => problems.take(scope.tree(src, written.span("src"))).flatten(),
            _ => None,
        };
        let into = if tree.is_some() { None } else { src.as_deref() };
        let dest = problems.take(inside(&dest, into, written));
        let target = dest.and_then(|dest| problems.take(Target::new(&dest, "dest", settings, written, scope)));
        let from = if remote { src.as_ref().and_then(|src| problems.take(path::absolute(src, written.span("src")))) } else { None };
        let file = match (&src, &tree) {
            (Some(src), None) if !remote => problems.take(scope.file(src, written.span("src"))),
            _ => content.map(|text| Asset { path: String::new(), bytes: text.into_bytes(), secret: false }),
        };
        let shown = written.node.get("content").filter(|node| node.secret).and_then(|node| node.shown.clone());
        let secret = file.as_ref().is_some_and(|file| file.secret);
        let target = target.map(|target| target.with_shown(shown).with_secret(secret));
        let target = match target {
            Some(target) if !problems.has_errors() => target,
            _ => return Err(problems),
        };
        match (tree, from, file) {
            (Some(files), ..) => {
                let name = src.as_deref().filter(|src| !src.ends_with('/')).map(path::name);
                let target = name.map_or_else(|| target.clone(), |name| target.below(name));
                let tree = Tree::new(target, files, directory_mode, force).map_err(|summary| written.error("src", summary))?;
                Ok(Self::Tree(tree))
            }
            (_, Some(src), _) => Ok(Self::Host { src, target, force }),
            (.., file) => Ok(Self::File(Content::new(target, file.map(|file| file.bytes).unwrap_or_default(), force))),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::File(content) => content.path().to_string(),
            Self::Tree(tree) => tree.path().to_string(),
            Self::Host { target, .. } => target.path.clone(),
        }
    }

    fn probe(&self, probe: &mut Probe) {
        match self {
            Self::File(content) => content.probe(probe),
            Self::Tree(tree) => tree.probe(probe),
            Self::Host { src, target, .. } => {
                target.probe(probe);
                probe.sum(&target.path);
                probe.sum(src);
            }
        }
    }

    fn plan(&self, reply: &Reply) -> Result<Option<Change>, Unreadable> {
        match self {
            Self::File(content) => content.plan(reply),
            Self::Tree(tree) => tree.plan(reply),
            Self::Host { src, target, force } => {
                let now = target.now(reply)?;
                if now.stat.is_some() && !force {
                    return Ok(None);
                }
                let state = reply.path(src)?;
                match state.stat.as_ref().map(|stat| &stat.kind) {
                    Some(FileKind::File) if state.sha256.is_some() => target.write(now, Origin::Host { path: src, state }),
                    Some(FileKind::File) => Err(Unreadable::new(format!("`{src}` cannot be read"))),
                    Some(kind) => Err(Unreadable::new(format!("`{src}` is a {}, `copy` takes a file", kind.name()))),
                    None => Err(Unreadable::new(format!("`{src}` does not exist on the host"))
                        .help("without `remote_src`, `src` is a file of the project")),
                }
            }
        }
    }
}

/// `dest` as the path of the file itself: below it when it ends with `/`.
///
/// # Errors
/// It ends with `/` and there is no name to give.
pub(super) fn inside(dest: &str, src: Option<&str>, written: &Written<'_>) -> Result<String, Diagnostic> {
    match (dest.ends_with('/'), src) {
        (true, Some(src)) => Ok(path::join(dest, path::name(src.trim_end_matches('/')))),
        (true, None) if written.node.get("content").is_some() => {
            Err(written.error("dest", "`dest` is a folder, and `content` has no name").help("write the path of the file"))
        }
        _ => Ok(dest.to_string()),
    }
}
