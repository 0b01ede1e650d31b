//! What somebody typed and what could not be saved: kept beside the secrets, encrypted for the same people, until the
//! next edit takes it up.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use super::store::{self, Store};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::{Document, Identities, age_file};

const NAME: &str = "secrets.draft.age";

/// Keeps a text that was refused. Says where it is.
pub fn keep(store: &Store<'_>, text: &str) {
    let encrypted = store.recipients().ok().and_then(|recipients| age_file::encrypt(text.as_bytes(), &recipients).ok());
    let Some(encrypted) = encrypted else {
        report::note("what you typed could not be kept, as there is nobody to encrypt it for");
        return;
    };
    for path in places(store) {
        if let Some(folder) = path.parent() {
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        let before = std::fs::read(&path).ok();
        if crate::secret::replace(&path, before.as_deref(), encrypted.as_bytes(), 0o600).is_ok() {
            report::note(&format!(
                "what you typed is kept, encrypted, in {}; the next `hoist secrets edit env={}` begins with it",
                path.display(),
                store.environment
            ));
            return;
        }
    }
    report::note("what you typed could not be kept: there is no room on any disk");
}

/// What was kept, and where from.
pub fn kept(store: &Store<'_>, identities: &Identities) -> Option<Result<(Document, PathBuf), Diagnostics>> {
    let path = places(store).into_iter().find(|path| path.exists())?;
    let what = path.display().to_string();
    let read = || {
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::error(format!("{what} cannot be read: {error}")))?;
        let plaintext = store::decrypt(&bytes, identities, &what, || store.recipients())?;
        Document::read(plaintext, &what)
    };
    Some(read().map(|document| (document, path.clone())).map_err(Into::into))
}

/// Where a draft may be: beside the secrets, and on other disks when there is no room. Never where other users could have
/// prepared something.
fn places(store: &Store<'_>) -> Vec<PathBuf> {
    let beside = store.on_disk(NAME);
    let project = crate::shell::sha256(beside.as_os_str().as_encoded_bytes());
    let name = format!("{}.{}.{NAME}", store.environment, &project[..16]);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::home_dir().map(|home| home.join(".config"));
    std::iter::once(beside).chain(runtime.into_iter().chain(home).map(|folder| folder.join("hoist").join(&name))).collect()
}
