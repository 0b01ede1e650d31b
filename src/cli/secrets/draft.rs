//! What somebody typed and what could not be saved: kept beside the secrets, encrypted for the same people, until the
//! next edit takes it up.

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
    let beside = store.on_disk(NAME);
    // On a full disk there may be room elsewhere.
    let elsewhere = std::env::temp_dir().join(format!("hoist-{}.{NAME}", store.environment));
    let memory = std::path::Path::new("/dev/shm").join(format!("hoist-{}.{NAME}", store.environment));
    for path in [beside, elsewhere, memory] {
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
pub fn kept(store: &Store<'_>, identities: &Identities) -> Option<Result<(Document, std::path::PathBuf), Diagnostics>> {
    let name = format!("hoist-{}.{NAME}", store.environment);
    let places = [store.on_disk(NAME), std::env::temp_dir().join(&name), std::path::Path::new("/dev/shm").join(&name)];
    let path = places.into_iter().find(|path| path.exists())?;
    let what = path.display().to_string();
    let read = || {
        let bytes = std::fs::read(&path).map_err(|error| Diagnostic::error(format!("{what} cannot be read: {error}")))?;
        let plaintext = store::decrypt(&bytes, identities, &what, || store.recipients())?;
        Document::read(plaintext, &what)
    };
    Some(read().map(|document| (document, path.clone())).map_err(Into::into))
}
