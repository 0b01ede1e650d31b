//! What hosts said of themselves last time, in the user's cache: with it, a run asks all its questions at once. It is
//! never believed: the host says it again each time, and what was asked on a wrong guess is asked anew.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use crate::project::Connection;
use crate::shell::sha256;

/// The facts of the host at this address, as they were.
pub fn recall(host: &str, connection: &Connection) -> Option<Map<String, Json>> {
    let text = std::fs::read(file(host, connection)?).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Keeps them for the next time. A cache that cannot be written is no trouble.
pub fn keep(host: &str, connection: &Connection, facts: &Map<String, Json>) {
    let keep = || {
        let file = file(host, connection)?;
        let folder = file.parent()?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
        let mut new = tempfile::NamedTempFile::new_in(folder).ok()?;
        new.write_all(&serde_json::to_vec(facts).ok()?).ok()?;
        new.as_file().set_permissions(std::fs::Permissions::from_mode(0o600)).ok()?;
        new.persist(file).ok()
    };
    keep();
}

fn file(host: &str, connection: &Connection) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = cache.filter(|path| path.is_absolute()).or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    let place = format!("{host}\n{}\n{:?}", connection.address, connection.port);
    Some(cache.join("hoist").join("facts").join(format!("{}.json", &sha256(place.as_bytes())[..32])))
}
