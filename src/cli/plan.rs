//! `hoist plan`: what provision would do.

use super::provision::{Work, previews};
use super::selection::{Hosts, Tags, Words};
use super::{ExitCode, Outcome};
use crate::report;

/// Show what `provision` would change, with diffs. Writes nothing on any host
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    #[command(flatten)]
    tags: Tags,
    #[command(flatten)]
    output: report::Options,
    /// End with code 2 when there is something to change
    #[arg(long)]
    exit_code: bool,
    /// The verb of the roles to plan
    #[arg(long, default_value = "provision")]
    verb: String,
}

pub fn run(args: &Args) -> Outcome {
    report::begin(&args.output);
    let work = Work::load(&args.words, &args.hosts, &args.tags, &args.verb)?;
    let previewed = previews(&work, &args.output);
    report::plan(&previewed, &args.output);
    let failed = previewed.iter().any(|host| host.outcome.as_ref().map_or(true, |preview| !preview.failures().is_empty()));
    let changes = previewed.iter().any(|host| host.outcome.as_ref().is_ok_and(crate::engine::Preview::has_changes));
    Ok(match (failed, changes && args.exit_code) {
        (true, _) => ExitCode::HostFailed,
        (_, true) => ExitCode::Changes,
        _ => ExitCode::Done,
    })
}
