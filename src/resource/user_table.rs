//! The crontab of a user: asked for with `crontab -l`, installed with `crontab -`, which replaces it in one step.

use super::{Action, Change, Diff, FileKind, Guard, Owner, PathState, Probe, Reply, Stat, Subject, Unreadable, path};
use crate::shell::{Script, sha256};

/// The crontab of a user.
pub struct UserTable {
    /// Whose; `None`: that of the user who runs crontab.
    pub user: Option<String>,
    /// Who runs crontab; `None`: the user of the session.
    pub run_as: Option<String>,
}

/// Stops with 75 unless the table still has this sum.
const UNCHANGED: &str = r#"if [ "$(crontab "$@" -l 2>/dev/null | sha256sum)" != {}"  -" ]; then
  printf '%s changed since the plan was made; it was left as it is\n' {} >&2
  exit 75
fi"#;

/// Installs the table on descriptor 4 if it has this sum.
const INSTALL: &str = r#"hoist_table=$(cat <&4; printf x)
hoist_table=${hoist_table%x}
if [ "$(printf '%s' "$hoist_table" | sha256sum)" != {}"  -" ]; then
  printf '%s: the new one did not arrive whole; the old one stays\n' {} >&2
  exit 74
fi
printf '%s' "$hoist_table" | crontab "$@" -"#;

impl UserTable {
    /// Asks for it.
    pub fn probe(&self, probe: &mut Probe) {
        probe.guard(&self.question());
    }

    /// What is in it; nothing when there is none.
    ///
    /// # Errors
    /// The host has no cron, or no such user.
    pub fn content(&self, reply: &Reply) -> Result<String, Unreadable> {
        match reply.path(&self.spool()) {
            // An earlier step of the same plan leaves it so.
            Ok(PathState { stat: None, .. }) => Ok(String::new()),
            Ok(PathState { content: Some(content), .. }) => Ok(String::from_utf8_lossy(content).into_owned()),
            _ => self.answer(reply),
        }
    }

    /// The change that makes `after` of `before`; a table with nothing in it is removed.
    pub fn install(&self, action: Action, before: String, after: String, secret: bool) -> Change {
        let owner = self.owner();
        let whose = owner.map_or_else(|| "the crontab".to_string(), |owner| format!("the crontab of {owner}"));
        let mut script = Script::new();
        script.words("set --", self.user.iter().flat_map(|user| ["-u", user]));
        script.line(UNCHANGED, &[&sha256(before.as_bytes()), &whose]);
        let mut state = PathState::default();
        if after.trim().is_empty() {
            script.line("crontab \"$@\" -r", &[]);
        } else {
            let sum = script.attach(after.as_bytes());
            script.line(INSTALL, &[&sum, &whose]);
            let owner = Owner::named(owner.unwrap_or("root"));
            let stat = Stat { kind: FileKind::File, mode: 0o600, owner, group: Owner::named("crontab"), size: after.len() as u64 };
            state = PathState { stat: Some(stat), target: None, sha256: Some(sum), content: Some(after.clone().into_bytes()) };
        }
        let mut change = Change::new(action, script).leaves(self.spool(), state);
        let (before, after) = (Some(before.into_bytes()), Some(after.into_bytes()));
        change.diff.push(Diff::Content { path: whose, before, after, secret, shown: None });
        change
    }

    fn owner(&self) -> Option<&str> {
        self.user.as_deref().or(self.run_as.as_deref())
    }

    /// Where cron keeps it: the name under which a plan knows it.
    fn spool(&self) -> String {
        path::join("/var/spool/cron/crontabs", self.owner().unwrap_or("root"))
    }

    fn question(&self) -> Guard {
        let mut script = Script::new();
        script.words("crontab", self.user.iter().flat_map(|user| ["-u", user]).chain(["-l"]));
        let guard = Guard::new(script).reads(vec![Subject::Path(self.spool()), Subject::Account]);
        Guard { user: self.run_as.clone(), ..guard }
    }

    fn answer(&self, reply: &Reply) -> Result<String, Unreadable> {
        let outcome = reply.guard(&self.question(), "`crontab -l`")?;
        match outcome.status {
            0 if outcome.stdout.contains(char::REPLACEMENT_CHARACTER) => Err(Unreadable::new("the crontab is not text (UTF-8)")),
            0 => Ok(outcome.stdout.clone()),
            _ if outcome.stderr.contains("no crontab for") => Ok(String::new()),
            127 => Err(Unreadable::new("this host has no crontab").help("install cron before, with `package: { name: cron }`")),
            status => {
                let said = outcome.stderr.lines().next_back().map_or_else(|| format!("status {status}"), str::to_string);
                let error = Unreadable::new(format!("the crontab cannot be read: {said}"));
                Err(match self.user.as_ref().filter(|_| said.ends_with("unknown")) {
                    Some(user) => error.help(format!("make the user before, with `user: {{ name: {user} }}`")),
                    None => error,
                })
            }
        }
    }
}
