//! `hoist secrets encrypt`, `decrypt` and `edit FILE`: any file, for the recipients of the environment it is in.

use std::path::{Path, PathBuf};

use super::store::{self, Store};
use super::{Where, edit, rekey};
use crate::cli::Stop;
use crate::cli::load::Project;
use crate::diagnostic::Diagnostic;
use crate::report;
use crate::secret::{Recipient, age_file};

/// Encrypt a file for everyone who can read the secrets of its environment: FILE becomes FILE.age
///
/// A task that uses the asset FILE finds FILE.age and decrypts it.
#[derive(clap::Args)]
#[group(skip)]
pub struct Encrypt {
    /// The file, and `env=NAME` when it is not below environments/NAME
    #[arg(value_name = "FILE [env=NAME]", required = true)]
    words: Vec<String>,
    /// Where to, instead of FILE.age
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave the plain file where it is
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    place: Where,
}

/// Decrypt a file, to standard output or into another file
#[derive(clap::Args)]
#[group(skip)]
pub struct Decrypt {
    /// The file
    #[arg(value_name = "FILE", required = true)]
    words: Vec<String>,
    /// Into this file, which only you can read
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

fn one(words: &[String]) -> Result<PathBuf, Diagnostic> {
    match words {
        [one] => Ok(PathBuf::from(one)),
        _ => Err(Diagnostic::error("one file is expected")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(path).map_err(|error| Diagnostic::error(format!("{} cannot be read: {error}", path.display())))
}

fn read_encrypted(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let bytes = read(path)?;
    if age_file::looks_encrypted(&bytes) {
        return Ok(bytes);
    }
    let what = path.display();
    Err(Diagnostic::error(format!("{what} is not encrypted")).help(format!("it should be? `hoist secrets encrypt {what}`")))
}

fn store_of<'a>(project: &'a Project, named: Option<String>, file: &Path) -> Result<Store<'a>, Diagnostic> {
    let name = named.or_else(|| rekey::environment_of(project.layout.root(), file)).ok_or_else(|| {
        Diagnostic::error(format!("{} is not below environments/, so for whom?", file.display())).help("name the environment: `env=NAME`")
    })?;
    Store::new(&project.layout, &name)
}

pub fn encrypt(args: &Encrypt) -> Result<(), Stop> {
    let (project, named, words) = args.place.project(&args.words)?;
    let file = one(&words)?;
    let plaintext = crate::secret::Secret::new(read(&file)?);
    if age_file::looks_encrypted(plaintext.expose()) {
        return Err(Diagnostic::error(format!("{} is encrypted already", file.display())).into());
    }
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.age", file.display())));
    let store = store_of(&project, named, &output)?;
    super::recipients::ensure(&store, project.identities()?)?;
    let recipients = store.recipients()?;
    let before = std::fs::read(&output).ok();
    if before.is_some() {
        return Err(Diagnostic::error(format!("{} is there already", output.display()))
            .help(format!("change it: `hoist secrets edit {}`", output.display()))
            .into());
    }
    let text = age_file::encrypt(plaintext.expose(), &recipients).map_err(Diagnostic::error)?;
    store::write(&output, &output.display().to_string(), None, text.as_bytes())?;
    report::line(&format!("encrypted {} for {}", output.display(), report::count(recipients.len(), "recipient")));
    if !args.keep {
        std::fs::remove_file(&file).map_err(|error| Diagnostic::error(format!("{} cannot be removed: {error}", file.display())))?;
        report::line(&format!("removed {}; if it was ever committed, it is still in the history", file.display()));
    }
    Ok(())
}

pub fn decrypt(args: &Decrypt) -> Result<(), Stop> {
    let (project, named, words) = args.place.project(&args.words)?;
    let file = one(&words)?;
    let bytes = read_encrypted(&file)?;
    let plaintext = store::decrypt(&bytes, project.identities()?, &file.display().to_string(), || recipients(&project, named, &file))?;
    match &args.output {
        None => report::reveal(plaintext.expose()),
        Some(output) => {
            let what = output.display().to_string();
            if output.exists() {
                return Err(Diagnostic::error(format!("{what} is there already")).into());
            }
            match crate::secret::replace(output, None, plaintext.expose(), 0o600) {
                Ok(()) => report::line(&format!("wrote {what}, readable by you alone; do not commit it")),
                Err(_) => return Err(Diagnostic::error(format!("{what} cannot be written")).into()),
            }
        }
    }
    Ok(())
}

/// `hoist secrets edit FILE`.
pub fn edit(project: &Project, file: &Path) -> Result<(), Stop> {
    let what = file.display().to_string();
    let store = store_of(project, None, file)?;
    let bytes = read_encrypted(file)?;
    let plaintext = store::decrypt(&bytes, project.identities()?, &what, || store.recipients())?;
    let text = plaintext.into_text().ok_or_else(|| {
        Diagnostic::error(format!("{what} holds no text, so no editor can open it")).help("`hoist secrets decrypt FILE --output OTHER`")
    })?;
    let name = file.file_stem().map_or_else(|| "file".to_string(), |name| name.to_string_lossy().into_owned());
    let new = edit::session(&name, text.expose(), &|_| Ok(())).map_err(|given| given.problems)?;
    if new.expose() == text.expose() {
        report::line("nothing was changed");
        return Ok(());
    }
    let encrypted = age_file::encrypt(new.expose().as_bytes(), &store.recipients()?).map_err(Diagnostic::error)?;
    store::write(file, &what, Some(&bytes), encrypted.as_bytes())?;
    report::line(&format!("wrote {what}"));
    Ok(())
}

fn recipients(project: &Project, named: Option<String>, file: &Path) -> Result<Vec<Recipient>, crate::diagnostic::Diagnostics> {
    store_of(project, named, file)?.recipients()
}
