//! The releases of an application on a host: a file to which every event adds a line. The last line of a release says
//! what it is. A line that did not arrive whole says nothing.

use super::release::ReleaseId;
use crate::shell::Script;

/// What a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being made. One that stays so was interrupted.
    Staging,
    /// Complete, and never live.
    Staged,
    /// Its migrations ran.
    Migrated,
    /// Switched to, and not checked yet.
    Live,
    /// Checked while it was live.
    Good,
    /// Failed, or rolled back from.
    Bad,
    /// Removed.
    Gone,
}

const STATES: [(&str, State); 7] = [
    ("staging", State::Staging),
    ("staged", State::Staged),
    ("migrated", State::Migrated),
    ("live", State::Live),
    ("good", State::Good),
    ("bad", State::Bad),
    ("gone", State::Gone),
];

impl State {
    /// As it stands in the file.
    pub fn word(self) -> &'static str {
        STATES.iter().find(|(_, state)| *state == self).map_or("", |(word, _)| word)
    }
}

/// A release as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub id: ReleaseId,
    /// The commit, or the SHA-256 of the archive.
    pub commit: String,
    /// How it was called: `v1.4.0`, the name of an archive.
    pub reference: String,
    /// Who made it.
    pub who: String,
    /// When it was made, in UTC.
    pub when: String,
    /// What it is.
    pub state: State,
    /// Whether it was ever complete.
    pub complete: bool,
    /// Whether it was ever live and checked.
    pub proved: bool,
    /// Whether it ever failed, or was rolled back from.
    pub turned_bad: bool,
    /// Whether its migrations ran, as far as that is known to have changed the database.
    pub migrated: bool,
}

impl Release {
    /// Whether it failed before it was ever good.
    pub fn failed(&self) -> bool {
        self.turned_bad && !self.proved
    }
}

/// All releases that a host knows of, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Also those that are gone.
    pub releases: Vec<Release>,
}

impl Ledger {
    /// Reads the file.
    pub fn read(text: &str) -> Self {
        let mut releases: Vec<Release> = Vec::new();
        // The last line is whole when something follows its end.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [when, id, state, commit, reference, who] = fields[..] else { continue };
            let state = STATES.iter().find(|(word, _)| *word == state).map(|(_, state)| *state);
            let (Some(id), Some(state)) = (ReleaseId::parse(id), state) else { continue };
            match releases.iter_mut().find(|release| release.id == id) {
                Some(release) => {
                    release.complete |= completes(state);
                    release.proved |= state == State::Good;
                    release.turned_bad |= state == State::Bad;
                    release.migrated |= state == State::Migrated;
                    release.state = if state == State::Migrated { release.state } else { state };
                }
                None => releases.push(Release {
                    id,
                    commit: commit.to_string(),
                    reference: reference.to_string(),
                    who: who.to_string(),
                    when: when.to_string(),
                    state,
                    complete: completes(state),
                    proved: state == State::Good,
                    turned_bad: state == State::Bad,
                    migrated: state == State::Migrated,
                }),
            }
        }
        releases.sort_by(|one, other| one.id.cmp(&other.id));
        Self { releases }
    }

    /// The release of this name.
    pub fn get(&self, id: &ReleaseId) -> Option<&Release> {
        self.releases.iter().find(|release| release.id == *id)
    }

    /// The releases that are still there, and those that failed since the oldest of them: they were removed, and are told of.
    pub fn listed(&self) -> impl Iterator<Item = &Release> {
        let oldest = self.releases.iter().find(|release| release.state != State::Gone).map(|release| &release.id);
        let failed = move |release: &Release| release.failed() && oldest.is_none_or(|oldest| release.id > *oldest);
        self.releases.iter().filter(move |release| release.state != State::Gone || failed(release))
    }

    /// The last good release before `live`, by number: one that is still there, and was not rolled back from.
    pub fn before(&self, live: &ReleaseId) -> Option<&Release> {
        self.releases.iter().rev().find(|release| release.id < *live && release.state == State::Good)
    }

    /// What may go when `live` is: releases that failed or were never live, and of the good ones all but the last `keep`.
    /// Never `live` itself, nor the good one before it.
    pub fn prune(&self, live: &ReleaseId, keep: usize) -> Vec<ReleaseId> {
        let last_good = self.before(live).map(|release| &release.id);
        let good = |release: &&Release| matches!(release.state, State::Good | State::Live) && release.id != *live;
        let kept: Vec<&ReleaseId> = self.releases.iter().rev().filter(good).map(|release| &release.id).take(keep).collect();
        let goes = |release: &&Release| {
            release.state != State::Gone && release.id != *live && Some(&release.id) != last_good && !kept.contains(&&release.id)
        };
        self.releases.iter().filter(goes).map(|release| release.id.clone()).collect()
    }
}

fn completes(state: State) -> bool {
    matches!(state, State::Staged | State::Live | State::Good)
}

/// Adds a line to the ledger of an application. `reference` and `who` lose what would be the end of a field.
pub fn append(script: &mut Script, app: &str, release: &Release, state: State) {
    let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let folder = format!("/var/lib/hoist/apps/{app}");
    script.line("hoist_ledger={}/ledger; mkdir -p -m 700 {}", &[&folder, &folder]);
    // A line that broke off must not swallow this one.
    script.line("if [ -s \"$hoist_ledger\" ] && [ -n \"$(tail -c 1 \"$hoist_ledger\")\" ]; then echo >>\"$hoist_ledger\"; fi", &[]);
    let words = [release.id.as_str(), state.word(), &release.commit, &plain(&release.reference), &plain(&release.who)];
    script.line("printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' \"$(date -u +%FT%TZ)\" {} {} {} {} {} >>\"$hoist_ledger\"", &words);
    script.line("sync \"$hoist_ledger\"", &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(lines: &[(&str, &str)]) -> Ledger {
        let line = |(id, state): &(&str, &str)| format!("2026-11-20T10:00:00Z\t{id}\t{state}\tc\tv1\tann\n");
        Ledger::read(&lines.iter().map(line).collect::<String>())
    }

    fn id(text: &str) -> ReleaseId {
        ReleaseId::parse(text).expect("an id")
    }

    fn names(ids: &[ReleaseId]) -> Vec<&str> {
        ids.iter().map(ReleaseId::as_str).collect()
    }

    #[test]
    fn the_last_line_of_a_release_says_what_it_is() {
        let ledger =
            ledger(&[("2-aaaaaaa", "staging"), ("2-aaaaaaa", "migrated"), ("1-bbbbbbb", "good"), ("2-aaaaaaa", "live"), ("x", "good")]);
        let found: Vec<_> = ledger.releases.iter().map(|release| (release.id.as_str(), release.state, release.migrated)).collect();
        assert_eq!(found, [("1-bbbbbbb", State::Good, false), ("2-aaaaaaa", State::Live, true)]);
    }

    #[test]
    fn what_failed_is_listed_as_long_as_something_older_is_there() {
        let ledger = ledger(&[
            ("1-aaaaaaa", "bad"),
            ("1-aaaaaaa", "gone"),
            ("2-bbbbbbb", "good"),
            ("3-ccccccc", "staging"),
            ("3-ccccccc", "bad"),
            ("3-ccccccc", "gone"),
            ("4-ddddddd", "good"),
            ("4-ddddddd", "bad"),
            ("4-ddddddd", "gone"),
            ("5-eeeeeee", "good"),
        ]);
        let listed: Vec<_> = ledger.listed().map(|release| (release.id.as_str(), release.failed())).collect();
        assert_eq!(listed, [("2-bbbbbbb", false), ("3-ccccccc", true), ("5-eeeeeee", false)]);
    }

    #[test]
    fn a_torn_line_says_nothing() {
        assert_eq!(Ledger::read("2026\t1-aaaaaaa\tgood\tc\tv1\tan").releases, []);
        assert_eq!(Ledger::read("2026\t1-aaa\nx\n\n").releases, []);
    }

    // G15
    #[test]
    fn rolling_back_goes_to_the_good_one_before() {
        let all = [("1-aaaaaaa", "good"), ("2-bbbbbbb", "good"), ("3-ccccccc", "bad"), ("4-ddddddd", "good")];
        let of = |live: &str| ledger(&all).before(&id(live)).map(|release| release.id.as_str().to_string());
        assert_eq!(of("4-ddddddd").as_deref(), Some("2-bbbbbbb"));
        assert_eq!(of("2-bbbbbbb").as_deref(), Some("1-aaaaaaa"));
        assert_eq!(of("1-aaaaaaa"), None);
    }

    // G14
    #[test]
    fn failed_releases_go_first_and_never_the_last_good_one() {
        let mut lines = vec![("1-aaaaaaa", "good"), ("2-aaaaaaa", "good")];
        let bad: Vec<String> = (3..13).map(|number| format!("{number}-bbbbbbb")).collect();
        lines.extend(bad.iter().map(|id| (id.as_str(), "bad")));
        lines.push(("13-ccccccc", "live"));
        let pruned = ledger(&lines).prune(&id("13-ccccccc"), 3);
        assert_eq!(names(&pruned), bad.iter().map(String::as_str).collect::<Vec<_>>());
        let pruned = ledger(&lines).prune(&id("13-ccccccc"), 0);
        assert!(!names(&pruned).contains(&"2-aaaaaaa") && names(&pruned).contains(&"1-aaaaaaa"), "{pruned:?}");
    }

    #[test]
    fn what_was_interrupted_goes_too_and_what_is_gone_is_not_named_again() {
        let ledger = ledger(&[("1-aaaaaaa", "good"), ("2-bbbbbbb", "staging"), ("3-ccccccc", "gone"), ("4-ddddddd", "good")]);
        assert_eq!(names(&ledger.prune(&id("4-ddddddd"), 5)), ["2-bbbbbbb"]);
    }
}
