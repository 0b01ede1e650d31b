//! A private room in memory for text that must not reach a disk: a folder of mode 0700 on a tmpfs, which goes when it is
//! done with, or with the next `hoist secrets` when this process is killed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::report;

const PREFIX: &str = "hoist-edit.";
/// Held while the room is in use; a room whose lock is free belongs to nobody.
const LOCK: &str = ".lock";

/// The room. It is emptied and goes when this is dropped.
pub struct Room {
    folder: PathBuf,
    _lock: File,
}

impl Room {
    /// Makes one.
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new() -> std::io::Result<Self> {
        let parent = parents().into_iter().find(|parent| in_memory(parent)).unwrap_or_else(|| {
            report::note("there is no file system in memory here: the text is for a while on the disk, in a folder that only you can read");
            std::env::temp_dir()
        });
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        let folder = parent.join(format!("{PREFIX}{:016x}", u64::from_ne_bytes(bytes)));
        // Fails when something is there: nobody can have prepared it.
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Puts a file into it, for its owner alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&self, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        Ok(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Takes rooms away that a killed process left behind.
pub fn sweep() {
    let own = rustix::process::geteuid().as_raw();
    for parent in parents().into_iter().chain([std::env::temp_dir()]) {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let path = entry.path();
            let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
                && path.symlink_metadata().is_ok_and(|about| about.is_dir() && about.uid() == own);
            // A room that is being made has no lock yet, but then it is empty.
            if ours && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }
}

fn parents() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

fn in_memory(folder: &Path) -> bool {
    const TMPFS: u32 = 0x0102_1994;
    rustix::fs::statfs(folder).is_ok_and(|about| about.f_type as u32 == TMPFS)
        && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}
