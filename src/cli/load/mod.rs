//! What most commands start with: the project, an environment of it, the hosts that are meant, the roles they get.

mod host;
mod lines;
mod play;
mod project;
mod site;
mod twins;

use std::time::Duration;

pub use host::SiteHost;
pub use lines::Lines;
pub use project::Project;
pub use site::Site;

use super::selection::{Hosts, Words, pattern};
use crate::diagnostic::Diagnostics;
use crate::engine::Limits;
use crate::project::config;

/// The project, the environment and the hosts that the words of a command mean; warnings are shown.
///
/// # Errors
/// All mistakes in them.
pub fn site(words: &Words, hosts: &Hosts) -> Result<(Project, Site), Diagnostics> {
    let (project, mut site, problems) = unsaid(words, hosts)?;
    crate::report::diagnostics(&problems);
    site.ask_become_password(hosts)?;
    Ok((project, site))
}

/// The same for who has more to say before somebody is asked for a password: with the warnings, not shown yet.
///
/// # Errors
/// All mistakes in them.
pub fn unsaid(words: &Words, hosts: &Hosts) -> Result<(Project, Site, Diagnostics), Diagnostics> {
    let (name, definitions) = words.settle()?;
    let mut problems = Diagnostics::new();
    let project = Project::load(&mut problems)?.with_identity(&words.identity);
    let limit = hosts.limit.as_ref().map(|text| pattern(text, "--limit")).transpose()?;
    let site = Site::load(&project, &name, limit.as_ref(), definitions, &mut problems);
    match site {
        Some(site) if !problems.has_errors() => Ok((project, site, problems)),
        _ => Err(problems),
    }
}

/// How long hosts wait for a confirmation, and how long steps and hosts may take.
pub fn patience(settings: &config::Settings) -> (Duration, Limits) {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let limits = Limits { step: settings.step_timeout.map(seconds), host: settings.host_timeout.map(seconds) };
    (seconds(settings.confirm_timeout.into()), limits)
}
