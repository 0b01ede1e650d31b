//! `hoist hosts trust`: see the keys of hosts that are not known yet, and record them.

use super::load::{Lines, SiteHost};
use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, Stop, ask, load};
use crate::diagnostic::Diagnostic;
use crate::engine::side_by_side;
use crate::project::ConnectionKind;
use crate::report;
use crate::transport::{Failure, KnownAs, PublicKey, known_hosts, ssh};

/// Host keys
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Trust(Trust),
}

/// Show the fingerprints of host keys that are not known yet, and record them in the environment's known_hosts
///
/// Compare them with what the hosts themselves say: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on each.
#[derive(clap::Args)]
#[group(skip)]
pub struct Trust {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    /// Record them without asking
    #[arg(short, long)]
    yes: bool,
}

/// A key that nobody knows yet.
struct New {
    /// The host in the inventory, or the jump host.
    name: String,
    known_as: KnownAs,
    key: PublicKey,
}

/// What became of the hosts that were asked.
#[derive(Default)]
struct Round<'a> {
    new: Vec<New>,
    /// Those behind a jump host that nobody knows yet.
    behind: Vec<&'a SiteHost>,
    failed: bool,
}

pub fn run(args: &Args) -> Outcome {
    let Command::Trust(args) = &args.command;
    let (project, site) = load::site(&args.words, &args.hosts)?;
    let mut left: Vec<&SiteHost> = site.hosts.iter().filter(|host| host.connection.kind != ConnectionKind::Local).collect();
    let forks = args.hosts.forks.unwrap_or(project.config.settings.forks).into();
    let mut failed = false;
    // A host behind a jump host can be asked once the key of that is recorded: another round.
    while !left.is_empty() {
        let lines = site.lines(&project, false);
        let round = ask_all(&left, &lines, forks);
        failed |= round.failed;
        if round.new.is_empty() {
            break;
        }
        let row = |new: &New| vec![new.name.clone(), new.known_as.host.clone(), new.key.kind().to_string(), new.key.fingerprint()];
        report::table(&["HOST", "ADDRESS", "KEY", "FINGERPRINT"], round.new.iter().map(row).collect());
        if !args.yes {
            if !ask::possible() {
                return Err(Diagnostic::error("nobody is there to answer, so nothing was recorded")
                    .help("compare the fingerprints, then run it with --yes")
                    .into());
            }
            if !ask::yes("Record these keys?") {
                report::line("nothing was recorded");
                return Err(Stop::Said(ExitCode::BadInput));
            }
        }
        for new in &round.new {
            if let Err(failure) = known_hosts::record(lines.host_keys.file(), &new.known_as.host, new.known_as.port, &new.key) {
                report::failure(&new.name, &failure);
                return Ok(ExitCode::HostFailed);
            }
        }
        report::line(&format!(
            "recorded {} in {}",
            report::count(round.new.len(), "key"),
            project.layout.of(&site.environment.name, "known_hosts").display()
        ));
        left = round.behind;
    }
    Ok(if failed { ExitCode::HostFailed } else { ExitCode::Done })
}

/// Asks all of them side by side, and tells of them in the order of the inventory.
fn ask_all<'a>(hosts: &[&'a SiteHost], lines: &Lines, forks: usize) -> Round<'a> {
    let mut round = Round::default();
    for (host, known) in hosts.iter().zip(side_by_side(hosts, forks, |host| unknown_key(host, lines))) {
        match known {
            Err(failure) => {
                round.failed = true;
                report::failure(&host.name, &failure);
            }
            Ok(None) => report::line(&format!("{}: known", host.name)),
            Ok(Some(shown)) => {
                let name = if shown.is_hop { format!("(jump host) {}", shown.known_as.host) } else { host.name.clone() };
                if shown.is_hop {
                    round.behind.push(host);
                }
                if !(shown.is_hop && round.new.iter().any(|new| new.known_as == shown.known_as)) {
                    round.new.push(New { name, known_as: shown.known_as, key: shown.key });
                }
            }
        }
    }
    round
}

/// The key that a host shows, or the first jump host on the way to it that nobody knows; `None` when all of them are known.
fn unknown_key(host: &SiteHost, lines: &Lines) -> Result<Option<ssh::Shown>, Failure> {
    let shown = ssh::fetch_host_key(&lines.way(&host.connection)?, &lines.host_keys, lines.patience)?;
    if lines.host_keys.is_unknown(&shown.known_as, &shown.key) {
        return Ok(Some(shown));
    }
    lines.host_keys.check(&shown.known_as, &shown.key).map(|()| None)
}
