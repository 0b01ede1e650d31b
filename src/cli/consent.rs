//! The question before anything is changed. A protected environment wants its name.

use super::{ExitCode, Stop, ask};
use crate::diagnostic::Diagnostic;
use crate::report;

/// What `--yes` says must be right before anything else is done.
///
/// # Errors
/// It does not agree to a run in this environment.
pub fn look(environment: &str, protected: bool, yes: Option<&str>) -> Result<(), Stop> {
    match (yes, protected) {
        (Some(given), _) if given == environment => Ok(()),
        (Some(""), false) | (None, _) => Ok(()),
        (Some(""), true) => Err(Diagnostic::error(format!("the environment `{environment}` is protected"))
            .help(format!("nothing was changed; to go on without a question: --yes={environment}"))
            .into()),
        (Some(given), _) => Err(Diagnostic::error(format!("`--yes={given}` does not name the environment, which is `{environment}`"))
            .help("nothing was changed")
            .into()),
    }
}

/// Asks whether to go on, or takes what `--yes` said.
///
/// # Errors
/// Nobody agrees.
pub fn confirm(environment: &str, protected: bool, yes: Option<&str>, question: &str) -> Result<(), Stop> {
    look(environment, protected, yes)?;
    if yes.is_some() {
        return Ok(());
    }
    if !ask::possible() {
        return Err(Diagnostic::error("nobody is there to answer, so nothing was changed")
            .help(match protected {
                true => format!("run it on a terminal, or with --yes={environment}, for the environment is protected"),
                false => "run it on a terminal, or with --yes".to_string(),
            })
            .into());
    }
    let agreed = if protected {
        ask::line(&format!("The environment {environment} is protected. Type its name to go on:")).as_deref() == Some(environment)
    } else {
        ask::yes(question)
    };
    if agreed {
        return Ok(());
    }
    report::line("nothing was changed");
    Err(Stop::Said(ExitCode::BadInput))
}
