//! `hoist secrets set` and `unset`: one secret.

use std::io::{IsTerminal as _, Read as _};

use super::store::{Opened, Store};
use super::{Where, no_more};
use crate::cli::load::Project;
use crate::cli::{Stop, ask};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::project::names;
use crate::report;
use crate::secret::{Document, Secret};

/// Set one secret; its value comes from standard input, or is asked for
///
/// `hoist secrets set tls_key env=prod < key.pem`. The value never stands on the command line, where others could see it.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Its name
    key: String,
    /// `env=NAME`
    #[arg(value_name = "env=NAME")]
    words: Vec<String>,
    #[command(flatten)]
    place: Where,
}

/// Take one secret away
#[derive(clap::Args)]
#[group(skip)]
pub struct Unset {
    /// Its name
    key: String,
    /// `env=NAME`
    #[arg(value_name = "env=NAME")]
    words: Vec<String>,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    if let Some((name, _)) = args.key.split_once('=') {
        return Err(Diagnostic::error("a secret on the command line can be seen by others and stays in the history of your shell")
            .help(format!("type it when it is asked for: `hoist secrets set {name} env=NAME`"))
            .into());
    }
    let (project, environment, others) = args.place.environment(&args.words)?;
    no_more(&others)?;
    name(&args.key)?;
    let store = Store::new(&project.layout, &environment)?;
    let (before, document) = open(&project, &store)?;
    let value = value(&args.key)?;
    let new = document.with(&args.key, value.expose(), &store.what())?;
    put(&store, before.as_deref(), &document, &new, &format!("set {}", args.key))
}

pub fn unset(args: &Unset) -> Result<(), Stop> {
    let (project, environment, others) = args.place.environment(&args.words)?;
    no_more(&others)?;
    let store = Store::new(&project.layout, &environment)?;
    let (before, document) = open(&project, &store)?;
    let keys = document.keys(&store.what())?;
    if !keys.contains(&args.key) {
        let known = keys.iter().map(String::as_str);
        return Err(Diagnostic::error(format!("there is no secret `{}` in {environment}", args.key)).suggest(&args.key, known).into());
    }
    let new = document.with_lines(&args.key, "", &store.what())?;
    put(&store, before.as_deref(), &document, &new, &format!("took {} away", args.key))
}

/// The secrets of an environment to be changed, and what is on disk; new ones when there are none.
pub fn open(project: &Project, store: &Store<'_>) -> Result<(Option<Vec<u8>>, Document), Diagnostics> {
    super::recipients::ensure(store, project.identities()?)?;
    Ok(match store.open_own(project.identities()?)? {
        Some(Opened { bytes, document }) => (Some(bytes), document),
        None => (None, Document::new(&store.environment)),
    })
}

/// Saves what was changed, and says so.
pub fn put(store: &Store<'_>, before: Option<&[u8]>, old: &Document, new: &Document, done: &str) -> Result<(), Stop> {
    if old.text() == new.text() && before.is_some() {
        report::line("nothing was changed");
        return Ok(());
    }
    store.save(before, new)?;
    report::line(&format!("{done} in {}", store.what()));
    Ok(())
}

/// Checks the name of a secret, which is a variable.
///
/// # Errors
/// It cannot be one.
pub fn name(key: &str) -> Result<(), Diagnostics> {
    let source = Source::new(crate::project::variables::COMMAND_LINE, key);
    names::variable(key, &Span::new(&source, 0, key.len())).map_err(Into::into)
}

/// Reads a value: all of standard input, without the line end of a single line; or typed twice.
fn value(key: &str) -> Result<Secret<String>, Diagnostic> {
    if std::io::stdin().is_terminal() {
        let first = ask::secret(&format!("Value of {key}: ")).ok_or_else(|| Diagnostic::error("no value was given"))?;
        let second = ask::secret("The same again: ").ok_or_else(|| Diagnostic::error("no value was given"))?;
        return if first.expose() == second.expose() {
            Ok(first)
        } else {
            Err(Diagnostic::error("the two are not the same, and nothing was set"))
        };
    }
    let mut bytes = Vec::with_capacity(64 << 10);
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Diagnostic::error(format!("standard input cannot be read: {error}")))?;
    let text = Secret::new(bytes).into_text().ok_or_else(|| {
        Diagnostic::error("standard input is no text (UTF-8)").help("a binary file is an asset: `hoist secrets encrypt FILE`")
    })?;
    let line = text.expose().strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    match line {
        Some(line) if !line.contains('\n') => Ok(Secret::new(line.to_string())),
        None if text.expose().is_empty() => Err(Diagnostic::error("standard input is empty, and nothing was set")
            .help("for an empty text, send one empty line: `echo | hoist secrets set ...`")),
        _ => Ok(text),
    }
}
