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
    /// Check that no line was changed or taken out: each carries the hash of the one before. What was cut off at the end, or all
    /// of it, is not missed
    #[arg(long)]
    verify: bool,
    /// The last so many runs of each host
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    last: usize,
}

pub fn run(args: &Args) -> Outcome {
    let (mut rows, mut code, mut lines) = (Vec::new(), ExitCode::Done, 0);
    for (host, answer) in look::look(&args.words, &args.hosts, &history::script())? {
        let entries = match answer {
            Ok(answers) => history::read(&answers.get("history").map(crate::shell::Answer::text).unwrap_or_default()),
            Err(failure) => {
                report::failure(&host, &failure);
                code = ExitCode::HostFailed;
                continue;
            }
        };
        let broken = entries.iter().filter(|entry| !entry.linked).map(|entry| entry.time.as_str()).collect::<Vec<_>>();
        if args.verify && !broken.is_empty() {
            report::note(&format!("{host}: the line before was changed or is gone: {}", broken.join(", ")));
            code = ExitCode::HostFailed;
        }
        lines += entries.len();
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
    if args.verify && matches!(code, ExitCode::Done) {
        report::note(&format!("each of {lines} lines follows from the one before it"));
    }
    Ok(code)
}
