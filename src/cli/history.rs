//! `hoist history`: who ran what, from the hosts' own log.

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, look};
use crate::engine::history;
use crate::report;

/// Show who ran what on the hosts, from their own log
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    /// Check that no line was changed or taken away: each carries the hash of the one before
    #[arg(long)]
    verify: bool,
    /// The last so many runs of each host
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    last: usize,
}

pub fn run(args: &Args) -> Outcome {
    let (mut rows, mut code) = (Vec::new(), ExitCode::Done);
    for (host, answer) in look::look(&args.words, &args.hosts, &history::script())? {
        let entries = match answer {
            Ok(answers) => history::read(&answers.get("history").map(crate::shell::Answer::text).unwrap_or_default()),
            Err(failure) => {
                report::failure(&host, &failure);
                code = ExitCode::HostFailed;
                continue;
            }
        };
        if args.verify && entries.iter().any(|entry| !entry.linked) {
            code = ExitCode::HostFailed;
        }
        let from = entries.len().saturating_sub(args.last);
        rows.extend(entries.into_iter().skip(from).map(|entry| {
            let result = if args.verify && !entry.linked {
                format!("{} (the line before was changed or is gone)", entry.result)
            } else {
                entry.result
            };
            vec![entry.time, host.clone(), entry.who, entry.command, result]
        }));
    }
    rows.sort();
    report::table(&["TIME", "HOST", "WHO", "COMMAND", "RESULT"], rows);
    Ok(code)
}
