//! What a deploy or a rollback is going to do, before anybody is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::diff::Depth;
use super::json;
use super::plan::HostPlan;
use super::style::{BOLD, DIM, ERROR, GREEN, YELLOW, paint};
use super::table::{Cell, Table};
use super::terminal::escape;
use super::words::{count, hosts, indent, time};
use crate::deploy::app::App;
use crate::deploy::choose::Seen;
use crate::deploy::ledger::{Ledger, Release, State};
use crate::deploy::plan::Plan;
use crate::deploy::release::ReleaseId;
use crate::deploy::run::Outcome;
use crate::deploy::version;

/// The whole of it. `differences` are those of the live release from what it would be if it was made today.
pub fn text(app: &App, plan: &Plan, differences: &[HostPlan<'_>], depth: Depth) -> String {
    let names = plan.names();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let head = if plan.rollback { "roll back" } else { "deploy" };
    let mut text =
        format!("{}\n", paint(BOLD, escape(format!("{head} {} in {}: {}", app.name, plan.environment, count(all.len(), "host")))));
    let mut lives: Vec<(Option<&ReleaseId>, Vec<&str>)> = Vec::new();
    for (name, state) in &plan.hosts {
        let live = state.live.as_ref();
        match lives.iter_mut().find(|(known, _)| *known == live) {
            Some((_, names)) => names.push(name),
            None => lives.push((live, vec![name])),
        }
    }
    for (live, on) in &lives {
        let what = live.map_or("nothing yet".to_string(), |id| describe(plan, id));
        let place = if lives.len() > 1 { format!("  ({})", hosts(on, usize::MAX)) } else { String::new() };
        text += &format!("  live  {}{}\n", escape(what), escape(place));
    }
    text += &format!("  {}   {}\n", paint(YELLOW, "new"), escape(format!("{}  {}", plan.id, plan.version.name())));
    if let Some(from) = plan.archive.as_ref().map(|archive| &archive.from).filter(|from| !from.is_empty()) {
        text += &format!("  from  {}\n", escape(from));
    }
    text += &format!("  on    {}\n", escape(hosts(&all, usize::MAX)));
    if plan.rollback {
        text += "  with  the environment and the processes that it was made with\n";
    }
    if !plan.done.is_empty() {
        let done: Vec<&str> = plan.done.iter().map(String::as_str).collect();
        text += &format!("  {}\n", paint(DIM, escape(format!("live already on {}", hosts(&done, usize::MAX)))));
    }
    if plan.version.submodules {
        text += &format!("\n  {}\n", paint(YELLOW, "it names submodules (.gitmodules), whose files no release gets"));
    }
    text += &commits(plan);
    text += &migrations(app, plan);
    if differences.iter().any(|host| host.plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict.action().is_some())) {
        text += &format!("\n  {}\n", paint(BOLD, "beside the code, this changes:"));
        text += &indent(&super::plan::blocks(differences, depth), 2);
    }
    text + "\n"
}

/// The same for programs: `deploy`, and a `plan_step` for each difference.
pub fn events(app: &App, plan: &Plan, differences: &[HostPlan<'_>]) -> Vec<json::Event> {
    let live = plan.hosts.iter().map(|(name, state)| (name.clone(), json!(state.live.as_ref().map(ReleaseId::as_str))));
    let changes = plan.version.changes.as_ref();
    let fields = json!({
        "app": app.name,
        "environment": plan.environment,
        "rollback": plan.rollback,
        "release": plan.id.as_str(),
        "commit": plan.version.commit,
        "ref": plan.version.reference,
        "live": Json::Object(live.collect()),
        "live_already": plan.done,
        "commits": changes.map(|changes| changes.count),
        "older": changes.map(|changes| changes.older),
        "migrations": changes.map(|changes| &changes.migrations),
        "unknown": plan.version.unknown,
        "submodules": plan.version.submodules,
    });
    std::iter::once(("deploy", json::fields(fields))).chain(json::plan(differences)).collect()
}

/// A release and how it was called: `11-3f9c2ab  v1.3.0, 2026-11-20T10:00:00Z by ann@laptop`.
fn describe(plan: &Plan, id: &ReleaseId) -> String {
    let known = plan.hosts.iter().find_map(|(_, state)| state.ledger.get(id));
    match known {
        Some(release) => format!("{id}  {}, made {} by {}", version::name(&release.reference, &release.commit), release.when, release.who),
        None => id.to_string(),
    }
}

fn commits(plan: &Plan) -> String {
    let mut text = String::new();
    if let Some(why) = &plan.version.unknown {
        text += &format!("\n  {}\n", paint(YELLOW, escape(format!("not known whether it is newer than what is live, {why}"))));
    }
    let Some(changes) = &plan.version.changes else { return text };
    if changes.older {
        text += &format!("\n  {}\n", paint(YELLOW, "this is an older commit than the live one"));
    } else {
        text += &format!("\n  {}\n", if changes.count == 0 { "no new commits".to_string() } else { count(changes.count, "new commit") });
    }
    for line in &changes.log {
        text += &format!("    {}\n", escape(line));
    }
    if changes.count > changes.log.len() {
        text += &format!("    {}\n", paint(DIM, format!("and {} more", changes.count - changes.log.len())));
    }
    text
}

fn migrations(app: &App, plan: &Plan) -> String {
    let first = plan.hosts.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    if plan.rollback || app.migrate.is_empty() {
        return String::new();
    }
    let run = format!("`{}` runs on {first}, before any host is switched", app.migrate);
    let known = plan.version.changes.as_ref().filter(|_| !app.migrations.is_empty());
    let mut text = match known {
        _ if plan.version.unknown.is_some() => {
            let what = "nobody knows which migrations are new, so a rollback will ask";
            format!("\n  {}; {}\n", paint(YELLOW, what), escape(run))
        }
        Some(changes) if changes.older && !changes.migrations.is_empty() => {
            let what = format!("the live commit has {} more", count(changes.migrations.len(), "migration"));
            format!("\n  {}; {}\n", paint(YELLOW, what), escape(run))
        }
        Some(changes) if changes.migrations.is_empty() => format!("\n  no new migrations; {}\n", escape(run)),
        Some(changes) => format!("\n  {}; {}\n", paint(YELLOW, count(changes.migrations.len(), "migration")), escape(run)),
        None => format!("\n  migrations: {}\n", escape(run)),
    };
    for path in known.iter().flat_map(|changes| &changes.migrations) {
        text += &format!("    {}\n", escape(path));
    }
    text
}

/// How it came out, in a line or two.
pub fn outcome(plan: &Plan, outcome: Option<&Outcome>, elapsed: Duration) -> String {
    let what = escape(format!("{}  {}", plan.id, plan.version.name()));
    match outcome {
        None => {
            // Whoever forgot to commit sees it here.
            let from = plan.archive.iter().filter(|archive| !archive.from.is_empty());
            let from: String = from.map(|archive| format!("from {}\n", escape(&archive.from))).collect();
            format!("{}: 0 changes, {what} is live already, {}\n{from}", paint(BOLD, count(plan.done.len(), "host")), time(elapsed))
        }
        Some(Outcome::Live(spread)) => {
            let several = plan.hosts.len() > 1;
            let switch = if several { format!("; all hosts switched within {} ms", spread.as_millis()) } else { String::new() };
            format!("\n{} {what} in {}{switch}\n", paint(GREEN, "live:"), time(elapsed))
        }
        Some(Outcome::NotBegun) => {
            let what = if plan.rollback { "not rolled back:" } else { "not deployed:" };
            format!("\n{} nothing was begun\n", paint(ERROR, what))
        }
        Some(Outcome::Untouched) if plan.follows() => format!("\n{} what was live still is\n", paint(ERROR, "not deployed:")),
        Some(Outcome::Reverted) if plan.follows() => format!("\n{} every host is back at what was live\n", paint(ERROR, "rolled back:")),
        Some(Outcome::Untouched | Outcome::Reverted) => {
            format!("\n{} nothing was live before, and nothing is now\n", paint(ERROR, "not deployed:"))
        }
        Some(Outcome::Stuck) => {
            format!("\n{} not every host could be put back; `hoist releases` shows what is live where\n", paint(ERROR, "failed:"))
        }
    }
}

/// What hides a release that is live, on these hosts.
pub fn behind(plan: &Plan, on: &[String]) -> String {
    if on.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = on.iter().map(String::as_str).collect();
    let place = if on.len() < plan.hosts.len() { format!(" ({})", hosts(&names, usize::MAX)) } else { String::new() };
    let text = format!("the maintenance page is still on{place}: hoist maintenance off env={}", plan.environment);
    format!("{}\n", paint(YELLOW, escape(text)))
}

/// The same for programs: `deployed`.
pub fn result(plan: &Plan, outcome: Option<&Outcome>, behind: &[String], elapsed: Duration) -> json::Event {
    let (word, spread) = match outcome {
        None => ("unchanged", None),
        Some(Outcome::Live(spread)) => ("live", Some(spread.as_secs_f64())),
        Some(Outcome::NotBegun) => ("not begun", None),
        Some(Outcome::Untouched) => ("untouched", None),
        Some(Outcome::Reverted) => ("rolled back", None),
        Some(Outcome::Stuck) => ("stuck", None),
    };
    let fields = json!({
        "release": plan.id.as_str(), "result": word, "seconds": elapsed.as_secs_f64(), "switch_seconds": spread, "maintenance": behind,
    });
    ("deployed", json::fields(fields))
}

/// A table of releases, the newest first, equal ones of several hosts in one row. `apps` says which application a host has;
/// those of several are told apart.
pub fn releases(seen: &[Seen], apps: &BTreeMap<String, String>, all: bool, columns: Option<usize>) -> String {
    let of = |host: &str| apps.get(host).map(String::as_str).unwrap_or_default();
    let names: BTreeSet<&str> = seen.iter().map(|(host, _)| of(host)).collect();
    let head = ["APP", "RELEASE", "STATE", "VERSION", "MADE", "BY", "HOSTS"];
    let first = usize::from(names.len() < 2);
    let mut table = Table::new(head[first..].iter().map(|name| Cell::new(*name)));
    let mut rows: Vec<([String; 6], bool, Vec<&str>)> = Vec::new();
    for (host, state) in seen {
        for release in listed(&state.ledger, all) {
            let live = state.live.as_ref() == Some(&release.id);
            let row = [
                of(host).to_string(),
                release.id.to_string(),
                word(release, live),
                version::name(&release.reference, &release.commit),
                release.when.clone(),
                release.who.clone(),
            ];
            match rows.iter_mut().find(|(known, ..)| *known == row) {
                Some((.., hosts)) => hosts.push(host),
                None => rows.push((row, live, vec![host])),
            }
        }
    }
    if rows.is_empty() {
        return "no releases yet\n".to_string();
    }
    rows.sort_by_key(|(row, ..)| (row[0].clone(), std::cmp::Reverse(ReleaseId::parse(&row[1]))));
    for (row, live, on) in rows {
        let have = seen.iter().filter(|(host, _)| of(host) == row[0]).count();
        let cells = row.into_iter().chain([hosts(&on, have)]).enumerate().skip(first);
        table.row(cells.map(|(at, text)| if live && (1..3).contains(&at) { Cell::new(text).style(GREEN) } else { Cell::new(text) }));
    }
    table.text(columns)
}

/// All releases of a host, or those that are worth a look.
fn listed(ledger: &Ledger, all: bool) -> Vec<&Release> {
    if all { ledger.releases.iter().collect() } else { ledger.listed().collect() }
}

/// What a release is, in a word or two.
fn word(release: &Release, live: bool) -> String {
    let word = match release.state {
        State::Bad | State::Gone if release.failed() => "failed",
        State::Bad => "rolled back",
        State::Staging | State::Live => "interrupted",
        State::Staged if live => "interrupted",
        state => state.word(),
    };
    match (release.state, live) {
        (State::Good, true) => "live".to_string(),
        // Such as one whose deploy was killed behind the switch: nobody checked it.
        (_, true) => format!("live, {word}"),
        (_, false) => word.to_string(),
    }
}

/// The same for programs: `release`, one for each of each host.
pub fn releases_events(seen: &[Seen], apps: &BTreeMap<String, String>, all: bool) -> Vec<json::Event> {
    let of = |(host, state): &Seen| {
        let listed = listed(&state.ledger, all).into_iter();
        let event = |release: &Release| {
            let fields = json!({
                "host": host, "app": apps.get(host), "release": release.id.as_str(), "state": release.state.word(), "live": state.live.as_ref() == Some(&release.id),
                "commit": release.commit, "ref": release.reference, "who": release.who, "made": release.when, "migrated": release.migrated, "failed": release.failed(),
            });
            ("release", json::fields(fields))
        };
        listed.map(event).collect::<Vec<_>>()
    };
    seen.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::sample::{self, plan};
    use crate::report::sample::plain;

    fn host(name: &str, live: Option<&str>, lines: &[(&str, &str)]) -> Seen {
        sample::host(name, live, &lines.iter().map(|(id, state)| (*id, *state, "cccccccc")).collect::<Vec<_>>())
    }

    #[test]
    fn what_failed_is_listed_and_called_so() {
        let lines = [
            ("1-aaaaaaa", "good"),
            ("1-aaaaaaa", "gone"),
            ("2-bbbbbbb", "good"),
            ("3-ccccccc", "bad"),
            ("3-ccccccc", "gone"),
            ("4-ddddddd", "good"),
            ("4-ddddddd", "bad"),
            ("5-eeeeeee", "staging"),
        ];
        let seen = [host("web1", Some("2-bbbbbbb"), &lines)];
        let states = |all| {
            let text = plain(&releases(&seen, &BTreeMap::new(), all, None));
            let row = |line: &str| line.split("  ").filter(|cell| !cell.is_empty()).take(2).map(str::trim).collect::<Vec<_>>().join(": ");
            text.lines().skip(1).map(row).collect::<Vec<_>>()
        };
        let recent = ["5-eeeeeee: interrupted", "4-ddddddd: rolled back", "3-ccccccc: failed", "2-bbbbbbb: live"];
        assert_eq!(states(false), recent);
        assert_eq!(states(true), [&recent[..], &["1-aaaaaaa: gone"]].concat());
    }

    #[test]
    fn releases_of_several_applications_are_told_apart() {
        let lines = [("1-aaaaaaa", "good")];
        let seen = ["web1", "blog1", "web2"].map(|name| host(name, Some("1-aaaaaaa"), &lines));
        let apps = [("web1", "shop"), ("blog1", "blog"), ("web2", "shop")].map(|(host, app)| (host.to_string(), app.to_string()));
        let rows = |seen: &[Seen]| {
            let text = plain(&releases(seen, &BTreeMap::from(apps.clone()), false, None));
            let ends = |line: &str| {
                let cells: Vec<&str> = line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
                format!("{} {}", cells[0], cells[cells.len() - 1])
            };
            text.lines().map(ends).collect::<Vec<_>>()
        };
        assert_eq!(rows(&seen), ["APP HOSTS", "blog blog1", "shop web1, web2"]);
        assert_eq!(rows(&seen[..1]), ["RELEASE HOSTS", "1-aaaaaaa web1"]);
    }

    // G12
    #[test]
    fn a_release_whose_deploy_was_killed_behind_the_switch_is_live_and_was_not_checked() {
        let killed = |lines: &[(&str, &str)]| plain(&releases(&[host("web1", Some("2-bbbbbbb"), lines)], &BTreeMap::new(), false, None));
        assert!(killed(&[("2-bbbbbbb", "live")]).contains("live, interrupted"));
        assert!(killed(&[("2-bbbbbbb", "staged")]).contains("live, interrupted"), "between the switch and its line in the ledger");
    }

    #[test]
    fn a_release_that_is_live_behind_the_maintenance_page_is_told_of() {
        let plan = plan(vec![host("web1", None, &[]), host("web2", None, &[])]);
        let told = |on: &[&str]| plain(&behind(&plan, &on.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let off = format!("hoist maintenance off env={}\n", plan.environment);
        assert_eq!(told(&[]), "");
        assert_eq!(told(&["web2"]), format!("the maintenance page is still on (web2): {off}"));
        assert_eq!(told(&["web1", "web2"]), format!("the maintenance page is still on: {off}"));
    }

    #[test]
    fn submodules_are_told_of_for_no_release_has_them() {
        let mut plan = plan(vec![host("web1", None, &[])]);
        let app = sample::app(&json!({}));
        let told = |plan: &Plan| plain(&text(&app, plan, &[], Depth::default())).contains("it names submodules");
        assert!(!told(&plan));
        plan.version.submodules = true;
        assert!(told(&plan));
    }

    #[test]
    fn a_first_deploy_that_fails_goes_back_to_nothing() {
        let said = |live, how| plain(&outcome(&plan(vec![host("web1", live, &[])]), Some(&how), Duration::ZERO)).trim().to_string();
        assert_eq!(said(Some("1-aaaaaaa"), Outcome::Reverted), "rolled back: every host is back at what was live");
        assert_eq!(said(Some("1-aaaaaaa"), Outcome::Untouched), "not deployed: what was live still is");
        assert_eq!(said(None, Outcome::Reverted), "not deployed: nothing was live before, and nothing is now");
        assert_eq!(said(None, Outcome::Untouched), "not deployed: nothing was live before, and nothing is now");
    }
}
