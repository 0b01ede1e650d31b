//! The last line of the preview, and what it counts.

use super::HostPlan;
use crate::engine::{PlayPreview, Verdict};
use crate::report::words::count;
use crate::resource::Action;

/// `Plan: 3 hosts, 12 to create, 4 to change, 2 to run; 31 as wanted; 5 to be read again`.
pub fn line(hosts: &[HostPlan<'_>]) -> String {
    let going: Vec<&HostPlan<'_>> = hosts.iter().filter(|host| !is_left_out(host)).collect();
    let verdicts = || going.iter().flat_map(|host| host.plays).flat_map(|play| &play.planned).map(|planned| &planned.verdict);
    let number = |is: &dyn Fn(&Verdict) -> bool| verdicts().filter(|verdict| is(verdict)).count();
    let to = |action: Action| number(&|verdict| verdict.change().is_some_and(|change| change.action == action));
    let handlers = going.iter().map(|host| will_run(host)).sum();
    let work = [
        (to(Action::Create), "to create".to_string()),
        (to(Action::Update), "to change".to_string()),
        (to(Action::Delete), "to delete".to_string()),
        (to(Action::Run), "to run".to_string()),
        (handlers, if handlers == 1 { "handler" } else { "handlers" }.to_string()),
    ];
    let same = number(&|verdict| *verdict == Verdict::Same);
    let again = number(&Verdict::unsure);
    let some = |number: usize, words: &str| if number > 0 { format!("; {number} {words}") } else { String::new() };
    let rest = some(again, "to be read again") + &some(hosts.len() - going.len(), "left out");
    let work: Vec<String> = work.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    if going.is_empty() {
        return format!("No plan. {} left out.", count(hosts.len(), "host"));
    }
    if work.is_empty() {
        return format!("No changes. {}, {} as wanted{rest}.", count(going.len(), "host"), count(same, "step"));
    }
    let changing = going.iter().filter(|host| has_work(host)).count();
    let who = if changing == hosts.len() { count(changing, "host") } else { format!("{changing} of {}", count(hosts.len(), "host")) };
    format!("Plan: {who}, {}; {same} as wanted{rest}", work.join(", "))
}

/// Whether nothing will be done on it: it has no plan, or a step about which nothing sensible can be done.
pub fn is_left_out(host: &HostPlan<'_>) -> bool {
    let failed = |play: &PlayPreview| play.planned.iter().any(|planned| matches!(planned.verdict, Verdict::Failed(_)));
    host.failure.is_some() || host.plays.iter().any(failed)
}

fn has_work(host: &HostPlan<'_>) -> bool {
    will_run(host) > 0 || host.plays.iter().flat_map(|play| &play.planned).any(|planned| planned.verdict.change().is_some())
}

/// How many handlers are sure to run.
fn will_run(host: &HostPlan<'_>) -> usize {
    let left = host.pending.iter().filter(|key| is_handler(host, key)).count();
    left + host.plays.iter().map(|play| handlers(play).0.len()).sum::<usize>()
}

/// Whether a key is one of a handler that can run on the host.
pub fn is_handler(host: &HostPlan<'_>, key: &str) -> bool {
    host.plays.iter().flat_map(|play| &play.steps.handlers).any(|handler| handler.key == key)
}

/// Keys of the handlers that run at the end of a play: surely, and perhaps (notified by what is not settled yet, or by
/// another handler).
pub fn handlers(play: &PlayPreview) -> (Vec<&str>, Vec<&str>) {
    let notified = |is: fn(&Verdict) -> bool| {
        let steps = play.planned.iter().filter(move |planned| is(&planned.verdict)).map(|planned| &play.steps.steps[planned.step]);
        steps.flat_map(|step| step.notify.iter().map(String::as_str)).collect::<Vec<&str>>()
    };
    let sure = notified(|verdict| verdict.change().is_some());
    let mut perhaps = notified(|verdict| matches!(verdict, Verdict::Perhaps(_) | Verdict::Later(_)));
    let runs = || play.steps.handlers.iter().filter(|handler| !handler.steps.is_empty());
    for handler in runs() {
        if sure.contains(&handler.key.as_str()) || perhaps.contains(&handler.key.as_str()) {
            perhaps.extend(handler.steps.iter().flat_map(|step| &step.notify).map(String::as_str));
        }
    }
    let of = |keys: &[&str]| runs().map(|handler| handler.key.as_str()).filter(|key| keys.contains(key)).collect::<Vec<&str>>();
    let (sure, perhaps) = (of(&sure), of(&perhaps));
    let perhaps = perhaps.into_iter().filter(|key| !sure.contains(key)).collect();
    (sure, perhaps)
}
