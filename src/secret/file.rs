//! Replacing a file of the checkout: whole or not at all, and only what was read before.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Why a file was not replaced. It is as it was.
#[derive(Debug)]
pub enum Unsaved {
    /// Somebody else changed it in the meantime.
    Moved,
    /// The system said no.
    Failed(std::io::Error),
}

impl From<std::io::Error> for Unsaved {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Puts `content` into `path`, where `before` was read (`None`: nothing was there). A new file gets `mode`; another one
/// keeps its own.
///
/// # Errors
/// Something else is there by now, or it cannot be written.
pub fn replace(path: &Path, before: Option<&[u8]>, content: &[u8], mode: u32) -> Result<(), Unsaved> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Two that write at once wait here; the second one sees what the first one wrote. The lock goes with the handle.
    let lock = File::open(folder)?;
    lock.lock()?;
    let now = match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if now.as_deref() != before {
        return Err(Unsaved::Moved);
    }
    // The file itself, not a link that leads to it.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let permissions = target.metadata().map_or_else(|_| PermissionsExt::from_mode(mode), |about| about.permissions());
    let beside = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(folder);
    let mut file = tempfile::Builder::new().prefix(".hoist-").tempfile_in(beside)?;
    file.write_all(content)?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    File::open(beside)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_in_the_meantime_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        replace(&path, None, b"one", 0o644).expect("nothing was there");
        assert!(matches!(replace(&path, None, b"two", 0o644), Err(Unsaved::Moved)));
        assert!(matches!(replace(&path, Some(b"zero"), b"two", 0o644), Err(Unsaved::Moved)));
        replace(&path, Some(b"one"), b"two", 0o600).expect("it is as it was");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o644, "it keeps its mode");
        assert_eq!(std::fs::read_dir(&folder).expect("there").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn of_many_that_write_at_once_one_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        replace(&path, None, b"start", 0o644).expect("nothing was there");
        let won = std::thread::scope(|scope| {
            let write = |n: u8| replace(&path, Some(b"start"), &[n], 0o644).is_ok();
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || write(n))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}
