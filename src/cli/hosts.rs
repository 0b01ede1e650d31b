//! `hoist hosts trust`: see the keys of hosts that are not known yet, and record them.

use std::time::Duration;

use super::selection::{Hosts, Words};
use super::{ExitCode, Outcome, Stop, ask, load};
use crate::diagnostic::Diagnostic;
use crate::project::ConnectionKind;
use crate::report;
use crate::transport::known_hosts::{self, Verdict};
use crate::transport::{HostKeyPolicy, HostKeys, PublicKey, ssh};

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

struct Shown {
    host: String,
    address: String,
    port: u16,
    key: PublicKey,
}

pub fn run(args: &Args) -> Outcome {
    let Command::Trust(args) = &args.command;
    let (project, site) = load::site(&args.words, &args.hosts)?;
    let file = project.known_hosts(&site.environment.name);
    let known = HostKeys::read(&site.environment.name, &file, &known_hosts::usual_files(), HostKeyPolicy::Strict);
    let timeout = Duration::from_secs(project.config.settings.connect_timeout.into());
    let (mut new, mut failed) = (Vec::new(), false);
    for host in site.hosts.iter().filter(|host| host.connection.kind == ConnectionKind::Ssh) {
        let (address, port) = (host.connection.address.clone(), host.connection.port.unwrap_or(22));
        match ssh::fetch_host_key(&address, port, timeout) {
            Err(failure) => {
                failed = true;
                report::failure(&host.name, &failure);
            }
            Ok(key) => match (known.known().verdict(&address, port, &key), known.check(&address, port, &key)) {
                (Verdict::Unknown { .. }, _) => new.push(Shown { host: host.name.clone(), address, port, key }),
                (_, Ok(())) => report::line(&format!("{}: known", host.name)),
                (_, Err(failure)) => {
                    failed = true;
                    report::failure(&host.name, &failure);
                }
            },
        }
    }
    let code = if failed { ExitCode::HostFailed } else { ExitCode::Done };
    if new.is_empty() {
        return Ok(code);
    }
    let rows =
        new.iter().map(|shown| vec![shown.host.clone(), shown.address.clone(), shown.key.kind().to_string(), shown.key.fingerprint()]);
    report::table(&["HOST", "ADDRESS", "KEY", "FINGERPRINT"], rows.collect());
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
    for shown in &new {
        if let Err(failure) = known_hosts::record(&file, &shown.address, shown.port, &shown.key) {
            report::failure(&shown.host, &failure);
            return Ok(ExitCode::HostFailed);
        }
    }
    report::line(&format!(
        "recorded {} in {}",
        report::count(new.len(), "key"),
        project.layout.of(&site.environment.name, "known_hosts").display()
    ));
    Ok(code)
}
