//! What became of all hosts: a table, and for each that failed what is known and what to do next.

use std::time::Duration;

use super::failure;
use super::style::{BOLD, ERROR, GREEN, YELLOW, paint};
use super::table::{Cell, Table};
use super::terminal::escape;
use super::words::{count, handler, hosts, indent, time};
use crate::engine::{HostFailure, HostReport, StepResult, StepStatus};
use crate::shell::quote;
use crate::transport::{Cause, Failure};

/// The exit code of a run: 0 when all hosts are done, 130 when the user interrupted it and that was the only trouble,
/// 4 when a lock that another run holds was, 3 for any other. A host that was left alone because of another one is no trouble
/// of its own.
pub fn exit_code(reports: &[HostReport]) -> u8 {
    let codes = reports.iter().filter_map(|report| report.failure.as_ref()).map(|failure| match failure {
        HostFailure::Skipped(_) => u8::MAX,
        HostFailure::Interrupted | HostFailure::Unknown(Failure { cause: Cause::Interrupted, .. }) => 130,
        HostFailure::Locked(_) => 4,
        _ => 3,
    });
    match codes.min() {
        None => 0,
        Some(u8::MAX) => 3,
        Some(code) => code,
    }
}

/// The command that does the same once more.
#[derive(Debug, Clone, Copy)]
pub enum Again<'a> {
    /// On the hosts that had trouble; the pattern is the one that picked the hosts of this run.
    There(&'a str, Option<&'a str>),
    /// On all of them, for they go together. Where a step failed, the other words come before it.
    Everywhere(&'a str, Option<&'a str>),
}

/// From so many hosts on, it is shorter to name those that are left out, if they are fewer.
const MANY: usize = 5;

/// The whole summary. `again` is shown beside every trouble.
pub fn text(reports: &[HostReport], elapsed: Duration, again: Again<'_>, columns: Option<usize>) -> String {
    if reports.iter().all(|report| report.failure.is_none() && report.results.is_empty()) {
        return unchanged(reports, elapsed);
    }
    let head =
        [Cell::new("HOST"), Cell::right("OK"), Cell::right("CHANGED"), Cell::right("FAILED"), Cell::right("TIME"), Cell::new("RESULT")];
    let mut table = Table::new(head);
    for report in reports {
        table.row(row(report));
    }
    table.text(columns) + &reports.iter().map(taken_back).collect::<String>() + &cards(reports, again)
}

/// One line for a run in which nothing had to be done.
fn unchanged(reports: &[HostReport], elapsed: Duration) -> String {
    let who = match reports {
        [one] => escape(&one.host),
        all => count(all.len(), "host"),
    };
    let same: usize = reports.iter().map(|report| report.same).sum();
    format!("{}: 0 changes, {same} as wanted, {}\n", paint(BOLD, who), time(elapsed))
}

/// What an earlier run had left half done, and this one took back before it went on to its end.
fn taken_back(report: &HostReport) -> String {
    let steps = report.results.iter().filter(|result| result.status == StepStatus::RolledBack && report.failure.is_none());
    let line = |step: &StepResult| {
        format!(
            "\n{} what an earlier run left was refused and put back first\n{}",
            paint(BOLD, escape(&report.host) + ":"),
            failure::step(step)
        )
    };
    steps.map(line).collect()
}

fn row(report: &HostReport) -> [Cell; 6] {
    let (changed, failed) = (report.changed(), failed(report));
    let in_style = |cell: Cell, number, style| if number > 0 { cell.style(style) } else { cell };
    let result = match &report.failure {
        None => Cell::new("done").style(GREEN),
        Some(failure) => Cell::new(failure::word(failure)).style(if matches!(failure, HostFailure::Locked(_)) { YELLOW } else { ERROR }),
    };
    [
        Cell::new(&report.host),
        Cell::right(report.same),
        in_style(Cell::right(changed), changed, YELLOW),
        in_style(Cell::right(failed), failed, ERROR),
        Cell::right(time(report.elapsed)),
        result,
    ]
}

/// How many steps failed.
pub fn failed(report: &HostReport) -> usize {
    match &report.failure {
        Some(HostFailure::Plan(steps)) => steps.len(),
        _ => report.results.iter().filter(|result| matches!(result.status, StepStatus::Failed(_))).count(),
    }
}

/// A card for each trouble, equal ones of several hosts as one. How far each host came does not make two of one.
fn cards(reports: &[HostReport], again: Again<'_>) -> String {
    let mut cards: Vec<(String, Vec<(&str, String)>)> = Vec::new();
    for report in reports {
        let Some(failure) = &report.failure else { continue };
        let card = card(report, failure);
        let host = (report.host.as_str(), state(report));
        match cards.iter_mut().find(|(known, _)| *known == card) {
            Some((_, hosts)) => hosts.push(host),
            None => cards.push((card, vec![host])),
        }
    }
    let text = |(card, on): (String, Vec<(&str, String)>)| {
        let names: Vec<&str> = on.iter().map(|(name, _)| *name).collect();
        let who = paint(BOLD, escape(hosts(&names, reports.len())) + ":");
        let next = match again {
            Again::There(command, limit) => format!("  next: {}\n", escape(there(command, limit, &names, reports))),
            Again::Everywhere(..) => String::new(),
        };
        format!("\n{who}\n{}{next}", indent(&(card + &states(&on)), 2))
    };
    let any = !cards.is_empty();
    let text: String = cards.into_iter().map(text).collect();
    match again {
        Again::Everywhere(command, first) if any => {
            let first = first.filter(|_| reports.iter().any(|report| matches!(report.failure, Some(HostFailure::Step(_)))));
            let lines = first.into_iter().chain([command]).map(escape).collect::<Vec<_>>();
            format!("{text}\nnext: {}\n", lines.join("\n      "))
        }
        _ => text,
    }
}

fn card(report: &HostReport, why: &HostFailure) -> String {
    let mut text = failure::text(why);
    if let Some(result) = report.results.last().filter(|result| result.status == StepStatus::Unknown) {
        text += &format!("it was at: {}\n{}", escape(&result.name), failure::step(result));
    }
    text
}

/// The states that the hosts of a card are in: a line each, with the names of its hosts where there are several.
fn states(on: &[(&str, String)]) -> String {
    let mut states: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, state) in on {
        match states.iter_mut().find(|(known, _)| known == state) {
            Some((_, names)) => names.push(name),
            None => states.push((state, vec![name])),
        }
    }
    match &states[..] {
        [(state, _)] => format!("{state}\n"),
        several => several.iter().map(|(state, names)| format!("{}: {state}\n", escape(hosts(names, usize::MAX)))).collect(),
    }
}

/// The command that does the same once more where there was this trouble.
fn there(command: &str, limit: Option<&str>, names: &[&str], reports: &[HostReport]) -> String {
    let pattern = if names.len() == reports.len() {
        limit.map(str::to_string)
    } else {
        let others: Vec<&str> = reports.iter().map(|report| report.host.as_str()).filter(|host| !names.contains(host)).collect();
        let short = names.len() < MANY || others.len() >= names.len();
        Some(if short { names.join(",") } else { format!("{},!{}", limit.unwrap_or("all"), others.join(",!")) })
    };
    let plain = |pattern: &str| pattern.split(',').all(|name| quote(name).is_some_and(|quoted| quoted == name));
    let word = pattern.and_then(|pattern| if plain(&pattern) { Some(pattern) } else { quote(&pattern) });
    word.map_or(command.to_string(), |pattern| format!("{command} --limit {pattern}"))
}

/// The state that the host is in.
fn state(report: &HostReport) -> String {
    let changed = match report.changed() {
        0 if report.results.iter().any(|result| result.status == StepStatus::Unknown) => "nothing is known to have changed".to_string(),
        0 if report.results.is_empty() => "nothing was changed".to_string(),
        0 => "nothing was changed before it".to_string(),
        number => format!("{} changed before it", count(number, "step")),
    };
    let changed = match (report.taken_back, report.changed()) {
        (0, _) => changed,
        (back, 0) => format!("{} changed before it and put back: the host is as it was", count(back, "step")),
        (1, _) => format!("{changed}; 1 more changed and was put back"),
        (back, _) => format!("{changed}; {back} more changed and were put back"),
    };
    if report.pending.is_empty() {
        return changed;
    }
    let names: Vec<String> = report.pending.iter().map(|key| escape(handler(key))).collect();
    let (are, run) = if names.len() == 1 { ("is", "runs") } else { ("are", "run") };
    format!("{changed}; {} {are} pending and {run} first next time: {}", count(names.len(), "handler"), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{place, plain};
    use crate::transport::{Cause, Failure};

    fn result(name: &str, status: StepStatus, output: &[u8]) -> StepResult {
        let span = Some(place("nginx", 12));
        StepResult {
            name: name.to_string(),
            what: "shell make".to_string(),
            status,
            elapsed: Duration::from_millis(2140),
            output: output.to_vec(),
            span,
        }
    }

    fn report(host: &str, same: usize, results: Vec<StepResult>, failure: Option<HostFailure>) -> HostReport {
        let elapsed = Duration::from_millis(100 * same as u64);
        HostReport { host: host.to_string(), same, results, elapsed, failure, ..HostReport::default() }
    }

    fn shown(reports: &[HostReport]) -> String {
        plain(&text(reports, Duration::from_millis(412), Again::There("hoist provision env=prod", None), None))
    }

    fn locked() -> HostFailure {
        HostFailure::Locked("ann@laptop hoist provision env=prod (process 7)".to_string())
    }

    #[test]
    fn without_changes_one_line_is_enough() {
        assert_eq!(shown(&[report("web1", 45, vec![], None)]), "web1: 0 changes, 45 as wanted, 0.4 s\n");
        assert_eq!(
            shown(&[report("web1", 45, vec![], None), report("web2", 40, vec![], None)]),
            "2 hosts: 0 changes, 85 as wanted, 0.4 s\n"
        );
    }

    #[test]
    fn each_host_has_a_row_and_each_trouble_a_card() {
        let changed = || result("nginx is installed", StepStatus::Changed, b"");
        let bad = result("nginx.conf is up to date", StepStatus::Failed(1), b"nginx: [emerg] \x1b[31munknown\r\n\n\tdirective \xff\n");
        let mut failed = report("web2", 40, vec![changed(), changed(), bad.clone()], Some(HostFailure::Step(bad)));
        failed.pending = vec!["nginx/reload nginx".to_string()];
        let timeout = || Some(HostFailure::Unreachable(Failure::new(Cause::Timeout, "no answer within 10 s").remedy("is it up?")));
        let key = Failure::new(Cause::HostKey, "the key is unknown").remedy("hoist hosts trust env=prod");
        let lost = HostFailure::Unknown(Failure::new(Cause::Lost, "the connection was closed"));
        let running = result("certificates", StepStatus::Unknown, b"");
        let reports = [
            report("web1", 42, vec![changed(), changed(), changed()], None),
            failed,
            report("web3", 0, vec![], timeout()),
            report("web4", 0, vec![], timeout()),
            report("web5", 0, vec![], Some(HostFailure::Unreachable(key))),
            report("web6", 3, vec![running], Some(lost)),
            report("web7", 0, vec![], Some(locked())),
        ];
        assert_eq!(
            shown(&reports),
            "\
HOST  OK  CHANGED  FAILED   TIME  RESULT
web1  42        3       0  4.2 s  done
web2  40        2       1  4.0 s  failed
web3   0        0       0  0.0 s  unreachable
web4   0        0       0  0.0 s  unreachable
web5   0        0       0  0.0 s  failed
web6   3        0       0  0.3 s  unknown
web7   0        0       0  0.0 s  locked

web2:
  failed: nginx.conf is up to date
      shell make
      at roles/nginx/role.yml:12:5
      exit status 1
      | nginx: [emerg] \\x1b[31munknown
      | 
      | \tdirective \\xff
  2 steps changed before it; 1 handler is pending and runs first next time: reload nginx
  next: hoist provision env=prod --limit web2

web3, web4:
  unreachable: timeout: no answer within 10 s
      is it up?
  nothing was changed
  next: hoist provision env=prod --limit web3,web4

web5:
  failed: host key: the key is unknown
      hoist hosts trust env=prod
  nothing was changed
  next: hoist provision env=prod --limit web5

web6:
  unknown: the line broke after work had begun: connection lost: the connection was closed
  it was at: certificates
      shell make
      at roles/nginx/role.yml:12:5
      it may have happened or not
  nothing is known to have changed
  next: hoist provision env=prod --limit web6

web7:
  locked: another run holds the lock: ann@laptop hoist provision env=prod (process 7)
  nothing was changed
  next: hoist provision env=prod --limit web7
"
        );
    }

    #[test]
    fn steps_that_cannot_be_planned_are_counted_and_named() {
        let why = crate::resource::Unreadable::new("`/etc/motd` is a directory").help("remove it");
        let failure = HostFailure::Plan(vec![("motd".to_string(), why.clone()), ("issue".to_string(), why)]);
        assert_eq!(
            shown(&[report("web1", 7, vec![], Some(failure))]),
            "\
HOST  OK  CHANGED  FAILED   TIME  RESULT
web1   7        0       2  0.7 s  failed

web1:
  failed: motd
      `/etc/motd` is a directory
      help: remove it
  failed: issue
      `/etc/motd` is a directory
      help: remove it
  nothing was changed
  next: hoist provision env=prod
"
        );
    }

    /// Hosts on which the same step failed, behind so many others.
    fn failed_behind(changes: &[usize]) -> Vec<HostReport> {
        let bad = || result("build", StepStatus::Failed(2), b"no such module");
        let one = |(at, changes): (usize, &usize)| {
            let results = (0..*changes).map(|_| result("a", StepStatus::Changed, b"")).chain([bad()]).collect();
            report(&format!("web{}", at + 1), 1, results, Some(HostFailure::Step(bad())))
        };
        changes.iter().enumerate().map(one).collect()
    }

    fn behind_the_table(text: &str) -> &str {
        text.split_once("\n\n").map_or("", |(_, cards)| cards)
    }

    #[test]
    fn the_same_trouble_is_told_once_however_far_each_host_came() {
        let reports = failed_behind(&[13, 12, 12]);
        let first = Some("commit and push first:");
        let text = |again| plain(&text(&reports, Duration::from_millis(412), again, None));
        assert_eq!(
            behind_the_table(&text(Again::Everywhere("hoist deploy env=prod", first))),
            "\
web1, web2, web3:
  failed: build
      shell make
      at roles/nginx/role.yml:12:5
      exit status 2
      | no such module
  web1: 13 steps changed before it
  web2, web3: 12 steps changed before it

next: commit and push first:
      hoist deploy env=prod
"
        );
        let locked = [report("web1", 0, vec![], Some(locked()))];
        let text = plain(&super::text(&locked, Duration::ZERO, Again::Everywhere("hoist deploy env=prod", first), None));
        assert!(text.ends_with("\n\nnext: hoist deploy env=prod\n"), "{text}");
    }

    #[test]
    fn the_command_names_the_fewest_hosts_that_it_can() {
        let mut reports = failed_behind(&[0; 8]);
        let next = |reports: &[HostReport], limit| {
            let text = plain(&text(reports, Duration::ZERO, Again::There("hoist provision env=prod", limit), None));
            text.lines().filter_map(|line| line.strip_prefix("  next: hoist provision env=prod")).collect::<Vec<_>>().join(";")
        };
        assert_eq!(next(&reports, None), "");
        assert_eq!(next(&reports, Some("web:&eu")), " --limit 'web:&eu'");
        reports[2].failure = None;
        reports[4].failure = None;
        assert_eq!(next(&reports, None), " --limit 'all,!web3,!web5'");
        assert_eq!(next(&reports, Some("web")), " --limit 'web,!web3,!web5'");
        assert_eq!(next(&reports[..5], Some("web")), " --limit web1,web2,web4");
    }

    #[test]
    fn only_when_all_hosts_are_done_the_exit_code_is_0() {
        let done = report("web1", 1, vec![], None);
        let locked = report("web2", 1, vec![], Some(locked()));
        let failed = report("web3", 1, vec![], Some(HostFailure::Plan(vec![])));
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[done.clone(), done.clone()]), 0);
        assert_eq!(exit_code(&[done.clone(), locked.clone()]), 4);
        let skipped = report("web4", 1, vec![], Some(HostFailure::Skipped("web2 is locked".to_string())));
        assert_eq!(exit_code(&[done.clone(), locked.clone(), skipped.clone()]), 4);
        assert_eq!(exit_code(&[locked.clone(), skipped.clone(), failed.clone()]), 3);
        assert_eq!(exit_code(&[done.clone(), skipped]), 3);
        assert_eq!(exit_code(&[done, locked, failed]), 3);
    }
}
