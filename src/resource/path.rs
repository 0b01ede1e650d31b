//! Paths on a host, as the user wrote them.

use super::{FileKind, Probe, Reply, Unreadable};
use crate::diagnostic::{Diagnostic, Span};

/// An absolute path without a trailing slash, `.`, `..` or doubled slashes.
///
/// # Errors
/// It is relative, or climbs with `..`.
pub fn absolute(written: &str, span: &Span) -> Result<String, Diagnostic> {
    if !written.starts_with('/') {
        let error = Diagnostic::error(format!("`{written}` is not an absolute path")).at(span);
        return Err(match written.strip_prefix('~') {
            Some(_) => error.help("`~` is not expanded: write the home folder out, such as /home/app"),
            None => error.help("paths on hosts start with `/`"),
        });
    }
    let parts: Vec<&str> = written.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(Diagnostic::error(format!("`{written}` climbs with `..`")).at(span).help("write the path that is meant"));
    }
    Ok(format!("/{}", parts.join("/")))
}

/// The folder that a path is in; `None` for `/`.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/') {
        _ if path == "/" => None,
        Some(0) => Some("/"),
        Some(at) => Some(&path[..at]),
        None => None,
    }
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `path` below `folder`.
pub fn join(folder: &str, path: &str) -> String {
    format!("{}/{path}", folder.trim_end_matches('/'))
}

/// The folders above a path, outermost first, without `/`.
pub fn above(path: &str) -> Vec<&str> {
    let mut all: Vec<&str> = std::iter::successors(parent(path), |path| parent(path)).filter(|path| *path != "/").collect();
    all.reverse();
    all
}

/// Asks what [`folder`] needs to know.
pub fn ask_folder(probe: &mut Probe, path: &str) {
    if let Some(parent) = parent(path).filter(|parent| *parent != "/") {
        probe.stat(parent);
    }
}

/// Checks that the folder which `path` is in is there, so that a preview does not promise what cannot be done.
///
/// # Errors
/// It is missing, or no folder.
pub fn folder(reply: &Reply, path: &str) -> Result<(), Unreadable> {
    let Some(parent) = parent(path).filter(|parent| *parent != "/") else { return Ok(()) };
    match &reply.path(parent)?.stat {
        None => Err(Unreadable::new(format!("the folder `{parent}` does not exist"))
            .help(format!("make it before, with `file: {{ path: {parent}, state: directory }}`"))
            .folder(parent)),
        // Where a link leads is not known; if it is no folder, the change fails and leaves all as it is.
        Some(stat) if matches!(stat.kind, FileKind::Directory | FileKind::Link) => Ok(()),
        Some(stat) => Err(Unreadable::new(format!("`{parent}` is a {}, a directory is expected", stat.kind.name()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_above_a_path_come_outermost_first() {
        assert_eq!(above("/srv/app/shared"), ["/srv", "/srv/app"]);
        assert_eq!(above("/srv"), [""; 0]);
        assert_eq!((parent("/srv"), parent("/")), (Some("/"), None));
    }
}
