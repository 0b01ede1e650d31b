//! `hoist check`: everything of every environment, offline.

use super::load::{Project, Site};
use super::selection::Words;
use super::{ExitCode, Outcome, Stop};
use crate::diagnostic::Diagnostics;
use crate::{engine, report};

/// Load and render everything of every environment, offline: all mistakes at once
///
/// Facts of hosts are not known without them: templates see those of an imaginary Debian.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
}

pub fn run(args: &Args) -> Outcome {
    let (name, definitions) = args.words.optional()?;
    let mut problems = Diagnostics::new();
    let project = Project::load(&mut problems)?;
    let environments = match name {
        Some(name) => vec![name],
        None => project.layout.environments()?,
    };
    let mut lines = Vec::new();
    for name in &environments {
        let Some(site) = Site::load(&project, name, None, definitions.clone(), &mut problems) else { continue };
        let job = site.job(&project, "provision", &[]);
        let mut steps = 0;
        for host in &site.hosts {
            steps += problems.take(engine::check(&job, &site.target(host))).unwrap_or_default();
        }
        super::usage::check(&project, &site, &mut problems);
        lines.push(format!("{name}: {}, {}", report::count(site.hosts.len(), "host"), report::count(steps, "step")));
    }
    if problems.has_errors() {
        return Err(Stop::BadInput(problems));
    }
    report::diagnostics(&problems);
    for line in lines {
        report::line(&line);
    }
    Ok(ExitCode::Done)
}
