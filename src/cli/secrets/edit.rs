//! `hoist secrets edit`: the secrets in an editor.

use std::path::PathBuf;
use std::process::Command;

use super::room::Room;
use super::store::Store;
use super::{Where, draft, file, no_more};
use crate::cli::{Stop, ask};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::{Document, Secret};

/// Edit the secrets of an environment, or one encrypted file, in your editor ($VISUAL, $EDITOR)
///
/// The text is in a private folder in memory while you edit it. A mistake in it opens the editor again; what could not be
/// saved is kept, encrypted. When nothing was changed, the file stays as it is, byte by byte.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// `env=NAME`, or an encrypted FILE
    #[arg(value_name = "env=NAME|FILE", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, others) = args.place.project(&args.words)?;
    let Some(environment) = environment else {
        let [one] = &others[..] else { return Err(Diagnostic::error("which environment?").help("name it: `env=NAME`").into()) };
        return file::edit(&project, &PathBuf::from(one));
    };
    no_more(&others)?;
    let store = Store::new(&project.layout, &environment)?;
    super::recipients::ensure(&store, project.identities()?)?;
    // Before anything is typed that could not be saved.
    store.recipients()?;
    let identities = project.identities()?;
    let opened = store.open(identities)?;
    let (before, document) = match opened {
        Some(opened) => (Some(opened.bytes), opened.document),
        None => (None, Document::new(&environment)),
    };
    let (start, draft) = match draft::kept(&store, identities).transpose()? {
        Some((kept, path)) => {
            report::note(&format!("beginning with what was kept in {}", path.display()));
            (kept, Some(path))
        }
        None => (Document::of(document.text().to_string()), None),
    };
    let check = |text: &str| Document::of(text.to_string()).parse(&store.what()).map(|_| ());
    match session(&format!("secrets-{environment}.yml"), start.text(), &check) {
        Ok(text) if text.expose() == document.text() && before.is_some() => report::line("nothing was changed"),
        Ok(text) => {
            if let Err(problems) = store.save(before.as_deref(), &Document::of(text.expose().clone())) {
                draft::keep(&store, text.expose());
                return Err(problems.into());
            }
            report::line(&format!("wrote {}", store.what()));
        }
        Err(Given { problems, text }) => {
            if let Some(text) = text.filter(|text| text.expose() != document.text()) {
                draft::keep(&store, text.expose());
            }
            return Err(problems.into());
        }
    }
    if let Some(path) = draft {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// An edit that was given up, and what the editor left.
pub struct Given {
    /// Why.
    pub problems: Diagnostics,
    /// The last text, when there is one.
    pub text: Option<Secret<String>>,
}

impl From<Diagnostic> for Given {
    fn from(problem: Diagnostic) -> Self {
        Self { problems: problem.into(), text: None }
    }
}

/// Opens the editor on `text` until `check` is content with it, or the person gives up.
pub fn session(name: &str, text: &str, check: &dyn Fn(&str) -> Result<(), Diagnostics>) -> Result<Secret<String>, Given> {
    let failed = |error: std::io::Error| Diagnostic::error(format!("the text cannot be laid out for the editor: {error}"));
    let room = Room::new().map_err(failed)?;
    let path = room.file(name, text.as_bytes()).map_err(failed)?;
    let mut last = Secret::new(text.to_string());
    loop {
        let ended = open(&path);
        let read = std::fs::read(&path).map(Secret::new);
        let text = match read.map(Secret::into_text) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(Diagnostic::error("the editor left something that is no text (UTF-8)").into()),
            Err(error) => return Err(Diagnostic::error(format!("the editor left no text: {error}")).into()),
        };
        if let Err(problem) = ended {
            return Err(Given { problems: problem.into(), text: Some(text) });
        }
        let Err(problems) = check(text.expose()) else { return Ok(text) };
        report::diagnostics(&problems);
        // An editor that changes nothing would be opened for ever.
        let again = if ask::possible() {
            ask::line("Press Enter to edit it again, or type q to give up:").as_deref() != Some("q")
        } else {
            last.expose() != text.expose()
        };
        if !again {
            let gave_up = Diagnostic::error("the edit was given up, and nothing was saved");
            return Err(Given { problems: gave_up.into(), text: Some(text) });
        }
        last = text;
    }
}

/// Runs the user's editor on a file, as git does: the variable may hold options.
fn open(path: &std::path::Path) -> Result<(), Diagnostic> {
    let editor = ["VISUAL", "EDITOR"].iter().filter_map(|name| std::env::var(name).ok()).find(|editor| !editor.trim().is_empty());
    let editor = editor.unwrap_or_else(|| "vi".to_string());
    let words = shlex::split(&editor).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Diagnostic::error(format!("$EDITOR cannot be read: {editor}")).help("a quote is not closed"))?;
    let status = Command::new(&words[0]).args(&words[1..]).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Diagnostic::error(format!("the editor `{editor}` failed ({status}), and nothing was saved"))),
        Err(error) => Err(Diagnostic::error(format!("the editor `{editor}` cannot be started: {error}"))
            .help("name one: EDITOR=nano hoist secrets edit ...")),
    }
}
