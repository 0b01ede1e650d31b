//! Whole previews, as a reader without colours sees them.

use super::*;
use crate::report::sample::{change, handler, notifying, place, plain, play, rewrite, step};
use crate::resource::{Action, Unreadable};
use crate::transport::{Cause, Failure};

fn host<'a>(name: &'a str, plays: &'a [PlayPreview]) -> HostPlan<'a> {
    HostPlan { host: name, plays, pending: &[], interrupted: None, failure: None }
}

fn shown(hosts: &[HostPlan<'_>]) -> String {
    plain(&text(hosts, Depth::Short))
}

/// nginx on a fresh host; its configuration names `user`.
fn nginx(user: &str) -> PlayPreview {
    let conf = rewrite("/etc/nginx/nginx.conf", "user www;\n", &format!("user {user};\n")).attribute("mode", "0644", "0600");
    let gone = Unreadable::new("the unit `nginx.service` is not there yet").help("is the name right?");
    let reload = |step| notifying(step, &["nginx/reload nginx"]);
    let site = step("nginx", 5, "the default site is gone", "file", "/etc/nginx/sites-enabled/default");
    play(
        0,
        vec![
            (step("common", 2, "motd", "copy", "/etc/motd"), Verdict::Same),
            (
                step("nginx", 2, "package nginx", "package", "nginx"),
                Verdict::Change(change(Action::Create).attribute("version", "", "1.22")),
            ),
            (reload(site), Verdict::Perhaps(change(Action::Delete))),
            (reload(step("nginx", 9, "nginx.conf is up to date", "template", "/etc/nginx/nginx.conf")), Verdict::Change(conf)),
            (step("nginx", 12, "mime.types", "copy", "/etc/nginx/mime.types"), Verdict::PerhapsSame),
            (notifying(step("nginx", 20, "nginx runs", "service", "nginx"), &["nginx/say so"]), Verdict::Later(gone)),
        ],
        vec![handler("nginx", "reload nginx"), handler("nginx", "say so"), handler("nginx", "idle")],
    )
}

#[test]
fn a_host_is_told_task_by_task() {
    assert_eq!(
        shown(&[host("web1", &[nginx("www-data")])]),
        "\
web1:
  role nginx
  + package nginx
      version: 1.22
 ?- the default site is gone  (file /etc/nginx/sites-enabled/default)
      notifies: reload nginx
  ~ nginx.conf is up to date  (template /etc/nginx/nginx.conf)
      --- /etc/nginx/nginx.conf
      +++ /etc/nginx/nginx.conf
      @@ -1 +1 @@
      -user www;
      +user www-data;
      mode: 0644 -> 0600
      notifies: reload nginx
  ? nginx runs  (service nginx)
      can only be read after these changes: the unit `nginx.service` is not there yet
  1 more step is read again after these changes
  then: reload nginx
  then, if needed: say so

? is read again behind the changes before it; shown is what it would do as things are now

Plan: 1 host, 1 to create, 1 to change, 1 handler; 1 as wanted; 3 to be read again
"
    );
}

#[test]
fn equal_parts_of_several_hosts_are_told_once() {
    let motd = |text: &str| (step("common", 2, "motd", "copy", "/etc/motd"), Verdict::Change(rewrite("/etc/motd", "", text)));
    let user = |number| (step("common", 5, &format!("user {number}"), "user", number), Verdict::Change(change(Action::Create)));
    let run = || (step("app", 2, "build", "command", "make"), Verdict::Change(change(Action::Run).note("make").note("in /srv/app")));
    let one = [play(0, vec![motd("a\n"), user("x"), user("y"), run()], vec![])];
    let two = [play(0, vec![motd("b\n"), user("y"), run()], vec![]), play(2, vec![run()], vec![])];
    let names = ["web1", "web2", "web3", "web4", "web5"];
    let mut hosts: Vec<HostPlan<'_>> = names.iter().map(|name| host(name, &one)).collect();
    hosts[3].plays = &two;
    assert_eq!(
        shown(&hosts),
        "\
web1, web2 and 2 more:
  role common
  ~ motd  (copy /etc/motd)
      --- /etc/motd
      +++ /etc/motd
      @@ -0,0 +1 @@
      +a

web4:
  role common
  ~ motd  (copy /etc/motd)
      --- /etc/motd
      +++ /etc/motd
      @@ -0,0 +1 @@
      +b

web1, web2 and 2 more:
  role common
  + user x

all 5 hosts:
  role common
  + user y

  role app
  ! build  (command make)
      in /srv/app

web4:
  role app
  ! build  (command make)
      in /srv/app

Plan: 5 hosts, 9 to create, 5 to change, 6 to run; 0 as wanted
"
    );
}

#[test]
fn what_an_earlier_run_left_comes_first() {
    let plays = [play(0, vec![(step("nginx", 2, "a", "copy", "/a"), Verdict::Same)], vec![handler("nginx", "reload nginx")])];
    let pending = ["nginx/reload nginx".to_string(), "old/restart \x1b[1mold".to_string()];
    let hosts = [HostPlan { pending: &pending, ..host("web1", &plays) }, host("web2", &plays)];
    assert_eq!(
        shown(&hosts),
        "\
web1:
  left by an earlier run: reload nginx
  left by an earlier run, and no handler any more: restart \\x1b[1mold

Plan: 1 of 2 hosts, 1 handler; 2 as wanted
"
    );
}

#[test]
fn hosts_on_which_nothing_can_be_done_say_why() {
    let wrong = Unreadable::new("`/etc/motd` is a directory, a file is expected").help("remove it first");
    let failed = [play(0, vec![(step("common", 2, "motd", "copy", "/etc/motd"), Verdict::Failed(wrong))], vec![])];
    let good = [play(0, vec![(step("common", 2, "motd", "copy", "/etc/motd"), Verdict::Change(change(Action::Create)))], vec![])];
    let down = HostFailure::Unreachable(Failure::new(Cause::Timeout, "no answer within 10 s").remedy("is it up?").remedy("  ping web3"));
    let mut tasks = crate::diagnostic::Diagnostics::new();
    tasks.push(crate::diagnostic::Diagnostic::error("`port` is not set").at(&place("app", 3)));
    let tasks = HostFailure::Tasks(tasks);
    let without = |host, failure| HostPlan { host, plays: &[], pending: &[], interrupted: None, failure: Some(failure) };
    let hosts = [host("web1", &good), host("web2", &failed), without("web3", &down), without("web4", &down), without("web5", &tasks)];
    assert_eq!(
        shown(&hosts),
        "\
web1:
  role common
  + motd  (copy /etc/motd)

web2:
  role common
  x motd  (copy /etc/motd)
      error: `/etc/motd` is a directory, a file is expected
      help: remove it first
      at roles/common/role.yml:2:5
  nothing is done on this host until that is mended

web3, web4:
  unreachable: timeout: no answer within 10 s
      is it up?
        ping web3

web5:
  failed: its tasks have mistakes
      error: `port` is not set
       --> roles/app/role.yml:3:5
        |
      3 |   - task
        |     ^^^^

      1 error

Plan: 1 of 5 hosts, 1 to create; 0 as wanted; 4 left out
"
    );
    assert_eq!(
        shown(&hosts[2..3]),
        "web3:\n  unreachable: timeout: no answer within 10 s\n      is it up?\n        ping web3\n\nNo plan. 1 host left out.\n"
    );
}

#[test]
fn without_changes_one_line_says_so() {
    let same = |line| (step("common", line, "a", "copy", "/a"), Verdict::Same);
    let plays = [play(0, vec![same(2), same(3)], vec![handler("common", "idle")]), play(1, vec![same(4)], vec![])];
    assert_eq!(shown(&[host("web1", &plays), host("web2", &plays)]), "No changes. 2 hosts, 6 steps as wanted.\n");
}

// O01, O03
#[test]
fn nothing_of_a_host_reaches_the_terminal_raw() {
    let nasty = "\x1b]0;x\x07\r\u{202e}\n\u{9b}2J";
    let change = change(Action::Update).attribute("mode", nasty, nasty).note(nasty);
    let later = Unreadable::new(nasty).help(nasty);
    let plays = [play(
        0,
        vec![
            (notifying(step(nasty, 2, nasty, "copy", nasty), &[nasty]), Verdict::Perhaps(change)),
            (step("a", 3, nasty, "copy", nasty), Verdict::Later(later.clone())),
            (step("a", 4, nasty, "copy", nasty), Verdict::Failed(later)),
        ],
        vec![handler(nasty, nasty)],
    )];
    let pending = [nasty.to_string()];
    let failure = HostFailure::Unreachable(Failure::new(Cause::Lost, nasty).remedy(nasty));
    let hosts = [HostPlan { host: nasty, plays: &plays, pending: &pending, interrupted: None, failure: Some(&failure) }];
    // Only colours are left of all escape sequences.
    let text = text(&hosts, Depth::Full);
    let raw: Vec<char> = plain(&text).chars().filter(|char| (char.is_control() && *char != '\n') || *char == '\u{202e}').collect();
    assert_eq!(raw, Vec::<char>::new());
    assert!(
        text.split('\x1b').skip(1).all(|piece| piece.starts_with('[')
            && piece.split('m').next().is_some_and(|code| code[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))),
        "{text:?}"
    );
}
