//! `hoist certs`: the certificates that the hosts keep, and how long they last.

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, look};
use crate::engine::certificates;
use crate::report;

/// Show the certificates of the hosts: names, issuer, days left, and where each comes from
///
/// Listed are those of certbot, those of the nginx role, and whatever the sites of nginx name. A `placeholder` is the
/// self-signed one that lets nginx start before there is a real one.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    /// End with code 2 when one has fewer days left, cannot be read, or is a placeholder
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16))]
    min_days: Option<u16>,
    /// Print events for programs, one JSON object a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Outcome {
    report::begin(&report::Options { json: args.json, ..report::Options::default() });
    let (mut all, mut code) = (Vec::new(), ExitCode::Done);
    for (host, answer) in look::look(&args.words, &args.hosts, &certificates::script())? {
        match answer {
            Ok(answers) => {
                let said = answers.get("certificates").map(crate::shell::Answer::text).unwrap_or_default();
                all.push((host, certificates::read(&said)));
            }
            Err(failure) => {
                report::failure(&host, &failure);
                code = ExitCode::HostFailed;
            }
        }
    }
    let min_days = args.min_days.map(i64::from);
    report::certificates(&all, min_days);
    for (host, _) in all.iter().filter(|(_, certificates)| certificates.is_empty()) {
        report::note(&format!("{host}: no certificates"));
    }
    let due = min_days.is_some_and(|days| all.iter().flat_map(|(_, certificates)| certificates).any(|certificate| certificate.due(days)));
    Ok(if due && code == ExitCode::Done { ExitCode::Changes } else { code })
}
