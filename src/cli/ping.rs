//! `hoist ping`: connect, sudo, facts; one line a host.

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, load};
use crate::{engine, report};

/// Connect to every host, become root, read its facts: one line a host; on failure the cause and the remedy
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
}

pub fn run(args: &Args) -> Outcome {
    let (project, site) = load::site(&args.words, &args.hosts)?;
    let lines = site.lines(&project, args.hosts.accept_new);
    let job = site.job(&project, "provision", &[]);
    let fleet = engine::Fleet {
        targets: site.hosts.iter().map(|host| site.target(host)).collect(),
        forks: args.hosts.forks.unwrap_or(project.config.settings.forks).into(),
    };
    let answers = fleet.ping(&job, &|target| lines.connect(target));
    report::ping(&answers);
    let failed = answers.iter().any(|answer| answer.outcome.is_err());
    Ok(if failed { ExitCode::HostFailed } else { ExitCode::Done })
}
