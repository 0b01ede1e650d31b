//! What a host has of an application: its ledger, what is live, and in which colour.

use std::collections::BTreeSet;

use super::app::App;
use super::ledger::Ledger;
use super::release::{Colour, ReleaseId};
use crate::shell::{Answer, Answers, Script};

/// What a host has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostState {
    /// All that it knows of releases.
    pub ledger: Ledger,
    /// What `current` leads to.
    pub live: Option<ReleaseId>,
    /// The colour in which that runs.
    pub colour: Option<Colour>,
    /// The colour that nginx hands requests to, which is another one after a deploy that was killed between two steps.
    pub served: Option<Colour>,
    /// The releases whose files are there, and what starts them.
    pub kept: BTreeSet<ReleaseId>,
    /// Whether the `app` role was provisioned.
    pub provisioned: bool,
    /// Why nothing can be deployed there.
    pub trouble: Option<String>,
}

/// Asks for it, in frames.
pub fn script(app: &App) -> Script {
    let mut script = Script::new();
    script.line("hoist_b ledger; tail -n 5000 {} 2>/dev/null; hoist_e ledger 0", &[&format!("/var/lib/hoist/apps/{}/ledger", app.name)]);
    script.line("cd {} 2>/dev/null || cd /; hoist_b current", &[&app.root]);
    script.line("if [ -L current ]; then readlink current; [ -d current/ ] || echo dangling; elif [ -e current ]; then echo odd; fi", &[]);
    script.line("hoist_e current 0; hoist_b upstream", &[]);
    script.line("sed -n '2s/^# //p' {} 2>/dev/null; hoist_e upstream 0", &[&format!("/etc/nginx/conf.d/hoist-{}.conf", app.name)]);
    let store = format!("/var/lib/hoist/apps/{}/releases", app.name);
    script.line("hoist_b kept; for hoist_id in releases/*; do hoist_id=${hoist_id##*/}", &[]);
    script.line(
        "if [ -d \"releases/$hoist_id\" ] && [ -e {}/\"$hoist_id/release\" ]; then echo \"$hoist_id\"; fi; done; hoist_e kept 0",
        &[&store],
    );
    script.line("hoist_b folders; [ -d {} ]; hoist_e folders $?; cd /", &[&format!("{}/releases", app.root)]);
    script
}

/// Asks whether the maintenance page is shown, in a frame.
pub fn page() -> Script {
    let mut script = Script::new();
    script.line("hoist_b page; [ -e /var/www/maintenance/on ]; hoist_e page $?", &[]);
    script
}

/// Reads the answer.
pub fn shows_page(answers: &Answers) -> bool {
    answers.get("page").is_some_and(|answer| answer.status == 0)
}

impl HostState {
    /// Reads the answers.
    pub fn read(app: &App, answers: &Answers) -> Self {
        let text = |id: &str| answers.get(id).map(Answer::text).unwrap_or_default();
        let current = text("current");
        let mut lines = current.lines();
        let target = lines.next().unwrap_or_default();
        let dangling = lines.next() == Some("dangling");
        let live = target.strip_prefix("releases/").and_then(ReleaseId::parse).filter(|_| !dangling);
        let trouble = match (&live, target) {
            (None, "odd") => Some(format!("`{}/current` is no link; move it away first", app.root)),
            (None, other) if !other.is_empty() && !dangling => {
                Some(format!("`{}/current` leads to `{other}`, which is no release of hoist; move it away first", app.root))
            }
            _ => None,
        };
        let upstream = text("upstream");
        let mut words = upstream.split_whitespace();
        let served = words.next().and_then(Colour::parse);
        let same = words.next().and_then(ReleaseId::parse) == live;
        Self {
            ledger: Ledger::read(&text("ledger")),
            colour: served.map(|colour| if same { colour } else { colour.other() }),
            served,
            live,
            kept: text("kept").lines().filter_map(ReleaseId::parse).collect(),
            provisioned: answers.get("folders").is_some_and(|answer| answer.status == 0),
            trouble,
        }
    }

    /// The colour that a new release starts in: nothing that is asked for runs there.
    pub fn free(&self) -> Colour {
        self.served.map_or(Colour::Blue, Colour::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::sample::app;
    use serde_json::json;

    fn read(current: &str, upstream: &str) -> HostState {
        let answer = |text: &str| Answer { stdout: text.as_bytes().to_vec(), ..Answer::default() };
        let answers = [("current", answer(current)), ("upstream", answer(upstream)), ("folders", answer(""))];
        HostState::read(&app(&json!({})), &answers.into_iter().map(|(id, answer)| (id.to_string(), answer)).collect())
    }

    #[test]
    fn a_release_is_live_in_the_colour_of_the_upstreams() {
        let state = read("releases/2-aaaaaaa\n", "green 2-aaaaaaa\n");
        assert_eq!((state.live, state.colour), (ReleaseId::parse("2-aaaaaaa"), Some(Colour::Green)));
    }

    #[test]
    fn a_deploy_that_was_killed_between_upstreams_and_link_left_the_live_one_in_the_other_colour() {
        let state = read("releases/2-aaaaaaa\n", "green 3-bbbbbbb\n");
        assert_eq!(state.colour, Some(Colour::Blue));
        assert_eq!(state.free(), Colour::Blue, "requests are answered in green");
    }

    // G13
    #[test]
    fn something_else_in_the_place_of_the_link_is_left_alone() {
        assert!(read("odd\n", "").trouble.is_some());
        assert!(read("/srv/old\n", "").trouble.is_some());
        assert_eq!(read("", "").trouble, None);
        let dangling = read("releases/2-aaaaaaa\ndangling\n", "");
        assert_eq!((dangling.live, dangling.trouble), (None, None));
    }
}
