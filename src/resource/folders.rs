//! Folders that are not there yet, made with their parents.

use super::access::exact;
use super::mode::octal;
use super::{Access, Action, Change, FileKind, PathState, Probe, Reply, Unreadable, path};
use crate::shell::Script;

/// The mode of a new folder for which none is named.
const FRESH: u32 = 0o755;

/// Asks about a folder and all above it.
pub fn probe(probe: &mut Probe, folder: &str) {
    path::above(folder).into_iter().chain([folder]).for_each(|path| probe.stat(path));
}

/// Those of `folder` and all above it that are not there, outermost first.
///
/// # Errors
/// One of them is no folder.
pub fn missing(reply: &Reply, folder: &str) -> Result<Vec<String>, Unreadable> {
    let mut missing = Vec::new();
    for path in path::above(folder).into_iter().chain([folder]) {
        match &reply.path(path)?.stat {
            None => missing.push(path.to_string()),
            // A link above may lead to a folder, which the host knows.
            Some(stat) if stat.kind == FileKind::Directory || stat.kind == FileKind::Link && path != folder => {}
            Some(stat) => return Err(Unreadable::new(format!("`{path}` is a {}, a directory is expected", stat.kind.name()))),
        }
    }
    Ok(missing)
}

/// The change that makes these folders, each below one that is there or comes before it. All get the same access.
pub fn create(paths: &[String], access: &Access, creator: Option<&str>) -> Change {
    let words = || paths.iter().map(String::as_str);
    let mut script = Script::new();
    // What is below a missing folder is missing too.
    for path in paths.iter().filter(|path| !paths.iter().any(|other| path::parent(path) == Some(other))) {
        script.line("hoist_was {} absent", &[path]);
    }
    // Nobody may look in before owner and mode are right.
    let first = if access.is_empty() { octal(FRESH) } else { octal(0o700) };
    script.words("mkdir -m", [first.as_str(), "--"].into_iter().chain(words()));
    if let Some(ownership) = access.ownership() {
        script.words("chown -h --", [ownership.as_str()].into_iter().chain(words()));
    }
    let stat = access.created(FileKind::Directory, FRESH, creator);
    if !access.is_empty() {
        script.words("chmod", [exact(stat.mode, true).as_str(), "--"].into_iter().chain(words()));
    }
    let mut change = Change::new(Action::Create, script).attribute("state", "", "directory");
    if let [above @ .., _] = paths
        && !above.is_empty()
    {
        change = change.note(format!("with the folders above it: {}", above.join(", ")));
    }
    change.diff.extend(access.fresh(FRESH, true));
    for path in paths {
        change = change.leaves(path, PathState { stat: Some(stat.clone()), ..PathState::default() });
    }
    change
}
