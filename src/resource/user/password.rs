//! The password of an account: a hash that is never shown, and a lock on it.

use crate::diagnostic::{Diagnostic, Span};
use crate::resource::{Change, Unreadable};

/// What the user says of the password.
pub(super) struct Password {
    /// A hash as crypt(3) makes it, `!` or `*`; it is a secret.
    pub hash: Option<String>,
    /// Whether it is locked.
    pub lock: Option<bool>,
    /// Whether it is set for an existing account too.
    pub always: bool,
}

/// What stands in a plan for a hash.
const HIDDEN: &str = "(not shown)";

impl Password {
    /// Refuses what is no hash: it would be a password that everybody can read, and that does not work.
    pub fn check(&self, span: &Span) -> Result<(), Diagnostic> {
        let Some(hash) = &self.hash else { return Ok(()) };
        let bare = hash.trim_start_matches('!');
        let clean = !bare.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control());
        let parts: Vec<&str> = bare.split('$').collect();
        let crypt = parts.len() >= 4 && parts[0].is_empty() && !parts[1].is_empty() && parts.last().is_some_and(|last| last.len() >= 13);
        if clean && (crypt || ["", "*"].contains(&bare)) && !hash.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error("`password` must be a hash, and this looks like plain text")
            .at(span)
            .help("make one with `mkpasswd --method=yescrypt` or `openssl passwd -6`, and keep it in the secrets"))
    }

    /// Sets it for a new account, which is locked up to there.
    pub fn create(&self, mut change: Change, user: &str) -> Change {
        if let Some(hash) = &self.hash {
            set(&mut change, user, hash, self.lock == Some(true));
            change = change.attribute("password", "", HIDDEN);
        }
        change
    }

    /// Sets or locks it where it differs from `now`.
    pub fn update(&self, mut change: Change, user: &str, now: Option<&str>) -> Result<Change, Unreadable> {
        let hash = self.hash.as_ref().filter(|_| self.always);
        if hash.is_none() && self.lock.is_none() {
            return Ok(change);
        }
        let Some(now) = now else {
            return Err(Unreadable::new(format!("the password of `{user}` cannot be compared: /etc/shadow is closed to hoist"))
                .help("run this task as root"));
        };
        let bare = now.trim_start_matches('!');
        let locked = now.starts_with('!');
        if let Some(hash) = hash.filter(|hash| hash.trim_start_matches('!') != bare) {
            set(&mut change, user, hash, self.lock == Some(true));
            return Ok(change.attribute("password", HIDDEN, "(changed, not shown)"));
        }
        // Without a password there is nothing to lock or to unlock.
        match self.lock.filter(|lock| *lock != locked && !["", "*"].contains(&bare)) {
            Some(true) => change.script.line("usermod -L -- {}", &[user]),
            Some(false) => change.script.line("usermod -U -- {}", &[user]),
            None => return Ok(change),
        };
        let word = |locked: bool| if locked { "locked" } else { "open" };
        Ok(change.attribute("password_lock", word(locked), word(!locked)))
    }
}

/// On descriptor 4, for arguments can be read by every user of the host.
fn set(change: &mut Change, user: &str, hash: &str, lock: bool) {
    let lock = if lock && !hash.starts_with('!') { "!" } else { "" };
    change.script.attach(format!("{user}:{lock}{hash}\n").into_bytes());
    change.script.line("chpasswd -e <&4", &[]);
}
