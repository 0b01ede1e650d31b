//! The preview of all hosts as text: what will be done, task by task, with equal parts of several hosts told once.

mod fold;
mod step;
mod total;

use super::diff::Depth;
use super::failure;
use super::style::{BLUE, BOLD, DIM, YELLOW, paint};
use super::terminal::escape;
use super::words::{self, count, handler};
use crate::diagnostic::Span;
use crate::engine::{HostFailure, PlayPreview, Previewed, Step, Verdict};

/// What is shown of one host.
#[derive(Clone, Copy)]
pub struct HostPlan<'a> {
    /// Its name.
    pub host: &'a str,
    /// What each play will do.
    pub plays: &'a [PlayPreview],
    /// Handlers that an earlier run left behind, by key.
    pub pending: &'a [String],
    /// An earlier run that did not come to its end.
    pub interrupted: Option<&'a str>,
    /// Why there is no plan, if there is none.
    pub failure: Option<&'a HostFailure>,
}

impl<'a> From<&'a Previewed> for HostPlan<'a> {
    fn from(previewed: &'a Previewed) -> Self {
        let host = previewed.host.as_str();
        match &previewed.outcome {
            Ok(preview) => {
                let interrupted = preview.interrupted.as_deref();
                Self { host, plays: &preview.plays, pending: &preview.pending, interrupted, failure: None }
            }
            Err(failure) => Self { host, plays: &[], pending: &[], interrupted: None, failure: Some(failure) },
        }
    }
}

/// A part of the preview that is the same on some hosts.
struct Block {
    /// Their positions.
    hosts: Vec<usize>,
    /// The role it belongs to, if any.
    role: String,
    /// Whole lines.
    text: String,
}

/// The whole preview.
pub fn text(hosts: &[HostPlan<'_>], depth: Depth) -> String {
    let mut text = blocks(hosts, depth);
    let mut verdicts = hosts.iter().flat_map(|host| host.plays).flat_map(|play| &play.planned).map(|planned| &planned.verdict);
    if verdicts.any(|verdict| matches!(verdict, Verdict::Perhaps(_))) {
        let legend = "is read again behind the changes before it; shown is what it would do as things are now";
        text += &format!("\n{} {legend}\n", paint(BLUE, "?"));
    }
    text += if text.is_empty() { "" } else { "\n" };
    text + &paint(BOLD, total::line(hosts)) + "\n"
}

/// The preview without its legend and its total.
pub fn blocks(hosts: &[HostPlan<'_>], depth: Depth) -> String {
    let mut blocks = each(hosts, left_behind);
    let last_play = hosts.iter().flat_map(|host| host.plays).map(|play| play.play).max();
    for number in 0..last_play.map_or(0, |last| last + 1) {
        blocks.extend(tasks(hosts, number, depth));
        blocks.extend(each(hosts, |host| play(host, number).map(end_of_play).unwrap_or_default()));
    }
    blocks.extend(each(hosts, no_plan));

    joined(&blocks, hosts)
}

/// The blocks under the names of their hosts and roles, each said when it changes.
fn joined(blocks: &[Block], hosts: &[HostPlan<'_>]) -> String {
    let mut text = String::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        let new_hosts = before.is_none_or(|before| before.hosts != block.hosts);
        if new_hosts {
            let names: Vec<&str> = block.hosts.iter().map(|host| hosts[*host].host).collect();
            text += if before.is_some() { "\n" } else { "" };
            text += &format!("{}\n", paint(BOLD, escape(words::hosts(&names, hosts.len())) + ":"));
        }
        if !block.role.is_empty() && (new_hosts || before.is_none_or(|before| before.role != block.role)) {
            text += if new_hosts { "" } else { "\n" };
            text += &format!("  {}\n", paint(DIM, format!("role {}", escape(&block.role))));
        }
        text += &block.text;
        before = Some(block);
    }
    text
}

/// The same kind of part of every host, equal ones folded.
fn each(hosts: &[HostPlan<'_>], part: impl Fn(&HostPlan<'_>) -> String) -> Vec<Block> {
    let parts: Vec<Vec<String>> = hosts.iter().map(|host| Some(part(host)).filter(|text| !text.is_empty()).into_iter().collect()).collect();
    folded(&parts, "")
}

fn folded(parts: &[Vec<String>], role: &str) -> Vec<Block> {
    let rows = fold::merge(parts).into_iter();
    rows.map(|row| Block {
        text: parts[row[0].0][row[0].1].clone(),
        hosts: row.into_iter().map(|(host, _)| host).collect(),
        role: role.to_string(),
    })
    .collect()
}

fn play<'a>(host: &HostPlan<'a>, number: usize) -> Option<&'a PlayPreview> {
    host.plays.iter().find(|play| play.play == number)
}

/// The tasks of a play: a task's steps (several for a loop) on all hosts together, tasks in their order.
fn tasks(hosts: &[HostPlan<'_>], number: usize, depth: Depth) -> Vec<Block> {
    let runs: Vec<Vec<Run<'_>>> = hosts.iter().map(|host| play(host, number).map(Run::all).unwrap_or_default()).collect();
    let row = |row: Vec<(usize, usize)>| {
        let role = runs[row[0].0][row[0].1].role;
        let mut parts: Vec<Vec<String>> = vec![Vec::new(); hosts.len()];
        for (host, run) in row {
            let steps = runs[host][run].steps.iter();
            parts[host] = steps.filter_map(|(step, verdict)| step::text(step, verdict, depth)).collect();
        }
        folded(&parts, role)
    };
    fold::merge(&runs).into_iter().flat_map(row).collect()
}

/// What one task became on a host.
struct Run<'a> {
    task: &'a Span,
    role: &'a str,
    steps: Vec<(&'a Step, &'a Verdict)>,
}

impl<'a> Run<'a> {
    fn all(play: &'a PlayPreview) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for planned in &play.planned {
            let step = &play.steps.steps[planned.step];
            match runs.last_mut() {
                Some(run) if *run.task == step.span && run.role == step.role => run.steps.push((step, &planned.verdict)),
                _ => runs.push(Self { task: &step.span, role: &step.role, steps: vec![(step, &planned.verdict)] }),
            }
        }
        runs
    }
}

/// The same task, whatever it became.
impl PartialEq for Run<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.task == other.task && self.role == other.role
    }
}

/// Handlers that an earlier run left behind: they run first.
fn left_behind(host: &HostPlan<'_>) -> String {
    let (known, gone): (Vec<&String>, Vec<&String>) = host.pending.iter().partition(|key| total::is_handler(host, key));
    let line = |what: &str, keys: Vec<&String>| match keys.is_empty() {
        true => String::new(),
        false => format!("  {} {}\n", paint(YELLOW, what), names(keys.into_iter().map(String::as_str))),
    };
    let interrupted = host.interrupted.iter().map(|who| format!("  {} {}\n", paint(YELLOW, "a run was interrupted:"), escape(who)));
    interrupted.collect::<String>()
        + &line("left by an earlier run:", known)
        + &line("left by an earlier run, and no handler any more:", gone)
}

/// What follows the tasks of a play.
fn end_of_play(play: &PlayPreview) -> String {
    let mut text = String::new();
    let again = play.planned.iter().filter(|planned| planned.verdict == Verdict::PerhapsSame).count();
    if again > 0 {
        let are = if again == 1 { "is" } else { "are" };
        text += &format!("  {}\n", paint(DIM, format!("{} {are} read again after these changes", count(again, "more step"))));
    }
    let (sure, perhaps) = total::handlers(play);
    for (what, keys) in [("then:", sure), ("then, if needed:", perhaps)] {
        if !keys.is_empty() {
            text += &format!("  {} {}\n", paint(YELLOW, what), names(keys));
        }
    }
    text
}

/// Why nothing is done on a host.
fn no_plan(host: &HostPlan<'_>) -> String {
    match host.failure {
        Some(failure) => words::indent(&failure::text(failure), 2),
        None if total::is_left_out(host) => "  nothing is done on this host until that is mended\n".to_string(),
        None => String::new(),
    }
}

fn names<'a>(keys: impl IntoIterator<Item = &'a str>) -> String {
    keys.into_iter().map(|key| escape(handler(key))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
