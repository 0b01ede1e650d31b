//! `hoist releases`: which releases hosts have, and which is live.

use super::deploy::Ground;
use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, signals};
use crate::engine::{Crew, HostFailure, Orders};
use crate::report;

/// Show the releases of the application on the hosts: what is live, what was good, what failed
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    #[command(flatten)]
    output: report::Options,
    /// Also good ones that are gone from the hosts, and what failed before the oldest that is there
    #[arg(long)]
    all: bool,
}

pub fn run(args: &Args) -> Outcome {
    report::begin(&args.output);
    let ground = Ground::load(&args.words, &args.hosts)?;
    let fleet = ground.fleet();
    let (confirm, limits) = super::load::patience(&ground.project.config.settings);
    let orders = Orders { run: &|| "hoist releases".to_string(), lock_wait: 0, confirm, limits, interrupt: signals::interrupt() };
    let connect = |target: &crate::engine::Target<'_>| ground.lines().connect(target);
    let stage = ground.job("stage");
    let mut crew = Crew::open(&fleet, &stage, &connect, &orders, &|_, _| {});
    let (apps, seen) = ground.look(&mut crew)?;
    if !seen.is_empty() {
        let apps = apps.into_iter().map(|(host, app)| (host, app.name)).collect();
        report::releases(&seen, &apps, args.all, &args.output);
    }
    let mut code = ExitCode::Done;
    for report in crew.end() {
        match report.failure {
            None => {}
            Some(HostFailure::Unreachable(failure)) => {
                report::failure(&report.host, &failure);
                code = ExitCode::HostFailed;
            }
            Some(failure) => {
                report::host_failure(&report.host, &failure);
                code = ExitCode::HostFailed;
            }
        }
    }
    Ok(code)
}
