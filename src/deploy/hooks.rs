//! Commands of the user on this machine, at the moments of a deploy.

use std::process::{Command, Stdio};

use super::app::App;
use super::plan::Plan;

/// Runs the commands of a moment, one after the other, each in a shell; what it is about stands in their environment.
///
/// # Errors
/// In words, with the last lines that it printed: one failed.
pub fn run(app: &App, plan: &Plan, moment: &str) -> Result<(), String> {
    for command in app.local_hooks.get(moment).into_iter().flatten() {
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .env("HOIST_APP", &app.name)
            .env("HOIST_ENV", &plan.environment)
            .env("HOIST_RELEASE", plan.id.as_str())
            .env("HOIST_COMMIT", &plan.version.commit)
            .env("HOIST_REF", &plan.version.reference)
            .env("HOIST_HOOK", moment)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("the hook {moment} cannot run here: {error}"))?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<&str> = said.trim_end().lines().collect();
            let last = lines[lines.len().saturating_sub(10)..].join("\n");
            return Err(format!("the hook {moment} failed here ({}): {command}\n{last}", output.status));
        }
    }
    Ok(())
}
