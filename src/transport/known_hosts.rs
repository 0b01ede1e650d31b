//! known_hosts files in OpenSSH's format, read to OpenSSH's verdict. libssh2's own reader is not used: it takes
//! revoked keys, stops at a garbage line, and knows no patterns. `record` writes a line.

mod names;
mod record;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PublicKey;

pub use record::record;

/// The lines of several files, in order.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    remarks: Vec<String>,
}

/// What the files say about a host that shows a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the host's.
    Known,
    /// They do not name the host.
    Unknown {
        /// A line that trusts an authority for this host instead, which hoist cannot check.
        authority: Option<Place>,
    },
    /// They name the host with other keys only.
    Changed {
        /// The line to look at: one with the same kind of key, if there is one.
        place: Place,
        /// The key that it has.
        known: PublicKey,
    },
    /// A line says that this key must not be trusted.
    Revoked(Place),
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named when it was read.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

/// A file as it is named from where the user is.
fn shown(file: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    file.strip_prefix(here).unwrap_or(file).display().to_string()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, shown(&self.file))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    names: String,
    key: PublicKey,
    place: Place,
}

/// The files that `ssh` reads for every user and for this one.
pub fn usual_files() -> Vec<PathBuf> {
    let own = std::env::home_dir().into_iter().flat_map(|home| ["known_hosts", "known_hosts2"].map(|name| home.join(".ssh").join(name)));
    own.chain(["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from)).collect()
}

impl KnownHosts {
    /// Reads `files` in order. One that does not exist is empty; one that cannot be read, and lines that are no
    /// host keys, are [remarked](Self::remarks) on and skipped, as `ssh` skips them.
    pub fn read(files: &[PathBuf]) -> Self {
        let mut hosts = Self::default();
        for file in files {
            match fs::read(file) {
                Ok(bytes) => hosts.add(file, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => hosts.remarks.push(format!("`{}` cannot be read: {error}", shown(file))),
            }
        }
        hosts
    }

    fn add(&mut self, file: &Path, bytes: &[u8]) {
        let file: Arc<Path> = Arc::from(file);
        let mut garbage = Vec::new();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { file: file.clone(), line: number + 1 };
            match entry(line, place) {
                Some(entry) => self.entries.push(entry),
                None => garbage.push(number + 1),
            }
        }
        if let Some(first) = garbage.first() {
            let file = shown(&file);
            self.remarks.push(match garbage.len() {
                1 => format!("line {first} of `{file}` was skipped: it is no host key"),
                several => format!("{several} lines of `{file}` were skipped: they are no host keys, the first is line {first}"),
            });
        }
    }

    /// What was skipped while reading, and why.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// What the files say about `key`, shown by `host` on `port`.
    pub fn verdict(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let verdict = self.verdict_under(&names::listed(host, port), key);
        // A line without a port speaks for every port, yet only in favour: so does ssh.
        let bare = names::listed(host, 22);
        if matches!(verdict, Verdict::Unknown { .. }) && self.verdict_under(&bare, key) == Verdict::Known {
            return Verdict::Known;
        }
        verdict
    }

    fn verdict_under(&self, name: &str, key: &PublicKey) -> Verdict {
        let all: Vec<&Entry> = self.entries.iter().filter(|entry| names::matches(&entry.names, name)).collect();
        let marked = |marker| all.iter().filter(move |entry| entry.marker == marker);
        if let Some(entry) = marked(Marker::Revoked).find(|entry| entry.key == *key) {
            return Verdict::Revoked(entry.place.clone());
        }
        if marked(Marker::None).any(|entry| entry.key == *key) {
            return Verdict::Known;
        }
        let same_kind = marked(Marker::None).find(|entry| entry.key.kind() == key.kind());
        if let Some(entry) = same_kind.or_else(|| marked(Marker::None).next()) {
            return Verdict::Changed { place: entry.place.clone(), known: entry.key.clone() };
        }
        Verdict::Unknown { authority: marked(Marker::Authority).next().map(|entry| entry.place.clone()) }
    }

    /// The kinds of keys known for `host` on `port`, in file order: those to ask the host for first, for a host
    /// that shows a key of another kind would seem changed.
    pub fn kinds(&self, host: &str, port: u16) -> Vec<&str> {
        let mut kinds = Vec::new();
        for name in [names::listed(host, port), names::listed(host, 22)] {
            for entry in self.entries.iter().filter(|entry| entry.marker == Marker::None && names::matches(&entry.names, &name)) {
                if !kinds.contains(&entry.key.kind()) {
                    kinds.push(entry.key.kind());
                }
            }
        }
        kinds
    }
}

/// `[@marker] names kind base64 [comment]`, or `None` when the line is something else.
fn entry(line: &str, place: Place) -> Option<Entry> {
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let first = words.next()?;
    let (marker, names) = match first {
        "@cert-authority" => (Marker::Authority, words.next()?),
        "@revoked" => (Marker::Revoked, words.next()?),
        _ if first.starts_with('@') => return None,
        _ => (Marker::None, first),
    };
    let key = PublicKey::of_host(words.next()?, words.next()?)?;
    Some(Entry { marker, names: names.to_owned(), key, place })
}

#[cfg(test)]
mod tests;
