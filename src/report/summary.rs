//! What became of all hosts: a table, and for each that failed what is known and what to do next.

use std::time::Duration;

use super::failure;
use super::style::{BOLD, ERROR, GREEN, YELLOW, paint};
use super::table::{Cell, Table};
use super::terminal::escape;
use super::words::{count, handler, hosts, indent, time};
use crate::engine::{HostFailure, HostReport, StepStatus};
use crate::shell::quote;

/// The exit code of a run: 0 when all hosts are done, 4 when another run holding the lock was the only trouble, 3 for
/// any other.
pub fn exit_code(reports: &[HostReport]) -> u8 {
    let failures = reports.iter().filter_map(|report| report.failure.as_ref());
    let codes = failures.map(|failure| if matches!(failure, HostFailure::Locked(_)) { 4 } else { 3 });
    codes.min().unwrap_or(0)
}

/// The whole summary. `again` is the command that does the same once more; it is shown with the hosts to run it on.
pub fn text(reports: &[HostReport], elapsed: Duration, again: &str) -> String {
    if reports.iter().all(|report| report.failure.is_none() && report.results.is_empty()) {
        return unchanged(reports, elapsed);
    }
    let head =
        [Cell::new("HOST"), Cell::right("OK"), Cell::right("CHANGED"), Cell::right("FAILED"), Cell::right("TIME"), Cell::new("RESULT")];
    let mut table = Table::new(head);
    for report in reports {
        table.row(row(report));
    }
    table.text() + &cards(reports, again)
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

/// A card for each trouble, equal ones of several hosts as one.
fn cards(reports: &[HostReport], again: &str) -> String {
    let mut cards: Vec<(String, Vec<&str>)> = Vec::new();
    for report in reports {
        let Some(failure) = &report.failure else { continue };
        let card = card(report, failure);
        match cards.iter_mut().find(|(known, _)| *known == card) {
            Some((_, hosts)) => hosts.push(&report.host),
            None => cards.push((card, vec![&report.host])),
        }
    }
    let text = |(card, names): (String, Vec<&str>)| {
        let limit =
            if names.len() == reports.len() { String::new() } else { format!(" --limit {}", quote(&names.join(",")).unwrap_or_default()) };
        let who = paint(BOLD, escape(hosts(&names, reports.len())) + ":");
        format!("\n{who}\n{}  next: {}\n", indent(&card, 2), escape(format!("{again}{limit}")))
    };
    cards.into_iter().map(text).collect()
}

fn card(report: &HostReport, why: &HostFailure) -> String {
    let mut text = failure::text(why);
    if let Some(result) = report.results.last().filter(|result| result.status == StepStatus::Unknown) {
        text += &format!("{}\n{}", escape(&result.name), failure::step(result));
    }
    text + &state(report) + "\n"
}

/// The state that the host is in.
fn state(report: &HostReport) -> String {
    let changed = match report.changed() {
        0 if report.results.iter().any(|result| result.status == StepStatus::Unknown) => "nothing is known to have changed".to_string(),
        0 if report.results.is_empty() => "nothing was changed".to_string(),
        0 => "nothing was changed before it".to_string(),
        number => format!("{} changed before it", count(number, "step")),
    };
    if report.pending.is_empty() {
        return changed;
    }
    let names: Vec<String> = report.pending.iter().map(|key| escape(handler(key))).collect();
    let (are, run) = if names.len() == 1 { ("is", "runs") } else { ("are", "run") };
    format!("{changed}; {} {are} pending and {run} first next time: {}", count(names.len(), "handler"), names.join(", "))
}
