//! Where the programs are found that hoist starts: never in the folder it is started in.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::ExitCode;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;

/// Where programs usually are.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

/// Starts this program anew, without the relative folders (`.`, empty ones) that are in `PATH`: in somebody else's checkout
/// an `ssh` or a `git` would be theirs. A process cannot change its own environment safely, so a new one takes its place.
pub fn leave_this_folder_out_of_path() {
    let Some(safe) = std::env::var_os("PATH").and_then(|path| without_relative(&path)) else { return };
    let Ok(program) = std::env::current_exe() else { return };
    let mut words = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    // It only comes back when it fails, and then there is nothing safe to go on with.
    let error = again.args(words).env("PATH", safe).exec();
    let words = format!("PATH has folders relative to this one, and hoist cannot be started without them: {error}");
    report::diagnostics(&Diagnostics::from(Diagnostic::error(words).help("take `.` and empty entries out of PATH")));
    std::process::exit(ExitCode::BadInput as i32);
}

/// `path` without its relative folders, or the usual one when nothing is left; `None` when it has none.
fn without_relative(path: &OsStr) -> Option<OsString> {
    let (safe, relative): (Vec<PathBuf>, Vec<PathBuf>) = std::env::split_paths(path).partition(|folder| folder.is_absolute());
    match (safe.is_empty(), relative.is_empty()) {
        (_, true) => None,
        (true, _) => Some(USUAL.into()),
        (false, false) => std::env::join_paths(safe).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A07
    #[test]
    fn only_absolute_folders_stay() {
        let clean = |path: &str| without_relative(OsStr::new(path)).map(|path| path.into_string().expect("text"));
        assert_eq!(clean("/usr/bin:/bin"), None);
        assert_eq!(clean(".:/usr/bin::bin:/bin:").as_deref(), Some("/usr/bin:/bin"));
        assert_eq!((clean("."), clean("")), (Some(USUAL.into()), Some(USUAL.into())));
    }
}
