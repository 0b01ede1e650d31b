//! What all hosts that are meant answer to a script that only looks, whether a play is for them or not.

use super::load;
use super::selection::{Hosts, Words};
use crate::diagnostic::Diagnostics;
use crate::engine::Fleet;
use crate::shell::{Answers, Script};
use crate::transport::Failure;

/// The answers, by host.
pub type Said = Vec<(String, Result<Answers, Failure>)>;

/// Asks them.
///
/// # Errors
/// All mistakes in the words.
pub fn look(words: &Words, hosts: &Hosts, script: &Script) -> Result<Said, Diagnostics> {
    let (project, site) = load::site(words, hosts)?;
    let lines = site.lines(&project, hosts.accept_new);
    let job = site.job(&project, "provision", &[]);
    let forks = hosts.forks.unwrap_or(project.config.settings.forks).into();
    let fleet = Fleet { targets: site.hosts.iter().map(|host| site.target(host)).collect(), forks };
    Ok(fleet.look(&job, &|target| lines.connect(target), script))
}
