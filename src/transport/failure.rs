//! Why a host could not be reached or was lost: a cause to count, a message, and a remedy.

use std::fmt;

/// The class of a failure. `ping` and the summary name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The user's ssh configuration does not say a way that can be gone.
    Configuration,
    /// The host name does not resolve.
    Name,
    /// Nothing listens there, or the way is closed (refused, reset, unreachable).
    Refused,
    /// No answer in time.
    Timeout,
    /// Connected, but what it is asked is not answered in time.
    Silent,
    /// The host key is unknown, changed or revoked.
    HostKey,
    /// No key was accepted.
    Authentication,
    /// Logged in, but not allowed to become root.
    Sudo,
    /// The login shell does not run commands.
    LoginShell,
    /// The line broke after it had been up.
    Lost,
    /// The user ended what ran.
    Interrupted,
    /// The other side does not speak as expected.
    Protocol,
}

impl Cause {
    /// In a word or two, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Name => "name not found",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Silent => "silent",
            Self::HostKey => "host key",
            Self::Authentication => "authentication",
            Self::Sudo => "sudo",
            Self::LoginShell => "login shell",
            Self::Lost => "connection lost",
            Self::Interrupted => "interrupted",
            Self::Protocol => "protocol",
        }
    }
}

/// A failure of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its class.
    pub cause: Cause,
    /// What happened, in one line, without the host's name.
    pub message: String,
    /// What the user can do, a line each; a command to copy stands on a line of its own.
    pub remedy: Vec<String>,
}

impl Failure {
    /// Whether a second try may end better: nobody said no.
    pub fn may_pass(&self) -> bool {
        matches!(self.cause, Cause::Lost | Cause::Timeout | Cause::Refused)
    }

    /// A failure without a remedy yet.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), remedy: Vec::new() }
    }

    /// Adds a line that says what to do.
    pub fn remedy(mut self, line: impl Into<String>) -> Self {
        self.remedy.push(line.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause.name(), self.message)
    }
}

impl std::error::Error for Failure {}
