//! The only room that prints. Results go to stdout, everything else to stderr.
//!
//! Whoever renders returns text with colours in it, and has escaped what may come from a host ([`terminal`]); the
//! streams take the colours out where they do not belong. `json` is the same for programs. The functions here put the
//! two together: data in, print.

mod certificates;
mod deploy;
mod diagnostic;
mod diff;
mod failure;
mod json;
mod ping;
mod plan;
mod progress;
#[cfg(test)]
mod sample;
mod streams;
mod style;
mod summary;
mod table;
mod terminal;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

pub use diff::Depth;
pub use progress::Progress;
pub use streams::{begin, catch_panics, failed, settle_colours};
pub use summary::{Again, exit_code};
pub use table::{Cell, Table};
pub use terminal::escape;
pub use words::count;

use crate::deploy::app::App;
use crate::deploy::choose::Seen;
use crate::deploy::plan::Plan;
use crate::deploy::run::Outcome;
use crate::diagnostic::Diagnostics;
use crate::engine::certificates::Certificate;
use crate::engine::{HostFailure, HostReport, PlayPreview, Pong, Previewed};
use crate::shell::sha256;
use crate::transport::Failure;

/// What is printed.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
#[group(skip)]
pub struct Options {
    /// Print events for programs, one JSON object a line
    #[arg(long)]
    pub json: bool,

    /// How much of each diff to show
    #[arg(long, value_name = "DEPTH", value_enum, default_value_t)]
    pub diff: Depth,
}

/// Prints a result, escaped; line ends in it stay.
pub fn line(text: &str) {
    streams::stdout(&lines(text));
}

/// Prints a secret that was asked for, as it is: no mask, no escapes.
pub fn reveal(secret: &[u8]) {
    streams::reveal(secret);
}

/// Leaves the terminal as it was, for a process that ends at once.
pub fn leave() {
    progress::restore();
}

/// Prints something that is no result, escaped; line ends in it stay. Bars are out of its way.
pub fn note(text: &str) {
    progress::aside(|| streams::stderr(&lines(text)));
}

fn lines(text: &str) -> String {
    text.split('\n').map(|line| terminal::escape_line(line) + "\n").collect()
}

/// Prints rows under a head, as a result.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new(head.iter().map(Cell::new));
    rows.into_iter().for_each(|row| table.row(row.into_iter().map(Cell::new)));
    streams::stdout(&table.text(streams::columns()));
}

/// Prints errors and warnings.
pub fn diagnostics(diagnostics: &Diagnostics) {
    let diagnostics = &diagnostics.settled();
    if streams::is_json() {
        diagnostics.iter().for_each(|diagnostic| streams::stdout(&json::line("diagnostic", json::diagnostic(diagnostic))));
    } else {
        streams::stderr(&diagnostic::text(diagnostics, streams::size().0));
    }
}

/// Prints why a host was not reached.
pub fn failure(host: &str, failure: &Failure) {
    streams::stderr(&failure::of_host(host, failure));
}

/// Prints what hosts answer to a ping: a line each as a result, causes and remedies behind.
pub fn ping(answers: &[Pong]) {
    let (result, troubles) = ping::text(answers, streams::columns());
    streams::stdout(&result);
    streams::stderr(&troubles);
}

/// Prints the certificates of each host; those with fewer than `min_days` left stand out.
pub fn certificates(all: &[(String, Vec<Certificate>)], min_days: Option<i64>) {
    if streams::is_json() {
        events(certificates::events(all, min_days));
    } else if all.iter().any(|(_, certificates)| !certificates.is_empty()) {
        streams::stdout(&certificates::text(all, min_days.unwrap_or(0), streams::columns()));
    }
}

/// Prints what will be done on all hosts.
pub fn plan(previewed: &[Previewed], options: &Options) {
    let hosts: Vec<plan::HostPlan<'_>> = previewed.iter().map(plan::HostPlan::from).collect();
    if options.json {
        events(json::plan(&hosts));
    } else {
        streams::stdout(&plan::text(&hosts, options.diff));
    }
}

/// Eight digits that another plan does not have.
pub fn plan_digest(previewed: &[Previewed]) -> String {
    let hosts: Vec<plan::HostPlan<'_>> = previewed.iter().map(plan::HostPlan::from).collect();
    let lines: String = json::plan(&hosts).into_iter().map(|(name, fields)| json::line(name, fields)).collect();
    sha256(lines.as_bytes())[..8].to_string()
}

/// Prints what a deploy or a rollback is going to do. `differences` are what its verb `compare` would change, by host.
pub fn deploy(app: &App, plan: &Plan, differences: &BTreeMap<String, Vec<PlayPreview>>, options: &Options) {
    let hosts: Vec<plan::HostPlan<'_>> =
        differences.iter().map(|(host, plays)| plan::HostPlan { host, plays, pending: &[], interrupted: None, failure: None }).collect();
    if options.json {
        events(deploy::events(app, plan, &hosts));
    } else {
        streams::stdout(&deploy::text(app, plan, &hosts, options.diff));
    }
}

/// Prints how a deploy or a rollback came out; no outcome: it is live everywhere already. `behind`: the hosts that still show
/// the maintenance page.
pub fn deployed(plan: &Plan, outcome: Option<&Outcome>, behind: &[String], elapsed: Duration, options: &Options) {
    if options.json {
        events(vec![deploy::result(plan, outcome, behind, elapsed)]);
    } else {
        streams::stdout(&(deploy::outcome(plan, outcome, elapsed) + &deploy::behind(plan, behind)));
    }
}

/// Prints which releases hosts have; with `all`, also those that are gone.
pub fn releases(seen: &[Seen], apps: &BTreeMap<String, String>, all: bool, options: &Options) {
    if options.json {
        events(deploy::releases_events(seen, apps, all));
    } else {
        streams::stdout(&deploy::releases(seen, apps, all, streams::columns()));
    }
}

/// Prints why nothing can be done on a host.
pub fn host_failure(host: &str, why: &HostFailure) {
    streams::stderr(&format!("{}:\n{}", terminal::escape(host), words::indent(&failure::text(why), 2)));
}

/// Prints what became of all hosts in `elapsed`, with the command that does the same once more.
pub fn summary(reports: &[HostReport], elapsed: Duration, again: Again<'_>, options: &Options) {
    if options.json {
        events(json::summary(reports, elapsed));
    } else {
        streams::stdout(&summary::text(reports, elapsed, again, streams::columns()));
    }
}

fn events(events: Vec<json::Event>) {
    events.into_iter().for_each(|(name, fields)| streams::stdout(&json::line(name, fields)));
}
