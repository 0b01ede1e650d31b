//! The dead man's switch. A change to one of the ways to a host (sshd, sudo, firewall, network) is confirmed through a new
//! connection, or the host puts the old state back by itself: a watchdog on the host waits for the confirmation, with copies
//! of what was there and the handlers that bring them into effect.

use std::time::{Duration, Instant};

use super::host;
use super::outcome::HostFailure;
use super::plan::Planned;
use super::result::{StepResult, StepStatus};
use super::worker::{RECONNECT, Worker};
use super::wrap::wrap;
use super::{Handler, Step, aside};
use crate::resource::{Change, path};
use crate::shell::{ASIDE, Answers, Nonce, PRELUDE, SWITCH, Script};
use crate::transport::{Cause, Failure};

/// The files and folders whose change may close the way to a host.
const WAYS: &[&str] = &[
    // Logging in.
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d",
    "/etc/systemd/system/ssh.service",
    "/etc/systemd/system/ssh.service.d",
    "/etc/systemd/system/ssh.socket",
    "/etc/systemd/system/ssh.socket.d",
    "/etc/pam.d",
    "/etc/security",
    "/etc/nsswitch.conf",
    "/etc/hosts.allow",
    "/etc/hosts.deny",
    // Becoming root.
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/doas.conf",
    // The firewall.
    "/etc/nftables.conf",
    "/etc/nftables.d",
    "/etc/nftables",
    "/etc/ufw",
    "/etc/default/ufw",
    "/etc/iptables",
    "/etc/firewalld",
    // The network.
    "/etc/network",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/NetworkManager",
    "/etc/resolv.conf",
];

/// The units that are ways to a host, or may close one.
const UNITS: &[&str] = &["ssh", "sshd", "ssh.socket", "nftables", "ufw", "firewalld", "networking", "systemd-networkd", "NetworkManager"];

/// What the copies are called on the host.
const SET: &str = "switch";

/// How long the old line may take to answer, before it is given up.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether a change of this path may close the way to the host.
fn is_way(changed: &str) -> bool {
    let below = |way: &&str| changed.strip_prefix(*way).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    WAYS.iter().any(below) || (path::name(changed) == "authorized_keys" && changed.contains("/.ssh/"))
}

/// Whether it changes a folder above the keys of a user, which sshd wants to be his. A home folder is not put aside as a whole.
fn is_above_keys(changed: &str, stays: bool) -> bool {
    let home = changed == "/root" || changed.strip_prefix("/home/").is_some_and(|name| !name.is_empty() && !name.contains('/'));
    path::name(changed) == ".ssh" || home && stays
}

/// Whether it changes the account that `user` logs in with.
fn is_account(step: &Step, user: &str) -> bool {
    step.resource.kind() == "user" && step.resource.subject() == user
}

/// Whether it starts or stops a way to the host.
fn is_unit(step: &Step) -> bool {
    step.resource.kind() == "service" && UNITS.contains(&step.resource.subject().as_str())
}

/// Whether it changes a way to the host, for `user`, who logs in there.
fn is_guarded(step: &Step, change: &Change, user: &str) -> bool {
    is_account(step, user)
        || is_unit(step)
        || change.after.iter().any(|(path, after)| is_way(path) || is_above_keys(path, after.stat.is_some()))
}

/// What a batch must know of the switch.
#[derive(Default)]
pub(super) struct Guard {
    /// The script that arms it, for the first change that needs it.
    pub arm: Option<String>,
    /// Whether it is armed, or will be.
    pub armed: bool,
    /// Who logs in.
    user: String,
}

impl Guard {
    /// What stands before a change: the switch is armed once in a batch, and what the change replaces is put aside.
    pub fn before(&mut self, step: &Step, change: &Change) -> String {
        if !is_guarded(step, change, &self.user) {
            return String::new();
        }
        let mut copies = aside::copies(SET, change);
        if is_account(step, &self.user) {
            copies.line("hoist_account {}", &[&self.user]);
        }
        self.arm.take().unwrap_or_default() + copies.text()
    }

    /// The functions that a batch needs.
    pub fn functions(&self) -> String {
        if self.armed { format!("{}{}", *ASIDE, *SWITCH) } else { String::new() }
    }
}

/// What was changed of the ways to the host, until it is confirmed.
#[derive(Default)]
pub(super) struct Switch {
    /// Places of the changes in the report.
    results: Vec<usize>,
    /// Keys of the handlers that bring them into effect.
    handlers: Vec<String>,
    /// What brings the old state into effect, by handler.
    undo: Vec<String>,
    armed: bool,
    /// A change that it is for was begun, so there is a watchdog.
    begun: bool,
}

/// What must be said to a host that has another run's switch: it puts the old state back before this run looks at it. One
/// whose watchdog is gone (the host was booted) is not needed any more: this run has come in.
pub(super) fn leave_none(run: &str) -> Script {
    let mut script = Script::new();
    script.line("if [ -e \"$hoist_state/switch/undo\" ] && [ \"$(cat \"$hoist_state/switch/run\")\" != {} ]; then", &[run]);
    script.line("  if { read -r hoist_pid <\"$hoist_state/switch/pid\" && kill -0 \"$hoist_pid\"; } 2>/dev/null; then", &[]);
    script.line("    : >\"$hoist_state/switch/now\"; hoist_tries=300", &[]);
    script.line(
        "    until [ -e \"$hoist_state/switch/result\" ] || [ \"$hoist_tries\" = 0 ]; do sleep 0.2; hoist_tries=$((hoist_tries - 1)); done",
        &[],
    );
    script.line("    echo hoist-put-back", &[]);
    script.line("  else rm -rf \"$hoist_state/switch\" \"$hoist_state/aside/switch\"; fi", &[]);
    script.line("fi", &[]);
    script
}

impl Switch {
    /// Whether a watchdog on the host waits for a confirmation.
    pub fn armed(&self) -> bool {
        self.armed
    }

    /// The report has its results in other places from here on; `None`: not any more.
    pub fn moved(&mut self, places: &[Option<usize>]) {
        self.results = self.results.iter().filter_map(|at| places[*at]).collect();
    }
}

impl Worker<'_> {
    /// Arms the switch for a batch, if it needs it. What its handlers will have to do to go back is asked now.
    pub(super) fn guard(&mut self, steps: &[Step], batch: &[&Planned]) -> Result<Guard, HostFailure> {
        let user = self.line.connection.user().to_string();
        let guarded = |planned: &&&Planned| planned.verdict.change().is_some_and(|change| is_guarded(&steps[planned.step], change, &user));
        let ways: Vec<&Step> = batch.iter().filter(guarded).map(|planned| &steps[planned.step]).collect();
        let keys: Vec<&String> = ways.iter().flat_map(|step| &step.notify).collect();
        if ways.is_empty() {
            return Ok(Guard { arm: None, armed: self.switch.armed, user });
        }
        let handlers = std::sync::Arc::clone(&self.handlers);
        let new: Vec<&Handler> =
            handlers.iter().filter(|handler| keys.contains(&&handler.key) && !self.switch.handlers.contains(&handler.key)).collect();
        let units = ways.iter().copied().filter(|step| is_unit(step));
        let of_handlers: Vec<&Step> = new.iter().flat_map(|handler| &handler.steps).chain(units).collect();
        let reply = self.mended(|worker| host::probe(&mut worker.line.session, &of_handlers))?;
        let nonce = self.line.session.nonce().clone();
        for step in of_handlers {
            let Some(script) = step.resource.undo(&reply) else { continue };
            self.switch.undo.push(wrap(&script, step.run_as.as_deref(), &step.environment, &nonce));
        }
        self.switch.handlers.extend(new.iter().map(|handler| handler.key.clone()));
        self.switch.armed = true;
        self.line.session.watch(true);
        Ok(Guard { arm: Some(self.arm(&nonce)), armed: true, user })
    }

    /// The script that arms the switch.
    fn arm(&self, nonce: &Nonce) -> String {
        let mut head = Script::new();
        head.line("hoist_nonce=undo hoist_pending=$hoist_state/pending hoist_stage=$hoist_state/stage", &[]);
        head.line("if [ \"$1\" = watch ]; then hoist_watch {}; exit; fi", &[&self.orders.confirm.as_secs().max(1).to_string()]);
        head.line("hoist_failed=0; hoist_back switch || hoist_failed=1", &[]);
        head.line("hoist_account_back || hoist_failed=1", &[]);
        for key in &self.switch.handlers {
            head.line("rm -f \"$hoist_pending/\"{}; rm -rf \"$hoist_state/aside/\"{}", &[&aside::name(key), &aside::name(key)]);
        }
        // The last one first: of a service that was changed before, it knows only what came of that.
        let last_first = self.switch.undo.iter().rev();
        let handlers: String = last_first.map(|script| format!("(\nset -e\n{script}) </dev/null || hoist_failed=1\n")).collect();
        let mut start = Script::new();
        start.line("hoist_arm {}", &[&self.id]);
        let end = format!("{}-undo", nonce.as_str());
        format!(
            "{} <<'{end}'\n{}{}{}{}{handlers}exit \"$hoist_failed\"\n{end}\n",
            start.text().trim_end(),
            *PRELUDE,
            *ASIDE,
            *SWITCH,
            head.text(),
        )
    }

    /// Takes note of what a batch changed, whose first result is at `first` in the report.
    pub(super) fn note(&mut self, steps: &[Step], batch: &[&Planned], first: usize) {
        let user = self.line.connection.user();
        let changes = batch.iter().enumerate().filter_map(|(at, planned)| Some((at, &steps[planned.step], planned.verdict.change()?)));
        let guarded: Vec<usize> = changes.filter(|(_, step, change)| is_guarded(step, change, user)).map(|(at, ..)| at).collect();
        self.switch.results.extend(guarded.into_iter().map(|at| first + at).filter(|at| *at < self.report.results.len()));
        self.switch.begun |= !self.switch.results.is_empty();
    }

    /// Says to the host that nothing is amiss while this host waits for another one.
    pub(super) fn hold_on(&mut self, waits: bool) {
        if self.switch.armed {
            self.line.session.watch(!waits);
            let _ = self.line.session.ask(if waits { "echo $$ >\"$hoist_stage/busy\"" } else { ":" });
        }
    }

    /// However the run went: what it changed of the ways to the host is confirmed, or it is taken back. Half of a change,
    /// whose handlers did not come to run, is taken back as well, for the next run would bring it into effect unguarded.
    ///
    /// # Errors
    /// The run failed; or there is no way in any more, and the old state is back, or it is not known.
    pub(super) fn settle_ways(&mut self, ran: Result<(), HostFailure>) -> Result<(), HostFailure> {
        if !self.switch.armed {
            return ran;
        }
        if !self.switch.begun {
            // The run ended before what the switch is for: it is armed here alone.
            self.switch = Switch::default();
            self.line.session.watch(false);
            return ran;
        }
        let due = self.switch.handlers.iter().any(|key| self.report.pending.contains(key));
        match ran {
            // As a rule it is the change that broke the line.
            Err(HostFailure::Unknown(lost)) if due => Err(self.put_back(&format!("after it, the line broke: {lost}"))),
            Err(failure) if due => {
                self.put_back("the run ended before its handlers ran");
                Err(failure)
            }
            ran => self.confirm().and(ran),
        }
    }

    /// Confirms the changes of this run through a new connection.
    fn confirm(&mut self) -> Result<(), HostFailure> {
        let until = Instant::now() + self.orders.confirm;
        let why = loop {
            match self.knock() {
                Ok(true) => {
                    self.switch = Switch::default();
                    self.line.session.watch(false);
                    return Ok(());
                }
                Ok(false) => break Failure::new(Cause::Timeout, "nothing was heard for too long, so the host put the old state back"),
                // A service that restarts may be away for a moment. A refusal is not asked for twice.
                Err(failure) if failure.may_pass() && Instant::now() < until => std::thread::sleep(Duration::from_millis(500)),
                Err(failure) => break failure,
            }
        };
        Err(self.put_back(&format!("after it, a new connection failed: {why}")))
    }

    /// Comes in by a new connection, and says so to the watchdog; false when it was late.
    fn knock(&self) -> Result<bool, Failure> {
        let connection = (self.wires.reconnect)()?;
        let (mut line, _) = host::open(connection, self.line.privilege.clone(), self.line.session.patience())?;
        let mut script = Script::new();
        script.line("hoist_b confirm; mv -T \"$hoist_state/switch/undo\" \"$hoist_state/switch/confirmed\"; hoist_e confirm $?", &[]);
        script.line(
            "if [ -e \"$hoist_state/switch/confirmed\" ]; then rm -rf \"$hoist_state/switch\" \"$hoist_state/aside/switch\"; fi",
            &[],
        );
        let answers = line.session.ask(script.text())?;
        Ok(answers.get("confirm").is_some_and(|answer| answer.status == 0))
    }

    /// Has the old state put back, or waits until the host has done so, and looks whether there is a way in again.
    fn put_back(&mut self, why: &str) -> HostFailure {
        let mut script = Script::new();
        script.line("hoist_b undone; printf '' >\"$hoist_state/switch/now\"; hoist_undone; hoist_e undone $?", &[]);
        let text = format!("{}{}", *SWITCH, script.text());
        let answers = self.ask_within(ANSWER, "hoist_b here; hoist_e here 0").and_then(|_| self.line.session.ask(&text));
        let answers = answers.or_else(|_| {
            // The old line is dead, too: the watchdog acts by itself, and then there is a way in again.
            std::thread::sleep(self.orders.confirm);
            self.mend(Some(RECONNECT))?;
            self.line.session.ask(&text)
        });
        let undone = match answers {
            Ok(answers) => answers.get("undone").cloned().unwrap_or_default(),
            Err(failure) => {
                let failure = failure.remedy(why);
                return HostFailure::Unknown(failure.remedy("the host puts the old state back by itself"));
            }
        };
        let mut said = vec![why.to_string()];
        said.extend(undone.text().lines().map(str::to_string));
        said.push(match (undone.status, self.again()) {
            (0, Ok(())) => "the old state is back, and a new connection works".to_string(),
            (0, Err(failure)) => format!("the old state is back, but a new connection still fails: {failure}"),
            (status, _) => format!("NOT all of the old state is back (status {status}): look at it before you log out"),
        });
        let Switch { results, handlers, .. } = std::mem::take(&mut self.switch);
        self.line.session.watch(false);
        self.report.pending.retain(|key| !handlers.contains(key));
        for at in results.into_iter().filter(|at| self.report.results[*at].status == StepStatus::Changed).collect::<Vec<_>>() {
            self.report.results[at].status = StepStatus::RolledBack;
            self.report.taken_back += 1;
        }
        let name = "there is a way to the host".to_string();
        let output = said.join("\n").into_bytes();
        let result = StepResult { name, what: String::new(), status: StepStatus::RolledBack, elapsed: Duration::ZERO, output, span: None };
        self.report.results.push(result.clone());
        HostFailure::RolledBack(result)
    }

    /// Whether a new connection comes in.
    fn again(&self) -> Result<(), Failure> {
        (self.wires.reconnect)()
            .and_then(|connection| host::open(connection, self.line.privilege.clone(), self.line.session.patience()))
            .map(|_| ())
    }

    /// Asks the host. While it is open whether there still is a way to it, the old line may be dead, and nobody waits
    /// until that shows.
    pub(super) fn ask(&mut self, text: &str) -> Result<Answers, Failure> {
        if self.switch.armed { self.ask_within(ANSWER, text) } else { self.line.session.ask(text) }
    }

    /// Asks with a limit: a line that does not answer is not used again.
    pub(super) fn ask_within(&mut self, limit: Duration, text: &str) -> Result<Answers, Failure> {
        let until = Instant::now() + limit;
        let mut tick = || if Instant::now() < until { Ok(()) } else { Err(Failure::new(Cause::Timeout, "no answer in time")) };
        self.line.session.follow(text, &mut |_| {}, &mut tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the shell function says of a user, on a host with these users and groups.
    fn account(user: &str, shadow: &str) -> (bool, String) {
        let state = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(state.path().join("switch")).expect("writable");
        let script = format!(
            "set -eu\nhoist_state=$1 user=$2 shadow=$3\n{}\ngetent() {{\n  case $1 in\n    passwd) echo \"$2:x:1000:1000::/home/x:/bin/sh\" ;;\n    \
             shadow) [ -n \"$shadow\" ] && echo \"$2:$shadow:1:0:99999:7:::\" ;;\n    \
             group) printf '%s\\n' adm:x:4:johnxdoe,other sudo:x:27:other,john.doe www-data:x:33:john.doe,x app:x:1000: ;;\n  esac\n}}\n\
             hoist_account \"$user\"\n",
            *SWITCH
        );
        let words = ["-c", &script, "sh", &state.path().display().to_string(), user, shadow];
        let status = std::process::Command::new("sh").args(words).stderr(std::process::Stdio::null()).status().expect("a shell runs");
        (status.success(), std::fs::read_to_string(state.path().join("switch/account")).unwrap_or_default())
    }

    #[test]
    fn an_account_is_kept_with_its_own_groups_or_not_at_all() {
        let all = "john.doe:x:1000:1000::/home/x:/bin/sh\njohn.doe:$y$1:1:0:99999:7:::\nsudo,www-data\n";
        assert_eq!(account("john.doe", "$y$1"), (true, all.to_string()));
        assert_eq!(
            account("nobody-else", "!"),
            (true, all.replace("john.doe", "nobody-else").replace("$y$1", "!").replace("sudo,www-data", ""))
        );
        assert_eq!(account("john.doe", ""), (false, String::new()), "what is not known cannot be put back");
    }

    #[test]
    fn the_ways_to_a_host_are_known_by_path() {
        for path in ["/etc/ssh/sshd_config.d/10-hoist.conf", "/etc/sudoers", "/etc/nftables.conf", "/root/.ssh/authorized_keys"] {
            assert!(is_way(path), "{path}");
        }
        for path in ["/etc/ssh/ssh_config", "/etc/sudoers.bak", "/etc/nginx/nginx.conf", "/srv/authorized_keys"] {
            assert!(!is_way(path), "{path}");
        }
    }
}
