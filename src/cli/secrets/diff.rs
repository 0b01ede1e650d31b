//! `hoist secrets diff`: what was changed, by name.

use std::process::Command;

use super::store::{self, Store};
use super::{Where, no_more};
use crate::cli::Stop;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::Document;
use crate::yaml::Node;

/// Show which secrets were added, changed and taken away since a commit, or differ from another environment
///
/// Names only, no values.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// `env=NAME`
    #[arg(value_name = "env=NAME")]
    words: Vec<String>,
    /// Compare with this commit
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    since: String,
    /// Compare with the names in another environment instead
    #[arg(long, value_name = "NAME", conflicts_with = "since")]
    with: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, others) = args.place.environment(&args.words)?;
    no_more(&others)?;
    let store = Store::new(&project.layout, &environment)?;
    let identities = project.identities()?;
    let new = entries(store.open(identities)?.map(|opened| opened.document), &store.what())?;
    if let Some(other) = &args.with {
        let other_store = Store::new(&project.layout, other)?;
        let old = entries(other_store.open(identities)?.map(|opened| opened.document), &other_store.what())?;
        let missing = |from: &Found, to: &Found| {
            from.iter().filter(|(key, _)| to.iter().all(|(known, _)| known != key)).map(|(key, _)| key.clone()).collect::<Vec<_>>()
        };
        missing(&new, &old).iter().for_each(|key| report::line(&format!("only in {environment}: {key}")));
        missing(&old, &new).iter().for_each(|key| report::line(&format!("only in {other}: {key}")));
        for (key, value) in &new {
            if old.iter().any(|(known, old)| known == key && old.to_json() == value.to_json()) {
                report::line(&format!("the same in both: {key}"));
            }
        }
        return Ok(());
    }
    let what = format!("{} of {}", store.what(), args.since);
    let document = match committed(&store, &args.since)? {
        None => None,
        Some(bytes) => Some(Document::read(store::decrypt(&bytes, identities, &what, || store.recipients())?, &what)?),
    };
    let old = entries(document, &what)?;
    let mut lines = Vec::new();
    for (key, value) in &new {
        match old.iter().find(|(known, _)| known == key) {
            None => lines.push(format!("+ {key}")),
            Some((_, before)) if before.to_json() != value.to_json() => lines.push(format!("~ {key}")),
            _ => {}
        }
    }
    lines.extend(old.iter().filter(|(key, _)| new.iter().all(|(known, _)| known != key)).map(|(key, _)| format!("- {key}")));
    if lines.is_empty() {
        lines.push(format!("the same as in {}", args.since));
    }
    report::line(&lines.join("\n"));
    Ok(())
}

type Found = Vec<(String, Node)>;

fn entries(document: Option<Document>, what: &str) -> Result<Found, Diagnostics> {
    let Some(document) = document else { return Ok(Vec::new()) };
    Ok(document.parse(what)?.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect())
}

/// The file as it was committed; `None` when that commit does not have it.
fn committed(store: &Store<'_>, commit: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
    let git = |args: &[&str]| {
        Command::new("git")
            .current_dir(store.root(std::path::Path::new("")))
            .args(args)
            .output()
            .map_err(|error| Diagnostic::error(format!("git cannot be started: {error}")))
    };
    let known = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{commit}^{{commit}}")])?;
    if !known.status.success() {
        return Err(Diagnostic::error(format!("there is no commit `{}` here", commit.escape_debug())));
    }
    let hash = String::from_utf8_lossy(&known.stdout).trim().to_string();
    let shown = git(&["cat-file", "blob", &format!("{hash}:./{}", store.what())])?;
    Ok(shown.status.success().then_some(shown.stdout))
}
