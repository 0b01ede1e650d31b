//! `hoist secrets rekey`: every encrypted file of an environment anew, for those in recipients.txt.
//!
//! Each file is replaced whole, and is readable before and after; a rekey that is killed in between is finished by the
//! next one.

use std::path::{Path, PathBuf};

use super::store::{self, Store};
use super::{Where, no_more};
use crate::cli::Stop;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::report;
use crate::secret::{self, Identities, Recipient, Secret, age_file};

/// Encrypt every encrypted file of an environment anew, for those in its recipients.txt
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// `env=NAME`
    #[arg(value_name = "env=NAME")]
    words: Vec<String>,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, others) = args.place.environment(&args.words)?;
    no_more(&others)?;
    let store = Store::new(&project.layout, &environment)?;
    let files = opened(&store, project.identities()?)?;
    if files.is_empty() {
        report::line(&format!("the environment {environment} has no encrypted files"));
    }
    Ok(encrypt(&files, &store.recipients()?)?)
}

/// An encrypted file of an environment, opened.
struct File {
    what: String,
    path: PathBuf,
    bytes: Vec<u8>,
    plaintext: Secret<Vec<u8>>,
}

/// Replaces recipients.txt and encrypts every file for those in the new one. All files are opened first, so that nothing
/// is changed when one of them cannot be.
pub fn change(store: &Store<'_>, identities: &Identities, before: Option<&[u8]>, text: &str, what: &str) -> Result<(), Diagnostics> {
    let recipients = secret::recipients(&Source::new(what, text))?;
    let files = opened(store, identities)?;
    store::write(&store.on_disk("recipients.txt"), what, before, text.as_bytes())?;
    report::line(&format!("wrote {what}"));
    encrypt(&files, &recipients)
}

fn opened(store: &Store<'_>, identities: &Identities) -> Result<Vec<File>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut files = Vec::new();
    let own = ["secrets.age", "secrets.draft.age"].map(|name| store.file(name)).into_iter().filter(|path| store.root(path).exists());
    for relative in own.chain(assets(store)) {
        let (what, path) = (relative.display().to_string(), store.root(&relative));
        let read = std::fs::read(&path).map_err(|error| Diagnostic::error(format!("{what} cannot be read: {error}")));
        let Some(bytes) = problems.take(read) else { continue };
        let plaintext = problems.take(store::decrypt(&bytes, identities, &what, || store.recipients()));
        files.extend(plaintext.map(|plaintext| File { what, path, bytes, plaintext }));
    }
    problems.or(files)
}

fn encrypt(files: &[File], recipients: &[Recipient]) -> Result<(), Diagnostics> {
    for file in files {
        let text = age_file::encrypt(file.plaintext.expose(), recipients).map_err(Diagnostic::error)?;
        store::write(&file.path, &file.what, Some(&file.bytes), text.as_bytes())?;
        report::line(&format!("encrypted {} for {}", file.what, report::count(recipients.len(), "recipient")));
    }
    Ok(())
}

/// The encrypted assets of an environment, relative to the project, sorted.
pub fn assets(store: &Store<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![store.file("assets")];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(store.root(&folder)).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(path),
                _ if path.extension().is_some_and(|ending| ending == "age") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The environment whose recipients a file is for: the one whose folder it is in.
pub fn environment_of(root: &Path, file: &Path) -> Option<String> {
    let full = std::path::absolute(file).ok()?;
    let folder = full.parent()?.canonicalize().ok()?;
    let inside = folder.strip_prefix(root.join("environments")).ok()?;
    inside.components().next().map(|name| name.as_os_str().to_string_lossy().into_owned())
}
