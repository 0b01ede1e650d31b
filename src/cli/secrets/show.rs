//! `hoist secrets show`: the names, and the values when they are asked for.

use super::Where;
use super::store::Store;
use crate::cli::Stop;
use crate::diagnostic::Diagnostic;
use crate::report;
use crate::secret::{MASK, outline};

/// Show the names of the secrets of an environment; their values only with --reveal
///
/// `hoist secrets show env=prod --reveal KEY` prints the value of one, as it is, for other programs.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// `env=NAME`, and the KEY of one secret
    #[arg(value_name = "env=NAME [KEY]")]
    words: Vec<String>,
    /// Show the values
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, keys) = args.place.environment(&args.words)?;
    let store = Store::new(&project.layout, &environment)?;
    let Some(opened) = store.open_own(project.identities()?)? else {
        report::line(&format!("the environment {environment} has no secrets"));
        return Ok(());
    };
    let node = opened.document.parse(&store.what())?;
    if let Some(unknown) = keys.iter().find(|key| node.get(key).is_none()) {
        let known: Vec<&str> = node.entries().iter().map(|entry| entry.key.as_str()).collect();
        return Err(Diagnostic::error(format!("there is no secret `{unknown}` in {environment}")).suggest(unknown, known).into());
    }
    match (&keys[..], args.reveal) {
        ([], false) => report::line(outline(&node, &|_, _| MASK.to_string()).trim_end()),
        ([], true) => report::reveal(opened.document.text().as_bytes()),
        (keys, reveal) => {
            for key in keys {
                match node.get(key) {
                    Some(value) if reveal => match value.as_str() {
                        Some(text) => report::reveal(ended(text).as_bytes()),
                        None => report::reveal(ended(&value.to_json().to_string()).as_bytes()),
                    },
                    _ => report::line(&format!("{key}: {MASK}")),
                }
            }
        }
    }
    if let Some(warning) = store.drift()? {
        report::diagnostics(&warning.into());
    }
    Ok(())
}

fn ended(text: &str) -> String {
    if text.ends_with('\n') { text.to_string() } else { format!("{text}\n") }
}
