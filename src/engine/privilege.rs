//! How a session becomes root: not at all, or by sudo, su or doas, with or without a password.
//!
//! A password goes out once, on standard input, and only after the program has asked for it. doas takes one from a
//! terminal only, so it must be allowed without (`nopass`).

use crate::transport::{Cause, Failure};

/// The way to root.
#[derive(Clone, PartialEq, Eq)]
pub struct Privilege {
    method: Method,
    password: Option<String>,
}

/// The programs that make root of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// None: the session is the login user's.
    Login,
    /// sudo.
    Sudo,
    /// su, with the password of root.
    Su,
    /// doas.
    Doas,
}

/// What sudo is told to ask with: constant words, for any login shell reads them.
const PROMPT: &str = "hoist-asks-for-the-password";

impl Method {
    /// By its name in `ansible_become_method`.
    pub fn named(name: &str) -> Option<Self> {
        [("sudo", Self::Sudo), ("su", Self::Su), ("doas", Self::Doas)]
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, method)| method)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Login => "",
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }
}

// A password must not be seen, not even in a bug report.
impl std::fmt::Debug for Privilege {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Privilege({})", self.method.name())
    }
}

impl Privilege {
    /// Stays the login user.
    pub fn login() -> Self {
        Self { method: Method::Login, password: None }
    }

    /// Becomes root by `method`; without a password it must not ask for one.
    pub fn root(method: Method, password: Option<String>) -> Self {
        Self { method, password }
    }

    /// The command line that runs `shell` with this privilege.
    pub(super) fn command(&self, shell: &str) -> String {
        match (self.method, &self.password) {
            (Method::Login, _) => format!("exec {shell}"),
            // What they say is read below, so they are to say it in English.
            (Method::Sudo, None) => format!("exec env LC_ALL=C sudo -n -- {shell}"),
            (Method::Sudo, Some(_)) => format!("exec env LC_ALL=C sudo -S -p {PROMPT} -- {shell}"),
            (Method::Doas, _) => format!("exec env LC_ALL=C doas -n {shell}"),
            (Method::Su, _) => format!("exec env LC_ALL=C su -s {shell} root"),
        }
    }

    /// Whether it may be asked for a password.
    pub(super) fn asks(&self) -> bool {
        self.password.is_some() && matches!(self.method, Method::Sudo | Method::Su)
    }

    /// Whether what was printed ends in a question for a password.
    pub(super) fn prompts(&self, printed: &[u8]) -> bool {
        let text = String::from_utf8_lossy(printed);
        match self.method {
            Method::Login | Method::Doas => false,
            Method::Sudo => text.ends_with(PROMPT),
            Method::Su => text.to_lowercase().trim_end().ends_with("password:"),
        }
    }

    /// What is typed at the question.
    pub(super) fn answer(&self) -> String {
        format!("{}\n", self.password.as_deref().unwrap_or_default())
    }

    /// It asked again.
    pub(super) fn wrong_password(&self) -> Failure {
        Failure::new(Cause::Sudo, format!("{} does not accept the password", self.method.name()))
            .remedy("it was tried once, so that nothing is locked; check it, and run the command again")
    }

    /// Whether its words mean that the user may not become root, whatever the password is.
    pub(super) fn forbids(&self, words: &str) -> bool {
        ["not in the sudoers", "not allowed", "may not run", "not permitted"].iter().any(|said| words.contains(said))
    }

    /// Why it ended without a shell, if it is to blame. `user` is who logged in.
    pub(super) fn refused(&self, words: &str, user: &str) -> Option<Failure> {
        let name = self.method.name();
        let by = match self.method {
            Method::Su => ["su:", "'su'", "Authentication failure"],
            _ => [name; 3],
        };
        if self.method == Method::Login || !by.iter().any(|by| words.contains(by)) {
            return None;
        }
        let said = |word: &str| words.contains(word);
        let failure = if said("not found") || said("No such file") {
            Failure::new(Cause::Sudo, format!("there is no {name} on the host")).remedy(format!("log in as root, or install {name}"))
        } else if said("must have a tty") || said("no tty present") && !said("askpass") {
            Failure::new(Cause::Sudo, "sudo wants a terminal")
                .remedy("take `requiretty` out of sudoers for this user (with visudo):")
                .remedy(format!("  Defaults:{user} !requiretty"))
        } else if said("a password is required") || said("terminal is required") || said("Authentication required") {
            Failure::new(Cause::Sudo, format!("{name} wants a password"))
                .remedy("give it with --ask-become-pass, or allow it without one, in /etc/sudoers.d/NAME (with visudo):")
                .remedy(format!("  {user} ALL=(ALL) NOPASSWD: ALL"))
        } else if self.forbids(words) {
            Failure::new(Cause::Sudo, format!("the user may not become root with {name}"))
                .remedy("add it to the group sudo, or log in as root")
        } else {
            Failure::new(Cause::Sudo, format!("{name} refused"))
        };
        Some(failure.remedy(format!("{name} said: {words}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_they_say_is_told_with_what_to_do() {
        for (method, words, cause) in [
            (Method::Sudo, "env: 'sudo': No such file or directory", "there is no sudo on the host"),
            (Method::Sudo, "sudo: sorry, you must have a tty to run sudo", "sudo wants a terminal"),
            (Method::Sudo, "sudo: a password is required", "sudo wants a password"),
            (Method::Sudo, "deploy is not in the sudoers file.", "the user may not become root with sudo"),
            (Method::Sudo, "Sorry, user deploy may not run sudo on web1.", "the user may not become root with sudo"),
            (Method::Doas, "env: 'doas': No such file or directory", "there is no doas on the host"),
            (Method::Doas, "doas: Operation not permitted", "the user may not become root with doas"),
            (Method::Doas, "doas: Authentication required", "doas wants a password"),
            (Method::Su, "su: Authentication failure", "su refused"),
        ] {
            let failure = Privilege::root(method, None).refused(words, "deploy").expect("it is to blame");
            assert_eq!((failure.cause, failure.message.as_str()), (Cause::Sudo, cause), "{words}");
            assert_eq!(failure.remedy.last(), Some(&format!("{} said: {words}", method.name())));
        }
        assert_eq!(Privilege::login().refused("sudo: a password is required", "deploy"), None);
        assert_eq!(Privilege::root(Method::Su, None).refused("This account is closed.", "deploy"), None);
    }
}
