//! `hoist rollback`: an older release, on all hosts.

use std::collections::BTreeMap;

use super::deploy::{Consent, Ground, carry_out};
use super::selection::{Hosts, Words};
use super::{Outcome, said};
use crate::deploy::choose;
use crate::deploy::plan::Plan;
use crate::deploy::release::ReleaseId;
use crate::deploy::version::Version;
use crate::diagnostic::Diagnostic;
use crate::report;

/// Go back to an older release on all hosts: the last good one before the live one, or the one that is named
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    hosts: Hosts,
    #[command(flatten)]
    output: report::Options,
    #[command(flatten)]
    consent: Consent,
    /// The release to go back to, as `hoist releases` names it
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    /// Go back although releases in between migrated the database, which stays as it is
    #[arg(long)]
    across_migrations: bool,
}

pub fn run(args: &Args) -> Outcome {
    report::begin(&args.output);
    let to = match &args.to {
        None => None,
        Some(text) => Some(ReleaseId::parse(text).ok_or_else(|| {
            Diagnostic::error(format!("`{}` is not the name of a release", text.escape_debug()))
                .help("a release is named by its number and its commit, such as 12-3f9c2ab; `hoist releases` lists them")
        })?),
    };
    let ground = Ground::load(&args.words, &args.hosts)?;
    ground.one()?;
    let environment = ground.site.environment.name.clone();
    let limit = args.hosts.limit.iter().map(|limit| format!("--limit={limit}"));
    let across = args.across_migrations.then(|| "--across-migrations".to_string());
    let more = args.to.iter().map(|to| format!("--to={to}")).chain(across).chain(limit);
    let again = said::again(["rollback".to_string(), format!("env={environment}")].into_iter().chain(more));
    carry_out(&ground, &args.output, &args.consent, "rollback", report::Again::Everywhere(&again, None), &mut |_, _, seen| {
        let id = choose::rollback(seen, to.as_ref()).map_err(|why| {
            Diagnostic::error(why).help(format!("`hoist releases env={environment}` shows which there are; `--to ID` picks one"))
        })?;
        let crossed = choose::crossed(seen, &id);
        if !crossed.is_empty() && !args.across_migrations {
            let names: Vec<&str> = crossed.iter().map(|id| id.as_str()).collect();
            return Err(Diagnostic::error(format!("since {id} the database was migrated, by {}", names.join(", ")))
                .help("migrations are never undone by themselves: does the older code work with the database as it is now?")
                .help("then say so: --across-migrations")
                .into());
        }
        let release = seen.iter().find_map(|(_, state)| state.ledger.get(&id)).expect("it was found in a ledger");
        let version = Version { commit: release.commit.clone(), reference: release.reference.clone(), ..Version::default() };
        let (hosts, done): (Vec<_>, Vec<_>) = seen.iter().cloned().partition(|(_, state)| state.live.as_ref() != Some(&id));
        let plan = Plan {
            environment: environment.clone(),
            id,
            version,
            rollback: true,
            hosts,
            done: done.into_iter().map(|(host, _)| host).collect(),
            who: said::who(),
            rolling: ground.rolling(),
            archive: None,
            maintenance: false,
        };
        Ok((plan, BTreeMap::new()))
    })
}
