//! `hoist check`: everything of every environment, offline.

use super::load::{Project, Site};
use super::secrets::store::{self, Store};
use super::selection::Words;
use super::{ExitCode, Outcome, Stop};
use crate::diagnostic::{Diagnostic, Diagnostics};
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
    let project = Project::load(&mut problems)?.with_identity(&args.words.identity);
    let environments = match name {
        Some(name) => vec![name],
        None => project.layout.environments()?,
    };
    let mut lines = Vec::new();
    for name in &environments {
        if let Some(sealed) = sealed(&project, name)? {
            problems.push(sealed);
            continue;
        }
        if let Ok(store) = Store::new(&project.layout, name) {
            problems.take(store.drift()).flatten().into_iter().for_each(|warning| problems.push(warning));
        }
        let Some(site) = Site::load(&project, name, None, definitions.clone(), &mut problems) else { continue };
        let job = site.job(&project, "provision", &[]);
        let mut steps = 0;
        for host in &site.hosts {
            steps += problems.take(engine::check(&job, &site.target(host))).unwrap_or_default();
        }
        super::deploy::applications(&project, &site, &mut problems);
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

/// Why an environment cannot be checked by this user: its secrets are for others, and which names they set is not known
/// without them.
fn sealed(project: &Project, name: &str) -> Result<Option<Diagnostic>, Diagnostics> {
    let Ok(store) = Store::new(&project.layout, name) else { return Ok(None) };
    let Some(bytes) = store.bytes()? else { return Ok(None) };
    let identities = project.identities()?;
    let Err(problem) = store::decrypt(&bytes, identities, &store.what(), || store.recipients()) else { return Ok(None) };
    if !store::is_for_others(&bytes, identities) {
        return Ok(None);
    }
    let summary = format!("`{name}` was not checked: {}", problem.summary);
    Ok(Some(problem.help.iter().fold(Diagnostic::warning(summary), |warning, help| warning.help(help.clone()))))
}
