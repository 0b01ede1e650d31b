//! Bars: one for each of about a dozen hosts, those that do most first, and a total. They stay in place, and nothing
//! of them is left when they are dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use unicode_width::UnicodeWidthStr as _;

use crate::engine::{Event, Phase};
use crate::report::terminal::escape;
use crate::report::words::{about, count};

const VISIBLE: usize = 12;
/// Characters of a step that are shown beside its output.
const BESIDE_OUTPUT: usize = 40;
/// A step that printed nothing for so long is told to be silent.
const SILENCE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(125);

/// The bars that are on the terminal now.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Prints something, while the bars, if there are any, are out of the way. From any thread.
pub fn aside(print: impl FnOnce()) {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(multi) => multi.suspend(print),
        None => print(),
    }
}

/// The bars of a run.
pub struct Bars(Mutex<State>);

struct State {
    multi: MultiProgress,
    total: ProgressBar,
    all: usize,
    done: usize,
    names: usize,
    visible: usize,
    /// Those at work, in the order in which they began.
    hosts: Vec<Host>,
}

struct Host {
    name: String,
    phase: Phase,
    step: String,
    output: String,
    /// When the output was heard; nothing yet: `None`.
    heard: Arc<Mutex<Option<Instant>>>,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// For these hosts, on a terminal with so many columns and rows.
    pub fn new(hosts: &[String], (columns, rows): (usize, usize)) -> Self {
        super::quiet::quiet();
        let multi = MultiProgress::new();
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(multi.clone());
        let total = multi.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        total.enable_steady_tick(TICK);
        let state = State {
            multi,
            total,
            all: hosts.len(),
            done: 0,
            names: hosts.iter().map(|name| escape(name).width()).max().unwrap_or(0).min((columns / 3).max(10)),
            visible: VISIBLE.min(rows.saturating_sub(2)),
            hosts: Vec::new(),
        };
        state.show_total();
        Self(Mutex::new(state))
    }

    /// Takes one event, from any thread.
    pub fn event(&self, host: &str, event: Event) {
        // Bars are for the eye; after a panic elsewhere they are still worth drawing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).event(host, event);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for bar in state.hosts.iter().filter_map(|host| host.bar.as_ref()).chain([&state.total]) {
            bar.finish_and_clear();
        }
        super::quiet::restore();
    }
}

impl State {
    fn event(&mut self, name: &str, event: Event) {
        let at = self.hosts.iter().position(|host| host.name == name);
        if event == Event::Phase(Phase::Done) {
            self.done += 1;
            if let Some(at) = at {
                self.hide(at);
                self.hosts.remove(at);
            }
        } else {
            let at = at.unwrap_or_else(|| {
                let (step, output, heard) = (String::new(), String::new(), Arc::default());
                self.hosts.push(Host { name: name.to_string(), phase: Phase::Connecting, step, output, heard, bar: None });
                self.hosts.len() - 1
            });
            self.hosts[at].take(event);
        }
        self.settle();
        self.show_total();
    }

    /// Gives the bars to the hosts that do most; among equals to those that began first.
    fn settle(&mut self) {
        let mut order: Vec<usize> = (0..self.hosts.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.hosts[*at].weight()));
        for at in order.split_off(self.visible.min(order.len())) {
            self.hide(at);
        }
        for at in order {
            if self.hosts[at].bar.is_none() {
                self.show(at);
            }
        }
    }

    /// Gives a bar to a host, above those of the hosts that began later.
    fn show(&mut self, at: usize) {
        let template = format!("{{spinner}} {{prefix:{}!.bold}} {{elapsed:>4.dim}} {{wide_msg}}{{silent:.yellow}}", self.names);
        let heard = Arc::clone(&self.hosts[at].heard);
        // Asked with each drawing: the age of the last line grows while nothing happens.
        let silent = move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = text.write_str(&silence(*heard.lock().unwrap_or_else(PoisonError::into_inner)));
        };
        let bar =
            ProgressBar::new_spinner().with_style(style(&template).with_key("silent", silent)).with_prefix(escape(&self.hosts[at].name));
        let below = self.hosts[at + 1..].iter().find_map(|host| host.bar.as_ref()).unwrap_or(&self.total);
        let bar = self.multi.insert_before(below, bar);
        bar.enable_steady_tick(TICK);
        self.hosts[at].bar = Some(bar);
        self.hosts[at].show();
    }

    fn hide(&mut self, at: usize) {
        if let Some(bar) = self.hosts[at].bar.take() {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
    }

    fn show_total(&self) {
        let hidden = self.hosts.iter().filter(|host| host.bar.is_none()).count();
        let more = if hidden > 0 { format!(", {hidden} more at work") } else { String::new() };
        self.total.set_message(format!("{} of {} done{more}", self.done, count(self.all, "host")));
    }
}

impl Host {
    fn take(&mut self, event: Event) {
        match event {
            Event::Phase(phase) => {
                self.phase = phase;
                self.step = String::new();
                self.say(None);
                self.restart();
            }
            Event::StepStarted { step, number, of } => {
                let about = about(&step.name, step.kind, &step.subject).map(|about| format!(" ({about})")).unwrap_or_default();
                self.step = format!("{number}/{of} {}{about}", escape(&step.name));
                self.say(None);
                self.restart();
            }
            Event::Output(line) => self.say(Some(&line)),
            Event::StepDone { .. } => {}
        }
        self.show();
    }

    /// Takes the last line that a step printed.
    fn say(&mut self, line: Option<&[u8]>) {
        self.output = line.map(escape).unwrap_or_default();
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = line.map(|_| Instant::now());
    }

    fn weight(&self) -> u8 {
        match self.phase {
            Phase::Applying => 2,
            Phase::Probing => 1,
            Phase::Connecting | Phase::Done => 0,
        }
    }

    fn restart(&self) {
        if let Some(bar) = &self.bar {
            bar.reset_elapsed();
        }
    }

    fn show(&self) {
        let Some(bar) = &self.bar else { return };
        let phase = match self.phase {
            Phase::Connecting => "connecting",
            Phase::Probing => "asking",
            Phase::Applying | Phase::Done => "working",
        };
        let what = if self.step.is_empty() { phase } else { &self.step };
        bar.set_message(match self.output.as_str() {
            "" => what.to_string(),
            // A long name must not push the output out of sight.
            output => format!("{} | {output}", what.chars().take(BESIDE_OUTPUT).collect::<String>().trim_end()),
        });
    }
}

/// How old the last line is, once that is worth a word.
fn silence(heard: Option<Instant>) -> String {
    heard.map(|heard| heard.elapsed()).filter(|age| *age >= SILENCE).map(|age| format!(" ({} s ago)", age.as_secs())).unwrap_or_default()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates here are well-formed")
}
