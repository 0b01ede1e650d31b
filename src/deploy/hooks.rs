//! Commands of the user on this machine, at the moments of a deploy.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};

use super::app::App;
use super::plan::Plan;

/// How much of what a command printed is looked at, in bytes.
const MOST: u64 = 1 << 16;

/// Runs the commands of a moment, one after the other, each in a shell; what it is about stands in their environment.
///
/// # Errors
/// In words, with the last lines that it printed: one failed.
pub fn run(app: &App, plan: &Plan, moment: &str) -> Result<(), String> {
    for command in app.local_hooks.get(moment).into_iter().flatten() {
        let cannot = |error: std::io::Error| format!("the hook {moment} cannot run here: {error}");
        // A file and no pipe: what it leaves behind in the background would hold that open, and nobody waits for it.
        let mut said = tempfile::tempfile().map_err(cannot)?;
        let status = Command::new("/bin/sh")
            .args(["-c", command])
            .env("HOIST_APP", &app.name)
            .env("HOIST_ENV", &plan.environment)
            .env("HOIST_RELEASE", plan.id.as_str())
            .env("HOIST_COMMIT", &plan.version.commit)
            .env("HOIST_REF", &plan.version.reference)
            .env("HOIST_HOOK", moment)
            .stdin(Stdio::null())
            .stdout(said.try_clone().map_err(cannot)?)
            .stderr(said.try_clone().map_err(cannot)?)
            .status()
            .map_err(cannot)?;
        if !status.success() {
            return Err(format!("the hook {moment} failed here ({status}): {}{}", command.trim_end(), last(&mut said).map_err(cannot)?));
        }
    }
    Ok(())
}

/// The last lines of a file, each behind a line break.
fn last(file: &mut std::fs::File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(std::io::SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    Ok(lines[lines.len().saturating_sub(10)..].iter().map(|line| format!("\n{line}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::sample;
    use serde_json::json;

    fn said(command: &str) -> Result<(), String> {
        let app = sample::app(&json!({ "app_local_hooks": { "after_good": [command] } }));
        run(&app, &sample::plan(Vec::new()), "after_good")
    }

    #[test]
    fn what_a_hook_leaves_in_the_background_is_not_waited_for() {
        let began = std::time::Instant::now();
        assert_eq!(said("sleep 60 & echo $HOIST_RELEASE"), Ok(()));
        assert!(began.elapsed().as_secs() < 30, "it waited for what is in the background");
    }

    #[test]
    fn the_last_lines_of_a_hook_that_fails_are_told() {
        assert_eq!(said("exit 7\n"), Err("the hook after_good failed here (exit status: 7): exit 7".to_string()));
        let many = said("seq 20; echo bad >&2; false").expect_err("it fails");
        assert!(many.ends_with(": seq 20; echo bad >&2; false\n12\n13\n14\n15\n16\n17\n18\n19\n20\nbad"), "{many}");
    }
}
